# The targets that this config has, on the terminal: the docstrings of their rules.

# A line about each rule that is made in a loop, by its name.
WORDS = {f"fig_{name}": question_of(CONFIG, name) for name in CONFIG.figures}
WORDS |= {f"table_{name}": CONFIG.studies[table.study].question for name, table in CONFIG.tables.items()}
WORDS |= {f"claim_{group}": CLAIM_WORDS[group] for group in DECIDABLE}


def targets():
    """Return a line about each target, by its name; a workflow that imports this one gives rules names of its own."""
    lines = {}
    for rule in workflow.rules:
        words = rule.docstring or next((words for name, words in WORDS.items() if rule.name.endswith(name)), None)
        if words and not rule.has_wildcards():
            lines[rule.name] = words.strip()
    return lines


def help_file(wildcards):
    """Return the file of the list of targets."""
    files = [CHECKOUT / "config.yaml", *sorted((CHECKOUT / "presets").rglob("*.yaml"))]
    return SETTINGS.path_of_text(help_text(targets(), files))


rule help:
    """List the targets of your config, and the presets that bring others."""
    log:
        LOGS / "help.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        settings=help_file,
    shell:
        "cat {params.settings:q} 2> {log:q}"
