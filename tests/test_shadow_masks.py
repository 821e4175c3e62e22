"""Masks that labels must follow through what decoders do to their scores."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from arspec.shadow import trace

T = 8
LOWEST = torch.finfo(torch.float32).min
MASK = torch.triu(torch.full((T, T), LOWEST), 1)


def attend(bound: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def run(x: Tensor) -> Tensor:
        return bound(x[:, None] * x[None, :] + MASK).softmax(-1) @ x

    return run


def last_read(run: Callable[[Tensor], Tensor], *, route_given: bool = False) -> list[int]:
    x = torch.linspace(0.5, 2.0, T)
    found = trace(lambda: run(x), [(x, torch.arange(T))], route_given=route_given)
    return (found.labels(found.output) - 2).tolist()


@pytest.mark.parametrize(
    ("bound", "causal"),
    [
        (lambda s: torch.maximum(s, torch.tensor(LOWEST)), True),  # keeps a mask from becoming minus infinity
        (lambda s: torch.max(s, torch.tensor(LOWEST)), True),
        (lambda s: s.clamp(min=LOWEST), True),
        (lambda s: s.clamp(min=LOWEST, max=50.0), True),
        (lambda s: s.clamp(min=-5.0), False),  # a score that anybody may have
        (lambda s: torch.maximum(s, s.flip(-1)), False),  # of which one is not masked
    ],
)
def test_a_masked_score_stays_masked_between_constant_bounds(bound: Callable[[Tensor], Tensor], causal: bool) -> None:
    got = last_read(attend(bound))
    assert got == list(range(T)) if causal else got != list(range(T)), got


TENTHOUSAND = torch.triu(torch.full((T, T), -1e4), 1)


@pytest.mark.parametrize(
    ("weights", "causal"),
    [
        (lambda s: (s + TENTHOUSAND).softmax(-1), True),  # which positive scores lift above the mask itself
        (lambda s: (s + 3000.0 * TENTHOUSAND.sign().abs() + TENTHOUSAND).softmax(-1), True),
        (lambda s: (s + 9000.0 + TENTHOUSAND).softmax(-1), False),  # nothing tells this from a score that is low
        (lambda s: (s + TENTHOUSAND).log_softmax(-1).exp(), True),
        (lambda s: s.masked_fill(TENTHOUSAND < 0, -torch.inf).log_softmax(-1).exp(), True),
        (lambda s: (s + TENTHOUSAND / 1000).log_softmax(-1).exp(), False),
        (lambda s: s.masked_fill(TENTHOUSAND.flip(0) < 0, -torch.inf).log_softmax(-1).exp(), False),
        (lambda s: (s + TENTHOUSAND).log_softmax(-2).exp(), False),  # of queries
    ],
)
def test_a_score_is_masked_by_what_was_added_to_it(weights: Callable[[Tensor], Tensor], causal: bool) -> None:
    got = last_read(lambda x: weights(x[:, None] * x[None, :]) @ x)
    assert got == list(range(T)) if causal else got != list(range(T)), got


def test_a_mask_with_a_bias_masks_fused_attention() -> None:
    def run(x: Tensor) -> Tensor:
        h = x[None, None, :, None].expand(1, 1, T, 4)
        bias = 0.1 * x[:, None] * x[None, :]
        out = torch.nn.functional.scaled_dot_product_attention(h, h, h, attn_mask=bias + TENTHOUSAND)
        return out[0, 0, :, 0]

    assert last_read(run) == list(range(T))


def test_what_is_chosen_for_want_of_others_says_nothing_of_what_was_masked() -> None:
    """The first rows have fewer keys than they choose; which masked ones fill the rest, their own mask cuts again."""

    def run(x: Tensor) -> Tensor:
        chosen = (x[:, None] * x[None, :] + MASK).topk(3, -1).indices
        kept = torch.ones(T, T, dtype=torch.bool).scatter(-1, chosen, False)
        return (x[:, None] * x[None, :] + MASK).masked_fill(kept, LOWEST).softmax(-1) @ x

    assert last_read(run, route_given=True) == list(range(T))
    assert last_read(run) != list(range(T))  # strictly, the choice reads every score, also in rows with few keys

    def fused(x: Tensor) -> Tensor:  # the same as a mask of fused attention, which is data, and masked where it must be
        score = x[None, :] + MASK
        kept = torch.ones(T, T, dtype=torch.bool).scatter(-1, score.topk(3, -1).indices, False)
        mask = score.masked_fill(kept, LOWEST)
        parts = x[:, None].expand(T, 2)[None, None]
        return torch.nn.functional.scaled_dot_product_attention(parts, parts, parts, attn_mask=mask)[0, 0, :, 0]

    assert last_read(fused, route_given=True) == list(range(T))

    def without(x: Tensor) -> Tensor:  # the choice comes before the mask, and reads what the mask forbids
        chosen = (x[:, None] * x[None, :]).topk(3, -1).indices
        kept = torch.zeros(T, T, dtype=torch.bool).scatter(-1, chosen, True)
        return (x[:, None] * x[None, :] + MASK).masked_fill(~kept, -5.0).softmax(-1) @ x

    assert last_read(without) != list(range(T))
