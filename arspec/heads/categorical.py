"""`categorical`: a probability for each level (softmax)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from arspec.heads import integers
from arspec.heads.base import Head, Support

if TYPE_CHECKING:
    from torch import Tensor

    from arspec.heads.truncation import Truncation
    from arspec.types import Ints

LEAST = -18.0  # of a log-probability in a codec: below, a table can't tell it from zero
GRAIN = 8  # costs 6e-7 nats


class Categorical(Head):
    """A probability for each level, from as many logits by a softmax. Channels that are generated together are taken as
    independent of each other, given what came before."""

    coupled: ClassVar[bool] = False

    kind: Literal["categorical"]
    example = "head: {kind: categorical, from: logits}"

    @property
    def tabular(self) -> bool:
        return True

    def parameters(self, support: Support) -> int:
        return support.channels * support.levels

    def log_prob(self, support: Support, parameters: Tensor, value: Tensor) -> Tensor:
        from torch.nn import functional

        logits = parameters.unflatten(-1, (support.channels, support.levels))
        value = value.long()
        # torch's own kernel: half the passes over memory of a gather and a logsumexp
        nats = functional.cross_entropy(logits.flatten(0, -2), value.flatten(), reduction="none")
        return -nats.view(value.shape).sum(-1)

    def log_prob_of_product(
        self, support: Support, rows: Tensor, weight: Tensor, bias: Tensor | None, value: Tensor
    ) -> Tensor:  # fmt: skip
        from arspec.heads.softmax_of_product import nats_of_product, pays

        if support.channels > 1 or not pays(rows, weight):
            return super().log_prob_of_product(support, rows, weight, bias, value)
        return nats_of_product(rows.flatten(0, -2), weight, bias, value.long().flatten()).view(rows.shape[:-1])

    def conditionals(self, support: Support, parameters: Tensor, value: Tensor, channel: int) -> Tensor:
        return parameters[..., channel * support.levels : (channel + 1) * support.levels].log_softmax(-1)

    def draw(
        self, support: Support, parameters: Tensor, uniforms: Tensor, temperature: float,
        truncation: Truncation | None = None,
    ) -> Tensor:  # fmt: skip
        """The first level whose cumulative probability exceeds the uniform; in float64 whatever the parameters are."""
        import torch

        logits = parameters.unflatten(-1, (support.channels, support.levels))
        if temperature == 0 or (truncation is not None and truncation.keeps_one):
            return _likeliest(logits)
        below = None if truncation is None else truncation.below(logits)
        logits = logits.double()
        logits = logits if temperature == 1 else logits / temperature
        # no bit of what is drawn depends on levels that top-k leaves out
        probabilities = (logits if below is None else logits.masked_fill(below, -torch.inf)).softmax(-1)
        if truncation is not None and not (truncation.by_rank and below is not None):
            probabilities = truncation(probabilities)
        cumulative = probabilities.cumsum(-1)
        target = uniforms.unsqueeze(-1) * cumulative[..., -1:]  # sums of floats need not end at one
        return torch.searchsorted(cumulative, target, right=True).squeeze(-1).clamp_(max=support.levels - 1)

    def highest(self, support: Support, temperature: float, truncation: Truncation | None) -> int | None:
        if support.channels > 1:
            return None
        return 1 if temperature == 0 else None if truncation is None else truncation.top_k

    def guided(self, under: Tensor, free: Tensor, guidance: float) -> Tensor:
        return free + guidance * (under - free)

    # -- what a codec needs ------------------------------------------------------------------------------------------

    def coded(self, support: Support, parameters: Tensor) -> Tensor:
        """Log-probabilities. The many that are far too small are all the same number, which no error moves."""
        logits = parameters.unflatten(-1, (support.channels, support.levels))
        return logits.log_softmax(-1).clamp(min=LEAST).flatten(-2)

    def grain(self, support: Support) -> list[int]:
        return [GRAIN] * (support.channels * support.levels)

    def gain(self, support: Support) -> list[float]:
        """A log-probability is a logit less a weighted mean of logits, as far as small errors go."""
        return [2.0] * (support.channels * support.levels)

    def masses(self, support: Support, rounded: Ints, channel: int, earlier: Ints, edges: Ints) -> Ints:
        own = rounded[:, channel * support.levels : (channel + 1) * support.levels]
        each = integers.exp_minus(np.maximum(-own, 0) << (integers.FINE - GRAIN))
        below = np.zeros((len(own), support.levels + 1), np.int64)
        np.cumsum(each, 1, out=below[:, 1:])
        return np.take_along_axis(below, edges, 1)


def _likeliest(logits: Tensor) -> Tensor:
    """The first of the highest logits [..., L]: [...]. numpy takes many levels at a time, torch one by one on a CPU."""
    import torch

    from arspec.layers.helpers import unseen

    if logits.device.type != "cpu" or logits.dtype not in (torch.float32, torch.float64) or unseen(logits):
        return logits.argmax(-1)
    return torch.from_numpy(np.asarray(logits.detach().numpy().argmax(-1)))
