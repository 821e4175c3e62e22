"""The frequencies of rotary positions, and their scaled forms for sequences longer than a model was trained on. numpy
only, in float64."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from arspec.layers.base import Fault

Floats = npt.NDArray[np.float64]

Factor = Annotated[float, Field(ge=1, le=1e6, strict=False)]
Positive = Annotated[float, Field(gt=0, le=1e6, strict=False)]
Original = Annotated[int, Field(ge=2, le=1 << 40)]


class Scaling(BaseModel):
    """A scaled form: the frequencies that it makes of those of a base, and what it multiplies cosine and sine by."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    def check(self, count: int, length: int) -> None:
        """Raises Fault where its numbers do not fit so many frequencies, or a sequence of so many steps."""

    def frequencies(self, base: float, count: int, length: int) -> Floats:
        """[count], in radians a step. length: steps of the sequence."""
        raise NotImplementedError

    def of_length(self, length: int) -> object:
        """What the length decides: equal for two lengths of which the frequencies are the same."""
        return None

    @property
    def amplitude(self) -> float:
        """What cosine and sine are multiplied by."""
        return 1.0


class Linear(Scaling):
    """Positions are divided by a factor (position interpolation: Chen et al. 2023)."""

    kind: Literal["linear"]
    factor: Factor = Field(description="What positions are divided by.")

    def frequencies(self, base: float, count: int, length: int) -> Floats:
        return plain(base, count) / self.factor


class Ntk(Scaling):
    """The base grows, so that the lowest frequency is divided by the factor and the highest stays (NTK-aware scaling:
    Peng et al. 2024, section 3.1)."""

    kind: Literal["ntk"]
    factor: Factor = Field(description="What the lowest frequency is divided by.")

    def frequencies(self, base: float, count: int, length: int) -> Floats:
        return plain(base * self.factor ** (count / max(count - 1, 1)), count)


class Dynamic(Scaling):
    """The base grows with the length of what is read beyond the original one (dynamic NTK scaling: Peng et al. 2024,
    section 3.3). Up to there it is the plain form. Beyond, keys would turn anew with each step that comes, so that what
    was said of earlier steps would change: no such model is autoregressive, and longer sequences are refused."""

    kind: Literal["dynamic"]
    factor: Factor = Field(description="By how much the base would grow beyond the original length.")
    original: Original = Field(description="The length that the model was trained on, in steps.")

    def check(self, count: int, length: int) -> None:
        if length > self.original:
            raise Fault("AR424", f"beyond {self.original:,} steps the base of `dynamic` grows with each step that "
                        f"comes, and changes what was said of earlier ones; the sequence has {length:,}",
                        f"take up to {self.original:,} steps, or `{{kind: ntk, factor: {self.factor:g}}}`, whose base "
                        "is one number", "scaling")  # fmt: skip

    def frequencies(self, base: float, count: int, length: int) -> Floats:
        return plain(base, count)


class Yarn(Scaling):
    """Frequencies that turn fast within the original length stay, slow ones are divided by the factor, those between
    are mixed (YaRN: Peng et al. 2024, section 3.2)."""

    kind: Literal["yarn"]
    factor: Factor = Field(description="What slow frequencies are divided by.")
    original: Original = Field(description="The length that the model was trained on, in steps.")
    beta_fast: Positive = Field(32.0, description="Turns within the original length from which on one stays.")
    beta_slow: Positive = Field(1.0, description="Turns up to which one is divided.")
    attention_factor: Positive | None = Field(
        None, description="What cosine and sine are multiplied by: 0.1 · ln(factor) + 1 if left out."
    )
    truncate: bool = Field(True, description="Whether the bounds of the mixed ones are rounded outwards.")

    def check(self, count: int, length: int) -> None:
        if self.beta_fast <= self.beta_slow:
            raise Fault("AR424", f"fast begins at {self.beta_fast:g} turns, and slow ends at {self.beta_slow:g}",
                        "take a `beta_fast` above `beta_slow`", "scaling")  # fmt: skip

    def frequencies(self, base: float, count: int, length: int) -> Floats:
        own = plain(base, count)
        low, high = (self._number_of(turns, base, count) for turns in (self.beta_fast, self.beta_slow))
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, 2 * count - 1)
        divided = np.clip((np.arange(count) - low) / (high - low or 0.001), 0, 1)
        return own * (1 - divided) + own / self.factor * divided

    def _number_of(self, turns: float, base: float, count: int) -> float:
        """The number of the frequency that turns so often within the original length."""
        return count * math.log(self.original / (turns * 2 * math.pi)) / math.log(base)

    @property
    def amplitude(self) -> float:
        return 0.1 * math.log(self.factor) + 1 if self.attention_factor is None else self.attention_factor


class Llama3(Scaling):
    """Frequencies of waves that are short beside the original length stay, those of long waves are divided by the
    factor, those between are mixed (Llama 3.1: Dubey et al. 2024)."""

    kind: Literal["llama3"]
    factor: Factor = Field(description="What low frequencies are divided by.")
    low: Positive = Field(1.0, description="Waves longer than the original length by `low` are long.")
    high: Positive = Field(4.0, description="Waves shorter than the original length by `high` are short.")
    original: Original = Field(description="The length that the model was trained on, in steps.")

    def check(self, count: int, length: int) -> None:
        if self.high <= self.low:
            raise Fault("AR424", f"waves are short below {self.original} / {self.high:g} steps and long above "
                        f"{self.original} / {self.low:g}", "take a `high` above `low`", "scaling")  # fmt: skip

    def frequencies(self, base: float, count: int, length: int) -> Floats:
        own = plain(base, count)
        waves = self.original * own / (2 * math.pi)  # within the original length
        kept = np.clip((waves - self.low) / (self.high - self.low), 0, 1)
        return own * kept + own / self.factor * (1 - kept)


class LongRope(Scaling):
    """Each frequency is divided by a factor of its own: one list for sequences up to the original length, one for
    longer ones (LongRoPE: Ding et al. 2024; Phi-3)."""

    kind: Literal["longrope"]
    short: list[Positive] = Field(description="Factors where the data are at most as long as `original`.")
    long: list[Positive] = Field(description="Factors where they are longer.")
    original: Original = Field(description="The length that the model was trained on, in steps.")
    factor: Factor = Field(1.0, description="How many times longer the model may read.")
    attention_factor: Positive | None = Field(
        None, description="What cosine and sine are multiplied by: √(1 + ln(factor) / ln(original)) if left out."
    )

    def check(self, count: int, length: int) -> None:
        for name, factors in (("short", self.short), ("long", self.long)):
            if len(factors) != count:
                raise Fault("AR424", f"`{name}` has {len(factors)} factors, and there are {count} frequencies",
                            "give one for each pair of channels that turns", "scaling")  # fmt: skip

    def frequencies(self, base: float, count: int, length: int) -> Floats:
        return plain(base, count) / np.array(self.long if self.of_length(length) else self.short)

    def of_length(self, length: int) -> bool:
        """Whether it is beyond the original one."""
        return length > self.original

    @property
    def amplitude(self) -> float:
        if self.attention_factor is not None:
            return self.attention_factor
        return math.sqrt(1 + math.log(self.factor) / math.log(self.original))


AnyScaling = Annotated[Linear | Ntk | Dynamic | Yarn | Llama3 | LongRope, Field(discriminator="kind")]


def plain(base: float, count: int) -> Floats:
    """[count]: 1, base^(-1 / count), ..., in radians a step (Su et al. 2021)."""
    return base ** (-np.arange(count, dtype=np.float64) / count)
