"""Generate the config's JSON schema and reference page from the typed model.

``python -m badminima.config.schema`` writes both into the repository it is called in.
"""

import json
from pathlib import Path
from typing import Any

from badminima.config import Config
from badminima.config.base import expectation
from badminima.config.load import EXTENDS, GROUPS, TIMES
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, SOURCES, EntryWithOptions, Registry

SCHEMA = Path("workflow/schemas/config.schema.json")
REFERENCE = Path("docs/reference/config.md")

# Registries whose entries take options, and the key that takes them.
REGISTRIES: tuple[tuple[Registry[EntryWithOptions], str], ...] = (
    (SOURCES, "datasets.<name>.options"),
    (ARCHITECTURES, "models.<name>.options"),
    (DIAGNOSTICS, "measuring.options.<diagnostic>"),
)

HEADER = """# Config keys

Generated from the typed model by `make schema`; `config.yaml` and the files in `presets/` are examples.

- Presets and `--config` overlay `config.yaml`: mappings merge, lists and scalars are replaced, and a named entry set to
  `null` is removed.
- A dataset, model, init or recipe may extend others, with multiples of their numbers:
  `l2_x3: {extends: l2, weight_decay: {times: 3}}`, `m+l2: {extends: [m, l2]}` (the last value counts). Multiples
  of a recipe's `epochs` and `batch_size` are those of `training`, unless the other one has its own.
- Names become folder names: lower-case letters, digits and `_ + . -`.
"""


def schema_text() -> str:
    """Return the JSON schema as it is committed."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    sections = schema["$defs"]
    for registry, _ in REGISTRIES:
        sections |= {entry.options.__name__: entry.options.model_json_schema() for entry in registry.entries.values()}
    sections["DatasetConfig"]["allOf"] = _options_by_name(SOURCES, "source")
    sections["ModelConfig"]["allOf"] = _options_by_name(ARCHITECTURES, "architecture")
    measuring = sections["MeasuringConfig"]["properties"]["options"]
    del measuring["patternProperties"]
    measuring["properties"] = {name: _reference(entry) for name, entry in DIAGNOSTICS.entries.items()}
    measuring["additionalProperties"] = False
    _allow_extension(schema)
    return json.dumps(schema, indent=2) + "\n"


def _allow_extension(schema: dict[str, Any]) -> None:
    """Let entries extend others of their group, which may have what they require, with multiples of their numbers."""
    multiple = {
        "type": "object",
        "description": f"A multiple of what the entry has that this one {EXTENDS}.",
        "required": [TIMES],
        "properties": {TIMES: {"type": "number", "exclusiveMinimum": 0}},
        "additionalProperties": False,
    }
    names = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    for group in GROUPS:
        ((pattern, entry),) = schema["properties"][group]["patternProperties"].items()
        properties: dict[str, Any] = {}
        for section in (schema["$defs"][_name(kind)]["properties"] for kind in entry.get("oneOf", [entry])):
            for key, node in section.items():
                if any(option.get("type") in ("integer", "number") for option in node.get("anyOf", [node])):
                    section[key] = {"anyOf": [node, multiple]}
                known = properties.get(key, {"anyOf": []})["anyOf"]
                properties[key] = {"anyOf": [*known, section[key]]}
        extending = {"properties": {EXTENDS: names, **properties}, "additionalProperties": False}
        choice = {"if": {"required": [EXTENDS]}, "then": {"type": "object", **extending}, "else": entry}
        schema["properties"][group]["patternProperties"] = {pattern: choice}


def _name(reference: dict[str, Any]) -> str:
    """Return the section that a JSON schema refers to."""
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _reference(entry: EntryWithOptions) -> dict[str, str]:
    return {"$ref": f"#/$defs/{entry.options.__name__}"}


def _options_by_name(registry: Registry[EntryWithOptions], key: str) -> list[dict[str, Any]]:
    """Return JSON schema conditions: the name under ``key`` decides what ``options`` may hold."""
    return [
        {
            "if": {"properties": {key: {"const": name}}, "required": [key]},
            "then": {"properties": {"options": _reference(entry)}},
        }
        for name, entry in registry.entries.items()
    ]


def reference_text() -> str:
    """Return the reference page: a table per section, the top level first, then what registries offer."""
    schema = Config.model_json_schema()
    sections = {"Config": schema, **schema["$defs"]}
    options = "".join(_options(registry, key) for registry, key in REGISTRIES)
    return HEADER + "".join(_section(name, node) for name, node in sections.items()) + options


def _section(name: str, node: dict[str, Any], level: str = "##") -> str:
    required = node.get("required", [])
    rows = [
        f"| `{key}` | {_kind(entry)} | {_default(key, entry, required)} | {entry.get('description', '')} |"
        for key, entry in node["properties"].items()
    ]
    table = "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows])
    return f"\n{level} {name}\n\n{node['description']}\n\n{table}\n"


def _options(registry: Registry[EntryWithOptions], key: str) -> str:
    """Return what a registry offers: names, where each is documented, and a table of the options of each."""
    sections = {
        entry.options.__name__: entry.options for entry in registry.entries.values() if entry.options.model_fields
    }
    rows = [
        f"| `{name}` | `{registry.module(name)}` | "
        f"{_kind(_reference(entry)) if entry.options.__name__ in sections else 'none'} |"
        for name, entry in registry.entries.items()
    ]
    table = "\n".join(["| name | documented in | options |", "|---|---|---|", *rows])
    tables = "".join(_section(name, section.model_json_schema(), "###") for name, section in sections.items())
    return f"\n## {registry.family.capitalize()}s\n\nTheir options are given as `{key}`.\n\n{table}\n{tables}"


def _kind(node: dict[str, Any]) -> str:
    """Describe the values of a key, with links to the sections that it leads to."""
    if "$ref" in node:
        section = _name(node)
        return f"[{section}](#{section.lower()})"
    if _optional_section(node):
        return " or ".join(_kind(option) for option in node["anyOf"])
    if "discriminator" in node:
        return " or ".join(_kind(option) for option in node["oneOf"])
    inner = [*node.get("patternProperties", {}).values()] or [node.get("additionalProperties")]
    if node.get("type") == "object" and isinstance(inner[0], dict):
        return f"name: {_kind(inner[0])}"
    if node.get("type") == "array":
        return f"list of {_kind(node['items'])}"
    return expectation(node).removeprefix("allowed: ")


def _optional_section(node: dict[str, Any]) -> bool:
    """Whether a key takes a section or null."""
    return any("$ref" in option for option in node.get("anyOf", ()))


def _default(key: str, node: dict[str, Any], required: list[str]) -> str:
    if key in required:
        return "required"
    # A section's own table tells the defaults of its keys.
    own_table = "$ref" in node or (_optional_section(node) and node["default"] is not None)
    return "" if own_table else f"`{json.dumps(node.get('default'))}`"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    REFERENCE.write_text(reference_text(), encoding="utf-8")
