"""`verify`: the proof, then tests of the compiled module that hold the implementation to it.

The thin twin is tested whole: by the labels of one pass, else by gradients, and by perturbations of its variables and
at cuts of its order. At full size a few variables are sampled, or all of them are tested on request. What is too much
to build or to compute there is tested on the full grid with few channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.analysis.offsets import lost, reached
from arspec.analysis.report import Contexts, Report, prove
from arspec.analysis.twin import VARIABLES, thin
from arspec.diagnostics import Diagnostic
from arspec.language.further import Further
from arspec.language.graph import Graph
from arspec.language.load import Spec
from arspec.progress import Progress
from arspec.types import Bools, Ints

if TYPE_CHECKING:
    from arspec.network.module import Network
    from arspec.verification.dependencies.subject import Subject

DRAWS = 6  # of weights, at the least
MAX_DRAWS = 24  # until the pattern of gradients equals the contexts
SAMPLED = 2  # variables tested at full size, in float32; the twin is tested whole, in float64
ROUTES = 4  # draws of weights, where what is computed together depends on values
MOST_BUILT = 1 << 28  # weights of a module that is built unasked to test it at full size: 1 GiB in float32
LARGE = 1024  # variables, beyond which a twin is not tested whole
MOST_WORK = 1 << 34  # multiplications by weights of one example there: about half a second of a processor
WHOLLY = 64  # variables of a twin up to which each is changed alone, and every cut is tried, under two draws of weights
PERTURBED = 12  # variables, and cuts, spread over the order, of a twin with more, under one draw
WAYS = 1  # of changing a scalar, at full size; the twin is changed in all
MEMORY = 1 << 29  # bytes that a batch of the tests may take, about
MEMBERS = 2  # of a family, whose modules are tested (all are proven)


@dataclass(eq=False)
class ModuleTest:
    """What one test of the compiled module found. Counts are of pairs (v, u) of variables.

    by: labels of one pass, or gradients over several draws of the weights; perturbations are made beside either.
    routed: the labels are of several draws of the weights, each with the route of its own pass given: which sites are
    computed together by which experts.
    beyond: pairs that these show, and that the proof does not contain (a fault of the implementation);
    missing: pairs of the context that they do not show."""

    name: str
    shape: tuple[int, ...]
    rows: int
    pairs: int
    beyond: int
    missing: int
    draws: int
    violations: list[str]
    lost: list[str] = field(
        default_factory=list[str]
    )  # nodes of which an offset that the spec has reaches nothing here
    by: str = "gradients"
    routed: bool = False
    unbuilt: int = 0  # weights of the spec, of which no module is built as they are too many
    work: int = 0  # multiplications of one example at full size, where these are too many

    @property
    def ok(self) -> bool:
        """Whether the module depends on nothing beyond the proof."""
        return self.beyond == 0

    def json(self) -> dict[str, Any]:
        """The test as `arspec verify --json` prints it."""
        return {**vars(self), "ok": self.ok, "shape": list(self.shape)}

    def __str__(self) -> str:
        size = "×".join(map(str, self.shape))
        parts = [f"{self.rows:,} variables, {self._how}: {self._verdict}", *self._left_out]
        return f"{self.name:10} {size}, {'; '.join(parts)}"

    @property
    def _how(self) -> str:
        """What the pairs are found by, in words."""
        draws = f"{self.draws} draw{'s' * (self.draws != 1)} of weights"
        if self.by != "labels":
            return draws
        return f"labels, given the routes of {draws}" if self.routed else "labels"

    @property
    def _verdict(self) -> str:
        """How the pairs that are found lie to the proven contexts, in words."""
        if not self.ok:
            return f"{self.beyond:,} pairs BEYOND the proven contexts"
        inside = "inside the proven contexts"
        if not self.missing:
            return f"{inside}, equal to them"
        pairs = f"{self.missing:,} pair{'s' * (self.missing != 1)}"
        return f"{inside}; of {pairs} of these no draw of weights shows an effect"

    @property
    def _left_out(self) -> list[str]:
        """What was not tested, and why, in words."""
        found: list[str] = []
        if self.lost:
            found.append(f"too small for the offsets of {', '.join(self.lost[:5])}{', ...' * (len(self.lost) > 5)}")
        if self.unbuilt:
            found.append(f"not built at full size: {self.unbuilt:,} weights, and MOST_BUILT is {MOST_BUILT:,} (--full)")
        elif self.work:
            found.append(
                f"not run at full size: {self.work:,} multiplications, and MOST_WORK is {MOST_WORK:,} (--full)"
            )
        return found


def verify(
    spec: Spec, static: bool = False, full: bool = False, twin: bool = False, contexts: Contexts = True
) -> Report:
    """The report of a spec: the proof with contexts, and unless `static` the tests of the compiled module. `full`:
    every variable is tested at full size, not a sample; `twin`: the thin twin alone is tested; `contexts`: of which
    variables, as in `prove`."""
    report = prove(spec, contexts)
    if not static and report.proven:
        for number in range(min(MEMBERS, len(spec.members))):
            report.tests += _tests(spec, number, full, twin)
        report.diagnostics += [d for test in report.tests for d in _diagnostics(spec, test)]
    return report


def _tests(spec: Spec, member: int, full: bool, twin_alone: bool) -> list[ModuleTest]:
    twin = thin(spec, shallow=True)
    found, mixes = _of_heads("twin", twin, member, twin.members[0].order.variables <= LARGE)
    found[0].lost = lost(reached(spec), reached(twin)) if twin is not spec else []
    if twin_alone or twin is spec:
        return found
    weights, work = spec.graph().parameters, multiplications(spec.graph())
    if full or (weights <= MOST_BUILT and work <= MOST_WORK):
        return found + _of_heads("full size", spec, member, full, mixes)[0]
    found[0].unbuilt, found[0].work = weights if weights > MOST_BUILT else 0, work
    wide = thin(spec, keep_grid=True, shallow=True) if spec.members[0].order.variables <= VARIABLES else spec
    return found + (_of_heads("full grid", wide, member, False, mixes)[0] if wide is not spec else [])


def multiplications(graph: Graph) -> int:
    """By weights, of one example: how often each is used. Products of values by values come beside."""
    return sum(
        node.out.positions * sum(w.count for w in node.layer.weights(node).values() if len(w.shape) > 1)
        for node in graph.computed
    )


def _of_heads(
    name: str, spec: Spec, member: int, whole: bool, mixes: bool | None = None
) -> tuple[list[ModuleTest], bool]:
    """One test of the module for each head: all variables, or a few spread over them. mixes: whether examples of a
    batch read one another, where that is known; it is given back."""
    from arspec.network.module import Network
    from arspec.verification.dependencies.subject import mixes_examples
    from arspec.verification.subject import subject_of

    member = member if member < len(spec.members) else 0
    model = Network(spec).double().eval() if whole else Network(spec).eval()
    mixes = mixes_examples(subject_of(model, member)) if mixes is None else mixes
    found: list[ModuleTest] = []
    for head in (None, *spec.graph().further):
        of = spec.members[member]
        variables = np.flatnonzero(of.order.modelled) if head is None else head.sites(of)
        rows = variables if whole else _spread(variables, SAMPLED)
        called = name if head is None else f"{name}, head '{head.name}'"
        found.append(_test(called, model, member, rows, len(rows) < len(variables), head, mixes))
    return found, mixes


def _spread(variables: Ints, count: int) -> Ints:
    """So many of them, or all, from the second to the last: the first reads nothing."""
    last = len(variables) - 1
    return variables[np.unique(np.linspace(min(1, last), last, min(count, last + 1)).astype(np.int64))]


def _test(
    name: str, model: Network, member: int, rows: Ints, large: bool, head: Further | None, mixes: bool
) -> ModuleTest:
    """One test: of the first head, or of a further one."""
    from arspec.verification.dependencies.perturbation import perturb
    from arspec.verification.subject import subject_of

    spec, graph = model.spec, model.graph.headed(head)
    subject = subject_of(model, member, head=head)
    proven: Bools = seen(Relations(graph, spec.members[member]), rows).matrix()
    some = [int(row) for row in rows]
    batch = _batch(model.graph, model.dtype.itemsize)
    routed = any(node.traits.regroups for node in graph.live)
    by, draws = "labels", ROUTES if routed else 1
    labelled = None if large else _labelled(model, member, subject, draws, routed, head)
    pattern = None if labelled is None else labelled[rows]
    if pattern is None:
        by = "gradients"
        pattern, draws = _by_gradients(name, subject, some, proven, batch, large, mixes)
    if large:
        cuts = [int(limit) for limit in subject.limits[rows]]
        found = perturb(subject, variables=[], cuts=cuts, bases=1, batch=1, mixes=mixes, ways=WAYS)
    else:
        few = subject.variables > WHOLLY
        changed, cuts = (_spread(a, PERTURBED).tolist() if few else None
                         for a in (np.argsort(subject.rank, kind="stable"), np.unique(subject.rank)))  # fmt: skip
        found = perturb(subject, variables=changed, cuts=cuts, draws=1 if few else 2, bases=1, batch=batch, mixes=mixes)
    beyond = (pattern & ~proven) | (found.leaks[rows] & ~proven)
    told = [
        f"variable {v.output} moved when {', '.join(map(str, v.inputs))} changed ({v.how}): {v.moved[0]:g} became "
        f"{v.moved[1]:g}"
        for v in found.violations
    ]
    missing = int((proven & ~pattern).sum())
    return ModuleTest(
        name, spec.data.shape, len(rows), int(proven.sum()), int(beyond.sum()), missing, draws, told, by=by,
        routed=routed,
    )  # fmt: skip


def _labelled(
    model: Network, member: int, subject: Subject, draws: int, routed: bool, head: Further | None
) -> Bools | None:
    """What passes with their shadows say of all pairs: it is faster than gradients, and no flat one hides a pair.
    routed: each takes its own route as given."""
    from arspec.verification.labels import labelled_contexts

    assert subject.redraw is not None
    found: Bools | None = None
    for draw in range(draws):
        subject.redraw(draw)  # weights of zero would cut
        one = labelled_contexts(model, member, draw, routed, head)
        if one is None:
            return None
        found = one if found is None else found | one
    return found


def _by_gradients(
    name: str, subject: Subject, rows: list[int], proven: Bools, batch: int, large: bool, mixes: bool
) -> tuple[Bools, int]:
    """[rows, V] by gradients over several draws of the weights, and how many these were."""
    from arspec.verification.dependencies.gradients import gradient_pattern

    pattern: Bools = np.zeros_like(proven)
    draws = 0
    most, least = (1, 1) if large else (MAX_DRAWS, DRAWS)
    with Progress(f"testing gradients ({name})", least, "draws of weights") as progress:
        while draws < most and (draws < least or (proven & ~pattern).any()):
            pattern |= gradient_pattern(_drawn(subject, draws), rows, draws=1, bases=1, seed=draws, batch=batch,
                                        mixes=mixes)  # fmt: skip
            draws += 1
            progress.advance()
    return pattern, draws


def _batch(graph: Graph, bytes_each: int) -> int:
    """How many examples go through the network at a time: all that every node gives is kept for the gradients."""
    numbers = sum(node.out.width * node.out.positions for node in graph.computed)
    return max(1, min(256, MEMORY // (4 * numbers * bytes_each)))


def _drawn(subject: Any, number: int) -> Any:
    """The subject whose first draw of weights is the one of this number."""

    def redraw(draw: int) -> None:
        subject.redraw(number + draw)

    return replace(subject, redraw=redraw)


def _diagnostics(spec: Spec, test: ModuleTest) -> list[Diagnostic]:
    place = spec.nodes.place
    if test.beyond:
        help = "; ".join(test.violations[:3]) or "a layer's code does not do what its `reads` says: please report it"
        return [
            Diagnostic(
                "AR706",
                f"the module reads {test.beyond:,} pairs of variables that were not proven ({test.name})",
                place,
                help,
            )
        ]
    return []


__all__ = ["ModuleTest", "prove", "verify"]
