"""Arrays of a user as a dataset: every layout, type and container gives the same images, or one line."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file


def saved(arrays: dict[str, np.ndarray], path: Path) -> Path:
    """Arrays in a container, which the path's ending tells; a folder without."""
    if path.suffix == ".npz":
        np.savez_compressed(path, **arrays)
    elif path.suffix == ".safetensors":
        save_file(arrays, path)
    else:
        path.mkdir(exist_ok=True)
        for name, array in arrays.items():
            np.save(path / f"{name}.npy", array)
    return path


@pytest.fixture
def prepared(made_of):
    return lambda path, **options: made_of("arrays", path, options)


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a"])
def test_every_container_gives_the_same_images(tmp_path, prepared, arrays, name):
    dataset = prepared(saved(arrays, tmp_path / name))
    assert np.array_equal(dataset.train_images, arrays["train_images"].transpose(0, 3, 1, 2))
    assert np.array_equal(dataset.test_labels, arrays["test_labels"])
    assert dataset.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images.transpose(0, 3, 1, 2),
        lambda images: images / np.float32(255),
        lambda images: (images / 255).astype(np.float16),
        lambda images: images.astype(np.float64),
        lambda images: images.astype(np.int64),
    ],
)
def test_every_layout_and_type_gives_the_same_images(tmp_path, prepared, arrays, change):
    changed = {name: change(array) if "images" in name else array for name, array in arrays.items()}
    dataset = prepared(saved(changed, tmp_path / "a.npz"))
    assert np.array_equal(dataset.train_images, arrays["train_images"].transpose(0, 3, 1, 2))
    assert np.array_equal(dataset.test_images, arrays["test_images"].transpose(0, 3, 1, 2))


def test_grey_images_need_no_axis_of_channels(tmp_path, prepared, arrays):
    grey = {name: array[..., 0] if "images" in name else array for name, array in arrays.items()}
    assert prepared(saved(grey, tmp_path / "a.npz")).image_shape == (1, 6, 5)


@pytest.mark.parametrize(
    "labels",
    [np.array([-7, 40, 300]), np.array(["cat", "dog", "ox"]), np.array([b"cat", b"dog", b"ox"]), np.uint8([1, 5, 9])],
)
def test_labels_are_any_integers_or_text(tmp_path, prepared, arrays, labels):
    for part in ("train", "test"):
        arrays[f"{part}_labels"] = labels[arrays[f"{part}_labels"]][:, np.newaxis]
    dataset = prepared(saved(arrays, tmp_path / "a.npz"))
    assert dataset.train_labels.tolist() == [0, 1, 2] * 4
    assert dataset.classes == tuple(str(label.decode() if isinstance(label, bytes) else label) for label in labels)


def test_names_of_keras_are_read_and_other_arrays_left_alone(tmp_path, prepared, arrays):
    keras = {name: arrays[own] for name, own in zip(("X_train", "y_train", "X_test", "y_test"), arrays, strict=True)}
    assert len(prepared(saved({**keras, "notes": np.zeros(3)}, tmp_path / "a.npz")).train_labels) == 12


def test_an_ambiguous_layout_is_an_option(tmp_path, prepared, arrays):
    path = saved({name: array[:, :3] if "images" in name else array for name, array in arrays.items()}, tmp_path / "a")
    assert prepared(path, layout="channels_last").image_shape == (3, 3, 5)
    assert prepared(path, layout="channels_first").image_shape == (3, 5, 3)


def test_floats_a_rounding_above_1_are_of_0_to_1(tmp_path, prepared, arrays):
    expected = arrays["train_images"].transpose(0, 3, 1, 2)
    floats = {name: array / 255 if "images" in name else array for name, array in arrays.items()}
    floats["train_images"][0, 0, 0, 0] = 1.0001
    dataset = prepared(saved(floats, tmp_path / "a.npz"))
    assert dataset.train_images[0, 0, 0, 0] == 255
    assert np.array_equal(dataset.train_images[1:], expected[1:])


def test_a_channel_of_one_value_is_centred(tmp_path, prepared, arrays):
    arrays["train_images"][..., 1] = 7
    dataset = prepared(saved(arrays, tmp_path / "a.npz"))
    assert dataset.mean[1] == pytest.approx(7 / 255)
    assert dataset.std[1] == 1
