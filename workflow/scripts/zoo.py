"""Export trained networks as a zoo: weights with a card each, usable without the results.

Without a choice, every run that was trained to the end is exported.
"""

from pathlib import Path

import click

from badminima.cli import FOLDER, Progress, one_line_errors
from badminima.errors import UserError
from badminima.experiment.runs import Run
from badminima.results.export import export
from badminima.results.lookup import listed
from badminima.results.results import Results


def coordinate(run: Run, option: str) -> str | int:
    """Return what an option chooses a run by."""
    if option == "cells":
        return f"{run.init}/{run.recipe}"
    found: str | int = getattr(run, option.removesuffix("s"))
    return found


@click.command(help=__doc__)
@click.option("--results", type=FOLDER, required=True, help="The results folder.")
@click.option("--output", type=FOLDER, required=True, help="Output folder: the zoo; absent or empty.")
@click.option("--datasets", multiple=True, help="Dataset to export; repeat. Default: all.")
@click.option("--models", multiple=True, help="Model to export; repeat. Default: all.")
@click.option("--inits", multiple=True, help="Init to export; repeat. Default: all.")
@click.option("--recipes", multiple=True, help="Recipe to export; repeat. Default: all.")
@click.option("--cells", multiple=True, help="Init and recipe to export, as INIT/RECIPE; repeat. Default: all.")
@click.option("--seeds", type=int, multiple=True, help="Seed to export; repeat. Default: all.")
@click.option("--data", is_flag=True, help="Export their prepared datasets too.")
@one_line_errors
def main(results: Path, output: Path, data: bool, **chosen: tuple[str | int, ...]) -> None:
    found = Results(results)
    runs = found.trained
    for option, values in chosen.items():
        there = {coordinate(run, option) for run in runs}
        for value in values:
            if value not in there:
                raise UserError(f"--{option}", repr(value), f"trained: {listed(map(str, sorted(there)))}")
        runs = [run for run in runs if not values or coordinate(run, option) in values]
    if not runs:
        raise UserError(results, "no trained run", "run the pipeline first")
    progress = Progress(len(runs), "zoo")
    export(found, runs, output, progress.update, data)
    progress.close()
    click.echo(f"{len(runs)} minima in {output}")


if __name__ == "__main__":
    main()
