"""Measurements of a run's end point: one module each, one registry.

A measurement is a function ``measure(context) -> dict[str, float]``. A key is ``family.statistic``, with
``@tensor`` appended for the value of one parameter tensor or layer: ``distance.relative@0.weight``. One that cannot
be made of a run raises :class:`Skipped`; one that fails costs its own numbers alone.
"""

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from badminima.config.registry import DIAGNOSTICS
from badminima.errors import UserError
from badminima.experiment.slices import DiagnoseSettings
from badminima.models.weights import Weights
from badminima.seeding import integer_seed

if TYPE_CHECKING:
    import torch

    from badminima.data.confusing import ConfusingSet
    from badminima.data.prepared import PreparedDataset
    from badminima.diagnostics.network import Network, Sample


class Skipped(Exception):  # noqa: N818
    """A measurement that this run does not allow; the text says why."""


@dataclass(frozen=True)
class Context:
    """What a measurement may look at.

    Everything that needs torch is made when it is first asked for, and shared by the measurements after it.

    Attributes:
        settings: the run's coordinates, its model, and the measurements' options.
        start: the weights the run started from.
        end: the weights it ended at.
        random: the random weights that its pretraining, if any, started from.
        dataset: the prepared dataset, as torch tensors; None: only weights can be measured.
        confusing: the confusing set behind its start, or None.
        reference: the weights of the run it is compared with, or None.
    """

    settings: DiagnoseSettings
    start: Weights
    end: Weights
    random: Weights | None = None
    dataset: "PreparedDataset | None" = None
    confusing: "ConfusingSet | None" = None
    reference: Weights | None = None

    def options(self, name: str) -> Mapping[str, Any]:
        """The options of the measurement called ``name``."""
        return {**DIAGNOSTICS.entry(name).options, **self.settings.options.get(name, {})}

    def generator(self, *name: str) -> "torch.Generator":
        """Random numbers on the CPU, from a stream of this name: the same for all runs of a seed."""
        import torch

        settings = self.settings
        return torch.Generator().manual_seed(integer_seed(settings.root_seed, "diagnose", *name, settings.seed))

    @cached_property
    def network(self) -> "Network":
        """The network at the end of the run."""
        from badminima.diagnostics.network import build_network

        return build_network(self.settings, self._data, self.end)

    @cached_property
    def train(self) -> "Sample":
        """Training images, at most ``settings.images`` of them."""
        from badminima.diagnostics.network import draw_sample

        return draw_sample(self, self._data.train_images, self._data.train_labels, "train")

    @cached_property
    def test(self) -> "Sample":
        """Test images, at most ``settings.images`` of them."""
        from badminima.diagnostics.network import draw_sample

        return draw_sample(self, self._data.test_images, self._data.test_labels, "test")

    @property
    def _data(self) -> "PreparedDataset":
        if self.dataset is None:
            raise Skipped("no prepared dataset was given")
        return self.dataset


@dataclass(frozen=True)
class Measured:
    """What was measured of a run.

    Attributes:
        values: the numbers by key.
        seconds: what each measurement took.
        skipped: why a measurement does not apply to the run, by its name.
        failed: the error that ended a measurement, by its name.
    """

    values: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def diagnose(context: Context, names: list[str], tracebacks: bool = True) -> Measured:
    """Make the measurements called ``names``.

    A measurement that fails is recorded with its error, its traceback goes to stderr (unless ``tracebacks`` is
    false), and the others go on.

    Raises:
        UserError: if there is no code for one, or an input is damaged.
    """
    measured = Measured()
    finite = context.end.is_finite()
    for name in names:
        started = time.perf_counter()
        measure = DIAGNOSTICS.load(name)
        if not finite and DIAGNOSTICS.entry(name).needs_finite:
            measured.skipped[name] = "the run's weights are not finite"
            measured.seconds[name] = 0.0
            continue
        try:
            measured.values.update(measure(context))
        except Skipped as reason:
            measured.skipped[name] = str(reason)
        except UserError:
            raise
        except Exception as error:  # a number that cannot be had must not cost the others
            measured.failed[name] = f"{type(error).__name__}: {' '.join(str(error).split())}"
            if tracebacks:
                traceback.print_exc()
        measured.seconds[name] = time.perf_counter() - started
    return measured
