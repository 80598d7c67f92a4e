"""Dose response: which inits or recipes differ in one number alone, and where they stand along it.

Pure and fast: no torch, no file access.
"""

from collections.abc import Mapping
from typing import Literal

from badminima.config import Config, FigureConfig, Section


class Doses(Section):
    """Where the inits or the recipes of a figure stand along a numeric setting.

    Attributes:
        over: the setting.
        axis: whose setting it is.
        series: values by name; the names of a series differ in this setting and in nothing else.
    """

    over: str
    axis: Literal["inits", "recipes"]
    series: list[dict[str, float]]


def doses_of(config: Config, figure: FigureConfig, over: str) -> Doses | None:
    """Return the doses of a figure: a number of its inits, else of its recipes; None if no two differ in it alone."""
    study = config.studies[figure.study]
    inits = {name: config.inits[name] for name in figure.inits or study.inits}
    phase = config.training
    recipes = {
        # What a recipe leaves to the phase is a number too.
        name: recipe.model_copy(
            update={"batch_size": recipe.batch_size or phase.batch_size, "epochs": recipe.epochs or phase.epochs}
        )
        for name in figure.recipes or study.recipes
        for recipe in (config.recipes[name],)
    }
    if series := _series(inits, over):
        return Doses(over=over, axis="inits", series=series)
    if series := _series(recipes, over):
        return Doses(over=over, axis="recipes", series=series)
    return None


def settings_varied(config: Config, figure: FigureConfig) -> list[str]:
    """Every setting that a figure could be drawn over."""
    study = config.studies[figure.study]
    entries = [*(config.inits[name] for name in study.inits), *(config.recipes[name] for name in study.recipes)]
    fields = dict.fromkeys(field for entry in entries for field in type(entry).model_fields)
    return [field for field in fields if doses_of(config, figure, field) is not None]


def _series(entries: Mapping[str, Section], over: str) -> list[dict[str, float]]:
    """Entries grouped by all their other settings; what is alone, or has no such number, is left out."""
    groups: dict[str, dict[str, float]] = {}
    for name, entry in entries.items():
        value = getattr(entry, over, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            groups.setdefault(entry.model_dump_json(exclude={over}), {})[name] = value
    return [group for group in groups.values() if len(set(group.values())) > 1]
