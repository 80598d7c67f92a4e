# The paper's two-dimensional toy: all its networks in one job of seconds, and the boundaries drawn.

TOY_FIGURES = []


if CONFIG.toy is not None:
    TOY_FIGURES += [PATHS.figure(name, extension) for name in ("toy", "toy_mechanism") for extension in FIGURE_FORMATS]
    TOY_FIGURES += [PATHS.animation("toy")]

    rule toy:
        input:
            script=script("toy"),
        output:
            networks=PATHS.toy("networks.safetensors"),
            csv=PATHS.toy("toy.csv"),
            paths=PATHS.toy("paths.csv"),
        log:
            LOGS / "toy.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("toy")
        resources:
            **needs("toy"),
        params:
            settings=SETTINGS.path(settings.ToySettings.of_config(CONFIG)),
        shell:
            "python {input.script:q} --settings @{params.settings:q} --networks {output.networks:q} --csv {output.csv:q}"
            " --paths {output.paths:q} >> {log:q} 2>&1"

    rule fig_toy:
        """What do the boundaries of the toy look like?"""
        input:
            script=script("fig_toy"),
            networks=rules.toy.output.networks,
            table=rules.toy.output.csv,
        output:
            **drawing("toy", "toy"),
        log:
            LOGS / "figures" / "toy.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            **needs("figures"),
        params:
            settings=SETTINGS.path(settings.ToyFigureSettings.of_config(CONFIG)),
            drawn=drawn_files,
        shell:
            "python {input.script:q} --networks {input.networks:q} --table {input.table:q}"
            " --settings @{params.settings:q} {params.drawn:q} >> {log:q} 2>&1"

    rule anim_toy:
        """How do they escape (a GIF)?"""
        input:
            script=script("anim_toy"),
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
            **needs("figures"),
        shell:
            "python {input.script:q} --networks {input.networks:q} --gif {output.gif:q} >> {log:q} 2>&1"

    rule fig_toy_mechanism:
        """What changes on the way out of the toy's bad minima?"""
        input:
            script=script("fig_toy_mechanism"),
            table=rules.toy.output.csv,
            paths=rules.toy.output.paths,
        output:
            **drawing("toy_mechanism", "toy", "toy, mechanism"),
        log:
            LOGS / "figures" / "toy_mechanism.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("figures")
        resources:
            **needs("figures"),
        params:
            settings=SETTINGS.path(settings.ToyFigureSettings.of_config(CONFIG)),
            drawn=drawn_files,
        shell:
            "python {input.script:q} --table {input.table:q} --paths {input.paths:q}"
            " --settings @{params.settings:q} {params.drawn:q} >> {log:q} 2>&1"
