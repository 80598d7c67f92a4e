"""A user's own images in folders or a tar archive: every layout that is read, and what is said of the others."""

import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from badminima.data.fetch import fetch, verified_files
from badminima.data.prepared import PreparedDataset, prepare, read_prepared
from badminima.data.sources.image_folder import ImageFolder
from badminima.errors import UserError
from badminima.experiment.settings import PrepareSettings
from badminima.storage.files import write_json
from tests.photographs import SIZES, photographs

OPTIONS = {"side": 8, "resize": True, "grey": False}


def prepared(path: Path, tmp_path: Path, **sizes) -> PreparedDataset:
    """What ``fetch_data`` and ``prepare_data`` make of a folder or an archive."""
    manifest = tmp_path / "manifest.json"
    write_json(manifest, fetch("image_folder", tmp_path / "unused", path))
    files, digests = verified_files(manifest)
    settings = {"train_size": None, "validation_size": 0, "evaluate_on": "test", **sizes}
    settings = PrepareSettings(dataset="d", source="image_folder", root_seed=0, **settings)
    prepare(ImageFolder().read(files, **OPTIONS), settings, tmp_path / "d.safetensors", digests)
    return read_prepared(tmp_path / "d.safetensors")


def packed(folder: Path, archive: Path, name: str = ".") -> Path:
    """A tar archive of a folder."""
    with tarfile.open(archive, "w:gz") as content:
        content.add(folder, name)
    return archive


