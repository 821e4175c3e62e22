"""What analyses have worked out of the relations of a graph, kept for graphs that share them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

Values = npt.NDArray[Any]  # of every site of a node


class Memo:
    """Known-at and contexts that were computed before, by the relations and the very arrays that they were computed
    from. Equal arrays are kept once; so where the repetitions of a block have come to add nothing, all that follow cost
    nothing, a deeper spec begins where a shallower one ended, and an edited one costs what its edit changes. The oldest
    are forgotten beyond `limit` bytes."""

    def __init__(self, limit: int = 1 << 29) -> None:
        self.limit, self.size = limit, 0
        self._results: OrderedDict[tuple[Hashable, ...], tuple[tuple[Values, ...], Values]] = OrderedDict()
        self._arrays: dict[tuple[int, int], Values] = {}

    def result(self, how: tuple[Hashable, ...], inputs: tuple[Values, ...], compute: Callable[[], Values]) -> Values:
        """The array that `compute` gives, or gave before for the same `how` and the very same inputs."""
        key = (*how, *map(id, inputs))
        if key not in self._results:
            value = self.once(compute())
            self._results[key] = (inputs, value)  # the inputs too, so that their ids stay theirs
            self.size += value.nbytes
            while self.size > self.limit and len(self._results) > 1:
                _, (_, oldest) = self._results.popitem(last=False)
                self.size -= oldest.nbytes
                self._arrays.clear()
        return self._results[key][1]

    def once(self, array: Values) -> Values:
        """The array of these contents."""
        key = (xxh3_64_intdigest(np.ascontiguousarray(array).data), array.shape[0])
        kept = self._arrays.setdefault(key, array)
        return kept if np.array_equal(kept, array) else array
