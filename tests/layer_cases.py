"""One row for each kind of layer and each of its variants: a tiny spec that uses it. A new kind adds its rows here."""

from __future__ import annotations

import re

from arspec.language.load import Spec, from_text

HEAD = "  logits: {layer: conv, kernel: 1, out: $head, mask: so_far}"
GREY = "{kind: image, height: 4, width: 4, levels: 3}"
COLOUR = "{kind: image, height: 4, width: 5, channels: 3, levels: 3}"
PARTS = "{kind: image, height: 4, width: 4, channels: 3, levels: 3, auxiliary: {luma: {view: grey, levels: 2}}}"
STEPS = "{kind: sequence, length: 9, levels: 4}"
ENTRIES = "{kind: vector, size: 6, levels: 3}"
SCALED = "  scaled: {layer: scale}\n"
OF_PARTS = """
  grey: {layer: conv, from: luma, kernel: 3, out: 2, mask: earlier}
  scaled: {layer: scale, from: x}
  first: {layer: conv, kernel: 3, out: 12, mask: earlier}"""

# setting: (data, order, the nodes before the tested ones: `first` has 12 channels, the nodes after)
SETTINGS = {
    "grey": (GREY, "raster", SCALED + "  first: {layer: conv, kernel: 3, out: 12, mask: earlier}", HEAD),
    "colour": (COLOUR, "raster", SCALED + "  first: {layer: conv, kernel: 3, out: 12, mask: earlier}", HEAD),
    "pixels": (COLOUR, "raster", SCALED + "  first: {layer: conv, kernel: 3, out: 12, mask: before}", HEAD),
    "joint": (COLOUR, "{channels: joint}", SCALED + "  first: {layer: conv, kernel: 3, out: 12, mask: earlier}", HEAD),
    "curve": (COLOUR, "hilbert", SCALED + "  first: {layer: conv, kernel: 3, out: 12, mask: earlier}", HEAD),
    "joint curve": (COLOUR, "{scan: hilbert, channels: joint}", SCALED.rstrip("\n"), HEAD),
    "above": (COLOUR, "raster", SCALED + "  first: {layer: conv, kernel: 3, out: 12, mask: rows_above}", HEAD),
    "image": (COLOUR, "raster", "", HEAD),
    "joint image": (COLOUR, "{channels: joint}", "", HEAD),
    "steps": (STEPS, "natural", "  hot: {layer: one_hot}\n  past: {layer: shift, steps: 1}\n"
              "  first: {layer: conv, kernel: 2, padding: causal, out: 12}", HEAD),
    "backwards": (STEPS, "reversed", SCALED + "  first: {layer: conv, kernel: 3, out: 12, mask: earlier}", HEAD),
    "sequence": (STEPS, "natural", "", HEAD),
    "parts": (PARTS, "raster", OF_PARTS, HEAD),
    "joint parts": (PARTS, "{channels: joint}", OF_PARTS, HEAD),
    "together": (COLOUR, "{scan: checkerboard, channels: joint}", SCALED.rstrip("\n"), HEAD),
    "entries": (ENTRIES, "{scan: random, members: 2}", "", "  logits: {layer: dense, out: $head, mask: earlier}"),
}  # fmt: skip
CONDITION = """
  label: {kind: class, classes: 3}
  traits: {kind: vector, size: 4}
  map: {kind: map, channels: 2, height: 4, width: 4}
  half: {kind: map, channels: 2, height: 2, width: 2}
  series: {kind: series, channels: 2, length: 9}
  frames: {kind: series, channels: 2, length: 4}
  text: {kind: tokens, length: 3, levels: 5}
"""
BLOCKS = """blocks:
  expert:
    inputs: [h]
    nodes:
      norm: {layer: norm, from: h, kind: rms}
      up: {layer: conv, out: 8, mask: so_far, weight_norm: true}
      gate: {layer: gate}
      down: {layer: conv, out: 6}
    outputs: down
  pair:
    inputs: [a, b]
    params: {wide: 4}
    nodes:
      one: {layer: conv, from: a, out: 6, bias: false}
      two: {layer: conv, from: b, out: $wide}
      drop: {layer: dropout, from: two, rate: 0.1}
      back: {layer: conv, out: 6}
      both: {layer: multiply, from: [one, back]}
    outputs: [both]
"""
CONDITIONED = {"grey", "steps"}  # settings to which the conditions above belong


def attention(keys: str = "first", k: str = "12", v: str = "6", **more: str) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"""
  q: {{layer: conv, from: first, kernel: 1, out: 12, mask: so_far}}
  k: {{layer: conv, from: {keys}, kernel: 1, out: {k}, mask: so_far}}
  v: {{layer: conv, from: {keys}, kernel: 1, out: {v}, mask: so_far}}
  tested: {{layer: attention, from: q, keys: k, values: v{rest}}}
  both: {{layer: concat, from: [tested, first]}}"""  # of a single key the query has no say


def across(keys: str, **more: str) -> str:
    """Attention to keys of another grid, which no mask by ranks may follow."""
    nodes = attention(keys, **more)
    return re.sub(rf"(from: {keys}, kernel: 1, out: [0-9]+), mask: so_far", r"\1", nodes)


def selective(source: str, states: int, **more: str) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"""
  inner: {{layer: conv, from: {source}, kernel: 1, out: 6, mask: so_far}}
  step: {{layer: conv, from: {source}, kernel: 1, out: 6, mask: so_far}}
  b: {{layer: conv, from: {source}, kernel: 1, out: 9, mask: so_far}}
  c: {{layer: conv, from: {source}, kernel: 1, out: 9, mask: so_far}}
  tested: {{layer: selective_scan, from: inner, step: step, input: b, output: c, states: {states}{rest}}}"""