@pytest.mark.parametrize("ending", ["png", "jpg", "JPEG", "webp"])
def test_images_of_every_format_are_read_with_their_class(tmp_path, ending):
    dataset = prepared(photographs(tmp_path / "photos", ending=ending), tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert dataset.train_images.shape == (8, 3, 8, 8)
    assert len(dataset.test_labels) == 4
    reds = dataset.train_images[:, 0].mean(axis=(1, 2))
    assert np.abs(reds - np.array([50, 200])[dataset.train_labels]).max() < 4


@pytest.mark.parametrize("top", [".", "photos"])
@pytest.mark.parametrize("sizes", [SIZES, {"train": 4, "val": 2}])
def test_an_archive_gives_what_its_folder_gives(tmp_path, top, sizes):
    folder = photographs(tmp_path / "photos", sizes)
    one = prepared(folder, tmp_path)
    other = prepared(packed(folder, tmp_path / "photos.tar.gz", top), tmp_path)
    assert np.array_equal(one.train_images, other.train_images)
    assert np.array_equal(one.test_labels, other.test_labels)
    assert one.mean == other.mean


def test_class_folders_alone_are_cut_by_sizes(tmp_path):
    folder = photographs(tmp_path / "photos", {"": 10})
    dataset = prepared(folder, tmp_path, train_size=8, validation_size=4, test_size=6)
    assert np.bincount(dataset.train_labels).tolist() == [4, 4]
    assert np.bincount(dataset.test_labels).tolist() == [3, 3]
    with pytest.raises(UserError, match=r"datasets\.d\.train_size"):
        prepared(folder, tmp_path)


def test_one_folder_around_them_all_does_no_harm(tmp_path):
    assert len(prepared(photographs(tmp_path / "photos", prefix="inner"), tmp_path).train_labels) == 8


def test_test_images_are_drawn_evenly_over_classes_and_no_more_than_there_are(tmp_path):
    folder = photographs(tmp_path / "photos", {"train": 2, "test": 6})
    assert np.bincount(prepared(folder, tmp_path, test_size=4).test_labels).tolist() == [2, 2]
    with pytest.raises(UserError, match=r"datasets\.d\.test_size: found 13; expected at most 12, which it has"):
        prepared(folder, tmp_path, test_size=13)


def test_what_systems_leave_behind_is_skipped_and_other_files_are_told(tmp_path, capsys):
    folder = photographs(tmp_path / "photos")
    (folder / "__MACOSX" / "cat").mkdir(parents=True)
    for name in (".DS_Store", "train/cat/._0.png", "__MACOSX/cat/0.png", "train/.cache.png"):
        (folder / name).write_bytes(b"no image")
    (folder / "train" / "dog" / "Thumbs.db").write_bytes(b"no image")
    for path in (folder, packed(folder, tmp_path / "photos.tar")):
        assert len(prepared(path, tmp_path).train_labels) == 8
        assert "left out files that are no PNG, JPEG or WebP (1): train/dog/Thumbs.db" in capsys.readouterr().err


def test_links_and_subfolders_are_followed_and_circles_end(tmp_path):
    folder = photographs(tmp_path / "photos", {"train": 2})
    elsewhere = photographs(tmp_path / "elsewhere", {"": 3})
    (folder / "train" / "cat" / "more").symlink_to(elsewhere / "cat")
    (folder / "train" / "dog" / "linked.png").symlink_to(elsewhere / "dog" / "2.png")
    (folder / "train" / "dog" / "circle").symlink_to(folder / "train")
    dataset = prepared(folder, tmp_path, train_size=4)
    assert len(dataset.train_labels) + len(dataset.test_labels) == 8


def test_images_that_are_no_files_are_told_together(tmp_path):
    folder = photographs(tmp_path / "photos")
    (folder / "train" / "cat" / "folder.png").mkdir()
    (folder / "train" / "dog" / "link.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(folder / "test" / "dog" / "pipe.jpg")
    with pytest.raises(UserError) as refused:
        fetch("image_folder", tmp_path, folder)
    message = str(refused.value)
    assert "found images that are no files (3): " in message
    for unfit in ("cat/folder.png (a folder)", "dog/link.png (a dangling link)", "dog/pipe.jpg (a pipe)"):
        assert unfit in message


def test_broken_files_of_all_parts_are_told_together(tmp_path):
    folder = photographs(tmp_path / "photos")
    for name in ("train/cat/0", "train/cat/1", "train/dog/0", "train/dog/1", "test/cat/0", "test/dog/1"):
        (folder / f"{name}.png").write_bytes(b"no image")
    for path in (folder, packed(folder, tmp_path / "photos.tar")):
        with pytest.raises(
            UserError, match=r"found files that can't be read \(6\): .*cat/0\.png \(no image .*and 1 more;"
        ):
            prepared(path, tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def one_level_higher(folder: Path) -> None:
    """Put the parts into a folder, and another folder of images beside it."""
    (folder / "inner").mkdir()
    for part in SIZES:
        (folder / part).rename(folder / "inner" / part)
    (folder / "other" / "2026").mkdir(parents=True)
    Image.new("L", (9, 9)).save(folder / "other" / "2026" / "0.png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: [path.unlink() for path in folder.rglob("*.png")], "no PNG, JPEG or WebP files"),
        (lambda folder: [path.rename(folder / "test" / path.name) for path in folder.glob("test/cat/*")],
         r"images outside class folders \(2\): test/0\.png, test/1\.png; sort them"),
        (lambda folder: (folder / "test" / "dog").rename(folder / "test" / "cow"), "classes in test/ alone: cow"),
        (lambda folder: [shutil.rmtree(folder / part / "dog") for part in SIZES], "images of cat alone"),
        (one_level_higher, "train/ inside of inner; name the folder that has it"),
    ],
)  # fmt: skip
def test_another_layout_is_refused_in_one_line(tmp_path, change, message):
    folder = photographs(tmp_path / "photos")
    change(folder)
    for path in (folder, packed(folder, tmp_path / "photos.tar")):
        with pytest.raises(UserError, match=message) as refused:
            fetch("image_folder", tmp_path, path)
        assert "\n" not in str(refused.value)


def test_a_path_is_needed_and_a_damaged_archive_is_told(tmp_path):
    with pytest.raises(UserError, match="no folder of images; name it in the dataset's path"):
        fetch("image_folder", tmp_path)
    for name, message in (("photos.zip", "a zip archive; unpack it"), ("photos.npz", "use the source arrays")):
        np.savez(tmp_path / "archive.npz", a=np.zeros(3))
        (tmp_path / "archive.npz").rename(tmp_path / name)
        with pytest.raises(UserError, match=message):
            fetch("image_folder", tmp_path, tmp_path / name)
    (tmp_path / "photos.tar").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"photos\.tar: found a damaged archive"):
        fetch("image_folder", tmp_path, tmp_path / "photos.tar")


def test_a_changed_photograph_of_the_same_size_is_noticed(tmp_path):
    folder = photographs(tmp_path / "photos", ending="jpg")
    write_json(tmp_path / "m.json", fetch("image_folder", tmp_path, folder))
    (folder / "train" / ".DS_Store").write_bytes(b"no change")
    verified_files(tmp_path / "m.json")
    changed = folder / "train" / "cat" / "0.jpg"
    content = bytearray(changed.read_bytes())
    content[-3] ^= 1
    changed.write_bytes(content)
    with pytest.raises(UserError, match="changed content"):
        verified_files(tmp_path / "m.json")
