"""Image folders of two classes that are easy to tell apart."""

from pathlib import Path

from PIL import Image

SIZES = {"train": 4, "test": 2}
GREYS = {"cat": 50, "dog": 200}


def photographs(folder: Path, sizes: dict[str, int] = SIZES, ending: str = "png", prefix: str = "") -> Path:
    """Two classes of plain images, told apart by their grey; without a part's name they lie in the folder itself."""
    for part, count in sizes.items():
        for name, grey in GREYS.items():
            inside = folder / prefix / part / name
            inside.mkdir(parents=True)
            for index in range(count):
                Image.new("RGB", (12, 10), (grey, index, 0)).save(inside / f"{index}.{ending}")
    return folder
