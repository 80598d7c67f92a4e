"""The cost plan: sums that can be done by hand."""

from dataclasses import replace

import pytest

from badminima.config.load import load_config
from badminima.config.registry import FIGURES
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.experiment.plan import Costs, PlanRow, duration, plan, plan_text
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
ONLY_CURVES = dict.fromkeys(name for name, entry in FIGURES.entries.items() if entry.needs or name == "measures")


def config(**changes):
    study = {
        "studies": {"ablation": ONE, "scale": None},
        "claims": {"control": None},
        "figures": {"curves": {"recipes": None}, "robustness": None},
        "tables": {"main": {"recipes": None}},
    }
    return load_config(overlay(overlay(raw_config(), study), changes))


def total(config, device=GPU, machine=Machine()):  # noqa: B008
    return plan(Costs(config, device), machine)[-1]


def test_one_cell_from_both_inits_is_two_trainings_and_a_pretraining():
    figures, found = plan(Costs(config(), GPU), Machine())[:-1], total(config())
    # Training: 350 epochs of 50,000 images; 71 evaluations of 60,000. Pretraining: ten copies, 350 epochs, and at
    # most 15 evaluations of the copies and of the test images.
    training = 350 * 50_000 / 1000 + 71 * 60_000 / 4000
    pretraining = 350 * 500_000 / 1000 + 15 * (500_000 + 10_000) / 4000
    assert (found.trainings, found.pretrainings) == (2, 1)
    assert found.training == pytest.approx((2 * training + pretraining) / 3600)
    assert {row.training for row in figures} == {found.training}
    # Three sets of weights, and labels (8 bytes) and masks (384) of 500,000 copies.
    disk = 3 * (4 * 11_173_962 + 16 * 10_000) + 500_000 * (8 + 384)
    assert found.gigabytes == pytest.approx(disk / 1e9)


# What a training costs under changes of one cell, whose recipe is vanilla: device-seconds.
TRAININGS = [
    ({"recipes": ["da"]}, {}, 350 * 50 + 71 * (2 * 50_000 + 10_000) / 4000),
    ({}, {"datasets": {"cifar10": {"test_size": 1000}}}, 350 * 50 + 71 * (50_000 + 1000) / 4000),
    (
        {},
        {"datasets": {"cifar10": {"test_size": 1000, "validation_size": 5000, "evaluate_on": "validation"}}},
        350 * 45 + 71 * 50_000 / 4000,
    ),
    # Evaluated every 5 of 350 epochs, now every one (0.5) of 35.
    ({"recipes": ["mine"]}, {"recipes": {"mine": {"epochs": 35}}}, 35 * 50 + (1 + 35) * 60_000 / 4000),
    ({"recipes": ["mine"]}, {"recipes": {"mine": {"sam": 0.05}}}, 2 * 350 * 50 + 71 * 60_000 / 4000),
]


@pytest.mark.parametrize(("study", "changes", "seconds"), TRAININGS)
def test_a_training_costs_its_passes_and_its_evaluations(study, changes, seconds):
    found = total(config(studies={"ablation": {"inits": ["random"], **study}}, **changes))
    assert found.training == pytest.approx(seconds / 3600)


def test_larger_images_cost_by_their_pixels():
    study = {"ablation": {"datasets": ["restricted_imagenet"], "inits": ["random"]}}
    small, large = (
        total(config(studies=study, datasets={"restricted_imagenet": {"options": {"side": side}}})) for side in (32, 64)
    )
    assert large.training == pytest.approx(4 * small.training)


@pytest.mark.parametrize(
    ("inits", "trainings", "pretrainings"),
    [
        (["random_rescaled"], 1, 1),
        (["adversarial", "random_rescaled"], 2, 1),
        # A start trained as long as another needs that one.
        (["true_labels"], 1, 2),
        (["adversarial", "true_labels"], 2, 2),
        # Its own training, the two behind it, and the pretraining at the root.
        (["later"], 3, 1),
        (["later", "adversarial"], 4, 1),
    ],
)
def test_what_stands_behind_a_start_is_paid_once(inits, trainings, pretrainings):
    ends = {
        "end": {"kind": "run", "start": "adversarial", "recipe": "da"},
        "later": {"kind": "run", "start": "end", "recipe": "m"},
    }
    found = total(config(inits=ends, studies={"ablation": {"inits": inits}}))
    assert (found.trainings, found.pretrainings) == (trainings, pretrainings)


def test_a_model_that_was_not_measured_is_estimated_from_the_nearest_in_parameters():
    known = Device("NVIDIA X", speeds={"resnet50": Speed(500.0, 2000.0, 1024), "mlp": Speed(1e9, 1e9, 64)})
    # ResNet18 has 11,173,962 parameters where ResNet50 has 23,520,842.
    faster = 23_520_842 / 11_173_962
    speeds = {**SPEEDS, "resnet18": Speed(500.0 * faster, 2000.0 * faster, 1024)}
    assert total(config(), known).training == pytest.approx(total(config(), replace(GPU, speeds=speeds)).training)
    text = plan_text([total(config(), known)], config(), known, 1, None)
    assert "\nresnet18 was not measured on it: estimated from the parameters of resnet50; `make bench`\n" in text


def test_a_pretraining_likely_takes_the_epochs_of_finished_ones_or_of_a_network_of_its_size(tmp_path):
    paths = Paths(tmp_path)
    likely = {}
    for finished in ((), (40,), (50, 70, 90)):
        for seed, epochs in enumerate(finished):
            write_json(paths.init("cifar10", "resnet18", "adversarial", seed) / "run.json", {"epochs": epochs})
        likely[finished] = plan(Costs(config(), GPU, paths), Machine())[-1].likely
    vanilla = 350 * 50_000 / 1000 + 71 * 60_000 / 4000
    # 30 epochs of ResNet18 where none has finished; evaluated every 25 epochs.
    for finished, epochs in (((), 30), ((40,), 40), ((50, 70, 90), 70)):
        pretraining = epochs * 500_000 / 1000 + (1 + -(-epochs // 25)) * 510_000 / 4000
        assert likely[finished] == pytest.approx((2 * vanilla + pretraining) / 3600)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_another_table_is_refused(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(UserError, match="expected what `make bench` writes"):
        read_devices([tmp_path / "x.csv"])


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


@pytest.mark.parametrize(
    ("name", "found"),
    [("NVIDIA H200", "NVIDIA H200"), ("nvl", "NVIDIA H200 NVL"), ("h200", r"part of NVIDIA H200, NVIDIA H200 NVL;"),
     ("A100", r"part of none; measured: .*cpu \(x86_64\) \(")],
)  # fmt: skip
def test_a_device_is_found_by_a_part_of_its_name_that_no_other_has(name, found):
    devices = ["NVIDIA H200", "NVIDIA H200 NVL", "cpu (x86_64)"]
    if found in devices:
        assert find_device(devices, name) == found
    else:
        with pytest.raises(UserError, match=rf"plan\.device: found '{name}', which is {found}"):
            find_device(devices, name)


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
    found = total(config(**names), device)
    assert found.measuring == pytest.approx(expected / 3600)
    assert found.at_most == pytest.approx(found.training + found.measuring)
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
    text = plan_text([figure, *alike, whole], config(figures=ONLY_CURVES), GPU, 8, "cpu")
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
    assert "would compute" not in plan_text([row], config(), device, 1, here)
