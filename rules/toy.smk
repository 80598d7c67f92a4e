# The paper's two-dimensional toy: all its networks in one job of seconds, and the boundaries drawn.

TOY_FIGURES = []


if CONFIG.toy is not None:
    TOY_FIGURES += [PATHS.figure(name, extension) for name in ("toy", "toy_mechanism") for extension in FIGURE_FORMATS]
    TOY_FIGURES += [PATHS.animation("toy")]

    rule toy:
        input:
            script=SCRIPTS / "toy.py",
        output:
            networks=PATHS.toy_networks,
            csv=PATHS.toy_table,
            paths=PATHS.toy_paths,
        log:
            LOGS / "toy.log",
        benchmark:
            BENCHMARKS / "toy.tsv"
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("toy")
        resources:
            mem_mb=memory_of("toy"),
            runtime=runtime_of("toy"),
        params:
            settings=SETTINGS.path(settings.ToySettings.of(CONFIG)),
        shell:
            "python {input.script:q} --settings @{params.settings:q} --networks {output.networks:q} --csv {output.csv:q}"
            " --paths {output.paths:q} >> {log:q} 2>&1"

    rule fig_toy:
        input:
            script=SCRIPTS / "toy_figure.py",
            networks=rules.toy.output.networks,
            table=rules.toy.output.csv,
        output:
            pdf=PATHS.figure("toy", "pdf"),
            png=report(
                PATHS.figure("toy", "png"),
                caption="../report/fig_toy.rst",
                category="Figures",
                labels={"figure": "toy", "study": "toy"},
            ),
            svg=PATHS.figure("toy", "svg"),
            csv=PATHS.figure("toy", "csv"),
        log:
            LOGS / "figures" / "toy.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            mem_mb=memory_of("figures"),
            runtime=runtime_of("figures"),
        params:
            settings=SETTINGS.path(settings.ToyFigureSettings.of(CONFIG)),
        shell:
            "python {input.script:q} figure --networks {input.networks:q} --table {input.table:q}"
            " --settings @{params.settings:q} --pdf {output.pdf:q} --png {output.png:q}"
            " --svg {output.svg:q} --csv {output.csv:q} >> {log:q} 2>&1"

    rule anim_toy:
        input:
            script=SCRIPTS / "toy_figure.py",
            networks=rules.toy.output.networks,
        output:
            gif=report(
                PATHS.animation("toy"),
                caption="../report/anim_toy.rst",
                category="Figures",
                labels={"figure": "toy, animated", "study": "toy"},
            ),
        log:
            LOGS / "figures" / "anim_toy.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            mem_mb=memory_of("figures"),
            runtime=runtime_of("figures"),
        shell:
            "python {input.script:q} animation --networks {input.networks:q} --gif {output.gif:q} >> {log:q} 2>&1"

    rule fig_toy_mechanism:
        input:
            script=SCRIPTS / "toy_figure.py",
            table=rules.toy.output.csv,
            paths=rules.toy.output.paths,
        output:
            pdf=PATHS.figure("toy_mechanism", "pdf"),
            png=report(
                PATHS.figure("toy_mechanism", "png"),
                caption="../report/fig_toy_mechanism.rst",
                category="Figures",
                labels={"figure": "toy, mechanism", "study": "toy"},
            ),
            svg=PATHS.figure("toy_mechanism", "svg"),
            csv=PATHS.figure("toy_mechanism", "csv"),
        log:
            LOGS / "figures" / "toy_mechanism.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            mem_mb=memory_of("figures"),
            runtime=runtime_of("figures"),
        params:
            settings=SETTINGS.path(settings.ToyFigureSettings.of(CONFIG)),
        shell:
            "python {input.script:q} mechanism --table {input.table:q} --paths {input.paths:q}"
            " --settings @{params.settings:q} --pdf {output.pdf:q} --png {output.png:q}"
            " --svg {output.svg:q} --csv {output.csv:q} >> {log:q} 2>&1"
