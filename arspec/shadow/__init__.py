"""Shadow memory: for every element of every tensor of one ordinary forward pass, which variables it depends on.

`trace(run, [(x, variables)])` runs a pass; `.labels(y)` says for each element of a tensor what it depends on. That
holds for all values of the variables, as far as operators are seen and have a rule. What is not seen is named:

- `opaque`: an operator without a rule, which is taken to read all that it was given.
- `reads`: a value that Python was given. All that runs later is taken to read every variable, or the route is given.
- `unseen`: memory that something else than an operator wrote, or may have written.
- `routes`: indices that depend on variables, and were taken as they are.

`Closing` compares a pass with another on other values, and finds what labels could not know: a function that keeps a
tensor from one call to the next, a thread from before the pass, a kernel that writes by itself.
"""

from arspec.shadow.algebra import CONSTANT, LOOSE, Algebra, Ranks
from arspec.shadow.closed import Closing, Closure, Held
from arspec.shadow.findings import Opaque, Read, Route, Unseen
from arspec.shadow.places import Place
from arspec.shadow.tracer import Tracer
from arspec.shadow.tracing import Trace, trace

__all__ = [
    "CONSTANT",
    "LOOSE",
    "Algebra",
    "Closing",
    "Closure",
    "Held",
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
