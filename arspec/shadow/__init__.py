"""Shadow memory: for every element of every tensor of one ordinary forward pass, which variables it depends on.

`trace(run, [(x, variables)])` runs a pass; `.labels(y)` says for each element of a tensor what it depends on.
"""

from arspec.shadow.algebra import CONSTANT, LOOSE, Algebra, Ranks
from arspec.shadow.closed import Closing, Closure
from arspec.shadow.places import Place
from arspec.shadow.tracer import Opaque, Read, Route, Tracer, Unseen
from arspec.shadow.tracing import Trace, trace

__all__ = [
    "CONSTANT",
    "LOOSE",
    "Algebra",
    "Closing",
    "Closure",
    "Opaque",
    "Place",
    "Ranks",
    "Read",
    "Route",
    "Trace",
    "Tracer",
    "Unseen",
    "trace",
]
