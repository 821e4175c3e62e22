"""Diagrams, field pictures and schedules: complete, escaped, readable by other programs, and drawn without torch."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arspec
from arspec.analysis.contexts import depends_on, seen
from arspec.analysis.known_at import Relations, known_at
from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.language.load import Spec, from_text, load
from arspec.layers.base import Node
from arspec.pictures.diagram import HEAD, dot_source, render
from arspec.pictures.effective import effective
from arspec.pictures.field import figure_reads, render_fields
from arspec.pictures.folding import Drawn, fold, spanned
from arspec.pictures.frames import Frames
from arspec.pictures.inlets import inlets
from arspec.pictures.outline import Part, Port
from arspec.pictures.palette import LEAK
from arspec.pictures.progress import Stage, alike, progress_of
from arspec.pictures.schedule import render_schedule
from arspec.pictures.states import State, field_of
from arspec.pictures.strictness import Strictness, crosses, strictness
from arspec.pictures.tall import Look
from arspec.pictures.tree import tree_of
from arspec.pictures.wide import Wide
from arspec.sampler.plan.caches import CACHES
from arspec.sampler.plan.known import free_nodes
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.timing import steps_of
from tests.small import ROOT, SHIPPED, every_spec, small

DOT = shutil.which("dot")
needs_dot = pytest.mark.skipif(DOT is None, reason="needs the program dot, of Graphviz")

LAYERS = """
arspec: 1
name: {name}
data: {{kind: sequence, length: 32, levels: 4}}
graph:
  hot: {{layer: one_hot}}
  past: {{layer: shift, steps: {shift}}}
  a: {{layer: conv, kernel: 2, padding: causal, out: 3, dilation: {a}}}
  b: {{layer: conv, kernel: 2, padding: causal, out: 3, dilation: {b}}}
  c: {{layer: conv, kernel: 2, padding: causal, out: $head, dilation: {c}}}
head: {{kind: categorical, from: c}}
"""

NESTED = """
arspec: 1
name: nested
data: {kind: image, height: 4, width: 4, levels: 2}
blocks:
  inner:
    inputs: [f]
    nodes: {conv: {layer: conv, from: f, kernel: 3, out: 4, mask: so_far}}
    outputs: {f: conv}
  outer:
    inputs: [f]
    nodes:
      many: {block: inner, from: f, repeat: 3}
      relu: {layer: relu, from: many.f}
    outputs: {f: relu}
graph:
  scaled: {layer: scale}
  first: {layer: conv, kernel: 3, out: 4, mask: earlier}
  b: {block: outer, repeat: 4}
  logits: {layer: conv, from: b.f, kernel: 1, out: $head}
