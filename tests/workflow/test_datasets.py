"""A user's own data through the workflow: from photographs and arrays to trained networks."""

import json

import numpy as np
import yaml
from PIL import Image

from badminima.data.prepared import read_prepared
from tests.checkout import Checkout
from tests.photographs import photographs


def test_photographs_and_arrays_are_trained_on_by_configuration_alone(checkout, tmp_path, rng):
    checkout = Checkout(checkout.folder)  # its dry runs change with the photographs
    folders = {name: photographs(tmp_path / name, {"train": 4, "test": count}) for name, count in (("a", 2), ("b", 3))}
    images = rng.integers(256, size=(12, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "c.npz", images=images, labels=np.array(["x", "y"] * 6))
    overlay = {
        "results": "results/own",
        "device": "cpu",
        "datasets": {
            **{name: {"source": "image_folder", "path": str(path)} for name, path in folders.items()},
            "c": {"source": "arrays", "path": str(tmp_path / "c.npz"), "train_size": 8},
        },
        "models": {"mlp": {"architecture": "mlp", "options": {"widths": [8]}}},
        "training": {"batch_size": 4, "epochs": 1, "milestones": []},
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    run = "results/own/runs/c/mlp/random/vanilla/seed0/run.json"
    files = [f"results/own/data/{name}.safetensors" for name in "abc"]
    arguments = ["--configfile", str(tmp_path / "overlay.yaml"), "--", run, *files]
    checkout.snakemake(*arguments)
    assert json.loads((checkout.folder / run).read_text())["train_items"] == 8
    # Two datasets of one source are two datasets.
    tests = [len(read_prepared(checkout.folder / file).test_labels) for file in files]
    assert tests == [4, 6, 4]
    (folders["b"] / "train" / ".DS_Store").write_bytes(b"no photograph")
    (folders["a"] / "train" / "cat" / "0.png").touch()
    assert checkout.planned(*arguments) == {}
    Image.new("RGB", (12, 10), (50, 0, 1)).save(folders["b"] / "train" / "cat" / "0.png")
    assert checkout.planned(*arguments) == {"fetch_data": 1, "prepare_data": 1}