def experts(more: str, count: int = 3) -> str:
    return f"""
  scores: {{layer: conv, from: first, out: {count}, mask: so_far}}
  tested: {{from: first, router: scores, count: {count}, {more}}}"""


def gates(times: int, state: str) -> str:
    return f"  gates: {{layer: conv, from: first, kernel: 1, out: {times * 6}, mask: so_far}}\n  tested: {state}"


def states(mask: str = ", mask: so_far", q: int = 4, v: int = 6, before: str = "", chunk: int = 4, **more: str) -> str:
    """A linear attention over q, k, v; n are 12 numbers of which none is negative."""
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"""
  q: {{layer: conv, from: first, kernel: 1, out: {q}{mask}}}
  k: {{layer: conv, from: first, kernel: 1, out: {q}{mask}}}
  v: {{layer: conv, from: first, kernel: 1, out: {v}{mask}}}{before}
  tested: {{layer: linear_attention, from: q, keys: k, values: v{rest}, chunk: {chunk}}}"""


def weighing(name: str, out: int, mask: str = ", mask: so_far", function: str = "softplus") -> str:
    return f"""
  {name}_in: {{layer: conv, from: first, kernel: 1, out: {out}{mask}}}
  {name}: {{layer: {function}}}"""


def one(text: str) -> str:
    return f"  tested: {{layer: {text}}}"


