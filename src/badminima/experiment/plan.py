"""Plan a configuration before anything runs: hours and disk of each target, from what was measured of a device.

Times are device-seconds: of a GPU, or of a CPU with as many threads as its trainings were measured with. A pretraining
stops when it fits: `at most` counts all of its epochs, `likely` those that such pretrainings took.
"""

import math
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from badminima.config import AdversarialInit, Config, RescaledInit, StudyConfig
from badminima.config.registry import DIAGNOSTICS, FIGURES, SOURCES
from badminima.experiment import measured
from badminima.experiment.paths import RECORD, Paths
from badminima.experiment.runs import (
    Run,
    confusing_example,
    pretrainings_needed,
    random_behind,
    root_of,
    run_behind,
    study_runs,
    with_runs_behind,
)
from badminima.experiment.speeds import Device, Machine, is_cpu, nearest, parameters_of
from badminima.storage.files import read_json

# Jobs of a figure or a claim that train and measure nothing: its study's tables, and itself.
MAKING = 2
# Epochs after which pretrainings on random labels fitted: the demo's digits, the first CIFAR-10 runs of cifar_small,
# and cifar_gpu (docs/results/, medians of three seeds). Others count as the nearest in parameters.
FITTED = {"mlp": 100, "convnet": 60, "resnet18": 30}
WIDTH = 100
HEADINGS = ("likely", "at most", "training", "measuring", "starting", "disk")
NOTE = "Training (at most), measuring and starting are the time of all devices together."


@dataclass(frozen=True)
class TargetRuns:
    """The runs that a target needs without the rest of their study, and whether ``diagnose`` measures them."""

    runs: list[Run]
    diagnosed: bool


@dataclass(frozen=True)
class Cost:
    """Device-seconds of trainings (likely, and at most) and of measurements, number of jobs, disk."""

    likely: float = 0.0
    training: float = 0.0
    measuring: float = 0.0
    jobs: int = 0
    gigabytes: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True)
class PlanRow:
    """The cost of a target: hours on the wall clock (``likely``, ``at_most``) and of all devices together, disk."""

    target: str
    trainings: int
    pretrainings: int
    likely: float
    at_most: float
    training: float
    measuring: float
    starting: float
    gigabytes: float


class Epochs:
    """The epochs that pretrainings likely train.

    Args:
        results: where finished ones are looked for; None: nowhere.
    """

    def __init__(self, results: Paths | None = None) -> None:
        found: dict[tuple[str, ...], list[int]] = {}
        for path in [] if results is None else results.inits.glob(f"*/*/*/*/{RECORD}"):
            found.setdefault(path.parts[-5:-2], []).append(read_json(path)["epochs"])
        self._taken = {key: math.ceil(median(epochs)) for key, epochs in found.items()}

    def of(self, config: Config, run: Run) -> tuple[int, bool]:
        """Return the epochs of a pretraining, and whether finished ones of its init say so."""
        entry = config.inits[run.init]
        ends = getattr(entry, "epochs_like", None) or run.init
        taken = self._taken.get((run.dataset, run.model, run.init)) or self._taken.get((run.dataset, run.model, ends))
        usual = FITTED[nearest(config.models[run.model].architecture, FITTED)]
        return min(config.pretraining.epochs, taken or usual), taken is not None


def cost_of_jobs(
    config: Config, trainings: Iterable[Run], pretrainings: Iterable[Run], device: Device, epochs: Epochs | None = None
) -> Cost:
    """Return what exactly these trainings cost, and these pretrainings, as runs whose recipe does not matter."""
    costs = [_training(config, run, device) for run in trainings]
    return sum(costs + [_pretraining(config, run, device, epochs or Epochs()) for run in pretrainings], Cost())


