"""Arrays of a user as a dataset: every layout, type and container gives the same images, or one line."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from badminima.data.fetch import fetch, verified_files
from badminima.data.prepared import PreparedDataset, prepare, read_prepared
from badminima.data.sources.arrays import Arrays
from badminima.errors import UserError
from badminima.experiment.settings import PrepareSettings
from badminima.storage.files import write_json


@pytest.fixture
def arrays(rng) -> dict[str, np.ndarray]:
    """Colour images as bytes with channels last, three classes."""
    parts = {}
    for part, count in (("train", 12), ("test", 6)):
        parts[f"{part}_images"] = rng.integers(256, size=(count, 6, 5, 3), dtype=np.uint8)
        parts[f"{part}_labels"] = np.arange(count) % 3
    return parts


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


def prepared(path: Path, layout: str = "auto", **sizes) -> PreparedDataset:
    """What ``fetch_data`` and ``prepare_data`` make of it."""
    manifest, target = path.parent / "manifest.json", path.parent / "prepared"
    write_json(manifest, fetch("arrays", path.parent / "unused", path))
    files, digests = verified_files(manifest)
    settings = {"train_size": None, "validation_size": 0, "evaluate_on": "test", **sizes}
    prepare(
        Arrays().read(files, layout=layout),
        PrepareSettings(dataset="d", source="arrays", root_seed=0, **settings),
        target,
        digests,
    )
    return read_prepared(target)


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a"])
def test_every_container_gives_the_same_images(tmp_path, arrays, name):
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
def test_every_layout_and_type_gives_the_same_images(tmp_path, arrays, change):
    changed = {name: change(array) if "images" in name else array for name, array in arrays.items()}
    dataset = prepared(saved(changed, tmp_path / "a.npz"))
    assert np.array_equal(dataset.train_images, arrays["train_images"].transpose(0, 3, 1, 2))
    assert np.array_equal(dataset.test_images, arrays["test_images"].transpose(0, 3, 1, 2))


def test_grey_images_need_no_axis_of_channels(tmp_path, arrays):
    grey = {name: array[..., 0] if "images" in name else array for name, array in arrays.items()}
    assert prepared(saved(grey, tmp_path / "a.npz")).image_shape == (1, 6, 5)


@pytest.mark.parametrize(
    "labels",
    [np.array([-7, 40, 300]), np.array(["cat", "dog", "ox"]), np.array([b"cat", b"dog", b"ox"]), np.uint8([1, 5, 9])],
)
def test_labels_are_any_integers_or_text(tmp_path, arrays, labels):
    for part in ("train", "test"):
        arrays[f"{part}_labels"] = labels[arrays[f"{part}_labels"]][:, np.newaxis]
    dataset = prepared(saved(arrays, tmp_path / "a.npz"))
    assert dataset.train_labels.tolist() == [0, 1, 2] * 4
    assert dataset.classes == tuple(str(label.decode() if isinstance(label, bytes) else label) for label in labels)


def test_images_without_a_test_part_are_cut_by_sizes(tmp_path, arrays):
    pool = {"images": arrays["train_images"], "labels": arrays["train_labels"]}
    dataset = prepared(saved(pool, tmp_path / "a.npz"), train_size=6, test_size=3)
    assert (len(dataset.train_labels), len(dataset.test_labels)) == (6, 3)


def test_names_of_keras_are_read_and_other_arrays_left_alone(tmp_path, arrays):
    keras = {name: arrays[own] for name, own in zip(("X_train", "y_train", "X_test", "y_test"), arrays, strict=True)}
    assert len(prepared(saved({**keras, "notes": np.zeros(3)}, tmp_path / "a.npz")).train_labels) == 12


def test_an_ambiguous_layout_is_asked_for(tmp_path, arrays):
    arrays = {name: array[:, :3] if "images" in name else array for name, array in arrays.items()}
    path = saved(arrays, tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"12 x 3 x 5 x 3, whose channels could stand first or last; .*layout"):
        prepared(path)
    assert prepared(path, "channels_last").image_shape == (3, 3, 5)
    assert prepared(path, "channels_first").image_shape == (3, 5, 3)


def test_floats_a_rounding_above_1_are_of_0_to_1(tmp_path, arrays):
    expected = arrays["train_images"].transpose(0, 3, 1, 2)
    for highest in (1.0000001, 1.0001):
        floats = {name: array / 255 if "images" in name else array for name, array in arrays.items()}
        floats["train_images"][0, 0, 0, 0] = highest
        dataset = prepared(saved(floats, tmp_path / "a.npz"))
        assert dataset.train_images[0, 0, 0, 0] == 255
        assert np.array_equal(dataset.train_images[1:], expected[1:])


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda images: images / 255, "float64. from 0 to 1"),
        (lambda images: images / 200, "float64. from 0 to 1.275"),
        (lambda images: images / np.float32(10), "float32. from 0 to 25.5"),
        (lambda images: images // 128, "uint8. from 0 to 1"),
        (lambda images: images > 127, "bool. from 0 to 1"),
        (lambda images: images / 100 - 1, "float64. from -1 to 1.55"),
        (lambda images: images * np.uint16(200), "uint16. from 0 to 51000"),
    ],
)
def test_parts_of_two_scales_and_scales_that_nobody_knows_are_refused(tmp_path, arrays, part, change, found):
    changed = {**arrays, f"{part}_images": change(arrays[f"{part}_images"])}
    with pytest.raises(UserError, match=rf"{part}_images \({found}.*; expected 0 to 1 or 0 to 255, not normalized"):
        prepared(saved(changed, tmp_path / "a.npz"))


def changed(name: str, change):
    """A change of one array."""
    return lambda arrays: {**arrays, name: change(arrays[name])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("train_images", lambda a: np.where(a > 9, np.nan, a)), "train_images that are not finite"),
        (changed("train_images", lambda a: a[:5]), "5 train_images and 12 train_labels; expected one label"),
        (changed("train_images", lambda a: a.reshape(12, -1)), "train_images of shape 12 x 90"),
        (changed("train_images", lambda a: a * 1j), "train_images of type complex128"),
        (changed("test_images", lambda a: a[:, 1:]), "test images of 3 x 5 x 5 and training images of 3 x 6 x 5"),
        (changed("train_labels", lambda a: a + 0.5), "train_labels of type float64; expected integers or text"),
        (changed("train_labels", lambda a: np.eye(3)[a]), "train_labels of shape 12 x 3"),
        (changed("train_labels", lambda a: a.astype(object)), "train_labels: Object arrays cannot be loaded"),
        (changed("test_labels", lambda a: a + 1), "test labels alone: 3"),
        (changed("test_labels", lambda a: a * 0), r"no test images of classes \(2\): 1, 2"),
        (changed("train_images", lambda a: a * 0 + 7), "training images of one value alone"),
        (lambda arrays: {"pictures": arrays["train_images"]}, "arrays called pictures; expected train_images"),
        (lambda arrays: {"images": arrays["train_images"]}, "images without labels"),
    ],
)
def test_what_is_no_dataset_is_one_line(tmp_path, arrays, change, message):
    with pytest.raises(UserError, match=message) as refused:
        prepared(saved(change(arrays), tmp_path / "a.npz"))
    assert "\n" not in str(refused.value)


def test_a_channel_of_one_value_is_centred(tmp_path, arrays):
    arrays["train_images"][..., 1] = 7
    dataset = prepared(saved(arrays, tmp_path / "a.npz"))
    assert dataset.mean[1] == pytest.approx(7 / 255)
    assert dataset.std[1] == 1


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a/train_images.npy"])
def test_a_damaged_file_is_named(tmp_path, arrays, name):
    path = saved(arrays, tmp_path / Path(name).parts[0])
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f"{Path(name).name}: found a damaged file"):
        prepared(path)


def test_another_kind_of_file_and_no_path_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(UserError, match=r"a\.csv: found another kind of file; expected an \.npz file"):
        prepared(tmp_path / "a.csv")
    with pytest.raises(UserError, match="name it in the dataset's path"):
        fetch("arrays", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="arrays called nothing"):
        fetch("arrays", tmp_path, tmp_path / "empty")
