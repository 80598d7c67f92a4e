# Raw files -> the prepared dataset.


rule prepare_data:
    input:
        script=script("prepare_data"),
        manifest=rules.fetch_data.output.manifest,
    output:
        prepared=PATHS.prepared("{dataset}"),
    log:
        LOGS / "prepare_data" / "{dataset}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    threads: threads_of("prepare_data")
    resources:
        **needs("prepare_data"),
    params:
        settings=settings_of(settings.PrepareSettings.of),
        # What is made of an unverified folder is no other checkout's: no key of a shared cache names its content.
        not_shared=lambda wildcards: os.getcwd() if CACHED and unverified_folder(wildcards) else "",
    shell:
        "python {input.script:q} --manifest {input.manifest:q} --settings @{params.settings:q} --threads {threads}"
        " --prepared {output.prepared:q} >> {log:q} 2>&1"
