# Everything that was found -> one page for readers; another to look closer at runs; and Snakemake's own report of how it
# was made.

TEMPLATES = "src/badminima/report/templates"


def page_files():
    """Return the figures and the animation that the page shows, with their tables."""
    names = [*CONFIG.figures, *([] if EXAMPLE is None else ["confusing"])]
    names += [] if CONFIG.toy is None else ["toy", "toy_mechanism"]
    animation = [] if CONFIG.toy is None else [PATHS.animation("toy")]
    return [PATHS.figure(name, extension) for name in names for extension in ("svg", "csv")] + animation


def overlays():
    """Return the config files that the command line names, as one types them here."""
    here = Path.cwd()
    files = map(Path, NAMED_CONFIGS)
    return [str(file.relative_to(here) if file.is_relative_to(here) else file) for file in files]


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
        page_files(),
        [beside(f"{TEMPLATES}/{name}") for name in ("report.html", "report.css", "macros.html")],
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
        settings=SETTINGS.path(report_settings(CONFIG, overlays())),
        results=output_folder,
        captions=lambda wildcards, input: os.path.dirname(input.captions[0]),
    shell:
        "python {input.script:q} --results {params.results:q} --captions {params.captions:q} --terms {input.terms:q}"
        " --settings @{params.settings:q} --html {output.html:q} >> {log:q} 2>&1"


rule explore:
    """Write a page to look closer at the runs of each study."""
    input:
        [PATHS.tables(study) / table for study in CONFIG.studies for table in TABLES],
        beside(f"{TEMPLATES}/explore.html"),
        script=script("explore"),
    output:
        html=PATHS.page("explore"),
    log:
        LOGS / "explore.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **needs("report"),
    params:
        settings=SETTINGS.path(explore_settings(CONFIG)),
        results=output_folder,
    shell:
        "python {input.script:q} --results {params.results:q} --settings @{params.settings:q} --html {output.html:q}"
        " >> {log:q} 2>&1"


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
