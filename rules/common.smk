# Loads the config, says what wildcards may be, and how rules ask for resources.
import atexit
import gc
import os
import re
import sys
from collections import namedtuple
from itertools import product

# A plan is many objects and little garbage: Python looks for some a fifth of a start's time, most of it at the end.
gc.set_threshold(100_000)
atexit.register(gc.freeze)

# Of this file, not of the Snakefile that was started: another workflow may have imported this one as a module.
REPOSITORY = Path(workflow.current_basedir).parent
# Relative, so that a moved checkout does not look like changed inputs.
CHECKOUT = Path(os.path.relpath(REPOSITORY))
# Asked before there are rules: a workflow that imports this one may have a default target of its own.
IS_DEFAULT = workflow.default_target is None

# The workflow runs the library beside it, installed or not.
sys.path.insert(0, str(REPOSITORY / "src"))

from snakemake.common.configfile import load_configfile
from snakemake.logging import logger

from badminima.analysis import claims
from badminima.analysis.claims.grids import ClaimsSettings, claimed_study, collect_claim_settings, undecidable
from badminima.config import AdversarialInit, RandomInit, RescaledInit
from badminima.config.load import check_files, load_config
from badminima.config.registry import FIGURES, SOURCES
from badminima.errors import UserError
from badminima.experiment import measured, paths, runs, settings
from badminima.report.settings import ExploreSettings, ReportSettings, headline_figure
from badminima.workflow.handles import runs_in_a_job, share_resources
from badminima.workflow.preflight import local_files
from badminima.workflow.settings_files import SettingsFiles, content_digest
from badminima.workflow.settings_files import hand_over_config, hand_over_library, planned_config
from badminima.workflow.targets import CLAIM_WORDS, help_text, question_of

hand_over_library(REPOSITORY / "src")


def beside(path):
    """Return an input of this checkout's; a workflow that imports this one with a prefix leaves it in its place."""
    return local(str(CHECKOUT / path))


def templates(*names):
    """Return the templates of a page."""
    return [beside(f"src/badminima/report/templates/{name}") for name in names]


def script(stage):
    """Return the command of a stage."""
    return beside(f"workflow/scripts/{stage}.py")


def warn_once(line):
    """Warn of something in the config; jobs on a cluster read it again and say nothing."""
    if workflow.is_main_process:
        logger.warning(f"config: {line}")


SHIPPED = [CHECKOUT / "config.yaml", *sorted((CHECKOUT / "presets").rglob("*.yaml"))]
LOADED = {Path(file).resolve() for file in workflow.configfiles}


try:
    # A job on a cluster reads its config when it starts: edits since it was planned are for the next start.
    inherited = None if workflow.is_main_process else planned_config()
    if inherited is None:
        check_files(map(Path, workflow.configfiles))
    CONFIG = load_config(inherited or config, warn_once)
except UserError as error:
    sys.exit("\n".join(f"config: {line}" for line in str(error).splitlines()))

# Those that were loaded come first: reading all of them takes a moment.
for line in runs.unused(CONFIG, map(load_configfile, sorted(SHIPPED, key=lambda file: file.resolve() not in LOADED))):
    warn_once(line)

PATHS = paths.Paths(CONFIG.results)
# In the working directory, whatever the results folder or a module's prefix: a command says where its settings lie.
SETTINGS = SettingsFiles(Path(".snakemake", "settings"))
if workflow.is_main_process:
    hand_over_config(SETTINGS.path_of_config(config, sort_keys=False))
LOGS = PATHS.results / "logs"
# What was measured of devices; the user's own tables come last and count first.
SPEEDS = [*sorted((CHECKOUT / "benchmarks").glob("*.csv")), *(CHECKOUT / table for table in CONFIG.plan.speeds)]
# A run as a path pattern: the same code names a run's files and the wildcards in rules.
RUN = runs.Run("{dataset}", "{model}", "{init}", "{recipe}", "{seed}")
RUN_NAME = "{dataset}/{model}/{init}/{recipe}/seed{seed}"
INIT_NAME = "{dataset}/{model}/{init}/seed{seed}"


# What runs and their measurements, which share a job on a cluster, may each have of its time.
MINUTES = {rule: CONFIG.resources.of(rule).runtime for rule in ("train", "diagnose")}
SHARES = {rule: minutes / sum(MINUTES.values()) / runs_in_a_job(workflow) for rule, minutes in MINUTES.items()}

# Between-workflow caching: where there is no place for it, --cache is refused, and Snakemake would warn of the rules.
CACHED = "SNAKEMAKE_OUTPUT_CACHE" in os.environ


# What products.smk has a rule for: a command whose options are the names of its inputs and outputs.
Product = namedtuple("Product", "words inputs outputs options priority stage", defaults=([], 0, None))
PRODUCTS = {}


