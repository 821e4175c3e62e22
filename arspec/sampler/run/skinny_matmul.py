"""Products of a few rows with weights that have to come from memory, again at every step.

BLAS takes such a product as one piece of work, at a fraction of the speed at which a CPU reads memory. Where there is
much to be done and a C++ compiler is present, a function of our own does it (skinny_matmul.cpp), at that speed up to
some sixteen rows, and of more as fast as anything here: eight rows take half the time of the best that torch has.

Otherwise they are torch's. Few rows go as a batch of products, each of a part of the outputs, so that several parts are
read at once: the weight times the rows while they are very few, then the rows times the weight turned over. That is two
to four times as fast as one product. More of them are one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, addmm, baddbmm, bmm, cat
from torch.nn.functional import linear

from arspec.choices import Storage
from arspec.layers.base import Weights
from arspec.sampler.run.kernel import Kernel, kernel, takes, unpacked
from arspec.sampler.run.kernel_calls import call
from arspec.sampler.run.packing import lies_in, packed_of_files, release
from arspec.sampler.run.quick import NUMBER

VERY_FEW = 6  # rows from which a product in parts takes its weight turned over
MUCH = 1 << 21  # multiplications from which one product is as quick as several of its parts
MUCH_COPIED = 1 << 22  # and from which copying inputs side by side takes longer than another product
SMALL = 1 << 15  # numbers of a weight up to which splitting it costs more than it saves
SHORT = 64  # inputs up to which sums across a vector take longer than what is summed, so that weights are packed,
SHORT_ONES = 1 << 18  # where they have no more numbers
# Rows from which torch's product is quicker than the compiled one, of weights that are not packed; with vectors of 64
# bytes so many times as many. On one core of an AMD Zen 5 the compiled one was 1.1 to 1.9 times as fast at 128 rows,
# 0.98 to 1.6 at 256 and 0.85 to 1.3 at 512, by four shapes of weights.
MANY, WIDE = 64, 4
COPIED = 16 << 20  # bytes of all weights up to which the compiled function has copies of them, packed
CACHED = 4 << 20  # bytes of all weights up to which the caches of a few cores hold them, and BLAS need not wait
AT_ONCE = 1 << 18  # numbers of a weight that are put into fewer bits at once
BUSY = 1 << 25  # numbers of weights, counted at every step, from which the compiled function is asked for


class Product:
    """x [B, n, K] times a weight [N, K], with a bias [N] and `plus` [B, n, N] added: [B, n, N]. parts: of the outputs,
    each a product of its own where the rows are few, 1 for none. counts: the outputs of each layer."""

    __slots__ = (
        "bias",
        "bias_of_parts",
        "counts",
        "each",
        "parts",
        "split",
        "turned",
        "weight",
        "whole_from",
    )

    def __init__(
        self, weight: Tensor, bias: Tensor | None, parts: int = 1, counts: Sequence[int] | None = None
    ) -> None:
        self.weight, self.bias, self.parts = weight, bias, parts
        self.counts = [len(weight)] if counts is None else [*counts]
        self.split = weight.contiguous().view(parts, -1, weight.shape[1]) if parts > 1 else weight
        self.bias_of_parts = None if bias is None or parts == 1 else bias.view(parts, -1, 1)
        self.turned: Tensor | None = None  # [parts, K, N / parts]
        self.each: list[Product] = []
        # numbers of x from which the product is one piece
        self.whole_from = MUCH / max(1, len(weight)) if parts > 1 else 0

    def __call__(self, x: Tensor, plus: Tensor | None = None) -> Tensor:
        if plus is not None and self.bias is not None:
            plus = plus + self.bias
        if 0 < x.numel() < self.whole_from:
            return self._in_parts(x, plus)
        if plus is None:
            return linear(x, self.weight, self.bias)
        return addmm(plus.flatten(0, 1), x.flatten(0, 1), self.weight.t()).view(plus.shape)

    @property
    def is_call(self) -> bool:
        """As of `KernelProduct`."""
        return False

    def into(self, x: Tensor, rows: Sequence[Tensor | None]) -> Tensor:
        """As of `KernelProduct`."""
        y = self(x)
        for part, own in zip(y.split(self.counts, 2), rows, strict=True):
            if own is not None:
                own.copy_(part)
        return y

    def read(self, part: int) -> list[Tensor] | None:
        """As of `KernelProduct`: always something else than a layer's own weights."""
        return None

    def weights(self) -> Weights:
        """As of `KernelProduct`."""
        return {"weight": self.weight, **({} if self.bias is None else {"bias": self.bias})}

    def over(self, xs: list[Tensor], plus: Tensor | None) -> Tensor:
        """Of inputs that stand side by side in x: copied together where they are small,
        else added one after another."""
        if _copied(xs, self.weight.numel()):
            return self(cat(xs, 2), plus)
        if not self.each:
            weights = self.weight.split([x.shape[2] for x in xs], 1)
            self.each = [Product(w, None if k else self.bias) for k, w in enumerate(weights)]
        for product, x in zip(self.each, xs, strict=True):
            plus = product(x, plus)
        assert plus is not None
        return plus

    def _in_parts(self, x: Tensor, plus: Tensor | None) -> Tensor:
        batch, sites, width = x.shape
        count, parts, each = batch * sites, self.parts, self.split.shape[1]
        x, apart = _evenly(x, sites)
        if count < VERY_FEW:
            columns = x.as_strided((parts, width, count), (0, 1, apart))
            added = self.bias_of_parts
            if plus is not None:
                plus, apart = _evenly(plus, sites)
                added = plus.as_strided((parts, each, count), (each, 1, apart))
            y = bmm(self.split, columns) if added is None else baddbmm(added, self.split, columns)
            return y.view(1, 1, -1) if count == 1 else y.view(-1, count).t().reshape(batch, sites, -1)
        if self.turned is None:
            self.turned = self.split.transpose(1, 2).contiguous()
        rows = x.as_strided((parts, count, width), (0, apart, 1))
        added = None if self.bias_of_parts is None else self.bias_of_parts.transpose(1, 2)
        if plus is not None:
            plus, apart = _evenly(plus, sites)
            added = plus.as_strided((parts, count, each), (each, apart, 1))
        y = bmm(rows, self.turned) if added is None else baddbmm(added, rows, self.turned)
        return y.transpose(0, 1).reshape(batch, sites, -1)


