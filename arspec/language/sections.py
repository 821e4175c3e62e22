"""The sections of a spec as pydantic models: data, order, condition. (A layer's keys stand in its own file.)"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from arspec.language.conditions import (
    CONDITIONS,
    ClassCondition,
    Condition,
    Conditions,
    MapCondition,
    SeriesCondition,
    TokensCondition,
    VectorCondition,
)
from arspec.language.section import MOST_LEVELS, Levels, Section, Side


class DataSection(Section):
    """What `data` states, whatever its kind."""

    _params: dict[str, str] = PrivateAttr(default_factory=dict)  # key -> the parameter of the spec that it is
    _trained: bool = PrivateAttr(default=False)  # whether it is a trained model's, which is what it was trained as
    _tokenizer: Any = PrivateAttr(default=None)  # what makes text of its integers (`arspec.data.tokenizer`)

    def name_params(self, params: Mapping[str, str]) -> None:
        """Tells which keys are a parameter of the spec as it stands, for `told`."""
        self._params = dict(params)

    def told(self, key: str, value: int) -> str:
        """How a person sets a key of this section: by an option, or in the spec;
        for a trained model before training."""
        return self.told_together({key: value})

    def told_together(self, values: Mapping[str, int]) -> str:
        """The same for several keys, as one command line takes them."""
        options = [f"--set {self._params[key]}={value}" for key, value in values.items() if key in self._params]
        written = ", ".join(f"{key}: {value}" for key, value in values.items() if key not in self._params)
        settings = [" ".join(options)] * bool(options) + [f"`{written}` in the spec's data section"] * bool(written)
        setting = " and ".join(settings)
        return f"a model that is trained with {setting}" if self._trained else setting

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an example."""
        raise NotImplementedError

    @property
    def size_text(self) -> str:
        """The shape in words: 3×32×32."""
        return "×".join(map(str, self.shape))

    @property
    def is_text(self) -> bool:
        """Whether its numbers are text."""
        return False

    @property
    def trained(self) -> bool:
        """Whether it is the section of a trained model."""
        return self._trained

    @property
    def tokenizer(self) -> Any:
        """What makes text of its integers and integers of text (`arspec.data.tokenizer.Tokenizer`); None without."""
        return self._tokenizer

    def reads_text_by(self, tokenizer: Any) -> None:
        """Tells it the tokenizer of its model."""
        self._tokenizer = tokenizer

    def of_a_trained_model(self) -> None:
        """Tells that it is, for `told`."""
        self._trained = True


class Auxiliary(Section):
    """An image that is a function of the data's own, on the same grid, and is generated before it (Kolesnikov & Lampert
    2017): p(x) = p(auxiliary) p(x | auxiliary). It has one channel, and is a name in the graph."""

    example = (
        "data:\n"
        "  kind: image\n"
        "  height: 8\n"
        "  width: 8\n"
        "  channels: 3\n"
        "  levels: 4\n"
        "  auxiliary: {luma: {view: grey, levels: 2}}\n"
        "graph:\n"
        "  grey: {layer: conv, from: luma, kernel: 3, out: 2, mask: earlier}\n"
        "head:\n"
        "  luma: {kind: categorical, from: grey}\n"
        "  x: {kind: categorical, from: logits}"
    )
    view: Literal["grey"] = Field(
        description="What it shows. grey: the luma of red, green and blue (Rec. 601), of other channels their mean."
    )
    levels: Levels = Field(description="Values that it can take: the view in so many steps of equal width.")


