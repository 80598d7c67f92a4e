"""Dataset sources: what they read, and what they say of files that are not what they should be."""

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

from badminima.data.archives import members, unpack
from badminima.data.fetch import fetch, verified_files
from badminima.data.image_files import Form, decode
from badminima.data.prepared import prepare, read_prepared
from badminima.data.sources.cifar import Cifar10, Cifar100
from badminima.data.sources.cinic10 import CLASSES, Cinic10
from badminima.data.sources.digits import Digits
from badminima.data.sources.fashion_mnist import FashionMNIST
from badminima.data.sources.idx import parse_idx, read_bytes
from badminima.data.sources.restricted_imagenet import RestrictedImageNet
from badminima.data.sources.wordnet import SUPER_CLASSES
from badminima.errors import UserError
from badminima.experiment.settings import PrepareSettings
from badminima.storage.files import write_json
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


def test_the_debian_package_is_fashion_mnist():
    if not DEBIAN_FOLDER.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    _, files = FashionMNIST().fetch(Path("unused"), DEBIAN_FOLDER, [])
    raw = FashionMNIST().read(files)
    assert raw.train.images.shape == (60000, 1, 28, 28)
    assert raw.test.images.shape == (10000, 1, 28, 28)
    assert np.bincount(raw.train.labels).tolist() == [6000] * 10


def test_a_local_file_with_other_content_is_refused(tmp_path, rng, monkeypatch):
    changed = generated.publish_fashion(tmp_path, rng, monkeypatch)["t10k-labels-idx1-ubyte.gz"]
    changed.write_bytes(gzip.compress(gzip.decompress(changed.read_bytes())[:-1] + b"\x07"))
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte.gz: found content that is not Fashion-MNIST's"):
        FashionMNIST().fetch(tmp_path, tmp_path, [])


def test_a_missing_local_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no train-images-idx3-ubyte"):
        FashionMNIST().fetch(tmp_path, tmp_path, [])


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


def test_a_changed_pickle_is_refused_unread(tmp_path, rng, monkeypatch):
    archive = generated.publish_cifar(tmp_path, Cifar10, rng, monkeypatch)
    with tarfile.open(archive) as content:
        content.extractall(tmp_path, filter="data")
    # Unpickled, this would run a command.
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(UserError, match="data_batch_2: found another content"):
        Cifar10().fetch(tmp_path / "data", tmp_path, [])


@pytest.mark.parametrize("source", [Cifar10, Cinic10])
def test_a_local_archive_of_another_content_is_refused_before_it_is_opened(tmp_path, source):
    (tmp_path / source.archive.name).write_bytes(b"anything")
    with pytest.raises(UserError, match="another content than the published one"):
        source().fetch(tmp_path / "data", tmp_path, [])


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


def test_an_incomplete_cinic_is_named(tmp_path, rng, monkeypatch):
    with pytest.raises(UserError, match=r"train.airplane: found no such folder"):
        Cinic10().fetch(tmp_path / "data", tmp_path, [])


def test_the_super_classes_are_203_classes_apart():
    assert {name: (len(ids), ids[0], ids[-1]) for name, ids in SUPER_CLASSES.items()} == {
        "dog": (118, "n02085620", "n02113978"),
        "cat": (5, "n02123045", "n02124075"),
        "frog": (3, "n01641577", "n01644900"),
        "turtle": (5, "n01664065", "n01669191"),
        "bird": (21, "n01795545", "n01860187"),
        "primate": (18, "n02480495", "n02494079"),
        "fish": (9, "n02514041", "n02655020"),
        "crab": (4, "n01978287", "n01981276"),
        "insect": (20, "n02165105", "n02268443"),
    }
    in_order = sorted(SUPER_CLASSES.values())
    ids = [name for super_class in in_order for name in super_class]
    assert ids == sorted(set(ids))


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


def test_restricted_imagenet_needs_a_folder(tmp_path):
    with pytest.raises(UserError, match=r"data\.local_dirs\.restricted_imagenet"):
        RestrictedImageNet().fetch(tmp_path, None, [])


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


