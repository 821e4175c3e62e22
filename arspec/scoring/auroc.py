"""How well a score tells two sets apart: the area under the receiver operating characteristic."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def curve(inside: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Shares of `inside` and of `outside` that score above a threshold, as it falls: each from 0 to 1."""
    both = np.concatenate([inside, outside])
    label = np.concatenate([np.zeros(len(inside)), np.ones(len(outside))])
    falling = np.argsort(-both, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(both[falling])), len(both) - 1)  # equal scores fall together
    hits = np.cumsum(label[falling])[ends]
    false = ends + 1 - hits
    start = np.zeros(1)
    return np.concatenate([start, false / len(inside)]), np.concatenate([start, hits / len(outside)])


def auroc(inside: Floats, outside: Floats) -> float:
    """The probability that a random example of `outside` scores higher than one of `inside`, ties counted half."""
    false, hits = curve(inside, outside)
    return float(np.trapezoid(hits, false))
