"""The contract of a head: how many numbers it needs for each variable, log-probabilities, and draws.

A head's parameters come as [..., K], one row for every scalar of the data; how they lie in the last layer's tensor is
the module's business. Draws use a fixed number of uniforms a scalar, so that a sample depends on the noise alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from arspec.layers.base import Ref

if TYPE_CHECKING:
    from torch import Tensor


class Head(BaseModel):
    """What every head has in common. With joint channels the variables of a pixel are taken as independent of each
    other, given the pixels before: each has its own parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    uniforms: ClassVar[int] = 1  # for each scalar of the data

    kind: str
    from_: Ref = Field(alias="from", description="The node that gives the parameters.")

    def parameters(self, levels: int) -> int:
        """How many numbers one scalar of the data needs."""
        raise NotImplementedError

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """parameters [..., K], value [...] of integers -> nats [...]."""
        raise NotImplementedError

    def draw(self, parameters: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        """parameters [..., K], uniforms [..., uniforms] in [0, 1) -> integers [...]."""
        raise NotImplementedError
