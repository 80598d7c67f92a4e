"""The cost plan: sums that can be done by hand."""

from dataclasses import replace

import pytest

from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.experiment.plan import Epochs, PlanRow, duration, plan, plan_text
from badminima.experiment.speeds import Device, Machine, Speed, Timing, find_device, planned_device, read_devices
from badminima.storage.files import write_json
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY

SPEEDS = {name: Speed(1000.0, 4000.0, 1024) for name in ("vgg16", "resnet18", "resnet50", "densenet40")}
GPU = Device("NVIDIA X", speeds=SPEEDS)
# Two threads of a CPU: 5 s to start a job.
PAIR = Device("cpu (x86_64)", 2, speeds=SPEEDS, start=5.0)
TABLES = sorted((REPOSITORY / "benchmarks").glob("*.csv"))
DEVICES = {device.name: device for device in (GPU, PAIR)}
ONE = {
    "datasets": ["cifar10"],
    "models": ["resnet18"],
    "inits": ["random", "adversarial"],
    "recipes": ["vanilla"],
    "seeds": [0],
}
# Figures that need no diagnostic.
ONLY_CURVES = dict.fromkeys(
    [
        "distance",
        "complexity",
        "sharpness",
        "robustness",
        "memory",
        "privacy",
        "units",
        "calibration",
        "landscape",
        "measures",
    ],
    None,
)


def config(**changes):
    study = {
        "studies": {"ablation": ONE, "scale": None},
        "claims": {"control": None},
        "figures": {"curves": {"recipes": None}, "robustness": None},
        "tables": {"main": {"recipes": None}},
    }
    return load_config(overlay(overlay(raw_config(), study), changes))


def rows(config, device=GPU, machine=Machine()):  # noqa: B008
    return {row.target: row for row in plan(config, device, machine)}


def counts(found):
    """Trainings and pretrainings of everything."""
    return found["all"].trainings, found["all"].pretrainings


def total(config, device=GPU, machine=Machine()):  # noqa: B008
    return rows(config, device, machine)["all"]


def test_one_cell_from_both_inits_is_two_trainings_and_a_pretraining():
    found = rows(config())
    # Training: 350 epochs of 50,000 images; 71 evaluations of 60,000. Pretraining: ten copies, 350 epochs, and at
    # most 15 evaluations of the copies and of the test images.
    training = 350 * 50_000 / 1000 + 71 * 60_000 / 4000
    pretraining = 350 * 500_000 / 1000 + 15 * (500_000 + 10_000) / 4000
    assert counts(found) == (2, 1)
    assert found["all"].training == pytest.approx((2 * training + pretraining) / 3600)
    # Three sets of weights, and labels (8 bytes) and masks (384) of 500,000 copies.
    disk = 3 * (4 * 11_173_962 + 16 * 10_000) + 500_000 * (8 + 384)
    assert found["all"].gigabytes == pytest.approx(disk / 1e9)


def test_figures_of_one_study_cost_the_same_and_augmentation_is_evaluated_twice():
    found = rows(config())
    assert found["fig_ablation"].training == found["all"].training
    augmented = rows(config(studies={"ablation": {"recipes": ["da"], "inits": ["random"]}}))
    expected = (350 * 50 + 71 * (2 * 50_000 + 10_000) / 4000) / 3600
    assert augmented["all"].training == pytest.approx(expected)


def test_fewer_test_images_cost_fewer_evaluations():
    cell = {"ablation": {"recipes": ["vanilla"], "inits": ["random"]}}
    found = rows(config(studies=cell, datasets={"cifar10": {"test_size": 1000}}))
    assert found["all"].training == pytest.approx((350 * 50 + 71 * (50_000 + 1000) / 4000) / 3600)
    held_out = {"cifar10": {"test_size": 1000, "validation_size": 5000, "evaluate_on": "validation"}}
    found = rows(config(studies=cell, datasets=held_out))
    assert found["all"].training == pytest.approx((350 * 45 + 71 * 50_000 / 4000) / 3600)


def test_a_recipe_costs_its_own_epochs_and_sharpness_awareness_twice():
    recipes = {"short": {"epochs": 35}, "sam": {"sam": 0.05}}
    costs = {
        name: rows(config(recipes=recipes, studies={"ablation": {"recipes": [name], "inits": ["random"]}}))
        for name in recipes
    }
    short = 35 * 50_000 / 1000 + (1 + 35) * 60_000 / 4000  # evaluated every 5 of 350 epochs, now every one (0.5) of 35
    assert costs["short"]["all"].training == pytest.approx(short / 3600)
    twice = 2 * 350 * 50_000 / 1000 + 71 * 60_000 / 4000
    assert costs["sam"]["all"].training == pytest.approx(twice / 3600)


