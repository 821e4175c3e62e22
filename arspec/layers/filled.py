"""What comes in where values have moved away: zeros, or the vectors of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, Node, Ref, Traits, Weights
from arspec.layers.learned import Learned
from arspec.reads import Reads, Tap, Window
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

ZEROS, LEARNED = "zeros", "learned"


class Filled(Layer):
    """What `shift`, `pad` and `previous` have in common: positions of the output that find nothing in the input."""

    fill: Ref | Literal["zeros", "learned"] = Field(
        ZEROS,
        description="What comes in: zeros, a learned vector for each position that comes in, or those of a node, which "
        "has one for all of them, or one for each in their order.",
    )
    ports = ("fill",)

    @property
    def connected(self) -> list[str]:
        return [] if self.fill == ZEROS else ["fill"]

    def fill_words(self) -> list[str]:
        """What the diagram says of what comes in."""
        return [] if self.fill == ZEROS else [f"filled: {self.fill}"]

    def vacant(self, node: Node, member: Member) -> Ints:
        """The positions [n] that find nothing in the input, in the order in which the vectors are theirs."""
        raise NotImplementedError

    def turns(self, node: Node, member: Member, vacant: Ints) -> Ints:
        """[n]: which vector each of the vacant positions [n] takes, where there is more than one."""
        return np.arange(len(vacant))

    def vacancies(self, inputs: list[Type], order_groups: int) -> int:
        """How many positions find nothing in the input, under any order."""
        raise NotImplementedError

    def own_input(self, port: str, inputs: list[Type], order_groups: int) -> Layer | None:
        if self.fill != LEARNED:
            return None
        count = self.vacancies(inputs, order_groups)
        if not count:
            raise Fault("AR451", "nothing comes in, so that there is nothing to learn", "leave `fill` out", "fill")
        return Learned.model_validate({"layer": "learned", "out": inputs[0].width, "length": count})

    def check_fill(self, node: Node) -> None:
        """Raises Fault where the node that fills does not fit."""
        port = node.port("fill")
        if port is None:
            return
        into, given = node.ins[0], node.ins[port]
        if (given.groups, given.channels) != (into.groups, into.channels):
            raise Fault("AR451", f"what comes in has the channels of the input, {into.groups}·{into.channels}, and "
                        f"'{node.inputs[port].name}' gives {given.groups}·{given.channels}",
                        "give both as many channels, in the same channel groups", "fill")  # fmt: skip
        count = self.vacancies(node.ins, node.order_groups)
        if not count or given.positions not in (1, count):
            raise Fault("AR451", f"{count:,} position{'s' * (count != 1)} come{'s' * (count == 1)} in, and "
                        f"'{node.inputs[port].name}' has {given.positions:,} to give",
                        "give one for all of them, or one for each", "fill")  # fmt: skip

    def _index(self, node: Node, member: Member) -> Ints:
        """[P]: which vector each position is filled with; -1 where it finds something."""
        port = node.port("fill")
        assert port is not None
        vacant = self.vacant(node, member)
        found = np.full(node.out.positions, -1)
        found[vacant] = 0 if node.ins[port].positions == 1 else self.turns(node, member, vacant)
        return found

    def fill_reads(self, node: Node, member: Member) -> list[Reads]:
        """The relation with what fills; none where it is zeros."""
        port = node.port("fill")
        if port is None:
            return []
        given = node.ins[port]
        own = Tap(self._index(node, member), np.eye(given.groups, dtype=bool))
        return [Window(node.out.groups, node.out.positions, given.groups, given.positions, (own,))]

    def constants(self, node: Node, member: Member) -> Constants:
        port = node.port("fill")
        if port is None:
            return {}
        index = self._index(node, member)
        return {"fill": np.where(index < 0, node.ins[port].positions, index)}

    def filled(self, node: Node, moved: Tensor, xs: list[Tensor], c: Weights) -> Tensor:
        """What has moved, with zeros where nothing came from, [B, G * C, *grid], and what fills it."""
        from torch.nn import functional as F

        if "fill" not in c:
            return moved
        given = F.pad(xs[-1].reshape(len(xs[-1]), node.out.width, -1), (0, 1))
        return moved + given[:, :, c["fill"]].view(moved.shape)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        there = [x for x in xs if x.shape[-1]]  # each site reads one of them; of the other it finds zeros
        if not there:
            return xs[0].new_zeros(*xs[0].shape[:2], node.out.channels)
        return there[0] if len(there) == 1 else there[0] + there[1]

    def traits(self, node: Node) -> Traits:
        return Traits(is_identity=node.port("fill") is None, needs_sites=False)
