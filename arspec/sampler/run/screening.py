"""The highest outputs of a product, of which a draw takes no others: the likeliest level, or the k likeliest.

A language model reads a fourth of its weights to find the few tokens that may be drawn. Here each output is estimated
from a copy of its weights in int8, a fourth of what has to come from memory, with a bound on how far off the estimate
is. What the bound rules out is not computed (screened_matmul.cpp). What it leaves is, to the same bits as ever: so that
no draw changes."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from arspec.network.fingerprint import Fingerprint, fingerprint
from arspec.sampler.run.kernel import Kernel, kernel
from arspec.sampler.run.skinny_matmul import KernelProduct, Product

LARGE = 1 << 22  # numbers of a weight from which it is worth a copy
ROWS = 64  # from which the product is as quick
SHARE = 32  # of outputs that are computed, one in so many: from more on, what it saves is soon lost
BEHIND = 16  # outputs behind the last for which there is room
PATIENCE = 2  # calls that are computed whole: a copy takes as long as five products
FEW = 8  # steps of a run, or of its piece, that a copy and a look at whether weights have changed are not worth


class Screen(ctypes.Structure):
    """What screened_matmul.cpp has under this name."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("exact", "inputs", "values", "scale", "error")]


class Screened:
    """A product [B, n, K] -> [B, n, N] of which the `keeps` highest outputs of each row are wanted; others may be
    -infinity. It lasts for one run, in which weights stay as they are. watched: but before a call of `follow`."""

    def __init__(self, product: KernelProduct, loaded: Kernel, keeps: int, watched: bool = False) -> None:
        self._product, self._loaded, self._keeps, self._watched = product, loaded, keeps, watched
        self._limit = product.outputs // SHARE
        self._calls = self._failed = 0
        self._held: tuple[Tensor, ...] | None = None  # values, scales and errors
        self._room: tuple[Tensor, ...] = ()
        self._copy_of: Fingerprint = ()
        self._screen = Screen()

    def __call__(self, x: Tensor, plus: Tensor | None = None) -> Tensor:
        batch, sites, inputs = x.shape
        assert inputs == self._product.inputs and x.dtype == self._product.dtype  # memory is read as it is told
        self._calls += 1
        if plus is not None or batch * sites > ROWS or self._calls <= PATIENCE or not self._copied():
            return self._product(x, plus)
        x = x.contiguous()
        y = x.new_empty((batch, sites, self._product.outputs))
        most = self._loaded.screened(
            ctypes.addressof(self._screen), x.data_ptr(), inputs, batch * sites, self._keeps, self._limit,
            *(own.data_ptr() for own in self._room), y.data_ptr(),
        )  # fmt: skip
        if most >= self._limit:  # more than a few may be among the highest, again and again
            self._failed += 1
            self._limit = 0 if self._failed > PATIENCE + self._calls // SHARE else self._limit
        return y

    @property
    def is_call(self) -> bool:
        """As of `KernelProduct`: it takes another way where it rules out too little."""
        return False

    def follow(self) -> None:
        """Weights may have been changed in their place: what is a copy of others is forgotten."""
        if self._watched and self._held is not None and self._copy_of != self._fingerprint():
            self._held = None

    def _fingerprint(self) -> Fingerprint:
        return fingerprint([(self._product.held[0][0], True)])

    def _copied(self) -> bool:
        """Whether there is a copy that says something."""
        if self._held is None and self._limit:
            outputs, inputs = self._product.outputs, self._product.inputs
            like = self._product.held[0][0]
            self._held = like.new_empty((outputs + BEHIND, inputs), dtype=torch.int8), *like.new_empty((2, outputs))
            self._held[0][outputs:] = 0
            self._room = like.new_empty((8, inputs), dtype=torch.int16), like.new_empty((outputs + BEHIND, 8))
            self._copy_of = self._fingerprint() if self._watched else ()  # which takes longer than a product
            self._screen = Screen(self._product.at, inputs, *(own.data_ptr() for own in self._held))
            if not self._loaded.copy(ctypes.addressof(self._screen)):
                self._limit = 0
        return bool(self._limit)


def screened(product: Product | KernelProduct, keeps: int, watched: bool = False) -> Screened | None:
    """The same product of which so many of the highest outputs are wanted; None where that saves nothing.
    watched: as of `Screened`."""
    loaded = kernel()
    if loaded is None or not isinstance(product, KernelProduct) or len(product.counts) > 1:
        return None
    plain = product.dtype == torch.float32 and product.exact and not product.packed[0]
    if not plain or product.numbers < LARGE or keeps > product.outputs // (4 * SHARE):
        return None
    return Screened(product, loaded, keeps, watched)
