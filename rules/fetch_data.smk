# Make raw files available; the manifest says where they are and what is in them.


def local_dir(wildcards):
    """The option that names a dataset's local folder, if the config has one."""
    folder = CONFIG.data.local_dirs.get(CONFIG.datasets[wildcards.dataset].source)
    return ["--local-dir", folder] if folder else []


rule fetch_data:
    input:
        script=SCRIPTS / "fetch_data.py",
    output:
        manifest=PATHS.results / "data" / "{dataset}.manifest.json",
    params:
        source=lambda wildcards: CONFIG.datasets[wildcards.dataset].source,
        download_dir=CONFIG.data.download_dir,
        local_dir=local_dir,
    log:
        LOGS / "fetch_data" / "{dataset}.log",
    conda:
        "../envs/training.yaml"
    retries: 2
    threads: threads_of("fetch_data")
    resources:
        mem_mb=growing("fetch_data", "mem_mb"),
        runtime=growing("fetch_data", "runtime"),
    localrule: True
    shell:
        "python {input.script} --source {params.source} --download-dir {params.download_dir:q} {params.local_dir:q}"
        " --manifest {output.manifest} >> {log} 2>&1"