# name: (setting, the tested nodes)
CASES: dict[str, tuple[str, str]] = {
    "conv": ("colour", one("conv, kernel: 3, out: 6, mask: so_far")),
    "conv of any form": ("colour", one("conv, kernel: [2, 4], padding: {top: 1, left: 3}, out: 6, mask: so_far")),
    "conv dilated": ("colour", one("conv, kernel: [3, 3], dilation: 2, out: 6, mask: so_far, bias: false")),
    "conv dilated unlike": ("colour", one("conv, kernel: [2, 3], dilation: [1, 2], out: 6, mask: so_far")),
    "conv by position": ("curve", one("conv, kernel: 3, out: 6, mask: so_far, weight_norm: true")),
    "conv strict by position": ("curve", one("conv, from: scaled, kernel: 5, out: 6, mask: earlier, bias: false")),
    "conv weight norm": ("colour", one("conv, kernel: 3, out: 6, mask: so_far, weight_norm: true")),
    "conv kernel mask": ("colour", one("conv, kernel: [2, 3], padding: {top: 1, left: 1, right: 1}, out: 6, "
                                       "mask: {kernel: [[1, 0, 1], [1, 1, 0]], groups: before or (here and B)}")),
    "conv own mask": ("colour", one("conv, kernel: 3, out: 6, mask: (rows_above and that.column % 2 == 0) or so_far")),
    "conv without mask": ("above", one("conv, kernel: [1, 3], out: 6")),
    "conv leaking": ("colour", one("conv, kernel: 3, out: 6")),
    "conv regrouped": ("above", one("conv, kernel: 1, groups: 1, out: 5") + """
  back: {layer: conv, kernel: 1, groups: 3, out: 6}"""),
    "conv strided": ("joint", """
  half: {layer: conv, from: first, kernel: [2, 2], stride: [2, 1], padding: {top: 1, left: 1}, out: 6}
  tested: {layer: conv, kernel: [2, 1], stride: [2, 1], transposed: true, out: 6, weight_norm: true}"""),
    "conv transposed leaking": ("grey", """
  half: {layer: conv, from: first, kernel: 2, stride: 2, padding: valid, out: 6}
  tested: {layer: conv, kernel: 3, stride: 2, transposed: true, crop: 1, out: 6}"""),
    "conv masked strided": ("grey", """
  half: {layer: conv, from: first, kernel: 3, stride: 2, padding: {top: 1, left: 1}, mask: so_far, out: 6}
  tested: {layer: conv, kernel: 3, stride: 2, transposed: true, crop: 0, mask: so_far, out: 6}"""),
    "conv causal": ("steps", one("conv, kernel: 3, dilation: 2, padding: causal, out: 6")),
    "conv by number": ("steps", one("conv, kernel: 3, padding: 1, mask: past_so_far, out: 6")),
    "conv one way": ("backwards", one("conv, kernel: 4, out: 6, mask: so_far")),
    "conv strided steps": ("steps", """
  third: {layer: conv, from: first, kernel: 3, stride: 3, padding: {before: 2}, out: 6}
  tested: {layer: conv, kernel: 3, stride: 3, transposed: true, out: 6}"""),
    "conv tied": ("colour", """
  a: {layer: conv, from: first, kernel: 3, out: 12, mask: so_far}
  tested: {layer: conv, kernel: 3, out: 12, mask: so_far, weights: a}"""),
    "conv of a condition": ("grey", """
  big: {layer: conv, from: half, kernel: 4, stride: 2, transposed: true, crop: 1, out: 3}
  tested: {layer: gate, from: first, condition: big}"""),
    "conv depthwise": ("steps", one("conv, kernel: 4, padding: causal, out: 12, depthwise: true")),
    "conv depthwise masked": ("colour", one("conv, kernel: 3, mask: so_far, out: 12, depthwise: true, bias: false")),
    "conv depthwise by position": ("curve", one(
        "conv, from: first, kernel: 3, mask: so_far, out: 12, depthwise: true, weight_norm: true")),
    "conv depthwise weight norm": ("joint", one(
        "conv, kernel: [3, 2], dilation: [1, 2], mask: earlier, out: 12, depthwise: true, weight_norm: true")),
    "conv depthwise strided": ("joint", """
  half: {layer: conv, from: first, kernel: [2, 2], stride: [2, 1], padding: {top: 1, left: 1}, out: 12, depthwise: true}
  tested: {layer: conv, kernel: [2, 1], stride: [2, 1], transposed: true, out: 6}"""),
    "conv depthwise of a kernel": ("colour", one("conv, kernel: [2, 3], padding: {top: 1, left: 1, right: 1}, out: 12, "
                                                 "depthwise: true, mask: {kernel: [[1, 0, 1], [1, 1, 0]]}")),
    "conv depthwise leaking": ("colour", one("conv, kernel: 3, out: 12, depthwise: true")),
    "dense": ("entries", one("dense, units: 9, mask: so_far")),
    "dense of given degrees": ("entries", one("dense, mask: so_far, degrees: [3, 0, -1, 2, 2, 5, 1]")),
    "dense cyclic": ("entries", one("dense, units: 9, mask: so_far, degrees: cyclic, weight_norm: true, bias: false")),
    "dense deep": ("entries", "  hot: {layer: one_hot}\n  a: {layer: dense, units: 9, mask: so_far}\n"
                   + one("dense, units: 8, mask: so_far")),
    "dense entries": ("entries", one("dense, out: 4, mask: earlier")),
    "dense by a rule": ("entries", one("dense, out: 4, mask: that.rank < this.rank - 1")),
    "dense leaking": ("entries", one("dense, units: 5")),
    "attention": ("colour", attention(mask="earlier")),
    "attention inclusive": ("colour", attention(mask="so_far", heads="2")),
    "attention on a curve": ("curve", attention("scaled", mask="earlier")),
    "attention by a rule": ("joint", attention(mask="before and that.row >= this.row - 1", heads="3")),
    "attention over steps": ("steps", attention(mask="so_far", heads="2")),
    "attention to a condition": ("grey", across("map")),
    "attention to a condition by a rule": ("grey", across("map", mask="that.row <= this.row and that.column != 1")),
    "attention to a smaller map": ("grey", across("half", heads="2")),
    "attention to a smaller map by a rule": ("grey", across("half", heads="3", mask="2 * that.row <= this.row")),
    "attention to a vector": ("steps", """
  q: {layer: conv, from: first, out: 4}
  tested: {layer: attention, from: q, keys: traits, values: traits, heads: 2}
  both: {layer: concat, from: [tested, first]}"""),
    "attention to a shorter series": ("steps", across("frames", heads="2")),
    "attention to a shorter series by a rule": ("steps", across("frames", mask="that.step <= this.step // 2")),
    "attention of a condition to itself": ("steps", """
  q: {layer: conv, from: frames, out: 4}
  k: {layer: conv, from: frames, out: 4}
  v: {layer: conv, from: frames, out: 12}
  told: {layer: attention, from: q, keys: k, values: v, heads: 2, mask: that.step <= this.step}
  tested: {layer: attention, from: first, keys: told, values: told, heads: 3}"""),
    "attention to a coarser grid": ("steps", """
  third: {layer: conv, from: hot, kernel: 3, stride: 3, padding: valid, out: 12}
  k: {layer: conv, from: third, out: 12}
  tested: {layer: attention, from: first, keys: k, values: third, heads: 2, mask: that.step + 3 <= this.step}
  both: {layer: concat, from: [tested, first]}"""),
    "attention to a coarser grid by ranks": ("steps", """
  late: {layer: shift, from: hot, steps: 3}
  third: {layer: conv, kernel: 3, stride: 3, padding: valid, out: 12}
  tested: {layer: attention, from: first, keys: third, values: third, heads: 2, mask: so_far}
  both: {layer: concat, from: [tested, first]}"""),
    "attention to a coarser image": ("joint", """
  half: {layer: conv, from: first, kernel: 2, stride: 2, padding: valid, out: 12}
  tested: {layer: attention, from: first, keys: half, values: half, heads: 2,
           mask: that.row + 2 <= this.row}
  both: {layer: concat, from: [tested, first]}"""),
    "attention to a prefix of a condition": ("steps", """
  words: {layer: conv, from: frames, out: 12}
  long: {layer: pad, from: first, before: 4, fill: words}
  q: {layer: conv, from: long, out: 12}
  seen: {layer: attention, from: q, keys: long, values: long, heads: 2, mask: so_far or that.step < 0}
  tested: {layer: crop, before: 4}
  both: {layer: concat, from: [tested, first]}"""),
    "attention to another part": ("parts", """
  k: {layer: conv, from: luma, kernel: 1, out: 4}
  v: {layer: conv, from: luma, kernel: 1, out: 6}
  tested: {layer: attention, from: first, keys: k, values: v}
  both: {layer: concat, from: [tested, first]}"""),
    "attention in a window": ("steps", attention(mask="so_far and this.step - that.step < 3", heads="2")),
    "attention in a strict window": ("steps", attention(mask="earlier and that.step > this.step - 3")),
    "attention in blocks": ("steps", attention(mask="so_far and this.step // 3 == that.step // 3", heads="3")),
    "attention dilated": ("steps", attention(
        mask="so_far and this.step - that.step < 5 and (this.step - that.step) % 2 == 0", heads="2")),
    "attention with a prefix": ("steps", """
  late: {layer: shift, from: first, steps: 2}
""" + attention("late", mask="so_far or that.step < 2", heads="2")),
    "attention in a window to sinks": ("steps", attention(
        mask="so_far and (this.step - that.step < 2 or that.step < 1)", heads="2", sinks="true", soft_cap="5.0")),
    "attention in a window of fewer keys": ("steps", """
  k: {layer: conv, from: first, kernel: 1, out: 6, mask: so_far}
  tested: {layer: attention, from: first, keys: k, values: k, heads: 4, kv_heads: 2,
           mask: so_far and this.step - that.step < 3, relative: {kind: alibi}}"""),
    "attention in a window backwards": ("backwards", attention(mask="so_far and that.step - this.step < 3")),
    "attention in a window on a grid": ("joint", attention(
        mask="so_far and this.row - that.row < 2 and -2 < this.column - that.column < 2", heads="2")),
    "attention in a window by groups": ("colour", attention(
        mask="so_far and this.row - that.row < 2 and this.column == that.column")),
    "attention along columns": ("joint", attention(mask="so_far and this.column == that.column", heads="2")),
    "attention along rows": ("curve", attention("scaled", mask="earlier and this.row == that.row", heads="2")),
    "attention near in the order": ("curve", attention("scaled", mask="earlier and this.rank - that.rank < 8")),
    "attention near by place": ("grey", attention(mask="so_far and this.position - that.position < 4")),
    "attention to a condition in a window": ("grey", across(
        "map", mask="0 <= this.row - that.row < 1 and this.column - that.column < 2", heads="2")),
    "attention that sees nothing": ("grey", attention("scaled", mask="that.row > 99")),
    "attention with shared keys": ("colour", attention(mask="so_far", heads="4", kv_heads="2", k="6")),
    "attention with shared keys before it": ("curve", attention(mask="earlier", heads="4", kv_heads="2", k="6")),
    "attention with shared keys by a rule": ("joint", attention(
        mask="before and that.row >= this.row - 1", heads="6", kv_heads="3", k="6", scale="0.3")),
    "attention capped": ("colour", attention(mask="so_far", heads="4", kv_heads="2", k="6", soft_cap="1.5")),
    "attention with sinks": ("steps", attention(mask="so_far", heads="2", sinks="true", soft_cap="2", scale="1.0")),
    "attention with sinks before it": ("curve", attention(mask="earlier", heads="4", kv_heads="2", k="6",
                                                          sinks="true")),
    "attention with sinks by a rule": ("joint", attention(mask="before and that.row > this.row - 1", heads="3",
                                                          sinks="true")),
    "attention with slopes": ("steps", attention(mask="so_far", heads="6", kv_heads="3", k="6",
                                                 relative="{kind: alibi}")),
    "attention with slopes in a window": ("steps", attention(
        mask="earlier and this.step - that.step < 4", heads="3", sinks="true", relative="{kind: alibi}")),
    "attention with buckets": ("backwards", attention(
        mask="earlier", heads="2", relative="{kind: buckets, buckets: 4, farthest: 6}")),
    "attention with buckets in a window": ("steps", attention(
        mask="so_far and this.step - that.step < 5", heads="2", soft_cap="3",
        relative="{kind: buckets, buckets: 6, farthest: 5, both_ways: true}")),
    "attention to a condition by buckets": ("steps", attention(
        "series", heads="2", relative="{kind: buckets, buckets: 8, farthest: 9, both_ways: true}").replace(
        "out: 12, mask: so_far", "out: 12").replace("out: 6, mask: so_far", "out: 6")),
    "attention leaking": ("colour", attention()),
    "lstm": ("steps", gates(4, "{layer: lstm, state: [[-1]]}")),
    "lstm of a row": ("colour", gates(4, "{layer: lstm, state: [[-1, -1], [-1, 0], [-1, 1]], carry: 1}")),
    "lstm diagonal": ("colour", gates(4, "{layer: lstm, state: [[0, -1], [-1, 0]]}")),
    "lstm from zero": ("joint", gates(4, "{layer: lstm, state: [[-1, 0], [0, -1]], start: zero, carry: 1}")),
    "lstm from the right": ("grey", gates(4, "{layer: lstm, state: [[0, 1], [-1, 0]]}") + """
  down: {layer: shift, rows: 1}"""),
    "lstm along a known row": ("above", gates(4, "{layer: lstm, state: [[0, 1], [-1, 0]]}") + """
  both: {layer: concat, from: [gates, tested]}"""),
    "lstm leaking": ("grey", gates(4, "{layer: lstm, state: [[1, 0]]}")),
    "gru": ("steps", gates(3, "{layer: gru, state: [[-1], [-3]]}")),
    "gru on a grid": ("colour", gates(3, "{layer: gru, state: [[0, -1], [-1, 0]], start: zero}")),
    "rnn": ("steps", gates(1, "{layer: rnn, state: [[-2]]}")),
    "rnn on a grid": ("colour", gates(1, "{layer: rnn, state: [[-1, 0], [-1, 1]]}")),
    "linear_recurrence": ("steps", one("linear_recurrence, from: first")),
    "linear_recurrence by a node": ("colour", """
  b: {layer: conv, from: first, kernel: 1, out: 12, mask: so_far}
  more: {layer: conv, from: scaled, kernel: 3, out: 12, mask: earlier}
  a: {layer: sigmoid}
  tested: {layer: linear_recurrence, from: b, decay: a}"""),
    "linear_recurrence normalised": ("joint curve", """
  b: {layer: previous, from: scaled}
  a: {layer: sigmoid, from: b}
  tested: {layer: linear_recurrence, from: b, decay: a, normalise: true}"""),
    "linear_recurrence by a gate": ("steps", """
  r: {layer: sigmoid, from: first}
  tested: {layer: linear_recurrence, from: first, gate: r, normalise: true}"""),
    "linear_recurrence by a number": ("colour", one(
        "linear_recurrence, from: first, decay: {fixed: 0.5}, along: columns, normalise: true")),
    "linear_recurrence complex": ("colour", one("linear_recurrence, from: first, complex: true")),
    "linear_recurrence complex by a node": ("steps", """
  a: {layer: tanh, from: first}
  tested: {layer: linear_recurrence, from: first, decay: a, complex: true}"""),
    "linear_recurrence complex by a gate": ("above", """
  half: {layer: conv, from: first, kernel: 1, out: 6}
  r: {layer: sigmoid}
  tested: {layer: linear_recurrence, from: first, gate: r, complex: true, normalise: true, along: rows,
           backward: true}"""),
    "linear_recurrence complex by a number": ("backwards", one(
        "linear_recurrence, from: first, decay: {fixed: -0.5}, complex: true")),
    "linear_recurrence leaking": ("colour", one("linear_recurrence, from: first, along: order, backward: true")),
    "selective_scan": ("steps", selective("first", 9)),
    "selective_scan over pixels": ("colour", selective("first", 3, skip="false")),
    "selective_scan on a curve": ("joint curve", "  first: {layer: previous, from: scaled}\n" + selective("first", 9)),
    "selective_scan down the columns": ("colour", selective("first", 3, along="columns")),
    "selective_scan to the left": ("above", selective("first", 3, along="rows", backward="true")),
    "selective_scan leaking": ("colour", selective("scaled", 3)),
    "cumulative": ("steps", one("cumulative, from: first")),
    "cumulative mean": ("colour", one("cumulative, from: first, kind: mean")),
    "cumulative strict": ("image", SCALED + "  tested: {layer: cumulative, mask: earlier, along: rows}"),
    "cumulative mean on a curve": (
        "joint curve", "  tested: {layer: cumulative, from: scaled, kind: mean, mask: earlier}"),
    "cumulative down the columns": ("colour", one("cumulative, from: first, along: columns")),
    "cumulative to the left": ("above", one("cumulative, from: first, along: rows, backward: true")),
    "cumulative of a series": ("steps", """
  back: {layer: cumulative, from: series, along: steps, backward: true, kind: mean}
  tested: {layer: condition, from: first, by: back}"""),
    "cumulative leaking": ("colour", one("cumulative, from: scaled, along: rows, backward: true")),
    "linear attention": ("steps", states(heads="2", chunk=4)),
    "linear attention over colours": ("colour", states(q=6, heads="2", chunk=3, decay="{learned: 0.9}")),
    "linear attention on a curve": ("curve", states(q=6, heads="2", decay="{fixed: [0.8, 0.9]}", scale="0.5")),
    "linear attention along rows": ("joint", states(along="rows", decay="{fixed: 0.9}", skip="true")),
    "linear attention to the left of a known row": ("above", states(q=6, along="rows", backward="true")),
    "linear attention down a column": ("joint", states(along="columns", chunk=2)),
    "linear attention leaking": ("grey", states(along="columns", backward="true")),
    "linear attention of positive keys": ("steps", states(
        before=weighing("p", 4) + weighing("r", 4), normalise="true", chunk=2).replace(
        "from: q, keys: k", "from: p, keys: r")),
    "linear attention of bounded sums": ("joint", states(
        before=weighing("b", 2, function="exp"), heads="2", normalise="bounded", decay="{fixed: 0.9}", strength="b",
        chunk=2)),
    "linear attention that decays": ("steps", states(before=weighing("d", 2), heads="2", decay="d", chunk=4)),
    "linear attention that decays by channel": ("steps", states(
        before=weighing("d", 4, function="exp"), heads="2", decay="d", chunk=4, bonus="true")),
    "linear attention whose decay comes a step later": ("steps", states(
        before=weighing("later", 2) + "\n  d: {layer: shift, steps: -1}", heads="2", decay="d", bonus="true")),
    "linear attention whose decay comes too late leaking": ("steps", states(
        before=weighing("later", 2) + "\n  d: {layer: shift, steps: -2}", heads="2", decay="d", bonus="true")),
    "linear attention of a step size": ("joint", states(
        v=8, before=weighing("d", 4), heads="4", key_heads="2", decay="d", rates="true", strength="d", skip="true",
        chunk=3)),
    "delta rule": ("steps", states(before=weighing("b", 2, function="sigmoid"), heads="2", update="delta", strength="b",
                                   chunk=4)),
    "delta rule that decays": ("joint", states(
        before=weighing("d", 1) + weighing("b", 1, function="sigmoid"), update="delta", strength="b", decay="d",
        chunk=5)),
    "delta rule that decays by channel": ("steps", states(
        before=weighing("d", 4), update="delta", decay="d", scale="0.5", chunk=16)),
    "delta rule that erases elsewhere": ("steps", states(
        before=weighing("d", 4) + weighing("r", 4, function="tanh") + weighing("a", 4, function="sigmoid"), heads="2",
        update="delta", decay="d", removal="r", rate="a", chunk=4)),
    "delta rule that erases all elsewhere": ("joint", states(
        v=8, before=weighing("d", 4) + weighing("r", 4, function="tanh") + weighing("b", 4, function="sigmoid"),
        heads="4", key_heads="2", update="delta", decay="d", removal="r", strength="b", chunk=3)),
    "gate": ("colour", one("gate")),
    "gate by a class": ("grey", one("gate, condition: label")),
    "gate by a map": ("grey", one("gate, condition: map, function: identity")),
    "condition by a class": ("grey", one("condition, by: label")),
    "condition by a vector": ("steps", one("condition, by: traits")),
    "condition by a map": ("grey", one("condition, by: map")),
    "condition by a series": ("steps", one("condition, by: series")),
    **{kind: ("colour", one(kind)) for kind in (
        "relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "softplus", "exp", "square",
        "identity", "concat_elu")},
    **{kind: ("colour", "  above: {layer: softplus, from: first}\n" + one(kind)) for kind in ("log", "reciprocal")},
    **{kind: ("colour", f"""
  b: {{layer: conv, from: first, kernel: 3, out: 12, mask: so_far}}
  tested: {{layer: {kind}, from: [b, first, b]}}""") for kind in ("add", "multiply", "concat")},
    "concat by head": ("joint", """
  b: {layer: conv, from: first, kernel: 3, out: 8, mask: so_far}
  tested: {layer: concat, from: [b, first], heads: 4}"""),
    "concat by head of a shared one": ("colour", """
  b: {layer: conv, from: first, kernel: 3, out: 6, mask: so_far}
  tested: {layer: concat, from: [b, first, b], heads: [1, 4, 2]}"""),
    "multiply by one channel": ("colour", """
  weight: {layer: conv, from: first, kernel: 3, out: 3, mask: so_far}
  tested: {layer: multiply, from: [weight, first]}"""),
    "softmax": ("colour", one("softmax")),
    "softmax by head": ("joint", one("softmax, heads: 3")),
    "top_k": ("colour", one("top_k, take: 2")),
    "top_k normalised": ("joint", "  shares: {layer: softmax, from: first}\n"
                         + one("top_k, take: 3, normalise: true, balance: 0.1")),
    "top_k and nothing": ("steps", one("top_k, take: 2, rest: -inf") + "\n  shares: {layer: softmax}"),
    "top_k over space leaking": ("steps", one("top_k, take: 5, over: space")),
    "capacity": ("steps", "  some: {layer: top_k, from: first, take: 4}\n" + one("capacity, factor: 0.1, take: 4")),
    "capacity backwards": ("backwards", "  few: {layer: top_k, from: first, take: 2}\n"
                           + one("capacity, factor: 1.0") + "\n  both: {layer: concat, from: [tested, first]}"),
    "experts": ("joint", experts("experts: expert, take: 2")),
    "experts one of which is taken": ("steps", experts("experts: expert, take: 1, normalise: false")),
    "experts in full": ("grey", experts("experts: expert, scores: sigmoid, shared: expert")),
    "experts of two inputs": ("steps", experts(
        "experts: pair, take: 2, shared: pair, params: {wide: 6}, balance: 0.1").replace(
        "from: first, router", "from: {a: first, b: past}, router")),
    "experts with a capacity": ("steps", experts("experts: expert, take: 1, normalise: false, capacity: 0.1")
                                + "\n  both: {layer: concat, from: [tested, first]}"),
    "experts that choose leaking": ("steps", experts("experts: expert, take: 2, choice: experts")),
    "slice": ("colour", one("slice, start: 1, out: 6")),
    "shift": ("above", one("shift, rows: 1, columns: -2")),
    "shift of steps": ("steps", one("shift, steps: 3")),
    "shift off the grid": ("above", "  gone: {layer: shift, from: first, rows: 9, columns: 1}\n"
                           + one("add, from: [first, gone]")),
    "shift filled": ("colour", one("shift, rows: 1, columns: 1, fill: learned")),
    "shift filled by a token": ("steps", """
  start: {layer: learned, from: label, out: 12}
  token: {layer: condition, by: label}
""" + one("shift, from: first, steps: 1, fill: token")),
    "shift filled by data": ("steps", "  begin: {layer: crop, from: first, after: 7}\n"
                             + one("shift, from: first, steps: 3, fill: begin").replace("steps: 3", "steps: 2")),
    "shift leaking": ("grey", one("shift, columns: -1")),
    "previous": ("joint", "  tested: {layer: previous, from: scaled}"),
    "previous by two": ("steps", "  tested: {layer: previous, from: hot, steps: 2}"),
    "previous filled": ("joint curve", "  tested: {layer: previous, from: scaled, steps: 3, fill: learned}"),
    "previous filled beyond what is generated together": (
        "together", "  tested: {layer: previous, from: scaled, steps: 3, fill: learned}"),
    "previous filled together": ("together", "  tested: {layer: previous, from: scaled, fill: learned}"),
    "previous filled backwards": ("backwards", one("previous, steps: 2, fill: learned")),
    "prefix": ("steps", """
  words: {layer: embedding, from: text, out: 12}
  wide: {layer: pad, from: first, before: 3, fill: words}
  seen: {layer: conv, kernel: 3, padding: causal, out: 12}
""" + one("crop, before: 3")),
    "pad filled": ("grey", "  wide: {layer: pad, from: first, top: 1, right: 1, fill: learned}\n"
                   + one("crop, top: 1, right: 1")),
    "learned": ("colour", "  start: {layer: learned, from: first, out: 12, length: 5}\n"
                + one("shift, from: first, rows: 1, fill: start")),
    "embedding of tokens": ("steps", """
  words: {layer: embedding, from: text, out: 12}
  tested: {layer: attention, from: first, keys: words, values: words}
  both: {layer: concat, from: [tested, first]}"""),
    "pad and crop": ("colour", """
  wide: {layer: pad, from: first, top: 2, left: 1, bottom: 1}
  conv: {layer: conv, kernel: 3, out: 6, mask: so_far}
  tested: {layer: crop, top: 2, left: 1, bottom: 1}"""),
    "pad and crop apart": ("steps", "  wide: {layer: pad, before: 2, after: 1}\n" + one("crop, after: 3")),
    "upsample": ("joint", """
  half: {layer: conv, from: first, kernel: [2, 1], stride: [2, 1], padding: {top: 1}, out: 6}
  tested: {layer: upsample, factor: [2, 1]}"""),
    "upsample a condition": ("grey", "  big: {layer: upsample, from: half}\n" + one("condition, from: first, by: big")),
    "filter": ("above", one("filter, kernel: [1, 3]")),
    "filter causal": ("steps", one("filter, kernel: 3, padding: causal")),
    "scale": ("image", one("scale, to: [0, 2]") + "\n  first: {layer: conv, kernel: 3, out: 6, mask: earlier}"),
    "one_hot": ("image", one("one_hot") + "\n  first: {layer: conv, kernel: 3, out: 6, mask: earlier}"),
    "one_hot jointly": ("joint image", one("one_hot") + "\n  first: {layer: conv, kernel: 3, out: 6, mask: earlier}"),
    "embedding": ("image", one("embedding, out: 6") + "\n  first: {layer: conv, kernel: 3, out: 6, mask: earlier}"),
    "embedding of steps": ("sequence", one("embedding, out: 6") + "\n  past: {layer: shift, steps: 1}"),
    "embedding tied": ("sequence", "  embed: {layer: embedding, out: 6}\n  past: {layer: shift, steps: 1}\n"
                       "  tested: {layer: conv, kernel: 1, out: $head, bias: false, weights: embed}"),
    "background": ("colour", "  place: {layer: background, from: first, channels: [row, one, column]}\n"
                   + one("concat, from: [first, place]")),
    "background of steps": ("steps", "  place: {layer: background, channels: [step]}\n"
                            + one("concat, from: [first, place]")),
    "position": ("colour", "  place: {layer: position, from: first, out: 12}\n" + one("add, from: [first, place]")),
    "position of the next": ("curve", "  place: {layer: position, from: first, out: 12, at: next}\n"
                             + one("add, from: [first, place]")),
    "position of the previous": ("backwards", "  place: {layer: position, from: first, out: 12, at: previous}\n"
                                 + one("add, from: [first, place]")),
    "part": ("parts", "  view: {layer: conv, from: luma, kernel: 3, out: 12, groups: 3}\n"
             + one("add, from: [first, view]")),
    "part of joint channels": ("joint parts", "  view: {layer: conv, from: luma, kernel: 3, out: 12}\n"
                               + one("add, from: [first, view]")),
    "part embedded": ("parts", "  hot: {layer: one_hot, from: luma}\n  tables: {layer: embedding, from: x, out: 6}\n"
                      "  own: {layer: conv, from: tables, kernel: 3, out: 12, mask: earlier}\n"
                      "  view: {layer: conv, from: hot, kernel: 5, out: 12, groups: 3, mask: so_far}\n"
                      + one("add, from: [first, own, view]")),
    "part strided": ("joint parts", "  half: {layer: conv, from: luma, kernel: 2, stride: 2, padding: valid, out: 6}\n"
                     "  twice: {layer: conv, kernel: 2, stride: 2, transposed: true, out: 12}\n"
                     + one("add, from: [first, twice]")),
    "part attended to": ("parts", attention("view", mask="so_far").replace(
        "  q:", "  view: {layer: conv, from: luma, kernel: 1, out: 12, groups: 3}\n  q:", 1)),
    "part leaking": ("parts", "  view: {layer: conv, from: x, kernel: 1, out: 12}\n" + one("add, from: [first, view]")),
    "sinusoid": ("steps", "  place: {layer: sinusoid, from: first, out: 12, base: 6}\n"
                 + one("add, from: [first, place]")),
    "sinusoid of rows and columns": ("colour", "  place: {layer: sinusoid, from: first, out: 12, form: halves}\n"
                                     + one("add, from: [first, place]")),
    "sinusoid on a curve": ("curve", "  place: {layer: sinusoid, from: first, out: 12, at: next, offset: 3}\n"
                            + one("add, from: [first, place]")),
    "rotary": ("steps", one("rotary, heads: 2, base: 9")),
    "rotary of neighbours": ("steps", one("rotary, heads: 3, form: interleaved, share: 0.5, offset: -4, base: 50")),
    "rotary of rows and columns": ("colour", one("rotary, base: 7.5, offset: 1")),
    "rotary of columns": ("grey", one("rotary, heads: 2, axes: [column], form: interleaved, share: 0.66, base: 5")),
    "rotary on a curve": ("curve", "  after: {layer: rotary, from: first, at: next, form: interleaved, base: 5}\n"
                          "  before: {layer: rotary, from: first, at: previous, axes: [row], base: 3}\n"
                          + one("concat, from: [after, before]")),
    "rotary backwards": ("backwards", one("rotary, heads: 2, at: next, base: 9")),
    "rotary of strides": ("steps", """
  third: {layer: conv, from: first, kernel: 3, stride: 3, padding: {before: 2}, out: 8}
  turned: {layer: rotary, heads: 2, base: 9}
  tested: {layer: conv, kernel: 3, stride: 3, transposed: true, out: 6}"""),
    **{f"rotary {scaling.split(',')[0]}": ("steps", one(f"rotary, heads: 2, base: 20, scaling: {{kind: {scaling}}}"))
       for scaling in ("linear, factor: 3", "ntk, factor: 4", "yarn, factor: 4, original: 8, beta_fast: 1, "
                       "beta_slow: 0.2", "llama3, factor: 4, original: 20, low: 1, high: 3",
                       "longrope, short: [1, 2, 3], long: [1, 3, 5], original: 4, factor: 4",
                       "dynamic, factor: 4, original: 9")},
    "rotary in attention": ("steps", """
  q: {layer: conv, from: first, out: 24}
  k: {layer: conv, from: first, out: 12}
  v: {layer: conv, from: first, out: 6}
  q_turned: {layer: rotary, from: q, heads: 4, base: 10}
  k_turned: {layer: rotary, from: k, heads: 2, base: 10}
  tested: {layer: attention, from: q_turned, keys: k_turned, values: v, heads: 4, kv_heads: 2, mask: so_far}
  both: {layer: concat, from: [tested, first]}"""),
    "long_conv": ("steps", one("long_conv, from: first, along: steps")),
    "long_conv strict": ("steps", one("long_conv, from: hot, mask: earlier")),
    "long_conv with a skip": ("steps", one("long_conv, from: first, skip: true")),
    "long_conv of a network": ("steps", one("long_conv, from: first, skip: true, "
        "kernel: {kind: implicit, width: 3, depth: 3, waves: 2, frequency: 2, shift: 0.1}")),
    "long_conv of a network without a window": ("steps", one("long_conv, from: hot, mask: earlier, "
        "kernel: {kind: implicit, width: 3, depth: 2, waves: 1, length: 20, window: null}")),
    "long_conv in an order": ("grey", one("long_conv, from: first, mask: so_far")),
    "long_conv of colours": ("colour", one("long_conv, from: first, mask: so_far")),
    "long_conv of colours on a curve": ("curve", one("long_conv, from: first, mask: earlier")),
    "long_conv along rows": ("joint", one(
        "long_conv, from: first, along: rows, kernel: {kind: implicit, width: 3, waves: 1}")),
    "long_conv along columns": ("colour", one("long_conv, from: first, along: columns, skip: true")),
    "long_conv backward along rows": ("above", one("long_conv, from: first, along: rows, backward: true")),
    "long_conv backward": ("backwards", one("long_conv, from: first, along: steps, backward: true")),
    "long_conv leaking": ("colour", one("long_conv, from: first, along: rows, backward: true")),
    "norm": ("colour", one("norm")),
    "norm rms": ("colour", one("norm, kind: rms, epsilon: 1e-3")),
    "norm of heads": ("colour", one("norm, kind: rms, heads: 2, unit_offset: true")),
    "norm of heads with a mean": ("steps", one("norm, heads: 3")),
    "norm of heads without weights": ("colour", one("norm, heads: 2, gain: false, bias: false")),
    "norm without a bias": ("steps", one("norm, bias: false")),
    "norm with a bias alone": ("pixels", one("norm, over: pixel, kind: rms, gain: false, bias: true")),
    "norm of pixels": ("pixels", one("norm, over: pixel")),
    "norm of pixels rms": ("pixels", one("norm, over: pixel, kind: rms")),
    "norm of pixels leaking": ("colour", one("norm, over: pixel")),
    "norm over space": ("colour", one("norm, over: space")),
    "norm over batch": ("colour", one("norm, over: batch")),
    "norm over batch rms": ("colour", one("norm, over: batch, kind: rms")),
    "times": ("colour", one("times, by: -2")),
    "times and plus": ("colour", one("times, by: -1, plus: 1")),
    "soft_cap": ("colour", one("soft_cap, cap: 0.7")),
    "dropout": ("colour", one("dropout, rate: 0.3")),
}  # fmt: skip