def test_an_image_that_cannot_be_read_is_named(tmp_path, rng):
    image = generated.encoded(rng.integers(256, size=(9, 9, 3), dtype=np.uint8), "JPEG")
    tree = generated.imagenet_tree(tmp_path / "imagenet", image, {"train": 1, "val": 1})
    broken = tree / "train" / "n02123045" / "n02123045_0.JPEG"
    broken.unlink()
    broken.write_bytes(image[:100])
    _, files = RestrictedImageNet().fetch(tmp_path, tree, [])
    settings = PrepareSettings(
        dataset="r", source="restricted_imagenet", train_size=None, validation_size=0, evaluate_on="test", root_seed=0
    )
    with pytest.raises(UserError, match=r"n02123045_0\.JPEG: found no image"):
        prepare(RestrictedImageNet().read(files, side=8), settings, tmp_path / "r.safetensors", {})
    assert not list(tmp_path.glob("*.safetensors"))
    assert not list(tmp_path.glob(".r.*"))


def test_a_subset_of_an_archive_is_the_same_images(tmp_path, rng, monkeypatch):
    generated.publish_cinic(tmp_path, rng, monkeypatch, per_class=4)
    _, files = Cinic10().fetch(tmp_path, tmp_path, [])
    raw = Cinic10().read(files, train_parts=["train"])
    settings = PrepareSettings(
        dataset="c", source="cinic10", train_size=20, validation_size=10, evaluate_on="validation", root_seed=0
    )
    prepare(raw, settings, tmp_path / "c.safetensors", {}, threads=2)
    dataset = read_prepared(tmp_path / "c.safetensors")
    whole = {image.tobytes(): label for image, label in zip(all_images(raw.train), raw.train.labels, strict=True)}
    chosen = [(image.tobytes(), label) for image, label in zip(dataset.train_images, dataset.train_labels, strict=True)]
    held_out = [(image.tobytes(), label) for image, label in zip(dataset.test_images, dataset.test_labels, strict=True)]
    assert len(set(chosen + held_out)) == 30
    assert all(whole[image] == label for image, label in chosen + held_out)
    assert np.bincount(dataset.train_labels).tolist() == [2] * 10


def test_the_manifest_names_the_files_and_notices_a_change(tmp_path, rng, monkeypatch):
    generated.publish_fashion(tmp_path, rng, monkeypatch)
    manifest = fetch("fashion_mnist", tmp_path / "data", tmp_path)
    assert manifest["origin"] == "local"
    write_json(tmp_path / "manifest.json", manifest)
    files, digests = verified_files(tmp_path / "manifest.json")
    assert set(files) == set(digests) == set(FashionMNIST.digests)
    files["train-labels-idx1-ubyte"].write_bytes(b"other")
    with pytest.raises(UserError, match="changed content"):
        verified_files(tmp_path / "manifest.json")


def test_the_manifest_of_folders_notices_a_file_that_came_or_went(tmp_path, rng):
    image = generated.encoded(rng.integers(256, size=(8, 8, 3), dtype=np.uint8))
    tree = generated.imagenet_tree(tmp_path / "imagenet", image, {"train": 2, "val": 1})
    manifest = fetch("restricted_imagenet", tmp_path / "data", tree)
    assert manifest["files"]["train/cat/n02123045"]["files"] == 2
    write_json(tmp_path / "manifest.json", manifest)
    assert len(verified_files(tmp_path / "manifest.json")[0]) == 2 * 203
    (tree / "train" / "n02123045" / "n02123045_1.JPEG").unlink()
    with pytest.raises(UserError, match=r"n02123045: found changed content"):
        verified_files(tmp_path / "manifest.json")


def test_an_unknown_source_is_told_in_one_line(tmp_path):
    with pytest.raises(UserError, match="dataset source: found 'svhn'; available: digits"):
        fetch("svhn", tmp_path)


def test_a_local_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent: found no such file or folder; expected the files of fashion_mnist"):
        fetch("fashion_mnist", tmp_path, tmp_path / "absent")


# Published statistics, for whom the data is at hand: Fashion-MNIST's of torch's examples, CINIC-10's of its README,
# Restricted ImageNet's of the `robustness` library (at another resolution, so less exactly).
PUBLISHED = {"fashion_mnist": ([0.2860], [0.3530])}


