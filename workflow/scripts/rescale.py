"""Give random weights the norms of other weights, tensor by tensor."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, OUTPUT_FILE, one_line_errors
from badminima.models.initialization import rescale
from badminima.models.weights import read_weights, write_weights


@click.command(help=__doc__)
@click.option("--random", type=INPUT_FILE, required=True, help="Weights whose directions are kept.")
@click.option("--like", type=INPUT_FILE, required=True, help="Weights whose norms are taken.")
@click.option("--weights", type=OUTPUT_FILE, required=True, help="Output: the weights (safetensors).")
@one_line_errors
def main(random: Path, like: Path, weights: Path) -> None:
    write_weights(weights, rescale(read_weights(random), read_weights(like)))


if __name__ == "__main__":
    main()
