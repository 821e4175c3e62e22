"""Which tiles are interleaved in a stream: a decoder computes a batch of them in the time of a few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.codec.tiles import Tiling
from arspec.data.auxiliary import with_auxiliary
from arspec.data.examples import Array
from arspec.types import Bools, Ints

if TYPE_CHECKING:
    from arspec.language.graph import Graph
    from arspec.language.sections import ImageData

MOST = 256  # tiles side by side
MEMORY = 1 << 30  # bytes that their caches may take, more or less


@dataclass
class Levels:
    """The levels of one part [N, ...], as tiles; None until something is decoded. `given`: where a level is not coded,
    as what stands there is an exception that is written elsewhere. `views`:
    of images whose auxiliary images come first."""

    tiling: Tiling
    dtype: type[np.unsignedinteger[Any]]
    levels: Array | None = None
    given: Bools | None = None
    views: ImageData | None = None

    def cut(self, first: int, count: int) -> tuple[Ints, Bools]:
        """Tiles [count, *shape], and where they are coded."""
        tiles = range(first, first + count)
        x, coded = self.tiling.cut(self.levels, tiles)
        if self.given is not None:
            coded &= self.tiling.cut(self.given, tiles)[0] == 0
        if self.views is not None:  # a view is known where nothing of its pixel is coded, as that is zero then
            seen = coded.any(1, keepdims=True).repeat(len(self.views.auxiliary), 1)
            x, coded = with_auxiliary(x, self.views), np.concatenate([seen, coded], 1)
        return x, coded

    def paste(self, first: int, count: int, tiles: Ints) -> None:
        """Takes decoded tiles [count, *shape]."""
        own = tiles if self.views is None else tiles[:, len(self.views.auxiliary) :]
        self.tiling.paste(self.whole(), range(first, first + count), own)

    def whole(self) -> Array:
        """All levels, zero where nothing has been decoded."""
        if self.levels is None:
            self.levels = np.zeros(self.tiling.shape, self.dtype)
        return self.levels


@dataclass(frozen=True)
class Share:
    """The tiles of one part in a batch, coded side by side in its stream."""

    part: int
    first: int
    count: int


def batches(counts: Sequence[int], interleaved: int, batch: int) -> Iterator[list[Share]]:
    """All tiles of parts with so many each. A share has `interleaved` tiles, the last one of a part what is left: this
    decides what stands where in a stream. How many shares are computed together, up to `batch` tiles, does not."""
    current: list[Share] = []
    filled = 0
    for part, tiles in enumerate(counts):
        for first in range(0, tiles, interleaved):
            share = Share(part, first, min(interleaved, tiles - first))
            if current and (filled + share.count > batch or current[-1].part == part):
                yield current
                current, filled = [], 0
            current.append(share)
            filled += share.count
    if current:
        yield current


def interleaved_for(graph: Graph) -> int:
    """How many tiles go side by side, by what a sampler may have to keep of each."""
    kept = 8 * sum(node.out.sites * node.out.channels for node in graph.live)
    return int(np.clip(MEMORY // kept, 8, MOST))
