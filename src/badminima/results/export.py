"""Stage ``zoo``: runs of a results folder as a folder that stands alone.

One folder per run, ``{dataset}/{model}/{init}/{recipe}/seed{seed}/``: ``weights.safetensors`` as the run left them,
``card.json`` for machines, ``card.md`` for people; and ``index.csv``, with a row per run and the digests of its files.
On request also ``{dataset}/data.safetensors``, the prepared dataset.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from badminima.config.training import BASELINE_RECIPE
from badminima.data.prepared import read_prepared
from badminima.errors import UserError
from badminima.experiment.paths import COMPARISON, DIAGNOSTICS, RECORD, WEIGHTS
from badminima.experiment.records import RunRecord, name_of, read_measurements, read_record
from badminima.experiment.runs import Run, root_of, run_behind
from badminima.models.weights import read_weights
from badminima.results.results import Results
from badminima.storage.files import file_sha256, temporary_folder, write_csv, write_json, write_text
from badminima.storage.tensorfiles import read_tensors
from badminima.zoo import CARD, COLUMNS, DATA, INDEX, PAGE, Card, card_page

# What a run's record says of where it was made.
PROVENANCE = (
    *("data", "precision", "compile", "deterministic", "graphs", "device", "threads", "python", "versions", "revision"),
    "restarts",
)


def export(
    results: Results,
    runs: Sequence[Run],
    output: Path,
    report: Callable[[int, str], None] = lambda done, name: None,
    data: bool = False,
) -> None:
    """Write a zoo: all of it, or nothing.

    Args:
        results: where the runs lie.
        runs: which of them.
        output: the zoo's folder; absent or empty.
        report: called with the number of runs done, and the last one's name.
        data: whether their datasets are exported too.

    Raises:
        UserError: if there is something in the folder, or a file of a run is missing or damaged.
    """
    require_empty(output)
    with temporary_folder(output.absolute()) as folder:
        rows = []
        for done, run in enumerate(runs, start=1):
            rows.append(_export_run(results, run, folder))
            report(done, rows[-1]["name"])
        for dataset in dict.fromkeys(run.dataset for run in runs) if data else []:
            shutil.copyfile(results.paths.prepared(dataset), folder / dataset / DATA)
        write_csv(folder / INDEX, COLUMNS, rows)


def make_card(results: Results, run: Run) -> Card:
    """Return the card of a run; raise UserError if a file of it is missing, damaged or another run's."""
    folder = results.paths.run(run)
    of_run = read_record(folder / RECORD, run)
    record = of_run.content
    of_run.require("weights", folder / WEIGHTS)
    prepared = results.paths.prepared(run.dataset)
    of_run.require("dataset", prepared)
    data, (_, metadata) = read_prepared(prepared), read_tensors(prepared)
    behind, weights = run_behind(results.inits, run), read_weights(folder / WEIGHTS)
    pretrained = replace(run, init=root_of(results.inits, run.init), recipe=BASELINE_RECIPE)
    path, pretraining = results.paths.init(run.dataset, run.model, pretrained.init, run.seed) / RECORD, None
    if path.exists():
        content = read_record(path, pretrained).content
        pretraining = {name: content[name] for name in ("confusing", "status", "epochs", "final", "settings")}
    measured = measurements_of(of_run)
    of_data: dict[str, Any] = {name: list(getattr(data, name)) for name in ("image_shape", "mean", "std", "classes")}
    return Card(
        **asdict(run),
        network=record["settings"]["model"],
        parameters=sum(array.size for array in weights.parameters.values()),
        **of_data,
        **{name: record[name] for name in ("status", "epochs", "train_items", "test_items", "evaluated_on", "final")},
        start=None if behind is None else name_of(behind),
        pretraining=pretraining,
        measurements={name: value for file in measured for name, value in file["values"].items()},
        skipped={name: reason for file in measured for name, reason in {**file["skipped"], **file["failed"]}.items()},
        settings=record["settings"],
        digests={"weights": of_run.digests["weights"], **record["made_from"]},
        provenance={name: record.get(name) for name in PROVENANCE} | {"raw_data": metadata.get("source_digests")},
    )


def _export_run(results: Results, run: Run, folder: Path) -> dict[str, Any]:
    """Write one run's files; returns its row of the index."""
    card = make_card(results, run)
    target = folder / card.name
    write_json(target / CARD, card.model_dump(mode="json"))
    write_text(target / PAGE, card_page(card))
    shutil.copyfile(results.paths.run(run) / WEIGHTS, target / WEIGHTS)
    return {
        "name": card.name,
        **{column: getattr(card, column) for column in COLUMNS if column in Card.model_fields},
        **{column: card.final[column] for column in ("train_accuracy", "test_accuracy")},
        "bytes": (target / WEIGHTS).stat().st_size,
        "weights_sha256": file_sha256(target / WEIGHTS),
        "card_sha256": file_sha256(target / CARD),
    }


def measurements_of(record: RunRecord) -> list[dict[str, Any]]:
    """Read the measurements of a run, alone and against another, as far as they were made."""
    files = (record.path.with_name(name) for name in (DIAGNOSTICS, COMPARISON))
    return [read_measurements(path, record) for path in files if path.exists()]


def require_empty(folder: Path) -> None:
    """Make sure that an output folder is absent or empty; raises UserError if not."""
    if folder.exists() and any(folder.iterdir()):
        raise UserError(folder, "a folder that is not empty", "name a new one, or delete it first")
