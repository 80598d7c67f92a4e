# Tables of the claims' studies -> verdicts; and those of one claim, from the runs that it needs.

# A claim that this config can't decide is no target of it, as a figure that it lacks is none.
LACKING = {f"claim_{group}": reason for group in claims.GROUPS if (reason := undecidable(CONFIG, group)) is not None}
DECIDABLE = [group for group in claims.GROUPS if f"claim_{group}" not in LACKING]
VERDICTS = told(ClaimsSettings.of(CONFIG))


def claim_files(wildcards):
    """Return what the runs leave that one target's claims need, and the pretrainings behind them."""
    chosen = collect_claim_settings(CONFIG, wildcards.claim)
    names = [*TRAINED, *([paths.DIAGNOSTICS] if chosen.measured else [])]
    return [*files_of_runs(chosen.study, names, chosen.cells), *files_of_inits(chosen.study, chosen.pretrained)]


def claimed_tables(role):
    """Return the tables of the study that some claims are read from, or that of the toy."""
    if role == "toy":
        return [] if CONFIG.toy is None else PATHS.toy("toy.csv")
    study = claimed_study(CONFIG, role)
    return [] if study is None else [PATHS.tables(study) / table for table in TABLES]


use rule collect as collect_claim with:
    input:
        claim_files,
        SUMMARY_TEMPLATES,
        script=script("collect"),
    output:
        [PATHS.claims("{claim}") / table for table in [*TABLES, paths.SUMMARY]],
    log:
        LOGS / "claims" / "collect_{claim}.log",
    wildcard_constraints:
        claim=one_of(DECIDABLE),
    params:
        settings=tables_settings(collect_claim_settings),


verdicts = PATHS.all_verdicts
PRODUCTS["claims"] = Product(
    "Decide each claim of the papers: effect, interval and verdict.",
    {role: claimed_tables(role) for role in ("study", "control", "replication", "label_noise", "toy")},
    {"csv": verdicts("csv"), "html": shown(verdicts("html"), "claims", "Claims", table="verdicts")},
    VERDICTS,
)


for group in DECIDABLE:
    role = claims.claims_of(group)[0].study
    PRODUCTS[f"claim_{group}"] = Product(
        CLAIM_WORDS[group],
        {role: claimed_tables(role) if role == "toy" else [PATHS.claims(group) / table for table in TABLES]},
        {extension: PATHS.verdicts(group, extension) for extension in ("csv", "html")},
        [f"--only={group}", *VERDICTS],
        stage="claims",
    )
