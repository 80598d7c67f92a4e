"""Export trained networks as a zoo: weights with a card each, usable without the results.

Without a choice, every run that was trained to the end is exported.

Args:
    results: the results folder.
    output: output folder: the zoo; absent or empty.
    datasets: dataset to export; repeat. Default: all.
    models: model to export; repeat. Default: all.
    inits: init to export; repeat. Default: all.
    recipes: recipe to export; repeat. Default: all.
    cells: init and recipe to export, as INIT/RECIPE; repeat. Default: all.
    seeds: seed to export; repeat. Default: all.
    data: export their prepared datasets too.
"""

from badminima.cli import Folder, Progress, command
from badminima.errors import UserError
from badminima.experiment.runs import listed
from badminima.results.export import export
from badminima.results.results import Results


@command
def zoo(
    results: Folder,
    output: Folder,
    datasets: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    inits: tuple[str, ...] = (),
    recipes: tuple[str, ...] = (),
    cells: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (),
    data: bool = False,
) -> None:
    found = Results(results)
    runs = found.trained
    names = ("dataset", "model", "init", "recipe", "seed", "cell")
    for name, values in zip(names, (datasets, models, inits, recipes, seeds, cells), strict=True):
        of_run = {run: f"{run.init}/{run.recipe}" if name == "cell" else getattr(run, name) for run in runs}
        for value in values:
            if value not in of_run.values():
                there = listed(map(str, sorted(set(of_run.values()))))
                raise UserError(f"--{name}s", repr(value), f"trained: {there}")
        runs = [run for run in runs if not values or of_run[run] in values]
    if not runs:
        raise UserError(results, "no trained run", "run the pipeline first")
    progress = Progress(len(runs), "zoo")
    export(found, runs, output, progress.update, data)
    progress.close()
    print(f"{len(runs)} minima in {output}")
