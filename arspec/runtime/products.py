"""Products of a few rows with weights that have to come from memory, again at every step.

BLAS takes such a product as one piece of work, at a fraction of the speed at which a CPU reads memory. Very few rows go as a
batch of products, each of a part of the outputs, so that several parts are read at once; more of them as oneDNN's product
with a weight that is packed once, as torch's own compiler does it. Either is two to four times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, baddbmm, bmm
from torch.nn.functional import linear

from arspec.layers.base import Weights

MUCH = 1 << 19  # multiplications from which a packed weight is the quickest
SMALL = 1 << 15  # numbers of a weight up to which splitting it costs more than it saves
CACHED = 4 << 20  # bytes of all weights up to which the caches of a few cores hold them, and BLAS need not wait


class Product:
    """x [B, n, K] times a weight [N, K], and a bias [N]: [B, n, N]. parts: of the outputs, each a product of its own where
    the rows are few, 1 for none; packs: where they are more, the weight is packed."""

    __slots__ = ("bias", "much", "packed", "parts", "size", "split", "weight")

    def __init__(self, weight: Tensor, bias: Tensor | None, parts: int = 1, packs: bool = False) -> None:
        self.weight, self.bias, self.parts, self.size = weight, bias, parts, weight.numel()
        self.split = weight.contiguous().view(parts, -1, weight.shape[1]) if parts > 1 else weight
        self.much: float = MUCH if packs else float("inf")
        self.packed: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        batch, sites, width = x.shape
        rows = batch * sites
        work = rows * self.size
        if work >= self.much:
            if self.packed is None:
                self.packed = _ONEDNN._reorder_linear_weight(self.weight, rows)
            return _ONEDNN._linear_pointwise.default(x, self.packed, self.bias, "none", [], "")
        if self.parts == 1 or work >= MUCH:
            return linear(x, self.weight, self.bias)
        columns = x.reshape(1, rows, width).transpose(1, 2).expand(self.parts, width, rows)
        if self.bias is None:
            y = bmm(self.split, columns)
        else:
            y = baddbmm(self.bias.view(self.parts, -1, 1), self.split, columns)
        return y.view(-1, rows).t().reshape(batch, sites, -1)


def products(folded: Sequence[Weights]) -> list[Product]:
    """The products of layers that are linear, by their weights, which are read one after another at every step."""
    weights = [own["weight"] for own in folded]
    cached = sum(w.numel() * w.element_size() for w in weights) <= CACHED
    return [
        Product(w, own.get("bias"), 1 if cached or w.numel() <= SMALL else _parts(w), _packs(w))
        for own, w in zip(folded, weights, strict=True)
    ]


def _parts(weight: Tensor) -> int:
    """Equal parts of the outputs, at least as many as threads: more than one even of one thread, as BLAS then has columns
    of weights to read."""
    if weight.device.type != "cpu":
        return 1
    threads = torch.get_num_threads()
    return next((n for n in range(max(2, threads), 4 * threads + 1) if len(weight) % n == 0), 1)


def _packs(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and torch.backends.mkldnn.is_available()


_ONEDNN: Any = torch.ops.mkldnn
