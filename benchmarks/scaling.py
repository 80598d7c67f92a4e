"""How cost grows: with copies, with images, with runs side by side; and what a job's time goes into.

python -m benchmarks.scaling --output results/benchmarks/scaling.csv
"""

import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import torch

from badminima.config import ModelConfig, NumericsConfig
from badminima.data.confusing import confuse, read_confusing
from badminima.data.items import Items, make_items, training_items
from badminima.data.prepared import PreparedDataset
from badminima.experiment.settings import ConfuseSettings
from badminima.models.build import build_model
from badminima.models.numerics import set_up
from badminima.storage.device import choose_device
from badminima.storage.files import write_csv
from badminima.storage.provenance import provenance
from badminima.training.engine import Training
from benchmarks.training import random_dataset, settings_of

SHAPE = (1, 28, 28)
IMAGES = 1_000


def epoch_seconds(items: Items, repeats: int) -> float:
    """Median seconds of a training epoch of the convnet."""
    device = items.labels.device
    model = build_model(ModelConfig(architecture="convnet"), SHAPE, 10).to(device)
    training = Training(model, items, items, settings_of("convnet"), set_up(NumericsConfig(), device), 10, 1.0, False)
    times = []
    for _ in range(repeats + 1):
        training.epoch, training.batch = 0, 0
        started = time.perf_counter()
        training._train_epoch()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def with_copies(replication: int, device: torch.device) -> Items:
    """Return a confusing set of so many copies of 1,000 images."""
    dataset = random_dataset(SHAPE, IMAGES)
    arrays = PreparedDataset(
        **{**vars(dataset), "train_images": dataset.train_images.numpy(), "train_labels": dataset.train_labels.numpy()}
    )
    settings = ConfuseSettings(
        dataset="random", replication=replication, noise=0.1, zeroing="values", root_seed=0, seed=0
    )
    with TemporaryDirectory() as folder:
        confuse(arrays, settings, Path(folder) / "c.safetensors")
        return training_items(dataset, read_confusing(Path(folder) / "c.safetensors"), device)


def _side_by_side(barrier: "multiprocessing.synchronize.Barrier", queue: "multiprocessing.Queue[float]") -> None:
    torch.set_num_threads(1)
    device = choose_device("auto")
    dataset = random_dataset(SHAPE, IMAGES)
    items = make_items(dataset, dataset.train_images, dataset.train_labels, device)
    epoch_seconds(items, 1)
    barrier.wait()
    queue.put(epoch_seconds(items, 5))


def side_by_side(runs: int) -> float:
    """Images per second of so many processes together, one CPU thread each."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(runs), context.Queue()
    processes = [context.Process(target=_side_by_side, args=(barrier, queue)) for _ in range(runs)]
    for process in processes:
        process.start()
    seconds = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    return sum(IMAGES / each for each in seconds)


def stages() -> Iterator[tuple[str, float]]:
    """Time the start of a job: seconds of importing, in processes of their own."""
    for name, code in (
        ("python", "pass"),
        ("import numpy", "import numpy"),
        ("import torch", "import torch"),
        ("import the training job", "import badminima.training.job"),
    ):
        times = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - started)
        yield name, statistics.median(times)


@click.command(help=__doc__)
@click.option("--repeats", default=5, show_default=True, help="Repetitions; medians are shown.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="CSV file.")
def main(repeats: int, output: Path | None) -> None:
    torch.set_num_threads(1)
    device = choose_device("auto")
    rows: list[dict[str, object]] = []

    def note(what: str, value: object, measured: str, number: float) -> None:
        rows.append({"what": what, "value": value, "measured": measured, "number": round(number, 3)})
        click.echo(f"{what} {value}: {number:.3f} {measured}")

    for replication in (1, 2, 5, 10):
        note("replication", replication, "seconds per epoch", epoch_seconds(with_copies(replication, device), repeats))
    for images in (500, 1_000, 2_000, 4_000):
        dataset = random_dataset(SHAPE, images)
        for resident in (True, False):
            items = make_items(dataset, dataset.train_images, dataset.train_labels, device, resident=resident)
            kind = "resident" if resident else "streamed"
            note(f"images, {kind}", images, "seconds per epoch", epoch_seconds(items, repeats))
    for runs in (1, 2, 4):
        note("runs side by side", runs, "images per second together", side_by_side(runs))
    for name, seconds in stages():
        note("start of a job", name, "seconds", seconds)
    stacked, apart = (np.float64(value) for value in stacking())
    note("64 steps of three mlps", "one after the other", "seconds", float(apart))
    note("64 steps of three mlps", "stacked (vmap)", "seconds", float(stacked))
    if output is not None:
        facts = provenance(device)
        write_csv(output, [*rows[0], *facts], ({**row, **facts} for row in rows))


def stacking() -> tuple[float, float]:
    """Seconds of 64 steps of three small networks: with stacked parameters, and one after the other."""
    models = [build_model(ModelConfig(architecture="mlp"), (1, 8, 8), 10) for _ in range(3)]
    images, labels = torch.randn(64, 1, 8, 8), torch.randint(10, (64,))
    parameters, buffers = torch.func.stack_module_state(models)  # type: ignore[no-untyped-call]

    def loss(weights: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> torch.Tensor:
        logits = torch.func.functional_call(models[0], (weights, state), (images,))
        return torch.nn.functional.cross_entropy(logits, labels)

    gradient = torch.func.vmap(torch.func.grad(loss))

    def together() -> None:
        for _ in range(64):
            for name, change in gradient(parameters, buffers).items():
                parameters[name] = parameters[name] - 0.01 * change

    def apart() -> None:
        for model in models:
            weights = list(model.parameters())
            for _ in range(64):
                changes = torch.autograd.grad(torch.nn.functional.cross_entropy(model(images), labels), weights)
                with torch.no_grad():
                    for weight, change in zip(weights, changes, strict=True):
                        weight -= 0.01 * change

    times = []
    for work in (together, apart):
        work()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times[0], times[1]


if __name__ == "__main__":
    main()
