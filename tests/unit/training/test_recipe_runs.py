"""Whole trainings by every recipe: what they start from, end with, and that they can be broken off anywhere."""

import json
import math
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from badminima.config import AugmentationConfig, OptimizationConfig, RecipeConfig
from badminima.data.items import make_items
from badminima.errors import UserError
from badminima.experiment.settings import TrainSettings
from badminima.models.build import build_model, trained_network
from badminima.models.numerics import Numerics
from badminima.models.starts import shrink_and_perturb
from badminima.models.weights import Weights, read_weights, weights_of, write_weights
from badminima.seeding import integer_seed
from badminima.training.job import run_training
from badminima.training.record import Evaluator
from badminima.training.step import Average, Step
from tests.conftest import REPOSITORY
from tests.trainings import CLOCKS, MODELS, RECIPES, finish, first_weights, same

CPU = torch.device("cpu")
KINDS = ("fp32", "bf16")
EXACT = Numerics(CPU, "fp32", "none", True)


@pytest.fixture
def train(digits, digits_on_torch, train_settings, tmp_path):
    """Train a model from the same weights by a recipe; breaks off after every so many batches if told to."""

    def run(recipe, model="mlp", break_off=None, start=None, seed=0, numerics=None, **optimization):
        recipe = RecipeConfig(**recipe)
        changes = {
            "model": MODELS[model],
            "model_name": model,
            "recipe": recipe,
            "seed": seed,
            "augmentation": AugmentationConfig(padding=1) if recipe.augmentation else None,
            "optimization": {**train_settings.optimization.model_dump(), "epochs": 4, **optimization},
            "numerics": numerics or {},
        }
        settings = TrainSettings(**{**train_settings.model_dump(), **changes})
        start = start or first_weights(digits, model)
        arguments = (settings, digits_on_torch, start, tmp_path / "start", None)
        if break_off is None:
            return run_training(*arguments)
        return finish(arguments, tmp_path / "run", break_off)

    return run


def test_the_record_names_each_process_with_its_threads_and_the_epoch_that_it_began_in(train, monkeypatch):
    threads = iter([1, 2, 1, 2, 1, 2, 1])
    monkeypatch.setattr(torch, "get_num_threads", lambda: next(threads, 1))
    record = train({}, break_off=5).record
    assert [process["threads"] for process in record["processes"]] == [1, 2, 1, 2, 1, 2, 1]
    # Each does five batches; an epoch has eight.
    assert [process["epoch"] for process in record["processes"]] == [0, 1, 2, 2, 3, 4, 4]
    assert {process["device"] for process in record["processes"]} == {record["device"]}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_training_broken_off_in_mid_epoch_again_and_again_ends_with_the_same_bits(train, recipe, model):
    undisturbed, again = (train(RECIPES[recipe], model, break_off) for break_off in (None, 5))  # of 8 batches
    assert again.outcome.restarts == 6
    assert same(undisturbed.weights, again.weights)
    for one, other in zip(undisturbed.outcome.history, again.outcome.history, strict=True):
        assert {**asdict(one), **dict.fromkeys(CLOCKS)} == {**asdict(other), **dict.fromkeys(CLOCKS)}


PHASES = {
    "cosine_per_step": {"decay": "cosine_per_step", "warmup": 0.1},
    "drop_last": {"drop_last": True, "batch_size": 16},
    "both": {"decay": "cosine_per_step", "drop_last": True, "batch_size": 16},
}


@pytest.mark.parametrize("recipe", [{}, {"momentum": 0.9, "label_noise": 0.1}, {"full_batch": True}], ids=str)
@pytest.mark.parametrize("phase", PHASES)
def test_phases_of_other_schedules_and_batches_are_broken_off_without_a_trace(train, recipe, phase):
    undisturbed, again = (train(recipe, break_off=break_off, **PHASES[phase]) for break_off in (None, 5))
    assert again.outcome.restarts > 3
    assert same(undisturbed.weights, again.weights)
    for one, other in zip(undisturbed.outcome.history, again.outcome.history, strict=True):
        assert {**asdict(one), **dict.fromkeys(CLOCKS)} == {**asdict(other), **dict.fromkeys(CLOCKS)}
    assert not np.array_equal(undisturbed.weights.vector(), train(recipe).weights.vector())


def test_every_step_has_its_own_rate(train, monkeypatch):
    rates = []
    learn = Step.learn

    def note(step, images, labels):
        rates.append(step.rate.item())
        return learn(step, images, labels)

    monkeypatch.setattr(Step, "learn", note)
    phase = {"decay": "cosine_per_step", "warmup": 0.25, "batch_size": 30, "epochs": 4, "learning_rate": 0.2}
    history = train({}, **phase).outcome.history
    expected = [0, 0.2 / 3, 0.4 / 3, 0.2, *(0.1 * (1 + math.cos(math.pi * step / 12)) for step in range(12))]
    assert rates == pytest.approx(expected)
    assert [row.lr for row in history] == pytest.approx([expected[step] for step in (0, 3, 7, 11, 15)])


