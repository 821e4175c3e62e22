"""Samples of pictures, checked; greys of fewer than 8 bits as those of 8 bits, as which a model knows them,
and back."""

from __future__ import annotations

import numpy as np

from arspec.codec.wire import CorruptContainer
from arspec.types import Ints

MOST_SIDE = (1 << 31) - 1  # rows or columns


def widened(stored: Ints, bits: int) -> Ints:
    """Numbers of 1, 2 or 4 bits spread over 0 .. 255; others as they are."""
    return stored * (255 // ((1 << bits) - 1)) if bits in (1, 2, 4) else stored


def narrowed(samples: Ints, bits: int) -> Ints:
    """What `widened` widened. CorruptContainer where that cannot be."""
    if bits in (1, 2, 4):
        step = 255 // ((1 << bits) - 1)
        if (samples % step).any():
            raise CorruptContainer("the container states a grey that there is not")
        samples = samples // step
    return within(samples, bits)


def within(samples: Ints, bits: int) -> Ints:
    """Samples of so many bits, checked."""
    if samples.size and (int(samples.min()) < 0 or int(samples.max()) >= 1 << bits):
        raise CorruptContainer(f"the container states a sample of more than {bits} bits")
    return samples


def span_of(bits: int) -> int:
    """The span of what `widened` gives."""
    return max(256, 1 << bits)


def check_shape(samples: Ints) -> None:
    """Refuses samples of a container that are no picture [C, H, W] of a size that a file can state."""
    if samples.ndim != 3 or not samples.size or max(samples.shape) > MOST_SIDE:
        raise CorruptContainer("the container states a picture of a size that there is not")


def contiguous(planes: Ints) -> Ints:
    """As the codec wants samples."""
    return np.ascontiguousarray(planes.astype(np.int64))
