"""Classes of steps: those that compute much the same operations share a graph, which has no others."""

from __future__ import annotations

import numpy as np

from arspec.types import Ints

MANY = 4  # classes at the most, for each is a graph with its own weights
WORTH = 0.1  # of all the work: a class that saves less is not worth a graph
KINDS = 64  # kinds of steps that are compared with one another


def classes_of(counts: Ints) -> list[Ints]:
    """The steps of each class, from how many sites [steps, operations] each step computes. The classes that add the
    least work are put together first: operations that a step goes through without a site."""
    kinds, kind, many = np.unique(counts > 0, axis=0, return_inverse=True, return_counts=True)
    groups = [np.flatnonzero(kind.reshape(-1) == k) for k in range(len(kinds))]
    order = np.argsort(-many, kind="stable")
    rest = order[KINDS:]
    order = order[:KINDS]
    computed, steps = kinds[order], [groups[k] for k in order]
    if len(rest):  # the rarest kinds are one
        computed = np.concatenate([computed, kinds[rest].any(0, keepdims=True)])
        steps.append(np.concatenate([groups[k] for k in rest]))
    total = int((counts > 0).sum())
    while len(steps) > 1:
        added = _added(computed, np.array([len(own) for own in steps]))
        one, other = np.unravel_index(int(added.argmin()), added.shape)
        if len(steps) <= MANY and added[one, other] > WORTH * total:
            break
        steps[one] = np.concatenate([steps[one], steps[other]])
        computed[one] |= computed[other]
        steps.pop(int(other))
        computed = np.delete(computed, other, 0)
    return sorted((np.sort(own) for own in steps), key=lambda own: int(own[0]))


def _added(computed: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], many: Ints) -> Ints:
    """[k, k]: the work that is added where two classes become one; more than anything below the diagonal."""
    size = computed.sum(1)
    both = size[:, None] + size - computed.astype(np.int64) @ computed.T.astype(np.int64)
    added = both * (many[:, None] + many) - (size * many)[:, None] - size * many
    return np.where(np.triu(np.ones_like(added), 1) > 0, added, np.iinfo(np.int64).max)
