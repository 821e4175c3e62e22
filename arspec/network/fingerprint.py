"""Fingerprints of weights: they differ as soon as any number does, however it was written.

torch's version counters do not see what is written through `.data`, through a numpy array or through another tensor of
the same memory. So the numbers themselves are read, at the speed of the memory. What was prepared or packed of them is
good for as long as their fingerprint stays as it is.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor
from xxhash import xxh3_128

from arspec.files.mapped import Mapped
from arspec.network.weights import WeightTree

Fingerprint = tuple[object, ...]
AT_ONCE = 1 << 25  # bytes that are mixed at once on an accelerator
LARGE = 1 << 16  # bytes of a weight from which reading it takes longer than asking the system whether it was written
# David Stafford's "variant 13" of MurmurHash3's finaliser (2011), as in Java's SplittableRandom: shifts and factors
SHIFTS, FACTORS = (30, 27, 31), (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio


class Weighted(Protocol):
    """What has weights, all on one device and in one dtype."""

    nodes: WeightTree

    @property
    def device(self) -> torch.device:
        """Where all weights are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """What numbers all weights are."""
        ...


@torch.no_grad()
def fingerprint_of(model: Weighted, in_place: frozenset[int] = frozenset()) -> Fingerprint:
    """Device, dtype, and the fingerprint of all weights of a model, as its layers get them."""
    return (model.device, model.dtype, *fingerprint(model.nodes.kept(), in_place, Mapped()))


def fingerprint(
    weights: Iterable[tuple[Tensor, bool]], in_place: frozenset[int] = frozenset(), files: Mapped | None = None
) -> Fingerprint:
    """Of weights, each with whether it is stored: their shapes and dtypes, and 128 bits of all their bytes.

    What was made of a weight may be a view of it. So the place in memory of a stored one counts as its numbers do.
    in_place: the memory of stored ones of which nothing but views was made: their numbers do not count. files: of large
    ones that lie there as they were mapped, the place in the file stands for the numbers."""
    content, places, elsewhere = xxh3_128(), list[object](), list[Tensor]()
    for tensor, stored in weights:
        own = tensor if tensor.is_contiguous() else tensor.contiguous()
        places += tensor.data_ptr() if stored else 0, tensor.shape, tensor.dtype
        if stored and tensor.untyped_storage().data_ptr() in in_place:
            continue
        if not own.is_cpu:
            elsewhere.append(own)
        elif files is not None and own.nbytes >= LARGE and (file := files.unwritten(own.data_ptr(), own.nbytes)):
            places += file
        elif size := own.nbytes:
            # torch's own views and numpy's take longer than reading a small weight does
            content.update((ctypes.c_char * size).from_address(own.data_ptr()))
    if elsewhere:
        content.update(mixed(elsewhere))
    return (*places, content.digest())


def mixed(tensors: Sequence[Tensor]) -> bytes:
    """Two sums, of 64 bits each, over all bytes of tensors, computed on their device.

    Each word of 64 bits is mixed with its place by a one-to-one function before it is added. So no change of a single
    word goes unseen."""
    flat = [tensor.detach().reshape(-1).view(torch.uint8) for tensor in tensors]
    sums = torch.zeros(2, dtype=torch.int64, device=flat[0].device)
    first = 0  # place of the first word
    for piece in _pieces(flat):
        words = torch.nn.functional.pad(piece, (0, -len(piece) % 8)).view(torch.int64)
        place = torch.arange(first, first + len(words), device=words.device)
        once = _mix(words ^ _mix(place * _signed(GOLDEN)))
        sums += torch.stack([once.sum(), _mix(once ^ place).sum()])
        first += len(words)
    return sums.cpu().numpy().tobytes()


def _pieces(flat: list[Tensor]) -> Iterator[Tensor]:
    """The bytes of all tensors in a row, so many at once."""
    waiting, size = list[Tensor](), 0
    for piece in (piece for each in flat for piece in each.split(AT_ONCE)):
        if size + len(piece) > AT_ONCE:
            yield torch.cat(waiting)
            waiting, size = [], 0
        waiting.append(piece)
        size += len(piece)
    yield torch.cat(waiting)


def _mix(x: Tensor) -> Tensor:
    """[n] whole numbers of 64 bits, each moved to another one."""
    for shift, factor in zip(SHIFTS, (*map(_signed, FACTORS), 1), strict=True):
        x = (x ^ ((x >> shift) & ((1 << (64 - shift)) - 1))) * factor
    return x


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number
