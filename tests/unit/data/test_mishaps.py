"""Copies of the published datasets that are not as they should be: one line says what there is and what to do."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from badminima.data.fetch import fetch
from badminima.data.sources.cifar import Cifar10
from badminima.data.sources.cinic10 import Cinic10
from badminima.data.sources.restricted_imagenet import RestrictedImageNet
from badminima.errors import UserError
from tests import generated


@pytest.fixture(scope="module")
def whole_tree(tmp_path_factory) -> Path:
    """An ImageNet tree in good order, but for its few images."""
    return generated.imagenet_tree(tmp_path_factory.mktemp("imagenet") / "tree", b"image", {"train": 2, "val": 1})


@pytest.fixture
def tree(whole_tree, tmp_path) -> Path:
    """A copy of it to spoil."""
    shutil.copytree(whole_tree, tmp_path / "tree", copy_function=os.link)
    return tmp_path / "tree"


def flatten(tree: Path) -> None:
    for image in tree.glob("val/*/*.JPEG"):
        image.rename(tree / "val" / image.name)
    for name in ["n01440764", "n15075141", *generated.wordnet_ids()]:
        (tree / "val" / name).rmdir()


def pack_classes(tree: Path) -> None:
    for folder in (tree / "train").glob("n*"):
        shutil.rmtree(folder)
        (tree / "train" / f"{folder.name}.tar").touch()


def pack(tree: Path) -> None:
    shutil.rmtree(tree / "val")
    (tree / "ILSVRC2012_img_val.tar").touch()


def invent(tree: Path) -> None:
    (tree / "train" / "n02100000").mkdir()
    (tree / "train" / "n02085620").rename(tree / "train" / "n02085621")


def lose_targets(tree: Path) -> None:
    for name in ("n02123045", "n02124075"):
        image = tree / "train" / name / f"{name}_0.JPEG"
        image.unlink()
        image.symlink_to("/gone")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (flatten, r"val: found 205 images and no class folders; sort them into a folder for each class"),
        (pack_classes, r"train: found archives \(205\): n01440764\.tar, .* and 200 more; unpack each"),
        (pack, r"found no val/ beside ILSVRC2012_img_val\.tar; unpack them"),
        (invent, r"train: found folders that are no class of ImageNet \(2\): n02085621, n02100000"),
        (
            lambda tree: shutil.rmtree(tree / "val" / "n02124075"),
            r"val: found no folders of classes \(1\): n0212",
        ),
        (
            lambda tree: shutil.rmtree(tree / "val"),
            r"val: found no such folder; expected torchvision's ImageNet layout",
        ),
        (lose_targets, r"found images that are no files \(2\): train/n02123045/n02123045_0\.JPEG \(a dangling link\)"),
        (
            lambda tree: [path.unlink() for path in tree.glob("val/n02123045/*")],
            r"class folders without images \(1\): val/n0212",
        ),
    ],
)
def test_a_spoilt_imagenet_is_told_in_one_line(tree, spoil, message):
    spoil(tree)
    with pytest.raises(UserError, match=message) as refused:
        fetch("restricted_imagenet", tree, tree)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("above", "message"), [("..", r"name .*tree, which has train/ and val/"), ("file", "a file")])
def test_an_imagenet_that_is_elsewhere_is_told(tree, above, message):
    (tree / "file").touch()
    with pytest.raises(UserError, match=message):
        RestrictedImageNet().fetch(tree, tree / above, [])


def test_fewer_images_than_imagenet_has_are_told_with_their_counts(whole_tree, capsys):
    fetch("restricted_imagenet", whole_tree, whole_tree)
    told = capsys.readouterr().err
    assert "train: 406 images of 203 classes; ImageNet has 257,748\n" in told
    assert "val: 203 images of 203 classes; ImageNet has 10,150, 50 of each" in told


def test_cifar_is_read_from_wherever_it_was_unpacked(tmp_path, rng, monkeypatch):
    archive = generated.publish_cifar(tmp_path, Cifar10, rng, monkeypatch)
    with tarfile.open(archive) as content:
        content.extractall(tmp_path / "unpacked", filter="data")
    folder = tmp_path / "unpacked" / "cifar-10-batches-py"
    (tmp_path / "given").mkdir()
    expected = Cifar10().fetch(tmp_path / "data", folder.parent, [])[1]
    assert Cifar10().fetch(tmp_path / "data", folder, [])[1] == expected
    assert Cifar10().fetch(tmp_path / "data", archive, [])[0] == "local"
    folder.parent.rename(tmp_path / "given" / "unpacked")
    with pytest.raises(UserError, match=r"name .*unpacked, which has cifar-10-batches-py"):
        Cifar10().fetch(tmp_path / "other", tmp_path / "given", [])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar-10-binary.tar.gz", "expected the version for Python, not that for C or Matlab"),
        ("cifar-10-batches-mat", "expected the version for Python"),
        ("train", "for images in folders use the source image_folder"),
        ("other", "expected one of them"),
    ],
)
def test_another_cifar_is_told(tmp_path, name, message):
    (tmp_path / "given" / name).mkdir(parents=True)
    with pytest.raises(UserError, match=message):
        Cifar10().fetch(tmp_path, tmp_path / "given", [])


def test_cinic_is_read_from_the_archive_itself_and_found_one_level_lower(tmp_path, rng, monkeypatch):
    archive = generated.publish_cinic(tmp_path, rng, monkeypatch, per_class=1)
    assert Cinic10().fetch(tmp_path / "data", archive, []) == ("local", {"archive": archive})
    for part in ("train", "valid", "test"):
        (tmp_path / "given" / "CINIC-10" / part).mkdir(parents=True)
    with pytest.raises(UserError, match=r"name .*given/CINIC-10"):
        Cinic10().fetch(tmp_path / "data", tmp_path / "given", [])


def test_fashion_mnist_is_found_one_level_lower(tmp_path):
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    (tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte.gz").touch()
    with pytest.raises(UserError, match=r"name .*FashionMNIST/raw, which has it"):
        fetch("fashion_mnist", tmp_path, tmp_path)
