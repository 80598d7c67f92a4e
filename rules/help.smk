# The targets that this config has, on the terminal: the docstrings of their rules.


def targets():
    """Return a line about each target, by its name; a workflow that imports this one gives rules names of its own."""
    of_products = {getattr(rules, name).rule.name: product.words for name, product in PRODUCTS.items()}
    words = {one.name: one.docstring or of_products.get(one.name) for one in workflow.rules if not one.has_wildcards()}
    return {name: said.strip() for name, said in words.items() if said}


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
