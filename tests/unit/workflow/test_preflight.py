"""Some things are refused before the first job."""

import pytest
import yaml

from badminima.config import Config
from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.experiment.runs import all_runs
from badminima.workflow import preflight
from badminima.workflow.preflight import check_captions, check_cost, check_data, local_files
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY

SPEEDS = sorted((REPOSITORY / "benchmarks").glob("*.csv"))
SHORT = {"training": {"epochs": 10, "milestones": []}, "plan": {"local_hours": 500}}


def config(change: dict | None = None) -> Config:
    return load_config(overlay(raw_config(), change or {}))


@pytest.mark.parametrize(
    ("device", "change", "told"),
    [
        ("cpu", {}, "found 1,680 trainings and 0 pretrainings to run here, up to 973,397 device-hours"),
        ("cpu", {"plan": {"local_hours": None}}, None),
        ("cpu", {"plan": {"local_hours": 973_398}}, None),
        # 1,680 trainings of ten minutes, against as many of a week.
        ("cpu", SHORT, "1,680 trainings"),
        ("NVIDIA H200", SHORT, None),
        ("NVIDIA H200", {}, "at the speeds of NVIDIA H200"),
        ("NVIDIA of tomorrow", {}, "at the speeds of NVIDIA H200"),
    ],
)  # fmt: skip
def test_what_takes_longer_than_the_limit_is_refused_on_one_machine(monkeypatch, device, change, told):
    monkeypatch.setattr(preflight, "device_here", lambda wanted: device)
    grid = config(change)
    check_cost(grid, [], [], SPEEDS)
    if told is None:
        check_cost(grid, all_runs(grid), [], SPEEDS)
        return
    with pytest.raises(UserError) as refused:
        check_cost(grid, all_runs(grid), [], SPEEDS)
    assert all(words in str(refused.value) for words in (told, "presets/demo.yaml", "--profile slurm"))


def test_a_model_that_was_not_measured_is_estimated(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "device_here", lambda wanted: "cpu")
    header, *rows = (REPOSITORY / "benchmarks" / "cpu.csv").read_text().splitlines(keepends=True)
    (tmp_path / "mlp.csv").write_text(header + "".join(row for row in rows if row.startswith("mlp")))
    with pytest.raises(UserError, match="1,680 trainings"):
        check_cost(config(), all_runs(config()), [], [tmp_path / "mlp.csv"])


PHOTOS = {"source": "image_folder"}


@pytest.mark.parametrize(
    ("dataset", "change", "where"),
    [
        ("restricted_imagenet", {}, r"local_dirs\.restricted_imagenet: found no folder; .*without_imagenet\.yaml"),
        ("restricted_imagenet", {"data": {"local_dirs": {"restricted_imagenet": ""}}}, "restricted_imagenet: found no"),
        ("restricted_imagenet", {"data": {"local_dirs": {"restricted_imagenet": "~/"}}}, None),
        ("cifar10", {"data": {"local_dirs": {"cifar10": "~/wrong"}}}, r"data\.local_dirs\.cifar10: found .*/wrong;"),
        ("cifar100", {"data": {"local_dirs": {"cifar10": "~/wrong"}}}, None),
        ("photos", {"datasets": {"photos": PHOTOS}}, r"data\.local_dirs\.image_folder: found no folder;"),
        ("photos", {"datasets": {"photos": {**PHOTOS, "path": "~/p.tar"}}}, r"datasets\.photos\.path: found .*p\.tar;"),
        ("photos", {"datasets": {"photos": {**PHOTOS, "path": "~/photos.tar"}}}, None),
    ],
)  # fmt: skip
def test_a_dataset_that_is_made_from_files_of_the_users_needs_them(tmp_path, monkeypatch, dataset, change, where):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos.tar").touch()
    if where is None:
        check_data(config(change), [dataset])
        return
    with pytest.raises(UserError, match=where):
        check_data(config(change), ["cifar100", dataset])


def test_a_datasets_own_path_comes_first():
    change = {"datasets": {"photos": {**PHOTOS, "path": "/own"}}, "data": {"local_dirs": {"image_folder": "/other"}}}
    assert str(local_files(config(change), "photos")) == "/own"


def test_the_overlay_that_leaves_it_out_leaves_nothing_else_out():
    text = (REPOSITORY / "presets" / "overlays" / "without_imagenet.yaml").read_text()
    rest = config(yaml.safe_load(text))
    assert len(all_runs(rest)) == 3 * len(all_runs(config())) // 4
    check_data(rest, {run.dataset for run in all_runs(rest)})


def test_a_missing_caption_of_a_figure_or_table_is_found(tmp_path):
    check_captions(config(), REPOSITORY / "report")
    shown = {f"fig_{figure.kind or name}.rst" for name, figure in config().figures.items()}
    for name in shown - {"fig_ablation.rst"}:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"figures\.ablation: found no caption .*fig_ablation\.rst; write"):
        check_captions(config(), tmp_path)
    (tmp_path / "fig_ablation.rst").touch()
    with pytest.raises(UserError, match=r"tables\.\w+: found no caption"):
        check_captions(config(), tmp_path)
