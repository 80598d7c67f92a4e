# Figures, tables for papers, verdicts, the toy: rules that differ in their files alone, each with a name to type.

FOLDERS = {"fig": "figures/", "anim": "figures/anim_", "table": "tables/", "claim": "claims/"}

TEMPLATES = {"claims": ["claims.html", "small.html"], "table": ["table.html", "small.html"]}


def log_of(name):
    """Return the log of a product: ``figures/curves.log`` is that of ``fig_curves``."""
    kind, _, rest = name.partition("_")
    return LOGS / (f"{FOLDERS[kind]}{rest}.log" if kind in FOLDERS else f"{name}.log")


for name, made_so in PRODUCTS.items():

    rule:
        name:
            name
        input:
            templates(*TEMPLATES.get(made_so.stage or name, [])),
            **made_so.inputs,
            script=script(made_so.stage or name),
        output:
            **made_so.outputs,
        log:
            log_of(name),
        priority: made_so.priority
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("products")
        resources:
            **needs("products"),
        params:
            given=given(),
            options=made_so.options,
            made=made,
        # The verdicts of one claim go to the terminal.
        shell:
            "python {input.script:q} {params.given:q} {params.options:q} {params.made:q} 2>> {log:q}"


def products(*kinds):
    """Return the files of all products whose names begin so."""
    return [file for name in PRODUCTS if name.startswith(kinds) for file in getattr(rules, name).output]


rule figures:
    """Draw every configured figure."""
    input:
        products("fig_", "anim_"),


rule tables:
    """Make the tables of every study, and those for papers."""
    input:
        [PATHS.tables(study) / table for study in CONFIG.studies for table in [*TABLES, paths.SUMMARY]],
        products("table_"),
