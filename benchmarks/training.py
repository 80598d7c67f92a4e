"""Images per second of training and evaluation, against a reference loop that is timed in the same run.

The two alternate, for one or more ways to compute. A row gives medians, the ratio with its smallest and largest
value, and what share of the rate of a large matrix product the training reaches. Run it from the repository's root:

    make bench
"""

import gc
import math
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from badminima.config import AugmentationConfig, ModelConfig, NumericsConfig, OptimizationConfig, RecipeConfig
from badminima.data.augmentation import draw_augmentation
from badminima.data.items import make_items
from badminima.data.prepared import PreparedDataset
from badminima.experiment.settings import TrainSettings
from badminima.models.build import build_model
from badminima.models.numerics import Numerics, set_up
from badminima.storage.device import choose_device
from badminima.storage.files import write_csv
from badminima.storage.provenance import provenance
from badminima.training.engine import Training
from benchmarks import reference

# (model, image shape, images per repetition on a CPU)
CASES = {
    "mlp 8x8": ("mlp", (1, 8, 8), 12_800),
    "convnet 28x28": ("convnet", (1, 28, 28), 5_120),
    "vgg16 32x32": ("vgg16", (3, 32, 32), 384),
    "resnet18 32x32": ("resnet18", (3, 32, 32), 384),
    "resnet50 32x32": ("resnet50", (3, 32, 32), 256),
    "densenet40 32x32": ("densenet40", (3, 32, 32), 384),
}
BATCH_SIZE = 128
# Images per repetition on a GPU: ours, and the reference's, which is slower.
GPU_IMAGES, GPU_REFERENCE_IMAGES = 25_600, 6_400
# Ways to compute, by name. `auto` compiles no training as short as these epochs: it is `graph` here.
SETTINGS: dict[str, dict[str, object]] = {
    "graph": {"compile": "none"},
    "compiled": {"compile": "default"},
    "fast": {"compile": "none", "deterministic": False},
    "fast-compiled": {"compile": "default", "deterministic": False},
    "eager": {"compile": "none", "graphs": "off"},
}


