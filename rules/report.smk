# Everything that was found -> one HTML file, with a first page that answers the question.
OVERVIEW_FIGURE = [] if HEADLINE is None else [PATHS.figure(HEADLINE, "png")]


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
        "cp {params.settings:q} {output.config:q} 2>> {log:q}"


rule overview:
    input:
        # The script finds all of them, and the records of the runs behind the tables, in the results folder.
        rules.claims.output,
        [PATHS.tables(study) / table for study in CONFIG.studies for table in TABLES],
        OVERVIEW_FIGURE,
        script=SCRIPTS / "overview.py",
    output:
        html=PATHS.page("overview"),
    log:
        LOGS / "overview.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("overview")
    resources:
        mem_mb=memory_of("overview"),
        runtime=runtime_of("overview"),
    params:
        settings=SETTINGS.path(overview_settings(CONFIG)),
        results=output_folder,
    shell:
        "python {input.script:q} --results {params.results:q} --settings @{params.settings:q} --html {output.html:q}"
        " >> {log:q} 2>&1"


rule report:
    input:
        rules.figures.input,
        rules.tables.input,
        rules.claims.output,
        rules.overview.output,
        config=rules.record_config.output.config,
    output:
        html=PATHS.page("report"),
    log:
        LOGS / "report.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        snakefile=str(REPOSITORY / "Snakefile"),
        style=str(REPOSITORY / "report" / "style.css"),
        # Snakemake's own Python: a stage's environment has no Snakemake.
        python=sys.executable,
    shell:
        # A second Snakemake reads what the finished jobs recorded; it runs nothing, so it needs no lock. Its config is
        # the recorded one alone, and its results lie where that was written: a module's prefix may have moved them.
        "{params.python:q} -m snakemake --snakefile {params.snakefile:q} --configfile {input.config:q}"
        ' --replace-workflow-config --config results="$(dirname {input.config:q})" --nolock --cores 1'
        " --report {output.html:q} --report-stylesheet {params.style:q} all >> {log:q} 2>&1"
