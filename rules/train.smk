# Start weights + true labels -> one run.


def along_files(wildcards):
    """Return the files of the pretraining behind a run that something is measured along."""
    return pretraining_files(wildcards) if measured.along(CONFIG, as_run(wildcards)) else {}


rule train:
    input:
        unpack(along_files),
        script=script("train"),
        prepared=PATHS.prepared("{dataset}"),
        start=start_weights,
    output:
        **run_files(PATHS.run(RUN)),
    log:
        LOGS / "train" / f"{RUN_NAME}.log",
    # The figures of outcomes, the headline among them, wait for trainings alone: they go before measurements.
    priority: 3
    group:
        training_group
    conda:
        "../envs/training.yaml"
    threads: threads_of("train")
    resources:
        **needs("train"),
        # Runs that share a job take turns: slurm/config.yaml allows one slot.
        slot=1,
        # A resource, not a parameter: a changed interval is no reason to train again.
        restart_seconds=CONFIG.restart.seconds,
    params:
        settings=settings_of(settings.TrainSettings.of),
        pretraining=given("confusing", "random"),
    shell:
        "python {input.script:q} --prepared {input.prepared:q} --start {input.start:q} {params.pretraining:q}"
        " --settings @{params.settings:q} --threads {threads} --gpus {resources.gpu}"
        ' --restart-seconds {resources.restart_seconds} --output "$(dirname {output.weights:q})" >> {log:q} 2>&1'