LEAKING = {name for name in CASES if "leaking" in name} | {"norm over space"}
# What is read to choose by, and changes no number little by little: it has no gradient.
CHOOSING = {name for name in CASES if name.startswith("capacity")} | {
    "top_k over space leaking",
    "experts with a capacity",
    "experts that choose leaking",
}


def case(name: str) -> Spec:
    setting, nodes = CASES[name]
    data, order, before, after = SETTINGS[setting]
    condition = CONDITION if setting in CONDITIONED and any(f": {c}" in nodes for c in CONDITION_NAMES) else ""
    kept = "".join(f"{line}\n" for line in condition.splitlines() if line.split(":")[0].strip() in used(nodes))
    section = (f"condition:\n{kept}" if kept else "") + (BLOCKS if "experts:" in nodes else "")
    text = f"arspec: 1\ndata: {data}\norder: {order}\n{section}graph:\n{before}\n{nodes}\n{after}\n"
    head = "{kind: categorical, from: logits}"
    if "auxiliary" in data:
        head = f"{{luma: {{kind: categorical, from: grey}}, x: {head}}}"
    return from_text(f"{text}head: {head}\n", name)


def used(nodes: str) -> set[str]:
    """The conditions that some nodes name."""
    words = set(nodes.replace(",", " ").replace("}", " ").split())
    return words & CONDITION_NAMES


CONDITION_NAMES = {line.split(":")[0].strip() for line in CONDITION.splitlines() if line.strip()}