class ImageData(DataSection):
    """Images: integers from 0 to levels − 1, [channels, height, width];
    auxiliary images are channels in front of these."""

    given: ClassVar[int] = 0
    start: ClassVar[int | None] = None
    kind: Literal["image"]
    example = "data: {kind: image, height: 28, width: 28, levels: 2}"
    height: Side = Field(description="Rows.")
    width: Side = Field(description="Columns.")
    channels: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="Channels: 1 for grey, 3 for red, green, blue."
    )
    levels: Levels = Field(default=256, description="Values that a channel can take.")
    auxiliary: dict[str, Auxiliary] = Field(
        default={}, description="Images that are functions of this one and are generated before it, by name."
    )

    @property
    def grid(self) -> tuple[int, ...]:
        """Rows and columns."""
        return (self.height, self.width)

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, those of auxiliary images first, then rows and columns."""
        return (len(self.auxiliary) + self.channels, self.height, self.width)

    @property
    def own(self) -> ImageData:
        """The same data without auxiliary images."""
        return self.model_copy(update={"auxiliary": {}})

    @property
    def dimensions(self) -> int:
        """Numbers of an image of its own, by which bits are counted."""
        return self.channels * self.height * self.width

    @property
    def channel_levels(self) -> tuple[int, ...]:
        """The levels of each channel, those of auxiliary images first."""
        return (*(one.levels for one in self.auxiliary.values()), *(self.levels,) * self.channels)

    @property
    def levels_text(self) -> str:
        """The levels in words."""
        return " and ".join(map(str, dict.fromkeys(self.channel_levels))) + " levels"

    @property
    def variables(self) -> int:
        """How many variables an image has, with those of its auxiliary images."""
        return math.prod(self.shape)


class _OneChannel(DataSection):
    """What data of one channel on one dimension have in common."""

    channels: ClassVar[int] = 1
    auxiliary: ClassVar[dict[str, Auxiliary]] = {}
    if TYPE_CHECKING:  # stated where it stands among a section's keys
        levels: int

    @property
    def variables(self) -> int:
        raise NotImplementedError

    @property
    def grid(self) -> tuple[int, ...]:
        return (self.variables,)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.variables,)

    @property
    def dimensions(self) -> int:
        return self.variables

    @property
    def channel_levels(self) -> tuple[int, ...]:
        return (self.levels,)

    @property
    def levels_text(self) -> str:
        return f"{self.levels} levels"


class SequenceData(_OneChannel):
    """Sequences: integers from 0 to levels − 1, [length], with what is given of them."""

    kind: Literal["sequence"]
    example = "data: {kind: sequence, length: 64, levels: 128, content: text}"
    length: Annotated[int, Field(ge=1, le=1 << 20)] = Field(description="Steps.")
    levels: Levels = Field(default=256, description="Values that a step can take.")
    content: Literal["audio", "text", "tokens"] = Field(default="tokens",
                                                        description="What the integers are: it decides how "
                                                        "files are read and written.")  # fmt: skip
    rate: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=16000, description="Audio: samples a second.")
    companding: Literal["mu_law", "linear"] = Field(
        default="mu_law", description="Audio: how amplitudes become levels."
    )
    alphabet: str | None = Field(
        default=None,
        description="Text: the characters that the levels stand for, in their order. Without it a level is a byte of "
        "UTF-8.",
    )

    given: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="The first steps that are given, not modelled, as in GPT-2. A sequence has them, and they count in "
        "its length. Every order begins with them.",
    )
    start: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="The level of the given steps of a sample that has no prompt."
    )

    @field_validator("given")
    @classmethod
    def _leaves_something(cls, value: int, info: ValidationInfo) -> int:
        if value >= info.data.get("length", value + 1):
            raise ValueError(f"fewer than the {info.data['length']} steps of the sequence")
        return value

    @field_validator("start")
    @classmethod
    def _a_level(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value >= info.data.get("levels", value + 1):
            raise ValueError(f"a level, from 0 to {info.data['levels'] - 1}")
        if value is not None and not info.data.get("given", 1):
            raise ValueError("nothing, unless steps are `given`")
        return value

    @field_validator("alphabet")
    @classmethod
    def _a_character_for_each_level(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("content", "text") != "text":
            raise ValueError("nothing, unless the content is text")
        levels = info.data.get("levels", len(value or ""))
        if value is not None and not len(value) == len(set(value)) == levels:
            raise ValueError(f"{levels} different characters, one for each level")
        if value is not None and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("characters of Unicode, which halves of surrogate pairs are not")
        return value

    @model_serializer(mode="wrap")
    def _as_before(self, serialized: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Folders and containers that were written before there were these keys have none of them."""
        said: dict[str, Any] = serialized(self)
        later = {"alphabet": None, "given": 0, "start": None}
        return {key: value for key, value in said.items() if key not in later or value != later[key]}

    @property
    def is_text(self) -> bool:
        """Whether its integers are text: bytes, characters of an alphabet, or tokens of a tokenizer."""
        return self.content == "text" or self.tokenizer is not None

    @property
    def variables(self) -> int:
        """How many steps a sequence has: each is one variable."""
        return self.length

    @property
    def dimensions(self) -> int:
        """Steps that are modelled, by which bits are counted."""
        return self.length - self.given


class VectorData(_OneChannel):
    """Vectors: integers from 0 to levels − 1, [size]. The order of the entries has no meaning of its own."""

    given: ClassVar[int] = 0
    start: ClassVar[int | None] = None
    kind: Literal["vector"]
    example = "data: {kind: vector, size: 784, levels: 2, display: [28, 28]}"
    size: Annotated[int, Field(ge=1, le=1 << 20)] = Field(description="Entries.")
    levels: Levels = Field(default=2, description="Values that an entry can take.")
    display: Annotated[tuple[Side, Side], Field(strict=False)] | None = Field(
        default=None, description="Rows and columns by which a vector is shown as a picture."
    )

    @property
    def variables(self) -> int:
        """How many entries a vector has: each is one variable."""
        return self.size


Data = ImageData | SequenceData | VectorData
DATA: dict[str, type[Data]] = {"image": ImageData, "sequence": SequenceData, "vector": VectorData}
__all__ = [
    "CONDITIONS", "DATA", "MOST_LEVELS", "Auxiliary", "ClassCondition", "Condition", "Conditions", "Data",
    "DataSection", "ImageData", "MapCondition", "OrderSection", "Section", "SequenceData", "SeriesCondition", "Side",
    "TokensCondition", "VectorCondition", "VectorData",
]  # fmt: skip


class OrderSection(Section):
    """An order of generation. A list of them is a family: the model is trained on all, and each of them is proven."""

    example = "order: [{scan: zigzag, channels: joint}, {scan: random, channels: joint, seed: 7, members: 2}]"
    scan: str | None = Field(
        default=None,
        description="raster, columns, serpentine, zigzag, diagonal, spiral, hilbert, random, "
        "explicit, ...; natural, reversed, random, explicit for sequences and vectors.",
    )
    channels: Literal["sequential", "joint"] = Field(
        default="sequential",
        description="Whether the channels of a pixel are generated one after another, or together.",
    )
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = Field(default=0, description="Of a random scan.")
    factor: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=2, description="Of scans by phases: the distance of one phase's positions."
    )
    flip: list[Literal["rows", "columns"]] = Field(default=[], description="Reflections: rows (upside down), columns.")
    transpose: bool = Field(default=False, description="Rows and columns change places, before any reflection.")
    ranks: list[Any] | str | None = Field(default=None,
                                          description="explicit: the rank of every position, as a list or the "
                                          "name of a .npy, .csv or .txt file beside the spec. Equal ranks are "
                                          "generated together.")  # fmt: skip
    members: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=1,
        description="Members of the family: each has its own draw of a random scan and of the degrees of dense layers.",
    )
