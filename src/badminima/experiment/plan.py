"""Plan a configuration before anything runs: hours and disk of each target, from what was measured of a device.

Times are device-seconds: of a GPU, or of a CPU with as many threads as its trainings were measured with. A pretraining
stops when it fits: `at most` counts all of its epochs, `likely` those that such pretrainings took.
"""

import math
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from badminima.config import AdversarialInit, Config, OptimizationConfig, RandomInit, RescaledInit, StudyConfig
from badminima.config.registry import DIAGNOSTICS, FIGURES, SOURCES
from badminima.experiment import measured
from badminima.experiment.paths import RECORD, Paths
from badminima.experiment.runs import (
    Run,
    confusing_example,
    pretrainings_needed,
    random_behind,
    root_of,
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
TIMES = ("likely", "at_most", "training", "measuring", "starting")
NOTE = """\
Likely: a pretraining stops when it fits, as finished ones here did, or those of docs/results/ with
the network nearest in parameters. Training (at most), measuring and starting: of all devices."""


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


class Costs:
    """The costs of jobs on a device.

    Args:
        config: the configuration.
        device: what was measured of the device.
        results: where finished pretrainings are looked for; None: nowhere.
    """

    def __init__(self, config: Config, device: Device, results: Paths | None = None) -> None:
        self.config, self.device = config, device
        found: dict[tuple[str, ...], list[int]] = {}
        for path in [] if results is None else results.inits.glob(f"*/*/*/*/{RECORD}"):
            found.setdefault(path.parts[-5:-2], []).append(read_json(path)["epochs"])
        self._taken = {key: math.ceil(median(epochs)) for key, epochs in found.items()}

    def of_jobs(self, trainings: Iterable[Run], pretrainings: Iterable[Run]) -> Cost:
        """Return what exactly these trainings cost, and these pretrainings, as runs whose recipe does not matter."""
        costs = [self._training(run) for run in trainings] + [self._pretraining(run) for run in pretrainings]
        return sum(costs, Cost())

    def measuring(self, run: Run, names: Iterable[str]) -> float:
        """Return the device-seconds of some diagnostics of a run; one that was not measured counts nothing."""
        return sum(self._diagnostic(run, name) for name in names if name in self.device.timings)

    def likely_epochs(self, run: Run) -> int:
        """Return the epochs that a pretraining likely trains."""
        ends = getattr(self.config.inits[run.init], "epochs_like", None) or run.init
        finished = (self._taken.get((run.dataset, run.model, init)) for init in (run.init, ends))
        usual = FITTED[nearest(self._architecture(run), FITTED)]
        return min(self.config.pretraining.epochs, next(filter(None, finished), usual))

    def _training(self, run: Run) -> Cost:
        train, test = self._images(run.dataset)
        recipe = self.config.recipes[run.recipe]
        phase = self.config.training.with_recipe(recipe)
        passes = phase.epochs * (1 if recipe.sam is None else 2)
        evaluations = _evaluations(phase, phase.epochs)
        evaluated = (2 if recipe.augmentation else 1) * train + test
        seconds = self._seconds(run, passes * train, evaluations * evaluated)
        along = evaluations * self.measuring(run, measured.along(self.config, run))
        return Cost(seconds, seconds, along, 1, (4 * parameters_of(self._architecture(run)) + 16 * test) / 1e9)

    def _pretraining(self, run: Run) -> Cost:
        run = replace(run, recipe="")
        entry, phase = self.config.inits[run.init], self.config.pretraining
        assert isinstance(entry, AdversarialInit)
        train, test = self._images(run.dataset)
        copies = train * entry.replication
        likely, most = (
            self._seconds(run, epochs * copies, _evaluations(phase, epochs) * (copies + test))
            for epochs in (self.likely_epochs(run), phase.epochs)
        )
        along = _evaluations(phase, phase.epochs) * self.measuring(run, measured.along(self.config, run))
        channels, *_ = SOURCES.entry(self.config.datasets[run.dataset].source).image_shape
        mask = -(-channels * self._pixels(run.dataset) // 8)
        # Weights near enough, those of the default options; labels and masks of the copies; predictions.
        size = 4 * parameters_of(self._architecture(run)) + copies * (8 + mask) + 16 * test
        return Cost(likely, most, along, 1, size / 1e9)

    def _diagnostic(self, run: Run, name: str) -> float:
        """Return the device-seconds of a diagnostic of a run, scaled from the measured one that is most like it.

        Its time grows with its images. An architecture takes as long as the measured one nearest to it in speed, times
        the ratio of their times for training on an image: a diagnostic too is made of forward and backward passes.
        """
        own = self._seconds(run, 1, 0)
        speeds = self.device.speeds
        times = [
            (max(1.0, timing.pixels / speeds[architecture].pixels) / speeds[architecture].training, timing)
            for architecture, timing in self.device.timings[name].items()
        ]
        training, timing = min(times, key=lambda pair: abs(math.log(pair[0] / own)))
        there = min(self.config.measuring.images, self._images(run.dataset)[0])
        options = DIAGNOSTICS.entry(name).options
        given = options.model_validate(self.config.measuring.options.get(name, {}))
        used = min(there, getattr(given, "images", there))
        return timing.seconds * used / min(timing.images, getattr(options(), "images", timing.images)) * own / training

    def _seconds(self, run: Run, trained: int, evaluated: int) -> float:
        speed = self.device.speed(self._architecture(run))
        # A convolution's work grows with the pixels; smaller images are not counted as cheaper, since VGG pads them.
        larger = max(1.0, self._pixels(run.dataset) / speed.pixels)
        return larger * (trained / speed.training + evaluated / speed.evaluation)

    def _architecture(self, run: Run) -> str:
        return self.config.models[run.model].architecture

    def _images(self, dataset: str) -> tuple[int, int]:
        """Training and test images of a dataset."""
        entry = self.config.datasets[dataset]
        train, test = SOURCES.entry(entry.source).published(entry.options)
        used = entry.train_size or train - entry.validation_size
        if entry.evaluate_on == "validation":
            return used, entry.validation_size
        left = test or train - used - entry.validation_size
        return used, min(left, entry.test_size or left)

    def _pixels(self, dataset: str) -> int:
        """Pixels of an image; a source with the option ``side`` gives squares of it."""
        entry = self.config.datasets[dataset]
        _, height, width = SOURCES.entry(entry.source).image_shape
        side = entry.options.get("side")
        return height * width if side is None else int(side) ** 2


def _evaluations(phase: OptimizationConfig, epochs: int) -> int:
    return 1 + -(-epochs // phase.evaluate_every)


def plan(costs: Costs, machine: Machine, parts: Mapping[str, TargetRuns] | None = None) -> list[PlanRow]:
    """Return a row for each figure, for each target of ``parts``, and for everything; they may share runs."""
    config = costs.config
    outcomes = {name for name, figure in config.figures.items() if FIGURES.entry(figure.kind or name).outcomes}

    def row(target: str, studies: Collection[StudyConfig], last: int, measures: bool) -> PlanRow:
        runs = list(dict.fromkeys(run for study in studies for run in study_runs(study)))
        return _row(costs, machine, target, runs, _measured_runs(config, studies if measures else []), last)

    rows = [
        row(f"fig_{name}", [config.studies[figure.study]], MAKING, name not in outcomes)
        for name, figure in config.figures.items()
    ]
    for target, needed in (parts or {}).items():
        diagnosed = {"diagnose": needed.runs if needed.diagnosed else []}
        rows.append(_row(costs, machine, target, needed.runs, diagnosed, MAKING))
    tables = len(config.studies) + len({config.figures[name].study for name in outcomes})
    # The verdicts, the report and the recorded config; the confusing copies; the toy, its figures and animation.
    others = 3 + (confusing_example(config) is not None) + (4 if config.toy else 0)
    last = tables + len(config.figures) + len(config.tables) + others
    return [*rows, row("all", list(config.studies.values()), last, True)]


def _row(
    costs: Costs,
    machine: Machine,
    target: str,
    runs: list[Run],
    measured_runs: Mapping[str, Collection[Run]],
    last: int,
) -> PlanRow:
    """Return the row of a target: of its runs, those that each stage measures, and jobs that do neither (``last``)."""
    config, device = costs.config, costs.device
    trained = with_runs_behind(config.inits, runs)
    pretrained = _pretrainings(config, trained)
    cost = costs.of_jobs(trained, pretrained)
    for stage, of in measured_runs.items():
        names = measured.measurements_of(config, stage)
        cost += Cost(measuring=sum(costs.measuring(run, names) for run in of))
    cost += Cost(jobs=_measuring_jobs(config, measured_runs))
    devices = machine.devices(config, device)
    helpers = (_preparations(config, trained, pretrained) + last) * device.start
    beside = helpers / (devices if device.is_cpu else machine.cores)
    diagnosed = set(measured_runs.get("diagnose", ()))
    longest = [_longest(costs, run, run in diagnosed) for run in runs]
    likely, at_most = (
        max(
            (seconds + cost.measuring + cost.jobs * device.start) / devices + beside,
            max((one[number] for one in longest), default=0.0),
        )
        for number, seconds in enumerate((cost.likely, cost.training))
    )
    starting = cost.jobs * device.start + (helpers if device.is_cpu else 0)
    hours = [seconds / 3600 for seconds in (likely, at_most, cost.training, cost.measuring, starting)]
    return PlanRow(target, len(trained), len(pretrained), *[*hours, cost.gigabytes])


def _pretrainings(config: Config, trained: Iterable[Run]) -> list[Run]:
    """Return the pretrainings behind some runs, as runs without a recipe."""
    needed = (replace(run, init=init, recipe="") for run in trained for init in pretrainings_needed(config, run.init))
    return list(dict.fromkeys(needed))


def _measured_runs(config: Config, studies: Iterable[StudyConfig]) -> dict[str, dict[Run, None]]:
    """Return the runs that each stage measures, each once."""
    found: dict[str, dict[Run, None]] = {"diagnose": {}, "compare": {}, "landscape": {}}
    for study in studies:
        compared = measured.compared_inits(config, study)
        found["diagnose"] |= dict.fromkeys(study_runs(study))
        found["compare"] |= dict.fromkeys(run for run in study_runs(study) if run.init in compared)
        found["landscape"] |= dict.fromkeys(measured.landscape_runs(study, measured.landscapes(config, study)))
    return found


def _measuring_jobs(config: Config, measured_runs: Mapping[str, Collection[Run]]) -> int:
    """Count the jobs that measure, from the runs that each stage measures; a job compares several runs."""
    compared = {
        (replace(run, recipe=""), recipes)
        for recipes, inits in measured.compared_together(config).items()
        for run in measured_runs.get("compare", ())
        if run.init in inits and run.recipe in recipes
    }
    return len(compared) + sum(len(measured_runs.get(stage, ())) for stage in ("diagnose", "landscape"))


def _preparations(config: Config, trained: Iterable[Run], pretrained: Iterable[Run]) -> int:
    """Count the jobs that make datasets, confusing sets and start weights."""
    runs = [*trained, *pretrained]
    datasets = {run.dataset for run in runs}
    confusing = {(run.dataset, run.init, run.seed) for run in pretrained}
    made = {replace(run, init=of(config.inits, run.init), recipe="") for run in runs for of in (random_behind, root_of)}
    drawn = [run for run in made if isinstance(config.inits[run.init], RandomInit | RescaledInit)]
    return 2 * len(datasets) + len(confusing) + len(drawn)


def _longest(costs: Costs, run: Run, measures: bool) -> tuple[float, float]:
    """Return the seconds, likely and at most, until a run is trained or measured, however many devices there are."""
    config, device = costs.config, costs.device
    cost = costs.of_jobs(with_runs_behind(config.inits, [run]), _pretrainings(config, [run]))
    if measures:
        cost += Cost(measuring=costs.measuring(run, measured.measurements_of(config, "diagnose")), jobs=1)
    # A job may have fewer threads than the measured ones.
    slower = max(1.0, device.threads / config.resources.of("train").threads) if device.is_cpu else 1.0
    both = cost.measuring + cost.jobs * device.start
    return slower * (cost.likely + both), slower * (cost.training + both)


def plan_text(rows: Sequence[PlanRow], config: Config, device: Device, at_once: float, here: str | None) -> str:
    """Return a plan as people read it: the answer first, then a row for the targets that cost the same.

    Args:
        rows: of the targets, ``all`` last.
        config: the configuration.
        device: what it reckons with.
        at_once: how many of these work side by side.
        here: the device that this machine computes on; None: jobs run elsewhere.
    """
    whole = rows[-1]
    threads = f", {device.threads} threads" if device.is_cpu else ""
    is_here = here is None or device.name == here or (device.is_cpu and is_cpu(here))
    elsewhere = "" if is_here else f"; jobs on this machine would compute on {here}"
    used = {config.models[model].architecture for study in config.studies.values() for model in study.models}
    lines = [
        f"all: likely {duration(whole.likely)}, at most {duration(whole.at_most)} on {device.name}, "
        f"{size(whole.gigabytes)} of disk; {whole.trainings:,} trainings after {whole.pretrainings:,} pretrainings",
        f"device: {device.name} ({device.precision}{threads}); {at_once:,.4g} at once{elsewhere}",
    ]
    lines += [
        f"{name} was not measured on it: estimated from the parameters of {device.nearest(name)}; `make bench`"
        for name in sorted(used - device.speeds.keys())
    ]
    if missing := [name for name in config.diagnostics if name not in device.timings]:
        lines.append(f"not measured on it, so not counted: {', '.join(missing)}")
    return "\n".join([*lines, "", *_table(rows), "", NOTE])


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
        alike.setdefault(row if row.target == "all" else replace(row, target=""), []).append(row.target)
    lines = [("".join(f"{name.replace('_', ' '):>10}" for name in (*TIMES, "disk")), ["target"])]
    for row, targets in alike.items():
        cells = [*(duration(getattr(row, name)) for name in TIMES), size(row.gigabytes)]
        lines.append(("".join(f"{cell:>10}" for cell in cells), targets))
    return [
        line
        for start, targets in lines
        for line in textwrap.wrap(
            ", ".join(targets), WIDTH, initial_indent=f"{start}  ", subsequent_indent=" " * 62, break_on_hyphens=False
        )
    ]
