"""The base of all sections of the configuration, and the types that they share."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

# Names become folder names and wildcards, so they stay plain.
NAME_PATTERN = r"^[a-z0-9][a-z0-9_+.-]*$"
LONGEST_NAME = 100
# What Snakemake takes for a rule that feeds itself: a wildcard whose end repeats itself 20 times.
REPETITION = re.compile(r"(.+?)\1{19}$")


def check_name(name: str) -> str:
    """Return a name; raise ValueError if Snakemake, or what reads tables, would take it for something else."""
    if repeated := REPETITION.search(name):
        raise ValueError(f"a name that repeats {repeated[1]!r} 20 times, which Snakemake refuses; choose another name")
    if name.endswith("+"):
        raise ValueError("a name that ends in +, which adds to the list of the name before it; choose another name")
    if _reads_otherwise(name):
        raise ValueError("a name that reads as a number, date, truth value or null; choose another name")
    return name


def _reads_otherwise(name: str) -> bool:
    """Tell whether YAML, ``--config`` or a reader of tables takes a name for something else than text."""
    try:
        float(name)  # nan and inf too
    except ValueError:
        try:
            return not isinstance(yaml.safe_load(name), str)
        except (ValueError, yaml.YAMLError):  # a date that is none, for one
            return True
    return True


Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=LONGEST_NAME), AfterValidator(check_name)]
# YAML reads 5e-4 as text; accept it as the number it looks like.
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
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
    return {name: default_of(field) for name, field in section.model_fields.items()}


def default_of(field: FieldInfo) -> Any:
    """Return the default of a field, made anew where it is made by a function."""
    return field.get_default(call_default_factory=True)


def plain(value: Any) -> Any:
    """Return a value as JSON has it, sections in it without their defaults."""
    if isinstance(value, BaseModel):
        return without_defaults(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
