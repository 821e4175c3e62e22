"""`bernoulli`: the probability that a binary variable is one (sigmoid)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.heads.base import Head
from arspec.layers.base import Fault

if TYPE_CHECKING:
    from torch import Tensor


class Bernoulli(Head):
    """The probability of a one, from one logit by a sigmoid. The data must have two levels."""

    kind: Literal["bernoulli"]

    def parameters(self, levels: int) -> int:
        if levels != 2:
            raise Fault("AR603", f"a Bernoulli head models two levels, and the data has {levels}",
                        "take a categorical head, or `levels: 2`", "kind")  # fmt: skip
        return 1

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        from torch.nn import functional as F

        logit = parameters[..., 0]
        return -F.binary_cross_entropy_with_logits(logit, value.to(logit.dtype), reduction="none")

    def draw(self, parameters: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        logit = parameters[..., 0].double()
        if temperature == 0:
            return (logit > 0).long()
        return (uniforms[..., 0] < (logit / temperature).sigmoid()).long()
