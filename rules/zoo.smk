# Finished runs -> a folder of weights with a card each, that can be copied elsewhere and used without the results.


rule zoo:
    input:
        # The script finds them by the study's grid: their names would not fit on a command line.
        exported_files,
        # Says where the runs started; what that changes of them changes their files too.
        ancient(rules.record_config.output.config),
        script=SCRIPTS / "zoo.py",
    output:
        zoo=directory(PATHS.zoo),
    log:
        LOGS / "zoo.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("zoo")
    resources:
        mem_mb=growing("zoo", "mem_mb"),
        runtime=growing("zoo", "runtime"),
    params:
        chosen=exported_options,
        results=output_folder,
    shell:
        "python {input.script} --results {params.results:q} --output {output.zoo} {params.chosen} >> {log} 2>&1"
