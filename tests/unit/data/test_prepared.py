"""The prepared dataset: splits and statistics."""

from hashlib import sha256

import numpy as np
import pytest

from badminima.data.prepared import channel_statistics, prepare, read_prepared, stratified_order, value_counts
from badminima.data.sources.base import ArraySplit, RawDataset
from badminima.errors import UserError
from badminima.experiment.settings import PrepareSettings
from badminima.storage.tensorfiles import read_tensors, write_tensors


def numbered(count: int) -> ArraySplit:
    """Images whose every value is their own number: shows which image went where."""
    numbers = np.arange(count, dtype=np.uint8)
    return ArraySplit(np.tile(numbers[:, None, None, None], (1, 1, 2, 2)), numbers.astype(np.int64) % 2)


def settings(**changes) -> PrepareSettings:
    entries = {"dataset": "d", "source": "s", "train_size": None, "validation_size": 0, "evaluate_on": "test"}
    return PrepareSettings(**{**entries, **changes}, root_seed=0)


@pytest.fixture
def prepared(tmp_path):
    """Prepare a dataset and read it back: tensors and metadata."""

    def prepare_and_read(raw: RawDataset, chosen: PrepareSettings):
        prepare(raw, chosen, tmp_path / "d.safetensors", {"raw": "0123"})
        return read_tensors(tmp_path / "d.safetensors")

    return prepare_and_read


def numbers(images: np.ndarray) -> set[int]:
    return set(images[:, 0, 0, 0].tolist())


def test_a_pool_without_test_split_is_cut_in_three_that_share_nothing(prepared):
    raw = RawDataset(numbered(100), None, ("even", "odd"))
    test, _ = prepared(raw, settings(train_size=50, validation_size=20))
    validation, metadata = prepared(raw, settings(train_size=50, validation_size=20, evaluate_on="validation"))
    parts = [numbers(test["train.images"]), numbers(validation["test.images"]), numbers(test["test.images"])]
    assert [len(part) for part in parts] == [50, 20, 30]
    assert set.union(*parts) == set(range(100))
    assert np.array_equal(test["train.images"], validation["train.images"])
    assert metadata["evaluated_on"] == "validation"


def test_an_entry_of_another_name_is_cut_anew(prepared):
    raw = RawDataset(numbered(100), None, ("even", "odd"))
    one, again, other = (
        numbers(prepared(raw, settings(dataset=name, train_size=50))[0]["train.images"]) for name in "dde"
    )
    assert one == again
    assert one != other


def test_an_official_test_split_is_kept_and_validation_comes_out_of_training(prepared):
    raw = RawDataset(numbered(100), numbered(7), ("even", "odd"))
    tensors, _ = prepared(raw, settings(validation_size=20))
    assert len(tensors["train.labels"]) == 80
    assert np.array_equal(tensors["test.images"], raw.test.images)


@pytest.mark.parametrize(
    ("test", "changes", "message"),
    [
        (None, {"train_size": 101}, r"\.d: .*it has 100 training images, expected at most that together"),
        (None, {}, r"\.d\.train_size: found nothing; d has no test images of its own"),
        (numbered(5), {"evaluate_on": "validation"}, r"\.d\.evaluate_on: found 'validation' without images; give it"),
        (numbered(5), {"test_size": 6}, r"\.d\.test_size: found 6; expected at most 5, which it has"),
    ],
)
def test_sizes_that_a_dataset_cannot_give_are_refused(prepared, test, changes, message):
    with pytest.raises(UserError, match=f"datasets{message}"):
        prepared(RawDataset(numbered(100), test, ("even", "odd")), settings(**changes))


def test_every_prefix_of_a_stratified_order_is_balanced(rng):
    labels = rng.permutation(np.repeat([0, 1, 2], [60, 30, 10]))
    order = stratified_order(labels, rng)
    assert sorted(order) == list(range(100))
    for size in (10, 37, 50, 90):
        counts = np.bincount(labels[order[:size]], minlength=3)
        assert np.abs(counts - size * np.array([0.6, 0.3, 0.1])).max() <= 1.5


def test_statistics_are_those_of_numpy(rng):
    images = rng.integers(256, size=(50, 3, 4, 5), dtype=np.uint8)
    mean, std = channel_statistics(value_counts(images))
    assert mean == pytest.approx((images / 255).mean(axis=(0, 2, 3)))
    assert std == pytest.approx((images / 255).std(axis=(0, 2, 3)))


def test_another_tensor_file_is_refused(tmp_path):
    write_tensors(tmp_path / "x.safetensors", {"a": np.zeros(1)}, {})
    with pytest.raises(UserError, match="expected a prepared dataset"):
        read_prepared(tmp_path / "x.safetensors")


def test_a_changed_preparation_has_a_raised_revision(prepared_path):
    """If this fails on purpose, raise ``PrepareSettings.revision`` and write the new digest here."""
    tensors, metadata = read_tensors(prepared_path)
    content = b"".join(tensors[name].tobytes() for name in sorted(tensors)) + repr(metadata["mean"]).encode()
    assert (settings().revision, sha256(content).hexdigest()[:16]) == (1, "53a2be14c75987f3")


def test_statistics_are_of_the_training_images_alone(prepared):
    raw = RawDataset(numbered(100), numbered(200), ("even", "odd"))
    tensors, metadata = prepared(raw, settings(train_size=40, validation_size=20))
    assert metadata["mean"] == pytest.approx([tensors["train.images"].mean() / 255])
    assert metadata["std"] == pytest.approx([tensors["train.images"].std() / 255])
    assert metadata["mean"] != pytest.approx([tensors["test.images"].mean() / 255])


def test_the_log_tells_the_values_of_each_part_and_test_images_that_are_training_images(prepared, capsys):
    raw = RawDataset(numbered(100), numbered(7), ("even", "odd"))
    prepared(raw, settings(validation_size=50))
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("d: ")]
    assert told[1] == "d: 7 test images, values from 0 to 6, mean 3.0"
    training = numbers(prepared(raw, settings(validation_size=50))[0]["train.images"])
    assert told[2] == f"d: {len(training & set(range(7)))} of 7 test images are training images, too"


@pytest.mark.parametrize(("label", "found"), [(2, "from 0 to 2"), (-1, "from -1 to 0")])
def test_labels_of_no_class_are_refused(prepared, label, found):
    images = numbered(10).images
    raw = RawDataset(ArraySplit(images, np.array([0] * 9 + [label])), numbered(4), ("even", "odd"))
    with pytest.raises(UserError, match=rf"datasets\.d: found training labels {found}; expected 0 to 1"):
        prepared(raw, settings())


def test_classes_without_images_are_refused(prepared):
    raw = RawDataset(ArraySplit(numbered(10).images, np.zeros(10, np.int64)), numbered(4), ("even", "odd"))
    with pytest.raises(UserError, match=r"datasets\.d: found no training images of classes \(1\): odd; add images"):
        prepared(raw, settings())