def test_larger_images_cost_by_their_pixels():
    study = {"ablation": {"datasets": ["restricted_imagenet"], "inits": ["random"]}}
    small, large = (
        rows(config(studies=study, datasets={"restricted_imagenet": {"options": {"side": side}}})) for side in (32, 64)
    )
    assert large["all"].training == pytest.approx(4 * small["all"].training)


def test_a_rescaled_init_pays_for_the_pretraining_behind_it_once():
    alone = rows(config(studies={"ablation": {"inits": ["random_rescaled"]}}))
    assert counts(alone) == (1, 1)
    both = rows(config(studies={"ablation": {"inits": ["adversarial", "random_rescaled"]}}))
    assert counts(both) == (2, 1)


def test_a_start_trained_as_long_as_another_pays_for_both_pretrainings_once():
    alone = rows(config(studies={"ablation": {"inits": ["true_labels"]}}))
    assert counts(alone) == (1, 2)
    both = rows(config(studies={"ablation": {"inits": ["adversarial", "true_labels"]}}))
    assert counts(both) == (2, 2)


def test_a_model_that_was_not_measured_is_estimated_from_the_nearest_in_parameters():
    known = Device("NVIDIA X", speeds={"resnet50": Speed(500.0, 2000.0, 1024), "mlp": Speed(1e9, 1e9, 64)})
    # ResNet18 has 11,173,962 parameters where ResNet50 has 23,520,842.
    faster = 23_520_842 / 11_173_962
    speeds = {**SPEEDS, "resnet18": Speed(500.0 * faster, 2000.0 * faster, 1024)}
    assert total(config(), known).training == pytest.approx(total(config(), replace(GPU, speeds=speeds)).training)
    text = plan_text(plan(config(), known, Machine()), config(), known, 1, None, Epochs())
    assert "\nresnet18 was not measured on it: estimated from the parameters of resnet50; `make bench`\n" in text


