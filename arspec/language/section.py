"""What every section of a spec is: a pydantic model whose keys are known."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Side = Annotated[int, Field(ge=1, le=4096)]
MOST_LEVELS = 1 << 20
Levels = Annotated[int, Field(ge=2, le=MOST_LEVELS)]


class Section(BaseModel):
    """What a section of a spec states: its keys are known, and its values have the types that they are given."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    example: ClassVar[str] = ""  # a part of a spec that has it, for the reference
