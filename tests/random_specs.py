"""Random small specs as hypothesis draws them: layers of every kind in a row with branches, masks of every form that
may leak, strides down and up, every order, families of orders, conditions of every kind, attention to them, auxiliary
images. Written as YAML, so that the language is tried as well."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import strategies as st

Draw = st.DrawFn

MASKS = ["earlier", "so_far", "before", "rows_above", "rows_so_far", "rows_above or left", "everything"]
MASKS_1D = ["earlier", "so_far", "past", "past_so_far", "everything"]
GATED = ["", ", condition: label", ", condition: traits", ", condition: given"]
COMPARED = ["mine", "that.rank < this.rank - 1", "that.row < this.row - $reach or left",
            "so_far and that.column % 2 == 0",
            "before or (here and A)", "earlier and not rows_above", "that.row + that.column <= this.row"]  # fmt: skip
COMPARED_1D = ["mine", "that.rank < this.rank - 1", "that.step < this.step - $reach", "so_far and that.step % 2 == 0",
               "before or (here and A)", "-3 <= that.step - this.step < 0"]  # fmt: skip
GIVEN = ["", "", ", mask: that.row < 2", ", mask: that.row <= this.row and that.column != 1", ", mask: that.row > 99"]
GIVEN_1D = ["", "", ", mask: that.step < 2", ", mask: that.step <= this.step", ", mask: that.step > 99"]
SCANS = ["raster", "columns", "serpentine", "zigzag", "diagonal", "spiral", "hilbert", "random", "checkerboard"]
EXPERT = """blocks:
  expert:
    inputs: [h]
    nodes: {up: {layer: conv, from: h, out: 4}, act: {layer: tanh}, down: {layer: conv, out: 3}}
    outputs: down"""
FUNCTIONS = ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"]


@dataclass
class _Graph:
    """What is drawn so far: lines of YAML, and the nodes on the data's grid by their number of channels a group."""

    draw: Draw
    groups: int
    plane: bool  # rows and columns, or steps
    lines: list[str] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, channels: int) -> str:
        name = f"n{len(self.lines)}"
        self.lines.append(f"  {name}: {{{text}}}")
        self.nodes[name] = channels
        return name

    def out(self, channels: int) -> int:
        return channels * self.groups

    def any(self, channels: int | None = None) -> str:
        return self.draw(st.sampled_from([n for n, c in self.nodes.items() if channels is None or c == channels]))

    def mask(self) -> str:
        """A ready-made one as a rule."""
        ready, compared = (MASKS, COMPARED) if self.plane else (MASKS_1D, COMPARED_1D)
        return self.draw(st.sampled_from([*ready, *ready, *compared]))

    def kernel_mask(self, size: int) -> str:
        """A kernel of 0 and 1, which groups are read by a predicate or all."""
        row = st.lists(st.sampled_from([0, 1]), min_size=size, max_size=size)
        kernel = self.draw(st.lists(row, min_size=size, max_size=size) if self.plane else row)
        groups = self.draw(st.sampled_from(["", ", groups: so_far", ", groups: before or (here and B)"]))
        return f"{{kernel: {kernel}{groups}}}"


def conv(g: _Graph) -> None:
    k = g.draw(st.sampled_from([1, 2, 3]))
    dilation, source = g.draw(st.sampled_from([1, 2])), g.any()
    mask = g.kernel_mask(k) if g.draw(st.integers(0, 5)) == 0 else g.mask()
    more = g.draw(st.sampled_from(["", ", weight_norm: true", ", bias: false", ", padding: causal"]))
    g.add(f"layer: conv, from: {source}, kernel: {k}, dilation: {dilation}, out: {g.out(3)}, mask: {mask}{more}", 3)


def down_and_up(g: _Graph) -> None:
    """A strided convolution and a transposed one, or an upsampling, back to the data's grid (whose sides are even)."""
    k, source = g.draw(st.sampled_from([1, 2, 3])), g.any()
    sides = f"{{top: {k - 1}, left: {k - 1}}}" if g.plane else f"{{before: {k - 1}}}"
    mask = g.draw(st.sampled_from(["", ", mask: so_far", ", mask: earlier"]))
    low = g.add(f"layer: conv, from: {source}, kernel: {k}, stride: 2, padding: {sides}, "
                f"out: {g.out(3)}{mask}", 3)  # fmt: skip
    del g.nodes[low]
    if g.draw(st.booleans()):
        crop = g.draw(st.sampled_from([0, 1]))
        g.add(f"layer: conv, from: {low}, kernel: 2, stride: 2, transposed: true, crop: {crop}, out: {g.out(3)}", 3)
    else:
        g.add(f"layer: upsample, from: {low}, factor: 2", 3)


