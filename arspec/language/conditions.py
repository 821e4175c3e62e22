"""What a spec may be conditioned on: a section of each kind, with the shape and the range of its values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from arspec.language.section import Levels, Section, Side


class ConditionSection(Section):
    """What `condition` states of each, whatever its kind.

    A condition with `drop` may be left out. Layers then find zeros there, and 1 in a channel of its own behind the
    others, which is 0 otherwise; tokens are one level more."""

    named: ClassVar[bool] = False  # whether its values may have names, which the data give
    along: ClassVar[bool] = False  # whether it runs along the steps of a sequence, as long as these do
    drop: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None,
        description="The condition may be left out, and training leaves it out for this share of the examples: "
        "samples can then be drawn with guidance.",
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of one value as it is given."""
        raise NotImplementedError

    @property
    def whole(self) -> int | None:
        """Values are whole numbers from 0 to below this; None where they are any numbers."""
        return None

    @property
    def nothing(self) -> float:
        """What stands in the place of every number of a value that is left out."""
        return math.nan if self.whole is None else self.whole

    @property
    def may_be_left_out(self) -> bool:
        """Whether it has a value that stands for none."""
        return self.drop is not None

    @property
    def range_help(self) -> str | None:
        """How a whole number that is out of range is mended."""
        return None

    @property
    def what(self) -> str:
        """What a whole number of it is called."""
        return self.kind  # pyright: ignore

    @model_serializer(mode="wrap")
    def _as_before(self, serialized: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Containers that were written before conditions could be left out have no such key."""
        said: dict[str, Any] = serialized(self)
        return {key: value for key, value in said.items() if key != "drop" or value is not None}


class ClassCondition(ConditionSection):
    """One of a number of classes, given to the layers as a one-hot vector."""

    named = True
    kind: Literal["class"]
    example = "condition: {label: {kind: class, classes: 10}}"
    classes: Annotated[int, Field(ge=1, le=1 << 20)] = Field(description="How many there are.")

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    @property
    def whole(self) -> int:
        return self.classes

    @property
    def range_help(self) -> str:
        most = self.classes - 1
        return f"classes are counted from 0: give 0 to {most}, or set `classes` higher in the spec"


class VectorCondition(ConditionSection):
    """A vector of numbers."""

    kind: Literal["vector"]
    example = "condition: {traits: {kind: vector, size: 40}}"
    size: Annotated[int, Field(ge=1, le=1 << 20)] = Field(description="Numbers.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,)


class MapCondition(ConditionSection):
    """A map of numbers over rows and columns, of any size: layers bring it to the size of the data."""

    kind: Literal["map"]
    example = "condition: {shape: {kind: map, channels: 3, height: 8, width: 8}}"
    channels: Annotated[int, Field(ge=1, le=65536)] = Field(default=1, description="Numbers at each place.")
    height: Side = Field(description="Rows.")
    width: Side = Field(description="Columns.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, self.height, self.width)


class SeriesCondition(ConditionSection):
    """A series of numbers over time, at any rate: layers bring it to the rate of the data."""

    along = True
    kind: Literal["series"]
    example = (
        "data: {kind: sequence, length: 64, levels: 256}\ncondition: {pitch: {kind: series, channels: 2, length: 64}}"
    )
    channels: Annotated[int, Field(ge=1, le=65536)] = Field(default=1, description="Numbers at each step.")
    length: Annotated[int, Field(ge=1, le=1 << 20)] = Field(description="Steps.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, self.length)


class TokensCondition(ConditionSection):
    """A row of whole numbers, such as a text by its tokens. Layers embed them; attention reads what they become."""

    kind: Literal["tokens"]
    example = (
        "condition: {text: {kind: tokens, length: 16, levels: 100}}\n"
        "graph:\n  words: {layer: embedding, from: text, out: 24}"
    )
    length: Annotated[int, Field(ge=1, le=1 << 20)] = Field(description="How many.")
    levels: Levels = Field(description="Values that each can take.")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def whole(self) -> int:
        return self.levels

    @property
    def what(self) -> str:
        return "token"

    @property
    def range_help(self) -> str:
        return f"tokens are counted from 0: give 0 to {self.levels - 1}, or set `levels` higher in the spec"


Condition = ClassCondition | VectorCondition | MapCondition | SeriesCondition | TokensCondition
Conditions = Mapping[str, Condition]  # those of a spec, by name
CONDITIONS: dict[str, type[Condition]] = {
    "class": ClassCondition,
    "vector": VectorCondition,
    "map": MapCondition,
    "series": SeriesCondition,
    "tokens": TokensCondition,
}
