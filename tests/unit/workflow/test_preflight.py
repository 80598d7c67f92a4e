"""Some things are refused before the first job."""

from pathlib import Path

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

CPU = REPOSITORY / "benchmarks" / "cpu.csv"
SPEEDS = sorted((REPOSITORY / "benchmarks").glob("*.csv"))


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """A machine whose device can be chosen; without a choice it has no GPU."""
    devices = ["cpu"]
    monkeypatch.setattr(preflight, "device_here", lambda wanted: devices[-1])
    return devices


def config(change: dict | None = None) -> Config:
    return load_config(overlay(raw_config(), change or {}))


def test_the_papers_grid_is_refused_on_one_machine_and_the_line_says_how_to_go_on():
    paper = config()
    with pytest.raises(UserError) as refused:
        check_cost(paper, all_runs(paper), [], ["cifar10", "restricted_imagenet"], SPEEDS)
    message = str(refused.value)
    assert "found 1,680 trainings and 0 pretrainings to run here, up to 973,397 device-hours" in message
    assert "at the speeds of cpu (x86_64), and downloads of cifar10;" in message
    assert "--configfile presets/demo.yaml" in message
    assert "--profile slurm" in message
    assert "\n" not in message


@pytest.mark.parametrize("limit", [None, 1e9])
def test_a_raised_limit_lets_it_run(limit):
    paper = config({"plan": {"local_hours": limit}})
    check_cost(paper, all_runs(paper), [], [], SPEEDS)


def test_a_model_that_was_not_measured_is_estimated_and_a_missing_table_is_refused(tmp_path):
    paper = config()
    header, *rows = CPU.read_text().splitlines(keepends=True)
    (tmp_path / "mlp.csv").write_text(header + "".join(row for row in rows if row.startswith("mlp")))
    with pytest.raises(UserError, match="1,680 trainings"):
        check_cost(paper, all_runs(paper), [], [], [tmp_path / "mlp.csv"])
    with pytest.raises(UserError, match="no such file"):
        check_cost(paper, all_runs(paper), [], [], [tmp_path / "absent.csv"])


@pytest.mark.parametrize("gpu", ["NVIDIA H200", "NVIDIA of tomorrow"])
def test_on_a_machine_with_a_gpu_its_speeds_count_or_those_of_another_gpu(here, gpu):
    here.append(gpu)
    paper = config()
    with pytest.raises(UserError, match=r"up to [\d,]{5} device-hours at the speeds of NVIDIA H200"):
        check_cost(paper, all_runs(paper), [], [], SPEEDS)
    # 1,680 trainings of ten minutes, against as many of a week.
    short = config({"training": {"epochs": 10, "milestones": []}, "plan": {"local_hours": 500}})
    check_cost(short, all_runs(short), [], [], SPEEDS)
    here.append("cpu")
    with pytest.raises(UserError, match="1,680 trainings"):
        check_cost(short, all_runs(short), [], [], SPEEDS)


def test_downloads_and_measurements_alone_are_no_grid():
    check_cost(config(), [], [], ["cifar10"], SPEEDS)


def test_a_dataset_that_is_made_from_a_folder_needs_one(tmp_path):
    with pytest.raises(UserError, match=r"found no folder to make restricted_imagenet from; .*without_imagenet\.yaml"):
        check_data(config(), ["cifar10", "restricted_imagenet"])
    wrong = config({"data": {"local_dirs": {"cifar10": str(tmp_path / "wrong")}}})
    with pytest.raises(
        UserError, match=r"data\.local_dirs\.cifar10: found .*wrong; expected an existing folder or archive"
    ):
        check_data(wrong, ["cifar10"])
    check_data(wrong, ["cifar100"])
    empty = config({"data": {"local_dirs": {"restricted_imagenet": ""}}})
    with pytest.raises(UserError, match="found no folder"):
        check_data(empty, ["restricted_imagenet"])
    there = config({"data": {"local_dirs": {"restricted_imagenet": str(tmp_path)}}})
    check_data(there, ["restricted_imagenet"])


def test_a_datasets_own_path_comes_first_and_may_be_an_archive_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos.tar").touch()
    photos = {"source": "image_folder", "path": "~/photos.tar"}
    named = config({"datasets": {"photos": photos}, "data": {"local_dirs": {"image_folder": "/elsewhere"}}})
    assert local_files(named, "photos") == tmp_path / "photos.tar"
    check_data(named, ["photos"])
    (tmp_path / "photos.tar").unlink()
    with pytest.raises(
        UserError, match=r"datasets\.photos\.path: found .*photos\.tar; expected an existing folder or arch"
    ):
        check_data(named, ["photos"])
    with pytest.raises(UserError, match=r"datasets\.photos\.path: found nothing; expected the folder or archive"):
        check_data(config({"datasets": {"photos": {"source": "image_folder"}}}), ["photos"])


def test_the_overlay_that_leaves_it_out_leaves_nothing_else_out():
    text = Path(REPOSITORY, "presets", "overlays", "without_imagenet.yaml").read_text()
    rest = config(yaml.safe_load(text))
    assert len(all_runs(rest)) == 3 * len(all_runs(config())) // 4
    check_data(rest, {run.dataset for run in all_runs(rest)})


def test_a_missing_caption_of_a_figure_or_table_is_found(tmp_path):
    shipped = REPOSITORY / "report"
    check_captions(config(), shipped, of_tables=True)
    figures = {f"fig_{figure.kind or name}.rst" for name, figure in config().figures.items()}
    for name in figures - {"fig_ablation.rst"}:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"figures\.ablation: found no caption .*fig_ablation\.rst; write"):
        check_captions(config(), tmp_path, of_tables=False)
    (tmp_path / "fig_ablation.rst").touch()
    check_captions(config(), tmp_path, of_tables=False)
    with pytest.raises(UserError, match=r"tables\.\w+: found no caption"):
        check_captions(config(), tmp_path, of_tables=True)
