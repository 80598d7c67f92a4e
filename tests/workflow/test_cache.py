"""Between-workflow caching: what one checkout has made, another one takes."""

import shutil
from pathlib import Path

import numpy as np
import yaml

from badminima.data.prepared import read_prepared
from badminima.experiment.paths import RUN_FILES
from tests import generated
from tests.checkout import Checkout, make_checkout

INIT = "results/smoke/inits/digits/mlp/adversarial/seed0"
CACHED = [
    "results/smoke/data/digits.safetensors",
    "results/smoke/confusing/digits/adversarial/seed0.safetensors",
    *(f"{INIT}/{name}" for name in RUN_FILES),
]


def pretrain(folder: Path, *config: str) -> Checkout:
    """Make one adversarial init in a new checkout that uses the cache."""
    checkout = make_checkout(folder)
    checkout.snakemake("--cache", "--configfile", "presets/smoke.yaml", *config, "--", f"{INIT}/weights.safetensors")
    return checkout


def ran(checkout: Checkout) -> set[str]:
    """The cached stages of which a job ran: each says something in its log, and one from the cache leaves it empty."""
    written = [path for path in (checkout.folder / "results/smoke/logs").rglob("*.log") if path.stat().st_size]
    return {path.relative_to(checkout.folder / "results/smoke/logs").parts[0] for path in written}


def test_a_second_checkout_takes_what_the_first_has_made(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(cache))
    first = pretrain(tmp_path / "first")
    assert ran(first) == {"prepare_data", "confuse", "pretrain"}
    assert len(list(cache.iterdir())) == len(CACHED)

    second = pretrain(tmp_path / "second")
    assert ran(second) == set()
    for name in CACHED:
        assert (second.folder / name).resolve().parent == cache.resolve()
        assert (second.folder / name).read_bytes() == (first.folder / name).read_bytes()

    other = pretrain(tmp_path / "other", "--config", "pretraining={batch_size: 25}")
    assert ran(other) == {"pretrain"}


def test_another_tree_at_the_same_path_is_not_taken_for_the_first(tmp_path, monkeypatch, rng):
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(cache))
    tree, counts = tmp_path / "imagenet", []
    overlay = {
        "data": {"local_dirs": {"restricted_imagenet": str(tree)}},
        "datasets": {"restricted_imagenet": {"options": {"side": 8}}},
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    for images in (1, 2):
        image = generated.encoded(rng.integers(256, size=(9, 9, 3), dtype=np.uint8))
        generated.imagenet_tree(tree, image, {"train": images, "val": 1})
        checkout = make_checkout(tmp_path / f"checkout{images}")
        target = "results/data/restricted_imagenet.safetensors"
        checkout.snakemake("--cache", "--configfile", str(tmp_path / "overlay.yaml"), "--", target)
        counts.append(len(read_prepared(checkout.folder / target).train_labels))
        shutil.rmtree(tree)
    assert counts == [203, 406]