head: {kind: bernoulli, from: logits}
"""


def layers(name: str = "layers", shift: int = 1, a: int = 1, b: int = 1, c: int = 1) -> Spec:
    return from_text(LAYERS.format(name=name, shift=shift, a=a, b=b, c=c))


def gated(**params: int) -> Spec:
    return load(ROOT / "specs/gated_pixelcnn.yaml", params=params)


def leaking() -> Spec:
    """Gated PixelCNN whose vertical stack is not moved down before it enters the horizontal one."""
    spec = gated()
    return spec.variant(text=spec.source.text.replace("layer: shift", "layer: pad").replace("rows: 1}", "top: 0}"))


def names_in(dot: str) -> set[str]:
    """The nodes of a DOT text: what a line begins with, before its attributes."""
    return {m[1] or m[2] for m in re.finditer(r'^\s*(?:"([^"]+)"|([\w.]+)) \[', dot, re.MULTILINE)} - {
        "graph",
        "node",
        "edge",
    }


# -- the diagram -------------------------------------------------------------------------------------------------------


@every_spec
def test_unfolded_has_every_live_node(path: Path) -> None:
    spec = small(path)
    graph = spec.graph()
    read = {i for n in graph.live for i in n.inputs}
    inner = [one for n in graph.live for one in n.layer.inner(n)]
    wanted = {n.name for n in [*graph.live, *inner, *(s for s in graph.sources if s in read)]}
    assert names_in(dot_source(spec, unfold=True)) == wanted | {HEAD}


@every_spec
def test_folded_stands_for_every_live_node_and_edge(path: Path) -> None:
    spec = small(path)
    graph = spec.graph()
    folded = fold(graph)
    assert set(graph.live) <= folded.of.keys()
    found = inlets(folded)
    assert {d.first.name for d in folded.nodes} | {i.name for i in found} | {HEAD} == names_in(dot_source(spec))
    through = {inlet.inner for inlet in found}
    assert all(line.source in through for line in folded.lines if line.source is line.target)
    drawn = {pair for line in folded.lines for pair in line.pairs}
    wanted: set[tuple[Node, Node]] = set()
    for n in graph.live:  # what goes through a graph inside a node is drawn through it
        inner = n.layer.inner(n)
        wanted |= {(i, one) for one in inner for i in one.inputs} | {(one, n) for one in inner[-1:]}
        wanted |= {(i, n) for port, i in n.ports() if not inner or port != "from"}
    assert drawn == wanted
    assert all(
        folded.of[a] is line.source and folded.of[b] is line.target for line in folded.lines for a, b in line.pairs
    )


def test_folding_says_how_often() -> None:
    spec = gated(layers=7)
    graph = spec.graph()
    folded, whole = fold(graph), fold(graph, unfold=True)
    assert len(whole.nodes) > len(folded.nodes) + 40
    assert [b.count for b in folded.boxes.values() if b.name == "body"] == [7]
    notes = {line.note for line in folded.lines}
    assert {"×7", "each of 7"} <= notes
    assert any(line.loop for line in folded.lines) and not any(line.loop for line in whole.lines)
    assert sum(line.note == "each of 7" for line in folded.lines) == 1
    text = dot_source(spec)
    assert "<B>×7</B>" in text and "each of 7 · " in text and "↻ ×7" in text


def test_repetitions_within_repetitions() -> None:
    spec = from_text(NESTED)
    folded = fold(spec.graph())
    assert [(b.key, b.count, b.parent) for b in folded.boxes.values()] == [("b.*", 4, None), ("b.*.many.*", 3, "b.*")]
    found = {(e.source.first.name, e.target.first.name, e.loop): (e.note, len(e.pairs)) for e in folded.lines}
    conv, relu = "b.0.many.0.conv", "b.0.relu"
    assert found[conv, conv, True] == ("×3", 8)
    assert found[conv, relu, False] == ("the last", 4)
    assert found[relu, conv, True] == ("×4", 3)
    assert found[relu, "logits", False] == ("the last", 1)


def test_numbers_that_differ_become_spans() -> None:
    assert spanned(["3×3", "3×3"]) == "3×3"
    assert spanned(["2, dilation 2", "2, dilation 16", "2, dilation 4"]) == "2, dilation 2…16"
    assert spanned(["2", "2, dilation 2", "2, dilation 4"]) == "2, dilation 2…4 in some"


def test_edges_carry_types() -> None:
    spec = gated()
    text = dot_source(spec, unfold=True)
    for node in spec.graph().live:
        assert str(node.out) in text


def test_the_boundary_follows_known_at() -> None:
    """Gated PixelCNN becomes strict where mask A and the shift stand; its vertical stack is ahead of its own pixel."""
    spec = gated()
    graph, member = spec.graph(), spec.members[0]
    known = known_at(Relations(graph, member))
    of = {n.name: strictness(n, at, member) for n, at in known.items()}
    here = {n.name for n in graph.live if crosses(of[n.name], [of[i.name] for i in n.inputs])}
    assert of["x"] is Strictness.INCLUSIVE and of[graph.head_node.name] is Strictness.STRICT
    assert {n.layer.layer for n in graph.live if of[n.name] is Strictness.AHEAD} >= {"conv", "gate"}
    masks = {n.name for n in graph.live if n.mask is not None and str(n.mask) == "earlier"}
    shifts = {n.name for n in graph.live if n.layer.layer == "shift"}
    assert here and here <= masks | shifts
    conditions = load(ROOT / "specs/gated_pixelcnn_class.yaml")
    known = known_at(Relations(conditions.graph(), conditions.members[0]))
    assert all(
        strictness(n, known[n], conditions.members[0]) is Strictness.FREE
        for n in conditions.graph().conditions.values()
    )


@pytest.mark.parametrize("unfold", [False, True])
def test_witness_is_red(unfold: bool) -> None:
    spec = leaking()
    report = prove(spec, contexts=False)
    assert not report.proven
    text = dot_source(spec, unfold=unfold, report=report)
    witness = report.witnesses[len(report.witnesses) // 2]
    of = fold(spec.graph(), unfold).of
    for step in witness.path:
        name = of[step.node].first.name
        line = next(row for row in text.splitlines() if re.match(rf'\s*"?{re.escape(name)}"? \[', row))
        assert f'color="{LEAK}"' in line and "row " in line
    assert LEAK not in dot_source(gated(), unfold=unfold)
    assert "variables leak" in text and "proven" not in text


def test_names_are_escaped() -> None:
    text = dot_source(layers('"<b>&amp; \\\\n </table> é $x_"'))
    assert "&lt;b&gt;&amp;amp; \\n &lt;/table&gt; é $x_" in text
    if DOT is not None:
        assert subprocess.run([DOT, "-Tsvg"], input=text.encode(), capture_output=True, check=True).stdout


@needs_dot
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = render(small(ROOT / "specs/gated_pixelcnn_class.yaml"), tmp_path / f"new/picture.{suffix}")
    assert_parses(path)
    assert os.listdir(path.parent) == [path.name]  # no temporary file is left


@needs_dot
@every_spec
def test_dot_reads_every_diagram(tmp_path: Path, path: Path) -> None:
    spec = small(path)
    svg = ET.parse(render(spec, tmp_path / "x.svg")).getroot()
    titles = {t.text for t in svg.iter("{http://www.w3.org/2000/svg}title")}
    assert {d.first.name for d in fold(spec.graph()).nodes} <= titles


def test_without_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError) as error:
        render(layers(), tmp_path / "x.svg")
    assert error.value.code == "AR811" and "x.dot" in error.value.message and "apt install graphviz" in str(error.value)
    assert "digraph" in (tmp_path / "x.dot").read_text() and not (tmp_path / "x.svg").exists()
    assert main(["render", str(ROOT / "specs/made.yaml"), "-o", str(tmp_path / "y.png")]) == 2
    assert "graphviz.org" in capsys.readouterr().err and (tmp_path / "y.dot").exists()
    assert main(["render", str(ROOT / "specs/made.yaml"), "-o", str(tmp_path / "z.dot")]) == 0


# -- field pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_fields_of_all_kinds(tmp_path: Path, suffix: str) -> None:
    specs = [small(ROOT / f"specs/{name}.yaml") for name in ("pixelcnn", "made", "causal_tcn")]
    assert_parses(render_fields(specs, tmp_path / f"x.{suffix}"))
    assert os.listdir(tmp_path) == [f"x.{suffix}"]


@every_spec
def test_every_spec_has_a_field(tmp_path: Path, path: Path) -> None:
    assert_parses(render_fields([small(path)], tmp_path / "x.png", only=("mask", "tree", "blind_spot")))


def test_states_agree_with_the_contexts() -> None:
    """PixelCNN's blind spot: what is blind in the picture is unseen by the exact contexts, also of a deep stack."""
    spec = load(ROOT / "specs/pixelcnn.yaml", {"height": 9, "width": 9, "channels": 1, "blocks": 1, "kernel": 3})
    field = field_of(spec, (6, 4))
    exact = seen(Relations(spec.graph(), spec.members[0])).matrix()[field.variable]
    deep = spec.variant(params={"blocks": 12})
    reached = seen(Relations(deep.graph(), deep.members[0])).matrix()[field.variable]
    state = field.state
    assert np.array_equal(state == State.SEEN, exact & field.legal)
    assert np.array_equal(state == State.BLIND, ~reached & field.legal)
    assert np.array_equal(state == State.OUT_OF_REACH, reached & ~exact & field.legal)
    assert field.count(State.BLIND) > 0 and field.count(State.OUT_OF_REACH) > 0
    assert (
        field.summary()
        == f"sees {exact.sum()} of 58, {field.count(State.OUT_OF_REACH)} out of reach, {field.count(State.BLIND)} blind"
    )