def test_a_smaller_last_batch_is_left_out_and_evaluations_see_all_items(train, monkeypatch):
    sizes = []
    learn = Step.learn

    def note(step, images, labels):
        sizes.append(len(labels))
        return learn(step, images, labels)

    monkeypatch.setattr(Step, "learn", note)
    run = train({}, batch_size=50, epochs=2, drop_last=True)  # of 120 items
    assert sizes == [50] * 4
    assert [row.step for row in run.outcome.history] == [0, 2, 4]
    sizes.clear()
    whole = train({}, batch_size=50, epochs=2)
    assert sizes == [50, 50, 20] * 2
    assert whole.outcome.history[0].train_loss == run.outcome.history[0].train_loss
    # Batches that are full anyway are the same batches.
    plain, dropped = (train({}, batch_size=40, drop_last=drop_last) for drop_last in (False, True))
    assert same(plain.weights, dropped.weights)


def test_gradient_descent_over_full_batches_alone_averages_over_their_items(train):
    in_batches = train({"full_batch": True}, batch_size=50, epochs=3, drop_last=True)
    at_once = train({}, batch_size=100, epochs=3, drop_last=True)
    assert [row.step for row in in_batches.outcome.history] == [0, 1, 2, 3]
    np.testing.assert_allclose(in_batches.weights.vector(), at_once.weights.vector(), rtol=1e-4, atol=1e-6)


def test_more_items_in_a_batch_than_there_are_is_one_line_with_drop_last(train):
    with pytest.raises(UserError, match=r"training\.batch_size: found 500, more than the 120 items, with drop_last"):
        train({}, batch_size=500, drop_last=True)
    train({}, batch_size=500, epochs=1)


@pytest.mark.parametrize("model", MODELS)
def test_the_last_evaluation_is_in_32_bit_floats_whatever_the_training_is(train, digits, digits_on_torch, model):
    run = train({}, model, numerics={"precision": "bf16"})
    network = trained_network(MODELS[model], (1, 8, 8), 10, run.weights, None)
    items = make_items(digits_on_torch, digits_on_torch.test_images, digits_on_torch.test_labels, CPU)
    exact, rounded = (Evaluator(Numerics(CPU, precision, "none", True))(network, items) for precision in KINDS)
    final = run.outcome.history[-1]
    assert (final.test_loss, final.test_accuracy) == (exact.loss, exact.accuracy)
    assert torch.equal(run.outcome.predicted, exact.predicted)
    assert final.test_loss != rounded.loss
    train_items = make_items(digits_on_torch, digits_on_torch.train_images, digits_on_torch.train_labels, CPU)
    assert final.train_loss == Evaluator(EXACT)(network, train_items).loss
    # The others are as the training computes.
    first = trained_network(MODELS[model], (1, 8, 8), 10, first_weights(digits, model), None)
    assert run.outcome.history[0].test_loss == Evaluator(Numerics(CPU, "bf16", "none", True))(first, items).loss


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_changes_the_result_and_learns(train, recipe):
    epochs = 200 if RECIPES[recipe].get("full_batch") else 20
    plain, other = (train(changes, epochs=epochs, evaluate_every=epochs) for changes in ({}, RECIPES[recipe]))
    assert not np.array_equal(plain.weights.vector(), other.weights.vector())
    assert other.outcome.final["train_accuracy"] > 0.8
    assert list(other.weights.parameters) == list(plain.weights.parameters)


def test_the_average_is_that_of_the_weights_after_each_step_from_the_start_on(digits_on_torch):
    torch.manual_seed(0)
    network = build_model(MODELS["convnet"], (1, 8, 8), 10)
    step = Step(network, RecipeConfig(ema=0.7), EXACT, 10, 120)

    def values():
        found = [*network.parameters(), *(one for one in network.buffers() if one.is_floating_point())]
        return [one.detach().clone() for one in found]

    average = values()
    for _ in range(5):
        step(torch.randn(12, 1, 8, 8), torch.randint(10, (12,)), 0.1)
        average = [0.7 * one + 0.3 * new for one, new in zip(average, values(), strict=True)]
    buffers = [one for one in step.evaluated.buffers() if one.is_floating_point()]
    for one, other in zip([*step.evaluated.parameters(), *buffers], average, strict=True):
        torch.testing.assert_close(one.detach(), other)
    assert not torch.equal(network[0].weight, step.evaluated[0].weight)


