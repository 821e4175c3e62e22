"""Depth: which unseen pairs are out of reach at this depth, and which are blind at any.

All repeats are doubled together until a doubling adds nothing to the union of the contexts; what is then still unseen
is blind. A spec without a repeat has no depth to change, so its unseen pairs stay unseen.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from arspec.analysis.contexts import Memo, Seen, seen
from arspec.analysis.known_at import Relations
from arspec.diagnostics import InputError
from arspec.language.load import Spec

MAX_DOUBLINGS = 8
MAX_DEEP_NODES = 20_000  # nodes of a deepened graph, beyond which the search stops
MAX_DEEP_SITES = 1 << 28  # nodes times variables, where contexts are of sampled variables: some seconds


def deepened(spec: Spec, member: int, shallow: Seen, memo: Memo | None = None) -> Seen | None:
    """What the head sees at any depth, in the rows of `shallow`; None where nothing is repeated, or where the contexts
    still grew when a limit was reached."""
    graph = spec.graph()
    if not graph.repeated:
        return None
    union, factor, memo = shallow, 1, memo or Memo()
    sampled = len(shallow.rows) < np.count_nonzero(spec.members[member].order.modelled)
    for _ in range(MAX_DOUBLINGS):
        if union.unseen == 0:
            return union
        factor *= 2
        nodes = len(graph.nodes) * factor
        if nodes > MAX_DEEP_NODES or (sampled and nodes * len(shallow.rank) > MAX_DEEP_SITES):
            return None
        try:
            deeper = at_depth(spec, factor)
            found = seen(Relations(deeper.graph(), deeper.members[member]), shallow.rows, memo)
        except InputError:  # a limit of the language, or a spec whose form depends on its depth
            return None
        bits = union.bits | found.bits
        if np.array_equal(bits, union.bits):
            return union
        union = replace(union, bits=bits)
    return None


def at_depth(spec: Spec, factor: int) -> Spec:
    """The spec with every repeat multiplied: by the parameters that it is computed from, or else directly. Made once:
    all members of a family deepen the same way."""
    if factor not in spec.deeper:
        spec.deeper[factor] = _at_depth(spec, factor)
    return spec.deeper[factor]


def _at_depth(spec: Spec, factor: int) -> Spec:
    params = {
        name: spec.params[name] * factor
        for name in spec.graph().repeat_params
        if isinstance(spec.params.get(name), int) and not isinstance(spec.params[name], bool)
    }
    return spec.variant(params=params, repeats=factor)
