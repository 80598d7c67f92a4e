"""Plain data from text: JSON is read as JSON, and of YAML no more than means the same to everybody.

PyYAML follows YAML 1.1, which takes ``1e-6`` for text, ``017`` for 15, ``1:30`` for 90 and ``on`` for true.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from badminima.errors import UserError

# Enough for any number that means something; longer ones are refused by Python itself.
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
FLOAT = re.compile(r"(?=.*[.eE])[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
WORDS = {"true": True, "false": False, "null": None, "~": None}
WORDS |= {spelled: value for word, value in WORDS.items() for spelled in (word.capitalize(), word.upper())}
# Plain scalars that YAML 1.1 reads as something else than what they look like.
SURPRISES = (
    (re.compile(r"[-+]?0[0-9_]+"), "a number with a leading zero, which YAML reads as octal", "leave out the zero"),
    (re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"), "a number to the base 60", "quote it, or write the number"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"), "a date", "quote it to make it text"),
    (re.compile(r"[-+]?[0-9_]{100,}"), "a number of over 100 digits", "expected a shorter one"),
)
BOOLEANS = re.compile(r"yes|no|on|off|y|n|true|false", re.IGNORECASE)
# A config has a few hundred values, ten deep; aliases of aliases can stand for millions.
MOST_VALUES, DEEPEST = 100_000, 50


def scalar_of(text: str) -> Any:
    """Return the number, truth value or null that a text reads as; the text itself where it reads as none."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text


def parse_plain(text: str) -> Any:
    """Return the data in a text of JSON or YAML; raise ValueError or yaml.YAMLError where it is neither."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def walk(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield every value in plain data; raise UserError where it holds itself, or is deeper than anything sensible."""
    if depth > DEEPEST:
        raise UserError("config", f"values more than {DEEPEST} deep", "expected a mapping that does not hold itself")
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from walk(item, depth + 1)


def check_size(value: Any) -> None:
    """Raise UserError where plain data hold themselves, or are larger than any config."""
    for number, _ in enumerate(walk(value)):
        if number > MOST_VALUES:
            raise UserError("config", f"more than {MOST_VALUES:,} values", "expected fewer aliases of aliases")


def check_files(paths: Iterable[Path]) -> None:
    """Raise UserError where a config file is no mapping, or says a thing twice, or what YAML takes for another."""
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(path, "bytes that are no text", "expected YAML or JSON") from None
        except OSError as error:
            raise UserError(path, error.strerror, "expected a config file") from None
        try:
            content = json.loads(text)
            found = None if isinstance(content, dict) else "a list" if isinstance(content, list) else "a value"
        except ValueError:
            root = _composed(path, text)
            if isinstance(root, yaml.MappingNode):
                found = None
                _check_node(path, root, set())
            else:
                found = "nothing" if root is None else "a list" if isinstance(root, yaml.SequenceNode) else "a value"
        if found is not None:
            raise UserError(path, f"{found} at the top level", "expected keys with values")


def _composed(path: Path, text: str) -> yaml.Node | None:
    """Return the nodes of a YAML text; raise UserError where it is none."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise UserError(f"{path}{line}", f"no YAML: {error.problem or error.context}", "mend that line") from None
    except yaml.YAMLError as error:
        raise UserError(path, " ".join(str(error).split()), "expected YAML") from None


def _check_node(path: Path, node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            where = f"{path}, line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(where, "a key that is a list or mapping", "expected a name")
            if key.value in names:
                raise UserError(where, f"key {key.value!r} a second time", "give each key once")
            if key.style is None and BOOLEANS.fullmatch(key.value):
                raise UserError(where, f"key {key.value}, which YAML reads as true or false", f'write "{key.value}"')
            names.add(key.value)
            _check_node(path, key, seen)
            _check_node(path, value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_node(path, item, seen)
    elif isinstance(node, yaml.ScalarNode) and node.style is None:
        for pattern, found, remedy in SURPRISES:
            if pattern.fullmatch(node.value):
                raise UserError(f"{path}, line {node.start_mark.line + 1}", f"{found}: {node.value[:40]}", remedy)
