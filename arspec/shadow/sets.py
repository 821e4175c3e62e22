"""Labels as sets of variables: each distinct set once, as bits in a table, 64 variables a word; a label is its row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, DTYPE, LOOSE, broadcast, compact

WORD = 64
KEPT = 1 << 22  # numbers of the factors of a union over kept places that are laid out together
NEWEST = 4096  # keys that are kept apart
TOGETHER = 1 << 16  # unions that are laid out together
NARROW = 32  # a label fits in so many bits, so that two make a key

Words = NDArray[np.uint64]


class TooMany(Exception):
    """The table of sets would take more memory than it may."""


class _Known:
    """Numbers by keys of 64 bits, many at a time: sorted, the newest ones apart until they are many."""

    def __init__(self) -> None:
        self._old = np.zeros(0, np.uint64), np.zeros(0, np.int32)
        self._new = np.zeros(0, np.uint64), np.zeros(0, np.int32)

    def __len__(self) -> int:
        return len(self._old[0]) + len(self._new[0])

    def find(self, keys: Words) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The numbers of keys, and which keys are known."""
        out, known = np.zeros(len(keys), np.int32), np.zeros(len(keys), np.bool_)
        for held, numbers in (self._old, self._new):
            if len(held):
                place = np.minimum(np.searchsorted(held, keys), len(held) - 1)
                hit = held[place] == keys
                out[hit] = numbers[place[hit]]
                known |= hit
        return out, known

    def add(self, keys: Words, numbers: NDArray[np.int32]) -> None:
        """Remembers keys that are sorted and not known yet."""
        self._new = _merged(self._new, (keys, numbers))
        if len(self._new[0]) > NEWEST:
            self._old, self._new = _merged(self._old, self._new), (self._new[0][:0], self._new[1][:0])


def _merged(
    one: tuple[Words, NDArray[np.int32]], other: tuple[Words, NDArray[np.int32]]
) -> tuple[Words, NDArray[np.int32]]:
    where = np.searchsorted(one[0], other[0])
    return np.insert(one[0], where, other[0]), np.insert(one[1], where, other[1])


