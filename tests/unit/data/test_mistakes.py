"""A user's mistakes: one line says where, what was found, and what would be right."""

import gzip
import shutil
import tarfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from badminima.data.raw import fetch, verified_files
from badminima.data.sources import cifar, cinic10
from badminima.errors import UserError
from badminima.storage.files import write_json
from tests import generated
from tests.photographs import SIZES, photographs

SMALL = {"side": 8, "resize": True}


def changed(name: str, change):
    return lambda content: {**content, name: change(content[name])}


ARRAYS = [
    (changed("train_images", lambda a: a / 100 - 1), r"from -1 to 1.55 and test_images .* expected 0 to 1 or 0 to 255"),
    (changed("train_images", lambda a: a / 255), r"from 0 to 1 and test_images \(uint8\) .* the same in training and"),
    (changed("train_images", lambda a: a / 200), r"train_images \(float64\) from 0 to 1.275 and .* expected 0 to 1 or"),
    (changed("train_images", lambda a: a // 128), r"train_images \(uint8\) from 0 to 1 and .* expected 0 to 1 or 0 to"),
    (changed("train_images", lambda a: a * np.uint16(200)), "from 0 to 51000 and test_images .* expected 0 to 1 or 0"),
    (changed("train_images", lambda a: np.where(a > 9, np.nan, a)), "train_images .float64. from nan to nan"),
    (changed("train_images", lambda a: a[:5]), "5 train_images and 12 train_labels; expected one label"),
    (changed("train_images", lambda a: a.reshape(12, -1)), "train_images of shape 12 x 90; expected n x h x w"),
    (changed("test_images", lambda a: a[:, 1:]), "test images of 3 x 5 x 5 and training .*; expected one shape"),
    (changed("train_labels", lambda a: a + 0.5), "train_labels of type float64; expected integers or text"),
    (changed("train_labels", lambda a: np.eye(3)[a]), "train_labels of shape 12 x 3; expected one label"),
    (changed("train_labels", lambda a: a.astype(object)), r"a\.npz: found .*Object arrays cannot be loaded"),
    (changed("test_labels", lambda a: a + 1), "test labels alone: 3; expected those of the training images"),
    (changed("test_labels", lambda a: a * 0), r"datasets\.d: found no test images of classes \(2\): 1, 2; add"),
    (changed("train_images", lambda a: a * 0 + 7), r"datasets\.d: found training images of one value alone"),
    (lambda content: {"pictures": content["train_images"]}, "arrays called pictures; expected train_images"),
    (lambda content: {"images": content["train_images"]}, "images without labels; expected train_images"),
    (lambda content: {name: a[:, :3] if "images" in name else a for name, a in content.items()},
     r"12 x 3 x 5 x 3, whose channels could stand first or last; .*layout"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), ARRAYS)
def test_arrays_that_are_no_dataset(tmp_path, made_of, arrays, change, message):
    np.savez(tmp_path / "a.npz", **change(arrays))
    refused(message, lambda: made_of("arrays", tmp_path / "a.npz"))


def refused(message: str, action) -> None:
    with pytest.raises(UserError, match=message) as error:
        action()
    assert "\n" not in str(error.value)


def one_level_higher(folder: Path) -> None:
    """Put the parts into a folder, and another folder of images beside it."""
    (folder / "inner").mkdir()
    for part in SIZES:
        (folder / part).rename(folder / "inner" / part)
    (folder / "other" / "2026").mkdir(parents=True)
    Image.new("L", (9, 9)).save(folder / "other" / "2026" / "0.png")


def break_all(folder: Path) -> None:
    for name in ("train/cat/0", "train/cat/1", "train/dog/0", "train/dog/1", "test/cat/0", "test/dog/1"):
        (folder / f"{name}.png").write_bytes(b"no image")


PHOTOGRAPHS = [
    (lambda folder: [path.unlink() for path in folder.rglob("*.png")], "no PNG, JPEG or WebP files; expected train/"),
    (lambda folder: [path.rename(folder / "test" / path.name) for path in folder.glob("test/cat/*")],
     r"images outside class folders \(2\): test/0\.png, test/1\.png; sort them"),
    (lambda folder: (folder / "test" / "dog").rename(folder / "test" / "cow"), "classes in test/ alone: cow; expected"),
    (lambda folder: [shutil.rmtree(folder / part / "dog") for part in SIZES], "images of cat alone; expected two"),
    (one_level_higher, "train/ further down; name the folder that has it"),
    (break_all, r"files that can't be read \(6\): .*cat/0\.png \(no image .*and 1 more; replace or delete them"),
]  # fmt: skip


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize(("change", "message"), PHOTOGRAPHS)
def test_photographs_that_are_no_dataset(tmp_path, made_of, change, message, is_packed):
    path = photographs(tmp_path / "photos")
    change(path)
    if is_packed:
        with tarfile.open(tmp_path / "photos.tar", "w") as archive:
            archive.add(path, ".")
        path = tmp_path / "photos.tar"
    refused(message, lambda: made_of("image_folder", path, SMALL))
    assert not list(tmp_path.glob("*.safetensors"))


def unreadable(name: str):
    """A file of bytes that mean nothing."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(b"anything")
        return folder / name

    return make


def a_zip(folder: Path) -> Path:
    np.savez(folder / "a.zip.npz", a=np.zeros(3))
    return folder / "a.zip.npz"


def cinic_folders(folder: Path) -> Path:
    for part, name in product(cinic10.PARTS, cinic10.CLASSES):
        (folder / part / name).mkdir(parents=True)
    return folder


def an_empty_folder(folder: Path) -> Path:
    photographs(folder / "photos")
    (folder / "photos" / "train" / "cow").mkdir()
    return folder / "photos"


FILES = [
    ("svhn", lambda folder: folder, "dataset source: found 'svhn'; available: digits"),
    ("fashion_mnist", lambda folder: folder / "absent", "absent: found no such file or folder; expected the files"),
    ("fashion_mnist", lambda folder: folder, "no train-images-idx3-ubyte or .*; expected a folder of the four IDX"),
    ("cifar10", lambda folder: folder, "neither cifar-10-python.tar.gz nor cifar-10-batches-py; expected cifar10 for"),
    ("cifar10", unreadable("cifar-10-python.tar.gz"), "another content than the published one; expected the published"),
    ("cinic10", unreadable("CINIC-10.tar.gz"), "another content than the published one; expected the"),
    ("cinic10", lambda folder: folder, "train.airplane: found no such folder; expected CINIC-10.tar.gz"),
    ("cinic10", cinic_folders, "train/airplane: found no PNG files; expected CINIC-10's images"),
    ("restricted_imagenet", lambda folder: None, r"ImageNet can't be .* name your copy in data\.local_dirs"),
    ("restricted_imagenet", lambda folder: folder, "train: found 0 folders from n02085620 to n02113978, instead of 1"),
    ("image_folder", lambda folder: None, "no folder of images; name it in the dataset's path"),
    ("image_folder", a_zip, "a zip archive; unpack it, or pack the images as a tar archive"),
    ("image_folder", unreadable("a.tar"), r"a\.tar: found an unreadable archive .*; replace it"),
    ("image_folder", an_empty_folder, r"folders without images \(1\): train/cow; add images or delete them"),
    ("arrays", lambda folder: None, "no file of arrays; name it in the dataset's path"),
    ("arrays", lambda folder: folder, "arrays called nothing; expected train_images"),
    ("arrays", unreadable("a.csv"), r"a\.csv: found another kind of file; expected an \.npz file"),
    ("arrays", unreadable("a.npz"), r"a\.npz: found an unreadable file .*; replace it"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "make", "message"), FILES)
def test_files_that_are_not_what_the_source_reads(tmp_path, made_of, source, make, message):
    (tmp_path / "given").mkdir()
    refused(message, lambda: made_of(source, make(tmp_path / "given")))


def test_files_that_are_not_the_published_ones(tmp_path, made_of, rng, monkeypatch):
    labels = generated.publish_fashion(tmp_path, rng, monkeypatch)["t10k-labels-idx1-ubyte.gz"]
    labels.write_bytes(gzip.compress(gzip.decompress(labels.read_bytes())[:-1] + b"\x07"))
    refused(
        "t10k-labels-idx1-ubyte.gz: found content that is not Fashion-MNIST's",
        lambda: made_of("fashion_mnist", tmp_path),
    )
    labels.write_bytes(labels.read_bytes()[:15])
    refused("t10k-labels-idx1-ubyte.gz: found an unreadable file", lambda: made_of("fashion_mnist", tmp_path))
    with tarfile.open(generated.publish_cifar(tmp_path, cifar.Cifar10, rng, monkeypatch)) as content:
        content.extractall(tmp_path, filter="data")
    # Unpickled, this would run a command.
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    refused("data_batch_2: found no published file", lambda: made_of("cifar10", tmp_path))
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").unlink()
    refused("data_batch_2: found no published file", lambda: made_of("cifar10", tmp_path))


def test_an_imagenet_without_some_classes_or_images(tmp_path, made_of, rng, capsys):
    image = generated.encoded(rng.integers(256, size=(9, 9, 3), dtype=np.uint8), "JPEG")
    tree = generated.imagenet_tree(tmp_path / "tree", image, {"train": 2, "val": 1})
    cat = "n02123045"
    (tree / "train" / cat / f"{cat}_0.JPEG").unlink()
    (tree / "train" / cat / f"{cat}_0.JPEG").write_bytes(image[:100])
    refused(rf"{cat}_0\.JPEG: found no image", lambda: made_of("restricted_imagenet", tree, {"side": 8}))
    told = capsys.readouterr().err
    assert "train: 406 images of 203 classes; ImageNet has 257,748\n" in told
    assert "val: 203 images of 203 classes; ImageNet has 10,150\n" in told
    (tree / "val" / cat / f"{cat}_0.JPEG").unlink()
    refused(rf"without images \(1\): val/{cat}; expected JPEG", lambda: made_of("restricted_imagenet", tree))
    (tree / "val" / cat).rmdir()
    refused(
        "val: found 4 folders from n02123045 to n02124075, instead of 5", lambda: made_of("restricted_imagenet", tree)
    )


def test_files_that_changed_after_they_were_fetched(tmp_path):
    folder, manifest = photographs(tmp_path / "photos"), tmp_path / "manifest.json"
    write_json(manifest, fetch("image_folder", tmp_path, folder))
    (folder / "train" / "cat" / "0.png").write_bytes(b"other")
    refused("photos: found changed content; delete .*manifest", lambda: verified_files(manifest))
