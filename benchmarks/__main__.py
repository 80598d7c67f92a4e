"""Run benchmarks one after the other, each in a process of its own, and write their tables to results/benchmarks/.

Without --only: on a CPU all of them. On a GPU those that `plan` reads, with the network that measuring takes longest;
they are sized to fit three minutes.
"""

import subprocess
import sys
import time
from pathlib import Path

import click

from badminima.storage.device import choose_device

FOLDER = Path("results", "benchmarks")
NAMES = ["prepare_data", "training", "measurements", "startup", "scaling"]
ON_GPU = ["training", "measurements", "startup"]
# Options beside the output: the demo's network and images on a CPU, the paper's networks on a GPU.
ON_CPU_OPTIONS = {"measurements": ["--architecture", "mlp", "--shape", "1", "8", "8", "--images", "300"]}
ON_GPU_OPTIONS = {
    "training": ["--only", "resnet18 32x32", "--only", "vgg16 32x32", "--only", "resnet50 32x32", "--workers", "8"]
}


@click.command(help=__doc__)
@click.option("--only", "names", multiple=True, type=click.Choice(NAMES), help="Benchmarks to run.")
def main(names: tuple[str, ...]) -> None:
    on_gpu = choose_device("auto").type == "cuda"
    options = ON_GPU_OPTIONS if on_gpu else ON_CPU_OPTIONS
    for name in names or (ON_GPU if on_gpu else NAMES):
        started = time.perf_counter()
        output = FOLDER / f"{name}.csv"
        command = [sys.executable, "-m", f"benchmarks.{name}", *options.get(name, []), "--output", str(output)]
        if subprocess.run(command).returncode != 0:
            raise click.ClickException(f"{name} failed")
        click.echo(f"{name}: {time.perf_counter() - started:.0f} s, {output}")


if __name__ == "__main__":
    main()
