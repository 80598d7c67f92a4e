"""Results for experiment trackers, read back with their own readers."""

import json
import runpy
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from badminima.errors import UserError
from badminima.experiment.measured import is_of_tensor
from badminima.experiment.records import name_of
from badminima.results.results import Results
from badminima.results.trackers import STUDY, TRACKERS, track, tracked_run
from badminima.storage.files import file_sha256
from tests.conftest import REPOSITORY
from tests.unit.results.conftest import NAME, RUN

LOG_BLOCK = 32768


@pytest.fixture(scope="module")
def drawn(demo_folder, tmp_path_factory) -> Results:
    """The results with a figure, and with a run that diverged."""
    folder = tmp_path_factory.mktemp("drawn") / "demo"
    shutil.copytree(demo_folder / "results" / "demo", folder)
    (folder / "figures").mkdir()
    Image.fromarray(np.full((4, 6, 3), [255, 0, 0], np.uint8)).save(folder / "figures" / "fig_ablation.png")
    return Results(folder)


@pytest.fixture
def names(drawn) -> set[str]:
    return {name_of(run) for run in drawn.trained}


@pytest.fixture(scope="module")
def history(drawn):
    table = drawn.histories
    keys = ["dataset", "model", "init", "recipe", "seed"]
    chosen = (table[keys] == [RUN.dataset, RUN.model, RUN.init, RUN.recipe, RUN.seed]).all(axis=1)
    return table[chosen].set_index("epoch")


def measured(results: Results) -> dict[str, float]:
    values = json.loads((results.paths.run(RUN) / "diagnostics.json").read_text())["values"]
    return {name: value for name, value in values.items() if value is not None and not is_of_tensor(name)}


def log_records(content: bytes) -> Iterator[bytes]:
    """The records of a .wandb file: a head of 7 bytes, then LevelDB's log format. wandb has no reader in Python."""
    at, parts = 7, b""
    while at + 7 <= len(content):
        if LOG_BLOCK - at % LOG_BLOCK < 7:
            at += LOG_BLOCK - at % LOG_BLOCK  # what is too short for the head of a part is padding
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def test_tensorboard_reads_curves_measurements_settings_figures_and_claims(drawn, names, history, tmp_path):
    multiplexer = pytest.importorskip("tensorboard.backend.event_processing.plugin_event_multiplexer")
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG, parse_session_start_info_plugin_data
    from tensorboard.util.tensor_util import make_ndarray

    track(drawn, "tensorboard", tmp_path / "tb")
    read = multiplexer.EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "tb")).Reload()
    assert set(read.Runs()) == {*names, STUDY}
    events = read.GetAccumulator(NAME)

    def points(tag: str) -> dict[int, float]:
        return {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}

    for column in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        assert points(column) == pytest.approx(history[column].to_dict())
    for name, value in measured(drawn).items():
        assert points(name) == pytest.approx({3: value})
    content = events.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
    sent = parse_session_start_info_plugin_data(content).hparams
    assert sent["optimization.epochs"].number_value == 3
    assert sent["status"].string_value in ("converged", "max_epochs")
    study = read.GetAccumulator(STUDY)
    (figure,) = study.Tensors("fig_ablation")
    assert make_ndarray(figure.tensor_proto)[:2].tolist() == [b"6", b"4"]
    (claims,) = study.Tensors("claims/text_summary")
    rows = make_ndarray(claims.tensor_proto).item().decode().splitlines()
    assert len(rows) == 2 + len(drawn.claims)


def test_mlflow_reads_curves_measurements_settings_figures_and_claims(drawn, names, history, tmp_path):
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package)
    from mlflow import MlflowClient

    track(drawn, "mlflow", tmp_path / "store")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/store/mlflow.db")
    experiment = client.get_experiment_by_name("demo")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {*names, STUDY}
    run = runs[NAME]
    for column in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        points = client.get_metric_history(run.info.run_id, column)
        assert {point.step: point.value for point in points} == history[column].to_dict()
        assert run.data.metrics[column] == history[column].iloc[-1]
    assert measured(drawn).items() <= run.data.metrics.items()
    assert run.data.params["optimization.epochs"] == "3"
    assert run.data.tags["status"] in ("converged", "max_epochs")
    study = runs[STUDY].info
    assert study.artifact_uri.startswith((tmp_path / "store" / "artifacts").as_uri())
    found = {file.path for folder in ("", "figures") for file in client.list_artifacts(study.run_id, folder)}
    assert found == {"claims.csv", "figures", "figures/fig_ablation.png"}