def _training(config: Config, run: Run, device: Device) -> Cost:
    train, test = _images(config, run.dataset)
    recipe = config.recipes[run.recipe]
    optimization = config.training.with_recipe(recipe)
    evaluations = 1 + -(-optimization.epochs // optimization.evaluate_every)
    passes = optimization.epochs * (1 if recipe.sam is None else 2)
    augmented = 2 if recipe.augmentation else 1
    seconds = _seconds(config, run, device, passes * train, evaluations * (augmented * train + test))
    along = evaluations * _measuring(config, run, device, measured.along_run(config, run))
    return Cost(
        seconds, seconds, along, 1, (4 * parameters_of(config.models[run.model].architecture) + 16 * test) / 1e9
    )


def _pretraining(config: Config, run: Run, device: Device, epochs: Epochs) -> Cost:
    entry = config.inits[run.init]
    assert isinstance(entry, AdversarialInit)
    train, test = _images(config, run.dataset)
    copies = train * entry.replication
    every = config.pretraining.evaluate_every
    likely, most = epochs.of(config, run)[0], config.pretraining.epochs
    evaluations = {number: 1 + -(-number // every) for number in (likely, most)}
    seconds = {
        number: _seconds(config, run, device, number * copies, times * (copies + test))
        for number, times in evaluations.items()
    }
    names = measured.along_pretraining(config, run.dataset, run.model, run.init, int(run.seed))
    along = evaluations[most] * _measuring(config, run, device, names)
    mask = -(-SOURCES.entry(config.datasets[run.dataset].source).image_shape[0] * _pixels(config, run.dataset) // 8)
    # Weights near enough, those of the default options; labels and masks of the copies; predictions.
    size = 4 * parameters_of(config.models[run.model].architecture) + copies * (8 + mask) + 16 * test
    return Cost(seconds[likely], seconds[most], along, 1, size / 1e9)


def _measuring(config: Config, run: Run, device: Device, names: Iterable[str]) -> float:
    """Return the device-seconds of some diagnostics of a run; one that was not measured counts nothing."""
    return sum(_diagnostic(config, run, device, name) for name in names if name in device.timings)


def _diagnostic(config: Config, run: Run, device: Device, name: str) -> float:
    """Return the device-seconds of a diagnostic of a run, scaled from the measured one that is most like it.

    Its time grows with its images. An architecture takes as long as the measured one nearest to it in speed, times the
    ratio of their times for training on an image: a diagnostic too is made of forward and backward passes.
    """
    own = _seconds(config, run, device, 1, 0)
    times = [
        (max(1.0, timing.pixels / device.speeds[architecture].pixels) / device.speeds[architecture].training, timing)
        for architecture, timing in device.timings[name].items()
    ]
    training, timing = min(times, key=lambda pair: abs(math.log(pair[0] / own)))
    there = min(config.measuring.images, _images(config, run.dataset)[0])
    options = DIAGNOSTICS.entry(name).options
    given = options.model_validate(config.measuring.options.get(name, {}))
    used = min(there, getattr(given, "images", there))
    return timing.seconds * used / min(timing.images, getattr(options(), "images", timing.images)) * own / training


def _seconds(config: Config, run: Run, device: Device, trained: int, evaluated: int) -> float:
    speed = device.speed(config.models[run.model].architecture)
    # A convolution's work grows with the pixels; smaller images are not counted as cheaper, since VGG pads them.
    larger = max(1.0, _pixels(config, run.dataset) / speed.pixels)
    return larger * (trained / speed.training + evaluated / speed.evaluation)


def _images(config: Config, dataset: str) -> tuple[int, int]:
    """Training and test images of a dataset."""
    entry = config.datasets[dataset]
    train, test = SOURCES.entry(entry.source).published(entry.options)
    used = entry.train_size or train - entry.validation_size
    if entry.evaluate_on == "validation":
        return used, entry.validation_size
    left = test or train - used - entry.validation_size
    return used, min(left, entry.test_size or left)


def _pixels(config: Config, dataset: str) -> int:
    """Pixels of an image; a source with the option ``side`` gives squares of it."""
    entry = config.datasets[dataset]
    _, height, width = SOURCES.entry(entry.source).image_shape
    side = entry.options.get("side")
    return height * width if side is None else int(side) ** 2


@dataclass(frozen=True)
class _Place:
    """Hold everything that a plan counts with."""

    config: Config
    device: Device
    machine: Machine
    epochs: Epochs


def plan(
    config: Config,
    device: Device,
    machine: Machine,
    parts: Mapping[str, TargetRuns] | None = None,
    epochs: Epochs | None = None,
) -> list[PlanRow]:
    """Return a row for each figure, for each target of ``parts``, and for everything; they may share runs."""
    place = _Place(config, device, machine, epochs or Epochs())
    outcomes = {name for name, figure in config.figures.items() if FIGURES.entry(figure.kind or name).outcomes}

    def row(target: str, studies: Collection[StudyConfig], last: int, measures: bool) -> PlanRow:
        runs = list(dict.fromkeys(run for study in studies for run in study_runs(study)))
        return _row(place, target, runs, _measured_runs(config, studies if measures else []), last)

    rows = [
        row(f"fig_{name}", [config.studies[figure.study]], MAKING, name not in outcomes)
        for name, figure in config.figures.items()
    ]
    for target, needed in (parts or {}).items():
        rows.append(_row(place, target, needed.runs, {"diagnose": needed.runs if needed.diagnosed else []}, MAKING))
    tables = len(config.studies) + len({config.figures[name].study for name in outcomes})
    # The verdicts, the report and the recorded config; the confusing copies; the toy, its figures and animation.
    others = 3 + (confusing_example(config) is not None) + (4 if config.toy else 0)
    last = tables + len(config.figures) + len(config.tables) + others
    return [*rows, row("all", list(config.studies.values()), last, True)]


def _row(
    place: _Place, target: str, runs: list[Run], measured_runs: Mapping[str, Collection[Run]], last: int
) -> PlanRow:
    """Return the row of a target: of its runs, those that each stage measures, and jobs that do neither (``last``)."""
    config, device = place.config, place.device
    trained = with_runs_behind(config.inits, runs)
    pretrained = _pretrainings(config, trained)
    cost = cost_of_jobs(config, trained, pretrained, device, place.epochs)
    for stage, of in measured_runs.items():
        names = measured.measurements_of(config, stage)
        cost += Cost(measuring=sum(_measuring(config, run, device, names) for run in of))
    cost += Cost(jobs=_measuring_jobs(config, measured_runs))
    devices = place.machine.devices(config, device)
    helpers = (_preparations(config, trained, pretrained) + last) * device.start
    beside = helpers / (devices if device.is_cpu else place.machine.cores)
    diagnosed = set(measured_runs.get("diagnose", ()))
    longest = [_longest(place, run, run in diagnosed) for run in runs]
    wall = [
        max(
            (seconds + cost.measuring + cost.jobs * device.start) / devices + beside,
            max((one[number] for one in longest), default=0.0),
        )
        for number, seconds in enumerate((cost.likely, cost.training))
    ]
    starting = cost.jobs * device.start + (helpers if device.is_cpu else 0)
    likely, at_most, training, measuring, started = (
        seconds / 3600 for seconds in (*wall, cost.training, cost.measuring, starting)
    )
    return PlanRow(target, len(trained), len(pretrained), likely, at_most, training, measuring, started, cost.gigabytes)


def _pretrainings(config: Config, trained: Iterable[Run]) -> list[Run]:
    """Return the pretrainings behind some runs, as runs without a recipe."""
    needed = (replace(run, init=init, recipe="") for run in trained for init in pretrainings_needed(config, run.init))
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


def _longest(place: _Place, run: Run, measures: bool) -> tuple[float, float]:
    """Return the seconds, likely and at most, until a run is trained or measured, however many devices there are."""
    config, device = place.config, place.device
    chain = [run]
    while (behind := run_behind(config.inits, chain[-1])) is not None:
        chain.append(behind)
    cost = cost_of_jobs(config, chain, _pretrainings(config, [run]), device, place.epochs)
    if measures:
        names = measured.measurements_of(config, "diagnose")
        cost += Cost(measuring=_measuring(config, run, device, names), jobs=1)
    # A job may have fewer threads than the measured ones.
    slower = max(1.0, device.threads / config.resources.of("train").threads) if device.is_cpu else 1.0
    both = cost.measuring + cost.jobs * device.start
    return slower * (cost.likely + both), slower * (cost.training + both)


def plan_text(
    rows: Sequence[PlanRow], config: Config, device: Device, at_once: float, here: str | None, epochs: Epochs
) -> str:
    """Return a plan as people read it: the answer first, then a row for the targets that cost the same.

    Args:
        rows: of the targets, ``all`` last.
        config: the configuration.
        device: what it reckons with.
        at_once: how many of these work side by side.
        here: the device that this machine computes on; None: jobs run elsewhere.
        epochs: those that pretrainings likely train.
    """
    whole = rows[-1]
    threads = f", {device.threads} threads" if device.is_cpu else ""
    is_here = here is None or device.name == here or (device.is_cpu and is_cpu(here))
    elsewhere = "" if is_here else f"; jobs on this machine would compute on {here}"
    missing = [name for name in config.diagnostics if name not in device.timings]
    used = {model for study in config.studies.values() for model in study.models}
    estimated = {config.models[model].architecture for model in used} - device.speeds.keys()
    return "\n".join(
        [
            f"all: likely {duration(whole.likely)}, at most {duration(whole.at_most)} on {device.name}, "
            f"{size(whole.gigabytes)} of disk; {whole.trainings:,} trainings after {whole.pretrainings:,} pretrainings",
            f"device: {device.name} ({device.precision}{threads}); {at_once:,.4g} at once{elsewhere}",
            *(
                f"{name} was not measured on it: estimated from the parameters of {device.nearest(name)}; `make bench`"
                for name in sorted(estimated)
            ),
            *([f"not measured on it, so not counted: {', '.join(missing)}"] if missing else []),
            "",
            *_table(rows),
            "",
            _likely_note(config, epochs),
            NOTE,
        ]
    )


def _likely_note(config: Config, epochs: Epochs) -> str:
    """Say how long pretrainings are taken to train, and why."""
    runs = [run for study in config.studies.values() for run in study_runs(study)]
    found = [epochs.of(config, run) for run in _pretrainings(config, with_runs_behind(config.inits, runs))]
    if not found:
        return "Likely and at most are the same: nothing is pretrained."
    low, high = min(number for number, _ in found), max(number for number, _ in found)
    finished = sum(is_known for _, is_known in found)
    return (
        f"Likely: a pretraining stops when it fits, after {low if low == high else f'{low} to {high}'} of "
        f"{config.pretraining.epochs} epochs,\nas finished ones here did ({finished} of {len(found)}) "
        "or those of docs/results/ with the network nearest in parameters."
    )


def duration(hours: float) -> str:
    """Write a time in seconds, minutes, hours or days."""
    if not hours:
        return "-"
    if hours < 1.5:
        return f"{60 * hours:.0f} min" if hours >= 1 / 60 else f"{3600 * hours:.0f} s"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:,.0f} days"


def size(gigabytes: float) -> str:
    """Write a size in megabytes or gigabytes."""
    return f"{gigabytes:,.1f} GB" if gigabytes >= 1 else f"{1000 * gigabytes:,.0f} MB"


def _table(rows: Sequence[PlanRow]) -> list[str]:
    """Return the lines of a table, the longest targets first, those that cost the same in one row."""
    alike: dict[PlanRow, list[str]] = {}
    for row in sorted(rows, key=lambda row: (row.target != "all", -row.at_most)):
        key = row if row.target == "all" else replace(row, target="")
        alike.setdefault(key, []).append(row.target)
    times = ("likely", "at_most", "training", "measuring", "starting")
    cells = [HEADINGS, *((*(duration(getattr(row, name)) for name in times), size(row.gigabytes)) for row in alike)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = []
    for line, names in zip(cells, (["target"], *alike.values()), strict=True):
        start = "".join(f"{cell:>{width}}  " for cell, width in zip(line, widths, strict=True))
        lines += textwrap.wrap(
            ", ".join(names), WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
        )
    return lines
