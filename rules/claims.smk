# Tables of the claims' studies -> verdicts; and those of one claim, from the runs that it needs.


rule claims:
    input:
        study=claimed_tables("study"),
        control=claimed_tables("control"),
        replication=claimed_tables("replication"),
        label_noise=claimed_tables("label_noise"),
        toy=claimed_tables("toy"),
        script=SCRIPTS / "claims.py",
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
        mem_mb=growing("claims", "mem_mb"),
        runtime=growing("claims", "runtime"),
    params:
        settings=claims_settings(CONFIG).model_dump_json(),
        tables=claims_options,
    shell:
        "python {input.script} {params.tables} --settings {params.settings:q} --csv {output.csv} --html {output.html}"
        " >> {log} 2>&1"


rule collect_claim:
    input:
        # The script finds them by the study's grid: their names would not fit on a command line.
        claim_runs,
        claim_pretraining,
        script=SCRIPTS / "collect.py",
    output:
        [PATHS.claims("{claim}") / table for table in [*TABLES, paths.SUMMARY]],
    log:
        LOGS / "claims" / "collect_{claim}.log",
    wildcard_constraints:
        claim=one_of(claims.GROUPS),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("collect")
    resources:
        mem_mb=growing("collect", "mem_mb"),
        runtime=growing("collect", "runtime"),
    params:
        settings=claim_params,
        results=results_folder,
        tables=output_folder,
    shell:
        "python {input.script} --results {params.results:q} --settings {params.settings:q} --tables {params.tables}"
        " >> {log} 2>&1"


for group in claims.GROUPS:
    role = claims.claims_of(group)[0].study

    rule:
        name:
            f"claim_{group}"
        input:
            **{role: claimed_tables("toy") if role == "toy" else claim_tables(group)},
            script=SCRIPTS / "claims.py",
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
            mem_mb=growing("claims", "mem_mb"),
            runtime=growing("claims", "runtime"),
        params:
            group=group,
            settings=claims_settings(CONFIG).model_dump_json(),
            tables=claims_options,
        # The verdicts go to the terminal.
        shell:
            "python {input.script} --only {params.group} {params.tables} --settings {params.settings:q}"
            " --csv {output.csv} --html {output.html} 2> {log}"
