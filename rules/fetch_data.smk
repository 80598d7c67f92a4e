# Make raw files available; the manifest says where they are and what is in them.


def local_dir(wildcards):
    """Return the local folder of a dataset's source, or nothing."""
    return CONFIG.data.local_dirs.get(CONFIG.datasets[wildcards.dataset].source, "")


def unverified_folder(wildcards):
    """Return a local folder whose content nobody published a digest of: another folder is other data."""
    return "" if SOURCES.entry(CONFIG.datasets[wildcards.dataset].source).verified else local_dir(wildcards)


def mirrors(wildcards):
    """Return the mirrors of a dataset's source, separated by spaces."""
    return " ".join(CONFIG.data.urls.get(CONFIG.datasets[wildcards.dataset].source, []))


rule fetch_data:
    input:
        script=SCRIPTS / "fetch_data.py",
    output:
        manifest=PATHS.manifest("{dataset}"),
    log:
        LOGS / "fetch_data" / "{dataset}.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    threads: threads_of("fetch_data")
    resources:
        mem_mb=memory_of("fetch_data"),
        runtime=runtime_of("fetch_data"),
        # Resources, not parameters: where verified files come from is no reason to make anything again.
        download_dir=CONFIG.data.download_dir,
        local_dir=local_dir,
        mirrors=mirrors,
    params:
        source=lambda wildcards: CONFIG.datasets[wildcards.dataset].source,
        folder=unverified_folder,
    shell:
        "python {input.script:q} --source {params.source:q} --download-dir {resources.download_dir:q}"
        " --local-dir={resources.local_dir:q} --mirrors={resources.mirrors:q} --manifest {output.manifest:q}"
        " >> {log:q} 2>&1"
