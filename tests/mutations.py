"""Single faults in specs, made as edits of their text by the marks of its tree.

A mutation names a value by its path: `layer/h_conv/mask` is the mask of the node h_conv of the block layer,
`graph/first/params/mask` a parameter of an instance in the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from arspec.analysis.entries import Entries, Entry
from arspec.analysis.fix.edits import Edit, added, apply, dropped, inserted, removed, replaced
from arspec.analysis.witness import Step
from arspec.language.load import Spec, load
from arspec.syntax.yaml import Map, Seq, Tree, parse

ROOT = Path(__file__).parent.parent

# The specs as they are mutated: small, so that every variable can be perturbed, and deep enough for a context to lose.
BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gated": ("specs/gated_pixelcnn.yaml",
              {"height": 4, "width": 4, "channels": 3, "levels": 3, "features": 12, "layers": 1, "kernel": 5}),
    "location": ("specs/gated_pixelcnn_location.yaml",
                 {"height": 4, "width": 4, "channels": 3, "levels": 3, "features": 12, "layers": 1, "kernel": 5,
                  "kinds": 2, "map_features": 4}),
    "pixelcnn": ("specs/pixelcnn.yaml",
                 {"height": 4, "width": 4, "channels": 3, "levels": 3, "features": 12, "head_features": 12, "blocks": 2,
                  "kernel": 3}),
    "inside_out": ("specs/inside_out.yaml",
                   {"height": 4, "width": 4, "channels": 3, "levels": 3, "features": 12, "keys": 12, "blocks": 1,
                    "kernel": 3, "dropout": 0.0}),
    "made": ("specs/made.yaml", {"height": 3, "width": 3, "members": 2, "hidden": 24}),
    "wavenet": ("specs/wavenet.yaml",
                {"length": 10, "levels": 4, "speakers": 3, "residual": 8, "skip": 8, "layers": 3, "cycle": 3}),
    "tcn": ("specs/causal_tcn.yaml", {"length": 12, "levels": 4, "embedding": 6, "hidden": 8, "layers": 2,
                                      "dropout": 0.0}),
    "plus": ("tests/specs/ok/pixelcnn_pp_small.yaml", {"filters": 6}),
    "diagonal": ("tests/specs/ok/diagonal_bilstm_small.yaml", {}),
    "row": ("tests/specs/ok/row_lstm_small.yaml", {"width": 9}),
    "mamba2": ("specs/mamba2.yaml", {"length": 8, "levels": 3, "width": 4, "heads": 2, "keys": 2, "layers": 1}),
    "hybrid": ("specs/deltanet_hybrid.yaml", {"length": 8, "levels": 3, "width": 4, "heads": 2, "keys": 4, "hidden": 4,
                                              "fours": 1, "start": 0}),
    "rwkv": ("specs/rwkv.yaml", {"length": 8, "levels": 3, "width": 4, "heads": 2, "hidden": 4, "shares": 2, "falls": 2,
                                 "layers": 1}),
    "retnet": ("specs/retnet.yaml", {"length": 8, "levels": 3, "start": 0, "width": 8, "heads": 2, "layers": 1}),
    "mamba": ("specs/mamba.yaml",
              {"length": 9, "levels": 4, "width": 6, "inner": 6, "states": 2, "rank": 2, "layers": 1}),
    "hyena": ("specs/hyena.yaml",
              {"length": 8, "levels": 3, "start": 0, "width": 4, "hidden": 4, "layers": 1, "filter": 3}),
    "mixture": ("specs/mixtral.yaml",
                {"length": 7, "levels": 4, "width": 8, "heads": 2, "kv_heads": 1, "size": 4, "inner": 6, "experts": 3,
                 "layers": 1}),
    "lines": ("tests/specs/ok/lines_small.yaml", {"layers": 1}),
    "reads": ("tests/fixtures/reads_small.yaml", {}),
    "told": ("tests/fixtures/told_small.yaml", {}),
    "local": ("specs/image_transformer.yaml",
              {"height": 4, "width": 4, "channels": 1, "levels": 3, "block": 4, "memory": 12, "features": 8, "inner": 8,
               "heads": 2, "layers": 1, "components": 2}),
    "axial": ("specs/axial_transformer.yaml",
              {"size": 4, "levels": 3, "features": 8, "heads": 2, "outer": 1, "inner": 1, "wide": 8}),
    "patches": ("specs/megabyte.yaml",
                {"length": 12, "patch": 4, "global": 8, "local": 8, "global_layers": 1, "local_layers": 1,
                 "global_heads": 2, "local_heads": 2}),
    "shuffled": ("specs/sigma_gpt.yaml",
                 {"length": 8, "levels": 3, "width": 8, "heads": 2, "layers": 1, "members": 1}),
    "codes": ("specs/llamagen.yaml",
              {"size": 3, "levels": 3, "classes": 2, "width": 8, "heads": 2, "hidden": 8, "layers": 1}),
}  # fmt: skip
SIZES: dict[str, dict[str, int]] = {
    "diagonal": {"height": 4, "width": 4}, "row": {"height": 4, "width": 4, "levels": 3}, "plus": {"levels": 3},
}  # fmt: skip


@cache
def base(name: str) -> Spec:
    path, params = BASES[name]
    return load(ROOT / path, params, SIZES.get(name))


Change = Callable[[Map], list[Edit]]


@dataclass(frozen=True)
class Mutation:
    """One fault: of which spec, what is done, and the entries at which it shows (`block/node` or `graph/node`): the
    mutated one, or the reader of a removed one."""

    spec: str
    said: str
    change: Change
    shows: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.spec}: {self.said}"

    def made(self) -> Spec:
        whole = base(self.spec)
        tree = parse(whole.source)
        assert isinstance(tree, Map)
        (text,) = apply(self.change(tree)).values()
        return whole.variant(text=text)

    def lines(self, mutated: Spec) -> set[int]:
        """The lines of the entries at which it shows, in the mutated text."""
        tree = parse(mutated.source)
        found: set[int] = set()
        for path in self.shows:
            block, _, name = path.partition("/")
            nodes = _walk(tree, _steps(block))
            if isinstance(nodes, Map) and name in nodes.entries:
                found.add(nodes.entries[name][0].line)
        return found

    def passed(self, entries: Entries, step: Step) -> bool:
        """Whether a step of a witness is at an entry at which the fault shows, or within such an instance."""
        here = [e for e in (entries.of(step.node), *entries.around(step.node)) if e is not None]
        return any(_path(entry) in self.shows for entry in here)


def _path(entry: Entry) -> str:
    return f"{entry.block.name or 'graph'}/{entry.name}"


def _steps(path: str) -> list[str]:
    first, *rest = path.split("/")
    return [first, *rest] if first in ("graph", "data", "heads") else ["blocks", first, "nodes", *rest]


def _walk(tree: Tree, steps: list[str]) -> Tree:
    for step in steps:
        if isinstance(tree, Map):
            tree = tree.entries[step][1]
        else:
            assert isinstance(tree, Seq)
            tree = tree.items[int(step)]
    return tree


def _entry(path: str) -> tuple[str, ...]:
    return ("/".join(path.split("/")[:2]),)


def put(spec: str, path: str, text: str, shows: tuple[str, ...] | None = None) -> Mutation:
    """Another value at a path."""

    def change(tree: Map) -> list[Edit]:
        return [replaced(_walk(tree, _steps(path)).place, text)]

    return Mutation(spec, f"{path} is {text}", change, shows or _entry(path))


def drop(spec: str, path: str, shows: tuple[str, ...] | None = None) -> Mutation:
    """A key, or an item of a list, that is missing."""

    def change(tree: Map) -> list[Edit]:
        *steps, last = _steps(path)
        around = _walk(tree, steps)
        if isinstance(around, Map):
            return [removed(around, last)]
        assert isinstance(around, Seq)
        return [dropped(around, int(last))]

    return Mutation(spec, f"{path} is missing", change, shows or _entry(path))


def give(spec: str, path: str, key: str, text: str) -> Mutation:
    """A key too many, in the mapping at a path."""

    def change(tree: Map) -> list[Edit]:
        around = _walk(tree, _steps(path))
        assert isinstance(around, Map)
        return [added(around, key, text)]

    return Mutation(spec, f"{path} has {key}: {text}", change, _entry(path))


def rename(spec: str, path: str, key: str) -> Mutation:
    """Another key with the same value."""

    def change(tree: Map) -> list[Edit]:
        *steps, last = _steps(path)
        around = _walk(tree, steps)
        assert isinstance(around, Map)
        return [replaced(around.entries[last][0], key)]

    return Mutation(spec, f"{path} is {key}", change, _entry(path))


def insert(spec: str, path: str, text: str) -> Mutation:
    """A node too many, in front of the one at a path, which takes it."""

    def change(tree: Map) -> list[Edit]:
        *steps, last = _steps(path)
        around = _walk(tree, steps)
        assert isinstance(around, Map)
        return [inserted(around.entries[last][0], around.flow, "extra", text)]

    block = path.partition("/")[0]
    return Mutation(spec, f"{text} before {path}", change, (f"{block}/extra",))


def outputs(spec: str, block: str, text: str, shows: tuple[str, ...]) -> Mutation:
    """Other outputs of a block."""

    def change(tree: Map) -> list[Edit]:
        return [replaced(_walk(tree, ["blocks", block, "outputs"]).place, text)]

    return Mutation(spec, f"{block} gives {text}", change, shows)


def default(spec: str, block: str, name: str, text: str, shows: tuple[str, ...]) -> Mutation:
    """Another default of a block's parameter."""

    def change(tree: Map) -> list[Edit]:
        return [replaced(_walk(tree, ["blocks", block, "params", name]).place, text)]

    return Mutation(spec, f"{block} has by default {name}: {text}", change, shows)


