"""The contract of a head: how many numbers a variable needs, its log-probabilities, and draws.

A variable is one scalar of the data, or all the channels of a pixel where they are generated together. A head then
models them jointly or says that it takes them as independent. Draws use a fixed number of uniforms a variable, so that
a sample depends on the noise alone.

For a codec a head states which numbers are rounded and how finely. It turns the rounded ones into masses of levels by
whole numbers alone (`arspec.heads.integers`), so that every machine gets the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from arspec.diagnostics import InputError
from arspec.heads.truncation import Truncation
from arspec.layers.base import Ref

if TYPE_CHECKING:
    from torch import Tensor

    from arspec.types import Ints


@dataclass(frozen=True)
class Support:
    """What a variable can be: `channels` integers, each from 0 to `levels` − 1. Of data in several parts it is the most
    that any of them can be, and `parts` has each."""

    levels: int
    channels: int
    parts: tuple[tuple[int, Support], ...] = ()  # of data in parts: how many variables each has, and what they can be


class Head(BaseModel):
    """What every head has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True, defer_build=True)

    example: ClassVar[str] = ""  # a part of a spec that has it, for the reference
    coupled: ClassVar[bool] = True  # whether a channel's distribution depends on the earlier channels of its variable

    kind: str
    from_: Ref = Field(alias="from", description="The node that gives the parameters.")

    @property
    def tabular(self) -> bool:
        """Whether each level is drawn by a probability of its own, so that some may be left out."""
        return False

    @property
    def title(self) -> str:
        """What it is called in pictures."""
        return self.kind

    def truncation(self, top_k: int | None, top_p: float | None, min_p: float | None) -> Truncation | None:
        """The levels that may be drawn, as asked for; None where all of them may. InputError where the head has no
        probabilities of levels."""
        asked = Truncation(top_k, top_p, min_p)
        if not self.tabular and (top_k, top_p, min_p) != (None, None, None):
            raise InputError(
                "AR860", f"{asked}: a head of the kind {self.title} draws without a probability for each level",
                "temperature works with every head; top-k, top-p and min-p are for categorical and Bernoulli heads",
            )  # fmt: skip
        return None if asked.keeps_all else asked

    def of_part(self, name: str) -> Head:
        """The head of one part of the data: itself, where the data has but one."""
        return self

    def parameters(self, support: Support) -> int:
        """K, how many numbers a variable needs. Raises Fault where the head can't model it."""
        raise NotImplementedError

    def uniforms(self, support: Support) -> int:
        """U, how many uniforms a draw of a variable takes."""
        return support.channels

    def log_prob(self, support: Support, parameters: Tensor, value: Tensor) -> Tensor:
        """parameters [..., K], value [..., C] of integers -> nats [...]."""
        raise NotImplementedError

    def log_prob_of_product(
        self, support: Support, rows: Tensor, weight: Tensor, bias: Tensor | None, value: Tensor
    ) -> Tensor:  # fmt: skip
        """`log_prob` of the parameters that a product gives: rows [..., N], weight [K, N], bias [K], value [..., C] of
        integers -> nats [...]."""
        from torch.nn import functional as F

        return self.log_prob(support, F.linear(rows, weight, bias), value)

    def conditionals(self, support: Support, parameters: Tensor, value: Tensor, channel: int) -> Tensor:
        """Log-probabilities [..., levels] of the levels of one channel.

        They are given the earlier channels of the same variable as value [..., C] has them; its later channels are not
        looked at. Over all channels they add up to `log_prob`."""
        raise NotImplementedError

    def draw(
        self, support: Support, parameters: Tensor, uniforms: Tensor, temperature: float,
        truncation: Truncation | None = None,
    ) -> Tensor:  # fmt: skip
        """parameters [..., K], uniforms [..., U] in [0, 1) -> integers [..., C]. Temperature 0 takes the likeliest.
        truncation: the levels that may be drawn, where the head is `tabular`."""
        raise NotImplementedError

    def highest(self, support: Support, temperature: float, truncation: Truncation | None) -> int | None:
        """How many of the highest parameters of a variable a draw depends on: others may be -infinity. None: on all."""
        return None

    def guided(self, under: Tensor, free: Tensor, guidance: float) -> Tensor:
        """Parameters [..., K] under a condition and without it -> those that guidance draws from. InputError where they
        are no logits."""
        raise InputError(
            "AR824", f"guidance combines logits, and a head of the kind {self.title} has other parameters",
            "categorical and Bernoulli heads have logits",
        )  # fmt: skip

    # -- what a codec needs ------------------------------------------------------------------------------------------

    digit: ClassVar[int] = 256  # levels beyond so many are coded in several digits of at most so many values

    def coded(self, support: Support, parameters: Tensor) -> Tensor:
        """parameters [..., K] -> the numbers [..., Q] that a codec rounds, bounded whatever the parameters are."""
        raise NotImplementedError

    def grain(self, support: Support) -> list[int]:
        """[Q]: number q is rounded to a multiple of 2^-grain[q]."""
        raise NotImplementedError

    def gain(self, support: Support) -> list[float]:
        """[Q]: how many times an error of all parameters may come back in number q, at the most."""
        raise NotImplementedError

    def masses(self, support: Support, rounded: Ints, channel: int, earlier: Ints, edges: Ints) -> Ints:
        """The mass of the levels below each edge, [n, E], of one channel given the earlier ones, [n, channel], of the
        same variable. rounded [n, Q]: multiples of the grain. edges [n, E]: from 0 to levels. Any scale,
        the same in a row."""
        raise NotImplementedError
