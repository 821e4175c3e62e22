"""Further heads: heads that predict variables some steps later, for their loss in training alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import ConfigDict, Field

from arspec.language.section import Section
from arspec.layers.base import Ref
from arspec.types import Ints, Member

if TYPE_CHECKING:
    from arspec.heads import Head
    from arspec.layers.base import Node


class FurtherHead(Section):
    """A head beside the first, of the same kind. At the place of variable t it predicts the one that is generated
    `ahead` steps later, and sees what comes before t alone (multi-token prediction, Gloeckle et al. 2024). Its loss is
    added in training. Samples and likelihoods are of the first head."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True, populate_by_name=True)
    example = (
        "data: {kind: sequence, length: 64, levels: 128}\n"
        "graph:\n"
        "  second: {layer: conv, from: first, out: $head, mask: so_far}\n"
        "heads: {second: {from: second, ahead: 1, weight: 0.3}}"
    )
    from_: Ref = Field(alias="from", description="The node that gives the parameters.")
    ahead: Annotated[int, Field(ge=1, le=1 << 16)] = Field(1, description="Steps later than the first head's variable.")
    weight: Annotated[float, Field(gt=0, le=1000)] = Field(
        1.0, description="Of its loss, nats of a variable, beside the first head's."
    )
    teacher_forcing: bool = Field(
        False, description="It may see the variables between as well, all that come before the one that it predicts."
    )


@dataclass(frozen=True, eq=False)
class Further:
    """A further head in its graph."""

    name: str
    node: Node
    head: Head
    section: FurtherHead

    def sites(self, member: Member) -> Ints:
        """[n]: the variables at whose places it predicts another one."""
        rank = member.order.rank
        return np.flatnonzero((rank >= member.order.given) & (rank < member.order.steps - self.section.ahead))

    def targets(self, member: Member) -> Ints:
        """[n]: the variables that it predicts there."""
        order = member.order
        return np.argsort(order.rank, kind="stable")[order.rank[self.sites(member)] + self.section.ahead]

    @property
    def beyond(self) -> int:
        """How many steps, from that of its place on, it may see."""
        return self.section.ahead if self.section.teacher_forcing else 0

    def limits(self, member: Member) -> Ints:
        """[n]: the rank that nothing may have, or a later one, which it sees there."""
        return member.order.rank[self.sites(member)] + self.beyond
