"""The base of all sections of the configuration, and the types that they share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Names become folder names and wildcards, so they stay plain.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_+.-]*$")]
# YAML reads 5e-4 as text; accept it as the number it looks like.
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Address = Annotated[str, Field(pattern=r"^https?://\S+$")]


class Section(BaseModel):
    """Base of all sections: immutable, typed strictly, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
