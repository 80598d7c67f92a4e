"""Add to lists, and fit what figures, tables and the zoo name to what their studies have."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import Any

from badminima.config import Config
from badminima.config.messages import did_you_mean
from badminima.errors import UserError

# Ends the key of a list that is added to the list of that name.
ADDED = "+"


def has_additions(raw: Mapping[str, Any]) -> bool:
    """Whether any list of a raw configuration is to be added to another one."""
    return any(
        (isinstance(key, str) and key.endswith(ADDED)) or (isinstance(value, Mapping) and has_additions(value))
        for key, value in raw.items()
    )


def with_additions_of_all(raw: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a raw configuration in which each list ``name+`` has the items of every file that gives one.

    Snakemake, which merges the files, keeps those of the last one alone. A null forgets those before it.

    Args:
        raw: the merged configuration.
        files: the content of the files, in the order in which they are merged.
    """
    content: dict[str, Any] = {}
    for key, value in raw.items():
        given = [layer[key] for layer in (*files, raw) if key in layer]
        if isinstance(value, Mapping):
            content[key] = with_additions_of_all(value, _last_of_kind(given, Mapping)[:-1])
        elif isinstance(value, list) and isinstance(key, str) and key.endswith(ADDED):
            content[key] = list(chain.from_iterable(_last_of_kind(given, list)))
        else:
            content[key] = value
    return content


def _last_of_kind(values: Sequence[Any], kind: type) -> Sequence[Any]:
    """Return the values behind the last one of another kind."""
    others = [place for place, value in enumerate(values) if not isinstance(value, kind)]
    return values[others[-1] + 1 :] if others else values


def extended(raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return a raw configuration in which each list ``name+`` is added to the list ``name`` beside it.

    Items that are there already are not added again.

    Raises:
        UserError: if there is no such list, or what is to be added is none.
    """
    content = {
        key: extended(value, f"{where}{key}.") if isinstance(value, Mapping) else value for key, value in raw.items()
    }
    for key in [key for key in content if isinstance(key, str) and key.endswith(ADDED)]:
        name, added = key.removesuffix(ADDED), content[key]
        base = content.get(name)
        if isinstance(added, dict) or not (isinstance(added, list) or isinstance(base, list)):
            continue
        del content[key]
        if added is None:
            continue
        if not isinstance(added, list):
            raise UserError(f"{where}{key}", repr(added), f"expected a list of what is added to {name}")
        if not isinstance(base, list):
            found = f"{name}: {base!r}" if name in content else f"no {name}"
            remedy = f"{did_you_mean(name, content)}expected a list there"
            raise UserError(f"{where}{key}", f"{found} to add to", remedy)
        content[name] = [*base, *(item for number, item in enumerate(added) if item not in [*base, *added[:number]])]
    return content


def fitted(config: Config, raw: Mapping[str, Any], warn: Callable[[str], None]) -> Config:
    """Return a config whose figures, tables and zoo leave out the recipes and inits that their studies lack.

    A name that no config file has stays, and so does a list of which nothing would be left: both are refused later.

    Args:
        config: the configuration.
        raw: what it was made from, in which entries that were taken away are null.
        warn: told in a line what is left out.
    """
    known = {axis: entries for axis in ("recipes", "inits") if isinstance(entries := raw.get(axis), Mapping)}

    def fit(section: Any, where: str, study: str) -> Any:
        if study not in config.studies:
            return section
        for axis, names in known.items():
            chosen = getattr(section, axis) or []
            left = _left(chosen, getattr(config.studies[study], axis), names)
            if left != chosen:
                gone = ", ".join(name for name in chosen if name not in left)
                warn(f"{where}.{axis}: without {gone}; to have it, add it to studies.{study}.{axis}")
                section = section.model_copy(update={axis: left})
        return section

    figures = {name: fit(figure, f"figures.{name}", figure.study) for name, figure in config.figures.items()}
    tables = {name: fit(table, f"tables.{name}", table.study) for name, table in config.tables.items()}
    zoo = fit(config.zoo, "zoo", config.claims.study)
    return config.model_copy(update={"figures": figures, "tables": tables, "zoo": zoo})


def _left(chosen: list[str], there: Collection[str], known: Collection[str]) -> list[str]:
    """Return the chosen names that are there; all of them if that is none, or if one is nobody's."""
    left = [name for name in chosen if name in there or name not in known]
    return left if set(left) & set(there) else chosen
