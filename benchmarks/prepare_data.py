"""Time, size and peak memory of preparing each dataset.

Fashion-MNIST is the real one where Debian's package has put it; the others are generated in their published formats.
Memory is the peak of a preparation's process over what it held before (Linux only). Run it from the repository's root:

    python -m benchmarks.prepare_data --output results/benchmarks/prepare_data.csv
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
import torch

from badminima.config.registry import SOURCES
from badminima.data.prepared import prepare, read_prepared
from badminima.data.raw import fetch
from badminima.data.sources.base import RawDataset
from badminima.data.sources.cifar import Cifar10, Cifar100
from badminima.experiment.settings import PrepareSettings
from badminima.storage.files import write_csv
from badminima.storage.provenance import provenance
from tests import generated

FASHION = Path("/usr/share/datasets/fashion-mnist")
RNG = np.random.default_rng(0)


def digits(folder: Path, patch: pytest.MonkeyPatch) -> Path | None:
    """Embedded: there is nothing to generate."""
    return None


def fashion_mnist(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """All of it."""
    return FASHION


def cifar10(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """As many images as the real one."""
    return generated.publish_cifar(folder, Cifar10, RNG, patch, per_batch=10_000, tests=10_000).parent


def cifar100(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """As many images as the real one."""
    return generated.publish_cifar(folder, Cifar100, RNG, patch, per_batch=50_000, tests=10_000).parent


def cinic10(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Return a tenth of the real one: 27,000 images."""
    return generated.publish_cinic(folder, RNG, patch, per_class=900).parent


def restricted_imagenet(per_class: int) -> Callable[[Path, pytest.MonkeyPatch], Path]:
    """203 classes of so many training images of 500x375, and 50 for test."""

    def make(folder: Path, patch: pytest.MonkeyPatch) -> Path:
        # Noise of several scales: about as many bytes as a photograph of this size (110 kB).
        image = np.zeros((375, 500, 3))
        for scale in (1, 5, 25, 125):
            coarse = RNG.normal(0, 12 * scale**0.4, size=(375 // scale + 1, 500 // scale + 1, 3))
            image += coarse.repeat(scale, axis=0)[:375].repeat(scale, axis=1)[:, :500]
        content = generated.encoded(np.clip(image + 128, 0, 255).astype(np.uint8), "JPEG")
        return generated.imagenet_tree(folder / "tree", content, {"train": per_class, "val": 50})

    return make


CASES = {
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "cinic10": cinic10,
    "restricted_imagenet 10,353": restricted_imagenet(1),
    "restricted_imagenet 20,300": restricted_imagenet(50),
    "restricted_imagenet 111,650": restricted_imagenet(500),
}


def one(case: str, threads: int) -> dict[str, object]:
    """Prepare one dataset in this process."""
    source = case.split()[0]
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        folder = Path(temporary)
        local_dir = CASES[case](folder, patch)
        manifest = fetch(source, folder / "downloads", local_dir)
        files = {role: Path(entry["path"]) for role, entry in manifest["files"].items()}
        source_class = SOURCES.load(source)  # imported before memory is measured: torchvision alone takes 400 MiB
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
        before, started = memory_mib("VmRSS"), time.perf_counter()
        raw: RawDataset = source_class().read(files, **dict(SOURCES.entry(source).options()))
        settings = PrepareSettings(
            dataset=source,
            source=source,
            train_size=None if raw.test is not None else 1000,
            validation_size=0,
            evaluate_on="test",
            root_seed=0,
        )
        prepare(raw, settings, folder / "prepared.safetensors", {}, threads)
        seconds = time.perf_counter() - started
        peak = memory_mib("VmHWM") - before
        dataset = read_prepared(folder / "prepared.safetensors")
        images = len(dataset.train_labels) + len(dataset.test_labels)
        return {
            "dataset": case,
            "images": images,
            "threads": threads,
            "seconds": round(seconds, 2),
            "images_per_second": round(images / seconds),
            "prepared_mib": round((folder / "prepared.safetensors").stat().st_size / 2**20, 1),
            "peak_mib": round(peak),
        }


def memory_mib(entry: str) -> float:
    """Return this process's resident memory (``VmRSS``) or the peak of it (``VmHWM``)."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[entry].split()[0]) / 1024


@click.command(help=__doc__)
@click.option("--only", "cases", multiple=True, type=click.Choice(list(CASES)), help="Cases to run; default: all.")
@click.option("--threads", default=2, show_default=True, help="Decoding threads.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="CSV file.")
@click.option("--inside", is_flag=True, hidden=True)
def main(cases: tuple[str, ...], threads: int, output: Path | None, inside: bool) -> None:
    if inside:
        click.echo(json.dumps(one(cases[0], threads)))
        return
    rows = []
    for case in cases or CASES:
        command = [
            sys.executable,
            "-m",
            "benchmarks.prepare_data",
            "--inside",
            "--only",
            case,
            "--threads",
            str(threads),
        ]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        click.echo(rows[-1])
    if output is not None:
        facts = provenance(torch.device("cpu"))
        write_csv(output, [*rows[0], *facts], ({**row, **facts} for row in rows))


if __name__ == "__main__":
    main()
