# What the configured targets cost, before anything runs.


rule plan:
    input:
        script=SCRIPTS / "plan.py",
        config=rules.record_config.output.config,
        speeds=CHECKOUT / CONFIG.plan.speeds,
    log:
        LOGS / "plan.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {input.script} --config {input.config} --speeds {input.speeds} 2> {log}"
