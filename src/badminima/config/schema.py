"""What users read about the config, generated from the typed model: its JSON schema and its reference page.

``python -m badminima.config.schema`` writes both into the repository it is called in.
"""

import json
from pathlib import Path
from typing import Any

from badminima.config import Config
from badminima.config.messages import expectation
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
- Names become folder names: lower-case letters, digits and `_ + . -`.
- Wrong keys, types, values and references are told in one line, before anything runs.
"""


def schema_text() -> str:
    """The JSON schema as it is committed."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def reference_text() -> str:
    """The reference page as it is committed: a table per section, the top level first, then what registries offer."""
    schema = Config.model_json_schema()
    sections = {"Config": schema, **schema["$defs"]}
    options = "".join(_options(registry, key) for registry, key in REGISTRIES)
    return HEADER + "".join(_section(name, node) for name, node in sections.items()) + options


def _section(name: str, node: dict[str, Any]) -> str:
    required = node.get("required", [])
    rows = [
        f"| `{key}` | {_kind(entry)} | {_default(key, entry, required)} | {entry.get('description', '')} |"
        for key, entry in node["properties"].items()
    ]
    table = "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows])
    return f"\n## {name}\n\n{node['description']}\n\n{table}\n"


def _options(registry: Registry[EntryWithOptions], key: str) -> str:
    """What a registry offers: names, where each is documented, and its options with their defaults."""
    rows = [
        f"| `{name}` | `{entry.target.partition(':')[0]}` | "
        + ", ".join(f"`{option}: {json.dumps(default)}`" for option, default in entry.options.items())
        + " |"
        for name, entry in registry.entries.items()
    ]
    table = "\n".join(["| name | documented in | options and their defaults |", "|---|---|---|", *rows])
    return f"\n## {registry.family.capitalize()}s\n\nTheir options are given as `{key}`.\n\n{table}\n"


def _kind(node: dict[str, Any]) -> str:
    """What a key takes, with links to the sections it leads to."""
    if "$ref" in node:
        section = node["$ref"].rsplit("/", 1)[-1]
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