def attention(g: _Graph) -> None:
    """Of a single key neither query nor key has a say, so that both are shown beside it as well."""
    queries, keys, values = g.any(3), g.any(3), g.any()
    ruled = "so_far and that.row >= this.row - 1" if g.plane else "that.step < this.step and that.step % 2 == 0"
    mask = g.draw(st.sampled_from(["earlier", "so_far", "before", ruled]))
    both = g.add(f"layer: concat, from: [{keys}, {values}]", 3 + g.nodes[values])
    seen = g.add(f"layer: attention, from: {queries}, keys: {keys}, values: {both}, mask: {mask}", g.nodes[both])
    g.add(f"layer: concat, from: [{seen}, {queries}]", g.nodes.pop(seen) + 3)


def attention_to_a_condition(g: _Graph) -> None:
    """Keys and values of a map or a series on the data's grid; values may be of the data as well."""
    queries = g.any(3)
    made = f"from: given, kernel: {g.draw(st.sampled_from([1, 3]))}, out: {g.out(3)}, groups: {g.groups}"
    keys, more = g.add(f"layer: conv, {made}", 3), g.add(f"layer: conv, {made}, bias: false", 3)
    del g.nodes[keys], g.nodes[more]
    values = g.any(3) if g.draw(st.integers(0, 3)) == 0 else more
    mask = ("that.row < this.row" if g.plane else "that.step < this.step") if values != more else None
    rule = f", mask: {mask}" if mask else g.draw(st.sampled_from(GIVEN if g.plane else GIVEN_1D))
    seen = g.add(f"layer: attention, from: {queries}, keys: {keys}, values: {values}{rule}", 3)
    g.add(f"layer: concat, from: [{seen}, {queries}]", g.nodes.pop(seen) + 3)


def attention_to_tokens(g: _Graph) -> None:
    """Keys and values of a row of tokens, whatever grid the data lie on."""
    queries = g.any(3)
    words = g.add("layer: embedding, from: words, out: 3", 3)
    keys, values = (g.add(f"layer: conv, from: {words}, out: {g.out(3)}, groups: {g.groups}", 3) for _ in range(2))
    for name in (words, keys, values):
        del g.nodes[name]
    seen = g.add(f"layer: attention, from: {queries}, keys: {keys}, values: {values}", 3)
    g.add(f"layer: concat, from: [{seen}, {queries}]", g.nodes.pop(seen) + 3)


def recurrent(g: _Graph) -> None:
    kind, gates = g.draw(st.sampled_from([("lstm", 4), ("gru", 3), ("rnn", 1)]))
    source, mask = g.any(), g.mask()
    into = g.add(f"layer: conv, from: {source}, kernel: 1, out: {g.out(3 * gates)}, mask: {mask}", 3 * gates)
    states = ["[[0, -1], [-1, 0]]", "[[-1, -1], [-1, 0], [-1, 1]]", "[[0, 1], [-1, 0]]", "[[1, 0]]"]
    state = g.draw(st.sampled_from(states if g.plane else ["[[-1]]", "[[-1], [-2]]", "[[1]]"]))
    start = g.draw(st.sampled_from(["learned", "zero"]))
    g.add(f"layer: {kind}, from: {into}, state: {state}, start: {start}", 3)


