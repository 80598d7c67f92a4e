"""What ``fetch_data`` and ``prepare_data`` make of a user's files."""

from pathlib import Path

import numpy as np
import pytest

from badminima.config.registry import SOURCES
from badminima.data.prepared import PreparedDataset, prepare, read_prepared
from badminima.data.raw import fetch, verified_files
from badminima.experiment.settings import PrepareSettings
from badminima.storage.files import write_json


@pytest.fixture
def made_of(tmp_path):
    """Return a function from a source, a path and options to the prepared dataset."""

    def made_of(source: str, path: Path | None, options: dict | None = None, **sizes) -> PreparedDataset:
        write_json(tmp_path / "manifest.json", fetch(source, tmp_path / "downloads", path))
        files, digests = verified_files(tmp_path / "manifest.json")
        raw = SOURCES.load(source)().read(files, **dict(SOURCES.entry(source).options(**options or {})))
        sizes = {"train_size": None, "validation_size": 0, "evaluate_on": "test", **sizes}
        settings = PrepareSettings(dataset="d", source=source, root_seed=0, **sizes)
        prepare(raw, settings, tmp_path / "d.safetensors", digests, threads=2)
        return read_prepared(tmp_path / "d.safetensors")

    return made_of


@pytest.fixture
def arrays(rng) -> dict[str, np.ndarray]:
    """Colour images as bytes with channels last, three classes."""
    parts = {}
    for part, count in (("train", 12), ("test", 6)):
        parts[f"{part}_images"] = rng.integers(256, size=(count, 6, 5, 3), dtype=np.uint8)
        parts[f"{part}_labels"] = np.arange(count) % 3
    return parts
