"""Loading a config: files are checked, entries get what they extend, pydantic validates, entries are tied together.

``l2_x3: {extends: l2, weight_decay: {times: 3}}`` is the recipe ``l2`` with three times its weight decay, whatever that
is. What a job is told is the entry as it reads when all of this is worked out.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from badminima.config import Config, InitConfig, Section
from badminima.config.base import Name, did_you_mean, parse, shortened
from badminima.config.checks import check
from badminima.config.registry import FIGURES, TABLES
from badminima.config.training import OptimizationConfig
from badminima.errors import UserError, UserErrors

NAMED_ENTRIES = ("datasets", "models", "inits", "recipes", "studies", "figures", "tables")
EXTENDS, TIMES = "extends", "times"
# The groups whose entries may extend each other.
GROUPS = ("datasets", "models", "inits", "recipes")
# What a recipe may take in place of the phase's: a multiple of it, where no other recipe has one.
OF_PHASE = ("batch_size", "epochs")
# Counts, which multiples are rounded to.
WHOLE = ("batch_size", "epochs", "replication", "train_size", "validation_size", "test_size")
NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)|(?=.*[.eE])[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
WORDS = {"true": True, "false": False, "null": None, "~": None}


def load_config(raw: Mapping[str, Any], warn: Callable[[str], None] = lambda line: None) -> Config:
    """Validate a raw configuration.

    Args:
        raw: the merged YAML mappings.
        warn: told in a line what a figure, a table or the zoo leaves out because its study lacks it.

    Raises:
        UserError: on wrong entries, a line for each that names its key, its value and what is allowed.
    """
    config = _fitted(_on_the_grid(_parsed(Config, raw)), raw, warn)
    check(config)
    return _in_order(config)


class _Inits(Section):
    """The one part of a configuration that says where start weights come from."""

    inits: dict[Name, InitConfig]


def load_inits(raw: Mapping[str, Any]) -> dict[str, InitConfig]:
    """Return the inits of a raw configuration, whatever else it holds; raises UserError as :func:`load_config` does."""
    return _parsed(_Inits, {"inits": raw.get("inits", {})}).inits


class _Reader(yaml.SafeLoader):
    """Refuses a key given twice, of which YAML takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [str(key.value) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                mark = node.value[place][0].start_mark
                raise yaml.constructor.ConstructorError(problem=f"key {key!r} a second time", problem_mark=mark)
        return super().construct_mapping(node, deep)


def check_files(paths: Iterable[Path]) -> None:
    """Raise UserError where a config file is no mapping, or gives a key twice."""
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
            try:
                content = json.loads(text)
            except ValueError:
                content = yaml.load(text, _Reader)
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise UserError(f"{path}{line}", error.problem or error.context, "mend that line") from None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(path, " ".join(str(error).split()), "expected YAML or JSON") from None
        if not isinstance(content, dict):
            raise UserError(path, f"a {type(content).__name__} at the top level", "expected keys with values")


Parsed = TypeVar("Parsed", bound=Section)


def _parsed(model: type[Parsed], raw: Mapping[str, Any]) -> Parsed:
    """Return a raw configuration as a typed section, when entries have what they extend."""
    content = typed(raw)
    try:
        return parse(model, _resolved(content))
    except UserErrors as error:
        # A wrong value is reported where it was written, not by each entry that inherits it.
        own = [mistake for mistake in error.errors if not _is_inherited(mistake, content)]
        raise UserErrors(own or error.errors) from None


def scalar_of(text: str) -> Any:
    """Return the number, truth value or null that a text reads as, else the text; ``--config`` gives text alone."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if found := NUMBER.fullmatch(text):
        return int(text) if found[1] else float(text)
    return text


def typed(value: Any) -> Any:
    """Return plain data whose texts are what they read as."""
    if isinstance(value, Mapping):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return scalar_of(value) if isinstance(value, str) else value


def _resolved(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration whose entries have what they extend, without those that an overlay took away."""
    complete, errors = dict(content), {}
    for group in NAMED_ENTRIES:
        entries = content.get(group)
        if not isinstance(entries, Mapping):
            continue
        complete[group] = {name: entry for name, entry in entries.items() if entry is not None}
        for name in complete[group] if group in GROUPS else ():
            try:
                complete[group][name] = _entry(content, group, (name,))
            except UserError as error:
                errors[str(error)] = error
    if errors:
        raise UserErrors(list(errors.values()))
    return complete


def _entry(content: Mapping[str, Any], group: str, chain: tuple[Any, ...]) -> Any:
    """Return the last entry of a chain, each of which extends the next, with all that it has from further ones."""
    entry = content[group][chain[-1]]
    if not isinstance(entry, Mapping):
        return entry
    where = f"{group}.{chain[-1]}"
    complete: dict[str, Any] = {}
    for other in _extended(entry):
        # Not itself, directly or through others, and none that an overlay took away.
        known = [name for name, given in content[group].items() if given is not None and name not in chain]
        if other not in known:
            remedy = f"{did_you_mean(str(other), known)}allowed: {', '.join(known)}"
            raise UserError(f"{where}.{EXTENDS}", shortened(other), remedy)
        base = _entry(content, group, (*chain, other))
        complete = _over(complete, base, where) if isinstance(base, Mapping) else complete
    for key in OF_PHASE if group == "recipes" and isinstance(content.get("training"), Mapping) else ():
        if isinstance(entry.get(key), Mapping) and complete.get(key) is None:
            complete[key] = content["training"].get(key, OptimizationConfig.model_fields[key].default)
    return _over(complete, {key: value for key, value in entry.items() if key != EXTENDS}, where)


def _extended(entry: Mapping[str, Any]) -> list[Any]:
    """Return the names that an entry extends."""
    names = entry.get(EXTENDS)
    return names if isinstance(names, list) else [] if names is None else [names]


def _over(base: Mapping[str, Any], top: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return one mapping over another, as overlays merge, with multiples of the lower one's numbers."""
    merged = dict(base)
    for key, value in top.items():
        below = base.get(key)
        if isinstance(value, Mapping) and set(value) == {TIMES}:
            merged[key] = _multiple(f"{where}.{key}.{TIMES}", value[TIMES], below, key in WHOLE)
        elif isinstance(value, Mapping):
            merged[key] = _over(below if isinstance(below, Mapping) else {}, value, f"{where}.{key}")
        else:
            merged[key] = value
    return merged


def _multiple(where: str, times: Any, base: Any, whole: bool) -> Any:
    """Return a multiple of a number; ``whole``: rounded. Text is refused where it was written."""
    if isinstance(times, bool) or not isinstance(times, int | float) or not (times > 0 and math.isfinite(times)):
        raise UserError(where, shortened(times), "allowed: a number > 0")
    if base is None or isinstance(base, bool):
        remedy = f"nothing to multiply: a multiple belongs into another entry that {EXTENDS} one with a number here"
        raise UserError(where, str(times), remedy)
    if not isinstance(base, int | float):
        return base
    product = base * times
    if whole or (isinstance(base, int) and product == int(product)):
        return int(product + 0.5)
    # Twelve digits: 0.1 times 0.003 is 0.0003, as one would have written it.
    return float(f"{product:.12g}")


def _is_inherited(mistake: UserError, content: Mapping[str, Any]) -> bool:
    """Tell whether a wrong value was written in another entry, which the one at fault extends."""
    group, _, rest = str(mistake.where).partition(".")
    entries = content.get(group) if group in GROUPS else None
    for name, entry in entries.items() if isinstance(entries, Mapping) else ():
        if rest.startswith(f"{name}.") and isinstance(entry, Mapping) and _extended(entry):
            key = rest.removeprefix(f"{name}.").partition(".")[0]
            return key not in entry and mistake.found != "nothing"
    return False


def _on_the_grid(config: Config) -> Config:
    """Return a config with the grid written into the studies that name no datasets, models or seeds of their own."""
    grid = dict(config.grid)
    studies = {
        name: study.model_copy(update={axis: grid[axis] for axis in grid if not getattr(study, axis)})
        for name, study in config.studies.items()
    }
    return config.model_copy(update={"studies": studies})


def _fitted(config: Config, raw: Mapping[str, Any], warn: Callable[[str], None]) -> Config:
    """Return a config whose figures, tables and zoo leave out the recipes and inits that their studies lack.

    A name that no config file has stays, and so does a list of which nothing would be left: both are refused later.
    """
    known = {axis: entries for axis in ("recipes", "inits") if isinstance(entries := raw.get(axis), Mapping)}

    def fit(section: Any, where: str, study: str) -> Any:
        for axis, names in known.items() if study in config.studies else ():
            chosen = getattr(section, axis) or []
            there = getattr(config.studies[study], axis)
            left = [name for name in chosen if name in there or name not in names]
            if left != chosen and {*left} & {*there}:
                gone = ", ".join(name for name in chosen if name not in left)
                warn(f"{where}.{axis}: without {gone}; to have it, add it to studies.{study}.{axis}")
                section = section.model_copy(update={axis: left})
        return section

    figures = {name: fit(figure, f"figures.{name}", figure.study) for name, figure in config.figures.items()}
    tables = {name: fit(table, f"tables.{name}", table.study) for name, table in config.tables.items()}
    zoo = fit(config.zoo, "zoo", config.claims.study)
    return config.model_copy(update={"figures": figures, "tables": tables, "zoo": zoo})


def _in_order(config: Config) -> Config:
    """Return a config with its entries sorted: the files that gave them must not change a command.

    Figures and tables come in the order of their kinds, which is that of the report.
    """
    ordered = {section: dict(sorted(getattr(config, section).items())) for section in NAMED_ENTRIES}
    for section, kinds in (("figures", FIGURES.names), ("tables", TABLES.names)):
        places = {name: kinds.index(entry.kind or name) for name, entry in ordered[section].items()}
        ordered[section] = {name: ordered[section][name] for name in sorted(places, key=places.__getitem__)}
    return config.model_copy(update=ordered)
