"""Checksums of the bits of results that are too large to be kept, which any change of one element changes."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from arspec.shadow.algebra import compact

ROW = 16  # elements of a row with one label that has a checksum of its own
AT_ONCE = 1 << 16  # elements that are summed together
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def sums_of(tensor: Tensor, above: Tensor, places: Sequence[int]) -> dict[int | None, Tensor]:
    """Checksums of the bits of elements: of each row, where a row has one label (under None); else, for each place of a
    rank, of those elements of each row whose label is at or below that rank.

    Bits are multiplied by odd numbers, so that a change of any one element changes its sum.
    """
    tensor, above = tensor.detach().resolve_neg().cpu(), compact(above)
    if tensor.is_complex():
        tensor, above = torch.view_as_real(tensor.resolve_conj()), above[..., None]
    if tensor.dim() == 0:
        tensor, above = tensor[None], above.reshape(1)
    axis = _axis(above)
    width = math.prod(tensor.shape[axis:])
    rows = width >= ROW
    if not rows:  # one row for all but the last axis
        axis, width = (tensor.dim() - 1, tensor.shape[-1]) if tensor.dim() > 1 else (1, 1)
        above = above.expand(*tensor.shape[:axis], *above.shape[axis:]).reshape(-1, math.prod(above.shape[axis:]))
    flat = tensor.reshape(-1, width)
    step = max(1, AT_ONCE // max(1, width))
    kept = [None] if rows else list(places)
    parts: dict[int | None, list[Tensor]] = {place: [] for place in kept}
    for start in range(0, len(flat), step):
        bits = _weighed(flat[start : start + step])
        for place in kept:
            own = bits if place is None else bits * (above[start : start + step] <= place)
            parts[place].append(own.sum(-1, dtype=bits.dtype))
    return {place: torch.cat(sums) for place, sums in parts.items()}


def _axis(labels: Tensor) -> int:
    """From which axis on labels are the same; never the first."""
    axis = labels.dim()
    while axis > 1 and labels.shape[axis - 1] == 1:
        axis -= 1
    return axis


def _weighed(value: Tensor) -> Tensor:
    """The bits of rows of numbers as whole numbers, times odd numbers."""
    floating = value.is_floating_point() and value.element_size() > 1
    value = value + 0.0 if floating else value.clone()  # one zero, whatever its sign
    bits = value.contiguous().view(_BITS[value.element_size()])
    bits = bits if bits.dtype == torch.int64 else bits.to(torch.int32)
    return bits.mul_(_odd(bits.shape[-1], bits.dtype))


@functools.lru_cache(16)
def _odd(count: int, dtype: torch.dtype) -> Tensor:
    return torch.arange(count, dtype=dtype) * 0x9E3779 * 2 + 1


def same_sums(one: Mapping[int | None, Tensor], other: Mapping[int | None, Tensor], above: Tensor, place: int) -> bool:
    """Whether the checksums of all elements at or below a rank agree."""
    if None not in one:
        return torch.equal(one[place], other[place])
    low = compact(above) <= place
    axis = _axis(low)
    low = low.reshape(low.shape[:axis]).expand(above.shape[:axis]).reshape(-1)
    return torch.equal(one[None][low], other[None][low])
