"""The JSON schema of the config, generated from the typed model: ``python -m badminima.schema > FILE``."""

import json

from badminima.config import Config


def schema_text() -> str:
    """The schema as it is committed in ``workflow/schemas/config.schema.json``."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
