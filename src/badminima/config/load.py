"""Loading a configuration: types first, then the references of entries to each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from badminima.config import Config, InitConfig, Name, Section
from badminima.config.extends import Resolved, resolved
from badminima.config.messages import parse
from badminima.config.overlays import extended, fitted
from badminima.config.plain import check_size, scalar_of
from badminima.config.references import check_references, unreached_milestones
from badminima.config.registry import FIGURES, TABLES
from badminima.errors import UserError, UserErrors

NAMED_ENTRIES = ("datasets", "models", "inits", "recipes", "studies", "figures", "tables")


def load_config(raw: Mapping[str, Any], warn: Callable[[str], None] = lambda line: None) -> Config:
    """Validate a raw configuration.

    Args:
        raw: the merged YAML mappings.
        warn: told in a line what a figure, a table or the zoo leaves out because its study lacks it, and which
            milestones are never reached.

    Raises:
        UserError: on wrong entries, a line for each that names its key, its value and what is allowed.
    """
    check_size(raw)
    raw = extended(raw)
    config = fitted(_parsed(Config, raw), raw, warn)
    check_references(config)
    config = _in_order(config)
    for line in unreached_milestones(config):
        warn(line)
    return config


def _in_order(config: Config) -> Config:
    """Return a config with its entries sorted: the files that gave them must not change a command.

    Figures and tables come in the order of their kinds, which is that of the report.
    """
    ordered = {section: dict(sorted(getattr(config, section).items())) for section in NAMED_ENTRIES}
    for section, kinds in (("figures", FIGURES.names), ("tables", TABLES.names)):
        places = {name: kinds.index(entry.kind or name) for name, entry in ordered[section].items()}
        ordered[section] = {name: ordered[section][name] for name in sorted(places, key=places.__getitem__)}
    return config.model_copy(update=ordered)


class _Inits(Section):
    """The one part of a configuration that says where start weights come from."""

    inits: dict[Name, InitConfig]


def load_inits(raw: Mapping[str, Any]) -> dict[str, InitConfig]:
    """Return the inits of a raw configuration, whatever else it holds; raises UserError as :func:`load_config` does."""
    inits = {"inits": raw.get("inits", {})}
    check_size(inits)
    return _parsed(_Inits, extended(inits)).inits


Parsed = TypeVar("Parsed", bound=Section)


def _parsed(model: type[Parsed], raw: Mapping[str, Any]) -> Parsed:
    """Return a raw configuration as a typed section, when entries have what they extend."""
    # Text is put back twice: where it was written, so that it is inherited, and in entries that are complete now.
    found = resolved(_with_text(model, _typed(raw, ""), raw))
    try:
        return parse(model, _with_text(model, _there(found.content), raw))
    except UserErrors as error:
        raise UserErrors(_told_once(error.errors, found)) from None


def _told_once(errors: Sequence[UserError], found: Resolved) -> list[UserError]:
    """Return errors without those of values that are told where they were written; others name what is extended."""
    told = {str(error.where) for error in errors}
    left = []
    for error in errors:
        where = str(error.where)
        origins = {origin + where[len(key) :] for key, origin in found.origins.items() if _within(where, key)}
        bases = [bases for name, bases in found.extended.items() if _within(where, name)]
        if not origins & told:
            remedy = error.remedy + "".join(f" (it extends {names})" for names in bases)
            left.append(UserError(where, error.found, remedy))
    return left


def _within(where: str, key: str) -> bool:
    return where == key or where.startswith(f"{key}.")


def _there(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without the entries that an overlay took away."""
    return {
        key: {name: entry for name, entry in value.items() if entry is not None}
        if key in NAMED_ENTRIES and isinstance(value, Mapping)
        else value
        for key, value in content.items()
    }


def _typed(value: Any, where: str) -> Any:
    """Numbers, truth values and null for text that reads as such: nested ``--config`` values arrive as text."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                found = f"a key that is no text ({type(key).__name__})"
                raise UserError(where.strip(".") or "config", found, "write it in quotes")
        return {key: _typed(item, f"{where}{key}.") for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, f"{where}{number}.") for number, item in enumerate(value)]
    if isinstance(value, str):
        return scalar_of(value)
    if not (value is None or isinstance(value, bool | int | float)):
        raise UserError(where.strip("."), f"{value} ({type(value).__name__})", "expected text in quotes, or a number")
    if isinstance(value, int) and abs(value) >= 10**100:
        raise UserError(where.strip("."), "a number of over 100 digits", "expected a shorter one")
    return value


def _with_text(model: type[Section], content: dict[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content, with the text itself where text is wanted that reads as a number."""
    try:
        model.model_validate(content)
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            if mistake["type"] == "string_type":
                _restore(content, raw, mistake["loc"])
    return content


def _restore(content: Any, raw: Any, location: tuple[int | str, ...]) -> None:
    """Put the text of ``raw`` at a pydantic location into ``content``; kinds of inits in it are no keys."""
    keys: list[Any] = list(location)
    while len(keys) > 1:
        key = keys.pop(0)
        if _has(content, key):
            content, raw = content[key], raw[key]
    if _has(raw, keys[0]) and isinstance(raw[keys[0]], str):
        content[keys[0]] = raw[keys[0]]


def _has(content: Any, key: int | str) -> bool:
    """Tell whether a key leads into a mapping, or an index into a list."""
    return key in content if isinstance(content, dict) else isinstance(content, list) and isinstance(key, int)