def random_dataset(shape: tuple[int, int, int], images: int) -> PreparedDataset:
    """Random images with random labels."""
    rng = np.random.default_rng(0)
    data = torch.from_numpy(rng.integers(256, size=(images, *shape), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(10, size=images))
    mean, std = (0.5,) * shape[0], (0.3,) * shape[0]
    return PreparedDataset("random", data, labels, data, labels, tuple("0123456789"), mean, std, "test")


def new_model(name: str, shape: tuple[int, int, int], device: torch.device) -> torch.nn.Module:
    """Return the same weights every time."""
    torch.manual_seed(0)
    return build_model(ModelConfig(architecture=name), shape, 10).to(device)


def settings_of(name: str) -> TrainSettings:
    """One epoch of SOTA SGD."""
    return TrainSettings(
        phase="train",
        dataset="random",
        model_name=name,
        init="random",
        recipe_name="da+m+l2",
        seed=0,
        root_seed=0,
        model=ModelConfig(architecture=name),
        recipe=RecipeConfig(augmentation=True, momentum=0.9, weight_decay=5e-4),
        augmentation=AugmentationConfig(),
        optimization=OptimizationConfig(batch_size=BATCH_SIZE, learning_rate=0.01, epochs=1, milestones=[]),
        device="auto",
    )


def serve_reference(
    connection: "multiprocessing.connection.Connection", name: str, images: int, threads: int, workers: int
) -> None:
    """Train an epoch of the reference whenever asked, and send its images per second."""
    torch.set_num_threads(threads)
    device = choose_device("auto")
    architecture, shape, _ = CASES[name]
    dataset = random_dataset(shape, images)
    model = new_model(architecture, shape, device)
    arrays = dataset.train_images.numpy(), dataset.train_labels.numpy()
    batches = reference.loader(*arrays, (dataset.mean, dataset.std), BATCH_SIZE, workers, augmented=True)
    while connection.recv():
        connection.send(reference.train_epoch(model, batches, device))


class Reference:
    """The plain way on one case, in a process of its own: what we do to torch and to the allocator is no part of it."""

    def __init__(self, name: str, device: torch.device, workers: int) -> None:
        images = GPU_REFERENCE_IMAGES if device.type == "cuda" else CASES[name][2]
        context = multiprocessing.get_context("spawn")
        self.connection, other_end = context.Pipe()
        arguments = (other_end, name, images, torch.get_num_threads(), workers)
        self.process = context.Process(target=serve_reference, args=arguments)
        self.process.start()

    def train(self) -> float:
        """Images per second of one epoch."""
        self.connection.send(True)
        rate: float = self.connection.recv()
        return rate

    def close(self) -> None:
        """End the process."""
        self.connection.send(False)
        self.process.join()


class Case:
    """Ours: one model on one image size, in one way to compute."""

    def __init__(self, name: str, config: NumericsConfig, device: torch.device) -> None:
        self.model_name, self.shape, images = CASES[name]
        self.device = device
        self.numerics: Numerics = set_up(config, device)
        self.dataset = random_dataset(self.shape, GPU_IMAGES if device.type == "cuda" else images)
        self.items = make_items(self.dataset, self.dataset.train_images, self.dataset.train_labels, device)
        model = new_model(self.model_name, self.shape, device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.training = Training(
            model, self.items, self.items, settings_of(self.model_name), self.numerics, 10, 1.0, stop_at_target=False
        )

    def train(self) -> float:
        """Images per second of one epoch of ours."""
        self.training.epoch, self.training.batch = 0, 0
        started = time.perf_counter()
        self.training._train_epoch()
        return len(self.items) / (time.perf_counter() - started)

    def evaluate(self) -> float:
        """Images per second of an evaluation."""
        started = time.perf_counter()
        self.training.evaluate(self.training.model, self.items)
        return len(self.items) / (time.perf_counter() - started)

    def data_only(self) -> float:
        """Images per second of making batches, without a network."""
        draws = draw_augmentation(AugmentationConfig(), len(self.items), 0)
        order = torch.randperm(len(self.items))
        started = time.perf_counter()
        for images, _ in self.items.batches(order, BATCH_SIZE, draws):
            del images
        _wait(self.device)
        return len(self.items) / (time.perf_counter() - started)

    def flops_per_image(self) -> float:
        """Floating-point operations of forward and backward pass, by torch's counter."""
        images = torch.zeros(2, *self.shape, device=self.device)
        model = new_model(self.model_name, self.shape, self.device)
        with FlopCounterMode(display=False) as counter:
            model(images).sum().backward()
        return counter.get_total_flops() / 2


def matrix_product_rate(numerics: Numerics, repeats: int = 5) -> float:
    """FLOP/s of a large matrix product in the precision in use."""
    size = 8192 if numerics.device.type == "cuda" else 2048
    kind = torch.bfloat16 if numerics.precision == "bf16" else torch.float32
    one, other = (torch.randn(size, size, device=numerics.device).to(kind) for _ in range(2))
    rates = []
    for _ in range(repeats + 1):
        _wait(numerics.device)
        started = time.perf_counter()
        one @ other
        _wait(numerics.device)
        rates.append(2 * size**3 / (time.perf_counter() - started))
    return statistics.median(rates[1:])


def measure(
    name: str, setting: str, precision: str, device: torch.device, reference_: Reference | None, repeats: int
) -> dict[str, object]:
    """Return a row of the table."""
    config = NumericsConfig.model_validate({"precision": precision, **SETTINGS[setting]})
    case = Case(name, config, device)
    started = time.perf_counter()
    case.train()
    first = time.perf_counter() - started
    if reference_ is not None:
        reference_.train()
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(case.train())
        theirs.append(math.nan if reference_ is None else reference_.train())
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    median = statistics.median(ours)
    flops = case.flops_per_image()
    row = {
        "case": name,
        "setting": setting,
        "precision": case.numerics.precision,
        "compile": case.numerics.compile,
        "deterministic": case.numerics.deterministic,
        "graphs": case.training.learn.graphs,
        "train_images_per_second": round(median, 1),
        "reference_images_per_second": round(statistics.median(theirs), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratio_low": round(min(ratios), 2),
        "ratio_high": round(max(ratios), 2),
        "evaluate_images_per_second": round(_median(case.evaluate, repeats), 1),
        "data_images_per_second": round(_median(case.data_only, repeats), 1),
        "first_epoch_seconds": round(first, 2),
        "train_gflop_per_image": round(flops / 1e9, 4),
        "share_of_matrix_product": round(median * flops / matrix_product_rate(case.numerics), 3),
        "peak_mib": round(_peak_mib(device)),
        "batch_size": BATCH_SIZE,
        "repeats": repeats,
    }
    del case
    gc.collect()
    return row


def _median(measurement: Callable[[], float], repeats: int) -> float:
    measurement()
    return statistics.median(measurement() for _ in range(repeats))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_mib(device: torch.device) -> float:
    """Peak memory of the device; on a CPU that of the process, which never falls from case to case."""
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**20
        torch.cuda.reset_peak_memory_stats(device)
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@click.command(help=__doc__)
@click.option("--only", "cases", multiple=True, type=click.Choice(list(CASES)), help="Cases; default: all.")
@click.option("--precision", default="auto", type=click.Choice(["auto", "fp32", "tf32", "bf16"]), show_default=True)
@click.option(
    "--setting", "settings", multiple=True, type=click.Choice(list(SETTINGS)), help="Ways to compute; default: graph."
)
@click.option("--threads", default=2, show_default=True, help="CPU threads of the training.")
@click.option("--workers", default=2, show_default=True, help="Worker processes of the reference's DataLoader.")
@click.option("--reference/--no-reference", "compared", default=True, help="Time the reference loop, too.")
@click.option("--repeats", default=3, show_default=True, help="Repetitions; medians are shown.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="CSV file.")
def main(
    cases: tuple[str, ...],
    precision: str,
    settings: tuple[str, ...],
    threads: int,
    workers: int,
    compared: bool,
    repeats: int,
    output: Path | None,
) -> None:
    torch.set_num_threads(threads)
    device = choose_device("auto")
    rows = []
    for case in cases or CASES:
        plain = Reference(case, device, workers) if compared else None
        for setting in settings or ["graph"]:
            rows.append(measure(case, setting, precision, device, plain, repeats))
            click.echo(" ".join(f"{key}={value}" for key, value in rows[-1].items()))
        if plain is not None:
            plain.close()
    if output is not None:
        facts = provenance(device)
        write_csv(output, [*rows[0], *facts], ({**row, **facts} for row in rows))


if __name__ == "__main__":
    main()
