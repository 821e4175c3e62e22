"""Made by `tools/readme` from the models that state the keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arspec.build.values import Expression, Node

@dataclass(frozen=True)
class Section:
    """A section that a function of this module gives: its kind, and what its keys are."""

    kind: str
    keys: dict[str, Any] = ...

def keys_of(model: Any) -> list[str]:
    """The keys that a function takes, by their YAML names, but those that choose the kind or the input."""
    ...


class Layers:
    """A graph, or the inside of a block, as far as its layers go: one method for each kind of layer."""

    def add_layer(self, kind: str | Expression, source: Any, keys: dict[str, Any]) -> Node:
        """A node of a kind, or of one that a parameter names. source: a node, a list of nodes, or None."""
        ...

    def conv(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        out: int | Expression,
        kernel: int | Sequence[int | Expression] | Expression = ...,
        mask: str | Sequence[Any | Expression] | Mapping[str, Any] | Expression | None = ...,
        stride: int | Sequence[int | Expression] | Expression = ...,
        dilation: int | Sequence[int | Expression] | Expression = ...,
        padding: Literal["same", "causal", "valid"] | int | Mapping[str, Any] | Expression = ...,
        transposed: bool | Expression = ...,
        crop: int | Sequence[int | Expression] | Expression = ...,
        groups: int | Expression | None = ...,
        depthwise: bool | Expression = ...,
        bias: bool | Expression = ...,
        weight_norm: bool | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A convolution over rows and columns, or over time. Every output site reads a window of input positions;
        a mask says which of them, and which channel groups of them, it may read. Without a mask every channel
        group reads all. A `depthwise` one reads its own channel alone, whatever the groups of the mask.

        weights: The node whose weights it shares (tied).
        out: Output channels, over all channel groups.
        kernel: Places of the window: one number, or one a dimension.
        mask: Which sites of the window are read. Nothing is hidden without it.
        stride: Input positions from one output position to the next.
        dilation: Input positions from tap to tap.
        padding: Zeros around the input: same (centred), causal (all before), valid (none), or a number a side:
            top, bottom, left, right; before, after.
        transposed: A transposed convolution: `stride` outputs for every input position.
        crop: Transposed only: positions cut from the start of the full output.
        groups: Channel groups of the output; those of the input if left out.
        depthwise: Whether a channel reads itself alone; `out` is then the number of the input's channels.
        bias: Whether a bias is added.
        weight_norm: Weight normalisation: a learned gain for each output channel.
        """
        ...

    def dense(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        units: int | Expression | None = ...,
        out: int | Expression = ...,
        mask: str | Sequence[Any | Expression] | Mapping[str, Any] | Expression | None = ...,
        degrees: Literal["random", "cyclic"] | Sequence[int | Expression] | Expression = ...,
        bias: bool | Expression = ...,
        weight_norm: bool | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A fully connected layer of a vector model. With `units` it is a hidden layer: every unit has a degree,
        the highest rank that it may have seen. Degrees are drawn anew for each member of the spec's family.
        `mask: so_far` lets a unit read what has no higher degree. Without `units` it gives `out` channels for
        each entry of the data. `mask: earlier` then leaves out the entry itself. (Germain et al. 2015,
        equations 13 and 14.)

        weights: The node whose weights it shares (tied).
        units: Hidden units. Left out: one position for each entry of the data.
        out: Channels of each entry, where `units` is left out.
        mask: Which units are read: earlier, so_far, ... All of them without it.
        degrees: How hidden units get their degrees. In a family of one they lie in their order. Or a list of
            them, a number for each unit, whose number `units` then need not say.
        bias: Whether a bias is added.
        weight_norm: Weight normalisation: a learned gain for each output.
        """
        ...

    def attention(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        keys: Node,
        values: Node,
        mask: str | Sequence[Any | Expression] | Mapping[str, Any] | Expression | None = ...,
        heads: int | Expression = ...,
        kv_heads: int | Expression | None = ...,
        scale: float | Expression | None = ...,
        soft_cap: float | Expression | None = ...,
        sinks: bool | Expression = ...,
        relative: Mapping[str, Any] | Expression | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """softmax(q · k / √d) over the sites that the mask allows, times their values (Vaswani et al. 2017).
        `from` gives the queries; keys and values are nodes of their own, such as 1×1 convolutions. They may lie
        on another grid than the queries: that of a condition, or a coarser one of the data. `mask: earlier`
        leaves out the site itself, and a site that sees nothing gets zeros; `mask: so_far` includes it.

        Heads may share keys and values in groups (`kv_heads`: Ainslie et al. 2023). The size d of a head is the
        queries' channels by `heads`, and keys have `kv_heads` times as many. Values may have heads of another
        size.

        weights: The node whose weights it shares (tied).
        keys: The node that gives the keys: `kv_heads` times the size of a head, on any grid.
        values: The node that gives the values, on the grid of the keys.
        mask: Which sites are seen: earlier, so_far, ... All of them without it.
        heads: Heads: each takes its share of the channels.
        kv_heads: Heads of keys and values, each shared by equally many queries' heads; `heads` if left out.
        scale: What scores are multiplied by: 1 / √d if left out.
        soft_cap: Scores s become cap · tanh(s / cap) (Gemma 2).
        sinks: Whether each head has a learned score of its own that takes a share, and gives nothing.
        relative: What is added to a score by the steps between query and key: `{kind: alibi}`, or `{kind:
            buckets, buckets: 32, farthest: 128, both_ways: false}`.
        """
        ...

    def lstm(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        state: Sequence[Sequence[int | Expression] | Expression] | Expression,
        carry: int | Expression = ...,
        start: Literal["learned", "zero"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A long short-term memory over a grid. Its input gives 4 × its channels in each group, in the order o, f,
        i, g. `state: [[-1, -1], [-1, 0], [-1, 1]]` with `carry: 1` is a Row LSTM of kernel 3. [[0, -1], [-1,
        0]] is a Diagonal LSTM from the left, and [[-1]] is one over time. o, f, i, g = σ, σ, σ, tanh of the
        input's part plus the states' part. c = f ⊙ c' + i ⊙ g with c' the carried cell. h = o ⊙ tanh c. (van
        den Oord et al. 2016a, equation 3.)

        weights: The node whose weights it shares (tied).
        state: Offsets of the states that each one reads.
        carry: Which of the offsets, counted from 0, is the state that is carried on.
        start: What stands outside the grid where the carried state would be.
        """
        ...

    def gru(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        state: Sequence[Sequence[int | Expression] | Expression] | Expression,
        carry: int | Expression = ...,
        start: Literal["learned", "zero"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A gated recurrent unit over a grid. Its input gives 3 × its channels in each group, in the order r, z,
        n. r, z = σ of the input's part plus the states' part. n = tanh(input's part + r ⊙ (states' part + b)).
        h = (1 − z) ⊙ n + z ⊙ h' with h' the carried state. (Cho et al. 2014, in the form of torch's GRU.)

        weights: The node whose weights it shares (tied).
        state: Offsets of the states that each one reads.
        carry: Which of the offsets, counted from 0, is the state that is carried on.
        start: What stands outside the grid where the carried state would be.
        """
        ...

    def rnn(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        state: Sequence[Sequence[int | Expression] | Expression] | Expression,
        carry: int | Expression = ...,
        start: Literal["learned", "zero"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A plain recurrent layer over a grid: h = tanh(input's part + states' part) (Elman 1990).

        weights: The node whose weights it shares (tied).
        state: Offsets of the states that each one reads.
        carry: Which of the offsets, counted from 0, is the state that is carried on.
        start: What stands outside the grid where the carried state would be.
        """
        ...

    def linear_recurrence(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        along: Literal["order", "rows", "columns", "steps"] | Expression = ...,
        backward: bool | Expression = ...,
        decay: Node = ...,
        gate: Node = ...,
        complex: bool | Expression = ...,
        normalise: bool | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """h = a ⊙ h' + b, channel by channel, with h' the state before on the line and b the input. The decay a is
        what a node gives, a number, or learned: a = exp(-exp(rate)), one for each channel. With `gate` a
        learned one differs from site to site, a = exp(-exp(rate) ⊙ gate), as in RG-LRU (De et al. 2024,
        equations 3 to 5). With `complex` the channels of a group are complex numbers, the real parts first.
        Learned decays then turn them as well, a = exp(-exp(rate) + i angle) (S4D, Gu et al. 2022; S5, Smith et
        al. 2023; LRU, Orvieto et al. 2023).

        weights: The node whose weights it shares (tied).
        along: Which sites follow one another: in the order of generation, along each row to the right, down
            each column, or along the steps of a sequence.
        backward: Whether the lines go the other way: to the left, up, or to the past.
        decay: The node that gives the decays: as many channels as the input. Or `fixed`, the same everywhere,
            as in {fixed: 0.9}; or `learned`, as in {learned: [0.9, 0.999]}, between which they start, as
            without it.
        gate: The node by which learned decays are raised to a power: a channel for each rate.
        complex: Whether the channels are complex numbers: the real parts, then the others.
        normalise: Whether the input is multiplied by sqrt(1 - |a|²), which keeps the state's size.
        """
        ...

    def selective_scan(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        along: Literal["order", "rows", "columns", "steps"] | Expression = ...,
        backward: bool | Expression = ...,
        step: Node,
        input: Node,
        output: Node,
        states: int | Expression = ...,
        skip: bool | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """The selective state space S6 (Gu & Dao 2023, algorithm 2). Each channel x has N states. With Δ =
        softplus(step + step_bias) and A = -exp(A_log), h = exp(Δ A) ⊙ h' + Δ x B and y = C · h + D x. B and C
        have N channels in each group, which all channels of the group share. Weights: A_log [channels, N], D
        and step_bias [channels].

        weights: The node whose weights it shares (tied).
        along: Which sites follow one another: in the order of generation, along each row to the right, down
            each column, or along the steps of a sequence.
        backward: Whether the lines go the other way: to the left, up, or to the past.
        step: The node that gives Δ before its bias and softplus: as many channels as x.
        input: The node that gives B: `states` channels in each group.
        output: The node that gives C: `states` channels in each group.
        states: States of each channel, N.
        skip: Whether D x is added, with a learned D.
        """
        ...

    def cumulative(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        along: Literal["order", "rows", "columns", "steps"] | Expression = ...,
        backward: bool | Expression = ...,
        kind: Literal["sum", "mean"] | Expression = ...,
        mask: str | Sequence[Any | Expression] | Mapping[str, Any] | Expression | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """The sum or the mean of a node over the sites that come before on the line, channel by channel. With
        `mask: so_far` the own site counts, with `mask: earlier` it does not, and the first site of a line gets
        zeros.

        weights: The node whose weights it shares (tied).
        along: Which sites follow one another: in the order of generation, along each row to the right, down
            each column, or along the steps of a sequence.
        backward: Whether the lines go the other way: to the left, up, or to the past.
        kind: What is kept of the sites: their sum or their mean.
        mask: Whether the own site counts: so_far, as without it, or earlier, where it does not.
        """
        ...

    def long_conv(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        along: Literal["order", "rows", "columns", "steps"] | Expression = ...,
        backward: bool | Expression = ...,
        mask: str | Sequence[Any | Expression] | Mapping[str, Any] | Expression | None = ...,
        kernel: Mapping[str, Any] | Expression | None = ...,
        skip: bool | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """y_t = Σ w_lag x_(t - lag), channel by channel, over all that came before on the line. Each channel has a
        weight for each lag, or a small network gives it (`kernel`: the filter of Hyena, Poli et al. 2023). With
        `mask: so_far` the own site counts, with `mask: earlier` it does not.

        weights: The node whose weights it shares (tied).
        along: Which sites follow one another: in the order of generation, along each row to the right, down
            each column, or along the steps of a sequence.
        backward: Whether the lines go the other way: to the left, up, or to the past.
        mask: Whether the own site counts: so_far, as without it, or earlier, where it does not.
        kernel: What gives the weights: `{kind: explicit}`, each lag its own, as without it, or `{kind:
            implicit, width: 64, depth: 4, waves: 16, frequency: 14, window: [0.3, 1.5]}`, a network.
        skip: Whether D x is added, with a learned D for each channel.
        """
        ...

    def linear_attention(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        along: Literal["order", "rows", "columns", "steps"] | Expression = ...,
        backward: bool | Expression = ...,
        keys: Node,
        values: Node,
        decay: Node = ...,
        strength: Node = ...,
        heads: int | Expression = ...,
        key_heads: int | Expression | None = ...,
        rates: bool | Expression = ...,
        update: Literal["add", "delta"] | Expression = ...,
        removal: Node = ...,
        rate: Node = ...,
        bonus: bool | Expression = ...,
        skip: bool | Expression = ...,
        normalise: bool | Literal["bounded"] | Expression = ...,
        scale: float | Expression = ...,
        chunk: int | Expression | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """For each head S = decay ⊙ S' + k vᵀ, and y = Sᵀ q, with S' the state of the site before: attention
        without a softmax, of constant cost a step (Katharopoulos et al. 2020). `from` gives the queries.
        `decay` makes it RetNet (Sun et al. 2023), gated linear attention (Yang et al. 2024), Mamba-2 (Dao & Gu
        2024) or RWKV-6 (Peng et al. 2024). `update: delta` corrects what the state holds at the key in place of
        adding to it: S = D + β k (v − Dᵀ k)ᵀ with D = decay ⊙ S'. That is DeltaNet (Schlag et al. 2021), with
        `decay` gated DeltaNet (Yang et al. 2025). With a `removal` r it is S = D − (rate ⊙ r) (S'ᵀ r)ᵀ + β k
        vᵀ, the generalized delta rule of RWKV-7 (Peng et al. 2025).

        weights: The node whose weights it shares (tied).
        along: Which sites follow one another: in the order of generation, along each row to the right, down
            each column, or along the steps of a sequence.
        backward: Whether the lines go the other way: to the left, up, or to the past.
        keys: The node that gives the keys: as many channels as the queries.
        values: The node that gives the values.
        decay: The node that gives how much each step's state decays, as minus the logarithm, so 0 or more: one
            number for each head, or one for each channel of its key. Or the same at all steps: `fixed`, as in
            {fixed: [0.97, 0.998]}, or `learned`, as in {learned: 0.9}. Of two numbers, 1 − decay goes from the
            first head's to the last's in equal ratios.
        strength: The node that gives what each step's value is multiplied with, one number for each head: β of
            `update: delta`, the step size of Mamba-2.
        heads: Heads: each has a state and its own values.
        key_heads: Heads of the queries and keys, each shared by equally many of `heads`; as many as those.
        rates: Whether a learned positive factor for each head multiplies what the node `decay` gives.
        update: What a step does to the state: it adds its value, or corrects what is held at its key.
        removal: The node that gives the keys at which `update: delta` erases, in place of the keys at which it
            writes: as many channels as these.
        rate: The node that gives how much of what the state holds at `removal` is erased: one number for each
            head, or one for each channel of its key. All of it where left out.
        bonus: Whether the own step is read beside the state before it, weighed by learned factors, one for each
            channel of a key (RWKV).
        skip: Whether the values are added, times a learned number a head (Mamba-2's D).
        normalise: Whether it is divided by what the query reads of the sum of the keys. These are then
            positive: put `softplus` or another such function before them. `bounded` divides by the absolute
            value of that, or by 1 where it is smaller, and takes keys of any sign (mLSTM: Beck et al. 2024,
            "xLSTM").
        scale: What queries are multiplied with.
        chunk: Steps of a chunk, in which all sites at once are computed. It changes no result. 64, or 16 where
            each channel of a key decays by itself.
        """
        ...

    def gate(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        condition: Node = ...,
        function: Literal["tanh", "identity"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """y = f(a + V_a h) ⊙ σ(b + V_b h). Here a and b are the two halves of the channels of each group, and h is
        the condition, if there is one. f is tanh, or the identity as in PixelCNN++. (van den Oord et al. 2016b,
        equations 2 to 4; 2016c, equations 2 and 3.)

        weights: The node whose weights it shares (tied).
        condition: A condition, or a node computed from one: adds V h to both halves.
        function: What the first half goes through.
        """
        ...

    def relu(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def leaky_relu(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def elu(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def gelu(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def gelu_tanh(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def silu(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def tanh(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def sigmoid(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def softplus(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def exp(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def log(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def square(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def reciprocal(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def identity(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of
        `gelu` by a tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0.

        weights: The node whose weights it shares (tied).
        """
        ...

    def concat_elu(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """elu of the channels and of their negatives, side by side in each channel group (Salimans et al. 2017).

        weights: The node whose weights it shares (tied).
        """
        ...

    def softmax(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        over: Literal["channels"] | Expression = ...,
        heads: int | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """exp(x_c) / Σ_k exp(x_k) over the channels of a site, in each channel group by itself. With `heads` each
        head's share of the channels is taken by itself. It reads the site itself alone. A categorical head has
        a softmax of its own: it takes what stands before one.

        weights: The node whose weights it shares (tied).
        over: What the shares are taken over.
        heads: Heads: each takes its share of the channels.
        """
        ...

    def top_k(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        take: int | Expression,
        rest: Literal["zero", "-inf"] | Expression = ...,
        normalise: bool | Expression = ...,
        over: Literal["channels", "space"] | Expression = ...,
        balance: float | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Keeps the `take` largest channels of each site, in each channel group by itself. The others become zero,
        or −∞. Of equal ones the first is kept. What it is taken over decides what a site reads:

        - `channels`: the channels of the own group, at the own position. Always safe.
        - `space`: for each channel the largest of all positions. Leaks, wherever it carries data: a later
            position pushes
          out an earlier one. This is the choice that experts make (Zhou et al. 2022, "Mixture-of-Experts with
            Expert Choice
          Routing").

        `balance` adds a loss to training that is least where all channels are kept equally often: balance · C ·
        Σ_c f_c · p_c. Here f_c is the share of sites that keep channel c, and p_c the mean of that channel over
        all sites of the batch (Fedus et al. 2021, "Switch Transformers", equations 4 to 6). It is no part of
        the likelihood.

        weights: The node whose weights it shares (tied).
        take: How many are kept.
        rest: What the others become.
        normalise: Whether the kept ones, from 0 on, are divided by the site's sum.
        over: What the largest are looked for among.
        balance: Weight of the loss that balances how often each channel is kept.
        """
        ...

    def capacity(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        along: Literal["order", "rows", "columns", "steps"] | Expression = ...,
        backward: bool | Expression = ...,
        factor: float | Expression,
        take: int | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Keeps what is not zero of a channel until ceil(factor · take · sites / channels) sites of the line had
        it; at later ones the channel is zero. So experts have a capacity, and drop what comes when they are
        full (Fedus et al. 2021, "Switch Transformers", equation 3). Sites come in the order of generation, of
        each example by itself: what is dropped is dropped by what came before, never by another example. A site
        therefore reads all earlier ones. (So are the first ones taken to do, for which there always is room.)

        weights: The node whose weights it shares (tied).
        along: Which sites follow one another: in the order of generation, along each row to the right, down
            each column, or along the steps of a sequence.
        backward: Whether the lines go the other way: to the left, up, or to the past.
        factor: The room of a channel, in shares of what it has where all are taken equally often.
        take: How many channels a site takes.
        """
        ...

    def add(
        self,
        source: Node | Sequence[Node] | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """The sum or the product of several nodes of the same type, channel by channel. A product also takes nodes
        of one channel, which multiply every channel of the others: a weight for each site.

        weights: The node whose weights it shares (tied).
        """
        ...

    def multiply(
        self,
        source: Node | Sequence[Node] | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """The sum or the product of several nodes of the same type, channel by channel. A product also takes nodes
        of one channel, which multiply every channel of the others: a weight for each site.

        weights: The node whose weights it shares (tied).
        """
        ...

    def concat(
        self,
        source: Node | Sequence[Node] | None = None, /,
        *,
        weights: Node | None = ...,
        heads: int | Sequence[int | Expression] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """The channels of several nodes side by side, inside each channel group. With `heads` they stand side by
        side in each head. An input with fewer heads shares each of them among equally many. Multi-head latent
        attention so shares its one key of rotary positions (DeepSeek-AI 2024, "DeepSeek-V2", section 2.1.3).

        weights: The node whose weights it shares (tied).
        heads: Heads of all inputs, or of each: [1, 16] gives the only head of the first to each of 16.
        """
        ...

    def slice(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        start: int | Expression = ...,
        out: int | Expression,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Some of the channels of each group: `out` of them in all, from channel `start` of the group on.

        weights: The node whose weights it shares (tied).
        start: The first channel, within each channel group.
        out: Output channels, over all channel groups.
        """
        ...

    def shift(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        fill: Node = ...,
        rows: int | Expression = ...,
        columns: int | Expression = ...,
        steps: int | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Moves the values: `rows: 1` moves them down, so that each position sees the one above it; zeros come in,
        or what `fill` says. Rows, columns and steps are meant in the grid as it lies, whatever the order.

        weights: The node whose weights it shares (tied).
        fill: What comes in: zeros, a learned vector for each position that comes in, or those of a node, which
            has one for all of them, or one for each in their order.
        rows: Rows downwards.
        columns: Columns to the right.
        steps: Steps later, for sequences.
        """
        ...

    def previous(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        fill: Node = ...,
        steps: int | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Every position shows what lies at the one that comes `steps` before it in the order; zeros come in at
        the start, or what `fill` says. On a sequence in its natural order it is `shift: {steps: 1}`. It makes a
        transformer over the pixels of an image strict, in any order.

        weights: The node whose weights it shares (tied).
        fill: What comes in: zeros, a learned vector for each position that comes in, or those of a node, which
            has one for all of them, or one for each in their order.
        steps: Positions back, in the order of generation.
        """
        ...

    def crop(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        fill: Node = ...,
        top: int | Expression = ...,
        bottom: int | Expression = ...,
        left: int | Expression = ...,
        right: int | Expression = ...,
        before: int | Expression = ...,
        after: int | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """`crop` takes rows, columns or steps away at the sides; `pad` puts zeros there, or what `fill` says. The
        positions still stand for the cells of the data that they stood for before.

        weights: The node whose weights it shares (tied).
        fill: What comes in: zeros, a learned vector for each position that comes in, or those of a node, which
            has one for all of them, or one for each in their order.
        top: Rows at the top, for images.
        bottom: Rows at the bottom, for images.
        left: Columns at the left, for images.
        right: Columns at the right, for images.
        before: Steps at the start, for sequences.
        after: Steps at the end, for sequences.
        """
        ...

    def pad(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        fill: Node = ...,
        top: int | Expression = ...,
        bottom: int | Expression = ...,
        left: int | Expression = ...,
        right: int | Expression = ...,
        before: int | Expression = ...,
        after: int | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """`crop` takes rows, columns or steps away at the sides; `pad` puts zeros there, or what `fill` says. The
        positions still stand for the cells of the data that they stood for before.

        weights: The node whose weights it shares (tied).
        fill: What comes in: zeros, a learned vector for each position that comes in, or those of a node, which
            has one for all of them, or one for each in their order.
        top: Rows at the top, for images.
        bottom: Rows at the bottom, for images.
        left: Columns at the left, for images.
        right: Columns at the right, for images.
        before: Steps at the start, for sequences.
        after: Steps at the end, for sequences.
        """
        ...

    def upsample(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        factor: int | Sequence[int | Expression] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Repeats every position `factor` times along each dimension (nearest neighbour).

        weights: The node whose weights it shares (tied).
        factor: One number, or one a dimension.
        """
        ...

    def filter(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        kernel: int | Sequence[int | Expression] | Expression,
        padding: Literal["same", "causal"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A convolution of every channel by itself. All channels share one learned kernel, as between the
        upsampling steps of a WaveNet's local conditioning.

        weights: The node whose weights it shares (tied).
        kernel: Places of the window: one number, or one a dimension.
        padding: Zeros around the input: centred, or all before.
        """
        ...

    def scale(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        to: Sequence[float | Expression] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Maps the levels 0 … L − 1 of the data linearly to a range, [−1, 1] if none is given.

        weights: The node whose weights it shares (tied).
        to: Where level 0 and the last level go.
        """
        ...

    def one_hot(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """As many channels as there are levels: one where the value is that level, else zero.

        weights: The node whose weights it shares (tied).
        """
        ...

    def embedding(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        out: int | Expression,
        deviation: float | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """A learned vector for every level; each channel group has its own table.

        weights: The node whose weights it shares (tied).
        out: Channels, over all channel groups.
        deviation: Standard deviation of the vectors at the start; 0.02 where a head shares them, as in GPT-2.
        """
        ...

    def background(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        channels: Sequence[Literal["row", "column", "step", "one"] | Expression] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Channels that hold no data: where a position lies, from −½ to ½ along each dimension (Chen et al. 2017),
        or ones (the channel that PixelCNN++ adds to its input). It takes its grid and channel groups from its
        input, and reads nothing of it.

        weights: The node whose weights it shares (tied).
        channels: What each channel of a group holds.
        """
        ...

    def position(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        out: int | Expression,
        at: Literal["own", "next", "previous"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Learned numbers for every position, to be added to what lies there (the position embedding of a
        transformer). It takes its grid and channel groups from its input, and reads nothing of it. `at: next`
        gives the numbers of the position that comes next in the order of generation, which a decoder in a
        shuffled order has to be told (sigma-GPT: Pannatier, Courdier, Fleuret 2024; RAR: Yu et al. 2024).
        Beyond the ends of the order lie zeros.

        weights: The node whose weights it shares (tied).
        out: Channels, over all channel groups.
        at: Whose place: the site's own, or that of the variable that comes next, or came previously, in the
            order of generation.
        """
        ...

    def learned(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        out: int | Expression,
        length: int | Expression = ...,
        deviation: float | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Learned vectors, one behind the other: a start, a class token with `condition` behind it, prefix tokens,
        queries. They stand for no data. The input gives channel groups alone, and nothing of it is read.

        weights: The node whose weights it shares (tied).
        out: Channels, over all channel groups.
        length: How many vectors.
        deviation: Standard deviation of the vectors at the start.
        """
        ...

    def sinusoid(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        out: int | Expression,
        base: float | Expression = ...,
        form: Literal["interleaved", "halves"] | Expression = ...,
        offset: int | Expression = ...,
        at: Literal["own", "next", "previous"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Sines and cosines of a position's place, at frequencies from 1 down to about 1 / base, to be added to
        what lies there (Vaswani et al. 2017, section 3.5). Nothing is learned. On images the channels are
        shared out among rows and columns. It takes its grid and channel groups from its input, and reads
        nothing of it.

        weights: The node whose weights it shares (tied).
        out: Channels, over all channel groups.
        base: The longest wave is about 2π · base steps.
        form: Sine and cosine of each frequency side by side, or all sines first.
        offset: What places are counted from.
        at: Whose place: the position's own, or that of the variable that comes next, or came previously, in the
            order of generation.
        """
        ...

    def rotary(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        heads: int | Expression = ...,
        base: float | Expression = ...,
        share: float | Expression = ...,
        form: Literal["halves", "interleaved"] | Expression = ...,
        scaling: Mapping[str, Any] | Expression | None = ...,
        axes: Sequence[Literal["row", "column", "step"] | Expression] | Expression | None = ...,
        offset: int | Expression = ...,
        at: Literal["own", "next", "previous"] | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Turns pairs of channels by the place of the site times a frequency of each pair, so that the product of
        a query and a key depends on how far they lie from each other (RoPE: Su et al. 2021). It goes between a
        projection and the attention. On images the channels are shared out among the axes, rows first. Places
        are the coordinates of a site, whatever the order of generation.

        weights: The node whose weights it shares (tied).
        heads: Heads: each is turned by the same angles.
        base: The lowest frequency is about one turn in 2π · base steps.
        share: The share of each head's channels that is turned; the others stay.
        form: Which channels are a pair: one of each half, or two neighbours.
        scaling: A scaled form for longer sequences: `{kind: linear, factor: 8}`, or of kind ntk, dynamic, yarn,
            llama3, longrope.
        axes: The axes that places are counted along; all of the grid.
        offset: What places are counted from.
        at: Whose place: the site's own, or that of the variable that comes next, or came previously, in the
            order of generation.
        """
        ...

    def condition(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        by: Node,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Adds a linear function of a condition to every site. A class or a vector gives a bias for each channel.
        A map or a series on the same grid goes through a 1×1 convolution. It carries no data, so no mask is
        needed.

        weights: The node whose weights it shares (tied).
        by: The condition, or a node computed from one.
        """
        ...

    def norm(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        over: Literal["channels", "pixel", "space", "batch"] | Expression = ...,
        kind: Literal["layer", "rms"] | Expression = ...,
        epsilon: float | Expression = ...,
        heads: int | Expression = ...,
        gain: bool | Expression = ...,
        bias: bool | Expression | None = ...,
        unit_offset: bool | Expression = ...,
        momentum: float | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Subtracts the mean and divides by the deviation (`layer`), or divides by the root mean square (`rms`),
        then scales by learned gains. What it is taken over decides what a site reads:

        - `channels`: the channels of the own group, at the own position. Always safe.
        - `pixel`: all channel groups at the own position. Safe where no group of the pixel is still to come.
        - `space`: the channels of the own group at all positions. Leaks, wherever it carries data.
        - `batch`: as batch normalisation. In evaluation it uses running statistics and is safe. In training it
            reads all
          positions of all examples, and is reported as a leak in training.

        With `heads` the channels of a group are normalised head by head, as queries and keys are (Dehghani et
        al. 2023). All heads then share one gain.

        weights: The node whose weights it shares (tied).
        over: What the mean is taken over.
        kind: Mean and deviation, or the root mean square alone.
        epsilon: Added to the variance.
        heads: Heads, each normalised by itself: each takes its share of the channels.
        gain: Whether there is a learned gain.
        bias: Whether there is a learned bias; where left out, `layer` has one.
        unit_offset: Whether the gain is 1 + what is learned, which starts at 0 (Gemma).
        momentum: `batch`: weight of the newest statistics.
        """
        ...

    def times(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        by: float | Expression,
        plus: float | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Multiplies every channel by a number, as Gemma does its embeddings by the square root of their size.
        `plus` is added then: `by: -1, plus: 1` is one minus what comes in.

        weights: The node whose weights it shares (tied).
        by: What is multiplied by.
        plus: What is added then.
        """
        ...

    def soft_cap(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        cap: float | Expression,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """Keeps every channel between ±cap, smoothly: cap · tanh(x / cap) (Gemma 2: Gemma Team 2024, section 2).

        weights: The node whose weights it shares (tied).
        cap: The bound.
        """
        ...

    def dropout(
        self,
        source: Node | None = None, /,
        *,
        weights: Node | None = ...,
        rate: float | Expression = ...,
        name: str | None = None,
        when: bool | Expression | None = None,
    ) -> Node:
        """While training, sets channels to zero with probability `rate` and scales up the others. It reads only
        the site itself, in training too.

        weights: The node whose weights it shares (tied).
        rate: Probability with which a channel is dropped.
        """
        ...


class _Data:

    def image(
        self,
        *,
        height: int | Expression,
        width: int | Expression,
        channels: int | Expression = ...,
        levels: int | Expression = ...,
        auxiliary: Mapping[str, Any] | Expression = ...,
    ) -> Section:
        """Images: integers from 0 to levels − 1, [channels, height, width]; auxiliary images are channels in front
        of these.

        height: Rows.
        width: Columns.
        channels: Channels: 1 for grey, 3 for red, green, blue.
        levels: Values that a channel can take.
        auxiliary: Images that are functions of this one and are generated before it, by name.
        """
        ...

    def sequence(
        self,
        *,
        length: int | Expression,
        levels: int | Expression = ...,
        content: Literal["audio", "text", "tokens"] | Expression = ...,
        rate: int | Expression = ...,
        companding: Literal["mu_law", "linear"] | Expression = ...,
        alphabet: str | Expression | None = ...,
        given: int | Expression = ...,
        start: int | Expression | None = ...,
    ) -> Section:
        """Sequences: integers from 0 to levels − 1, [length], with what is given of them.

        length: Steps.
        levels: Values that a step can take.
        content: What the integers are: it decides how files are read and written.
        rate: Audio: samples a second.
        companding: Audio: how amplitudes become levels.
        alphabet: Text: the characters that the levels stand for, in their order. Without it a level is a byte
            of UTF-8.
        given: The first steps that are given, not modelled, as in GPT-2. A sequence has them, and they count in
            its length. Every order begins with them.
        start: The level of the given steps of a sample that has no prompt.
        """
        ...

    def vector(
        self,
        *,
        size: int | Expression,
        levels: int | Expression = ...,
        display: Sequence[int | Expression] | Expression | None = ...,
    ) -> Section:
        """Vectors: integers from 0 to levels − 1, [size]. The order of the entries has no meaning of its own.

        size: Entries.
        levels: Values that an entry can take.
        display: Rows and columns by which a vector is shown as a picture.
        """
        ...

data: _Data


class _Condition:

    def class_(
        self,
        *,
        drop: float | Expression | None = ...,
        classes: int | Expression,
    ) -> Section:
        """One of a number of classes, given to the layers as a one-hot vector.

        drop: The condition may be left out, and training leaves it out for this share of the examples: samples
            can then be drawn with guidance.
        classes: How many there are.
        """
        ...

    def vector(
        self,
        *,
        drop: float | Expression | None = ...,
        size: int | Expression,
    ) -> Section:
        """A vector of numbers.

        drop: The condition may be left out, and training leaves it out for this share of the examples: samples
            can then be drawn with guidance.
        size: Numbers.
        """
        ...

    def map(
        self,
        *,
        drop: float | Expression | None = ...,
        channels: int | Expression = ...,
        height: int | Expression,
        width: int | Expression,
    ) -> Section:
        """A map of numbers over rows and columns, of any size: layers bring it to the size of the data.

        drop: The condition may be left out, and training leaves it out for this share of the examples: samples
            can then be drawn with guidance.
        channels: Numbers at each place.
        height: Rows.
        width: Columns.
        """
        ...

    def series(
        self,
        *,
        drop: float | Expression | None = ...,
        channels: int | Expression = ...,
        length: int | Expression,
    ) -> Section:
        """A series of numbers over time, at any rate: layers bring it to the rate of the data.

        drop: The condition may be left out, and training leaves it out for this share of the examples: samples
            can then be drawn with guidance.
        channels: Numbers at each step.
        length: Steps.
        """
        ...

    def tokens(
        self,
        *,
        drop: float | Expression | None = ...,
        length: int | Expression,
        levels: int | Expression,
    ) -> Section:
        """A row of whole numbers, such as a text by its tokens. Layers embed them; attention reads what they
        become.

        drop: The condition may be left out, and training leaves it out for this share of the examples: samples
            can then be drawn with guidance.
        length: How many.
        levels: Values that each can take.
        """
        ...

condition: _Condition


class _Head:

    def bernoulli(
        self,
        source: Node, /,
    ) -> Section:
        """The probability of a one, from one logit by a sigmoid. The data must have two levels. Channels that are
        generated together are taken as independent of each other, given what came before.
        """
        ...

    def categorical(
        self,
        source: Node, /,
    ) -> Section:
        """A probability for each level, from as many logits by a softmax. Channels that are generated together are
        taken as independent of each other, given what came before.
        """
        ...

    def logistic_mixture(
        self,
        source: Node, /,
        *,
        components: int | Expression = ...,
        form: Literal["exact", "authors"] | Expression = ...,
    ) -> Section:
        """A mixture of discretized logistics (Salimans et al. 2017). One component is chosen for all channels of a
        pixel; the mean of a later channel moves linearly with the values of those before it. Levels lie evenly
        in [−1, 1]; the first and the last bin reach to infinity, so that the probabilities of all levels sum to
        one.

        `form: authors` computes as the code of the authors does, whose probabilities do not sum to one, for
        comparison of published figures only.

        A variable of C channels has, with M components: M logits; C × M means; C × M log-scales. There follow C
        (C − 1) / 2 × M coefficients, through tanh, in the order (1 by 0), (2 by 0), (2 by 1), ...

        components: Logistics in the mixture.
        form: How the probability of a bin is computed.
        """
        ...

head: _Head