def along_lines(g: _Graph) -> None:
    """A sum, a recurrence, a selective scan, a state of matrices or a long convolution along a line of the grid, or a
    depthwise convolution."""
    a = g.any()
    c = g.nodes[a]
    along = g.draw(st.sampled_from(["order", "order", *(["rows", "columns"] if g.plane else ["steps"])]))
    line = f", along: {along}" + g.draw(st.sampled_from(["", "", "", ", backward: true"]))
    choice = g.draw(st.sampled_from(["cumulative", "linear", "selective", "matrix", "matrix", "depthwise", "long"]))
    if choice == "cumulative":
        how = g.draw(st.sampled_from(["", ", kind: mean", ", mask: earlier", ", kind: mean, mask: earlier"]))
        g.add(f"layer: cumulative, from: {a}{how}{line}", c)
    elif choice == "long":
        forms = [
            "",
            ", mask: earlier",
            ", skip: true",
            ", kernel: {kind: implicit, width: 2, depth: 2, waves: 1, frequency: 1}",
        ]
        g.add(f"layer: long_conv, from: {a}{g.draw(st.sampled_from(forms))}{line}", c)
    elif choice == "linear":
        forms = ["", ", normalise: true", ", decay: {fixed: -0.5}", f", decay: {a}", f", gate: {a}",
                 *([", complex: true", f", decay: {a}, complex: true"] if c % 2 == 0 else [])]  # fmt: skip
        g.add(f"layer: linear_recurrence, from: {a}{g.draw(st.sampled_from(forms))}{line}", c)
    elif choice == "selective":
        names = [g.add(f"layer: conv, from: {a}, kernel: 1, out: {g.out(n)}, mask: so_far", n) for n in (3, 3, 2, 2)]
        x, step, given, read = names
        for name in names:
            del g.nodes[name]
        ports = f"step: {step}, input: {given}, output: {read}, states: 2"
        g.add(f"layer: selective_scan, from: {x}, {ports}{line}", 3)
    elif choice == "matrix":
        b = g.any()
        first = [(a, 2), (a, 2), (a, 3), (b, 1)]
        names = [g.add(f"layer: conv, from: {n}, kernel: 1, out: {g.out(c)}, mask: so_far", c) for n, c in first]
        q, key, v, fall = names
        names += [k := g.add(f"layer: tanh, from: {key}", 2), d := g.add(f"layer: softplus, from: {fall}", 1)]
        forms = ["", ", decay: {learned: 0.5}", f", decay: {d}", f", decay: {d}, bonus: true", f", strength: {d}",
                 f", update: delta, decay: {d}", ", update: delta", ", bonus: true, skip: true"]  # fmt: skip
        for name in names:
            del g.nodes[name]
        how = f"{g.draw(st.sampled_from(forms))}, chunk: {g.draw(st.sampled_from([1, 3, 64]))}"
        g.add(f"layer: linear_attention, from: {q}, keys: {k}, values: {v}{how}{line}", 3)
    else:
        k, mask = g.draw(st.sampled_from([1, 2, 3])), g.mask()
        more = g.draw(st.sampled_from(["", ", weight_norm: true", ", bias: false"]))
        g.add(f"layer: conv, from: {a}, kernel: {k}, out: {g.out(c)}, depthwise: true, mask: {mask}{more}", c)


def mixture(g: _Graph) -> None:
    """Experts that are chosen by a router. How much each says moves with its score, so that no leak of it hides."""
    a, b = g.any(3), g.any()
    if g.groups > 1:
        g.add(f"layer: softmax, from: {a}", 3)
        return
    scores = g.add(f"layer: conv, from: {b}, kernel: {g.draw(st.sampled_from([1, 2]))}, out: 3, mask: {g.mask()}", 3)
    if g.draw(st.booleans()):
        del g.nodes[scores]
    how = g.draw(st.sampled_from(["take: 1, normalise: false", "take: 2, scores: sigmoid, normalise: false",
                                  "take: 2, normalise: false, shared: expert", "normalise: false"]))  # fmt: skip
    g.add(f"experts: expert, from: {a}, router: {scores}, count: 3, {how}", 3)


def joined(g: _Graph) -> None:
    kind = g.draw(st.sampled_from(["add", "multiply", "concat"]))
    a = g.any()
    b = g.any() if kind == "concat" else g.any(g.nodes[a])
    if kind == "multiply":  # what is nothing times nothing at some site would be read and never be seen to
        a, b = (g.add(f"layer: sigmoid, from: {one}", g.nodes[one]) for one in (a, b))
    g.add(f"layer: {kind}, from: [{a}, {b}]", g.nodes[a] + (g.nodes[b] if kind == "concat" else 0))


def moved(g: _Graph) -> None:
    a = g.any()
    by = g.draw(st.integers(-1, 2))
    key = g.draw(st.sampled_from(["rows", "columns"])) if g.plane else "steps"
    side = {"rows": "top", "columns": "left", "steps": "before"}[key]
    if g.draw(st.booleans()):
        fill = ", fill: learned" if by and g.draw(st.booleans()) else ""
        g.add(f"layer: shift, from: {a}, {key}: {by}{fill}", g.nodes[a])
        return
    wide = g.add(f"layer: pad, from: {a}, {side}: {abs(by)}", g.nodes[a])
    channels = g.nodes.pop(wide)
    g.add(f"layer: crop, from: {wide}, {side}: {abs(by)}", channels)