def test_a_pretraining_likely_takes_the_epochs_of_finished_ones_or_of_a_network_of_its_size(tmp_path):
    paths = Paths(tmp_path)
    likely = {}
    for finished in ((), (40,), (50, 70, 90)):
        for seed, epochs in enumerate(finished):
            write_json(paths.init("cifar10", "resnet18", "adversarial", seed) / "run.json", {"epochs": epochs})
        likely[finished] = plan(config(), GPU, Machine(), epochs=Epochs(paths))[-1].likely
    vanilla = 350 * 50_000 / 1000 + 71 * 60_000 / 4000
    # 30 epochs of ResNet18 where none has finished; evaluated every 25 epochs.
    for finished, epochs in (((), 30), ((40,), 40), ((50, 70, 90), 70)):
        pretraining = epochs * 500_000 / 1000 + (1 + -(-epochs // 25)) * 510_000 / 4000
        assert likely[finished] == pytest.approx((2 * vanilla + pretraining) / 3600)
    text = plan_text(plan(config(), GPU, Machine()), config(), GPU, 1, None, Epochs(paths))
    assert "after 70 of 350 epochs,\nas finished ones here did (1 of 1)" in text


def test_an_end_point_pays_for_the_runs_behind_it_once():
    inits = {
        "end": {"kind": "run", "start": "adversarial", "recipe": "da"},
        "later": {"kind": "run", "start": "end", "recipe": "m"},
    }
    alone = rows(config(inits=inits, studies={"ablation": {"inits": ["later"]}}))
    # Its own training, the two behind it, and the pretraining at the root.
    assert counts(alone) == (3, 1)
    with_one = rows(config(inits=inits, studies={"ablation": {"inits": ["later", "adversarial"]}}))
    assert counts(with_one) == (4, 1)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_another_table_is_refused(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(UserError, match="expected what `make bench` writes"):
        read_devices([tmp_path / "x.csv"])
    with pytest.raises(UserError, match="run `make bench` first"):
        read_devices([tmp_path / "absent.csv"])


def test_the_tables_of_the_repository_have_a_gpu_and_a_cpu_that_can_plan_every_model():
    devices = read_devices(TABLES)
    assert {device.is_cpu for device in devices.values()} == {True, False}
    for device in devices.values():
        assert set(device.speeds) >= set(SPEEDS)
        assert device.start > 0
        assert set(device.timings) >= {"sharpness", "robustness", "complexity"}


def test_a_later_table_wins_and_an_empty_speed_is_none(tmp_path):
    header = "case,precision,train_images_per_second,evaluate_images_per_second,device,threads\n"
    (tmp_path / "old.csv").write_text(header + "mlp 8x8,fp32,10,20,GPU,\nvgg16 32x32,fp32,3,4,GPU,\n")
    (tmp_path / "new.csv").write_text(header + "mlp 8x8,bf16,30,40,GPU,\nresnet18 32x32,bf16,,,GPU,\n")
    device = read_devices([tmp_path / "old.csv", tmp_path / "new.csv"])["GPU"]
    assert device.speeds == {"mlp": Speed(30.0, 40.0, 64), "vgg16": Speed(3.0, 4.0, 1024)}


def test_seconds_of_a_cpu_are_those_of_as_many_threads_as_its_trainings_had(tmp_path):
    (tmp_path / "speeds.csv").write_text(
        "case,precision,train_images_per_second,evaluate_images_per_second,device,threads\n"
        "mlp 8x8,fp32,10,20,cpu (x),4\n"
    )
    (tmp_path / "seconds.csv").write_text(
        "case,images,diagnostic,seconds,device,threads\nmlp 8x8,9,norms,8,cpu (x),1\n"
    )
    (tmp_path / "start.csv").write_text("start_seconds,device,threads\n6,cpu (x),2\n")
    device = read_devices(tmp_path / f"{name}.csv" for name in ("seconds", "start", "speeds"))["cpu (x)"]
    assert device.timings["norms"]["mlp"] == Timing(2.0, 9, 64)
    assert device.start == 3.0


@pytest.mark.parametrize("name", ["NVIDIA H200", "h200", "NVIDIA H200 NVL"])
def test_a_device_is_found_by_a_part_of_its_name_that_no_other_has(name):
    devices = ["NVIDIA H200", "NVIDIA H200 NVL", "cpu (x86_64)"]
    if name == "h200":
        with pytest.raises(
            UserError, match=r"plan\.device: found 'h200', which is part of NVIDIA H200, NVIDIA H200 NVL;"
        ):
            find_device(devices, name)
        assert find_device(devices[1:], name) == "NVIDIA H200 NVL"
    else:
        assert find_device(devices, name) == name


def test_a_device_that_was_not_measured_is_refused_with_those_that_were():
    with pytest.raises(UserError, match=r"'A100', which was not measured; measured: NVIDIA X, cpu \(x86_64\) \("):
        planned_device(config(plan={"device": "A100"}), DEVICES, "cpu")


def test_the_device_is_the_named_one_else_that_of_this_machine_and_a_cpu_where_the_config_wants_one():
    assert planned_device(config(plan={"device": "x86"}), DEVICES, "NVIDIA X") is PAIR
    assert planned_device(config(plan={"device": None}), DEVICES, "NVIDIA X") is GPU
    assert planned_device(config(plan={"device": None}), DEVICES, "cpu") is PAIR
    assert planned_device(config(plan={"device": "NVIDIA X"}), DEVICES, "cpu") is GPU
    assert planned_device(config(plan={"device": "NVIDIA X"}, device="cpu"), DEVICES, "NVIDIA X") is PAIR


def test_measurements_grow_with_images_and_with_the_time_of_training_on_one():
    # Measured on a network of half the training time, on 1,000 images at the default options.
    timings = {"norms": {"fast": Timing(6.0, 1000, 1024)}, "sharpness": {"fast": Timing(100.0, 1000, 1024)}}
    device = Device("NVIDIA X", speeds=SPEEDS | {"fast": Speed(2000.0, 1.0, 1024)}, timings=timings)
    measuring = {"images": 500, "options": {"sharpness": {"images": 100}}}
    names = {"diagnostics": ["norms", "sharpness"], "measuring": measuring, "figures": ONLY_CURVES}
    # Two runs: norms on 500 of 1,000 images; sharpness on 100 where 500 is the default.
    expected = 2 * 2 * (6.0 / 2 + 100.0 / 5)
    assert total(config(**names), device).measuring == pytest.approx(expected / 3600)
    # No more images are measured than there are.
    few = config(**names, datasets={"cifar10": {"train_size": 50}})
    assert total(few, device).measuring == pytest.approx(2 * 2 * (6.0 / 20 + 100.0 / 10) / 3600)


def test_of_several_measured_networks_the_one_nearest_in_speed_is_scaled():
    speeds = SPEEDS | {"mlp": Speed(100_000.0, 1.0, 64), "convnet": Speed(900.0, 1.0, 1024)}
    timings = {"norms": {"mlp": Timing(50.0, 2000, 64), "convnet": Timing(9.0, 2000, 1024)}}
    device = Device("NVIDIA X", speeds=speeds, timings=timings)
    assert total(config(figures=ONLY_CURVES), device).measuring == pytest.approx(2 * 9.0 * 900 / 1000 / 3600)


def test_what_is_measured_along_a_run_is_paid_at_every_evaluation():
    device = Device("NVIDIA X", speeds=SPEEDS, timings={"trace": {"resnet18": Timing(1.0, 2000, 1024)}})
    study = {"ablation": {"inits": ["random"], "along": ["trace"]}}
    assert total(config(studies=study), device).measuring == pytest.approx(71 / 3600)


def test_starts_are_paid_by_all_jobs_and_shared_by_the_cores():
    one = total(config(), PAIR, Machine(cores=2))
    # 2 trainings, a pretraining, 2 measurements, a comparison and a landscape; 2 jobs for data, the confusing set,
    # random weights; tables and those of outcomes, 14 figures and the confusing copies, 2 tables for papers, 3 pages,
    # 4 of the toy.
    assert one.starting == pytest.approx((7 + 4 + 2 + 14 + 1 + 2 + 3 + 4) * 5.0 / 3600)
    assert one.at_most == pytest.approx(one.training + one.starting)
    assert total(config(), PAIR, Machine(cores=1)).at_most == pytest.approx(2 * one.at_most)


def test_gpus_work_side_by_side_as_far_as_cores_go_and_one_run_takes_its_time():
    seeds = config(studies={"ablation": {"seeds": [0, 1, 2, 3], "inits": ["random"]}})
    alone = total(seeds).at_most
    assert total(seeds, machine=Machine(cores=8, gpus=2)).at_most == pytest.approx(alone / 2)
    assert total(seeds, machine=Machine(cores=4, gpus=2)).at_most == pytest.approx(alone)
    assert total(seeds, machine=Machine(cluster_jobs=200)).at_most == pytest.approx(alone / 4)


def test_a_plan_reads_answer_first_and_has_a_row_for_targets_of_one_cost():
    figure = PlanRow("fig_curves", 60, 6, 0.25, 0.5, 0.4, 0.0, 0.1, 0.02)
    alike = [replace(figure, target=f"fig_{number:020}") for number in range(9)]
    whole = PlanRow("all", 1_060, 6, 50.0, 70.0, 3000.0, 0.4, 0.1, 3.05)
    text = plan_text([figure, *alike, whole], config(figures=ONLY_CURVES), GPU, 8, "cpu", Epochs())
    lines = text.splitlines()
    likely, disk = "all: likely 2 days, at most 3 days on NVIDIA X", "3.0 GB of disk"
    assert lines[0] == f"{likely}, {disk}; 1,060 trainings after 6 pretrainings"
    assert lines[1].endswith("; 8 at once; jobs on this machine would compute on cpu")
    assert lines[2].startswith("not measured on it, so not counted: ")
    assert lines[4].split() == ["likely", "at", "most", "training", "measuring", "starting", "disk", "target"]
    assert lines[5].split() == ["2", "days", "3", "days", "125", "days", "24", "min", "6", "min", "3.0", "GB", "all"]
    assert lines[6].split()[:4] == ["15", "min", "30", "min"]
    assert all(len(line) <= 100 for line in lines[4:])
    assert text.count("fig_") == 10


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0.0, "-"), (0.005, "18 s"), (0.5, "30 min"), (1.6, "1.6 h"), (47.9, "47.9 h"), (24 * 4000, "4,000 days")],
)
def test_a_duration_reads_in_its_own_unit(hours, text):
    assert duration(hours) == text


@pytest.mark.parametrize(("device", "here"), [(GPU, "NVIDIA X"), (PAIR, "cpu"), (GPU, None)])
def test_where_jobs_run_on_what_is_reckoned_with_nothing_is_said(device, here):
    row = PlanRow("all", 1, 0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.1)
    assert "would compute" not in plan_text([row], config(), device, 1, here, Epochs())
