# Tables of the claims' studies -> verdicts; and those of one claim, from the runs that it needs.

# A claim that this config can't decide is no target of it, as a figure that it lacks is none.
DECIDABLE = [group for group in claims.GROUPS if undecidable(CONFIG, group) is None]


def claim_file(wildcards):
    """Return the file of the settings of the tables that one target's claims need."""
    return SETTINGS.path(SETTINGS.with_trainings(CONFIG, collect_claim_settings(CONFIG, wildcards.claim)))


def claim_runs(wildcards):
    """Return the files of the runs that one target's claims need, in the study that they are read from."""
    chosen = collect_claim_settings(CONFIG, wildcards.claim)
    names = [paths.HISTORY, paths.RECORD, paths.PREDICTIONS, *([paths.DIAGNOSTICS] if chosen.measured else [])]
    return [PATHS.run(run) / name for run in runs.study_runs(chosen.study, chosen.cells) for name in names]


def claim_pretraining(wildcards):
    """Return the records of every trained init behind these runs."""
    chosen = collect_claim_settings(CONFIG, wildcards.claim)
    return pretraining_records(chosen.study, chosen.pretrained)


def claim_tables(group):
    """Return the tables that one target's claims need."""
    return [PATHS.claims(group) / table for table in TABLES]


def claimed_tables(role):
    """Return the tables of the study that some claims are read from, or of the toy."""
    if role == "toy":
        return [] if CONFIG.toy is None else [rules.toy.output.csv]
    study = claimed_study(CONFIG, role)
    return [] if study is None else [PATHS.tables(study) / table for table in TABLES]


def claims_options(wildcards, input):
    """Return the options that name the tables of each study, and the toy's."""
    folders = {
        role: os.path.dirname(input[role][0])
        for role in ("study", "control", "replication", "label_noise")
        if role in input.keys() and len(input[role])
    }
    toy = input["toy"] if "toy" in input.keys() else []
    options = [f"--{role.replace('_', '-')}={folder}" for role, folder in folders.items()]
    return [*options, *([f"--toy={toy}"] if toy else [])]


rule claims:
    """Decide each claim of the papers: effect, interval and verdict."""
    input:
        study=claimed_tables("study"),
        control=claimed_tables("control"),
        replication=claimed_tables("replication"),
        label_noise=claimed_tables("label_noise"),
        toy=claimed_tables("toy"),
        script=script("claims"),
    output:
        csv=PATHS.all_verdicts("csv"),
        html=report(
            PATHS.all_verdicts("html"),
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "verdicts"},
        ),
    log:
        LOGS / "claims.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("claims")
    resources:
        **needs("claims"),
    params:
        settings=SETTINGS.path(claims_settings(CONFIG)),
        tables=claims_options,
    shell:
        "python {input.script:q} {params.tables:q} --settings @{params.settings:q} --csv {output.csv:q} --html {output.html:q}"
        " >> {log:q} 2>&1"


use rule collect_outcomes as collect_claim with:
    input:
        claim_runs,
        claim_pretraining,
        script=script("collect"),
    output:
        [PATHS.claims("{claim}") / table for table in [*TABLES, paths.SUMMARY]],
    log:
        LOGS / "claims" / "collect_{claim}.log",
    wildcard_constraints:
        claim=one_of(DECIDABLE),
    priority: 0
    params:
        settings=claim_file,
        results=results_folder,
        tables=output_folder,


for group in DECIDABLE:
    role = claims.claims_of(group)[0].study

    rule:
        name:
            f"claim_{group}"
        input:
            **{role: claimed_tables("toy") if role == "toy" else claim_tables(group)},
            script=script("claims"),
        output:
            csv=PATHS.verdicts(group, "csv"),
            html=PATHS.verdicts(group, "html"),
        log:
            LOGS / "claims" / f"{group}.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("claims")
        resources:
            **needs("claims"),
        params:
            group=group,
            settings=SETTINGS.path(claims_settings(CONFIG)),
            tables=claims_options,
        # The verdicts go to the terminal.
        shell:
            "python {input.script:q} --only {params.group:q} {params.tables:q} --settings @{params.settings:q}"
            " --csv {output.csv:q} --html {output.html:q} 2> {log:q}"
