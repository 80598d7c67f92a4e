"""Build the confusing set of a dataset (the paper's Algorithm 1)."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors, settings_option
from badminima.data.confusing import confuse
from badminima.data.prepared import read_prepared
from badminima.experiment.settings import ConfuseSettings


@click.command(help=__doc__)
@click.option("--prepared", type=INPUT_FILE, required=True, help="The prepared dataset.")
@settings_option(ConfuseSettings)
@click.option("--confusing", type=OUTPUT_FILE, required=True, help="Output: labels and zero masks (safetensors).")
@one_line_errors
def main(prepared: Path, settings: ConfuseSettings, confusing: Path) -> None:
    dataset = read_prepared(prepared)
    facts = confuse(dataset, settings, confusing)
    copies = len(dataset.train_labels) * settings.replication
    click.echo(
        f"{copies} copies, {facts.conflicting_copies} identical to one with another label; "
        f"reachable accuracy {facts.reachable_accuracy:.4%}"
    )


if __name__ == "__main__":
    main()
