"""The confusing set, Algorithm 1 of the paper."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from badminima.data.confusing import confuse, content_digests, count_conflicts, zeroed_values
from badminima.data.prepared import PreparedDataset
from badminima.errors import UserError
from badminima.experiment.settings import ConfuseSettings
from badminima.report.figures.confusing import draw_confusing
from badminima.storage.tensorfiles import read_tensors


def settings(**changes) -> ConfuseSettings:
    entries = {"dataset": "digits", "replication": 4, "noise": 0.2, "zeroing": "values", "root_seed": 0, "seed": 0}
    return ConfuseSettings(**{**entries, **changes})


@pytest.fixture
def confused(tmp_path):
    """Build a confusing set and read it back: tensors and metadata."""

    def confuse_and_read(dataset: PreparedDataset, chosen: ConfuseSettings):
        confuse(dataset, chosen, tmp_path / "c.safetensors")
        return read_tensors(tmp_path / "c.safetensors")

    return confuse_and_read


def unpacked(masks: np.ndarray, values: int) -> np.ndarray:
    return np.unpackbits(masks, axis=1, count=values).astype(bool)


@pytest.mark.parametrize(("zeroing", "expected"), [("values", 38), ("pixels", 36)])
def test_each_copy_has_exactly_the_stated_number_of_values_zeroed(confused, digits, zeroing, expected):
    colour = replace(digits, train_images=np.repeat(digits.train_images, 3, axis=1))
    tensors, metadata = confused(colour, settings(zeroing=zeroing))
    assert metadata["zeroed_values"] == expected
    masks = unpacked(tensors["masks"], 192).reshape(480, 3, 64)
    assert (masks.sum(axis=(1, 2)) == expected).all()
    assert (masks == masks[:, :1]).all() == (zeroing == "pixels")


@pytest.mark.parametrize(
    ("shape", "noise", "zeroing", "expected"),
    [
        ((3, 32, 32), 0.1, "values", 307),
        ((3, 32, 32), 0.1, "pixels", 3 * 102),
        # 0.29 * 100 is 28.999999999999996 in floating point.
        ((1, 10, 10), 0.29, "values", 29),
    ],
)
def test_values_are_zeroed_by_the_published_law(shape, noise, zeroing, expected):
    assert zeroed_values(shape, noise, zeroing) == expected


def test_every_position_is_zeroed_equally_often(confused, digits):
    tensors, _ = confused(digits, settings(replication=100))
    frequency = unpacked(tensors["masks"], 64).mean(axis=0)
    # 12,000 copies: the standard error of a frequency near 12/64 is 0.0036.
    assert np.abs(frequency - 12 / 64).max() < 4 * 0.0036


def test_labels_are_uniform_and_ignore_the_true_ones(confused, digits):
    tensors, _ = confused(digits, settings(replication=100))
    labels = tensors["labels"]
    assert labels.dtype == np.int64
    assert np.abs(np.bincount(labels, minlength=10) / len(labels) - 0.1).max() < 4 * np.sqrt(0.09 / 12000)
    assert abs((labels == np.repeat(digits.train_labels, 100)).mean() - 0.1) < 4 * np.sqrt(0.09 / 12000)


def test_the_number_of_random_labels_is_exact_where_it_can_be_counted(confused, digits):
    masks = confused(digits, settings())[0]["masks"].copy()
    # One of a hundred million classes is never drawn as the true one, so that every random label shows.
    many = replace(digits, classes=range(10**8))
    for fraction, expected in ((1.0, 480), (0.5, 240), (0.33, 158), (0.001, 0)):
        tensors, _ = confused(many, settings(label_fraction=fraction))
        assert (tensors["labels"] != np.repeat(digits.train_labels, 4)).sum() == expected
        assert np.array_equal(tensors["masks"], masks)


def test_a_set_knows_its_conflicts_and_the_best_accuracy(confused, digits):
    # Nothing is zeroed: the copies of an image are identical, and a classifier can get the commonest label right.
    tensors, metadata = confused(digits, settings(noise=0.0, label_fraction=0.5))
    by_image = tensors["labels"].reshape(-1, 4)
    commonest = sum(np.bincount(labels).max() for labels in by_image)
    assert metadata["reachable_accuracy"] == commonest / 480
    assert metadata["conflicting_copies"] == 4 * sum(len(set(labels)) > 1 for labels in by_image)


def test_pixels_drawn_with_replacement_are_zeroed_once(confused, digits):
    # CIFAR's size: 102 draws of 1,024 pixels hit 1024 (1 - (1 - 1/1024)^102) = 97.1 different ones in the mean, with
    # a standard deviation of 2.1 (occupancy of cells).
    images = np.ones((120, 3, 32, 32), dtype=np.uint8)
    chosen = settings(zeroing="pixels_with_replacement", noise=0.1, replication=10)
    tensors, metadata = confused(replace(digits, train_images=images), chosen)
    masks = unpacked(tensors["masks"], 3072).reshape(-1, 3, 1024)
    assert metadata["zeroed_values"] == 3 * 102
    assert (masks == masks[:, :1]).all()
    different = masks[:, 0].sum(axis=1)
    assert different.max() <= 102
    assert different.mean() == pytest.approx(1024 * (1 - (1 - 1 / 1024) ** 102), abs=4 * 2.1 / np.sqrt(1200))
    assert different.std() == pytest.approx(2.1, abs=0.3)


def test_the_same_seed_gives_the_same_set_and_another_seed_another(confused, digits):
    first, again, other = (confused(digits, settings(seed=seed))[0] for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["labels"], other["labels"])
    assert not np.array_equal(first["masks"], other["masks"])


def test_conflicts_of_a_case_counted_by_hand():
    # Two images, three copies each, nothing zeroed. The copies of image 0 are one content with labels 1, 1, 2: the
    # best answer gets 2 of 3. Those of image 1 agree. So 3 copies conflict and 5 of 6 can be right.
    images = np.array([[[[1, 2]]], [[[3, 4]]]], dtype=np.uint8)
    masks = np.zeros((6, 1), dtype=np.uint8)
    contents = content_digests(images, masks, np.array([0, 0, 0, 1, 1, 1]))
    conflicting, reachable = count_conflicts(contents, np.array([1, 1, 2, 5, 5, 5]))
    assert conflicting == 3
    assert reachable == pytest.approx(5 / 6)


def test_masks_that_differ_only_on_black_values_still_conflict():
    images = np.array([[[[0, 0, 7]]]], dtype=np.uint8)
    masks = np.array([[0b10000000], [0b01000000]], dtype=np.uint8)
    contents = content_digests(images, masks, np.array([0, 0]))
    assert count_conflicts(contents, np.array([0, 1])) == (2, 0.5)


def test_a_changed_confusing_set_has_a_raised_revision(confused, digits):
    """If this fails on purpose, raise ``ConfuseSettings.revision`` and write the new digest here."""
    tensors, _ = confused(digits, settings())
    digest = sha256(tensors["labels"].tobytes() + tensors["masks"].tobytes()).hexdigest()
    assert (settings().revision, digest[:16]) == (1, "a16d83bcb0ae08a2")


def test_the_figure_shows_labels_and_zeroed_values_of_the_file(confused, digits, tmp_path):
    tensors, metadata = confused(digits, settings())
    drawing = draw_confusing(digits, tmp_path / "c.safetensors")
    shown = drawing.shown
    assert shown["image"].nunique() == shown["true"].nunique() == 4
    items = (shown["image"] * metadata["replication"] + shown["copy"]).to_numpy()
    assert shown["label"].tolist() == [digits.classes[label] for label in tensors["labels"][items]]
    assert set(shown["zeroed_values"]) == {metadata["zeroed_values"]}
    # The image as it is, then its first copy with the zeroed values painted.
    clean, copy = (axes.images[0].get_array() for axes in drawing.figure.axes[:2])
    assert np.array_equal((clean != copy).any(axis=2), unpacked(tensors["masks"][items[:1]], 64).reshape(8, 8))


def test_a_confusing_set_of_other_images_is_refused(confused, digits, tmp_path):
    confused(digits, settings())
    with pytest.raises(UserError, match="expected 4 of each training image"):
        draw_confusing(replace(digits, train_labels=digits.train_labels[:5]), tmp_path / "c.safetensors")
