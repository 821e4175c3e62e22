"""Rounding with a guard band: what the encoder and the decoder compute is not quite the same, what they round it to is.

The encoder computes all parameters in one pass, the decoder step by step, perhaps on another machine: their floats
differ by a noise far below the grain to which numbers are rounded. Rounding can differ only where a number lies within
the noise of the boundary between two multiples. The encoder, which knows a bound of the noise, marks these numbers and
says which side it took. A decoder whose noise stays below the bound then rounds every number as the encoder did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.diagnostics import InputError
from arspec.heads import Head, Support
from arspec.types import Ints

NOISE = 35  # the bound is 2^-35, 2.9e-11, of a parameter (or of 1 where it is smaller): the default
LEAST_NOISE, MOST_NOISE = 48, 20
SLACK = 1 + 2**-8  # for the rounding of the computation from parameters to numbers


class DecoderMismatch(InputError):
    """The decoder's numbers are not the encoder's."""

    def __init__(self, where: str) -> None:
        super().__init__(
            "AR832",
            f"{where}: the numbers computed here are further from those of the encoder than the noise that it allowed "
            "for",
            "nothing is written; compress anew with a larger --noise, or decompress in the same surroundings",
        )


@dataclass(frozen=True)
class Rounding:
    """The head's numbers [..., Q] of some parameters, in multiples of their grain. `low`: the multiple at or below;
    `away`: how far above the middle to the next one the number lies."""

    low: Tensor
    away: Tensor

    def taken(self) -> Tensor:
        """The nearest multiples."""
        return self.low + (self.away >= 0)


class Grid:
    """The grains of a head's numbers."""

    def __init__(self, head: Head, support: Support) -> None:
        self.head, self.support = head, support
        self.scale = torch.tensor([2.0**bits for bits in head.grain(support)], dtype=torch.float64)
        self.reach = self.scale * torch.tensor(head.gain(support), dtype=torch.float64) * SLACK

    def rounding(self, parameters: Tensor) -> Rounding:
        """Of parameters [..., K] in float64. InputError where they are not finite."""
        scaled = self.head.coded(self.support, parameters) * self.scale
        if not math.isfinite(float(parameters.sum())) and not bool(torch.isfinite(parameters).all()):
            raise InputError("AR831", "the model gives parameters that are not finite", "such a model codes nothing")
        low = scaled.floor()
        return Rounding(low, scaled - low - 0.5)

    def band(self, parameters: Tensor, noise: int) -> Tensor:
        """[..., Q]: how far from the middle a noise of 2^-noise may carry a number."""
        size = parameters.abs().amax(-1, keepdim=True).clamp(min=1.0)
        return (size * (self.reach * 2.0**-noise)).clamp(max=0.5)


@dataclass(frozen=True)
class Marks:
    """Guarded numbers: their places [N] in ascending order, and whether the upper side was taken [N]."""

    places: Ints
    upper: Ints

    def __len__(self) -> int:
        return len(self.places)

    def pack(self) -> bytes:
        """The marks as bytes: the distance from the mark before, and the side of the boundary."""
        out = ByteWriter()
        for step, side in zip(np.diff(self.places, prepend=0).tolist(), self.upper.tolist(), strict=True):
            out.number(step << 1 | side)
        return out.done()

    @staticmethod
    def unpack(data: bytes, numbers: int) -> Marks:
        """The marks among so many numbers."""
        source, place = ByteReader(data), 0
        places: list[int] = []
        upper: list[int] = []
        while source.left:
            number = source.number()
            place += number >> 1
            if place >= numbers:
                raise CorruptContainer("the container marks a number beyond the end")
            places.append(place)
            upper.append(number & 1)
        return Marks(np.array(places, np.int64), np.array(upper, np.int64))

    @staticmethod
    def together(marks: list[Marks]) -> Marks:
        """One after another, sorted."""
        if not marks:
            return Marks(np.empty(0, np.int64), np.empty(0, np.int64))
        places, upper = np.concatenate([m.places for m in marks]), np.concatenate([m.upper for m in marks])
        order = np.argsort(places, kind="stable")
        return Marks(places[order], upper[order])
