# Loads the config, says what wildcards may be, and how rules ask for resources.
import os
import re
import sys
from pathlib import Path

# Of this file, not of the Snakefile that was started: another workflow may have imported this one as a module.
REPOSITORY = Path(workflow.current_basedir).parent
SOURCE = REPOSITORY / "src"
# Relative, so that a moved checkout does not look like changed inputs; a module's prefix would move relative paths.
CHECKOUT = REPOSITORY if workflow.modifier.path_modifier.prefix else Path(os.path.relpath(REPOSITORY))
SCRIPTS = CHECKOUT / "workflow" / "scripts"
# Asked before there are rules: a workflow that imports this one may have a default target of its own.
IS_DEFAULT = workflow.default_target is None

# The workflow runs the library beside it, installed or not.
sys.path.insert(0, str(SOURCE))

from badminima import claims
from badminima.claims.grids import claim_settings, claimed_study, claims_settings
from badminima.config import AdversarialInit, RandomInit, RescaledInit, RunInit
from badminima.config.load import load_config
from badminima.config.registry import SOURCES
from badminima.errors import UserError
from badminima.experiment import lineage, measured, paths, runs, slices
from badminima.report.facts import overview_settings
from badminima.workflow.environment import use_checkout
from badminima.workflow.slurm import check_status_command

use_checkout(SOURCE)

try:
    CONFIG = load_config(config)
except UserError as error:
    sys.exit(f"config: {error}")

PATHS = paths.Paths(CONFIG.results)
LOGS = PATHS.results / "logs"
BENCHMARKS = PATHS.results / "benchmarks"
# A run as a path pattern: the same code names a run's files and the wildcards in rules.
RUN = runs.Run("{dataset}", "{model}", "{init}", "{recipe}", "{seed}")
RUN_NAME = "{dataset}/{model}/{init}/{recipe}/seed{seed}"
INIT_NAME = "{dataset}/{model}/{init}/seed{seed}"


# Between-workflow caching, where --cache and SNAKEMAKE_OUTPUT_CACHE ask for it; it excludes benchmark files.
CACHED = workflow.workflow_settings.cache is not None


def check_executor():
    """Stop before the first job where the cluster could never say that one has ended."""
    try:
        check_status_command(getattr(workflow.executor_settings, "status_command", None))
    except UserError as error:
        sys.exit(str(error))


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


def growing(rule, resource):
    """A resource that doubles with every attempt: memory and runtime are guesses."""
    return lambda wildcards, attempt: getattr(CONFIG.resources.of(rule), resource) * 2 ** (attempt - 1)


def gpus_of(rule):
    """GPUs of a rule."""
    return CONFIG.resources.of(rule).gpu


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    model=one_of(CONFIG.models),
    init=one_of(CONFIG.inits),
    recipe=one_of(CONFIG.recipes),
    study=one_of(CONFIG.studies),
    seed=r"\d+",
