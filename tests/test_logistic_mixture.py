"""The discretized mixture of logistics: it sums to one, equals a reference in mpmath, and has gradients everywhere."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from arspec.heads import LogisticMixture, Support
from tests.test_probability import chance_of

HEAD = LogisticMixture.model_validate({"kind": "logistic_mixture", "from": "logits", "components": 3})


def parameters(support: Support, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Random parameters, and rows of extreme ones: far means, the sharpest and the flattest scales."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(24, HEAD.parameters(support), generator=generator, dtype=dtype)
    m, c = HEAD.components, support.channels
    means, scales = slice(m, m + c * m), slice(m + c * m, m + 2 * c * m)
    rows[0:4, scales] = -7.0
    rows[4:8, scales] = -30.0  # below the floor
    rows[8:10, scales] = 6.0
    rows[10:12, means] = 1e4
    rows[12:14, means] = -1e4
    rows[14, means], rows[14, scales] = 1.0, -7.0
    rows[15, means], rows[15, scales] = -1.0, -7.0
    rows[16:18, :m] *= 50  # one component alone
    rows[18:20, scales] = -3.0
    return rows


@pytest.mark.parametrize("levels", [2, 16, 256, 65536])
def test_probabilities_of_all_levels_sum_to_one(levels: int) -> None:
    support = Support(levels, 1)
    values = torch.arange(levels).view(1, levels, 1)
    for row in parameters(support, levels):
        nats = HEAD.log_prob(support, row.view(1, 1, -1).expand(1, levels, -1), values)
        assert nats.dtype == torch.float32
        assert nats.double().exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_channels_of_a_pixel_sum_to_one() -> None:
    support = Support(4, 3)
    values = torch.cartesian_prod(*[torch.arange(4)] * 3)
    rows = parameters(support, 5, torch.float64)
    nats = HEAD.log_prob(support, rows[:, None].expand(-1, len(values), -1), values.expand(len(rows), -1, -1))
    assert torch.allclose(nats.exp().sum(1), torch.ones(len(rows), dtype=torch.float64), atol=1e-9, rtol=0)


def logistic(v: Any) -> Any:
    return 1 / (1 + mpmath.exp(-v))


def reference(support: Support, row: list[float], value: list[int]) -> Any:
    """log p of one pixel, from the definition, in 60 digits."""
    m, c = HEAD.components, support.channels
    number = [mpmath.mpf(v) for v in row]
    logits, means, scales, rest = (
        number[:m], number[m : m + c * m], number[m + c * m : m + 2 * c * m], number[m + 2 * c * m :],
    )  # fmt: skip
    total = mpmath.mpf(0)
    norm = mpmath.fsum(mpmath.e**v for v in logits)
    x = [mpmath.mpf(2 * v) / (support.levels - 1) - 1 for v in value]
    for k in range(m):
        p = mpmath.e ** logits[k] / norm
        for j in range(c):
            mean = means[j * m + k]
            for i in range(j):
                mean += mpmath.tanh(rest[(j * (j - 1) // 2 + i) * m + k]) * x[i]
            scale = mpmath.e ** max(scales[j * m + k], mpmath.mpf(-7))
            half = mpmath.mpf(1) / (support.levels - 1)
            high = mpmath.inf if value[j] == support.levels - 1 else (x[j] + half - mean) / scale
            low = -mpmath.inf if value[j] == 0 else (x[j] - half - mean) / scale
            if low > 0:  # the same difference, by symmetry, where both terms are small instead of close to one
                low, high = -high, -low
            p *= logistic(high) - logistic(low)
        total += p
    return mpmath.log(total)


@pytest.mark.parametrize(("levels", "channels"), [(2, 1), (256, 1), (65536, 1), (256, 3)])
def test_equals_the_reference(levels: int, channels: int) -> None:
    support = Support(levels, channels)
    generator = torch.Generator().manual_seed(levels)
    rows = torch.randn(12, HEAD.parameters(support), generator=generator, dtype=torch.float64)
    values = torch.randint(levels, (12, channels), generator=generator)
    values[0], values[1] = 0, levels - 1
    assert np.allclose(
        HEAD.log_prob(support, rows, values).numpy(), in_mpmath(support, rows, values), atol=1e-9, rtol=1e-9
    )


def in_mpmath(support: Support, rows: torch.Tensor, values: torch.Tensor) -> np.ndarray:
    """[n] nats."""
    pairs = zip(rows.tolist(), values.tolist(), strict=True)
    with mpmath.workdps(60):
        return np.array([float(reference(support, row, value)) for row, value in pairs])


@pytest.mark.parametrize(("levels", "channels"), [(256, 1), (65536, 1), (256, 3)])
def test_equals_the_reference_at_the_extremes(levels: int, channels: int) -> None:
    support = Support(levels, channels)
    rows = parameters(support, 11, torch.float64)
    for value in (0, 1, levels // 3, levels - 2, levels - 1):
        values = torch.full((len(rows), channels), value)
        wanted = in_mpmath(support, rows, values)
        assert np.isfinite(wanted).all()
        assert np.allclose(HEAD.log_prob(support, rows, values).numpy(), wanted, atol=1e-6, rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("levels", "channels"), [(256, 3), (65536, 1)])
def test_gradients_are_finite_everywhere(levels: int, channels: int, dtype: torch.dtype) -> None:
    support = Support(levels, channels)
    rows = parameters(support, 7, dtype).requires_grad_(True)
    for value in (0, 1, levels // 2, levels - 1):
        nats = HEAD.log_prob(support, rows, torch.full((len(rows), channels), value))
        assert nats.isfinite().all()
        (gradient,) = torch.autograd.grad(nats.sum(), rows)
        assert gradient.isfinite().all()


@pytest.mark.parametrize(("levels", "channels"), [(3, 2), (3, 3), (5, 1), (256, 1)])
def test_draws_follow_the_probabilities(levels: int, channels: int) -> None:
    support = Support(levels, channels)
    row = torch.randn(HEAD.parameters(support), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    noise = torch.rand(
        40000, HEAD.uniforms(support), generator=torch.Generator().manual_seed(levels), dtype=torch.float64
    )
    drawn = HEAD.draw(support, row.expand(len(noise), -1), noise, 1.0)
    assert drawn.dtype == torch.int64
    values = torch.cartesian_prod(*[torch.arange(levels)] * channels).view(-1, channels)
    expected = HEAD.log_prob(support, row.expand(len(values), -1), values).exp().numpy()
    place = drawn @ levels ** torch.arange(channels - 1, -1, -1)
    counted = np.bincount(place.numpy(), minlength=len(values))
    assert counted.sum() == len(noise), "every draw lies in the alphabet"
    assert chance_of(counted, expected / expected.sum() * len(noise)) > 1e-3


def authors(row: list[float], value: list[int], components: int) -> float:
    """The nats of one pixel as the authors' code computes them, for 256 levels."""
    m, c = components, len(value)
    logits, means, scales, rest = row[:m], row[m : m + c * m], row[m + c * m : m + 2 * c * m], row[m + 2 * c * m :]
    x = [2 * v / 255 - 1 for v in value]
    terms: list[float] = []
    for k in range(m):
        total = logits[k] - math.log(math.fsum(math.exp(v) for v in logits))
        for j in range(c):
            pairs = [math.tanh(rest[(j * (j - 1) // 2 + i) * m + k]) * x[i] for i in range(j)]
            centred, scale = x[j] - means[j * m + k] - math.fsum(pairs), max(scales[j * m + k], -7.0)
            plus, middle, minus = ((centred + d) * math.exp(-scale) for d in (1 / 255, 0.0, -1 / 255))
            if x[j] < -0.999:
                total += plus - softplus(plus)
            elif x[j] > 0.999:
                total -= softplus(minus)
            elif sigmoid(plus) - sigmoid(minus) > 1e-5:
                total += math.log(max(sigmoid(plus) - sigmoid(minus), 1e-12))
            else:
                total += middle - scale - 2 * softplus(middle) - math.log(127.5)
        terms.append(total)
    return max(terms) + math.log(math.fsum(math.exp(t - max(terms)) for t in terms))


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v)) if v > -700 else 0.0


def softplus(v: float) -> float:
    return max(v, 0.0) + math.log1p(math.exp(-abs(v)))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_authors_form_is_that_of_their_code(channels: int) -> None:
    head, support = HEAD.model_copy(update={"form": "authors"}), Support(256, channels)
    rows = parameters(support, 13, torch.float64)
    for value in (0, 1, 100, 254, 255):
        values = torch.full((len(rows), channels), value)
        wanted = [authors(r.tolist(), v.tolist(), head.components) for r, v in zip(rows, values, strict=True)]
        assert np.allclose(head.log_prob(support, rows, values).numpy(), wanted, atol=1e-9, rtol=1e-9)


def test_the_authors_form_does_not_sum_to_one() -> None:
    head, support = HEAD.model_copy(update={"form": "authors"}), Support(256, 1)
    row = torch.zeros(head.parameters(support), dtype=torch.float64)
    row[3:6], row[6:9] = 0.1, -7.0
    values = torch.arange(256).view(256, 1)
    total = head.log_prob(support, row.expand(256, -1), values).exp().sum().item()
    assert 1e-7 < abs(total - 1) < 1e-3
