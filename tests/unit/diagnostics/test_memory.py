"""Memory of the noise: by hand, and against the training's own view of the confusing set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from badminima.data.confusing import read_confusing
from badminima.data.items import make_items
from badminima.diagnostics.context import Skipped
from badminima.diagnostics.memory import draw_items, labels, measure, remembered
from badminima.diagnostics.network import build_network

REPLICATION = 3


@pytest.fixture
def context(run_context, confusing_set):
    """A run with a confusing set, from a network that knows the digits to one that knows less of them."""
    confusing = read_confusing(confusing_set(replication=REPLICATION, noise=0.5, label_fraction=0.5))
    return replace(run_context(steps=20, images=10**6), start=run_context(steps=100).end, confusing=confusing)


def predictions(context, weights, masks, given, replication):
    """Labels given to all items as the training would see them."""
    dataset = context.dataset
    items = make_items(dataset, dataset.train_images, given, torch.device("cpu"), masks, replication)
    network = build_network(context.settings, dataset, weights)
    batches = items.batches(torch.arange(len(items)), 50)
    return torch.cat([network.logits(images).argmax(1) for images, _ in batches])


def test_memory_of_a_case_done_by_hand():
    found = remembered(
        confusing=np.array([1, 2, 3, 4, 5]),
        true=np.array([1, 0, 0, 0, 9]),
        at_start=np.array([1, 2, 3, 0, 5]),
        at_end=np.array([1, 2, 0, 4, 0]),
        of_originals=np.array([0, 2, 0, 0, 0]),
    )
    assert found == {
        "memory.confusing_accuracy": 3 / 5,
        "memory.true_accuracy": 2 / 5,
        "memory.start_confusing_accuracy": 4 / 5,
        # Items 1, 2 and 4 had been learnt against their true label; of them only item 1 is kept.
        "memory.kept": pytest.approx(1 / 3),
        "memory.originals": 1 / 5,
    }


def test_nothing_learnt_is_nothing_kept():
    same = np.array([1, 2])
    found = remembered(same, true=same, at_start=same, at_end=same, of_originals=same)
    assert np.isnan(found["memory.kept"])
    assert found["memory.confusing_accuracy"] == found["memory.true_accuracy"] == 1


def test_all_items_are_seen_as_the_pretraining_saw_them(context):
    confusing, dataset = context.confusing, context.dataset
    start, end = (
        predictions(context, weights, confusing.masks, confusing.labels, REPLICATION)
        for weights in (context.start, context.end)
    )
    originals = predictions(context, context.end, None, dataset.train_labels, 1).repeat_interleave(REPLICATION)
    true = dataset.train_labels.repeat_interleave(REPLICATION)
    assert measure(context) == remembered(*(each.numpy() for each in (confusing.labels, true, start, end, originals)))


def test_some_items_stand_for_all(context):
    some = replace(context, settings=context.settings.model_copy(update={"images": 60}))
    drawn = draw_items(some, "memory")
    assert len(drawn.copies) == len(drawn.true) == len(drawn.clean) == 60
    assert drawn.labels.tolist() != context.confusing.labels[:60].tolist()


def test_a_run_without_a_confusing_set_has_nothing_to_remember(run_context):
    with pytest.raises(Skipped, match="did not start from a pretraining"):
        measure(run_context(steps=0))


def test_a_network_that_gives_one_answer_is_counted_by_hand(context, monkeypatch):
    answer = torch.nn.functional.one_hot(torch.tensor([3]), 10)
    monkeypatch.setattr(type(context.network), "logits", lambda self, images: answer.expand(len(images), -1))
    given, true = context.confusing.labels.numpy(), np.repeat(context.dataset.train_labels.numpy(), REPLICATION)
    wrong = given != true
    assert labels(context) == {
        "labels.wrong": pytest.approx((given[wrong] == 3).mean()),
        "labels.right": pytest.approx((given[~wrong] == 3).mean()),
        "labels.corrected": pytest.approx((true[wrong] == 3).mean()),
        "labels.clean": pytest.approx((true == 3).mean()),
    }


def test_without_wrong_labels_there_is_no_accuracy_on_them(run_context, confusing_set):
    # Of 240 labels none is drawn.
    confusing = read_confusing(confusing_set(label_fraction=0.001))
    found = labels(replace(run_context(), confusing=confusing))
    assert np.isnan([found["labels.wrong"], found["labels.corrected"]]).all()
    assert 0.5 < found["labels.right"] <= 1
