"""Dataset sources and image files: what they read, in which form."""

import gzip
import io
import tarfile
import tracemalloc
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from badminima.data.images import Form, decode
from badminima.data.raw import facts_of, members
from badminima.data.sources.cifar import Cifar10, Cifar100
from badminima.data.sources.cinic10 import Cinic10
from badminima.data.sources.digits import Digits
from badminima.data.sources.fashion_mnist import FashionMNIST
from badminima.data.sources.restricted_imagenet import RestrictedImageNet
from badminima.errors import UserError
from tests import generated


def all_images(split) -> np.ndarray:
    """The images of a split, in order."""
    images = np.zeros((len(split.labels), *split.image_shape), dtype=np.uint8)
    for positions, chunk in split.chunks(np.arange(len(split.labels)), threads=2, broken=[]):
        images[positions] = chunk
    return images


def test_digits_are_the_embedded_ones_on_the_8_bit_scale():
    raw = Digits().read(Digits().fetch(Path("unused"), None, []))
    assert raw.train.images.shape == (1797, 1, 8, 8)
    assert raw.test is None
    assert np.unique(raw.train.images).tolist() == np.rint(np.linspace(0, 255, 17)).tolist()
    assert np.bincount(raw.train.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("compressed", [True, False])
def test_fashion_mnist_is_read_from_a_local_folder_gzipped_or_not(tmp_path, rng, monkeypatch, compressed):
    for name, path in generated.publish_fashion(tmp_path, rng, monkeypatch).items():
        if not compressed:
            (tmp_path / name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    raw = FashionMNIST().read(FashionMNIST().fetch(tmp_path / "unused", tmp_path, []))
    assert raw.train.images.shape == (12, 1, 28, 28)
    assert raw.test.labels.tolist() == [0, 1, 2, 3, 4]
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(("source", "classes", "batches"), [(Cifar10, 10, 5), (Cifar100, 100, 1)])
@pytest.mark.parametrize("unpacked", [True, False])
def test_cifar_is_read_from_its_archive_or_its_folder(tmp_path, rng, monkeypatch, source, classes, batches, unpacked):
    archive = generated.publish_cifar(tmp_path, source, rng, monkeypatch)
    if unpacked:
        with tarfile.open(archive) as content:
            content.extractall(tmp_path, filter="data")
        archive.unlink()
    files = source().fetch(tmp_path / "data", tmp_path, [])
    raw = source().read(files)
    assert (tmp_path / "data").exists() is not unpacked
    assert len(raw.classes) == classes
    assert raw.train.images.shape == (6 * batches, 3, 32, 32)
    assert raw.test.labels.shape == (4,)
    # A row of the file is 1,024 red values, then green, then blue, each in rows of 32 from the top.
    first = np.load(files[source.torchvision.train_list[0][0]], allow_pickle=True, encoding="latin1")
    assert np.array_equal(raw.train.images[2].reshape(-1), first["data"][2])
    assert raw.train.labels[:6].tolist() == first["labels" if classes == 10 else "fine_labels"]


def test_cinic_folders_give_what_the_archive_gives(tmp_path, rng, monkeypatch):
    archive = generated.publish_cinic(tmp_path, rng, monkeypatch, per_class=3, prefix="CINIC-10/")
    packed = Cinic10().fetch(tmp_path / "data", tmp_path, [])
    with tarfile.open(archive) as content:
        content.extractall(tmp_path / "unpacked", filter="data")
    unpacked = Cinic10().fetch(tmp_path / "data", tmp_path / "unpacked" / "CINIC-10", [])
    for parts in (["train"], ["valid", "train"]):
        one, other = (Cinic10().read(files, train_parts=parts) for files in (packed, unpacked))
        assert one.train.labels.tolist() == other.train.labels.tolist() == sorted(list(range(10)) * 3) * len(parts)
        assert np.array_equal(all_images(one.train), all_images(other.train))
        assert np.array_equal(all_images(one.test), all_images(other.test))
    image = np.asarray(Image.open(tmp_path / "unpacked" / "CINIC-10" / "test" / "airplane" / "cifar10-train_1.png"))
    assert np.array_equal(all_images(one.test)[0], image.transpose(2, 0, 1))


def test_restricted_imagenet_is_made_from_an_imagenet_tree(tmp_path, rng):
    image = rng.integers(256, size=(60, 90, 3), dtype=np.uint8)
    tree = generated.imagenet_tree(tmp_path / "imagenet", generated.encoded(image, "JPEG"), {"train": 2, "val": 1})
    raw = RestrictedImageNet().read(RestrictedImageNet().fetch(tmp_path / "data", tree, []), side=16)
    assert raw.classes == ("dog", "cat", "frog", "turtle", "bird", "primate", "fish", "crab", "insect")
    assert np.bincount(raw.train.labels).tolist() == [236, 10, 6, 10, 42, 36, 18, 8, 40]
    assert len(raw.test.labels) == 203
    assert raw.train.image_shape == (3, 16, 16)
    assert (all_images(raw.test) == all_images(raw.test)[0]).all()


def test_resizing_is_that_of_torchvision(rng):
    from torchvision.transforms.v2.functional import center_crop, resize

    image = Image.fromarray(rng.integers(256, size=(50, 75, 3), dtype=np.uint8))
    expected = np.asarray(center_crop(resize(image, 32, antialias=True), 32)).transpose(2, 0, 1)
    assert np.array_equal(decode(generated.encoded(np.asarray(image)), "x", Form(32, resize=True)), expected)


def test_a_large_jpeg_looks_as_it_does_when_decoded_in_full(rng):
    smooth = np.asarray(Image.fromarray(rng.integers(256, size=(6, 8, 3), dtype=np.uint8)).resize((800, 600)))
    content = generated.encoded(smooth, "JPEG")
    expected = decode(generated.encoded(np.asarray(Image.open(io.BytesIO(content)))), "x", Form(64, resize=True))
    assert np.abs(decode(content, "x", Form(64, resize=True)).astype(int) - expected).max() <= 3


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_images_of_every_mode_become_rgb(mode):
    content = io.BytesIO()
    Image.new(mode, (8, 8)).save(content, "JPEG" if mode == "CMYK" else "PNG")
    assert decode(content.getvalue(), "x", Form(8)).shape == (3, 8, 8)


def test_grey_of_16_bits_keeps_its_shades():
    shades = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    pixels = decode(generated.encoded(shades), "x", Form(8, grey=True))
    assert pixels.shape == (1, 8, 8)
    assert np.abs(pixels[0].astype(int) - shades // 257).max() <= 1
    assert (decode(generated.encoded(shades), "x", Form(8)) == pixels).all()


def test_a_photograph_is_turned_as_its_camera_says_where_asked():
    image = Image.new("RGB", (8, 8))
    image.paste((255, 255, 255), (0, 0, 8, 4))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    content = io.BytesIO()
    image.save(content, "PNG", exif=exif)
    assert decode(content.getvalue(), "x", Form(8))[0, :4].min() == 255
    turned = decode(content.getvalue(), "x", Form(8, upright=True))
    assert turned[0, :, 4:].min() == 255
    assert turned[0, :, :4].max() == 0


def test_a_strip_of_pixels_does_not_fill_the_memory():
    tracemalloc.start()
    try:
        pixels = decode(generated.encoded(np.full((1, 60_000, 3), 9, dtype=np.uint8)), "x", Form(64, resize=True))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (pixels == 9).all()
    assert peak < 10e6


def test_a_changed_decoding_has_a_raised_revision():
    """If this fails on purpose, raise ``PrepareSettings.revision`` and write the new digest here."""
    image = np.arange(60 * 40 * 3, dtype=np.uint32).reshape(60, 40, 3).astype(np.uint8)
    pixels = decode(generated.encoded(image), "x", Form(16, resize=True))
    assert sha256(pixels.tobytes()).hexdigest()[:16] == "cd3d2f0245cf1f96"


def test_a_folder_is_known_by_the_names_and_sizes_of_its_files(tmp_path):
    (tmp_path / "a").write_bytes(b"12")
    before = facts_of(tmp_path, endings=())
    (tmp_path / ".DS_Store").touch()
    assert facts_of(tmp_path, endings=()) == before
    assert (before["files"], before["bytes"]) == (1, 2)
    (tmp_path / "a").write_bytes(b"123")
    assert facts_of(tmp_path, endings=())["sha256"] != before["sha256"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0, 0.1, 0.5])
def test_an_image_that_is_cut_short_is_refused(kind, share):
    content = generated.encoded(np.arange(192, dtype=np.uint8).reshape(8, 8, 3), kind)
    with pytest.raises(UserError, match="x: found no image"):
        decode(content[: int(share * len(content))], "x", Form(8))


def packed(*names: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in names:
            generated.add(archive, name, b"content")
    return content.getvalue()


# The last one is a gzip header with the flag of an extra field: tarfile asks an empty text for its first letter.
@pytest.mark.parametrize("content", [b"", packed("file")[:-20], packed("file")[:3], b"\x1f\x8b\x08\x04" + bytes(6)])
def test_a_damaged_archive_is_refused(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tar: found an unreadable archive"):
        list(members(tmp_path / "a.tar"))


def test_an_archive_whose_members_leave_the_target_is_not_unpacked(tmp_path):
    (tmp_path / "a.tar").write_bytes(packed("folder/file", "cifar-10-batches-py/../../outside"))
    (tmp_path / "target").mkdir()
    with pytest.raises(tarfile.FilterError):
        Cifar10()._unpack(tmp_path / "a.tar", tmp_path / "target")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "target"]
