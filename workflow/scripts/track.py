"""Send RESULTS to an experiment tracker, as a folder in its own offline format.

Every trained run is sent with its settings, curves and measurements; figures and claims are sent once.
"""

from pathlib import Path

import click

from badminima.cli import FOLDER, Progress, one_line_errors
from badminima.errors import UserError
from badminima.results.results import Results
from badminima.results.trackers import TRACKERS, track


@click.command(help=__doc__)
@click.argument("results", type=FOLDER)
@click.option("--to", type=click.Choice(list(TRACKERS)), required=True, help="The tracker.")
@click.option("--output", type=FOLDER, required=True, help="Output folder; absent or empty.")
@one_line_errors
def main(results: Path, to: str, output: Path) -> None:
    found = Results(results)
    runs = len(found.trained)
    if not runs:
        raise UserError(results, "no trained run", "run the pipeline first")
    progress = Progress(runs, "track")
    track(found, to, output, progress.update)
    progress.close()
    click.echo(f"{runs} runs for {to} in {output}")


if __name__ == "__main__":
    main()