class KernelProduct:
    """The same by the compiled function, in float32 or float64 on a CPU, of weights whose outputs stand side by side.

    own: places in memory of weights that are read where they lie. What lies elsewhere is a copy, and is kept packed
    instead: whoever made it need not keep it. storage: in how many bits weights are kept, as copies. packed: of each
    part the weight where it is packed already."""

    __slots__ = ("at", "counts", "dtype", "held", "inputs", "many", "numbers", "outputs", "packed", "table", "times")

    def __init__(
        self, parts: Sequence[Weights], compiled: Kernel, storage: Storage = "exact",
        own: frozenset[int] = frozenset(), packed: Sequence[Tensor | None] | None = None,
    ) -> None:  # fmt: skip
        weights = [part["weight"] for part in parts]
        self.counts = [len(weight) for weight in weights]  # outputs of each
        self.outputs, self.inputs = sum(self.counts), weights[0].shape[1]
        self.dtype, self.numbers = weights[0].dtype, sum(weight.numel() for weight in weights)
        small = self.numbers <= SMALL
        copied = small or storage != "exact" or (self.inputs <= SHORT and self.numbers <= SHORT_ONES)
        packed = [None] * len(parts) if packed is None else packed
        lies = [lies_in(weight, own) and kept is None for weight, kept in zip(weights, packed, strict=True)]
        self.packed = [copied or not each for each in lies]
        # what the table points to: the weights as they are read, biases and scales
        self.held: list[tuple[Tensor, Tensor | None, Tensor | None]] = []
        for part, is_packed, kept in zip(parts, self.packed, packed, strict=True):
            values, scale = (part["weight"], None) if small else _stored(part["weight"], storage)
            bias = part["bias"].contiguous() if "bias" in part else None
            if is_packed:
                values = compiled.packed(values) if kept is None else kept
            self.held.append((values, bias, scale))
        self.times = compiled.times[self.held[0][0].dtype]
        self.many = MANY * (WIDE if compiled.bytes >= 64 else 1)
        rows = [
            [_at(weight), weight.stride(0), outputs, _at(bias), _at(scale), packed]
            for (weight, bias, scale), outputs, packed in zip(self.held, self.counts, self.packed, strict=True)
        ]
        self.table = np.array([number for row in rows for number in row] + [0] * 4, np.int64)
        address: int = self.table.ctypes.data
        self.table[-4:] = address, len(rows), self.outputs, 1 if small else torch.get_num_threads()
        self.at = address + 8 * (len(self.table) - 4)

    def __call__(self, x: Tensor, plus: Tensor | None = None) -> Tensor:
        y = self._room(x)
        self._add(y, x, 0, plus)
        return y

    @property
    def is_call(self) -> bool:
        """Whether it is a call of machine code, which may be kept."""
        return True

    def into(self, x: Tensor, rows: Sequence[Tensor | None]) -> Tensor:
        """As a call, of one site; but the outputs of a layer go to the `rows` [B, 1, N_k] that there are for it, and
        nothing is said of theirs in what is returned."""
        y = self._room(x)
        assert x.shape[1] == 1
        into: list[int] = []
        for own, outputs in zip(rows, self.counts, strict=True):
            assert own is None or (own.shape == (len(x), 1, outputs) and own.dtype == self.dtype and own.stride(2) == 1)
            into += (0, 0) if own is None else (own.data_ptr(), own.stride(0))
        self._add(y, x, 0, None, (NUMBER * len(into))(*into))
        return y

    def of_many(self, x: Tensor) -> Tensor:
        """As a call, for any number of rows: of many, torch's product is quicker where weights are not packed."""
        if x.shape[0] * x.shape[1] < self.many or any(self.packed):
            return self(x)
        return cat([linear(x, weight, bias) for weight, bias, _ in self.held], 2)

    def over(self, xs: list[Tensor], plus: Tensor | None) -> Tensor:
        """Of inputs that stand side by side in x: copied together where they are small,
        else added one after another."""
        if _copied(xs, self.numbers):
            return self(cat(xs, 2), plus)
        y, first = self._room(xs[0]), 0
        for x in xs:
            self._add(y, x, first, y if first else plus)
            first += x.shape[2]
        return y

    def read(self, part: int) -> list[Tensor] | None:
        """The numbers that are read of one of the layers; None where they are copies of its own."""
        return None if self.packed[part] else [each for each in self.held[part] if each is not None]

    @property
    def exact(self) -> bool:
        """Whether its weights have the bits of the model's."""
        return all(weight.dtype == self.dtype for weight, _, _ in self.held)

    @torch.no_grad()
    def weights(self) -> Weights:
        """The weight [N, K] that it multiplies with, and the bias, of all layers side by side."""
        parts: list[Weights] = []
        for (held, bias, scale), packed, outputs in zip(self.held, self.packed, self.counts, strict=True):
            weight = _restored(self.dtype, unpacked(held, outputs) if packed else held, scale)
            parts.append({"weight": weight, **({} if bias is None else {"bias": bias})})
        return joined(parts)

    def _room(self, x: Tensor) -> Tensor:
        return x.new_empty((x.shape[0], x.shape[1], self.outputs))

    def _add(self, y: Tensor, x: Tensor, first: int, plus: Tensor | None, into: Any = None) -> None:
        """y = x times the weights' columns from the first on, and `plus`; before the first column, and the biases."""
        batch, sites, width = x.shape
        assert first + width <= self.inputs and x.dtype == y.dtype == self.dtype  # memory is read as it is told
        x, apart = _evenly(x, sites)
        at, between = 0, 0
        if plus is not None:
            assert plus.shape == y.shape and plus.dtype == y.dtype
            plus, between = _evenly(plus, sites)
            at = plus.data_ptr()
        call(self.times, self.at, x.data_ptr(), apart, batch * sites, at, between, y.data_ptr(), first, width, into)


