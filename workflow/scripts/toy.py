"""Train all networks of the two-dimensional toy experiment and measure them.

Args:
    networks: output: points, networks and frames (safetensors).
    csv: output: a row per network.
    paths: output: a row per run, seed and kept step.
"""

from badminima.cli import Output, Progress, command
from badminima.experiment.settings import ToySettings
from badminima.storage.files import write_csv
from badminima.toy.data import write_networks
from badminima.toy.experiment import epochs_of, run_toy
from badminima.toy.measure import rows


@command
def toy(settings: ToySettings, networks: Output, csv: Output, paths: Output) -> None:
    progress = Progress(epochs_of(settings.toy), "toy: epochs", every=5)
    trained, along = run_toy(settings, progress.update)
    progress.close()
    write_networks(networks, trained)
    table = list(rows(trained))
    write_csv(csv, list(table[0]), table)
    write_csv(paths, list(along[0]), along)
