"""Wrong labels and right ones, counted on networks whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from badminima.data.confusing import confuse, read_confusing
from badminima.diagnostics.memory import draw_items
from badminima.diagnostics.memory import labels as measure
from badminima.experiment.settings import ConfuseSettings


@pytest.fixture
def context(run_context, digits, tmp_path):
    """A network fitted to the true labels, and a confusing set."""

    def make(fraction=1.0, images=10**6, noise=0.0):
        settings = ConfuseSettings(
            dataset="digits", seed=0, root_seed=0, replication=3, noise=noise, zeroing="values", label_fraction=fraction
        )
        confuse(digits, settings, tmp_path / "confusing.safetensors")
        fitted = run_context(steps=800, images=images)
        return replace(fitted, confusing=read_confusing(tmp_path / "confusing.safetensors"))

    return make


def test_a_network_that_knows_the_true_labels_corrects_the_wrong_ones(context):
    found = measure(context())
    assert found == {"labels.wrong": 0, "labels.right": 1, "labels.corrected": 1, "labels.clean": 1}


def test_a_network_that_gives_one_answer_is_counted_by_hand(context, monkeypatch):
    made = context(fraction=0.5)
    answer = 3

    def logits(images):
        return torch.nn.functional.one_hot(torch.full((len(images),), answer), 10).float()

    monkeypatch.setattr(type(made.network), "logits", lambda self, images: logits(images))
    labels, true = made.confusing.labels.numpy(), np.repeat(made.dataset.train_labels.numpy(), 3)
    wrong = labels != true
    assert measure(made) == {
        "labels.wrong": pytest.approx((labels[wrong] == answer).mean()),
        "labels.right": pytest.approx((labels[~wrong] == answer).mean()),
        "labels.corrected": pytest.approx((true[wrong] == answer).mean()),
        "labels.clean": pytest.approx((true == answer).mean()),
    }


def test_without_wrong_labels_there_is_no_accuracy_on_them(context):
    found = measure(context(fraction=0.001))  # of 360 labels none is drawn
    assert np.isnan(found["labels.wrong"])
    assert np.isnan(found["labels.corrected"])
    assert found["labels.right"] == 1


def test_zeroed_copies_are_shown_and_some_stand_for_all(context):
    every, some = measure(context(noise=0.6)), measure(context(noise=0.6, images=100))
    assert every["labels.right"] < every["labels.clean"]
    for name, value in some.items():
        assert value == pytest.approx(every[name], abs=0.35)
    items = draw_items(context(noise=0.6, images=100), "labels")
    assert len(items.copies) == len(items.true) == len(items.clean) == 100