REVERSED = "left or (here and that.group >= this.group)"
HERE_REVERSED = "that.group >= this.group and here"
NORMS = {over: f"{{layer: norm, over: {over}}}" for over in ("space", "pixel", "batch", "channels")}

GATED = [
    put("gated", "graph/first/params/mask", "so_far"),
    drop("gated", "graph/first/params/mask"),
    put("gated", "graph/first/params/mask", "rows_so_far"),
    put("gated", "graph/first/params/mask", "before"),
    put("gated", "graph/first/params/mask", "left"),
    default("gated", "layer", "mask", "earlier", ("layer/h_conv",)),
    default("gated", "layer", "mask", "everything", ("layer/h_conv",)),
    default("gated", "layer", "mask", REVERSED, ("layer/h_conv",)),
    drop("gated", "layer/v_conv/mask"),
    put("gated", "layer/v_conv/mask", "everything"),
    put("gated", "layer/v_conv/mask", "that.row >= this.row"),
    put("gated", "layer/v_conv/mask", "rows_above"),
    put("gated", "layer/v_conv/mask", "so_far"),
    give("gated", "layer/v_conv", "padding", "{top: 4, left: 2, right: 2}"),
    put("gated", "layer/down/rows", "0"),
    put("gated", "layer/down/rows", "-1"),
    put("gated", "layer/down/rows", "2"),
    rename("gated", "layer/down/rows", "columns"),
    give("gated", "layer/down", "columns", "1"),
    drop("gated", "layer/down", ("layer/v_to_h",)),
    give("gated", "layer/v_to_h", "from", "v_conv"),
    give("gated", "layer/v_to_h", "mask", "so_far"),
    put("gated", "layer/h_conv/from", "v"),
    drop("gated", "layer/h_conv/mask"),
    put("gated", "layer/h_conv/kernel", "[3, $kernel]"),
    give("gated", "layer/h_conv", "padding", "causal"),
    put("gated", "layer/h_sum/from", "[h_conv]"),
    put("gated", "layer/h_add/from", "[h_1x1, v]"),
    drop("gated", "layer/skip/mask"),
    put("gated", "layer/skip/mask", "earlier"),
    put("gated", "layer/skip/mask", HERE_REVERSED),
    put("gated", "layer/skip/from", "v_out"),
    drop("gated", "layer/h_1x1/mask"),
    put("gated", "layer/h_1x1/mask", HERE_REVERSED),
    outputs("gated", "layer", "{v: h_out, h: v_out, skip: skip}", ("graph/body",)),
    put("gated", "graph/body/from", "{v: first.h, h: first.v}"),
    put("gated", "graph/body/from/h", "first.v"),
    drop("gated", "graph/hidden/mask"),
    drop("gated", "graph/logits/mask"),
    put("gated", "graph/logits/mask", "earlier"),
    put("gated", "graph/logits/mask", HERE_REVERSED),
    put("gated", "graph/relu1/layer", "tanh"),
    put("gated", "graph/hidden/out", "2 * $features"),
    *[insert("gated", "layer/h_gate", norm) for norm in NORMS.values()],
]
LOCATION = [
    drop("location", "layer/skip/mask"),
    put("location", "layer/v_out/condition", "h"),
    put("location", "graph/first/from", "{v: scaled, h: scaled, s: scaled}"),
    put("location", "graph/s_relu/layer", "tanh"),
]
PIXELCNN = [
    put("pixelcnn", "graph/first/mask", "so_far"),
    drop("pixelcnn", "graph/first/mask"),
    put("pixelcnn", "graph/first/mask", "before"),
    put("pixelcnn", "graph/first/mask", "rows_above or left or (here and B)"),
    put("pixelcnn", "graph/first/mask", "{kernel: [[1, 1, 1], [1, 1, 0], [0, 0, 0]], groups: B}"),
    put("pixelcnn", "graph/first/mask", "[[1, 1, 1], [1, 0, 0], [0, 0, 0]]"),
    drop("pixelcnn", "residual/reduce/mask"),
    drop("pixelcnn", "residual/conv/mask"),
    put("pixelcnn", "residual/conv/mask", "earlier"),
    put("pixelcnn", "residual/conv/mask", "[[1, 1, 1], [1, 1, 0], [0, 0, 0]]"),
    put("pixelcnn", "residual/conv/mask", "{kernel: [[1, 1, 1], [1, 1, 0], [0, 0, 0]], groups: A or B}"),
    put("pixelcnn", "residual/conv/mask", "so_far or that.row > this.row"),
    give("pixelcnn", "residual/conv", "dilation", "2"),
    drop("pixelcnn", "residual/expand/mask"),
    put("pixelcnn", "residual/expand/mask", HERE_REVERSED),
    put("pixelcnn", "graph/hidden1/kernel", "3"),
    drop("pixelcnn", "graph/hidden2/mask"),
    drop("pixelcnn", "graph/logits/mask"),
    put("pixelcnn", "graph/relu2/layer", "elu"),
    insert("pixelcnn", "residual/relu3", NORMS["space"]),
    insert("pixelcnn", "residual/relu3", NORMS["pixel"]),
]  # fmt: skip
INSIDE_OUT = [
    put("inside_out", "graph/first/mask", "so_far"),
    drop("inside_out", "graph/first/mask"),
    drop("inside_out", "residual/conv1/mask"),
    put("inside_out", "residual/conv2/mask", "earlier"),
    put("inside_out", "block/norm/over", "pixel"),
    put("inside_out", "block/norm/over", "space"),
    put("inside_out", "block/norm/over", "batch"),
    put("inside_out", "block/seen/mask", "so_far"),
    drop("inside_out", "block/seen/mask"),
    put("inside_out", "block/seen/mask", "before"),
    put("inside_out", "block/here/from", "[norm, place, image]"),
    drop("inside_out", "block/there/from/2"),
    drop("inside_out", "block/keys/mask"),
    put("inside_out", "block/queries/mask", "earlier"),
    drop("inside_out", "block/values/mask"),
    drop("inside_out", "block/mixed/mask"),
    drop("inside_out", "graph/logits/mask"),
]
MADE = [
    put("made", "graph/out/mask", "so_far"),
    drop("made", "graph/out/mask"),
    put("made", "graph/out/mask", "past"),
    drop("made", "layer/dense/mask"),
    put("made", "layer/dense/mask", "earlier"),
    put("made", "layer/relu/layer", "tanh"),
    give("made", "layer/dense", "degrees", "cyclic"),
    put("made", "graph/through", "{layer: dense, from: x, out: $head, mask: so_far}"),
]
WAVENET = [
    put("wavenet", "layer/conv/padding", "same"),
    put("wavenet", "layer/conv/padding", "{after: 2 ** ($i % $cycle)}"),
    put("wavenet", "layer/conv/dilation", "1"),
    put("wavenet", "layer/conv/kernel", "3"),
    give("wavenet", "layer/conv", "mask", "earlier"),
    put("wavenet", "graph/past/steps", "0"),
    put("wavenet", "graph/past/steps", "-1"),
    put("wavenet", "graph/past/steps", "2"),
    drop("wavenet", "graph/past/steps"),
    put("wavenet", "graph/past", "{layer: identity}"),
    drop("wavenet", "graph/past", ("graph/first",)),
    put("wavenet", "graph/first/padding", "same"),
    drop("wavenet", "graph/first/padding"),
    give("wavenet", "graph/first", "from", "hot"),
    give("wavenet", "graph/first", "mask", "past_so_far"),
    put("wavenet", "layer/gate/condition", "features"),
    insert("wavenet", "layer/gate", NORMS["batch"]),
    insert("wavenet", "layer/gate", NORMS["space"]),
    put("wavenet", "graph/logits/kernel", "3"),
]
TCN = [
    put("tcn", "graph/past/steps", "0"),
    put("tcn", "graph/past", "{layer: relu}"),
    drop("tcn", "graph/past", ("graph/drop",)),
    put("tcn", "graph/past/steps", "3"),
    put("tcn", "block/conv1/padding", "same"),
    put("tcn", "block/conv2/padding", "same"),
    put("tcn", "block/conv2/padding", "{after: 2 * 2 ** $i}"),
    drop("tcn", "block/conv2/padding"),
    put("tcn", "block/conv1/dilation", "3 ** $i"),
    put("tcn", "block/relu2/layer", "tanh"),
    insert("tcn", "block/relu1", NORMS["space"]),
    insert("tcn", "block/relu1", NORMS["channels"]),
    put("tcn", "graph/logits/kernel", "3"),
    put("tcn", "graph/drop/rate", "0.0"),
]
PLUS = [
    put("plus", "graph/u/rows", "0"),
    put("plus", "graph/u", "{layer: identity}"),
    put("plus", "graph/u/rows", "2"),
    put("plus", "graph/above_down/rows", "0"),
    put("plus", "graph/beside_right/columns", "0"),
    put("plus", "graph/beside_right/columns", "-1"),
    rename("plus", "graph/beside_right/columns", "rows"),
    put("plus", "graph/u_conv/padding", "{bottom: 1, left: 1, right: 1}"),
    rename("plus", "graph/beside/padding/top", "bottom"),
    rename("plus", "resnet/conv1/padding/top", "bottom"),
    put("plus", "resnet/conv2/padding", "{top: 1, left: $sides, right: 1}"),
    rename("plus", "halve/dul/padding/left", "right"),
    rename("plus", "halve/du/padding/top", "bottom"),
    put("plus", "double/du/crop", "[1, 1]"),
    put("plus", "double/du/crop", "[0, 0]"),
    give("plus", "double/dul", "crop", "[0, 1]"),
    outputs("plus", "double", "{u: dul, ul: du}", ("graph/down1", "graph/down0")),
    put("plus", "down_pair/du/from/a", "skip_ul"),
    put("plus", "graph/up0/from", "{u: ul, ul: u}", ("graph/up0", "graph/down0")),  # also its skips
    put("plus", "graph/last/from", "down0.u"),
    put("plus", "graph/ul/from", "[above_down, beside]"),
    insert("plus", "resnet/act2", NORMS["space"]),
    put("plus", "graph/ones/channels", "[row]"),
]
DIAGONAL = [
    put("diagonal", "graph/first/mask", "so_far"),
    put("diagonal", "layer/left/state", "[[0, 1], [-1, 0]]"),
    put("diagonal", "layer/left/state", "[[0, -1], [1, 0]]"),
    put("diagonal", "layer/right_down/rows", "0"),
    put("diagonal", "layer/right_down/rows", "2"),
    rename("diagonal", "layer/right_down/rows", "columns"),
    put("diagonal", "layer/both/from", "[left, right]"),
    put("diagonal", "layer/right_down", "{layer: identity, from: right}"),
    drop("diagonal", "layer/left_in/mask"),
    drop("diagonal", "layer/expand/mask"),
    put("diagonal", "layer/expand/kernel", "3"),
]
ROW = [
    drop("row", "layer/input_to_state/mask"),
    put("row", "layer/input_to_state/mask", "earlier"),
    put("row", "layer/lstm/state", "[[0, 1], [-1, 0], [-1, 1]]"),
    put("row", "layer/lstm/state", "[[0, -1], [-1, 0], [-1, 1]]"),
    drop("row", "layer/expand/mask"),
]
MAMBA = [
    put("mamba", "layer/mixed/padding", "same"),
    put("mamba", "layer/mixed/padding", "{before: 2, after: 1}"),
    put("mamba", "layer/mixed/padding", "{before: 3}"),
    drop("mamba", "layer/mixed/padding"),
    give("mamba", "layer/scan", "backward", "true"),
    give("mamba", "layer/scan", "along", "steps"),
    put("mamba", "layer/step", "{layer: conv, from: low, out: $inner, kernel: 3}"),
    put("mamba", "layer/c/from", "mixed"),
    put("mamba", "graph/before/steps", "0"),
    put("mamba", "graph/before/steps", "-1"),
    put("mamba", "graph/before", "{layer: identity}"),
    put("mamba", "graph/before", "{layer: cumulative, mask: so_far}"),
    put("mamba", "graph/before", "{layer: cumulative, mask: earlier, kind: mean}"),
    insert("mamba", "layer/gate", NORMS["space"]),
    insert("mamba", "layer/gated", "{layer: linear_recurrence, from: scan, backward: true}"),
]
LINES = [
    put("lines", "layer/above/rows", "0"),
    rename("lines", "layer/above/rows", "columns"),
    put("lines", "layer/above", "{layer: identity, from: h}"),
    put("lines", "layer/left/from", "h"),
    put("lines", "layer/right/from", "h"),
    put("lines", "layer/left/along", "columns"),
    give("lines", "layer/right", "backward", "true"),
    give("lines", "layer/down", "backward", "true"),
    put("lines", "layer/down/along", "rows"),
    put("lines", "layer/down/along", "order"),
    give("lines", "layer/scan", "backward", "true"),
    give("lines", "layer/scan", "along", "columns"),
    drop("lines", "layer/local/mask"),
    put("lines", "layer/local/mask", "rows_so_far"),
    drop("lines", "layer/step/mask"),
    drop("lines", "layer/c/mask"),
]
NEXT = "{{layer: shift, from: {}, steps: -1}}"
STATES = [
    give("mamba2", "layer/states", "backward", "true"),
    put("mamba2", "layer/step", NEXT.format("step_in")),  # the decay and the strength of the next step
    put("mamba2", "layer/gate", NEXT.format("gate_in")),
    put("mamba2", "layer/mixed/padding", "same"),
    put("mamba2", "layer/mixed/padding", "{after: 3}"),
    put("mamba2", "layer/mixed/kernel", "1"),
    put("mamba2", "layer/states/skip", "false"),
    put("mamba2", "layer/states/values", "gate_in"),
    put("mamba2", "graph/before/steps", "0"),
    put("mamba2", "graph/before/steps", "2"),
    drop("mamba2", "graph/before", ("graph/logits",)),
    insert("mamba2", "layer/norm2", NORMS["space"]),
    give("hybrid", "delta/states", "backward", "true"),
    put("hybrid", "delta/fall", NEXT.format("fall_in")),  # the decay of the next step
    put("hybrid", "delta/half", NEXT.format("strength_in")),  # the strength of the next step
    put("hybrid", "delta/k_mixed/padding", "same"),
    put("hybrid", "delta/states/update", "add"),
    drop("hybrid", "delta/states/strength"),
    drop("hybrid", "attention/seen/mask"),
    put("hybrid", "attention/seen/mask", "that.step <= this.step + 1"),
    put("hybrid", "graph/before/steps", "-1"),
    put("rwkv", "layer/last1/steps", "-1"),
    put("rwkv", "layer/last2/steps", "-1"),
    put("rwkv", "layer/last1/steps", "0"),
    put("rwkv", "layer/states/bonus", "false"),
    give("rwkv", "layer/states", "backward", "true"),
    put("rwkv", "layer/fall_act", NEXT.format("fall_in")),  # a bonus reads the state before it decays
    put("rwkv", "layer/fall_act", "{layer: shift, from: fall_in, steps: -2}"),
    insert("rwkv", "layer/each", NORMS["space"]),
    give("retnet", "layer/retention", "backward", "true"),
    put("retnet", "layer/retention/decay", "{learned: 0.9}"),
    put("retnet", "layer/retention/keys", "k_in"),
    put("retnet", "layer/gate", NEXT.format("gate_in")),
]
HYENA = [
    give("hyena", "operator/long", "backward", "true"),
    put("hyena", "operator/v/padding", "same"),
    put("hyena", "operator/gate1/padding", "{after: 2}"),
    put("hyena", "operator/gate2", NEXT.format("gate2_in")),
    put("hyena", "operator/gate2", "{layer: long_conv, from: gate2_in, backward: true}"),
    insert("hyena", "operator/long", NORMS["space"]),
    drop("hyena", "operator/long/skip"),
    put("hyena", "operator/long/kernel", "{kind: explicit}"),
    put("hyena", "operator/long/along", "order"),
    put("hyena", "graph/before/steps", "0"),
    put("hyena", "graph/before/steps", "2"),
    put("hyena", "graph/before", "{layer: long_conv, mask: earlier}"),
    put("hyena", "graph/before", "{layer: long_conv}"),
]
MIXTURE = [
    insert("mixture", "layer/router", "{layer: shift, steps: -1}"),  # it sees the next token
    insert("mixture", "layer/router", "{layer: shift, steps: 1}"),
    insert("mixture", "layer/router", NORMS["space"]),
    give("mixture", "layer/router", "kernel", "3"),
    give("mixture", "layer/moe", "choice", "experts"),
    give("mixture", "layer/moe", "capacity", "0.4"),
    give("mixture", "layer/moe", "scores", "sigmoid"),
    give("mixture", "layer/moe", "shared", "expert"),
    put("mixture", "layer/moe/take", "1"),
    drop("mixture", "layer/moe/take"),
    put("mixture", "layer/attention/mask", "that.step <= this.step + 1"),
    drop("mixture", "layer/attention/mask"),
    put("mixture", "graph/before/steps", "0"),
]
READS = [
    put("reads", "graph/first/mask", "so_far or that.step < $given + 1"),  # a prefix that is too wide
    put("reads", "graph/first/mask", "so_far or that.step <= $given"),
    put("reads", "graph/first/mask", "so_far or this.step < $given"),
    drop("reads", "graph/first/mask"),
    put("reads", "graph/first/mask", "so_far"),
    drop("reads", "graph/far/mask"),  # keys that are data, on another grid
    put("reads", "graph/far/mask", "so_far"),
    put("reads", "graph/far/mask", "that.step + $patch - 2 <= this.step"),
    put("reads", "graph/far/mask", "that.step + $patch <= this.step"),
    put("reads", "graph/patches/padding", "{after: 2}"),
    put("reads", "graph/close/mask", "that.step <= this.step + 1 and this.step - that.step < $window"),  # off by one
    put("reads", "graph/close/mask", "-1 <= this.step - that.step < $window"),
    put("reads", "graph/close/mask", "this.step - that.step < $window"),
    put("reads", "graph/close/mask", "so_far and this.step - that.step < $window + 1"),
    put("reads", "graph/close/mask", "this.step // $window == that.step // $window"),
    put("reads", "graph/logits/steps", "0"),
]
LOCAL = [
    put("local", "layer/attention/mask", "that.position >= this.position // $block * $block - $memory"),
    put("local", "layer/attention/mask", "that.position // $block <= this.position // $block"),  # a chunk that reads on
    put("local", "layer/attention/mask", "so_far or that.position // $block == this.position // $block"),
    put("local", "layer/attention/mask", "that.position <= this.position + 1"),
    put("local", "layer/attention/mask", "so_far and that.position >= this.position - $memory"),
    put("local", "layer/attention/mask", "that.row <= this.row"),
    drop("local", "layer/attention/mask"),
    put("local", "graph/before", "{layer: identity}"),
]
AXIAL = [
    put("axial", "both/columns/params/mask", "that.column == this.column"),
    put("axial", "both/columns/params/mask", "that.column == this.column and that.row <= this.row + 1"),
    put("axial", "both/columns/params/mask", "that.column == this.column and that.row < this.row"),
    put("axial", "graph/above/rows", "0"),
    put("axial", "graph/above/rows", "-1"),
    put("axial", "graph/left/columns", "0"),
    put("axial", "graph/inner/params/mask", "that.row == this.row"),
    put("axial", "graph/inner/params/mask", "that.row == this.row and that.column <= this.column + 1"),
    put("axial", "graph/inner/params/mask", "that.column == this.column"),
]
PATCHES = [
    put("patches", "local_layer/attention/mask", "that.step // $patch == this.step // $patch"),
    put("patches", "local_layer/attention/mask", "that.step // $patch == (this.step + 1) // $patch"),  # a wrong border
    put("patches", "local_layer/attention/mask", "so_far and that.step // $patch == (this.step + 1) // $patch"),
    put("patches", "global_layer/attention/mask", "that.step <= this.step + $patch"),
    drop("patches", "global_layer/attention/mask"),
    put("patches", "graph/late/steps", "$patch - 1"),
    put("patches", "graph/late/steps", "1"),
    put("patches", "graph/late/steps", "2 * $patch"),
    put("patches", "graph/before/steps", "0"),
]
SHUFFLED = [
    put("shuffled", "layer/attention/mask", "past_so_far"),  # by place, where the order is meant
    drop("shuffled", "layer/attention/mask"),
    put("shuffled", "layer/attention/mask", "earlier"),
    put("shuffled", "graph/input/from", "[tokens, places]"),
    put("shuffled", "graph/before", "{layer: shift, steps: 1}"),
    put("shuffled", "graph/there/at", "next"),
]
CODES = [
    put("codes", "layer/attention/mask", "rows_so_far"),
    drop("codes", "layer/attention/mask"),
    put("codes", "layer/attention/values", "h"),
    put("codes", "layer/q_turned/at", "next"),
    put("codes", "graph/body/from/h", "tokens"),
    drop("codes", "graph/before/fill"),
]
TOLD = [
    put("told", "graph/before/steps", "0"),
    put("told", "graph/before/steps", "-1"),
    put("told", "graph/before/steps", "2"),
    put("told", "graph/before", "{layer: identity}"),
    put("told", "graph/a/mask", "earlier"),
    drop("told", "graph/a/mask"),
    put("told", "graph/told", "{layer: attention, from: a, keys: tokens, values: tokens, heads: 2}"),
    put("told", "graph/words/from", "x"),
    give("told", "graph/turned", "at", "next"),
    put("told", "graph/second/from", "both"),
    put("told", "graph/second/from", "a"),
    put("told", "graph/logits2", "{layer: conv, from: both, out: $head}"),
    put("told", "heads/two", "{from: logits2, ahead: 3}"),
    put("told", "heads/two", "{from: logits2, ahead: 1, teacher_forcing: true}"),
    put("told", "data/given", "3"),
]
MUTATIONS = [
    *TOLD,
    *GATED,
    *LOCATION,
    *PIXELCNN,
    *INSIDE_OUT,
    *MADE,
    *WAVENET,
    *TCN,
    *PLUS,
    *DIAGONAL,
    *ROW,
    *MAMBA,
    *LINES,
    *STATES,
    *HYENA,
    *MIXTURE,
    *READS,
    *LOCAL,
    *AXIAL,
    *PATCHES,
    *SHUFFLED,
    *CODES,
]
