# What the configured targets cost, before anything runs.


def machine_at_hand(wildcards):
    """Return the options that say what jobs run on, this machine or a cluster, and how fast devices are."""
    speeds = [f"--speeds={table}" for table in SPEEDS]
    if workflow.nodes is not None:
        return [*speeds, f"--cluster-jobs={workflow.nodes}"]
    gpus = workflow.global_resources["gpu"].value if "gpu" in workflow.global_resources else 1
    return [*speeds, f"--cores={workflow.cores}", f"--gpus={gpus}"]


rule plan:
    """Print what the grid costs: hours on the wall, device time and disk."""
    input:
        script=script("plan"),
        config=rules.record_config.output.config,
        speeds=[local(str(table)) for table in SPEEDS],
    log:
        LOGS / "plan.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        machine=machine_at_hand,
    shell:
        "python {input.script:q} --config {input.config:q} {params.machine:q} 2> {log:q}"
