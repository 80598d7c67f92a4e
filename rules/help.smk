# The targets that this config has, on the terminal.


rule help:
    input:
        script=SCRIPTS / "help.py",
        page=CHECKOUT / "docs" / "reference" / "targets.md",
        configs=[CHECKOUT / "config.yaml", *sorted((CHECKOUT / "presets").rglob("*.yaml"))],
    log:
        LOGS / "help.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        config=SETTINGS.path_of_config(config),
    shell:
        "python {input.script:q} --config {params.config:q} --page {input.page:q} {input.configs:q} 2> {log:q}"
