"""`bernoulli`: the probability that a binary variable is one (sigmoid)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from arspec.heads import integers
from arspec.heads.base import Head, Support
from arspec.layers.base import Fault

if TYPE_CHECKING:
    from torch import Tensor

    from arspec.heads.truncation import Truncation
    from arspec.types import Ints

FARTHEST = 18.0  # of a logit in a codec: beyond, a table can't tell the probability from zero
GRAIN = 8  # costs 6e-7 nats where the variable is most uncertain, and in proportion elsewhere


class Bernoulli(Head):
    """The probability of a one, from one logit by a sigmoid. The data must have two levels. Channels that are generated
    together are taken as independent of each other, given what came before."""

    coupled: ClassVar[bool] = False

    kind: Literal["bernoulli"]
    example = "data: {kind: image, height: 28, width: 28, levels: 2}\nhead: {kind: bernoulli, from: logits}"

    @property
    def tabular(self) -> bool:
        return True

    def parameters(self, support: Support) -> int:
        if support.levels != 2:
            raise Fault("AR603", f"a Bernoulli head models two levels, and the data has {support.levels}",
                        "take a categorical head, or `levels: 2`", "kind")  # fmt: skip
        return support.channels

    def log_prob(self, support: Support, parameters: Tensor, value: Tensor) -> Tensor:
        from torch.nn import functional as F

        nats = F.binary_cross_entropy_with_logits(parameters, value.to(parameters.dtype), reduction="none").neg_()
        return nats.squeeze(-1) if support.channels == 1 else nats.sum(-1)

    def conditionals(self, support: Support, parameters: Tensor, value: Tensor, channel: int) -> Tensor:
        import torch
        from torch.nn import functional as F

        logit = parameters[..., channel]
        return torch.stack([F.logsigmoid(-logit), F.logsigmoid(logit)], -1)

    def draw(
        self, support: Support, parameters: Tensor, uniforms: Tensor, temperature: float,
        truncation: Truncation | None = None,
    ) -> Tensor:  # fmt: skip
        import torch

        logits = parameters.double()
        if temperature == 0:
            return (logits > 0).long()
        one = (logits / temperature).sigmoid()
        if truncation is not None:
            one = truncation(torch.stack([1 - one, one], -1))[..., 1]
        return (uniforms < one).long()

    def guided(self, under: Tensor, free: Tensor, guidance: float) -> Tensor:
        return free + guidance * (under - free)

    # -- what a codec needs ------------------------------------------------------------------------------------------

    def coded(self, support: Support, parameters: Tensor) -> Tensor:
        return parameters.clamp(-FARTHEST, FARTHEST)

    def grain(self, support: Support) -> list[int]:
        return [GRAIN] * support.channels

    def gain(self, support: Support) -> list[float]:
        return [1.0] * support.channels

    def masses(self, support: Support, rounded: Ints, channel: int, earlier: Ints, edges: Ints) -> Ints:
        zero = integers.sigmoid(-rounded[:, channel, None] << (integers.FINE - GRAIN))
        return np.where(edges == 0, 0, np.where(edges == 1, zero, 1 << integers.ONE))
