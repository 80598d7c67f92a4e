"""A user's own images in folders or a tar archive: every layout that is read, and what is said of the others."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.photographs import SIZES, photographs


@pytest.fixture
def prepared(made_of):
    return lambda path, **sizes: made_of("image_folder", path, {"side": 8, "resize": True}, **sizes)


def packed(folder: Path, archive: Path, name: str = ".") -> Path:
    """A tar archive of a folder."""
    with tarfile.open(archive, "w:gz") as content:
        content.add(folder, name)
    return archive


@pytest.mark.parametrize("ending", ["png", "jpg", "JPEG", "webp"])
def test_images_of_every_format_are_read_with_their_class(tmp_path, prepared, ending):
    dataset = prepared(photographs(tmp_path / "photos", ending=ending))
    assert dataset.classes == ("cat", "dog")
    assert dataset.train_images.shape == (8, 3, 8, 8)
    assert len(dataset.test_labels) == 4
    reds = dataset.train_images[:, 0].mean(axis=(1, 2))
    assert np.abs(reds - np.array([50, 200])[dataset.train_labels]).max() < 4


@pytest.mark.parametrize("top", [".", "photos"])
@pytest.mark.parametrize("sizes", [SIZES, {"train": 4, "val": 2}])
def test_an_archive_gives_what_its_folder_gives(tmp_path, prepared, top, sizes):
    folder = photographs(tmp_path / "photos", sizes)
    one = prepared(folder, train_size=6)
    other = prepared(packed(folder, tmp_path / "photos.tar.gz", top), train_size=6)
    assert np.array_equal(one.train_images, other.train_images)
    assert np.array_equal(one.test_labels, other.test_labels)
    assert one.mean == other.mean


def test_class_folders_alone_are_cut_by_sizes(tmp_path, prepared):
    folder = photographs(tmp_path / "photos", {"": 10})
    dataset = prepared(folder, train_size=8, validation_size=4, test_size=6)
    assert np.bincount(dataset.train_labels).tolist() == [4, 4]
    assert np.bincount(dataset.test_labels).tolist() == [3, 3]


def test_one_folder_around_them_all_does_no_harm(tmp_path, prepared):
    assert len(prepared(photographs(tmp_path / "photos", prefix="inner")).train_labels) == 8


def test_what_systems_leave_behind_is_skipped_and_other_files_are_told(tmp_path, prepared, capsys):
    folder = photographs(tmp_path / "photos")
    (folder / "__MACOSX" / "cat").mkdir(parents=True)
    for name in (".DS_Store", "train/cat/._0.png", "__MACOSX/cat/0.png", "train/.cache.png"):
        (folder / name).write_bytes(b"no image")
    (folder / "train" / "dog" / "Thumbs.db").write_bytes(b"no image")
    for path in (folder, packed(folder, tmp_path / "photos.tar")):
        assert len(prepared(path).train_labels) == 8
        assert "left out files that are no PNG, JPEG or WebP (1): train/dog/Thumbs.db" in capsys.readouterr().err


def test_links_and_subfolders_are_followed_and_circles_end(tmp_path, prepared):
    folder = photographs(tmp_path / "photos", {"train": 2})
    elsewhere = photographs(tmp_path / "elsewhere", {"": 3})
    (folder / "train" / "cat" / "more").symlink_to(elsewhere / "cat")
    (folder / "train" / "dog" / "linked.png").symlink_to(elsewhere / "dog" / "2.png")
    (folder / "train" / "dog" / "circle").symlink_to(folder / "train")
    dataset = prepared(folder, train_size=4)
    assert len(dataset.train_labels) + len(dataset.test_labels) == 8