def told(chosen):
    """Return the option that names the file of some settings."""
    return [f"--settings=@{SETTINGS.path(chosen)}"]


def shown(path, caption, category, **labels):
    """Return an output that Snakemake's own report shows."""
    return report(path, caption=f"../report/{caption}.rst", category=category, labels=labels)


def run_files(folder):
    """The files that a training leaves in its folder, by name."""
    return {Path(name).stem: folder / name for name in paths.RUN_FILES}


def one_of(names):
    """A wildcard constraint: exactly one of these names (or nothing at all, where there is none)."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def inits_of(kind):
    """Constraint for the wildcard {init}: the inits of one kind, each made by its own rule."""
    return one_of(name for name, init in CONFIG.inits.items() if isinstance(init, kind))


def threads_of(rule):
    """Threads of a rule."""
    return CONFIG.resources.of(rule).threads


def needs(rule, alone=False):
    """Return the resources of a rule, guesses of which memory doubles with every attempt.

    So do minutes, but for an attempt that goes on where the last one ended.
    """
    share = 1 if alone else SHARES.get(rule, 1)
    resumes = rule in ("train", "pretrain")
    return {
        "mem_mb": lambda wildcards, attempt: CONFIG.resources.memory(rule, attempt),
        "runtime": lambda wildcards, attempt: CONFIG.resources.runtime(rule, attempt, resumes, share),
        **({"gpu": CONFIG.resources.of(rule).gpu} if rule in ("pretrain", "train", "diagnose") else {}),
    }


def as_run(wildcards):
    """Return the run that wildcards name; a pretraining has no recipe."""
    return runs.Run(**{"recipe": "", **wildcards, "seed": int(wildcards.seed)})


def settings_of(of, *stage):
    """Return a parameter: the file of the settings that ``of`` cuts out of the config for a job.

    They are what the job depends on, so a changed value reruns exactly what it touches.
    """

    def parameter(wildcards):
        # In the order of the path, which is that of the arguments.
        job = [int(value) if name == "seed" else value for name, value in wildcards.items()]
        return SETTINGS.path_of_job(of, CONFIG, *([as_run(wildcards)] if "recipe" in wildcards.keys() else job), *stage)

    return parameter


def weights_of_init(wildcards, init):
    """Return the weights of an init, for the dataset, model and seed of a job."""
    return PATHS.start(CONFIG.inits, wildcards.dataset, wildcards.model, init, wildcards.seed)


def start_weights(wildcards):
    """Return the weights that runs from the init called {init} start from."""
    return weights_of_init(wildcards, wildcards.init)


def random_weights(wildcards):
    """Return the random weights that the init called {init} is made from."""
    return weights_of_init(wildcards, runs.random_behind(CONFIG.inits, wildcards.init))


def pretraining_files(wildcards):
    """Return the files of the pretraining behind the start of a run, where there is one."""
    root = runs.root_of(CONFIG.inits, wildcards.init)
    if not isinstance(CONFIG.inits[root], AdversarialInit):
        return {}
    return {"confusing": PATHS.confusing(wildcards.dataset, root, wildcards.seed), "random": random_weights(wildcards)}


def training_group(wildcards):
    """On a cluster a run and its measurements share one job, but not with the run whose end point it starts from."""
    behind = runs.with_runs_behind(CONFIG.inits, [as_run(wildcards)])[1:]
    return f"training_{len(behind)}" if behind else "training"


def files_of_runs(study, names, cells=None, compared=()):
    """Return files that the runs of a study leave; those from compared inits have a comparison too."""
    return [
        PATHS.run(run) / name
        for run in runs.study_runs(study, cells)
        for name in (*names, *([paths.COMPARISON] if run.init in compared else []))
    ]


def files_of_inits(study, inits, names=(paths.RECORD, paths.HISTORY)):
    """Return files that the pretrainings of some inits of a study leave."""
    return [
        PATHS.init(*one) / name for name in names for one in product(study.datasets, study.models, inits, study.seeds)
    ]


def place(files):
    """Return a file, or the folder of several."""
    return files if isinstance(files, str) else os.path.dirname(files[0])


def given(*names):
    """Return a parameter: the options that name the places of these inputs, or of all."""

    def options(wildcards, input):
        chosen = [name for name in names or input.keys() if name != "script" and input.get(name)]
        return [f"--{name.replace('_', '-')}={place(input[name])}" for name in chosen]

    return options


def made(wildcards, output):
    """Return the options that name all outputs."""
    return [f"--{name}={path}" for name, path in output.items()]


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    model=one_of(CONFIG.models),
    init=one_of(CONFIG.inits),
    recipe=one_of(CONFIG.recipes),
    study=one_of(CONFIG.studies),
    seed=r"\d+",
