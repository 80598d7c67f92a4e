"""A dataset of folders through the workflow: from the user's ImageNet tree to a trained network."""

import json

import numpy as np
import yaml

from badminima.data.prepared import read_prepared
from tests import generated

RUN = "results/imagenet/runs/restricted_imagenet/densenet40/random/vanilla/seed0/run.json"


def test_restricted_imagenet_is_prepared_and_trained_on_from_a_users_tree(checkout, tmp_path, rng):
    image = generated.encoded(rng.integers(256, size=(40, 60, 3), dtype=np.uint8), "JPEG")
    tree = generated.imagenet_tree(tmp_path / "imagenet", image, {"train": 2, "val": 1})
    overlay = {
        "results": "results/imagenet",
        "device": "cpu",
        "data": {"local_dirs": {"restricted_imagenet": str(tree)}},
        "datasets": {"restricted_imagenet": {"train_size": 64, "options": {"side": 16}}},
        "training": {"batch_size": 16, "epochs": 1, "milestones": []},
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    checkout.snakemake("--configfile", str(tmp_path / "overlay.yaml"), "--", RUN)
    prepared = read_prepared(checkout.folder / "results/imagenet/data/restricted_imagenet.safetensors")
    assert prepared.train_images.shape == (64, 3, 16, 16)
    assert prepared.test_images.shape == (203, 3, 16, 16)
    assert len(prepared.classes) == 9
    record = json.loads((checkout.folder / RUN).read_text())
    assert record["status"] in ("converged", "max_epochs")
    assert record["train_items"] == 64
