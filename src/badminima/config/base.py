"""The base of all sections of the config, the types that they share, and their errors in the words of a user."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from badminima.errors import UserError, UserErrors

# Names become folder names and wildcards, so they stay plain.
NAME_PATTERN = r"^[a-z0-9][a-z0-9_+.-]*$"


def check_name(name: str) -> str:
    """Return a name; raise ValueError if YAML, ``--config`` or a reader of tables takes it for something else."""
    try:
        float(name)  # nan and inf too
    except ValueError:
        if isinstance(yaml.safe_load(name), str):
            return name
    raise ValueError("a name that reads as a number, date, truth value or null; choose another name")


Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100), AfterValidator(check_name)]
# Values of --config arrive as text, which is read as a number where it is one.
Text = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
# Tables hold seeds as 64-bit integers.
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# Without user, password and query: addresses are printed and recorded.
Address = Annotated[str, Field(pattern=r"^https?://[^\s@?]+$")]


class Section(BaseModel):
    """Base of all sections: immutable, typed strictly, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def without_defaults(settings: BaseModel) -> dict[str, Any]:
    """Return the values of a section that differ from its defaults, and every revision, as JSON has them."""
    defaults = _defaults_of(type(settings))
    return {name: plain(value) for name, value in settings if name == "revision" or value != defaults[name]}


@cache
def _defaults_of(section: type[BaseModel]) -> dict[str, Any]:
    """Return the default of each field of a section, to compare with: a dry run does so for thousands of jobs."""
    return {name: field.get_default(call_default_factory=True) for name, field in section.model_fields.items()}


def plain(value: Any) -> Any:
    """Return a value as JSON has it, sections in it without their defaults."""
    if isinstance(value, BaseModel):
        return without_defaults(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


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
    raise UserErrors([_told(model, mistake, where) for mistake in mistakes])


def _told(model: type[BaseModel], mistake: Any, where: str) -> UserError:
    """Return one of pydantic's errors in the words of a user."""
    *above, last = [part for part in mistake["loc"] if part != "[key]"] or ["config"]
    key, node = _locate(model, [*above, last])
    kind, cause = mistake["type"], str(mistake.get("ctx", {}).get("error"))
    if kind == "missing":
        found, remedy = "nothing", "this key is required"
    elif kind == "extra_forbidden":
        known = list(_locate(model, above)[1].get("properties", {}))
        found, remedy = "an unknown key", f"{did_you_mean(str(last), known)}allowed: {', '.join(known) or 'none'}"
    elif "; " in cause:
        found, remedy = cause.split("; ")
    elif mistake["loc"][-1:] == ("[key]",):
        found = "an unfit name"
        remedy = "allowed: lower-case letters, digits and any of _ + . -, a letter or digit first, at most 100"
    else:
        found, remedy = shortened(mistake["input"]), expectation(node)
    return UserError(where + key, found, remedy)


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
