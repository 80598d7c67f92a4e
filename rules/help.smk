# The targets that this config has, on the terminal: the docstrings of their rules.


def targets():
    """Return a line about each target, by its name; a workflow that imports this one gives rules names of its own."""
    lines = {}
    for rule in workflow.rules:
        words = rule.docstring or next((one.words for name, one in PRODUCTS.items() if rule.name.endswith(name)), None)
        if words and not rule.has_wildcards():
            lines[rule.name] = words.strip()
    return lines


rule help:
    """List the targets of your config, and the presets that bring others."""
    log:
        LOGS / "help.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        settings=lambda wildcards: SETTINGS.path_of_text(help_text(targets(), SHIPPED)),
    shell:
        "cat {params.settings:q} 2> {log:q}"