def norm(g: _Graph) -> None:
    a = g.any(3)
    over = g.draw(st.sampled_from(["channels", "channels", "pixel", "space"]))
    kind = g.draw(st.sampled_from(["layer", "rms"]))
    if (kind, over) == ("rms", "space"):  # zeros stay zeros whatever they are divided by, and show no leak
        a = g.add(f"layer: conv, from: {a}, kernel: 1, out: {g.out(3)}", 3)
    g.add(f"layer: norm, from: {a}, over: {over}, kind: {kind}", 3)


def small(g: _Graph) -> None:
    """What stays at its site."""
    a = g.any()
    c = g.nodes[a]
    choice = g.draw(
        st.sampled_from(["function", "concat_elu", "gate", "dropout", "slice", "place", "position", "filter", "sum"])
    )
    if choice == "function":
        g.add(f"layer: {g.draw(st.sampled_from(FUNCTIONS))}, from: {a}", c)
    elif choice == "gate" and c % 2 == 0:
        g.add(
            f"layer: gate, from: {a}{g.draw(st.sampled_from(GATED))}",
            c // 2,
        )
    elif choice == "slice" and c > 1:
        g.add(f"layer: slice, from: {a}, start: 1, out: {g.out(c - 1)}", c - 1)
    elif choice == "place":
        b = (
            g.add(f"layer: background, from: {a}", 2)
            if g.plane
            else g.add(f"layer: background, from: {a}, channels: [step]", 1)
        )
        g.add(f"layer: concat, from: [{a}, {b}]", c + g.nodes.pop(b))
    elif choice == "position":
        b = g.add(f"layer: position, from: {a}, out: {g.out(c)}", c)
        del g.nodes[b]
        g.add(f"layer: add, from: [{a}, {b}]", c)
    elif choice == "sum" and c == 3:
        g.add(f"layer: add, from: [{a}, {g.any(3)}, {g.any(3)}]", 3)
    elif choice == "filter":
        g.add(f"layer: filter, from: {a}, kernel: 2, padding: {g.draw(st.sampled_from(['same', 'causal']))}", c)
    elif choice == "dropout":
        g.add(f"layer: dropout, from: {a}", c)
    else:
        g.add(f"layer: concat_elu, from: {a}", 2 * c)


def beside(g: _Graph) -> None:
    """A convolution of one place over nodes side by side, one of which may be there row by row."""
    b = g.any()
    if g.plane and g.draw(st.booleans()):
        b = g.add(f"layer: conv, from: {b}, kernel: 3, out: {g.out(3)}, mask: rows_above", 3)
    names = [g.any(), b] if g.draw(st.booleans()) else [b, g.any(), b]
    last = g.add(f"layer: concat, from: [{', '.join(names)}]", sum(g.nodes[n] for n in names))
    for kind in g.draw(st.lists(st.sampled_from(["concat_elu", "tanh", "dropout"]), max_size=2)):
        last = g.add(f"layer: {kind}, from: {last}", g.nodes.pop(last) * (2 if kind == "concat_elu" else 1))
    more = g.draw(st.sampled_from(["", ", weight_norm: true", ", bias: false", ", mask: so_far"]))
    g.add(f"layer: conv, from: {last}, kernel: 1, out: {g.out(3)}{more}", 3)
    del g.nodes[last]


def conditioned(g: _Graph) -> None:
    a = g.any()
    by = g.draw(st.sampled_from(["label", "traits", "given", "half"]))
    if by == "half":
        by = g.add(g.draw(st.sampled_from([
            "layer: upsample, from: half, factor: 2",
            "layer: conv, from: half, kernel: 2, stride: 2, transposed: true, out: 2",
        ])), 2)  # fmt: skip
        del g.nodes[by]
    g.add(f"layer: condition, from: {a}, by: {by}", g.nodes[a])


STEPS = [conv, conv, conv, down_and_up, attention, recurrent, along_lines, along_lines, joined, joined, moved, norm,
         small, small, beside, conditioned, conditioned, mixture, attention_to_a_condition,
         attention_to_tokens]  # fmt: skip


