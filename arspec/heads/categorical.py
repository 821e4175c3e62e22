"""`categorical`: a probability for each level (softmax)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.heads.base import Head

if TYPE_CHECKING:
    from torch import Tensor


class Categorical(Head):
    """A probability for each level, from as many logits by a softmax."""

    kind: Literal["categorical"]

    def parameters(self, levels: int) -> int:
        return levels

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        chosen = parameters.gather(-1, value.long().unsqueeze(-1)).squeeze(-1)
        return chosen - parameters.logsumexp(-1)

    def draw(self, parameters: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        """The first level whose cumulative probability exceeds the uniform; in float64 whatever the parameters are."""
        logits = parameters.double()
        if temperature == 0:
            return logits.argmax(-1)
        cumulative = (logits / temperature).softmax(-1).cumsum(-1)
        target = uniforms * cumulative[..., -1:]  # sums of floats need not end at one
        return (cumulative <= target).sum(-1).clamp_(max=parameters.shape[-1] - 1)
