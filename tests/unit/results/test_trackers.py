"""Results for experiment trackers, read back with their own readers."""

import json
import runpy
import shutil
import struct
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from badminima.errors import UserError
from badminima.experiment.records import name_of
from badminima.results.results import Results
from badminima.results.trackers import STUDY, TRACKERS, Tracked, track, tracked_run
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


@pytest.fixture(scope="module")
def sent(drawn) -> Tracked:
    """One of the runs, which every tracker has to give back."""
    return tracked_run(drawn, RUN)


def curve(run: Tracked, name: str) -> dict[int, float]:
    return {epoch: values[name] for epoch, values in run.curves.items() if name in values}


@pytest.fixture
def names(drawn) -> set[str]:
    return {STUDY, *map(name_of, drawn.trained)}


def test_a_run_is_its_history_its_measurements_and_its_settings(drawn, sent):
    folder = drawn.paths.run(RUN)
    history = pd.read_csv(folder / "history.csv", index_col="epoch").select_dtypes("number")
    assert sent.curves == {epoch: row.dropna().to_dict() for epoch, row in history.iterrows()}
    values = json.loads((folder / "diagnostics.json").read_text())["values"]
    # What was measured without a finite value, or of each layer, is left out.
    assert sent.measurements == {name: value for name, value in values.items() if "@" not in name and value is not None}
    assert sent.name == NAME
    assert sent.parameters["optimization.epochs"] == 3
    assert sent.parameters["optimization.milestones"] == "[]"
    assert sent.facts["evaluated_on"] == "test"


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


def test_tensorboard_reads_curves_measurements_settings_figures_and_claims(drawn, names, sent, tmp_path):
    multiplexer = pytest.importorskip("tensorboard.backend.event_processing.plugin_event_multiplexer")
    from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG, parse_session_start_info_plugin_data
    from tensorboard.util.tensor_util import make_ndarray

    track(drawn, "tensorboard", tmp_path / "tb")
    read = multiplexer.EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "tb")).Reload()
    assert set(read.Runs()) == names
    events = read.GetAccumulator(NAME)

    def points(tag: str) -> dict[int, float]:
        return {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}

    for name in sent.curves[3]:
        assert points(name) == pytest.approx(curve(sent, name))
    for name, value in sent.measurements.items():
        assert points(name) == pytest.approx({3: value})
    content = events.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
    known = parse_session_start_info_plugin_data(content).hparams
    assert known["optimization.epochs"].number_value == 3
    assert known["status"].string_value == sent.facts["status"]
    study = read.GetAccumulator(STUDY)
    (figure,) = study.Tensors("fig_ablation")
    assert make_ndarray(figure.tensor_proto)[:2].tolist() == [b"6", b"4"]
    (claims,) = study.Tensors("claims/text_summary")
    rows = make_ndarray(claims.tensor_proto).item().decode().splitlines()
    assert len(rows) == 2 + len(drawn.claims)


def test_mlflow_reads_curves_measurements_settings_figures_and_claims(drawn, names, sent, tmp_path):
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package)
    from mlflow import MlflowClient

    track(drawn, "mlflow", tmp_path / "store")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/store/mlflow.db")
    experiment = client.get_experiment_by_name("demo")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == names
    run = runs[NAME]
    for name in sent.curves[3]:
        points = client.get_metric_history(run.info.run_id, name)
        assert {point.step: point.value for point in points} == curve(sent, name)
    assert run.data.metrics == {**sent.curves[3], **sent.measurements}
    assert run.data.params["optimization.epochs"] == "3"
    assert run.data.tags["status"] == sent.facts["status"]
    study = runs[STUDY].info
    assert study.artifact_uri.startswith((tmp_path / "store" / "artifacts").as_uri())
    found = {file.path for folder in ("", "figures") for file in client.list_artifacts(study.run_id, folder)}
    assert found == {"claims.csv", "figures", "figures/fig_ablation.png"}


def test_wandb_reads_curves_measurements_settings_figures_and_claims(drawn, names, sent, tmp_path):
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    track(drawn, "wandb", tmp_path / "offline")
    records, folders = {}, {}
    for path in (tmp_path / "offline" / "wandb").glob("offline-run-*/run-*.wandb"):
        read = [Record.FromString(content) for content in log_records(path.read_bytes())]
        (name,) = {record.run.display_name for record in read if record.WhichOneof("record_type") == "run"}
        records[name], folders[name] = read, path.parent
    assert set(records) == names

    def of_kind(kind: str) -> list:
        return [getattr(record, kind) for record in records[NAME] if record.WhichOneof("record_type") == kind]

    def plain(items) -> dict:
        return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}

    rows = [plain(found.item) for found in of_kind("history")]
    assert [values.items() <= row.items() for values, row in zip(sent.curves.values(), rows, strict=True)] == [True] * 4
    (run,) = of_kind("run")
    assert plain(run.config.update)["optimization.epochs"] == 3
    summary = {name: value for found in of_kind("summary") for name, value in plain(found.update).items()}
    assert {**sent.measurements, **sent.facts}.items() <= summary.items()
    assert [path.name[:12] for path in folders[STUDY].rglob("*.png")] == ["fig_ablation"]
    (table,) = folders[STUDY].rglob("claims*.table.json")
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
    assert run_track(*arguments).stdout == f"8 runs for tensorboard in {tmp_path}/out\n"
    before = sorted(tmp_path.rglob("*"))
    assert "out: found a folder that is not empty; name a new one" in run_track(*arguments).stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_run_leaves_no_folder(drawn, tmp_path):
    pytest.importorskip("tensorboard")
    copy = Results(shutil.copytree(drawn.paths.results, tmp_path / "copy"))
    (copy.paths.run(copy.trained[-1]) / "history.csv").write_text("epoch\n0\n")
    with pytest.raises(UserError, match="not the history"):
        track(copy, "tensorboard", tmp_path / "out")
    assert not (tmp_path / "out").exists()
