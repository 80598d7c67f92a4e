# Everything that was found -> one HTML file.
import json


rule record_config:
    output:
        config=PATHS.results / "config.json",
    log:
        LOGS / "record_config.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        config=json.dumps(config, indent=2),
    shell:
        "printf '%s\\n' {params.config:q} > {output.config} 2>> {log}"


rule report:
    input:
        rules.figures.input,
        rules.tables.input,
        rules.claims.output,
        config=rules.record_config.output.config,
    output:
        html=PATHS.results / "report.html",
    log:
        LOGS / "report.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        snakefile=str(REPOSITORY / "Snakefile"),
        # Snakemake's own Python: a stage's environment has no Snakemake.
        python=sys.executable,
    shell:
        # A second Snakemake reads what the finished jobs recorded; it runs nothing, so it needs no lock. Its config is
        # the recorded one alone, and its results lie where that was written: a module's prefix may have moved them.
        "{params.python:q} -m snakemake --snakefile {params.snakefile:q} --configfile {input.config}"
        " --replace-workflow-config --config results=$(dirname {input.config}) --nolock --cores 1"
        " --report {output.html} all >> {log} 2>&1"