@pytest.mark.parametrize("model", MODELS)
def test_the_average_is_what_is_evaluated_and_kept(train, digits_on_torch, model):
    run = train({"ema": 0.9}, model)
    network = trained_network(MODELS[model], (1, 8, 8), 10, run.weights, None)
    items = make_items(digits_on_torch, digits_on_torch.test_images, digits_on_torch.test_labels, CPU)
    measured = Evaluator(EXACT)(network, items)
    assert run.outcome.final["test_loss"] == measured.loss
    assert torch.equal(run.outcome.predicted, measured.predicted)
    # A slow average lags behind: less learnt than by the weights that it follows, which are those of a plain run.
    assert run.outcome.final["train_loss"] > train({}, model).outcome.final["train_loss"]


def test_an_average_of_one_is_the_network_itself():
    network = build_model(MODELS["convnet"], (1, 8, 8), 10)
    assert same(weights_of(Average(network, 0.9).module), weights_of(network))


def test_gradient_descent_is_one_step_an_epoch_and_that_of_one_large_batch(train):
    in_batches = train({"full_batch": True}, batch_size=32, epochs=6)  # 32, 32, 32 and 24
    at_once = train({}, batch_size=120, epochs=6)
    assert [row.step for row in in_batches.outcome.history] == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(in_batches.weights.vector(), at_once.weights.vector(), rtol=1e-4, atol=1e-6)
    assert np.abs(in_batches.weights.vector() - train({}, batch_size=32, epochs=6).weights.vector()).max() > 1e-3


def drawn_for_perturbation(model: str, seed: int) -> Weights:
    torch.manual_seed(integer_seed(0, "perturb", "digits", model, seed))
    return weights_of(build_model(MODELS[model], (1, 8, 8), 10))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_starts_from_shrunken_weights_and_a_share_of_fresh_ones(train, digits, model, seed):
    start = first_weights(digits, model)
    fresh = drawn_for_perturbation(model, seed)
    still = {"learning_rate": 1e-30, "epochs": 1}  # steps too small to change a number
    run = train({"shrink": 0.4, "perturb": 0.3}, model, start=start, seed=seed, **still)
    for name, array in run.weights.parameters.items():
        expected = 0.4 * start.parameters[name] + 0.3 * fresh.parameters[name]
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-7, err_msg=name)
    assert not np.allclose(fresh.vector(), start.vector())  # a stream of its own
    assert same(train({"shrink": 1.0, "perturb": 0.0}, model, **still).weights, train({}, model, **still).weights)


def test_statistics_of_batchnorm_begin_anew_with_shrunken_weights(digits):
    start = first_weights(digits, "convnet")
    used = Weights(start.parameters, {name: array + 5 for name, array in start.buffers.items()})
    fresh = drawn_for_perturbation("convnet", 0)
    found = shrink_and_perturb(used, fresh, 0.5, 0.1)
    assert same(Weights({}, found.buffers), Weights({}, fresh.buffers))
    assert found.parameters["1.weight"] == pytest.approx(0.5 * 1 + 0.1 * 1)  # BatchNorm's scale, drawn as 1
    assert found.parameters["1.bias"] == pytest.approx(0)
    assert {array.dtype for array in found.parameters.values()} == {np.dtype(np.float32)}


def test_a_recipe_of_many_parts_runs_by_hand(tmp_path, digits, prepared_path, train_settings):
    write_weights(tmp_path / "start.safetensors", first_weights(digits, "mlp"))
    recipe = RecipeConfig(**{**RECIPES["many"], "batch_size": 40, "epochs": 30})
    settings = train_settings.model_copy(
        update={
            "recipe": recipe,
            "augmentation": AugmentationConfig(padding=1),
            "optimization": OptimizationConfig(epochs=10, milestones=[5]).with_recipe(recipe),
        }
    )
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings.model_dump()))
    command = [sys.executable, "workflow/scripts/train.py", f"--settings=@{tmp_path / 'settings.yaml'}"]
    command += [f"--start={tmp_path / 'start.safetensors'}", f"--prepared={prepared_path}", f"--output={tmp_path}/run"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["step"].iloc[-1] == 30
    assert history["epoch"].tolist() == [0, *range(3, 31, 3)]
    assert history["lr"].tolist()[4:8] == pytest.approx([0.1, 0.1, 0.01, 0.01])  # falls after epoch 15
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["settings"]["recipe"] == recipe.model_dump(mode="json")
    assert record["settings"]["optimization"]["batch_size"] == 40
    assert read_weights(tmp_path / "run" / "weights.safetensors").is_finite()
