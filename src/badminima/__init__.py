"""Bad global minima: build them on purpose, let regularizers escape them, measure the escape.

``badminima.load("results/demo")`` opens finished results, ``badminima.zoo.load("zoo")`` exported minima, and
``badminima.zoo.example()`` those that the library brings along.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from badminima import zoo
    from badminima.results.results import Results

__version__ = "0.1.0"
__all__ = ["__version__", "load", "zoo"]


def load(folder: "str | PathLike[str]") -> "Results":
    """Open the results folder of a config; nothing is read yet.

    >>> results = load("results/demo")
    >>> model = results.model("digits", "mlp", "adversarial", "vanilla", seed=0)

    Args:
        folder: the folder that the config's ``results`` names.

    Raises:
        UserError: if it is not there, or holds neither runs nor tables.
    """
    from badminima.results.results import Results  # pandas: the workflow imports this package and wants none of it

    return Results(folder)


def __getattr__(name: str) -> object:
    """``badminima.zoo`` without an import of its own."""
    if name == "zoo":
        from importlib import import_module

        return import_module("badminima.zoo")
    raise AttributeError(f"module 'badminima' has no attribute {name!r}")
