# Make raw files available; the manifest says where they are and what is in them.


rule fetch_data:
    input:
        script=SCRIPTS / "fetch_data.py",
    output:
        manifest=PATHS.results / "data" / "{dataset}.manifest.json",
    log:
        LOGS / "fetch_data" / "{dataset}.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    threads: threads_of("fetch_data")
    resources:
        mem_mb=growing("fetch_data", "mem_mb"),
        runtime=growing("fetch_data", "runtime"),
    params:
        source=lambda wildcards: CONFIG.datasets[wildcards.dataset].source,
        download_dir=CONFIG.data.download_dir,
        local_dir=local_dir,
        mirrors=mirrors,
    shell:
        "python {input.script} --source {params.source} --download-dir {params.download_dir:q} {params.local_dir:q} {params.mirrors:q}"
        " --manifest {output.manifest} >> {log} 2>&1"
