"""Plan a configuration before anything runs: its trainings, hours and disk, for each target."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from badminima.config import Config, RescaledInit, StudyConfig
from badminima.config.registry import FIGURES
from badminima.experiment import measured
from badminima.experiment.cost import Cost, cost_of_jobs, seconds_of_measurements
from badminima.experiment.lineage import (
    confusing_example,
    pretrainings_needed,
    random_behind,
    root_of,
    run_behind,
    with_runs_behind,
)
from badminima.experiment.runs import Run, study_runs
from badminima.experiment.speeds import CPU, Device, find_device

# Jobs of a figure or a claim that train and measure nothing: its study's tables, and itself.
MAKING = 2


@dataclass(frozen=True)
class Machine:
    """A place that runs jobs side by side.

    Attributes:
        cores: CPU cores, on a machine.
        gpus: GPUs, on a machine.
        cluster_jobs: jobs at once, on a cluster.
    """

    cores: int = 1
    gpus: int = 1
    cluster_jobs: int | None = None

    def devices(self, config: Config, device: Device) -> float:
        """Return how many devices work at once.

        A GPU works for one job at a time. Of a CPU there are as many devices as its threads go into the cores.
        """
        threads = config.resources.of("train").threads
        if device.is_cpu:
            return (self.cores if self.cluster_jobs is None else self.cluster_jobs * threads) / device.threads
        return self.cluster_jobs or max(1, min(self.gpus, self.cores // threads))


@dataclass(frozen=True)
class TargetRuns:
    """The runs that a target needs without the rest of their study, as a claim does.

    Attributes:
        runs: on the true labels.
        diagnosed: whether ``diagnose`` measures each of them.
    """

    runs: list[Run]
    diagnosed: bool


@dataclass(frozen=True)
class PlanRow:
    """The cost of a target.

    Attributes:
        target: its name.
        trainings: trainings on the true labels.
        pretrainings: trainings on confusing sets.
        training: device-hours of both.
        measuring: device-hours of measurements.
        starting: device-hours in which jobs start.
        wall_clock: hours from start to end.
        gigabytes: disk.
    """

    target: str
    trainings: int
    pretrainings: int
    training: float
    measuring: float
    starting: float
    wall_clock: float
    gigabytes: float


def planned_device(config: Config, devices: Mapping[str, Device], here: str) -> Device:
    """Return the device to reckon with: ``plan.device``, or else the one that this machine computes on.

    Where the config computes on the CPU, it is one, whatever GPU is named.

    Args:
        config: the configuration.
        devices: the devices that were measured, by name.
        here: the device that this machine computes on.

    Raises:
        UserError: if it was not measured.
    """
    named = devices[find_device(devices, config.plan.device)] if config.plan.device else None
    if named is not None and (named.is_cpu or config.device != CPU):
        return named
    return devices[find_device(devices, CPU if config.device == CPU else here)]


def plan(
    config: Config, device: Device, machine: Machine, parts: Mapping[str, TargetRuns] | None = None
) -> list[PlanRow]:
    """Return a row for each figure, for each other target, and for everything.

    Targets that share runs do not add up.

    Args:
        config: the configuration.
        device: what computes.
        machine: how many of them work at once.
        parts: targets that need a part of a study, by name.

    Raises:
        UserError: if a model was not measured.
    """
    outcomes = {name for name, figure in config.figures.items() if FIGURES.entry(figure.kind or name).outcomes}

    def row(target: str, studies: Collection[StudyConfig], last: int, measures: bool) -> PlanRow:
        runs = list(dict.fromkeys(run for study in studies for run in study_runs(study)))
        return _row(config, device, machine, target, runs, _measured_runs(config, studies if measures else []), last)

    rows = [
        row(f"fig_{name}", [config.studies[figure.study]], MAKING, name not in outcomes)
        for name, figure in config.figures.items()
    ]
    for target, needed in (parts or {}).items():
        diagnosed = {"diagnose": needed.runs if needed.diagnosed else []}
        rows.append(_row(config, device, machine, target, needed.runs, diagnosed, MAKING))
    tables = len(config.studies) + len({config.figures[name].study for name in outcomes})
    # The verdicts, the report and the recorded config; the confusing copies; the toy, its figures and animation.
    others = 3 + (confusing_example(config) is not None) + (4 if config.toy else 0)
    last = tables + len(config.figures) + len(config.tables) + others
    return [*rows, row("all", list(config.studies.values()), last, True)]


def _row(
    config: Config,
    device: Device,
    machine: Machine,
    target: str,
    runs: list[Run],
    measured_runs: Mapping[str, Collection[Run]],
    last: int,
) -> PlanRow:
    """Return the row of a target.

    Args:
        config, device, machine: as in :func:`plan`.
        target: its name.
        runs: the runs that it is made from.
        measured_runs: those that each stage measures.
        last: how many jobs train and measure nothing.
    """
    trained = with_runs_behind(config.inits, runs)
    pretrained = _pretrainings(config, trained)
    seconds = sum(
        seconds_of_measurements(config, run, stage, device) for stage, of in measured_runs.items() for run in of
    )
    cost = cost_of_jobs(config, trained, pretrained, device)
    cost += Cost(measuring=seconds, jobs=_measuring_jobs(config, measured_runs))
    devices = machine.devices(config, device)
    shared = (cost.training + cost.measuring + cost.jobs * device.start) / devices
    helpers = (_preparations(config, trained, pretrained) + last) * device.start
    beside = devices if device.is_cpu else machine.cores
    diagnosed = set(measured_runs.get("diagnose", ()))
    longest = max((_longest(config, run, device, run in diagnosed) for run in runs), default=0.0)
    starting = cost.jobs * device.start + (helpers if device.is_cpu else 0)
    return PlanRow(
        target,
        len(trained),
        len(pretrained),
        cost.training / 3600,
        cost.measuring / 3600,
        starting / 3600,
        max(shared + helpers / beside, longest) / 3600,
        cost.gigabytes,
    )


def _pretrainings(config: Config, trained: Iterable[Run]) -> list[Run]:
    """Return the pretrainings behind some runs, as runs without a recipe."""
    needed = (
        Run(run.dataset, run.model, init, "", run.seed)
        for run in trained
        for init in pretrainings_needed(config, run.init)
    )
    return list(dict.fromkeys(needed))


def _measured_runs(config: Config, studies: Iterable[StudyConfig]) -> dict[str, list[Run]]:
    """Return the runs that each stage measures, each once."""
    found: dict[str, dict[Run, None]] = {"diagnose": {}, "compare": {}, "landscape": {}}
    for study in studies:
        compared = measured.compared_inits(config, study)
        found["diagnose"] |= dict.fromkeys(study_runs(study))
        found["compare"] |= dict.fromkeys(run for run in study_runs(study) if run.init in compared)
        found["landscape"] |= dict.fromkeys(measured.landscape_runs(study, measured.landscapes(config, study)))
    return {stage: list(runs) for stage, runs in found.items()}


def _measuring_jobs(config: Config, measured_runs: Mapping[str, Collection[Run]]) -> int:
    """Count the jobs that measure, from the runs that each stage measures; a job compares several runs."""
    together = {
        (init, recipe): recipes
        for recipes, inits in measured.compared_together(config).items()
        for init in inits
        for recipe in recipes
    }
    compared = {replace(run, recipe=str(together[run.init, run.recipe])) for run in measured_runs.get("compare", ())}
    return len(compared) + sum(len(measured_runs.get(stage, ())) for stage in ("diagnose", "landscape"))


def _preparations(config: Config, trained: Iterable[Run], pretrained: Iterable[Run]) -> int:
    """Count the jobs that make datasets, confusing sets and start weights."""
    runs = [*trained, *pretrained]
    datasets = {run.dataset for run in runs}
    confusing = {(run.dataset, run.init, run.seed) for run in pretrained}
    random = {(run.dataset, run.model, random_behind(config.inits, run.init), run.seed) for run in runs}
    roots = {(run.dataset, run.model, root_of(config.inits, run.init), run.seed) for run in runs}
    rescaled = [root for root in roots if isinstance(config.inits[root[2]], RescaledInit)]
    return 2 * len(datasets) + len(confusing) + len(random) + len(rescaled)


def _longest(config: Config, run: Run, device: Device, measures: bool) -> float:
    """Return the seconds that pass at least until a run is trained, or measured, however many devices there are."""
    chain = [run]
    while (behind := run_behind(config.inits, chain[-1])) is not None:
        chain.append(behind)
    cost = cost_of_jobs(config, chain, _pretrainings(config, [run]), device)
    if measures:
        cost += Cost(measuring=seconds_of_measurements(config, run, "diagnose", device), jobs=1)
    # A job may have fewer threads than the device was measured with.
    slower = max(1.0, device.threads / config.resources.of("train").threads) if device.is_cpu else 1.0
    return slower * (cost.training + cost.measuring + cost.jobs * device.start)
