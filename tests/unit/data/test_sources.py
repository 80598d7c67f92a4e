"""Dataset sources and image files: what they read, in which form."""

import gzip
import io
import tarfile
import tracemalloc
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from badminima.data.images import Form, decode
from badminima.data.raw import fetch, members
from badminima.data.sources.cifar import Cifar10, Cifar100
from badminima.data.sources.cinic10 import CLASSES, Cinic10
from badminima.data.sources.digits import Digits
from badminima.data.sources.fashion_mnist import FashionMNIST
from badminima.data.sources.restricted_imagenet import RestrictedImageNet
from badminima.errors import UserError
from tests import generated
from tests.conftest import DEBIAN_FOLDER


def all_images(split) -> np.ndarray:
    """The images of a split, in order."""
    images = np.zeros((len(split.labels), *split.image_shape), dtype=np.uint8)
    for positions, chunk in split.chunks(np.arange(len(split.labels)), threads=2):
        images[positions] = chunk
    return images


def test_digits_are_the_embedded_ones_on_the_8_bit_scale():
    origin, files = Digits().fetch(Path("unused"), None, [])
    raw = Digits().read(files)
    assert origin == "embedded"
    assert raw.train.images.shape == (1797, 1, 8, 8)
    assert raw.test is None
    assert raw.train.images.min() == 0
    assert raw.train.images.max() == 255
    assert len(np.unique(raw.train.images)) == 17
    assert np.bincount(raw.train.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("compressed", [True, False])
def test_fashion_mnist_is_read_from_a_local_folder_gzipped_or_not(tmp_path, rng, monkeypatch, compressed):
    for name, path in generated.publish_fashion(tmp_path, rng, monkeypatch).items():
        if not compressed:
            (tmp_path / name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    origin, files = FashionMNIST().fetch(tmp_path / "unused", tmp_path, [])
    raw = FashionMNIST().read(files)
    assert origin == "local"
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
    origin, files = source().fetch(tmp_path / "data", tmp_path, [])
    raw = source().read(files)
    assert origin == "local"
    assert (tmp_path / "data").exists() is not unpacked
    assert len(raw.classes) == classes
    assert raw.train.images.shape == (6 * batches, 3, 32, 32)
    assert raw.test.labels.shape == (4,)
    # A row of the file is 1,024 red values, then green, then blue, each in rows of 32 from the top.
    first = np.load(files[source.torchvision.train_list[0][0]], allow_pickle=True, encoding="latin1")
    assert np.array_equal(raw.train.images[2].reshape(-1), first["data"][2])
    assert raw.train.labels[:6].tolist() == first["labels" if classes == 10 else "fine_labels"]


@pytest.mark.parametrize("prefix", ["", "./", "CINIC-10/"])
def test_cinic_is_read_from_its_archive_without_unpacking(tmp_path, rng, monkeypatch, prefix):
    generated.publish_cinic(tmp_path, rng, monkeypatch, per_class=3, prefix=prefix)
    origin, files = Cinic10().fetch(tmp_path / "data", tmp_path, [])
    raw = Cinic10().read(files, train_parts=["train"])
    assert origin == "local"
    assert not (tmp_path / "data").exists()
    assert raw.classes == CLASSES
    assert raw.train.labels.tolist() == raw.test.labels.tolist() == sorted(list(range(10)) * 3)


def test_cinic_folders_give_what_the_archive_gives(tmp_path, rng, monkeypatch):
    archive = generated.publish_cinic(tmp_path, rng, monkeypatch, per_class=3)
    _, packed = Cinic10().fetch(tmp_path / "data", tmp_path, [])
    with tarfile.open(archive) as content:
        content.extractall(tmp_path / "unpacked", filter="data")
    _, unpacked = Cinic10().fetch(tmp_path / "data", tmp_path / "unpacked", [])
    for parts in (["train"], ["valid", "train"]):
        one, other = (Cinic10().read(files, train_parts=parts) for files in (packed, unpacked))
        assert np.array_equal(one.train.labels, other.train.labels)
        assert np.array_equal(all_images(one.train), all_images(other.train))
        assert np.array_equal(all_images(one.test), all_images(other.test))
    image = np.asarray(Image.open(tmp_path / "unpacked" / "test" / "airplane" / "cifar10-train_1.png"))
    assert np.array_equal(all_images(one.test)[0], image.transpose(2, 0, 1))


def test_restricted_imagenet_is_made_from_an_imagenet_tree(tmp_path, rng):
    image = rng.integers(256, size=(60, 90, 3), dtype=np.uint8)
    tree = generated.imagenet_tree(tmp_path / "imagenet", generated.encoded(image, "JPEG"), {"train": 2, "val": 1})
    origin, files = RestrictedImageNet().fetch(tmp_path / "data", tree, [])
    raw = RestrictedImageNet().read(files, side=16)
    assert origin == "local"
    assert raw.classes == ("dog", "cat", "frog", "turtle", "bird", "primate", "fish", "crab", "insect")
    assert np.bincount(raw.train.labels).tolist() == [236, 10, 6, 10, 42, 36, 18, 8, 40]
    assert len(raw.test.labels) == 203
    assert raw.train.image_shape == (3, 16, 16)
    assert (all_images(raw.test) == all_images(raw.test)[0]).all()


def test_an_image_is_resized_by_its_shorter_side_and_cropped_in_the_middle():
    image = np.zeros((20, 40, 3), dtype=np.uint8)
    image[:, 10:30] = (200, 100, 50)
    pixels = decode(generated.encoded(image), "x", Form(10, resize=True))
    assert pixels.shape == (3, 10, 10)
    assert (pixels[:, :, 1:-1] == np.array([200, 100, 50]).reshape(3, 1, 1)).all()


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


def png(pixels: np.ndarray) -> bytes:
    """An image of any type as a file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def test_grey_of_16_bits_keeps_its_shades():
    shades = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    pixels = decode(png(shades), "x", Form(8, grey=True))
    assert pixels.shape == (1, 8, 8)
    assert np.abs(pixels[0].astype(int) - shades // 257).max() <= 1
    assert (decode(png(shades), "x", Form(8)) == pixels).all()


def test_grey_is_what_pil_makes_of_colours():
    image = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    assert np.array_equal(decode(png(image), "x", Form(8, grey=True))[0], Image.fromarray(image).convert("L"))


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


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1)])
def test_a_strip_of_pixels_does_not_fill_the_memory(shape):
    tracemalloc.start()
    try:
        pixels = decode(png(np.full((*shape, 3), 9, dtype=np.uint8)), "x", Form(64, resize=True))
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


def test_a_subset_of_an_archive_is_the_same_images(tmp_path, rng, monkeypatch, made_of):
    generated.publish_cinic(tmp_path, rng, monkeypatch, per_class=4)
    raw = Cinic10().read(Cinic10().fetch(tmp_path, tmp_path, [])[1], train_parts=["train"])
    dataset = made_of("cinic10", tmp_path, train_size=20, validation_size=10, evaluate_on="validation")
    whole = {image.tobytes(): label for image, label in zip(all_images(raw.train), raw.train.labels, strict=True)}
    parts = ((dataset.train_images, dataset.train_labels), (dataset.test_images, dataset.test_labels))
    found = {image.tobytes(): label for part in parts for image, label in zip(*part, strict=True)}
    assert len(found) == 30
    assert all(whole[image] == label for image, label in found.items())
    assert np.bincount(dataset.train_labels).tolist() == [2] * 10


def test_a_manifest_knows_folders_by_the_names_and_sizes_in_them(tmp_path, rng):
    image = generated.encoded(rng.integers(256, size=(8, 8, 3), dtype=np.uint8))
    tree = generated.imagenet_tree(tmp_path / "imagenet", image, {"train": 2, "val": 1})
    role, folder = "train/cat/n02123045", tree / "train" / "n02123045"
    before = fetch("restricted_imagenet", tmp_path, tree)["files"]
    (folder / ".DS_Store").touch()
    assert fetch("restricted_imagenet", tmp_path, tree)["files"] == before
    assert (len(before), before[role]["files"], before[role]["bytes"]) == (2 * 203, 2, 2 * len(image))
    (folder / "n02123045_1.JPEG").unlink()
    after = fetch("restricted_imagenet", tmp_path, tree)["files"]
    assert [name for name in before if before[name]["sha256"] != after[name]["sha256"]] == [role]


def test_debians_fashion_mnist_has_the_published_statistics(made_of):
    if not DEBIAN_FOLDER.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    dataset = made_of("fashion_mnist", DEBIAN_FOLDER)
    assert dataset.train_images.shape == (60000, 1, 28, 28)
    assert dataset.test_images.shape == (10000, 1, 28, 28)
    assert np.bincount(dataset.train_labels).tolist() == [6000] * 10
    # Those in torch's examples.
    assert dataset.mean == pytest.approx([0.2860], abs=5e-5)
    assert dataset.std == pytest.approx([0.3530], abs=5e-5)


EXAMPLES = [generated.encoded(np.arange(192, dtype=np.uint8).reshape(8, 8, 3), kind) for kind in ("PNG", "JPEG")]


@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=4),
    st.integers(0, 900),
)
@settings(max_examples=50, deadline=None)
def test_the_image_decoder_survives_damaged_files(content, changes, keep):
    damaged = bytearray(content[:keep] if keep < len(content) else content)
    for position, value in changes:
        if position < len(damaged):
            damaged[position] = value
    with suppress(UserError):
        assert decode(bytes(damaged), "x", Form(8, resize=True)).shape == (3, 8, 8)


def packed(compression: str, *more: tarfile.TarInfo) -> bytes:
    """A tar archive with one folder of one file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=f"w:{compression}") as archive:
        generated.add(archive, "folder/file", b"content")
        for member in more:
            archive.addfile(member)
    return content.getvalue()


TARS = [packed(compression) for compression in ("", "gz")]


@given(
    st.sampled_from(TARS),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=6),
    st.integers(0, 12000),
)
# A gzip header cut short, with the flag of an extra field: tarfile asks an empty text for its first letter.
@example(TARS[1], [], 3)
@example(TARS[1], [(3, 4)], 10)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_is_read_or_refused(tmp_path, content, changes, keep):
    damaged = bytearray(content[:keep])
    for position, value in changes:
        if position < len(damaged):
            damaged[position] = value
    (tmp_path / "a.tar").write_bytes(bytes(damaged))
    with suppress(UserError):
        list(members(tmp_path / "a.tar"))


def test_an_archive_whose_members_leave_the_target_is_not_unpacked(tmp_path):
    outside = tarfile.TarInfo("cifar-10-batches-py/../../outside")
    (tmp_path / "a.tar").write_bytes(packed("gz", outside))
    (tmp_path / "target").mkdir()
    with pytest.raises(tarfile.FilterError):
        Cifar10()._unpack(tmp_path / "a.tar", tmp_path / "target")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "target"]
