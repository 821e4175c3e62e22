"""`linear_attention`: a recurrence with a matrix for each head, written by keys and values and read by queries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.along import Along, continued, continued_before, from_lines, in_lines, something
from arspec.layers.base import Constants, Fault, Node, Ref, Style, Traits, Weight, Weights
from arspec.layers.matrix_states import Steps, all_steps, last_state, one_step, one_step_into
from arspec.layers.one_grid import same_grid
from arspec.reads import Pointwise, Reads
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

MAX_STATE = 1 << 24  # numbers of the state of one example
CHUNK, CHUNK_BY_CHANNEL = 64, 16  # steps of a chunk; where each channel decays by itself, all pairs hold all channels
EPSILON = 1e-6  # added to what `normalise` divides by (Katharopoulos et al. 2020)
RATES = (1.0, 16.0)  # of the first and the last head at the start (Dao & Gu 2024)

Share = Annotated[float | int, Field(gt=0, le=1)]
Shares = Share | Annotated[list[Share], Field(min_length=1, max_length=1024)]
Decays = Annotated[dict[Literal["fixed", "learned"], Shares], Field(min_length=1, max_length=1)]


class LinearAttention(Along):
    """For each head S = decay ⊙ S' + k vᵀ, and y = Sᵀ q, with S' the state of the site before: attention without a
    softmax, of constant cost a step (Katharopoulos et al. 2020). `from` gives the queries. `decay` makes it RetNet (Sun
    et al. 2023), gated linear attention (Yang et al. 2024), Mamba-2 (Dao & Gu 2024) or RWKV-6 (Peng et al. 2024).
    `update: delta` corrects what the state holds at the key in place of adding to it: S = D + β k (v − Dᵀ k)ᵀ with D =
    decay ⊙ S'. That is DeltaNet (Schlag et al. 2021), with `decay` gated DeltaNet (Yang et al. 2025). With a `removal`
    r it is S = D − (rate ⊙ r) (S'ᵀ r)ᵀ + β k vᵀ, the generalized delta rule of RWKV-7 (Peng et al. 2025)."""

    layer: Literal["linear_attention"]
    example = (
        "k: {layer: conv, from: first, out: 24, mask: so_far}\n"
        "v: {layer: conv, from: first, out: 24, mask: so_far}\n"
        "seen: {layer: linear_attention, from: first, keys: k, values: v, heads: 2, decay: {fixed: [0.9, 0.99]}}"
    )
    keys: Ref = Field(description="The node that gives the keys: as many channels as the queries.")
    values: Ref = Field(description="The node that gives the values.")
    decay: Ref | Decays | None = Field(
        None,
        description="The node that gives how much each step's state decays, as minus the logarithm, so 0 or more: one "
        "number for each head, or one for each channel of its key. Or the same at all steps: `fixed`, as in {fixed: "
        "[0.97, 0.998]}, or `learned`, as in {learned: 0.9}. Of two numbers, 1 − decay goes from the first head's to "
        "the last's in equal ratios.",
    )
    strength: Ref | None = Field(
        None,
        description="The node that gives what each step's value is multiplied with, one number for each head: β of "
        "`update: delta`, the step size of Mamba-2.",
    )
    heads: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="Heads: each has a state and its own values.")
    key_heads: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="Heads of the queries and keys, each shared by equally many of `heads`; as many as those."
    )
    rates: bool = Field(
        False, description="Whether a learned positive factor for each head multiplies what the node `decay` gives."
    )
    update: Literal["add", "delta"] = Field(
        "add", description="What a step does to the state: it adds its value, or corrects what is held at its key."
    )
    removal: Ref | None = Field(
        None,
        description="The node that gives the keys at which `update: delta` erases, in place of the keys at which it "
        "writes: as many channels as these.",
    )
    rate: Ref | None = Field(
        None,
        description="The node that gives how much of what the state holds at `removal` is erased: one number for each "
        "head, or one for each channel of its key. All of it where left out.",
    )
    bonus: bool = Field(
        False, description="Whether the own step is read beside the state before it, weighed by learned factors, one "
        "for each channel of a key (RWKV)."
    )  # fmt: skip
    skip: bool = Field(False, description="Whether the values are added, times a learned number a head (Mamba-2's D).")
    normalise: bool | Literal["bounded"] = Field(
        False, description="Whether it is divided by what the query reads of the sum of the keys. These are then "
        "positive: put `softplus` or another such function before them. `bounded` divides by the absolute value of "
        "that, or by 1 where it is smaller, and takes keys of any sign (mLSTM: Beck et al. 2024, \"xLSTM\")."
    )  # fmt: skip
    scale: Annotated[float, Field(gt=0, le=1e6)] = Field(1.0, description="What queries are multiplied with.")
    chunk: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None,
        description=f"Steps of a chunk, in which all sites at once are computed. It changes no result. {CHUNK}, or "
        f"{CHUNK_BY_CHANNEL} where each channel of a key decays by itself.",
    )
    ports = ("keys", "values", "decay", "strength", "removal", "rate")

    def infer(self, node: Node) -> Type:
        queries, keys, values = node.ins[:3]
        same_grid(node, node.ins, "queries, keys, values and what goes with them")
        if queries.channels != keys.channels:
            raise Fault("AR402", f"queries give {queries}, keys {keys}: they take equal numbers of channels",
                        "change `out` of one of them", "keys")  # fmt: skip
        if self.heads % self._key_heads:
            raise Fault("AR403", f"{self.heads} heads can't be shared out among {self._key_heads} heads of the keys",
                        f"take a divisor of {self.heads}", "key_heads")  # fmt: skip
        for port, kind, heads in (("from", queries, self._key_heads), ("values", values, self.heads)):
            if kind.channels % heads:
                raise Fault("AR403", f"{kind.channels} channels can't be shared out among {heads} heads",
                            f"take a multiple of {heads} in each channel group", port)  # fmt: skip
        self._check_removal(node)
        self._check_weighing(node)
        self.check_lines(node)
        state = queries.groups * self._state(node)
        if state > MAX_STATE:
            raise Fault("AR413", f"the state has {state:,} numbers, where {MAX_STATE:,} are the limit (MAX_STATE)",
                        "take more heads, or fewer channels")  # fmt: skip
        return Type(queries.grid, queries.groups, values.channels, queries.frame)

    @property
    def _key_heads(self) -> int:
        return self.key_heads or self.heads

    @property
    def _late(self) -> bool:
        """Whether a step reads the state that the one before it has not yet decayed, nor written to: a bonus reads the
        own step beside the state, and its decay befalls what the next one reads."""
        return self.bonus and self.update == "add" and isinstance(self.decay, str)

    @property
    def _shares(self) -> list[float] | None:
        """The decay of each head, where it is the same at all steps."""
        if not isinstance(self.decay, dict):
            return None
        (given,) = self.decay.values()
        listed = given if isinstance(given, list) else [given]
        if len(listed) == 2 and self.heads != 2:  # 1 - decay in equal ratios
            first, last = (1 - share for share in listed)
            return [1 - first * (last / first) ** (h / max(self.heads - 1, 1)) for h in range(self.heads)]
        return listed * self.heads if len(listed) == 1 else listed

    def _check_removal(self, node: Node) -> None:
        """Raises Fault where what is erased does not fit the update or the keys."""
        at = node.port("removal")
        if at is None:
            if node.port("rate") is not None:
                raise Fault("AR435", "`rate` weighs what is erased at `removal`, which names no node",
                            "write `removal: NODE`, or leave `rate` out", "rate")  # fmt: skip
            return
        if self.update != "delta" or self.bonus:
            found = "`bonus` reads the own step alone" if self.bonus else f"`update: {self.update}` erases nothing"
            raise Fault("AR435", f"`removal` says where `update: delta` erases, and {found}",
                        "take `update: delta` without a `bonus`, or leave `removal` out", "removal")  # fmt: skip
        if node.ins[at].channels != node.ins[1].channels:
            raise Fault("AR402", f"keys give {node.ins[1]}, '{node.inputs[at].name}' gives {node.ins[at]}: `removal` "
                        "takes equal numbers of channels", "change `out` of one of them", "removal")  # fmt: skip

    def _check_weighing(self, node: Node) -> None:
        """Raises Fault where decay, strength and the keys that concern them do not fit."""
        key = node.ins[0].channels // self._key_heads
        of_channels = {self.heads, self.heads * key}
        for port, takes in (("decay", of_channels), ("strength", {self.heads}), ("rate", of_channels)):
            at = node.port(port)
            if at is not None and node.ins[at].channels not in takes:
                words = " or ".join(f"{n:,}" for n in sorted(takes))
                more = f", or for each of the {key} channels of its key" if takes is of_channels else ""
                raise Fault("AR434",
                            f"`{port}` takes {words} channels in each group, one for each of {self.heads} heads{more}; "
                            f"'{node.inputs[at].name}' gives {node.ins[at]}",
                            "change its `out`, or `heads`", port)  # fmt: skip
        if self.rates and node.port("decay") is None:
            raise Fault("AR435", "`rates` multiplies what a node gives, and `decay` names none",
                        "write `decay: NODE`, or `decay: {learned: 0.9}`, which has a number for each head",
                        "rates")  # fmt: skip
        if self.normalise and self.update == "delta":
            raise Fault("AR435", "`normalise` divides by the sum of the keys, which `update: delta` does not add up",
                        "take `update: add`, or leave `normalise` out", "normalise")  # fmt: skip
        shares = self._shares
        if shares is None:
            return
        if len(shares) != self.heads:
            raise Fault("AR434", f"`decay` has {len(shares)} numbers, and there are {self.heads} heads",
                        "give one number, those of the first and the last head, or one for each", "decay")  # fmt: skip
        if isinstance(self.decay, dict) and (1 in shares and ("learned" in self.decay or len(set(shares)) > 1)):
            raise Fault("AR435", "a decay of 1 neither grows in equal ratios nor is learned",
                        "take a number below 1, such as 0.999; leave `decay` out where nothing decays",
                        "decay")  # fmt: skip

    # -- what it reads -----------------------------------------------------------------------------------------------

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        chains, decay = self.chains(node, member), node.port("decay")
        falls = continued_before(chains) if self._late else continued(chains)
        return [falls if k == decay else Pointwise() for k in range(len(node.inputs))]

    # -- its weights -------------------------------------------------------------------------------------------------

    def weights(self, node: Node) -> dict[str, Weight]:
        """decay [G * H]: its logarithm is −exp(weight). rates [G * H]: the factors are exp(weight). bonus [G * H, K]:
        one for each channel of a key. skip [G * H]."""
        groups, heads = node.out.groups, self.heads
        every = groups * heads
        found: dict[str, Weight] = {}
        if isinstance(self.decay, dict) and "learned" in self.decay:
            found["decay"] = Weight((every,), start=tuple(math.log(-math.log(s)) for s in self._shares or ()) * groups)
        if self.rates:
            steps = [RATES[0] + (RATES[1] - RATES[0]) * h / max(heads - 1, 1) for h in range(heads)]
            found["rates"] = Weight((every,), start=tuple(map(math.log, steps)) * groups)
        if self.bonus:
            found["bonus"] = Weight((every, node.ins[0].channels // self._key_heads), constant=1.0)
        if self.skip:
            found["skip"] = Weight((every,), constant=1.0)
        return found

    def constants(self, node: Node, member: Member) -> Constants:
        """Those of `Along`; falls [G * H]: the logarithms of fixed decays."""
        found = super().constants(node, member)
        shares = self._shares
        if shares is not None and isinstance(self.decay, dict) and "fixed" in self.decay:
            found["falls"] = np.log(np.array(shares * node.out.groups))
        return found

    # -- its computation ---------------------------------------------------------------------------------------------

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        groups, batch = node.out.groups, len(xs[0])
        along = [in_lines(x, groups, c).flatten(0, 1) for x in xs]  # [B * K, L, G, C]
        weights = {**w, "falls": c["falls"]} if "falls" in c else w
        steps = self._steps(node, weights, along)
        y = self._output(all_steps(steps, self._chunk(steps)), steps, weights)
        return from_lines(y.unflatten(0, (batch, -1)).unflatten(3, (groups, -1)), node.out, c)

    def _chunk(self, steps: Steps) -> int:
        return self.chunk or (CHUNK if steps.decay is None or steps.decay.shape[-1] == 1 else CHUNK_BY_CHANNEL)

    def _steps(self, node: Node, w: Weights, xs: list[Tensor]) -> Steps:
        """What the inputs give, each [N, L, G, C], of all groups or of one."""
        heads, key_heads = self.heads * xs[0].shape[2], self._key_heads * xs[0].shape[2]
        q, k, v = _by_head(xs[0], key_heads), _by_head(xs[1], key_heads), _by_head(xs[2], heads)
        if self.scale != 1.0:
            q = q * self.scale
        if self.normalise:
            v = _with_ones(v)
        at, held = node.port("decay"), node.port("strength")
        decay: Tensor | None = None
        if at is not None:
            decay = -_by_head(xs[at], heads)
            if "rates" in w:
                decay = decay * w["rates"].exp().view(-1, 1, 1)
        elif "decay" in w:
            decay = -w["decay"].exp().view(1, -1, 1, 1)
        elif "falls" in w:
            decay = w["falls"].to(q.dtype).view(1, -1, 1, 1)
        strength = None if held is None else _by_head(xs[held], heads)
        bonus = w["bonus"][:, None] if "bonus" in w else None
        gone, rate = node.port("removal"), node.port("rate")
        return Steps(
            q, k, v, decay, strength, bonus, self.update == "delta" and gone is None,
            removal=None if gone is None else _by_head(xs[gone], key_heads),
            rate=None if rate is None else _by_head(xs[rate], heads),
        )  # fmt: skip

    def _output(self, y: Tensor, steps: Steps, w: Weights) -> Tensor:
        """y [N, H, L, V], what the states give -> [N, L, H * V]."""
        if self.normalise:
            summed = y[..., -1:]
            y = y[..., :-1] / (summed.abs().clamp(min=1) if self.normalise == "bounded" else summed + EPSILON)
        if "skip" in w:
            own = steps.v[..., :-1] if self.normalise else steps.v
            y = y + w["skip"].view(-1, 1, 1) * own
        return y.transpose(1, 2).flatten(2)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        mine = slice(group * self.heads, (group + 1) * self.heads)
        named = {**w, "falls": c["falls"]} if "falls" in c else w
        return {name: value[mine] for name, value in named.items()}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        *given, own = xs
        batch, count = own.shape[:2]
        rows = own.reshape(batch * count, -1)
        steps = self._steps(node, w, self._alone(node, [x.reshape(batch * count, 1, -1) for x in given]))
        state = self._parts(node, rows)[1]
        if self._late:
            y, state = one_step(self._written(node, steps, rows), state)
            y, written = y + steps.beside, [steps.by_head.k.flatten(1), steps.weighted.flatten(1)]
        else:
            (y, state), written = one_step(steps, state), []
        kept = torch.cat([self._output(y, steps, w).flatten(1), state.flatten(1), *written], 1)
        return kept.view(batch, count, -1)

    def advance(self, node: Node, w: Weights, xs: list[Tensor], before: Tensor, after: Tensor) -> Tensor:
        steps = self._steps(node, w, self._alone(node, xs))
        earlier, own = self._parts(node, before), self._parts(node, after)
        if self._late:
            y = one_step_into(self._written(node, steps, before), earlier[1], own[1]) + steps.beside
            own[2].copy_(steps.by_head.k)
            own[3].copy_(steps.weighted)
        else:
            y = one_step_into(steps, earlier[1], own[1])
        y = self._output(y, steps, w)
        own[0].copy_(y[:, 0])
        return y

    def kept_states(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        groups, positions = node.out.groups, node.out.positions
        lines = [in_lines(x, groups, c) for x in xs]  # [B, K, L, G, C]
        each = [self.prepare_sites(node, w, c, group, []) for group in range(groups)]
        found: list[Tensor] = []
        for group, position in (divmod(site, positions) for site in sites.tolist()):
            line, step = divmod(int(c["inverse"][position]) if "inverse" in c else position, c["shape"][1])
            own = [x[:, line, step : step + 1, group : group + 1] for x in lines]
            given = self._steps(node, each[group], own)
            state = given.k.new_zeros(len(given.k), self.heads, *self._shape(node))
            if step:
                earlier = self._steps(node, each[group], [x[:, line, :step, group : group + 1] for x in lines])
                state = last_state(earlier, self._chunk(earlier))
            y, after = one_step(given, state)
            kept = [self._output(y, given, each[group])[:, 0], (state if self._late else after).flatten(1)]
            written = [given.by_head.k.flatten(1), given.weighted.flatten(1)] if self._late else []
            found.append(torch.cat([*kept, *written], 1))
        return torch.stack(found, 1)

    def _alone(self, node: Node, xs: list[Tensor]) -> list[Tensor]:
        """What one site reads of each input, [N, 1, C] -> [N, 1, 1, C]: zeros where no site of a line reads any."""
        return [something(x, kind.channels)[:, :, None] for x, kind in zip(xs, node.ins, strict=True)]

    def _parts(self, node: Node, rows: Tensor) -> list[Tensor]:
        """Rows of the cache [N, cached_channels]: the output [N, C], the state [N, H, K, V], and where a step leaves it
        to the next one to write it there, its key [N, H, 1, K] and its value [N, H, 1, V]."""
        key, value = self._shape(node)
        sizes = [node.out.channels, self.heads * key * value]
        if not self._late:
            y, state = rows.split(sizes, 1)
            return [y, state.unflatten(1, (self.heads, key, value))]
        y, state, k, u = rows.split([*sizes, self.heads * key, self.heads * value], 1)
        shapes = ((self.heads, key, value), (self.heads, 1, key), (self.heads, 1, value))
        return [y, *(x.unflatten(1, shape) for x, shape in zip((state, k, u), shapes, strict=True))]

    def _written(self, node: Node, steps: Steps, rows: Tensor) -> Steps:
        """The step that brings the state of earlier rows up to date, and reads it by the queries of `steps`."""
        _, _, k, u = self._parts(node, rows)
        return Steps(steps.by_head.q, k, u, steps.decay)

    def _shape(self, node: Node) -> tuple[int, int]:
        """Of a head's state: channels of a key, and of a value."""
        return node.ins[0].channels // self._key_heads, node.ins[2].channels // self.heads + bool(self.normalise)

    def _state(self, node: Node) -> int:
        """Numbers of the state of a channel group."""
        return self.heads * math.prod(self._shape(node))

    def cached_channels(self, node: Node) -> int:
        key, value = self._shape(node)
        return node.out.channels + self._state(node) + self._late * self.heads * (key + value)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False, advances=True, gives_states=True)

    def style(self, node: Node) -> Style:
        rule = "delta rule" if self.update == "delta" else "adds up"
        return Style("recurrent", f"{self.heads} heads, {rule}, {self.said()}")


def _by_head(x: Tensor, heads: int) -> Tensor:
    """[N, L, G, C] -> [N, heads, L, ...]: the channels of all groups shared out among the heads."""
    return x.flatten(2).unflatten(2, (heads, -1)).transpose(1, 2)


def _with_ones(v: Tensor) -> Tensor:
    """[N, H, L, V] -> [N, H, L, V + 1]: what is read of these is the sum of the keys."""
    from torch.nn import functional as F

    return F.pad(v, (0, 1), value=1.0)