class Sets:
    """Exact sets of the variables from `first` on, `count` of them; all others are taken as values of this pass alone.

    Label 0 is constant, 1 loose, both without a variable. The table and the memory of unions stay below `budget` bytes;
    beyond, `TooMany` is raised.
    """

    def __init__(self, count: int, *, first: int = 0, budget: int = 1 << 28) -> None:
        self.first, self.count, self.budget = first, count, budget
        self.words = max(1, -(-count // WORD))
        self._table: Words = np.zeros((1024, self.words), np.uint64)
        self._size = 2
        self._pairs = _Known()  # unions by pairs of labels
        self._turn = 0
        self._begin()
        bits = np.zeros((count, self.words), np.uint64)
        places = np.arange(count)
        bits[places, places // WORD] = np.uint64(1) << (places % WORD).astype(np.uint64)
        self._single = torch.from_numpy(self._intern(bits))

    def __len__(self) -> int:
        return self._size

    def members(self, labels: Tensor) -> NDArray[np.bool_]:
        """`[..., count]`: which variables each label stands for."""
        rows = self._table[labels.numpy()]
        return _unpacked(rows)[..., : self.count]

    def of(self, variables: Tensor) -> Tensor:
        """Sets of one variable each."""
        place = variables.to(torch.int64) - self.first
        inside = (place >= 0) & (place < self.count)
        if self.count == 0:
            return torch.full(variables.shape, LOOSE, dtype=DTYPE)
        return torch.where(inside, self._single[place.clamp(0, self.count - 1)], LOOSE)

    def join(self, *labels: Tensor) -> Tensor:
        """The union, element by element."""
        shape = broadcast(*(part.shape for part in labels))
        out = compact(labels[0])
        for other in labels[1:]:
            out = self._two(out, compact(other))
        return out.expand(shape)

    def reduce(self, labels: Tensor, dims: Sequence[int], keepdim: bool = True) -> Tensor:
        """The union over some axes, by halves."""
        if not dims or labels.dim() == 0:
            return labels
        gone = sorted({dim % labels.dim() for dim in dims})
        shape = [1 if k in gone else size for k, size in enumerate(labels.shape)]
        if any(labels.shape[dim] == 0 for dim in gone):
            out = torch.full((), CONSTANT, dtype=DTYPE)
        else:
            out = compact(labels)
            for dim in gone:
                first = out.narrow(dim, 0, 1)
                if out.shape[dim] > 1 and bool((out == first).all()):
                    out = first
                while out.shape[dim] > 1:
                    half = out.shape[dim] // 2
                    low, high = out.narrow(dim, 0, half), out.narrow(dim, half, half)
                    more = self._two(low, high)
                    out = torch.cat([more, out.narrow(dim, 2 * half, out.shape[dim] - 2 * half)], dim)
        out = out.expand(shape)
        return out if keepdim else out.squeeze(tuple(gone))

    def running(self, labels: Tensor, dim: int) -> Tensor:
        """The union so far along an axis, by doubling."""
        if labels.dim() == 0 or labels.numel() == 0:
            return labels
        out = compact(labels)
        step = 1
        while step < out.shape[dim]:
            rest = out.shape[dim] - step
            out = torch.cat(
                [out.narrow(dim, 0, step), self._two(out.narrow(dim, step, rest), out.narrow(dim, 0, rest))], dim
            )
            step *= 2
        return out.expand(labels.shape)

    def scatter(self, base: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
        """Unions of what stands there and what comes; what comes to one place is joined by halves."""
        out = base.clone().contiguous()
        if index.numel() == 0:
            return out
        places = torch.arange(out.numel()).reshape(out.shape)
        places = places[
            tuple(slice(size) if k != dim % out.dim() else slice(None) for k, size in enumerate(index.shape))
        ]
        where, order = places.gather(dim, index).reshape(-1).sort(stable=True)
        come = source.expand(index.shape).reshape(-1)[order]
        while True:
            start = torch.ones_like(where, dtype=torch.bool)
            start[1:] = where[1:] != where[:-1]
            if bool(start.all()):
                break
            heads = start.nonzero()[:, 0]
            rank = torch.arange(len(where)) - heads[start.cumsum(0) - 1]
            even = rank % 2 == 0
            pair = torch.zeros_like(even)
            pair[:-1] = even[:-1] & ~start[1:]
            mates = pair.nonzero()[:, 0]
            come = come.clone()
            come[mates] = self._two(come[mates], come[mates + 1])
            where, come = where[even], come[even]
        flat = out.view(-1)
        flat[where] = self._two(flat[where], come)
        return out

    def within(self, labels: Tensor, keep: Tensor) -> Tensor:
        """The union of what is kept, as a product of bits."""
        lead = broadcast(labels.shape[:-1], keep.shape[:-2])
        rows, width = keep.shape[-2:]
        out = torch.zeros((*lead, rows), dtype=DTYPE)
        if out.numel() == 0 or width == 0:
            return out
        own = labels.expand(*lead, width).reshape(-1, width)
        mask = keep.expand(*lead, rows, width)
        flat = out.view(-1, rows)
        steady = all(k == 1 or s == 0 for k, s in zip(mask.shape[:-2], mask.stride()[:-2], strict=True))
        if steady:  # one pattern for all: distinct rows of labels once
            lines, back = torch.unique(own, dim=0, return_inverse=True)
            pattern = mask[(0,) * len(lead)]
            found = torch.stack([self._kept(line, pattern) for line in lines])
            flat.copy_(found[back])
            return out
        masks = mask.reshape(-1, rows, width)
        for number, (line, pattern) in enumerate(zip(own, masks, strict=True)):
            flat[number] = self._kept(line, pattern)
        return out

    def _kept(self, labels: Tensor, keep: Tensor) -> Tensor:
        """Labels `[K]`, keep `[J, K]` -> `[J]`."""
        distinct, back = torch.unique(labels, return_inverse=True)
        chosen = torch.zeros((len(keep), len(distinct)), dtype=torch.float32)
        chosen.index_add_(1, back, keep.to(torch.float32))
        chosen = chosen > 0
        factor = chosen.to(torch.float32)
        table = self._table[distinct.numpy()]
        out = np.zeros((len(keep), self.words), np.uint64)
        step = max(1, KEPT // max(1, WORD * (len(distinct) + len(keep))))
        for start in range(0, self.words, step):
            bits = torch.from_numpy(_unpacked(table[:, start : start + step]).astype(np.float32))
            out[:, start : start + step] = _packed((factor @ bits).numpy() > 0)
        found = torch.from_numpy(self._intern(out))
        loose = (chosen & (distinct == LOOSE)).any(1)
        return torch.where(loose & (found == CONSTANT), LOOSE, found)

    def _two(self, one: Tensor, other: Tensor) -> Tensor:
        """The union of two."""
        if one is other:
            return one
        one, other = torch.broadcast_tensors(one, other)
        low, high = torch.minimum(one, other), torch.maximum(one, other)
        open_ = (low > LOOSE) & (low != high)
        if not bool(open_.any()):
            return high
        key = (low[open_].to(torch.int64) << NARROW) | high[open_].to(torch.int64)
        keys, back = torch.unique(key, return_inverse=True)
        out = high.clone()
        out[open_] = torch.from_numpy(self._known(keys.numpy().astype(np.uint64)))[back]
        return out

    def _known(self, keys: Words) -> NDArray[np.int32]:
        """The unions of sorted, distinct pairs, remembered."""
        out, hit = self._pairs.find(keys)
        fresh = keys[~hit]
        if len(fresh):
            found = np.empty(len(fresh), np.int32)
            for start in range(0, len(fresh), TOGETHER):
                part = fresh[start : start + TOGETHER]
                low, high = part >> np.uint64(NARROW), part & np.uint64((1 << 32) - 1)
                found[start : start + TOGETHER] = self._intern(self._table[low] | self._table[high])
            out[~hit] = found
            if (len(self._pairs) + len(fresh)) * 12 > self.budget // 4:
                self._pairs = _Known()  # forgets older ones
            self._pairs.add(fresh, found)
        return out

    def _begin(self) -> None:
        """An index of the rows of the table, by another code of 64 bits each turn."""
        chance = np.random.default_rng(self._turn)
        self._mix = chance.integers(0, 1 << 63, (2, self.words), np.uint64) * np.uint64(2) + np.uint64(1)
        self._turn += 1
        self._rows = _Known()
        table = self._table[2 : self._size]
        codes = self._codes(np.concatenate([self._table[:1], table]))
        labels = np.concatenate([[CONSTANT], np.arange(2, self._size)]).astype(np.int32)
        order = np.argsort(codes)
        self._rows.add(codes[order], labels[order])

    def _codes(self, rows: Words) -> Words:
        mixed = rows * self._mix[0]
        mixed = (mixed ^ (mixed >> np.uint64(29))) * self._mix[1]
        return (mixed ^ (mixed >> np.uint64(32))).sum(1, dtype=np.uint64)

    def _intern(self, rows: Words) -> NDArray[np.int32]:
        """The label of each row of bits."""
        while True:
            codes, first, back = np.unique(self._codes(rows), return_index=True, return_inverse=True)
            back = back.reshape(-1)
            one = rows[first]
            labels, hit = self._rows.find(codes)
            if (one[back] == rows).all() and (self._table[labels[hit]] == one[hit]).all():
                break
            self._begin()  # two rows have one code: another one is drawn
        fresh = np.flatnonzero(~hit)
        if len(fresh):
            size = self._size + len(fresh)
            if size * (self.words + 2) * 8 > self.budget * 3 // 4 and size > 2 * self.count + 2:
                raise TooMany(f"{size} sets of {self.count} variables need more than {self.budget} bytes")
            if size > len(self._table):
                table = np.zeros((max(size, len(self._table) * 3 // 2), self.words), np.uint64)
                table[: self._size] = self._table[: self._size]
                self._table = table
            self._table[self._size : size] = one[fresh]
            labels[fresh] = np.arange(self._size, size)
            self._size = size
            self._rows.add(codes[fresh], labels[fresh])
        return labels[back]


def _unpacked(rows: Words) -> NDArray[np.bool_]:
    """Words `[..., W]` -> bits `[..., 64 W]`, the lowest first."""
    octets = np.ascontiguousarray(rows.astype("<u8")).view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little").astype(np.bool_)


def _packed(bits: NDArray[np.bool_]) -> Words:
    return np.packbits(bits, axis=-1, bitorder="little").view("<u8").astype(np.uint64)
