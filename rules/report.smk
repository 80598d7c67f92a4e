# Everything that was found -> one page for readers; another to look closer at runs; and Snakemake's own report of how it
# was made.


rule record_config:
    output:
        config=PATHS.config,
    log:
        LOGS / "record_config.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        settings=SETTINGS.path_of_config(config),
    shell:
        "cp {params.settings:q} {output.config:q}.part 2>> {log:q} && mv {output.config:q}.part {output.config:q} 2>> {log:q}"


rule report:
    """Write one page for readers: the answer, the claims and every figure."""
    input:
        # The script finds all of them, and the records of the runs behind the tables, in the results folder.
        rules.claims.output,
        [PATHS.tables(study) / table for study in CONFIG.studies for table in TABLES],
        [file for file in rules.figures.input if file.endswith((".svg", ".csv", ".gif"))],
        templates("report.html", "report.css", "macros.html"),
        captions=[beside(f"report/{file.name}") for file in sorted(REPOSITORY.glob("report/fig_*.rst"))],
        terms=beside("docs/reference/glossary.md"),
        script=script("report"),
    output:
        html=PATHS.page("report"),
    log:
        LOGS / "report.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **needs("report"),
    params:
        results=lambda wildcards, output: os.path.dirname(output[0]),
        given=given(),
        options=told(ReportSettings.of(CONFIG, [os.path.relpath(file) for file in NAMED_CONFIGS])),
        made=made,
    shell:
        "python {input.script:q} --results {params.results:q} {params.given:q} {params.options:q} {params.made:q}"
        " >> {log:q} 2>&1"


use rule report as explore with:
    """Write a page to look closer at the runs of each study."""
    input:
        [PATHS.tables(study) / table for study in CONFIG.studies for table in TABLES],
        templates("explore.html", "macros.html"),
        script=script("explore"),
    output:
        html=PATHS.page("explore"),
    log:
        LOGS / "explore.log",
    localrule: True
    params:
        options=told(ExploreSettings.of(CONFIG)),


rule provenance:
    """Write Snakemake's own report: every job, its code and its duration."""
    input:
        rules.figures.input,
        rules.tables.input,
        rules.claims.output,
        config=rules.record_config.output.config,
    output:
        html=PATHS.page("provenance"),
    log:
        LOGS / "provenance.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        snakefile=str(REPOSITORY / "Snakefile"),
        style=str(REPOSITORY / "report" / "provenance.css"),
        # Snakemake's own Python: a stage's environment has no Snakemake.
        python=sys.executable,
    shell:
        # A second Snakemake reads what the finished jobs recorded; it runs nothing, so it needs no lock. Its config is
        # the recorded one alone, and its results lie where that was written: a module's prefix may have moved them.
        "{params.python:q} -m snakemake --snakefile {params.snakefile:q} --configfile {input.config:q}"
        ' --replace-workflow-config --config results="$(dirname {input.config:q})" --nolock --cores 1'
        " --report {output.html:q}.part.html --report-stylesheet {params.style:q} figures tables claims >> {log:q} 2>&1"
        " && mv {output.html:q}.part.html {output.html:q} >> {log:q} 2>&1"