def test_wandb_reads_curves_measurements_settings_figures_and_claims(drawn, names, history, tmp_path):
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    track(drawn, "wandb", tmp_path / "offline")
    records = {}
    for path in (tmp_path / "offline" / "wandb").glob("offline-run-*/run-*.wandb"):
        read = [Record.FromString(content) for content in log_records(path.read_bytes())]
        (name,) = {record.run.display_name for record in read if record.WhichOneof("record_type") == "run"}
        records[name] = path.parent, read
    assert set(records) == {*names, STUDY}
    _, read = records[NAME]

    def plain(items) -> dict:
        return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}

    rows = [plain(record.history.item) for record in read if record.WhichOneof("record_type") == "history"]
    for column in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        assert {row["epoch"]: row[column] for row in rows} == history[column].to_dict()
    (config,) = [record.run.config.update for record in read if record.WhichOneof("record_type") == "run"]
    assert plain(config)["optimization.epochs"] == 3
    summary = {}
    for record in read:
        if record.WhichOneof("record_type") == "summary":
            summary |= plain(record.summary.update)
    assert measured(drawn).items() <= summary.items()
    assert summary["status"] in ("converged", "max_epochs")
    folder, _ = records[STUDY]
    assert [path.name[:12] for path in folder.rglob("*.png")] == ["fig_ablation"]
    (table,) = folder.rglob("claims*.table.json")
    assert len(json.loads(table.read_text())["data"]) == len(drawn.claims)


def test_a_loss_that_is_not_finite_is_sent_as_such_and_other_gaps_are_not(drawn, tmp_path):
    copy = Results(shutil.copytree(drawn.paths.results, tmp_path / "copy"))
    folder = copy.paths.run(RUN)
    path = folder / "history.csv"
    columns, *rows = [line.split(",") for line in path.read_text().splitlines()]
    rows[-1][columns.index("train_loss")] = rows[-1][columns.index("lr")] = ""
    path.write_text("\n".join(",".join(row) for row in [columns, *rows]) + "\n")
    with pytest.raises(UserError, match="not the history"):
        tracked_run(copy, RUN)
    record = json.loads((folder / "run.json").read_text())
    record["left"]["history"] = file_sha256(path)
    (folder / "run.json").write_text(json.dumps(record))
    last = tracked_run(copy, RUN).curves[3]
    assert np.isnan(last["train_loss"])
    assert "lr" not in last


def run_track(*arguments: object):
    main = runpy.run_path(str(REPOSITORY / "workflow" / "scripts" / "track.py"))["track"]
    return CliRunner().invoke(main, list(map(str, arguments)), prog_name="track.py")


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_missing_package_is_one_line_that_says_how_to_install_it(drawn, tracker, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, tracker, None)
    done = run_track("--to", tracker, "--output", tmp_path / "out", drawn.paths.results)
    assert done.exit_code == 1
    assert done.stderr == f"Error: --to: found no {tracker}; pip install 'badminima[{tracker}]'\n"
    assert not (tmp_path / "out").exists()


def test_nothing_is_sent_twice_into_one_folder(drawn, tmp_path):
    pytest.importorskip("tensorboard")
    arguments = ("--to", "tensorboard", "--output", tmp_path / "out", drawn.paths.results)
    done = run_track(*arguments)
    assert done.stdout == f"8 runs for tensorboard in {tmp_path}/out\n"
    before = sorted(Path(tmp_path / "out").rglob("*"))
    again = run_track(*arguments)
    assert again.exit_code == 1
    assert again.stderr.startswith(f"Error: {tmp_path}/out: found a folder that is not empty; name a new one")
    assert sorted(Path(tmp_path / "out").rglob("*")) == before


def test_a_damaged_run_leaves_no_folder(drawn, tmp_path):
    pytest.importorskip("tensorboard")
    copy = Results(shutil.copytree(drawn.paths.results, tmp_path / "copy"))
    (copy.paths.run(copy.trained[-1]) / "history.csv").write_text("epoch\n0\n")
    with pytest.raises(UserError, match="not the history"):
        track(copy, "tensorboard", tmp_path / "out")
    assert not (tmp_path / "out").exists()
