"""Memory of the noise: by hand, and against the training's own view of the confusing set."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from badminima.data.confusing import confuse, read_confusing
from badminima.data.items import make_items, training_items
from badminima.diagnostics.context import Skipped
from badminima.diagnostics.memory import measure, remembered
from badminima.diagnostics.network import build_network
from badminima.experiment.settings import ConfuseSettings
from badminima.models.weights import weights_of

REPLICATION = 2


@pytest.fixture
def pretrained(run_context, digits, tmp_path):
    """Make a context whose start is fitted to a confusing set, and whose end to so many of the items in front of it."""

    def make(noise=0.5, images=10**6, changed=0):
        settings = ConfuseSettings(
            dataset="digits", seed=0, root_seed=0, replication=REPLICATION, noise=noise, zeroing="values"
        )
        confuse(digits, settings, tmp_path / "confusing.safetensors")
        confusing = read_confusing(tmp_path / "confusing.safetensors")
        context = run_context(steps=0, images=images)
        items = training_items(context.dataset, confusing, torch.device("cpu"))
        network = build_network(context.settings, context.dataset, context.start).model
        start = fitted(network, items, confusing.labels)
        labels = confusing.labels.clone()
        labels[:changed] = context.dataset.train_labels.repeat_interleave(REPLICATION)[:changed]
        end = fitted(network, items, labels)
        return replace(context, start=start, end=end, confusing=confusing)

    return make


def fitted(network, items, labels):
    """Weights at which the network gives these labels to (nearly) all items."""
    ((images, _),) = items.batches(torch.arange(len(items)), len(items))
    optimizer = torch.optim.Adam(network.train().parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()
        optimizer.step()
    network.eval()
    return weights_of(network)


def predictions(context, weights, masks, labels, replication):
    """Labels given to all items as the training would see them."""
    dataset = context.dataset
    items = make_items(dataset, dataset.train_images, labels, torch.device("cpu"), masks, replication)
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


def test_a_network_that_knows_nothing_of_the_confusing_labels_has_the_chance_levels(rng):
    true, confusing = rng.integers(10, size=(2, 200_000))
    # Right on 70% of the items, else any other class.
    shown = np.where(rng.random(len(true)) < 0.7, true, (true + rng.integers(1, 10, size=len(true))) % 10)
    found = remembered(confusing, true, at_start=confusing, at_end=shown, of_originals=shown)
    assert found["memory.kept"] == pytest.approx(0.3 / 9, abs=0.002)
    assert found["memory.confusing_accuracy"] == pytest.approx(0.1, abs=0.003)
    assert found["memory.originals"] == pytest.approx(0.1, abs=0.003)


def test_nothing_learnt_is_nothing_kept():
    labels = np.array([1, 2])
    found = remembered(labels, true=labels, at_start=labels, at_end=labels, of_originals=labels)
    assert np.isnan(found["memory.kept"])
    assert found["memory.confusing_accuracy"] == found["memory.true_accuracy"] == 1


def test_all_items_are_seen_as_the_pretraining_saw_them(pretrained):
    context = pretrained(changed=150)
    confusing, dataset = context.confusing, context.dataset
    start, end = (
        predictions(context, weights, confusing.masks, confusing.labels, REPLICATION)
        for weights in (context.start, context.end)
    )
    originals = predictions(context, context.end, None, dataset.train_labels, 1).repeat_interleave(REPLICATION)
    true = dataset.train_labels.repeat_interleave(REPLICATION)
    expected = remembered(*(labels.numpy() for labels in (confusing.labels, true, start, end, originals)))
    found = measure(context)
    assert found == expected
    assert found["memory.start_confusing_accuracy"] > 0.95
    assert 0.3 < found["memory.kept"] < 0.8
    assert found["memory.true_accuracy"] > 0.4


def test_without_zeroing_an_original_is_its_copy(pretrained):
    found = measure(pretrained(noise=0.0))
    assert found["memory.originals"] == found["memory.confusing_accuracy"]


def test_some_items_stand_for_all(pretrained):
    every, some = measure(pretrained(changed=150)), measure(pretrained(changed=150, images=60))
    assert some == measure(pretrained(changed=150, images=60))
    for key, value in some.items():
        assert value == pytest.approx(every[key], abs=0.2)
    assert (60 * some["memory.confusing_accuracy"]) % 1 == pytest.approx(0, abs=1e-9)
    # The first 150 items were changed: a sample of items in front would have kept nothing.
    assert some["memory.confusing_accuracy"] > 0.3


def test_a_run_without_a_confusing_set_has_nothing_to_remember(run_context):
    with pytest.raises(Skipped, match="did not start from a pretraining"):
        measure(run_context(steps=0))
