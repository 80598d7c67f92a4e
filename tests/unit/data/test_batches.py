"""Batches: the fast batched way against the slow obvious one."""

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as tv

from badminima.config import AugmentationConfig
from badminima.data import items as module
from badminima.data.augmentation import draw_augmentation
from badminima.data.items import Items, channels_last, make_items
from badminima.data.prepared import PreparedDataset

CPU = torch.device("cpu")
REPLICATION = 3


@pytest.fixture
def images(rng) -> torch.Tensor:
    return torch.from_numpy(rng.integers(256, size=(20, 3, 7, 5), dtype=np.uint8))


@pytest.fixture
def dataset(images) -> PreparedDataset:
    labels = torch.arange(20) % 4
    statistics = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}
    return PreparedDataset("d", images, labels, images, labels, tuple("abcd"), **statistics, evaluated_on="test")


@pytest.fixture
def mask(rng) -> np.ndarray:
    """Which values are zeroed in each of three copies."""
    return rng.random((20 * REPLICATION, 3, 7, 5)) < 0.3


def items_of(dataset: PreparedDataset, mask: np.ndarray | None, resident: bool) -> Items:
    if mask is None:
        return make_items(dataset, dataset.train_images, dataset.train_labels, CPU, resident=resident)
    packed = torch.from_numpy(np.packbits(mask.reshape(len(mask), -1), axis=1))
    labels = torch.arange(len(mask)) % 4
    return make_items(dataset, dataset.train_images, labels, CPU, packed, REPLICATION, resident)


def slowly(dataset: PreparedDataset, mask: np.ndarray | None, draws, item: int) -> torch.Tensor:
    """One item, by torchvision and one step after the other."""
    image = dataset.train_images[item if mask is None else item // REPLICATION]
    if mask is not None:
        image = image * torch.from_numpy(~mask[item])
    if draws is not None:
        image = tv.crop(tv.pad(image, [2, 2, 2, 2]), int(draws.rows[item]), int(draws.columns[item]), 7, 5)
        image = tv.hflip(image) if draws.flips[item] else image
    return tv.normalize(image.float() / 255, list(dataset.mean), list(dataset.std))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("augmented", [True, False])
def test_batches_are_what_the_slow_way_makes(dataset, mask, monkeypatch, masked, augmented):
    # Two batches at once, so that there are several chunks.
    monkeypatch.setattr(module, "CHUNK_BYTES", {"cpu": 4 * 105 * 15})
    items = items_of(dataset, mask if masked else None, True)
    draws = draw_augmentation(AugmentationConfig(padding=2), len(items), seed=1) if augmented else None
    order = torch.randperm(len(items), generator=torch.Generator().manual_seed(0))
    made = list(items.batches(order, 7, draws))
    assert [len(labels) for _, labels in made] == [7] * (len(items) // 7) + [len(items) % 7]
    assert all(images.is_contiguous(memory_format=torch.channels_last) for images, _ in made)
    images, labels = (torch.cat(parts) for parts in zip(*made, strict=True))
    assert torch.equal(labels, items.labels[order])
    for position, item in enumerate(order.tolist()):
        expected = slowly(dataset, mask if masked else None, draws, item)
        assert torch.allclose(images[position], expected, atol=1e-5)


@pytest.mark.parametrize("masked", [True, False])
def test_streamed_batches_are_the_resident_ones_to_the_bit(dataset, mask, masked):
    draws = draw_augmentation(AugmentationConfig(padding=2), 60 if masked else 20, seed=1)
    order = torch.randperm(60 if masked else 20)
    one, other = (list(items_of(dataset, mask if masked else None, kept).batches(order, 7, draws)) for kept in (0, 1))
    for (images, labels), (same_images, same_labels) in zip(one, other, strict=True):
        assert torch.equal(images, same_images)
        assert torch.equal(labels, same_labels)


def test_no_items_are_no_batches(dataset):
    assert list(items_of(dataset, None, True).batches(torch.arange(0), 7)) == []


def test_a_thread_that_reads_ahead_ends_with_its_reader(dataset):
    generator = items_of(dataset, None, False).batches(torch.arange(20), 2)
    next(generator)
    generator.close()  # would hang if the thread went on


def test_data_that_does_not_fit_is_streamed(dataset, monkeypatch):
    assert type(make_items(dataset, dataset.train_images, dataset.train_labels, CPU).source).__name__ == "Resident"
    monkeypatch.setattr("badminima.data.items.free_memory", lambda device: 2 * dataset.train_images.numel() - 1)
    assert type(make_items(dataset, dataset.train_images, dataset.train_labels, CPU).source).__name__ == "Streamed"


def test_draws_cover_every_offset_and_both_flips():
    draws = draw_augmentation(AugmentationConfig(padding=4, horizontal_flip=True), 2000, seed=0)
    assert set(draws.rows.tolist()) == set(draws.columns.tolist()) == set(range(9))
    assert abs(draws.flips.float().mean() - 0.5) < 0.05


def test_no_padding_and_no_flip_change_nothing(images):
    draws = draw_augmentation(AugmentationConfig(padding=0, horizontal_flip=False), 20, seed=0)
    assert torch.equal(draws.apply(channels_last(images), torch.arange(20)), channels_last(images))
