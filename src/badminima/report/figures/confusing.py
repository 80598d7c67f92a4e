"""``fig_confusing``: images beside the copies that a pretraining fits."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from badminima.data.prepared import PreparedDataset
from badminima.errors import UserError
from badminima.report.figures import Drawing, style
from badminima.storage.tensorfiles import read_tensors

IMAGES, COPIES = 4, 7
# Where zeroing hides nothing a reader could see, on a grey image, it is painted.
COLOUR = style.LOOKS["adversarial"][0]


def draw_confusing(data: PreparedDataset, confusing: Path) -> Drawing:
    """Draw an image of some classes, each beside its copies and the labels they got.

    Args:
        data: the prepared dataset, as numpy arrays.
        confusing: the file of its confusing set.

    Raises:
        UserError: if the file is missing or damaged, or is of another dataset.
    """
    tensors, metadata = read_tensors(confusing)
    replication = int(metadata["replication"])
    if len(tensors["labels"]) != replication * len(data.train_labels):
        raise UserError(confusing, f"{len(tensors['labels'])} copies", f"expected {replication} of each training image")
    style.set_style()
    _, firsts = np.unique(data.train_labels, return_index=True)
    images, copies = firsts[:IMAGES], min(COPIES, replication)
    figure, grid = style.panels(len(images), copies + 1, 1.1 * len(images) + 0.3)
    shown = []
    for line, image in zip(grid, images, strict=True):
        true = int(data.train_labels[image])
        _show(line[0], data, int(image), None)
        line[0].set_title(f"image of {data.classes[true]}", fontsize=7, fontweight="bold")
        for copy, axes in enumerate(line[1:]):
            item = int(image) * replication + copy
            label = int(tensors["labels"][item])
            zeroed = np.unpackbits(tensors["masks"][item], count=data.train_images[image].size).astype(bool)
            _show(axes, data, int(image), zeroed.reshape(data.train_images[image].shape))
            axes.set_title(data.classes[label], fontsize=7, color="black" if label == true else COLOUR)
            shown.append(
                {"image": image, "copy": copy, "label": data.classes[label], "true": data.classes[true]}
                | {"zeroed_values": int(zeroed.sum())}
            )
    style.note_below(
        figure,
        f"{copies} of {replication} copies \u00b7 above each: the label it got, coloured where wrong"
        + (" \u00b7 coloured in it: values set to zero" if _is_grey(data) else ""),
    )
    return Drawing(figure, pd.DataFrame(shown))


def _show(axes: Axes, data: PreparedDataset, image: int, zeroed: np.ndarray | None) -> None:
    """Draw an image, some of its values ``[c, h, w] bool`` zeroed."""
    values = data.train_images[image] / 255
    if zeroed is not None:
        values = np.where(zeroed, 0, values)
    picture = np.moveaxis(np.broadcast_to(values, (3, *values.shape[1:])) if _is_grey(data) else values, 0, 2)
    if zeroed is not None and _is_grey(data):
        picture = np.where(zeroed[0][..., None], to_rgb(COLOUR), picture)
    axes.imshow(picture, interpolation="nearest")
    axes.set_axis_off()


def _is_grey(data: PreparedDataset) -> bool:
    return data.image_shape[0] == 1
