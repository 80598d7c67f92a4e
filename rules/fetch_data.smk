# Make raw files available; the manifest says where they are and what is in them.


def local_dir(wildcards):
    """Return the folder or archive that holds a dataset's files, or nothing."""
    return str(local_files(CONFIG, wildcards.dataset) or "")


def unverified_folder(wildcards):
    """Return a local folder that is not read to know its content: another folder is other data."""
    source = SOURCES.entry(CONFIG.datasets[wildcards.dataset].source)
    return "" if source.verified or source.endings else local_dir(wildcards)


def unverified_data(wildcards):
    """Return what tells files that nobody published a digest of from others: their content, or their folder."""
    endings = SOURCES.entry(CONFIG.datasets[wildcards.dataset].source).endings
    path = local_files(CONFIG, wildcards.dataset)
    return content_digest(path, endings, SETTINGS.folder) if endings and path else unverified_folder(wildcards)


rule fetch_data:
    input:
        script=script("fetch_data"),
    output:
        manifest=PATHS.manifest("{dataset}"),
    log:
        LOGS / "fetch_data" / "{dataset}.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    threads: threads_of("fetch_data")
    resources:
        **needs("fetch_data"),
        # Resources, not parameters: where verified files come from is no reason to make anything again.
        download_dir=CONFIG.data.download_dir,
        local_dir=local_dir,
        mirrors=lambda wildcards: " ".join(CONFIG.data.urls.get(CONFIG.datasets[wildcards.dataset].source, [])),
    params:
        source=lambda wildcards: CONFIG.datasets[wildcards.dataset].source,
        folder=unverified_data,
    shell:
        "python {input.script:q} --source {params.source:q} --download-dir {resources.download_dir:q}"
        " --local-dir={resources.local_dir:q} --mirrors={resources.mirrors:q} --manifest {output.manifest:q}"
        " >> {log:q} 2>&1"
