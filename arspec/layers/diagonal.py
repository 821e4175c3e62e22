"""Diagonal recurrences, h_t = a_t ⊙ h_(t-1) + b_t, for all steps at once.

Steps are cut into chunks, which are gone through side by side. What enters each chunk is such a recurrence over the
ends of the chunks, and is found in the same way: 65,536 steps take 192 products one after another, not 65,536. Only
products of decays occur, and no quotients, so that small decays do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 64  # steps that are gone through one after another
MUCH, MOST = 1 << 12, 1 << 12  # numbers of a step from which a CPU is busy with it alone, and steps of such a chunk
Times = Callable[["Tensor", "Tensor"], "Tensor"]


def real_times(a: Tensor, h: Tensor) -> Tensor:
    """The product of a decay and a state, number by number."""
    return a * h


def complex_times(a: Tensor, h: Tensor) -> Tensor:
    """The product of complex numbers: of the last dimension the first half is real, the second imaginary."""
    import torch

    ar, ai = a.chunk(2, -1)
    hr, hi = h.chunk(2, -1)
    return torch.cat([ar * hr - ai * hi, ar * hi + ai * hr], -1)


def recurrence(a: Tensor, b: Tensor, times: Times = real_times, chunk: int | None = None) -> Tensor:
    """The states [B, K, L, ...] of h_t = a_t h_(t-1) + b_t along L, from a state of zero. b [B, K, L, ...]; a likewise,
    or [1, 1, 1, ...] where it is the same everywhere. The decay of the first step is not used.

    chunk: the steps of a chunk, which changes no result. Chunks side by side keep a device busy, and take three times
    the products. On a CPU they are longer where one step is work enough."""
    import torch

    length = b.shape[2]
    if chunk is None:
        busy = b.device.type == "cpu" and b.numel() >= MUCH * length and not torch.compiler.is_compiling()
        chunk = MOST if busy else CHUNK
    if length <= chunk:
        return torch.stack(_one_by_one(a, b, times), 2)
    count = -(-length // chunk)
    given = _in_chunks(b, count, chunk)
    same = a.shape[:3] == (1, 1, 1)
    decays = a.expand(1, 1, chunk, *a.shape[3:])[:, :, None] if same else _in_chunks(a, count, chunk)
    # as if nothing entered the chunks, and what becomes of that which does: [B, K, count, chunk, ...]
    within = torch.stack(_one_by_one(decays.flatten(1, 2), given.flatten(1, 2), times), 2).unflatten(1, (-1, count))
    faded = torch.stack(_products(decays, times), 3)
    entering = recurrence(faded[:, :, :, -1] if same else faded[:, :, :-1, -1], within[:, :, :-1, -1], times, chunk)
    later = within[:, :, 1:] + times(faded if same else faded[:, :, 1:], entering[:, :, :, None])
    return torch.cat([within[:, :, :1], later], 2).flatten(2, 3)[:, :, :length]


def _in_chunks(x: Tensor, count: int, chunk: int) -> Tensor:
    """[B, K, L, ...] -> [B, K, count, chunk, ...], filled up with zeros."""
    from torch.nn.functional import pad

    missing = count * chunk - x.shape[2]
    if missing:
        x = pad(x, [0, 0] * (x.ndim - 3) + [0, missing])
    return x.unflatten(2, (count, chunk))


def _one_by_one(a: Tensor, b: Tensor, times: Times) -> list[Tensor]:
    """The states of each step of [B, K, L, ...], one after another."""
    import torch

    decays = a.expand(-1, -1, b.shape[2], *a.shape[3:]).unbind(2)
    states: list[Tensor] = []
    for decay, given in zip(decays, b.unbind(2), strict=True):
        if not states:
            states.append(given)
        elif times is real_times:
            states.append(torch.addcmul(given, decay, states[-1]))
        else:
            states.append(times(decay, states[-1]) + given)
    return states


def _products(decays: Tensor, times: Times) -> list[Tensor]:
    """Of [B, K, count, chunk, ...] the product of the decays up to each step of a chunk."""
    found: list[Tensor] = []
    for decay in decays.unbind(3):
        found.append(times(decay, found[-1]) if found else decay)
    return found
