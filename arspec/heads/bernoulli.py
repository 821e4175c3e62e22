"""`bernoulli`: the probability that a binary variable is one (sigmoid)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from arspec.heads.base import Head, Support
from arspec.layers.base import Fault

if TYPE_CHECKING:
    from torch import Tensor


class Bernoulli(Head):
    """The probability of a one, from one logit by a sigmoid. The data must have two levels. Channels that are generated
    together are taken as independent of each other, given what came before."""

    coupled: ClassVar[bool] = False

    kind: Literal["bernoulli"]

    def parameters(self, support: Support) -> int:
        if support.levels != 2:
            raise Fault("AR603", f"a Bernoulli head models two levels, and the data has {support.levels}",
                        "take a categorical head, or `levels: 2`", "kind")  # fmt: skip
        return support.channels

    def log_prob(self, support: Support, parameters: Tensor, value: Tensor) -> Tensor:
        from torch.nn import functional as F

        return -F.binary_cross_entropy_with_logits(parameters, value.to(parameters.dtype), reduction="none").sum(-1)

    def conditionals(self, support: Support, parameters: Tensor, value: Tensor, channel: int) -> Tensor:
        import torch
        from torch.nn import functional as F

        logit = parameters[..., channel]
        return torch.stack([F.logsigmoid(-logit), F.logsigmoid(logit)], -1)

    def draw(self, support: Support, parameters: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        logits = parameters.double()
        if temperature == 0:
            return (logits > 0).long()
        return (uniforms < (logits / temperature).sigmoid()).long()