@every_spec
def test_paths_lead_where_the_context_is(path: Path) -> None:
    field = field_of(small(path))
    assert np.array_equal(field.paths > 0, field.seen)


def test_leaks_are_in_the_field() -> None:
    field = field_of(leaking().variant(data={"height": 8, "width": 8}), (4, 4))
    assert field.count(State.LEAK) > 0 and State.LEAK in field.by_position and "leaked" in field.summary()


def test_the_tree_of_dilated_convolutions() -> None:
    """Plain convolutions reach one step a layer, dilated ones twice as far each time (van den Oord et al. 2016)."""
    plain, dilated = tree_of(field_of(layers())), tree_of(field_of(layers(b=2, c=4)))
    assert [len(n) for n in plain.needed] == [4, 4, 3, 2, 1, 1]
    assert [len(n) for n in dilated.needed] == [8, 8, 4, 2, 1, 1]
    assert dilated.needed[0].tolist() == list(range(23, 31))
    ends = {(x, row) for _, _, x, row in dilated.lines}
    assert ends == {(float(s), r) for r, steps in enumerate(dilated.needed[:-1]) for s in steps}


def test_side_by_side(tmp_path: Path) -> None:
    pair = [load(ROOT / f"specs/{n}.yaml", data={"height": 8, "width": 8}) for n in ("pixelcnn", "gated_pixelcnn")]
    text = figure_reads(pair, tmp_path / "x.svg", (6, 1)).read_text()
    assert "blind" in text and all(spec.name in text for spec in pair)
    assert_parses(figure_reads([layers("plain $1_"), layers("dilated", b=2, c=4)], tmp_path / "y.png"))


