"""Seconds and memory of each diagnostic, on a network trained in a moment on random textures.

The measurements run one after the other in one process, on a GPU if there is one. Run it from the repository's root:

    python -m benchmarks.measurements --images 2000

The demo's sizes on a CPU:

    python -m benchmarks.measurements --architecture mlp --shape 1 8 8 --images 300 \
        --options '{"sharpness": {"images": 150, "draws": 20}, "robustness": {"steps": 10}}'
"""

import json
import resource
import time
from math import prod
from pathlib import Path

import click
import numpy as np
import torch
from torch.nn.functional import cross_entropy

from badminima.config import ModelConfig
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS
from badminima.data.confusing import ConfusingFacts, ConfusingSet
from badminima.data.prepared import PreparedDataset
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import Network, Sample, build_network
from badminima.experiment.settings import DiagnoseSettings
from badminima.models.build import build_model
from badminima.models.weights import Weights, weights_of
from badminima.storage.device import choose_device
from badminima.storage.files import write_csv
from badminima.storage.provenance import provenance

CLASSES = 10
# Levels of an 8-bit image: the contrast of a class's texture, tiles of so many pixels, and the noise of an image. A
# network learns them in seconds, and stays within reach of attacks and of noise in its weights: else some measurements
# would be over too soon.
CONTRAST, TILE, NOISE = 40, 4, 40
# Training: full passes at most, until this accuracy in evaluation mode, in batches of this size.
EPOCHS, ACCURACY, BATCH_SIZE = 100, 0.97, 100
# Left out unless asked for: it takes minutes where the others take seconds.
LONG = ("landscape",)