@st.composite
def specs(draw: Draw) -> str:
    """The text of a spec on a 4×4 image of one or two channels, with an auxiliary image or without, or on a sequence of
    8 steps, under one order or a family of two."""
    plane = draw(st.booleans())
    channels = draw(st.sampled_from([1, 2])) if plane else 1
    joint = channels == 1 or draw(st.booleans())
    levels = draw(st.sampled_from([2, 3]))
    if plane:
        parts = draw(st.integers(0, 5)) == 0
        auxiliary = ", auxiliary: {luma: {view: grey, levels: 2}}" if parts else ""
        data = f"{{kind: image, height: 4, width: 4, channels: {channels}, levels: {levels}{auxiliary}}}"
        how = f"channels: {'joint' if joint else 'sequential'}"
        order = draw(_family([f"{{scan: {scan}, {how}}}" for scan in SCANS], f"{{scan: random, {how}, members: 2}}"))
        given, half = "{kind: map, channels: 2, height: 4, width: 4}", "{kind: map, channels: 2, height: 2, width: 2}"
    else:
        parts = False
        told = draw(st.sampled_from(["", "", ", given: 1", ", given: 3"]))
        data = f"{{kind: sequence, length: 8, levels: {levels}{told}}}"
        order = draw(_family(["natural", "natural", "reversed", "random"], "{scan: random, members: 2}"))
        given, half = "{kind: series, channels: 2, length: 8}", "{kind: series, channels: 2, length: 4}"
    g = _Graph(draw, 1 if joint else channels, plane)
    begin = draw(st.sampled_from(["scale", "scale", "one_hot", "embedding"]))
    if begin == "embedding" and channels == 2 and joint:
        begin = "one_hot"
    here = channels if joint else 1
    first = g.add(f"layer: {begin}, from: x" + (f", out: {g.out(3)}" if begin == "embedding" else ""),
                  {"scale": here, "one_hot": here * levels, "embedding": 3}[begin])  # fmt: skip
    strict = draw(st.sampled_from(["earlier", "earlier", "before", *(["rows_above"] if plane else ["past"])]))
    g.add(f"layer: conv, from: {first}, kernel: 3, out: {g.out(3)}, mask: {strict}", 3)
    if draw(st.integers(0, 3)):  # most graphs see the data through the strict layer alone, so that many are causal
        del g.nodes[first]
    if parts:  # the grey image is there before the whole of x
        g.lines.append("  view: {layer: conv, from: luma, kernel: 3, out: 2, mask: earlier}")
        g.add(f"layer: conv, from: luma, kernel: 3, out: {g.out(3)}, groups: {g.groups}", 3)
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=5)):
        step(g)
    last = list(g.nodes)[-1]
    mask = draw(st.sampled_from(["so_far", "so_far", "so_far", "earlier", "everything"]))
    lines = [*g.lines, f"  logits: {{layer: conv, from: {last}, kernel: 1, out: $head, mask: {mask}}}"]
    own, written = "{kind: categorical, from: logits}", "\n".join(lines)
    named = {"label": "{kind: class, classes: 3}", "traits": "{kind: vector, size: 2}", "given": given, "half": half,
             "words": "{kind: tokens, length: 3, levels: 4}"}  # fmt: skip
    if draw(st.integers(0, 3)) == 0:
        named = {name: what.replace("}", ", drop: 0.5}") for name, what in named.items()}
    conditions = ", ".join(f"{name}: {what}" for name, what in named.items() if re.search(rf": {name}\b", written))
    further: list[str] = []
    if not parts and joint and not plane and order == "natural" and draw(st.integers(0, 2)) == 0:
        lines.append(f"  other: {{layer: conv, from: {draw(st.sampled_from([*g.nodes]))}, out: $head}}")
        forcing = draw(st.sampled_from(["", ", teacher_forcing: true"]))
        further = [f"heads: {{other: {{from: other, ahead: {draw(st.sampled_from([1, 3]))}{forcing}}}}}"]
        written = "\n".join(lines)
    near = "earlier and that.row >= this.row - $reach" if plane else "earlier and that.step >= this.step - $reach"
    return "\n".join([
        "arspec: 1", f"data: {data}", f"order: {order}", *([f"condition: {{{conditions}}}"] if conditions else []),
        *(["params: {reach: 1}"] if "$reach" in written or "mask: mine" in written else []),
        *([f"masks: {{mine: {near}}}"] if "mask: mine" in written else []),
        *([EXPERT] if "experts: expert" in written else []),
        "graph:", written, f"head: {{luma: {{kind: categorical, from: view}}, x: {own}}}" if parts else f"head: {own}",
        *further,
        "",
    ])  # fmt: skip


def _family(orders: list[str], two: str) -> st.SearchStrategy[str]:
    """One order as a rule, a family of two of them, or one of two draws."""
    one = st.sampled_from(orders)
    return st.integers(0, 7).flatmap(lambda k: st.tuples(one, one).map(lambda p: f"[{p[0]}, {p[1]}]") if k == 0
                                     else st.just(two) if k == 1 else one)  # fmt: skip
