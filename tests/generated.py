"""Small archives and trees of exactly the formats that the datasets are published in, filled with generated images."""

import gzip
import io
import pickle
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5, sha256
from pathlib import Path

import numpy as np
from PIL import Image

from badminima.data.sources import cifar, cinic10, fashion_mnist
from badminima.data.sources.restricted_imagenet import SUPER_CLASSES


def idx_bytes(array: np.ndarray) -> bytes:
    """An array as an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    """An image ``[h, w, 3] uint8`` as a file."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind)
    return content.getvalue()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to a tar archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def publish_fashion(folder: Path, rng: np.random.Generator, monkeypatch, sizes=(12, 5)) -> dict[str, Path]:
    """Four gzip'd IDX files that count as Fashion-MNIST while the test runs."""
    digests, archives = {}, []
    for part, count in zip(("train", "t10k"), sizes, strict=True):
        for name, array in (
            (f"{part}-images-idx3-ubyte", rng.integers(256, size=(count, 28, 28), dtype=np.uint8)),
            (f"{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 10),
        ):
            content = idx_bytes(array)
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            digests[name] = sha256(content).hexdigest()
    source = fashion_mnist.FashionMNIST
    for archive in source.archives:
        digest = f"md5:{md5((folder / archive.name).read_bytes()).hexdigest()}"
        archives.append(replace(archive, digest=digest, addresses=()))
    monkeypatch.setattr(source, "digests", digests)
    monkeypatch.setattr(source, "archives", tuple(archives))
    return {archive.name: folder / archive.name for archive in archives}


def cifar_files(source: type[cifar.Cifar10], rng: np.random.Generator, per_batch: int, tests: int) -> dict[str, bytes]:
    """The pickles of CIFAR-10 or CIFAR-100 and their meta, by name."""
    dataset = source.torchvision
    classes = 10 if source is cifar.Cifar10 else 100
    files = {}
    for name, count in [*((name, per_batch) for name, _ in dataset.train_list), (dataset.test_list[0][0], tests)]:
        labels = rng.integers(classes, size=count).tolist()
        batch = {
            "batch_label": name,
            "data": rng.integers(256, size=(count, 3072), dtype=np.uint8),
            "filenames": [f"image_{index}.png" for index in range(count)],
        }
        if classes == 10:
            batch["labels"] = labels
        else:
            batch |= {"fine_labels": labels, "coarse_labels": [label // 5 for label in labels]}
        files[name] = pickle.dumps(batch, protocol=2)
    names = [f"class {index}" for index in range(classes)]
    meta = {dataset.meta["key"]: names, "num_cases_per_batch": per_batch, "num_vis": 3072}
    files[dataset.meta["filename"]] = pickle.dumps(meta, protocol=2)
    return files


def publish_cifar(
    folder: Path, source: type[cifar.Cifar10], rng: np.random.Generator, monkeypatch, per_batch=6, tests=4
) -> Path:
    """An archive that counts as CIFAR while the test runs."""
    dataset = source.torchvision
    files = cifar_files(source, rng, per_batch, tests)
    path = folder / source.archive.name
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            add(archive, f"{dataset.base_folder}/{name}", content)
        add(archive, f"{dataset.base_folder}/readme.html", b"<html></html>")
    digests = {name: md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(dataset, "train_list", [[name, digests[name]] for name, _ in dataset.train_list])
    monkeypatch.setattr(dataset, "test_list", [[name, digests[name]] for name, _ in dataset.test_list])
    monkeypatch.setattr(dataset, "meta", {**dataset.meta, "md5": digests[dataset.meta["filename"]]})
    _redigest(source, path, monkeypatch)
    return path


def cinic_images(rng: np.random.Generator, per_class: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of CINIC-10's files; names sort in another order than they come."""
    for part in ("valid", "train", "test"):
        for name in reversed(cinic10.CLASSES):
            for index in reversed(range(per_class)):
                image = rng.integers(256, size=(32, 32, 3), dtype=np.uint8)
                yield f"{part}/{name}/{'cifar10-train' if index % 2 else 'n02123045'}_{index}.png", encoded(image)


def publish_cinic(folder: Path, rng: np.random.Generator, monkeypatch, per_class: int = 2, prefix: str = "./") -> Path:
    """An archive that counts as CINIC-10 while the test runs."""
    path = folder / cinic10.Cinic10.archive.name
    with tarfile.open(path, "w:gz") as archive:
        add(archive, f"{prefix}README.md", b"# CINIC-10")
        for name, content in cinic_images(rng, per_class):
            add(archive, prefix + name, content)
    _redigest(cinic10.Cinic10, path, monkeypatch)
    return path


def wordnet_ids() -> list[str]:
    """Folder names of as many classes as the super-classes have, from the first to the last of each."""
    ends = [(int(first[1:]), int(last[1:]), count) for first, last, count in SUPER_CLASSES.values()]
    return [f"n{number:08d}" for first, last, count in ends for number in np.linspace(first, last, count, dtype=int)]


def imagenet_tree(folder: Path, image: bytes, per_class: dict[str, int]) -> Path:
    """An ImageNet tree in torchvision's layout; files of a class are links to one image.

    Args:
        folder: where it goes.
        image: content of the image.
        per_class: images per class folder of ``train`` and ``val``.
    """
    folder.mkdir(parents=True)
    # Two classes that belong to no super-class: a tench and toilet tissue.
    for part, count in per_class.items():
        for name in ["n01440764", "n15075141", *wordnet_ids()]:
            (folder / part / name).mkdir(parents=True)
            original = folder / part / name / f"{name}_0.JPEG"
            if count:
                original.write_bytes(image)
            for index in range(1, count):
                (folder / part / name / f"{name}_{index}.JPEG").hardlink_to(original)
    return folder


def _redigest(source, path: Path, monkeypatch) -> None:
    digest = f"sha256:{sha256(path.read_bytes()).hexdigest()}"
    monkeypatch.setattr(source, "archive", replace(source.archive, digest=digest, addresses=()))
