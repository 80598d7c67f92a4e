"""Notice a default that changes.

A job is run again when its settings change. Values that equal a default are left out, so a new field that is off
changes nothing. A changed default would go unseen: so a section whose defaults change raises its ``revision``, which
is never left out. ``workflow/schemas/defaults.json`` remembers the defaults of each revision.

``python -m badminima.workflow.defaults`` brings that file up to date, and refuses a change under an old revision.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from badminima.analysis.claims.grids import ClaimsSettings
from badminima.config import Section
from badminima.config.base import default_of, plain
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, SOURCES
from badminima.errors import UserError
from badminima.experiment import settings
from badminima.report.settings import ExploreSettings, ReportSettings

# The settings of every stage.
SECTIONS: tuple[type[Section], ...] = (
    *(settings.PrepareSettings, settings.ConfuseSettings, settings.InitializeSettings, settings.RescaleSettings),
    settings.TrainSettings,
    *(settings.AlongSettings, settings.DiagnoseSettings, settings.CollectSettings, settings.FigureSettings),
    *(settings.TableSettings, settings.ToySettings, settings.ToyFigureSettings, ClaimsSettings),
    *(ReportSettings, ExploreSettings),
)
DEFAULTS = Path("workflow/schemas/defaults.json")
Defaults = Mapping[str, Any]
# The stages whose settings hold options of extensions.
OPTIONS = (
    (SOURCES, (settings.PrepareSettings,)),
    (
        ARCHITECTURES,
        (settings.InitializeSettings, settings.RescaleSettings, settings.TrainSettings, settings.DiagnoseSettings),
    ),
    (DIAGNOSTICS, (settings.DiagnoseSettings, settings.AlongSettings)),
)


def defaults_of(section: type[BaseModel]) -> dict[str, Any]:
    """Return the default of each field of a section and of the sections in it, by its dotted path."""
    found = {}
    for name, field in section.model_fields.items():
        if name == "revision":
            continue
        if not field.is_required():
            found[name] = plain(default_of(field))
        for inner in _sections_in(field.annotation):
            found |= {f"{name}.{key}": value for key, value in defaults_of(inner).items()}
    return found


def current_defaults() -> dict[str, dict[str, Any]]:
    """Return revision and defaults of the settings of every stage, by the section's name."""
    found = {
        section.__name__: {"revision": section.model_fields["revision"].default, "defaults": defaults_of(section)}
        for section in SECTIONS
    }
    for family, sections in OPTIONS:
        # Settings hold the options that a config gives, so the defaults of the others belong to the stage's revision.
        options = {
            f"options of {name}.{key}": value
            for name, entry in family.entries.items()
            for key, value in defaults_of(entry.options).items()
        }
        for section in sections:
            found[section.__name__]["defaults"] |= options
    return found


def check_revisions(stored: Mapping[str, Defaults], current: Mapping[str, Defaults]) -> None:
    """Raise UserError for a default that has changed under an old revision.

    Args:
        stored: revision and defaults by section, as remembered.
        current: the same of the code.
    """
    for section in stored.keys() & current.keys():
        before, now = stored[section], current[section]
        for field, value in before["defaults"].items():
            changed = field in now["defaults"] and now["defaults"][field] != value
            if changed and now["revision"] <= before["revision"]:
                found = f"the default {now['defaults'][field]!r}, which was {value!r}"
                raise UserError(f"{section}.{field}", found, f"raise {section}.revision above {before['revision']}")


def defaults_text(defaults: Mapping[str, Defaults]) -> str:
    """Return the table as it is committed."""
    return json.dumps(defaults, indent=2, sort_keys=True) + "\n"


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for inner in get_args(annotation):
            yield from _sections_in(inner)


if __name__ == "__main__":
    now = current_defaults()
    try:
        check_revisions(json.loads(DEFAULTS.read_text(encoding="utf-8")) if DEFAULTS.exists() else {}, now)
    except UserError as error:
        sys.exit(str(error))
    DEFAULTS.write_text(defaults_text(now), encoding="utf-8")
