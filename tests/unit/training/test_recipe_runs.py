"""Whole trainings by every recipe: what they start from, end with, and that they can be broken off anywhere."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch

from badminima.config import RecipeConfig
from badminima.data.items import make_items
from badminima.errors import UserError
from badminima.models.build import build_model, trained_network
from badminima.models.numerics import Numerics
from badminima.models.starts import shrink_and_perturb
from badminima.models.weights import Weights, weights_of
from badminima.seeding import integer_seed
from badminima.training.graphs import REPLAYED
from badminima.training.record import Evaluator
from badminima.training.step import Step
from tests.trainings import CLOCKS, MODELS, RECIPES, first_weights, same

CPU = torch.device("cpu")
EXACT = Numerics(CPU, "fp32", "none", True)


def test_the_record_names_each_process_with_its_threads_and_the_epoch_that_it_began_in(train, monkeypatch):
    threads = iter([1, 2, 1, 2, 1, 2, 1])
    monkeypatch.setattr(torch, "get_num_threads", lambda: next(threads, 1))
    record = train({}, break_off=5).record
    assert [process["threads"] for process in record["processes"]] == [1, 2, 1, 2, 1, 2, 1]
    # Each does five batches; an epoch has eight.
    assert [process["epoch"] for process in record["processes"]] == [0, 1, 2, 2, 3, 4, 4]
    assert {process["device"] for process in record["processes"]} == {record["device"]}


def assert_same(one, other) -> None:
    """Two trainings ended with the same weights, and evaluated the same on their way."""
    assert same(one.weights, other.weights)
    for row, its in zip(one.outcome.history, other.outcome.history, strict=True):
        assert {**asdict(row), **dict.fromkeys(CLOCKS)} == {**asdict(its), **dict.fromkeys(CLOCKS)}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_training_broken_off_in_mid_epoch_again_and_again_ends_with_the_same_bits(train, recipe):
    undisturbed, again = (train(RECIPES[recipe], "convnet", break_off) for break_off in (None, 5))  # of 8 batches
    assert again.outcome.restarts == 6
    assert_same(undisturbed, again)


@pytest.mark.parametrize(
    ("recipe", "phase"),
    [
        ({"momentum": 0.9, "label_noise": 0.1}, {"decay": "cosine_per_step", "warmup": 0.1}),
        ({"momentum": 0.9}, {"drop_last": True, "batch_size": 16}),
        ({"full_batch": True}, {"decay": "cosine_per_step", "drop_last": True, "batch_size": 16}),
    ],
)
def test_phases_of_other_schedules_and_batches_are_broken_off_without_a_trace(train, recipe, phase):
    undisturbed, again = (train(recipe, break_off=break_off, **phase) for break_off in (None, 5))
    assert again.outcome.restarts > 3
    assert_same(undisturbed, again)
    assert not same(undisturbed.weights, train(recipe).weights)


def test_steps_on_fixed_memory_are_those_of_a_training_call_by_call(train):
    recipe = {"momentum": 0.9, "label_noise": 0.1}
    plain, fixed = (train(recipe, numerics={"graphs": graphs}) for graphs in ("auto", "on"))
    assert_same(plain, fixed)
    assert (plain.record["graphs"], fixed.record["graphs"]) == ("not captured: a CPU has no graphs", REPLAYED)


@pytest.fixture
def steps(monkeypatch) -> list[tuple[float, int]]:
    """The rate of each step that is taken, and the size of its batch."""
    taken = []
    learn = Step.learn

    def note(step, images, labels):
        taken.append((step.rate.item(), len(labels)))
        return learn(step, images, labels)

    monkeypatch.setattr(Step, "learn", note)
    return taken


def test_every_step_has_its_own_rate(train, steps):
    phase = {"decay": "cosine_per_step", "warmup": 0.25, "batch_size": 30, "epochs": 4, "learning_rate": 0.2}
    history = train({}, **phase).outcome.history
    expected = [0, 0.2 / 3, 0.4 / 3, 0.2, *(0.1 * (1 + math.cos(math.pi * step / 12)) for step in range(12))]
    assert [rate for rate, _ in steps] == pytest.approx(expected)
    assert [row.lr for row in history] == pytest.approx([expected[step] for step in (0, 3, 7, 11, 15)])


def test_a_smaller_last_batch_is_left_out_and_evaluations_see_all_items(train, steps):
    run = train({}, batch_size=50, epochs=2, drop_last=True)  # of 120 items
    assert [size for _, size in steps] == [50] * 4
    assert [row.step for row in run.outcome.history] == [0, 2, 4]
    whole = train({}, batch_size=50, epochs=2)
    assert [size for _, size in steps[4:]] == [50, 50, 20] * 2
    assert whole.outcome.history[0].train_loss == run.outcome.history[0].train_loss
    # Batches that are full anyway are the same batches.
    plain, dropped = (train({}, batch_size=40, drop_last=drop_last) for drop_last in (False, True))
    assert same(plain.weights, dropped.weights)


@pytest.mark.parametrize(("batch", "at_once", "drop_last"), [(32, 120, False), (50, 100, True)])  # of 120 items
def test_gradient_descent_is_one_step_an_epoch_and_that_of_one_large_batch(train, batch, at_once, drop_last):
    in_batches = train({"full_batch": True}, batch_size=batch, epochs=6, drop_last=drop_last)
    large = train({}, batch_size=at_once, epochs=6, drop_last=drop_last)
    assert [row.step for row in in_batches.outcome.history] == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(in_batches.weights.vector(), large.weights.vector(), rtol=1e-4, atol=1e-6)
    several = train({}, batch_size=batch, epochs=6, drop_last=drop_last)
    assert np.abs(in_batches.weights.vector() - several.weights.vector()).max() > 1e-3


def test_more_items_in_a_batch_than_there_are_is_one_line_with_drop_last(train):
    with pytest.raises(UserError, match=r"training\.batch_size: found 500, more than the 120 items, with drop_last"):
        train({}, batch_size=500, drop_last=True)
    train({}, batch_size=500, epochs=1)


@pytest.fixture
def evaluated(digits_on_torch):
    """Evaluate weights of the convnet on a part of the digits."""

    def evaluate(weights, part="test", precision="fp32"):
        network = trained_network(MODELS["convnet"], (1, 8, 8), 10, weights, None)
        images, labels = (getattr(digits_on_torch, f"{part}_{kind}") for kind in ("images", "labels"))
        return Evaluator(Numerics(CPU, precision, "none", True))(
            network, make_items(digits_on_torch, images, labels, CPU)
        )

    return evaluate


def test_the_last_evaluation_is_in_32_bit_floats_whatever_the_training_is(train, digits, evaluated):
    run = train({}, "convnet", numerics={"precision": "bf16"})
    exact = evaluated(run.weights)
    final = run.outcome.history[-1]
    assert (final.test_loss, final.test_accuracy) == (exact.loss, exact.accuracy)
    assert torch.equal(run.outcome.predicted, exact.predicted)
    assert final.test_loss != evaluated(run.weights, precision="bf16").loss
    assert final.train_loss == evaluated(run.weights, "train").loss
    # The others are as the training computes.
    assert run.outcome.history[0].test_loss == evaluated(first_weights(digits, "convnet"), precision="bf16").loss


OTHERS = {
    "label_noise": {"label_noise": 0.3},
    "label_smoothing": {"label_smoothing": 0.1},
    "clipping": {"gradient_clipping": 1.0},
    "cosine": {"schedule": "cosine"},
}


@pytest.mark.parametrize("recipe", [*RECIPES, *OTHERS])
def test_every_recipe_changes_the_result_and_learns(train, recipe):
    changes = {**RECIPES, **OTHERS}[recipe]
    plain, other = (train(recipe, epochs=20, evaluate_every=20) for recipe in ({}, changes))
    assert not np.array_equal(plain.weights.vector(), other.weights.vector())
    assert other.outcome.final["train_loss"] < 0.8 * other.outcome.history[0].train_loss
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


def test_the_average_is_what_is_evaluated_and_kept(train, evaluated):
    run = train({"ema": 0.9}, "convnet")
    measured = evaluated(run.weights)
    assert run.outcome.final["test_loss"] == measured.loss
    assert torch.equal(run.outcome.predicted, measured.predicted)
    # A slow average lags behind: less learnt than by the weights that it follows, which are those of a plain run.
    assert run.outcome.final["train_loss"] > train({}, "convnet").outcome.final["train_loss"]


def drawn_for_perturbation(seed: int) -> Weights:
    torch.manual_seed(integer_seed(0, "perturb", "digits", "convnet", seed))
    return weights_of(build_model(MODELS["convnet"], (1, 8, 8), 10))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_starts_from_shrunken_weights_and_a_share_of_fresh_ones(train, digits, seed):
    start, fresh = first_weights(digits, "convnet"), drawn_for_perturbation(seed)
    still = {"learning_rate": 1e-30, "epochs": 1}  # steps too small to change a number
    run = train({"shrink": 0.4, "perturb": 0.3}, "convnet", start=start, seed=seed, **still)
    for name, array in run.weights.parameters.items():
        expected = 0.4 * start.parameters[name] + 0.3 * fresh.parameters[name]
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-7, err_msg=name)
    assert not np.allclose(fresh.vector(), start.vector())  # a stream of its own


def test_statistics_of_batchnorm_begin_anew_with_shrunken_weights(digits):
    start = first_weights(digits, "convnet")
    used = Weights(start.parameters, {name: array + 5 for name, array in start.buffers.items()})
    fresh = drawn_for_perturbation(0)
    found = shrink_and_perturb(used, fresh, 0.5, 0.1)
    assert same(Weights({}, found.buffers), Weights({}, fresh.buffers))
    assert found.parameters["1.weight"] == pytest.approx(0.5 * 1 + 0.1 * 1)  # BatchNorm's scale, drawn as 1
    assert found.parameters["1.bias"] == pytest.approx(0)
    assert {array.dtype for array in found.parameters.values()} == {np.dtype(np.float32)}
