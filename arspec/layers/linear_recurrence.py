"""`linear_recurrence`: a state that decays and takes in its input, channel by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.along import Along, from_lines, in_lines, something
from arspec.layers.base import Fault, Node, Ref, Style, Traits, Weight, Weights
from arspec.layers.diagonal import Times, complex_times, real_times, recurrence
from arspec.layers.one_grid import same_grid
from arspec.reads import Pointwise, Reads
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-12  # of 1 - |a|² below which it is not normalised, so that its root has a slope
START = [0.9, 0.999]  # of learned decays: their moduli lie evenly between these (Orvieto et al. 2023, section 3.4)

Number = Annotated[float | int, Field(ge=-1, le=1)]
Decays = Annotated[
    dict[Literal["fixed", "learned"], Number | Annotated[list[Number], Field(min_length=2, max_length=2)]],
    Field(min_length=1, max_length=1),
]


class LinearRecurrence(Along):
    """h = a ⊙ h' + b, channel by channel, with h' the state before on the line and b the input. The decay a is what a
    node gives, a number, or learned: a = exp(-exp(rate)), one for each channel. With `gate` a learned one differs from
    site to site, a = exp(-exp(rate) ⊙ gate), as in RG-LRU (De et al. 2024, equations 3 to 5). With `complex` the
    channels of a group are complex numbers, the real parts first. Learned decays then turn them as well, a =
    exp(-exp(rate) + i angle) (S4D, Gu et al. 2022; S5, Smith et al. 2023; LRU, Orvieto et al. 2023)."""

    layer: Literal["linear_recurrence"]
    example = (
        "b: {layer: conv, from: first, kernel: 1, out: 24, mask: so_far}\n"
        "forget: {layer: sigmoid, from: b}\n"
        "state: {layer: linear_recurrence, from: b, decay: forget}"
    )
    decay: Ref | Decays | None = Field(
        None,
        description="The node that gives the decays: as many channels as the input. Or `fixed`, the same everywhere, "
        "as in {fixed: 0.9}; or `learned`, as in {learned: [0.9, 0.999]}, between which they start, as without it.",
    )
    gate: Ref | None = Field(
        None, description="The node by which learned decays are raised to a power: a channel for each rate."
    )
    complex_: bool = Field(
        False, alias="complex", description="Whether the channels are complex numbers: the real parts, then the others."
    )
    normalise: bool = Field(
        False, description="Whether the input is multiplied by sqrt(1 - |a|²), which keeps the state's size."
    )
    ports = ("decay", "gate")

    def infer(self, node: Node) -> Type:
        self.check_lines(node)
        into = node.ins[0]
        if self.gate is not None and not self._learned:
            raise Fault("AR110", "`gate` raises learned decays to a power, and `decay` gives others",
                        "leave one of the two out, or write `decay: {learned: 0.9}`", "gate")  # fmt: skip
        numbers = self._numbers
        if (len(numbers) > 1 and not self._learned) or (self._learned and not all(0 < n < 1 for n in numbers)):
            raise Fault("AR432", "a fixed decay is one number from -1 to 1; learned ones start as one between 0 and 1, "
                        "or evenly between two such", "write {fixed: 0.9} or {learned: [0.9, 0.999]}",
                        "decay")  # fmt: skip
        if self.complex_ and into.channels % 2:
            raise Fault("AR403", f"complex channels come in pairs in each group, and '{node.inputs[0].name}' gives "
                        f"{into}", "give the layer before it an even number of channels a group")  # fmt: skip
        same_grid(node, node.ins, "the input and its decays")
        for port, wanted in (("decay", into.channels), ("gate", self._rates(into))):
            at = node.port(port)
            if at is not None and node.ins[at].channels != wanted:
                raise Fault("AR402", f"'{node.inputs[at].name}' gives {node.ins[at]}, where `{port}` takes {wanted} "
                            "channels a group", "change its `out`", port)  # fmt: skip
        return Type(into.grid, into.groups, into.channels, into.frame)

    def _rates(self, kind: Type) -> int:
        """Learned decays of a channel group."""
        return kind.channels // 2 if self.complex_ else kind.channels

    @property
    def _learned(self) -> bool:
        return self.decay is None or (isinstance(self.decay, dict) and "learned" in self.decay)

    @property
    def _numbers(self) -> list[float]:
        """A fixed decay, or the one or two that learned ones start from; none where a node gives them."""
        if isinstance(self.decay, str):
            return []
        (given,) = [START] if self.decay is None else self.decay.values()
        return given if isinstance(given, list) else [given]

    @property
    def _fixed(self) -> float | None:
        """The decay that is a number."""
        return self._numbers[0] if isinstance(self.decay, dict) and not self._learned else None

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        # what multiplies the earlier state alone is not read where there is none
        decay = Pointwise() if self.normalise else self.continued(node, member)
        return [Pointwise(), *[decay] * (len(node.inputs) - 1)]

    def weights(self, node: Node) -> dict[str, Weight]:
        if not self._learned:
            return {}
        count = node.out.groups * self._rates(node.out)
        moduli = np.linspace(self._numbers[0], self._numbers[-1], count)
        found = {"rate": Weight((count,), start=tuple(np.log(-np.log(moduli)).tolist()))}
        if self.complex_:  # multiples of the golden ratio, which do not go with the rates
            angles = np.pi * (np.arange(count) * (np.sqrt(5) - 1) / 2 % 1)
            found["angle"] = Weight((count,), start=tuple(angles.tolist()))
        return found

    def _decays(self, w: Weights, given: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Decays [..., C], and where the input is normalised what it is multiplied with.

        w: the learned rates and angles; given: decays or gates [..., C] where a node gives them."""
        import torch

        if self._learned:
            power = w["rate"].exp()
            power = power * given[0] if given else power
            modulus = (-power).exp()
            a = torch.cat([modulus * w["angle"].cos(), modulus * w["angle"].sin()], -1) if self.complex_ else modulus
            square = -(-2 * power).expm1()
        else:
            a = given[0]
            parts = a.chunk(2, -1) if self.complex_ else (a,)
            square = 1 - torch.stack([part.square() for part in parts]).sum(0)
        if not self.normalise:
            return a, None
        norm = square.clamp(min=SMALL).sqrt()
        return a, torch.cat([norm, norm], -1) if self.complex_ else norm

    def _constant(self, like: Tensor) -> tuple[Tensor, Tensor | None]:
        """As `_decays`, of a decay that is a number."""
        a = like.new_full((1,) * like.ndim, self._fixed or 0.0)
        return a, (1 - a.square()).clamp(min=SMALL).sqrt() if self.normalise else None

    def _times(self) -> Times:
        return complex_times if self.complex_ and self._fixed is None else real_times

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        groups = node.out.groups
        b, *given = (in_lines(x, groups, c) for x in xs)
        own = {name: value.view(1, 1, 1, groups, -1) for name, value in w.items()}
        a, norm = self._constant(b) if self._fixed is not None else self._decays(own, given)
        return from_lines(recurrence(a, b if norm is None else b * norm, self._times()), node.out, c)

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        """rate, angle: of the group's channels. Where no node has a say in them: the decays and what the input is
        multiplied with, a and norm."""
        own = {name: value.view(node.out.groups, -1)[group] for name, value in w.items()}
        if not own or self.gate is not None:
            return own
        a, norm = self._decays(own, [])
        return {"a": a} if norm is None else {"a": a, "norm": norm}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        b, *given, state = xs
        given = [something(x, source.channels) for x, source in zip(given, node.ins[1:], strict=True)]
        if "a" in w:
            a, norm = w["a"], w.get("norm")
        else:
            a, norm = self._constant(b) if self._fixed is not None else self._decays(w, given)
        return self._times()(a, state) + (b if norm is None else b * norm)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("recurrent", ("complex, " if self.complex_ else "") + self.said())