# -- schedules ---------------------------------------------------------------------------------------------------------


@every_spec
def test_stages_agree_with_the_steps_of_sites(path: Path) -> None:
    spec = small(path)
    graph, member = spec.graph(), spec.members[0]
    relations = Relations(graph, member)
    known = known_at(relations, time=member.order.time)
    needed = depends_on(relations, graph.head_sites())
    when = steps_of(relations, member.order.time, known, needed, free_nodes(graph, known))
    for step in {member.order.drawn // 2, member.order.drawn - 1}:
        progress = progress_of(spec, step)
        assert progress.rows[0].node is graph.data and progress.rows[-1].node is graph.head_node
        computed = 0
        for row in progress.rows[1:]:
            before = np.isin(row.stage, [Stage.DONE, Stage.CACHED, Stage.READ])
            for node in row.nodes:
                assert np.array_equal(before, needed[node] & (when[node] < step))
                assert np.array_equal(row.stage == Stage.NOW, needed[node] & (when[node] == step))
                assert np.array_equal(row.stage == Stage.LATER, needed[node] & (when[node] > step))
                assert not (needed[node] & (when[node] <= step) & (known[node] >= step)).any(), "not known yet"
                computed += row.count(Stage.NOW)
        assert computed == progress.computed
        drawn = progress.rows[0].stage == Stage.NOW
        assert np.array_equal(np.flatnonzero(drawn), np.sort(progress.drawn))
        for link in progress.links:  # what is read is there
            assert progress.rows[link.row].stage[link.site] == Stage.NOW
            assert progress.rows[link.below].stage[link.read] == (Stage.NOW if link.now else Stage.READ)


@pytest.mark.parametrize("name", ["wavenet", "gated_pixelcnn", "pixelcnn_pp"])
def test_what_a_later_step_reads_is_kept_and_rings_drop_the_rest(name: str) -> None:
    """A cache holds no more sites than it has rows, and what is written over is not drawn as cached."""
    spec = small(ROOT / f"specs/{name}.yaml")
    every = [progress_of(spec, step) for step in range(spec.members[0].order.drawn)]
    there = {Stage.NOW, Stage.CACHED, Stage.READ}
    for now, after in itertools.pairwise(every):
        stage = {node: row.stage for row in now.rows for node in row.nodes}
        for link in (link for link in after.links if not link.now):
            kept = max(Stage(stage[node][link.read]) for node in after.rows[link.below].nodes)
            assert kept in there, (now.step, after.rows[link.below].node.name, link.read)
    data = [p.rows[0].count(Stage.CACHED, Stage.READ) for p in every]
    rows = through(asked(spec.graph(), spec.members[0], sums=False), CACHES, keep=True).caches[spec.graph().data].rings
    assert max(data) <= sum(rows) < spec.data.variables and every[-1].rows[0].count(Stage.DONE)


def test_every_site_is_computed_at_one_step() -> None:
    spec = gated(height=4, width=4, layers=1)
    all_steps = [progress_of(spec, step) for step in range(spec.members[0].order.steps)]
    assert sum(p.computed for p in all_steps) == all_steps[0].total


def test_the_classical_figure_of_cached_generation() -> None:
    """At every fourth step a column of strided sites is computed, and gives four distributions (Ramachandran et al.
    2017, figure 2); with it what has become known since the last one,
    so that at the steps between nothing is computed."""
    spec = load(ROOT / "specs/fast_generation_toy.yaml")
    rows = {row.node.name: row for row in progress_of(spec, 8).rows}
    assert {name: np.flatnonzero(row.stage == Stage.NOW).tolist() for name, row in rows.items()} == {
        "x": [8], "values": [4, 5, 6, 7], "before": [5, 6, 7, 8], "down1": [3, 4], "down2": [2], "up1": [4, 5],
        "up2": [8, 9, 10, 11], "logits": [8, 9, 10, 11],
    }  # fmt: skip
    assert {n: np.flatnonzero(r.stage == Stage.READ).tolist() for n, r in rows.items() if r.count(Stage.READ)} == {
        "x": [4, 5, 6, 7],
    }  # fmt: skip
    assert rows["down1"].summary() == ["2 now", "3 not kept", "2 to come, 1 never"]
    between = {row.node.name: row.count(Stage.NOW) for row in progress_of(spec, 9).rows}
    assert {name for name, now in between.items() if now} == {"x"}


def test_repetitions_at_the_same_stage_are_drawn_once() -> None:
    rows = progress_of(gated(height=6, width=6, layers=9), 20).rows
    shown = alike(rows, kept=1)
    assert sum(row.alike for row in shown) == len(rows) > len(shown) and max(row.alike for row in shown) > 4
    assert shown[0] is rows[0] and shown[-1] is rows[-1]


@pytest.mark.parametrize(
    ("name", "suffix"), [("fast_generation_toy", "svg"), ("gated_pixelcnn", "png"), ("made", "pdf")]
)
def test_schedules_of_all_kinds(tmp_path: Path, name: str, suffix: str) -> None:
    spec = small(ROOT / f"specs/{name}.yaml")
    path = render_schedule(spec, tmp_path / f"x.{suffix}", 2)
    assert_parses(path)
    assert os.listdir(tmp_path) == [path.name]
    if suffix == "svg":
        text = path.read_text()
        assert spec.name in text and "computed at this step" in text


def test_a_long_sequence_is_shown_around_the_step(tmp_path: Path) -> None:
    path = render_schedule(load(ROOT / "specs/wavenet.yaml", {"layers": 3}), tmp_path / "x.svg", 2000)
    assert "of 4,096 are shown" in path.read_text()


def test_a_leak_has_no_schedule(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        render_schedule(leaking(), tmp_path / "x.png", 0)
    assert error.value.code == "AR701" and os.listdir(tmp_path) == []


# -- gradients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pixelcnn", "pixelcnn_pp", "pixelsnail", "made", "wavenet", "gated_pixelcnn_class"])
def test_gradients_are_those_of_the_context(name: str) -> None:
    spec = small(ROOT / f"specs/{name}.yaml")
    field = field_of(spec)
    models = [arspec.compile(spec, seed=seed).double() for seed in range(4)]  # of some thin ones every ReLU is off
    found = np.sum([effective(model, field.variable, inputs=4) for model in models], axis=0)
    assert found.shape == field.seen.shape and (found[~field.seen] == 0).all()
    assert (found > 0).any()


def test_effective_field_of_a_linear_model_is_its_weights() -> None:
    """One convolution of two taps: the gradient of the parameters' sum is the sum of its weights."""
    text = re.sub(r"  hot:.*\n|  [ab]: .*\n", "", LAYERS.format(name="one", shift=1, a=1, b=1, c=3))
    model = arspec.compile(from_text(text)).double()
    (weight,) = (p for p in model.parameters() if p.ndim > 1)
    found = effective(model, 20, inputs=3)
    assert np.flatnonzero(found).tolist() == [16, 19]
    np.testing.assert_allclose(np.sort(found[[16, 19]]), np.sort(abs(weight.detach().numpy().sum(0).ravel())))


def test_effective_pictures_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, spec = tmp_path / "x.svg", tmp_path / "leaking.yaml"
    spec.write_text(leaking().source.text)
    specs = [str(ROOT / "specs/gated_pixelcnn.yaml"), str(spec)]
    thin = [part for setting in ("features=6", "layers=2", "height=8", "width=8") for part in ("--set", setting)]
    assert main(["render", *specs, "--field", "--effective", *thin, "-o", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert_parses(out)
    text = out.read_text()
    assert "gated_pixelcnn.yaml" in text and "leaking.yaml" in text  # both are named gated-pixelcnn


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_same_diagram_on_every_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "arspec", "render", "specs/inside_out.yaml", "-o"]
    for seed in "12":
        path = tmp_path / f"{seed}.dot"
        subprocess.run([*command, str(path)], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
    assert (tmp_path / "1.dot").read_bytes() == (tmp_path / "2.dot").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.bmp"], "AR809"),
        (["-o", "x.dot", "--field"], "AR809"),
        (["-o", "x.dot", "--variable", "1"], "goes with --field"),
        (["-o", "x.dot", "--member", "77"], "AR816"),
        (["-o", "x.png", "--field", "--member", "77"], "AR816"),
        (["-o", "x.png", "--field", "--variable", "1,a"], "whole numbers"),
        (["-o", "x.png", "--field", "--variable", "99,0"], "no row 99"),
        (["-o", "x.png", "--field", "--variable", "1"], "row,column[,channel]"),
        (["-o", "x.png", "--field", "--node", "frist"], "did you mean 'first'"),
        (["-o", "x.png", "--field", "--panels", "oder"], "order"),
        (["-o", "x.png", "--field", "--unfold"], "--unfold"),
        (["-o", "x.png", "--effective"], "goes with --field"),
        (["-o", "x.png", "--field", "--effective", "--panels", "mask"], "a single panel"),
        (["-o", "x.dot", "--field", "--effective", "--set", "blocks=1", "--data", "height=4"], "AR809"),
        (["-o", "x.dot", "--data", "height"], "--data height"),
        (["-o", "x.dot", "--schedule", "1"], "AR809"),
        (["-o", "x.png", "--schedule", "99999"], "no step 99999"),
        (["-o", "x.png", "--schedule", "-1"], "no step -1"),
        (["-o", "x.png", "--schedule", "1", "--member", "77"], "AR816"),
        (["-o", "x.png", "--schedule", "1", "--field"], "without --field"),
        (["-o", "x.png", "--schedule", "1", "--unfold"], "without --unfold"),
        (["-o", "x.dot", "--set", "width=", "--set", "a"], "--set width="),
    ],
)
def test_wrong_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["render", str(ROOT / "specs/pixelcnn.yaml"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.png"
    sizes = ["--data", "height=8", "--data", "width=8"]
    specs = [str(ROOT / f"specs/{name}.yaml") for name in ("pixelcnn", "gated_pixelcnn")]
    assert (
        main(["render", *specs, "--field", *sizes, "--variable", "5,4,2", "--panels", "blind_spot", "-o", str(out)])
        == 0
    )
    assert capsys.readouterr().out.strip() == str(out)
    assert_parses(out)
    assert main(["render", *specs, "-o", str(tmp_path / "y.dot")]) == 2
    assert main(["render", *specs, "-o", str(tmp_path / "y.png"), "--schedule", "3"]) == 2
    assert main(["render", specs[1], *sizes, "-o", str(tmp_path / "z.png"), "--schedule", "30"]) == 0
    assert_parses(tmp_path / "z.png")
    assert main(["render", specs[0], "--set", "blocks=3", "-o", str(tmp_path / "y.dot")]) == 0
    assert "×3" in (tmp_path / "y.dot").read_text()


def test_torch_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from arspec.cli.main import main\n"
        "code = main(sys.argv[1:]); heavy = {'torch'} | (set() if {'--field', '--schedule'} & {*sys.argv} else "
        "{'matplotlib', 'PIL'})\n"
        "sys.exit(code or (3 if heavy & sys.modules.keys() else 0))"
    )
    for more in (
        ["-o", str(tmp_path / "x.dot")],
        ["-o", str(tmp_path / "x.png"), "--field", "--panels", "blind_spot"],
        ["-o", str(tmp_path / "y.png"), "--schedule", "1"],
    ):
        done = subprocess.run([sys.executable, "-c", code, "render", str(SHIPPED[0]), *more], cwd=ROOT, check=False)
        assert done.returncode == 0


def assert_parses(path: Path) -> None:
    """A whole file of the kind that its suffix says."""
    content = path.read_bytes()
    assert len(content) > 500
    match path.suffix:
        case ".svg":
            assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
        case ".png":
            from PIL import Image

            with Image.open(path) as image:
                image.load()
                assert min(image.size) > 100
                assert len(image.convert("L").getcolors() or []) > 3  # not blank
        case ".pdf":
            assert content.startswith(b"%PDF") and b"%%EOF" in content[-32:]
        case _:
            text = content.decode()
            assert text.startswith("digraph") and text.rstrip().endswith("}")


@needs_dot
def test_an_svg_shows_all_of_the_diagram(tmp_path: Path):
    """Its view box has the size of the picture, so that nothing is cut off."""
    render(load(ROOT / "specs" / "made.yaml"), tmp_path / "made.svg")
    text = (tmp_path / "made.svg").read_text("utf-8")
    found = re.search(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"\s+viewBox="0.00 0.00 ([\d.]+) ([\d.]+)"', text)
    assert found is not None
    width, height, right, bottom = map(float, found.groups())
    assert abs(width - right) < 1 and abs(height - bottom) < 1


# -- the wide layout ---------------------------------------------------------------------------------------------------


def wide(spec: Spec, **look: Any) -> str:
    return dot_source(spec, layout="wide", **look)


@every_spec
def test_a_wide_diagram_joins_what_is_joined(path: Path) -> None:
    """Each drawn node stands in one column, and each line of the graph is an edge, or two neighbours of a column. Over
    rows it goes by a number that stands at both ends."""
    spec = small(path)
    drawing = Wide(spec, Look(shapes=False), prove(spec, contexts=False), spec.members[0])
    text = drawing.source()
    columns = [column.nodes for column in drawing.stacks]
    assert sorted(d.first.name for column in columns for d in column) == sorted(
        d.first.name for d in drawing.folded.nodes
    )
    assert {column[0].first.name for column in columns} <= names_in(text)
    followed = {pair for column in columns for pair in itertools.pairwise(column)}
    fed: dict[Drawn, int] = Counter(line.target for line in drawing.folded.lines)
    read: dict[Drawn, int] = Counter(line.source for line in drawing.folded.lines)
    for above, below in followed:
        assert fed[below] == read[above] == 1 and above.box == below.box
        assert any(line.source is above and line.target is below for line in drawing.folded.lines)
    for number in drawing.numbers.values():
        rows = {name for name in names_in(text) if name.startswith(f"({number} in row ")}
        assert len(rows) >= 2
    for d in drawing.folded.nodes:
        assert d.first.name.rpartition(".")[2] in text


@every_spec
def test_a_diagram_in_frames_shows_what_is_in_each_kind_of_block_once(path: Path) -> None:
    """Every node stands for one that is drawn; every edge is a line, or one into a frame or out of it."""
    spec = small(path)
    whole = fold(spec.graph())
    drawing = Frames(spec, Look(shapes=False), prove(spec, contexts=False), spec.members[0])
    drawn, lines = drawing.folded, drawing.folded.lines
    assert set(drawn.of) >= set(spec.graph().live)
    assert len(drawn.nodes) == len({d.id for d in drawn.nodes})
    assert all(drawn.of[node].first.layer.layer == node.layer.layer for node in drawn.of), "alike ones alone are one"
    told = {pair for line in lines for pair in line.pairs}
    assert told == {pair for line in whole.lines for pair in line.pairs if line.source is not line.target or line.loop}
    for line in lines:
        assert line.source.box == line.target.box and {line.source, line.target} <= set(drawn.nodes)
    ends = Counter[Drawn](d for line in lines for d in (line.source, line.target))
    for port in (d for d in drawn.nodes if isinstance(d, Port)):
        assert (
            port.box is not None
            and ends[port]
            and all(
                (line.source if port.inward else line.target) is port
                for line in lines
                if port in (line.source, line.target)
            )
        )
    parts = [d for d in drawn.nodes if isinstance(d, Part)]
    assert {part.block for part in parts} == {box.block for box in drawn.boxes.values()}
    assert {d.id for d in drawn.nodes} <= names_in(drawing.source())


PRINTED = {"pixelcnn_pp": 0.66, "pixelsnail": 0.8, "gated_pixelcnn": 0.9, "llama": 0.99, "mixtral": 0.95, "mamba": 0.99}


@needs_dot
@pytest.mark.parametrize("name", PRINTED)
def test_letters_of_a_wide_diagram_are_read_on_a_page(name: str, tmp_path: Path) -> None:
    """So much of the letters' size is left in print, and no word beside a line lies on a box or across a frame."""
    svg = render(load(ROOT / f"specs/{name}.yaml"), tmp_path / "x.svg", layout="wide").read_text("utf-8")
    scale = re.search(r"scale\(([\d.]+) ", svg)
    assert scale is not None and float(scale[1]) >= PRINTED[name]
    groups = re.findall(r'<g id="\w+" class="(node|edge|cluster)">(.*?)</g>', svg, re.S)
    number = r"-?[\d.]+"
    boxes = list[tuple[str, float, float, float, float]]()
    for kind, inside in groups:
        outlined = re.search(r' d="([^"]+)"', inside) if kind != "edge" else None
        if outlined is not None:
            at = [tuple(map(float, p.split(","))) for p in re.findall(rf"{number},{number}", outlined[1])]
            (left, right), (top, end) = ((min(v), max(v)) for v in zip(*at, strict=True))
            boxes.append((kind, left, right, top, end))
    assert any(kind == "cluster" for kind, *_ in boxes)
    words = [text for kind, inside in groups if kind == "edge" for text in re.findall(r"<text[^>]*>[^<]*", inside)]
    for word in words:
        x, y, size = (float(v) for v in re.findall(rf'(?:x|y|font-size)="({number})', word))
        half, said = 0.5 * 0.45 * size * len(word.rpartition(">")[2].strip()), word.rpartition(">")[2]
        x += half if 'text-anchor="start"' in word else 0
        for kind, left, right, top, end in boxes:
            across, down = left < x + half and x - half < right, top < y and y - 0.6 * size < end
            inside = left < x - half and x + half < right and top < y - size and y < end
            assert not (across and down) or (kind == "cluster" and inside), (said, kind)


def test_a_wide_diagram_fits_a_page_in_rows(tmp_path: Path) -> None:
    text = wide(gated())
    assert 'size="6.75,9"' in text and "rankdir=LR" in text and "(1 in row 0)" in text
    assert 'size="3.3,9"' in dot_source(gated(), layout="wide", width="column")
    with pytest.raises(InputError, match="no layout 'widee'"):
        dot_source(gated(), layout="widee")
    if DOT is not None:
        svg = render(gated(), tmp_path / "x.svg", layout="wide").read_text()
        size = re.search(r'<svg width="(\d+)pt" height="(\d+)pt"', svg)
        assert size is not None and int(size[1]) <= 487 and int(size[2]) <= 649
        top = {
            name: float(y) for y, name in re.findall(r'y="([-\d.]+)"[^>]*>(x|first|body|skips)(?: ×\d+)?</text>', svg)
        }
        assert top["x"] < top["first"] < top["body"] < top["skips"], "rows stand in the order of the graph"


def test_shapes_and_weights_are_shown_on_request() -> None:
    spec = small(ROOT / "specs/gated_pixelcnn.yaml")
    graph = spec.graph()
    shapes = {f">{node.out}</TD>" for node in graph.live}
    assert any(shape in dot_source(spec) for shape in shapes) and not any(shape in wide(spec) for shape in shapes)
    assert any(shape in wide(spec, shapes=True) for shape in shapes)
    assert not any(shape in dot_source(spec, shapes=False) for shape in shapes)
    weights = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) weights?<", dot_source(spec, parameters=True))]
    drawn = sum(w.count for (n, _), w in graph.weights.items() if w.trained and n in graph.live)
    assert sum(weights) == drawn and "weights<" not in dot_source(spec)


@needs_dot
@pytest.mark.parametrize("layout", ["wide", "tall"])
def test_what_stands_on_a_line_has_a_ground_of_its_own(layout: str, tmp_path: Path) -> None:
    """Drawn behind the boxes and right before the words, so that no border strikes them through."""
    path = render(small(ROOT / "specs/gated_pixelcnn.yaml"), tmp_path / "x.svg", layout=layout, shapes=True)
    edges = re.findall(r'<g id="edge.*?</g>', path.read_text("utf-8"), re.DOTALL)
    told = [edge for edge in edges if "<text" in edge]
    assert told and all(edge.index('<polygon fill="#ffffff"') < edge.index("<text") for edge in told)
    text = path.read_text("utf-8")
    assert text.rindex('class="cluster"') < text.index('class="edge"')


@needs_dot
def test_a_pdf_of_a_diagram_has_no_date(tmp_path: Path) -> None:
    path = render(layers(), tmp_path / "x.pdf", layout="wide")
    assert b"CreationDate" not in path.read_bytes()
    assert_parses(path)
