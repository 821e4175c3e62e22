"""What the passes of a plan do for one spec, in sentences and figures. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from arspec.language.load import Spec
from arspec.sampler.plan.depth import no_order
from arspec.sampler.plan.passes import PASSES, asked, through
from arspec.sampler.plan.plans import depths_of
from arspec.sampler.plan.schedule import Leaks
from arspec.sampler.plan.state import Figures, Pass
from arspec.sampler.plan.timing import WORTH


@dataclass(frozen=True, eq=False)
class Explained:
    """A plan as a list of its passes, each with what it has done in figures."""

    spec: str  # its name
    member: int
    method: str  # once or depth
    ranks: int
    steps: int
    passes: list[tuple[Pass, Figures]]

    def __str__(self) -> str:
        width = max(len(one.name) for one, _ in self.passes) + 2
        ranks = f" for {self.ranks:,} ranks" if self.steps != self.ranks else ""
        lines = [f"{self.spec}: the plan of a sample by the method {self.method}, {self.steps:,} steps{ranks}"]
        for one, figures in self.passes:
            lines.append(f"{one.name:{width}}{one.about}")
            lines.append(" " * width + ", ".join(f"{name} {number:,}" for name, number in figures.items()))
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "spec": self.spec, "member": self.member, "method": self.method, "ranks": self.ranks, "steps": self.steps,
            "passes": [{"name": one.name, "about": one.about, "figures": figures} for one, figures in self.passes],
        }  # fmt: skip


def explain(spec: Spec, member: int = 0, method: str = "once", worth: int = WORTH) -> Explained:
    """The plan of one member of the family by the method `once` or `depth`, pass by pass; worth: as in `State`.
    InputError
    where the spec leaks."""
    graph = spec.graph()
    chosen = graph.members[member]
    state = asked(graph, chosen, depths_of(graph, member) if method == "depth" else None, worth=worth)
    found: list[tuple[Pass, Figures]] = []
    try:
        for one in PASSES:
            through(state, one, keep=True)
            found.append((one, one.figures(state)))
    except Leaks:
        raise no_order(chosen) from None
    return Explained(spec.name, member, method, chosen.order.drawn, state.steps, found)
