# Entry point. Config -> rules -> the targets that people type.
#
#   snakemake help                                       the targets there are
#   snakemake all --configfile presets/demo.yaml         everything of a preset
#   snakemake fig_ablation --configfile presets/demo.yaml
#   snakemake all                                        the paper's grid
#
# Paths under the results folder (badminima.experiment.paths.Paths names them all):
#   data/{dataset}.safetensors                                 prepared dataset
#   confusing/{dataset}/{init}/seed{seed}.safetensors          confusing set
#   inits/{dataset}/{model}/{init}/seed{seed}/                 start weights
#   runs/{dataset}/{model}/{init}/{recipe}/seed{seed}/         one training
#   tables/{study}/*.csv   tables/table_{table}.{tex,csv,html}  tables of a study, and those for papers
#   figures/fig_{figure}.{pdf,png,svg,csv}   claims.csv   report.html   provenance.html   zoo/
#   claims/claim_{claim}.{csv,html}                            the verdicts of one claim alone, and its tables
#   toy/                                                       the two-dimensional toy, drawn as fig_toy*, anim_toy

from pathlib import Path

from snakemake.utils import min_version

min_version("9.10")


# The config files that the command names.
NAMED_CONFIGS = list(workflow.configfiles)


# Beside this file, wherever Snakemake is started.
configfile: str(Path(workflow.current_basedir) / "config.yaml")


include: "rules/common.smk"
include: "rules/fetch_data.smk"
include: "rules/prepare_data.smk"
include: "rules/confuse.smk"
include: "rules/initialize.smk"
include: "rules/pretrain.smk"
include: "rules/train.smk"
include: "rules/diagnose.smk"
include: "rules/collect.smk"
include: "rules/figures.smk"
include: "rules/tables.smk"
include: "rules/claims.smk"
include: "rules/toy.smk"
include: "rules/products.smk"
include: "rules/report.smk"
include: "rules/plan.smk"
include: "rules/help.smk"
include: "rules/zoo.smk"
include: "rules/start.smk"


report: "report/workflow.rst"


onstart:
    prepare_start()


onsuccess:
    for line in ending(made_files(workflow), PATHS):
        logger.info(line, extra={"event": "ending"})


rule all:
    """Make figures, tables, claims and the report: the default."""
    default_target: IS_DEFAULT
    input:
        rules.figures.input,
        rules.tables.input,
        rules.claims.output,
        rules.report.output,
        rules.record_config.output,


# The logger says beside Snakemake's refusal of an unknown target what may have been meant.
facts = {"event": "targets", "names": list(targets()), "presets": CHECKOUT / "presets", "lacking": LACKING}
logger.info("", extra=facts)