def _at(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def joined(parts: Sequence[Weights]) -> Weights:
    """The weights of linear layers whose outputs stand side by side, as those of one: a copy where there are
    several."""
    if len(parts) == 1:
        return parts[0]
    found = {"weight": cat([own["weight"] for own in parts])}
    if any("bias" in own for own in parts):
        weights = [own["weight"] for own in parts]
        biases = [own.get("bias") for own in parts]
        found["bias"] = cat([w.new_zeros(len(w)) if b is None else b for w, b in zip(weights, biases, strict=True)])
    return found


# numbers [N, K] of fewer bits than the weight, and of int8 what those of each output are times: [N]
Stored = tuple[Tensor, Tensor | None]


def stored_as(weight: Tensor, storage: Storage) -> Stored | None:
    """A weight [N, K] of a linear layer as it is stored; None as it is, where it is small or nothing else is asked for.

    int8: whole numbers from −127 to 127, times a scale for each output, which its largest weight gives."""
    return None if storage == "exact" or weight.numel() <= SMALL else _stored(weight, storage)


@torch.no_grad()
def _stored(weight: Tensor, storage: Storage) -> Stored:
    if storage == "exact":
        return weight, None
    if storage == "bfloat16":
        return weight.to(torch.bfloat16), None
    values = torch.empty(weight.shape, dtype=torch.int8, device=weight.device)
    scale = weight.new_empty(len(weight))
    rows = max(1, AT_ONCE // weight.shape[1])  # what is made on the way takes little memory
    for own, kept, largest in zip(weight.split(rows), values.split(rows), scale.split(rows), strict=True):
        largest.copy_(own.abs().amax(1).clamp_min(torch.finfo(weight.dtype).tiny) / 127)
        kept.copy_((own / largest[:, None]).round_())
    return values, scale


@torch.no_grad()
def products(
    folded: Sequence[Sequence[Weights]],
    steps: Sequence[int] = (),
    storage: Storage = "exact",
    own: frozenset[int] = frozenset(),
    lies: int | None = None,
) -> Sequence[Product | KernelProduct]:
    """The products of layers that are linear, by their weights, which are read one after another: of each those whose
    outputs stand side by side. steps: at how many each of them is read, by which a run is worth compiling for. storage:
    of weights that are not small; where there is no function for it, weights have the same values in the numbers of the
    model. own: as of `KernelProduct`, places of the module's weights, which are not copied where they are many, unless
    they lie in a file. lies: the product of which not even these are."""
    weights = [part["weight"] for parts in folded for part in parts]
    numbers = [sum(part["weight"].numel() for part in parts) for parts in folded]
    size = sum(w.numel() * w.element_size() for w in weights)
    busy = sum(each * count for each, count in zip(numbers, steps, strict=False)) >= BUSY
    able = all(w.dtype == torch.float32 for w in weights) if storage != "exact" else busy
    if able and all(map(takes, weights)) and (compiled := kernel()) is not None:
        if size <= COPIED:
            return [KernelProduct(parts, compiled, storage) for parts in folded]
        if storage != "exact":  # all of them are copied
            stored_ones = [KernelProduct(parts, compiled, storage) for parts in folded]
            release(weights)
            return stored_ones
        often = [0 if n == lies else count for n, count in enumerate(steps)]
        packed = packed_of_files(folded, often, own, compiled)
        return [KernelProduct(parts, compiled, storage, own, kept) for parts, kept in zip(folded, packed, strict=True)]
    cached = size <= CACHED
    made: list[Product] = []
    for one, each, layers in zip(map(joined, folded), numbers, folded, strict=True):
        near = cached or each <= SMALL
        stored = stored_as(one["weight"], storage)
        w = one["weight"] if stored is None else _restored(one["weight"].dtype, *stored)
        laid_out = _by_columns(w) if near and w.device.type == "cpu" else w
        counts = [len(layer["weight"]) for layer in layers]
        made.append(Product(laid_out, one.get("bias"), 1 if near else _parts(w), counts))
    return made


def _restored(dtype: torch.dtype, values: Tensor, scale: Tensor | None) -> Tensor:
    return values.to(dtype) if scale is None else values.to(dtype) * scale[:, None]


def _copied(xs: list[Tensor], numbers: int) -> bool:
    """Whether copying inputs side by side takes less time than another call, which reads so many numbers."""
    return xs[0].shape[0] * xs[0].shape[1] * numbers < MUCH_COPIED


def _by_columns(weight: Tensor) -> Tensor:
    """The same [N, K], stored so that BLAS reads it quicker for a single row."""
    return weight.t().contiguous().t()


def _evenly(x: Tensor, sites: int) -> tuple[Tensor, int]:
    """x [B, n, K] with its rows evenly apart in memory, and how far."""
    apart, _, one = x.stride()
    if sites == one == 1:
        return x, apart
    return x.contiguous(), x.shape[2]


def _parts(weight: Tensor) -> int:
    """Equal parts of the outputs, at least as many as threads: more than one even of one thread, as BLAS then has
    columns of weights to read."""
    if weight.device.type != "cpu":
        return 1
    threads = torch.get_num_threads()
    return next((n for n in range(max(2, threads), 4 * threads + 1) if len(weight) % n == 0), 1)
