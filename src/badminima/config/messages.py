"""Validating plain data as a typed section, with errors in the words of the one who wrote the data."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from badminima.errors import UserError, UserErrors

Parsed = TypeVar("Parsed", bound=BaseModel)


def parse(model: type[Parsed], content: Any, where: str = "") -> Parsed:
    """Validate ``content`` as ``model``; each error becomes a line of a UserError.

    Args:
        model: the section's class.
        content: plain data, as read from YAML or JSON.
        where: prefix for the key in messages, for example the command-line option the content came by.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    raise UserErrors([_mistake(model, mistake, where) for mistake in mistakes])


def _mistake(model: type[BaseModel], first: Any, where: str) -> UserError:
    """Return one of pydantic's errors in the words of a user."""
    key, node = _locate(model, [part for part in first["loc"] if part != "[key]"])
    if first["type"] == "missing":
        return UserError(where + key, "nothing", "this key is required")
    if first["type"] == "extra_forbidden":
        _, parent = _locate(model, list(first["loc"][:-1]))
        known = list(parent.get("properties", {}))
        guess = did_you_mean(str(first["loc"][-1]), known)
        return UserError(where + key, "an unknown key", f"{guess}allowed: {', '.join(known) or 'none'}")
    if first["type"] == "value_error" and "; " in str(first["ctx"]["error"]):
        found, remedy = str(first["ctx"]["error"]).split("; ")
        return UserError(where + key, found, remedy)
    if first["type"] == "string_too_long":
        return UserError(where + key, "a name that is too long", f"allowed: {first['ctx']['max_length']} characters")
    if first["loc"][-1:] == ("[key]",):
        expected = "allowed: lower-case letters, digits and any of _ + . -, a letter or digit first"
        return UserError(where + key, "an unfit name", expected)
    return UserError(where + (key or "config"), shortened(first["input"]), expectation(node))


def shortened(value: Any) -> str:
    """Return a value as Python writes it, on one line of bearable length."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether a name near to an unknown one was meant, to be put before what is allowed."""
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}? " if near else ""


def _locate(model: type[BaseModel], location: list[int | str]) -> tuple[str, dict[str, Any]]:
    """Return the dotted key a user would write for a pydantic location, and the JSON schema of the value there."""
    schema = model.model_json_schema()
    node, key = schema, []
    for part in location:
        variants = node.get("discriminator", {}).get("mapping", {})
        if part in variants:  # pydantic puts the variant's tag into the location; no user wrote it there
            node = {"$ref": variants[part]}
        else:
            key.append(str(part))
            patterns = list(node.get("patternProperties", {}).values())
            inner = patterns[0] if patterns else node.get("additionalProperties") or node.get("items") or {}
            node = node.get("properties", {}).get(part, inner)
        # An optional section is a choice of the section and null.
        node = next((option for option in node.get("anyOf", ()) if "$ref" in option), node)
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return ".".join(key), node


BOUNDS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
    "multipleOf": "a multiple of",
}
TYPES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def expectation(node: dict[str, Any]) -> str:
    """Put into words which values a JSON schema node allows."""
    variants = list(node.get("discriminator", {}).get("mapping", {}))
    if variants:
        return f"allowed: a mapping whose {node['discriminator']['propertyName']} is one of {', '.join(variants)}"
    options = [option for option in node.get("anyOf", [node]) if option]
    return "allowed: " + " or ".join(_describe(option) for option in options)


def _describe(node: dict[str, Any]) -> str:
    if "const" in node or "enum" in node:
        return ", ".join(str(choice) for choice in node.get("enum", [node.get("const")]))
    bounds = [f"{sign} {node[bound]}" for bound, sign in BOUNDS.items() if bound in node]
    kind = TYPES.get(node.get("type", ""), "another value")
    if "pattern" in node:
        bounds.append(f"that matches {node['pattern']}")
    if node.get("not") == {"multipleOf": 2}:
        bounds.append("odd")
    filled = " that is not empty" if node.get("minItems") else ""
    return f"{kind} {' and '.join(bounds)}".strip() + filled + (", each value once" if node.get("uniqueItems") else "")
