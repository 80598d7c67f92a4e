"""The base of all sections of the configuration, and the types that they share."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

# Names become folder names and wildcards, so they stay plain.
NAME_PATTERN = r"^[a-z0-9][a-z0-9_+.-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
# YAML reads 5e-4 as text; accept it as the number it looks like.
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Address = Annotated[str, Field(pattern=r"^https?://\S+$")]


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
