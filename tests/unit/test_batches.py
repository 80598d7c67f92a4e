"""Batches: the fast batched way against the slow obvious one."""

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as tv

from badminima.config import AugmentationConfig
from badminima.data.batches import Items, crop_and_flip, draw_augmentation

CPU = torch.device("cpu")


@pytest.fixture
def images(rng) -> torch.Tensor:
    return torch.from_numpy(rng.integers(256, size=(20, 3, 7, 5), dtype=np.uint8))


def test_crop_and_flip_is_torchvisions_pad_crop_and_flip(images):
    draws = draw_augmentation(AugmentationConfig(padding=2, horizontal_flip=True), 20, seed=1, device=CPU)
    batch = crop_and_flip(images, 2, draws.rows, draws.columns, draws.flips)
    for i, image in enumerate(images):
        expected = tv.crop(tv.pad(image, [2, 2, 2, 2]), int(draws.rows[i]), int(draws.columns[i]), 7, 5)
        expected = tv.hflip(expected) if draws.flips[i] else expected
        assert torch.equal(batch[i], expected)


def test_draws_cover_every_offset_and_both_flips():
    draws = draw_augmentation(AugmentationConfig(padding=4, horizontal_flip=True), 2000, seed=0, device=CPU)
    assert set(draws.rows.tolist()) == set(draws.columns.tolist()) == set(range(9))
    assert abs(draws.flips.float().mean() - 0.5) < 0.05


def test_no_padding_and_no_flip_change_nothing(images):
    draws = draw_augmentation(AugmentationConfig(padding=0, horizontal_flip=False), 20, seed=0, device=CPU)
    assert torch.equal(draws.apply(images, torch.arange(20)), images)


def test_an_item_keeps_its_draw_wherever_it_stands_in_a_batch(images):
    draws = draw_augmentation(AugmentationConfig(padding=2), 20, seed=0, device=CPU)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    assert torch.equal(draws.apply(images, torch.arange(20))[order], draws.apply(images[order], order))


def test_normalization_is_torchvisions(images):
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
    items = Items(images, torch.zeros(20, dtype=torch.int64), mean, std)
    expected = tv.normalize(images.float() / 255, mean.tolist(), std.tolist())
    assert torch.allclose(items.normalize(images), expected, atol=1e-5)


def test_gathering_does_not_change_the_stored_images(images):
    items = Items(images.clone(), torch.zeros(20, dtype=torch.int64), torch.zeros(3), torch.ones(3))
    gathered, _ = items.gather(torch.arange(20))
    items.normalize(gathered)
    assert torch.equal(items.images, images)