@pytest.mark.parametrize("name", PUBLISHED)
def test_statistics_are_the_published_ones(tmp_path, name):
    if not DEBIAN_FOLDER.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    _, files = FashionMNIST().fetch(Path("unused"), DEBIAN_FOLDER, [])
    settings = PrepareSettings(
        dataset=name, source=name, train_size=None, validation_size=0, evaluate_on="test", root_seed=0
    )
    prepare(FashionMNIST().read(files), settings, tmp_path / "f.safetensors", {})
    dataset = read_prepared(tmp_path / "f.safetensors")
    mean, std = PUBLISHED[name]
    assert dataset.mean == pytest.approx(mean, abs=5e-5)
    assert dataset.std == pytest.approx(std, abs=5e-5)


@given(st.binary(max_size=64), st.sampled_from([1, 3]))
def test_the_idx_parser_survives_any_bytes(content, dimensions):
    with suppress(UserError):
        assert parse_idx(content, dimensions, Path("x")).ndim == dimensions


@given(st.lists(st.integers(0, 255), max_size=20), st.integers(0, 30))
def test_an_idx_file_comes_back_whole_and_a_cut_one_is_refused(values, keep):
    content = generated.idx_bytes(np.array(values, dtype=np.uint8))
    assert parse_idx(content, 1, Path("x")).tolist() == values
    if keep < len(content):
        with pytest.raises(UserError):
            parse_idx(content[:keep], 1, Path("x"))


@pytest.mark.parametrize("keep", [3, 15, -5])
def test_a_cut_gzip_file_is_named(tmp_path, keep):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(bytes(range(200)))[:keep])
    with pytest.raises(UserError, match=r"labels\.gz: found a damaged file"):
        read_bytes(path)


EXAMPLES = [generated.encoded(np.arange(192, dtype=np.uint8).reshape(8, 8, 3), kind) for kind in ("PNG", "JPEG")]


@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=4),
    st.integers(0, 900),
)
@settings(max_examples=300, deadline=None)
def test_the_image_decoder_survives_damaged_files(content, changes, keep):
    damaged = bytearray(content[:keep] if keep < len(content) else content)
    for position, value in changes:
        if position < len(damaged):
            damaged[position] = value
    with suppress(UserError):
        assert decode(bytes(damaged), "x", Form(8, resize=True)).shape == (3, 8, 8)


@given(st.binary(max_size=200))
def test_the_image_decoder_survives_any_bytes(content):
    with pytest.raises(UserError):
        decode(content, "x", Form(8))


def tar_bytes(compression: str) -> bytes:
    """A tar archive with one folder of one file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=f"w:{compression}") as archive:
        generated.add(archive, "folder/file", b"content")
    return content.getvalue()


TARS = [tar_bytes(compression) for compression in ("", "gz")]


@given(
    st.sampled_from(TARS),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=6),
    st.integers(0, 12000),
)
# A gzip header cut short, with the flag of an extra field: tarfile asks an empty text for its first letter.
@example(TARS[1], [], 3)
@example(TARS[1], [(3, 4)], 10)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_archives_are_one_line_and_write_nothing_outside(tmp_path, content, changes, keep):
    damaged = bytearray(content[:keep])
    for position, value in changes:
        if position < len(damaged):
            damaged[position] = value
    outer = tmp_path / "outer"
    outer.mkdir(exist_ok=True)
    archive = tmp_path / "a.tar"
    archive.write_bytes(bytes(damaged))
    with suppress(UserError):
        list(members(archive))
    with suppress(UserError):
        unpack(archive, "folder", outer / "target")
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar", "outer"}
    assert {path.name for path in outer.iterdir()} <= {"target"}


def hostile(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "member",
    [
        hostile("../outside"),
        hostile("folder/../../outside"),
        hostile("folder/link", tarfile.SYMTYPE, "../../outside"),
        hostile("folder/link", tarfile.LNKTYPE, "../outside"),
        hostile("folder/device", tarfile.CHRTYPE),
    ],
    ids=lambda member: f"{member.name} {member.linkname}",
)
def test_an_archive_whose_members_leave_the_target_is_refused(tmp_path, member):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        generated.add(archive, "folder/file", b"content")
        archive.addfile(member)
    with pytest.raises(UserError, match=r"a\.tar: found a member that may not be unpacked"):
        unpack(tmp_path / "a.tar", "folder", tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "target"]
    assert not list((tmp_path / "target").iterdir())


def test_an_absolute_member_stays_inside(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        generated.add(archive, "/folder/file", b"content")
    assert (unpack(tmp_path / "a.tar", "folder", tmp_path / "target") / "file").read_bytes() == b"content"
