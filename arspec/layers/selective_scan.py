"""`selective_scan`: Mamba's state space, which chooses from site to site what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.along import Along, from_lines, in_lines
from arspec.layers.base import Fault, Node, Ref, Style, Traits, Weight, Weights
from arspec.layers.diagonal import recurrence
from arspec.layers.helpers import sites_last
from arspec.layers.one_grid import same_grid
from arspec.types import Ints, Type

if TYPE_CHECKING:
    from torch import Tensor

AT_ONCE = 1 << 18  # numbers of states that are gone through at once where few of them are kept
FIRST, LAST = 1e-3, 1e-1  # steps with which the channels start, evenly by their logarithms (Gu & Dao 2023, section 3.6)


class SelectiveScan(Along):
    """The selective state space S6 (Gu & Dao 2023, algorithm 2). Each channel x has N states. With
    Δ = softplus(step + step_bias) and A = -exp(A_log), h = exp(Δ A) ⊙ h' + Δ x B and y = C · h + D x. B and C have N
    channels in each group, which all channels of the group share. Weights: A_log [channels, N], D and step_bias
    [channels]."""

    layer: Literal["selective_scan"]
    example = (
        "step: {layer: conv, from: first, kernel: 1, out: 24, mask: so_far, bias: false}\n"
        "b: {layer: conv, from: first, kernel: 1, out: 12, mask: so_far, bias: false}\n"
        "c: {layer: conv, from: first, kernel: 1, out: 12, mask: so_far, bias: false}\n"
        "read: {layer: selective_scan, from: first, step: step, input: b, output: c, states: 4}"
    )
    step: Ref = Field(description="The node that gives Δ before its bias and softplus: as many channels as x.")
    input: Ref = Field(description="The node that gives B: `states` channels in each group.")
    output: Ref = Field(description="The node that gives C: `states` channels in each group.")
    states: Annotated[int, Field(ge=1, le=1024)] = Field(16, description="States of each channel, N.")
    skip: bool = Field(True, description="Whether D x is added, with a learned D.")
    ports = ("step", "input", "output")
    quick = "selective_step"

    def infer(self, node: Node) -> Type:
        self.check_lines(node)
        into = node.ins[0]
        same_grid(node, node.ins, "x, the step, the input and the output matrix")
        wanted = {"step": into.channels, "input": self.states, "output": self.states}
        for (port, count), source in zip(wanted.items(), node.inputs[1:], strict=True):
            if source.out.channels != count:
                raise Fault("AR402", f"'{source.name}' gives {source.out}, where `{port}` takes {count} channels a "
                            "group", "change its `out`" if port == "step" else "change its `out`, or `states`",
                            port)  # fmt: skip
        return Type(into.grid, into.groups, into.channels, into.frame)

    def weights(self, node: Node) -> dict[str, Weight]:
        width = node.out.width
        decays = np.log(np.arange(1.0, self.states + 1))  # S4D-Real (Gu et al. 2022)
        step = np.geomspace(FIRST, LAST, width)
        found = {
            "A_log": Weight((width, self.states), start=tuple(decays.tolist())),
            "step_bias": Weight((width,), start=tuple((step + np.log(-np.expm1(-step))).tolist())),
        }
        return {**found, "D": Weight((width,), constant=1.0)} if self.skip else found

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return self._read(node, w, c, xs, self._all_states(node, w, c, xs))

    def _read(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], state: Tensor) -> Tensor:
        """What all sites give, from their states [B, K, L, G, C, N]."""
        x, read = (in_lines(part, node.out.groups, c) for part in (xs[0], xs[3]))
        y = (state @ read[..., None]).squeeze(-1)
        return from_lines(y + w["D"].view(node.out.groups, -1) * x if self.skip else y, node.out, c)

    def _all_states(self, node: Node, w: Weights, c: Weights, xs: list[Tensor]) -> Tensor:
        """h after each site: [B, K, L, G, C, N]."""
        from torch.nn.functional import softplus

        groups = node.out.groups
        x, step, given = (in_lines(part, groups, c) for part in xs[:3])
        step = softplus(step + w["step_bias"].view(groups, -1))
        decay = (step[..., None] * -w["A_log"].exp().unflatten(0, (groups, -1))).exp()
        return recurrence(decay, (step * x)[..., None] * given[..., None, :])

    def kept_states(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return self.forward_and_states(node, w, c, xs, sites)[1]

    def forward_and_states(
        self, node: Node, w: Weights, c: Weights, xs: list[Tensor], sites: Tensor, asked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        import torch

        length = int(c["shape"][1])

        def in_line(sites: Tensor) -> Tensor:
            """Where sites lie in the lines, one after another."""
            position = sites % node.out.positions
            return position if "inverse" not in c else c["inverse"].index_select(0, position)

        position, until = in_line(sites), length
        if asked is not None:  # nothing is made of what comes after the last of them, on whichever line
            until = 1 + max(int((in_line(own) % length).max()) if len(own) else 0 for own in (sites, asked))
        y, state = self._gone_through(node, w, c, xs, position, sites // node.out.positions, until)
        return y, torch.cat([sites_last(y, node.out.groups).index_select(1, sites), state.flatten(2)], 2)

    def _gone_through(
        self, node: Node, w: Weights, c: Weights, xs: list[Tensor], position: Tensor, group: Tensor,
        until: int,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """What all sites give that lie before `until` on their line, and the states [B, n, N, C] after n of them, by
        their positions in the lines [n] and their groups [n]. A few steps are gone through at a time, in the same two
        places of memory by turns, so that caches hold what they need, and channels lie side by side."""
        import torch
        from torch.nn.functional import softplus

        groups = node.out.groups
        x, step, given, read = (in_lines(part, groups, c).contiguous() for part in xs)  # [B, K, L, G, ...]
        length = x.shape[2]
        line, at = position // length, position % length
        a = -w["A_log"].exp().unflatten(0, (groups, -1)).mT.contiguous()  # [G, N, C]
        if groups == x.shape[1] == 1 and (there := self._step_by_step(w, a[0], (x, step, given, read), at, until)):
            return from_lines(there[0], node.out, c), there[1]
        step = softplus(step + w["step_bias"].view(groups, -1))
        fed, y = step * x, torch.zeros_like(x)
        each = min(until, max(1, AT_ONCE // max(1, x[:, :, 0].numel() * self.states)))
        found = x.new_empty(len(x), len(position), *a.shape[1:])
        room = [x.new_empty(*x.shape[:2], each, groups, *a.shape[1:]) for _ in range(3)]
        before: Tensor | None = None
        for number, first in enumerate(range(0, until, each)):
            now = slice(first, min(first + each, until))
            decay, state = (own[:, :, : now.stop - first] for own in (room[2], room[number % 2]))
            torch.mul(step[:, :, now, :, None], a, out=decay).exp_()
            torch.mul(given[:, :, now, :, :, None], fed[:, :, now, :, None], out=state)
            for t in range(now.stop - first):
                own = state[:, :, t]
                before = own if before is None else own.addcmul_(decay[:, :, t], before)
            y[:, :, now] = (read[:, :, now, :, None] @ state).squeeze(-2)
            inside = ((at >= now.start) & (at < now.stop)).nonzero()[:, 0]
            if len(inside):
                found[:, inside] = state[:, line[inside], at[inside] - first, group[inside]]
        return from_lines(y.addcmul_(w["D"].view(groups, -1), x) if self.skip else y, node.out, c), found

    def _step_by_step(
        self, w: Weights, a: Tensor, xs: tuple[Tensor, ...], at: Tensor, until: int
    ) -> tuple[Tensor, Tensor] | None:  # fmt: skip
        """The same of one line and one group, in machine code; None where it has no use for them. at [n]: steps."""
        x = xs[0][:, 0, :, 0]
        y, found = xs[0].new_zeros(xs[0].shape), x.new_empty(len(x), len(at), *a.shape)
        row, first = x.new_zeros(len(x), x.shape[2] + a.numel()), 0
        kept: dict[int, list[int]] = {until: []} if until else {}  # by the steps until then, who wants their states
        for k, last in enumerate(at.tolist()):
            kept.setdefault(last + 1, []).append(k)
        for end in sorted(kept):
            x, step, given, read = (own[:, 0, first:end, 0] for own in xs)
            made = self.quickly(w, x, step, w["step_bias"], a, given, read, w.get("D"), row, row)
            if made is None:
                return None
            y[:, 0, first:end, 0] = made
            for k in kept[end]:
                found[:, k] = row.narrow(1, x.shape[2], a.numel()).unflatten(1, a.shape)
            first = end
        return y, found

    def advance(self, node: Node, w: Weights, xs: list[Tensor], before: Tensor, after: Tensor) -> Tensor:
        import torch
        from torch.nn.functional import softplus

        x, step, given, read = xs
        y = self.quickly(w, x, step, w["step_bias"], w["A"], given, read, w.get("D"), before, after)
        if y is not None:
            return y
        shape, states = (self.states, node.out.channels), node.out.channels * self.states
        earlier, later = (row.narrow(1, shape[1], states).unflatten(1, shape) for row in (before, after))
        step = softplus(step + w["step_bias"])
        torch.mul((step * w["A"]).exp_(), earlier, out=later)
        later.addcmul_(given.mT, step * x)
        y = read @ later
        y = torch.addcmul(y, w["D"], x) if self.skip else y
        after.narrow(1, 0, shape[1]).copy_(y[:, 0])
        return y

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        """Of the group's channels A [N, C], step_bias and D [C]."""
        own = {name: value.unflatten(0, (node.out.groups, -1))[group] for name, value in w.items()}
        return {"A": -own.pop("A_log").mT.exp().contiguous(), **own}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch
        from torch.nn.functional import softplus

        x, step, given, read, before = xs
        earlier = before[..., node.out.channels :].unflatten(-1, (self.states, -1))
        step = softplus(step + w["step_bias"])
        decay = (step[..., None, :] * w["A"]).exp_()
        state = torch.addcmul(given[..., None] * (step * x)[..., None, :], decay, earlier)
        y = (read[..., None, :] @ state).squeeze(-2)
        return torch.cat([torch.addcmul(y, w["D"], x) if self.skip else y, state.flatten(-2)], -1)

    def cached_channels(self, node: Node) -> int:
        """The output, then all channels of each of the states."""
        return node.out.channels * (1 + self.states)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False, advances=True, gives_states=True)

    def style(self, node: Node) -> Style:
        return Style("recurrent", f"{self.states} states, {self.said()}")