def separable_dataset(shape: tuple[int, int, int], images: int) -> PreparedDataset:
    """Make so many images for training and for test: a texture for each class, and noise."""
    rng = np.random.default_rng(0)
    channels, height, width = shape
    tiles = CONTRAST * rng.standard_normal((CLASSES, channels, TILE, TILE), dtype=np.float32)
    means = 128 + np.tile(tiles, (1, 1, -(-height // TILE), -(-width // TILE)))[..., :height, :width]
    parts = []
    for _ in range(2):
        labels = rng.integers(CLASSES, size=images)
        noisy = means[labels] + NOISE * rng.standard_normal((images, *shape), dtype=np.float32)
        parts += [torch.from_numpy(noisy.clip(0, 255).astype(np.uint8)), torch.from_numpy(labels)]
    mean, std = (128 / 255,) * shape[0], (NOISE / 255,) * shape[0]
    return PreparedDataset("random", *parts, tuple("0123456789"), mean, std, "test")


def confusing_set(dataset: PreparedDataset) -> ConfusingSet:
    """Make one copy of each training image with a fifth of its values zeroed and a random label."""
    rng = np.random.default_rng(1)
    count = len(dataset.train_labels)
    zeroed = rng.random((count, prod(dataset.image_shape))) < 0.2
    facts = ConfusingFacts("random", 1, 0.2, "values", 1.0, 0, 0, 1.0)
    labels = torch.from_numpy(rng.integers(CLASSES, size=count))
    return ConfusingSet(labels, torch.from_numpy(np.packbits(zeroed, axis=1)), facts)


def train(network: Network, sample: Sample) -> None:
    """Train by SGD with momentum until the accuracy suffices."""
    model = network.model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    draw = torch.Generator().manual_seed(0)
    for _ in range(EPOCHS):
        model.train()
        for chosen in torch.randperm(len(sample), generator=draw).split(BATCH_SIZE):
            if len(chosen) > 1:  # BatchNorm needs two
                optimizer.zero_grad()
                cross_entropy(model(sample.images[chosen]), sample.labels[chosen]).backward()
                optimizer.step()
        model.eval()
        if accuracy(network, sample) >= ACCURACY:
            break


def accuracy(network: Network, sample: Sample) -> float:
    """Return the fraction of images that are classified correctly."""
    return float((network.logits(sample.images).argmax(1) == sample.labels).double().mean())


def make_context(
    architecture: str, shape: tuple[int, int, int], images: int, options: dict[str, dict[str, object]]
) -> Context:
    """Make the context of a run that started from random weights and was trained; prints its accuracy."""
    settings = DiagnoseSettings(
        dataset="random",
        model_name=architecture,
        init="adversarial",
        recipe_name="vanilla",
        seed=0,
        root_seed=0,
        model=ModelConfig(architecture=architecture),
        device="auto",
        images=images,
        options=options,
    )
    dataset = separable_dataset(shape, images)
    torch.manual_seed(0)
    random = weights_of(build_model(settings.model, shape, CLASSES))
    # Somewhere else than the random weights: the landscape needs three points.
    moved = {name: 1.1 * array + np.float32(0.001) for name, array in random.parameters.items()}
    start = Weights(moved, random.buffers)
    untrained = Context(settings, start, start, dataset=dataset)
    trained = build_network(settings, dataset, start)
    train(trained, untrained.train)
    found = [f"{accuracy(trained, sample):.3f}" for sample in (untrained.train, untrained.test)]
    click.echo(f"{architecture}, {images} images, accuracy {found[0]} in training and {found[1]} in test")
    return Context(settings, start, weights_of(trained.model), random, dataset, confusing_set(dataset), reference=start)


def measure(context: Context, name: str) -> dict[str, object]:
    """Make one measurement; return its row of the table."""
    device = choose_device("auto")
    on_gpu = device.type == "cuda"
    function = DIAGNOSTICS.load(name)
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        found = function(context)
        values = found if isinstance(found, dict) else {"rows": list(found)}
    except Skipped as reason:
        values = {}
        click.echo(f"{name}: skipped, {reason}")
    if on_gpu:
        torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else _process_peak()
    return {
        "diagnostic": name,
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(time.process_time() - cpu_started, 3),
        "peak_mib": round(peak),
        "values": values,
    }


def _process_peak() -> float:
    """Return the peak memory of this process in MiB; it never falls from one measurement to the next."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@click.command(help=__doc__)
@click.option(
    "--only", "names", multiple=True, type=click.Choice(DIAGNOSTICS.names), help=f"Default: all but {LONG[0]}."
)
@click.option("--architecture", default="resnet18", show_default=True, type=click.Choice(ARCHITECTURES.names))
@click.option("--shape", nargs=3, type=int, default=(3, 32, 32), show_default=True, help="Channels, height, width.")
@click.option("--images", default=2000, show_default=True, help="Training images, and as many test images.")
@click.option("--options", default="{}", help="Options of diagnostics, as JSON.")
@click.option("--threads", default=2, show_default=True, help="CPU threads.")
@click.option(
    "--values", "values_path", type=click.Path(dir_okay=False, path_type=Path), help="JSON file of the values."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="CSV file.")
def main(
    names: tuple[str, ...],
    architecture: str,
    shape: tuple[int, int, int],
    images: int,
    options: str,
    threads: int,
    values_path: Path | None,
    output: Path | None,
) -> None:
    torch.set_num_threads(threads)
    context = make_context(architecture, shape, images, json.loads(options))
    _ = context.network.logits(context.train.images), context.test  # what all measurements share
    wanted = names or set(DIAGNOSTICS.names) - set(LONG)
    rows = [measure(context, name) for name in DIAGNOSTICS.names if name in wanted]
    values = {row["diagnostic"]: row.pop("values") for row in rows}
    total = sum(float(str(row["seconds"])) for row in rows)
    table = [{**row, "share": round(float(str(row["seconds"])) / total, 3)} for row in rows]
    click.echo(f"{'diagnostic':12} {'seconds':>9} {'cpu':>9} {'share':>6} {'peak MiB':>9}")
    for row in table:
        line = f"{row['diagnostic']:12} {row['seconds']:9.3f} {row['cpu_seconds']:9.3f} {row['share']:6.1%}"
        click.echo(f"{line} {row['peak_mib']:9}")
    click.echo(f"{'all':12} {total:9.3f}")
    if values_path is not None:
        values_path.write_text(json.dumps(values, indent=1))
    if output is not None:
        facts = {
            "case": f"{architecture} {shape[1]}x{shape[2]}",
            "images": images,
            "options": options,
            **provenance(choose_device("auto")),
        }
        write_csv(output, [*table[0], *facts], ({**row, **facts} for row in table))


if __name__ == "__main__":
    main()
