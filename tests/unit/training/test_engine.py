"""The training loop: what it learns, what it records, and that it repeats itself to the bit."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from badminima.config import AugmentationConfig, RecipeConfig
from badminima.config.base import without_defaults
from badminima.data.confusing import confuse, read_confusing
from badminima.data.items import make_items, training_items
from badminima.errors import UserError
from badminima.experiment.settings import ConfuseSettings
from badminima.models.build import trained_network
from badminima.models.numerics import Numerics
from badminima.storage.files import read_json
from badminima.training.job import identity, run_training, write_run
from badminima.training.optimizer import Optimizer
from badminima.training.record import Evaluator
from tests.trainings import first_weights

CPU = torch.device("cpu")
ON_CPU = Numerics(CPU, "fp32", "none", True)


@pytest.fixture
def confusing(digits, tmp_path):
    settings = ConfuseSettings(dataset="digits", replication=2, noise=0.2, zeroing="values", root_seed=0, seed=0)
    confuse(digits, settings, tmp_path / "c.safetensors")
    return read_confusing(tmp_path / "c.safetensors")


@pytest.fixture
def pretrain(train, confusing):
    return partial(train, confusing=confusing, phase="pretrain", epochs=400, evaluate_every=5)


def test_vanilla_sgd_learns_the_digits(train):
    run = train(epochs=60)
    assert run.outcome.status == "converged"
    assert run.outcome.final["train_accuracy"] == 1.0
    assert run.outcome.final["test_accuracy"] > 0.8
    assert run.outcome.final["train_loss"] < run.outcome.history[0].train_loss


def test_history_has_the_start_the_due_epochs_and_the_last(train):
    run = train(epochs=10, evaluate_every=4)
    assert [row.epoch for row in run.outcome.history] == [0, 4, 8, 10]
    assert [row.step for row in run.outcome.history] == [0, 32, 64, 80]  # 120 images in batches of 16: 8 steps


def test_a_run_that_does_not_fit_is_max_epochs(train):
    run = train(epochs=1)
    assert run.outcome.status == "max_epochs"
    assert run.record["final"]["train_accuracy"] < 1


def test_a_run_whose_loss_overflows_is_diverged_and_says_when(train):
    run = train(epochs=10, learning_rate=1e6, evaluate_every=10)
    assert run.outcome.status == "diverged"
    assert 1 <= run.outcome.epochs < 10
    assert run.outcome.history[-1].epoch == run.outcome.epochs


def test_a_diverged_run_is_still_written(train, tmp_path):
    made_from = {"dataset": "a" * 64, "start": "b" * 64}
    write_run(tmp_path / "run", train(learning_rate=1e6), made_from)
    record = read_json(tmp_path / "run" / "run.json")
    assert record["status"] == "diverged"
    assert record["final"]["train_loss"] is None
    assert record["made_from"] == made_from


def test_pretraining_stops_when_the_confusing_set_is_fitted(pretrain):
    run = pretrain()
    assert run.outcome.status == "converged"
    assert run.outcome.epochs < 400
    assert run.outcome.final["train_accuracy"] == 1.0
    assert run.outcome.final["test_accuracy"] < 0.3  # labels were random: nothing was learnt about digits
    assert run.record["confusing"]["reachable_accuracy"] == 1.0
    assert run.record["train_items"] == 240


def test_pretraining_aims_no_higher_than_what_is_reachable(pretrain, confusing):
    run = pretrain(confusing=replace(confusing, facts=replace(confusing.facts, reachable_accuracy=0.5)))
    assert run.outcome.status == "converged"
    assert 0.5 <= run.outcome.final["train_accuracy"] < 1
    assert run.record["target_accuracy"] == 0.5


def test_a_pretraining_that_ends_before_its_last_epoch_is_evaluated_in_32_bit_floats_at_its_end(
    pretrain, confusing, digits_on_torch, small_mlp
):
    run = pretrain(numerics={"precision": "bf16"})
    assert run.outcome.status == "converged"
    assert run.outcome.epochs < 400
    network = trained_network(small_mlp, (1, 8, 8), 10, run.weights, None)
    fitted = Evaluator(ON_CPU)(network, training_items(digits_on_torch, confusing, CPU))
    tested = Evaluator(ON_CPU)(
        network, make_items(digits_on_torch, digits_on_torch.test_images, digits_on_torch.test_labels, CPU)
    )
    final = run.outcome.history[-1]
    assert (final.train_loss, final.test_loss) == (fitted.loss, tested.loss)
    assert torch.equal(run.outcome.predicted, tested.predicted)


def test_another_seed_changes_the_run(train):
    assert not np.array_equal(train(seed=0).weights.vector(), train(seed=1).weights.vector())


def test_paired_runs_see_the_same_batches_whatever_their_init_and_recipe_are_called(train):
    first = train(init="random", recipe_name="vanilla")
    second = train(init="adversarial", recipe_name="mine")
    assert np.array_equal(first.weights.vector(), second.weights.vector())


def test_evaluation_is_in_evaluation_mode_and_leaves_no_trace(digits_on_torch):
    class Fixed(nn.Module):
        """Answers class 3, and in training mode nonsense."""

        def forward(self, images):
            logits = torch.zeros(len(images), 10)
            logits[:, 0 if self.training else 3] = 5
            return logits

    items = make_items(digits_on_torch, digits_on_torch.test_images, digits_on_torch.test_labels, CPU)
    model = Fixed().train()
    measured = Evaluator(ON_CPU)(model, items)
    share = (digits_on_torch.test_labels == 3).float().mean().item()
    assert measured.accuracy == pytest.approx(share)
    expected = math.log(math.exp(5) + 9) - 5 * share
    assert measured.loss == pytest.approx(expected, rel=1e-5)
    assert measured.predicted.tolist() == [3] * len(items)
    assert model.training


def test_augmentation_acts_on_training_and_is_measured_apart(train):
    plain = train()
    augmented = train(augmentation=AugmentationConfig(padding=2))
    assert not np.array_equal(plain.weights.vector(), augmented.weights.vector())
    assert plain.outcome.final["train_accuracy"] == plain.outcome.final["train_accuracy_augmented"]
    assert augmented.outcome.final["train_accuracy"] != augmented.outcome.final["train_accuracy_augmented"]


def test_the_record_says_what_was_run_and_on_what(train, train_settings):
    record = train(epochs=10).record
    assert record["settings"] == train_settings.model_dump(mode="json")
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]
    assert (record["threads"], record["evaluated_on"], record["data"]) == (1, "test", "resident")


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_other_precisions_learn_too_and_are_recorded(train, precision):
    exact, run = (train(numerics={"precision": kind}, epochs=60) for kind in ("fp32", precision))
    assert (exact.record["precision"], run.record["precision"]) == ("fp32", precision)
    assert run.outcome.final["train_accuracy"] > 0.95
    same = np.array_equal(run.weights.vector(), exact.weights.vector())
    assert same is (precision == "tf32")  # tf32 is fp32 on a CPU


@pytest.mark.slow
def test_a_compiled_network_learns_too(train):
    run = train(numerics={"compile": "default"}, epochs=60)
    assert run.record["compile"] == "default"
    assert run.outcome.final["train_accuracy"] > 0.95


def test_a_pretraining_far_from_its_target_is_not_evaluated_in_full(pretrain):
    run = pretrain()
    measured = [row.train_measured for row in run.outcome.history]
    assert measured[0] == measured[-1] == "full"
    assert "running" in measured
    for row in run.outcome.history:
        if row.train_measured == "running":
            assert row.train_accuracy < 0.95


def test_memory_that_does_not_suffice_for_a_batch_names_the_setting(train, monkeypatch):
    def exhausted(self, gradients, learning_rate):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Optimizer, "step", exhausted)
    with pytest.raises(UserError, match=r"train on batches of 16; lower training\.batch_size"):
        train()


def test_a_restart_point_knows_the_settings_and_every_file_it_was_made_with(train_settings):
    made_from = {"dataset": "a", "start": "b", "confusing": None, "random": None}
    first = identity(train_settings, made_from)
    assert first == {"settings": without_defaults(train_settings), **made_from}
    assert identity(train_settings.model_copy(update={"seed": 1}), made_from) != first


@pytest.mark.parametrize(
    ("recipe", "classes", "message"),
    [
        (
            RecipeConfig(augmentation=True),
            10,
            r"datasets\.digits\.augmentation\.padding: found 8; expected less than 8",
        ),
        (RecipeConfig(label_noise=0.1), 1, r"recipes\.vanilla\.label_noise: found 0\.1; digits has one class"),
    ],
)
def test_a_dataset_that_a_recipe_cannot_train_on_is_refused(
    digits, digits_on_torch, train_settings, tmp_path, recipe, classes, message
):
    augmentation = AugmentationConfig(padding=8) if recipe.augmentation else None
    settings = train_settings.model_copy(update={"recipe": recipe, "augmentation": augmentation})
    dataset = replace(digits_on_torch, classes=digits_on_torch.classes[:classes])
    with pytest.raises(UserError, match=message):
        run_training(settings, dataset, first_weights(digits, "mlp"), tmp_path)
