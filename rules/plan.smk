# What the configured targets cost, before anything runs.


def machine_at_hand(wildcards):
    """Return the options that say what jobs run on side by side: this machine, or a cluster."""
    if not workflow.local_exec:
        return [f"--cluster-jobs={workflow.nodes}"]
    gpus = workflow.global_resources["gpu"].value if "gpu" in workflow.global_resources else 1
    return [f"--cores={workflow.cores}", f"--gpus={gpus}"]


rule plan:
    input:
        script=SCRIPTS / "plan.py",
        config=rules.record_config.output.config,
        speeds=SPEEDS,
    log:
        LOGS / "plan.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        machine=machine_at_hand,
    shell:
        "python {input.script:q} --config {input.config:q} {params.machine:q} {input.speeds:q} 2> {log:q}"
