"""`logistic_mixture`: a discretized mixture of logistics, the channels of a pixel coupled linearly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from arspec.heads import integers
from arspec.heads.base import Head, Support

if TYPE_CHECKING:
    from torch import Tensor

    from arspec.heads.truncation import Truncation
    from arspec.types import Ints

LOWEST = -7.0  # of a log-scale
FLOOR = 1e-20  # of a bin's width in units of the scale: below, floats can't tell its edges apart

# In a codec: where numbers are bounded, and the grains of logits and log-scales, of means and coefficients.
LEAST, WIDEST, FARTHEST = -18.0, 7.0, 32.0
GRAIN, PLACE_GRAIN = 8, 12  # the latter costs 1e-3 nats at the smallest scale, 2e-5 at e^-5
WEIGHT = 30  # bits of a component's weight: an unlikely one may be all that is left once a channel is known
MASS = 10  # bits that a mass can do without, so that floats hold the rest
SHARP = 20  # bits of a reciprocal scale


class LogisticMixture(Head):
    """A mixture of discretized logistics (Salimans et al. 2017). One component is chosen for all channels of a pixel;
    the mean of a later channel moves linearly with the values of those before it. Levels lie evenly in [−1, 1]; the
    first and the last bin reach to infinity, so that the probabilities of all levels sum to one.

    `form: authors` computes as the code of the authors does, whose probabilities do not sum to one, for comparison of
    published figures only.

    A variable of C channels has, with M components: M logits; C × M means; C × M log-scales. There follow
    C (C − 1) / 2 × M coefficients, through tanh, in the order (1 by 0), (2 by 0), (2 by 1), ..."""

    kind: Literal["logistic_mixture"]
    example = "order: {channels: joint}\nhead: {kind: logistic_mixture, from: logits, components: 5}"
    components: Annotated[int, Field(ge=1, le=1024)] = Field(10, description="Logistics in the mixture.")
    form: Literal["exact", "authors"] = Field("exact", description="How the probability of a bin is computed.")

    def parameters(self, support: Support) -> int:
        channels = support.channels
        return self.components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def uniforms(self, support: Support) -> int:
        return 1 + support.channels

    def _split(self, support: Support, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of M components, all or some: logits [..., M], means and log-scales [..., C, M], coefficients [...,
        C (C − 1) / 2, M]."""
        c = support.channels
        m = parameters.shape[-1] * self.components // self.parameters(support)
        logits, means, scales, coefficients = parameters.split([m, c * m, c * m, m * c * (c - 1) // 2], -1)
        return (
            logits,
            means.unflatten(-1, (c, m)),
            scales.unflatten(-1, (c, m)).clamp(min=LOWEST),
            coefficients.tanh().unflatten(-1, (c * (c - 1) // 2, m)),
        )

    def log_prob(self, support: Support, parameters: Tensor, value: Tensor) -> Tensor:
        return self._joint(support, parameters, value, support.channels).logsumexp(-1)

    def _joint(self, support: Support, parameters: Tensor, value: Tensor, channels: int) -> Tensor:
        """[..., M]: log-probability of each component together with the first `channels` channels."""
        logits, means, scales, coefficients = self._split(support, parameters)
        x = value.to(parameters.dtype) * (2 / (support.levels - 1)) - 1
        total = logits.log_softmax(-1)
        bins = self._bin if self.form == "exact" else self._authors_bin
        for c in range(channels):
            mean = self._mean(means, coefficients, x, c)
            total = total + bins(value[..., c, None], x[..., c, None], mean, scales[..., c, :], support.levels)
        return total

    def conditionals(self, support: Support, parameters: Tensor, value: Tensor, channel: int) -> Tensor:
        """The earlier channels say how likely each component is, and move its mean."""
        import torch

        _, means, scales, coefficients = self._split(support, parameters)
        x = value.to(parameters.dtype) * (2 / (support.levels - 1)) - 1
        weights = self._joint(support, parameters, value, channel).log_softmax(-1)
        mean = self._mean(means, coefficients, x, channel).unsqueeze(-2)
        level = torch.arange(support.levels, device=parameters.device).unsqueeze(-1)
        at = level.to(x.dtype) * (2 / (support.levels - 1)) - 1
        bins = self._bin if self.form == "exact" else self._authors_bin
        each = bins(level, at, mean, scales[..., channel, :].unsqueeze(-2), support.levels)
        return (weights.unsqueeze(-2) + each).logsumexp(-1)

    @staticmethod
    def _mean(means: Tensor, coefficients: Tensor, x: Tensor, c: int) -> Tensor:
        mean = means[..., c, :]
        for earlier in range(c):
            mean = mean + coefficients[..., c * (c - 1) // 2 + earlier, :] * x[..., earlier, None]
        return mean

    @staticmethod
    def _bin(level: Tensor, x: Tensor, mean: Tensor, scale: Tensor, levels: int) -> Tensor:
        """log(σ(b) − σ(a)) with a and b the edges of the level's bin: log σ(b) + log σ(−a) + log(1 − e^(a − b)). An
        edge is computed from its number alone, so that neighbours share it to the last bit and the sum telescopes."""
        import torch
        from torch.nn import functional as F

        inverse = (-scale).exp()
        edges = [((2 * level + offset).to(x.dtype) / (levels - 1) - 1 - mean) * inverse for offset in (-1, 1)]
        low, high = edges
        first, last = level == 0, level == levels - 1
        zero = torch.zeros((), dtype=x.dtype, device=x.device)
        width = torch.where(first | last, zero + 1, (high - low).clamp(min=FLOOR))
        inside = torch.where(first | last, zero, (-torch.expm1(-width)).log())
        return torch.where(last, zero, F.logsigmoid(high)) + torch.where(first, zero, F.logsigmoid(-low)) + inside

    @staticmethod
    def _authors_bin(level: Tensor, x: Tensor, mean: Tensor, scale: Tensor, levels: int) -> Tensor:
        import torch
        from torch.nn import functional as F

        half, inverse = 1 / (levels - 1), (-scale).exp()
        middle, high, low = (x - mean) * inverse, (x + half - mean) * inverse, (x - half - mean) * inverse
        difference = high.sigmoid() - low.sigmoid()
        density = middle - scale - 2 * F.softplus(middle) - math.log((levels - 1) / 2)
        inside = torch.where(difference > 1e-5, difference.clamp(min=1e-12).log(), density)
        return torch.where(x < -0.999, F.logsigmoid(high), torch.where(x > 0.999, F.logsigmoid(-low), inside))

    def draw(
        self, support: Support, parameters: Tensor, uniforms: Tensor, temperature: float,
        truncation: Truncation | None = None,
    ) -> Tensor:  # fmt: skip
        """The first uniform chooses the component, each further one a channel by the inverse of the logistic's
        distribution function. Temperature divides the logits and multiplies the scales."""
        import torch

        m, middle = self.components, (support.levels - 1) / 2
        parameters = parameters.double()
        logits = parameters[..., :m]
        if temperature == 0:
            chosen = logits.argmax(-1, keepdim=True)
        else:
            cumulative = (logits if temperature == 1 else logits / temperature).softmax(-1).cumsum(-1)
            target = uniforms[..., :1] * cumulative[..., -1:]  # sums of floats need not end at one
            chosen = torch.searchsorted(cumulative, target, right=True).clamp_(max=m - 1)
        each = parameters.unflatten(-1, (-1, m))
        own = each.gather(-1, chosen.unsqueeze(-2).expand(*each.shape[:-1], 1)).squeeze(-1)
        _, means, scales, slopes = self._split(support, own)  # of a mixture of the component alone
        means, scales = means.squeeze(-1), scales.squeeze(-1).exp()
        scales = scales if temperature == 1 else scales * temperature
        # from here on in levels: x = level / middle - 1
        places = torch.addcmul(means, scales, uniforms[..., 1:].logit(1e-12)).add_(1).mul_(middle)
        slope = iter(slopes.squeeze(-1).unbind(-1))
        levels: list[Tensor] = []
        for place in places.unbind(-1):
            for level in levels:
                place = torch.addcmul(place, next(slope), level - middle)
            levels.append(place.round().clamp(0, support.levels - 1))
        return torch.stack(levels, -1).long()

    # -- what a codec needs ------------------------------------------------------------------------------------------

    digit: ClassVar[int] = 32  # every edge takes a sigmoid of each component

    def coded(self, support: Support, parameters: Tensor) -> Tensor:
        """Log-weights, log-scales, means and coefficients (through tanh), in this order."""
        import torch

        logits, means, scales, coefficients = self._split(support, parameters)
        weights = logits.log_softmax(-1).clamp(min=LEAST)
        parts = [scales.clamp(max=WIDEST), means.clamp(-FARTHEST, FARTHEST), coefficients]
        return torch.cat([weights, *(part.flatten(-2) for part in parts)], -1)

    def grain(self, support: Support) -> list[int]:
        m, c = self.components, support.channels
        return [GRAIN] * (m + c * m) + [PLACE_GRAIN] * (c * m + m * c * (c - 1) // 2)

    def gain(self, support: Support) -> list[float]:
        """A log-weight is a logit less a weighted mean of logits, as far as small errors go."""
        m, c = self.components, support.channels
        return [2.0] * m + [1.0] * (2 * c * m + m * c * (c - 1) // 2)

    def masses(self, support: Support, rounded: Ints, channel: int, earlier: Ints, edges: Ints) -> Ints:
        """Those of exact bins, whatever the form is. What the earlier channels say of the component is in its
        weight."""
        weights = self._weights(rounded)
        for c in range(channel):
            level = earlier[:, c, None]
            low, high = (self._below(support, rounded, c, earlier, level + side)[:, 0] for side in (0, 1))
            weights = _told(weights, np.maximum(high - low, 0))
        below = self._below(support, rounded, channel, earlier, edges)
        return (below * weights[:, None]).sum(-1) >> MASS

    def _weights(self, rounded: Ints) -> Ints:
        logs = np.maximum(-rounded[:, : self.components], 0)
        return integers.exp_minus(logs << (integers.FINE - GRAIN)) >> (integers.ONE - WEIGHT)

    def _below(self, support: Support, rounded: Ints, channel: int, earlier: Ints, edges: Ints) -> Ints:
        """[n, E, M]: the mass of each component below each edge. An edge is computed from its number alone."""
        m, c, span = self.components, support.channels, support.levels - 1
        scales, means, coefficients = np.split(rounded[:, m:], [c * m, 2 * c * m], 1)
        inverse = integers.exp_from(int(LOWEST), int(WIDEST), SHARP)
        sharp = inverse[scales[:, channel * m : (channel + 1) * m] - (int(LOWEST) << GRAIN)]
        mean = means[:, channel * m : (channel + 1) * m] << (integers.FINE - PLACE_GRAIN)
        for e in range(channel):
            pair = channel * (channel - 1) // 2 + e
            slope = coefficients[:, pair * m : (pair + 1) * m] << (integers.FINE - PLACE_GRAIN)
            mean = mean + slope * (2 * earlier[:, e, None] - span) // span
        place = ((2 * edges - 1 - span) << integers.FINE) // span
        distance = ((place[:, :, None] - mean[:, None]) * sharp[:, None]) >> SHARP
        mass = integers.sigmoid(distance)
        mass = np.where(edges[:, :, None] == 0, 0, mass)
        return np.where(edges[:, :, None] == support.levels, 1 << integers.ONE, mass)


def _told(weights: Ints, mass: Ints) -> Ints:
    """The components' weights [n, M] once a value is known to which each gives some mass; as they were,
    where none does."""
    joint = weights * mass  # up to 2^61, as is their sum: weights are of a whole of 2^30
    total = joint.sum(1, keepdims=True)
    part = (total >> 31) + 1  # so that nothing overflows
    known = ((joint // part) << WEIGHT) // np.maximum(total // part, 1)
    return np.where(total > 0, known, weights)
