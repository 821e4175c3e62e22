"""Repeated blocks: which outputs of a repetition become inputs of the next one."""

from __future__ import annotations

import pytest

from arspec.analysis.report import prove
from arspec.language.load import Spec, from_text

SPEC = """
arspec: 1
data: {kind: sequence, length: 12, levels: 4}
blocks:
  layer:
    inputs: INPUTS
    nodes:
      near: {layer: conv, from: h, kernel: 3, out: 6, mask: so_far}
      relu: {layer: relu}
      sum: {layer: add, from: [relu, h]}
    outputs: OUTPUTS
graph:
  before: {layer: shift, from: x, steps: 1}
  wide: {layer: conv, out: 6}
  body: {block: layer, from: FROM, repeat: 3}
  logits: {layer: conv, from: body.NAME, out: $head}
head: {kind: categorical, from: logits}
"""


def spec(outputs: str, name: str, inputs: str = "[h]", given: str = "wide") -> Spec:
    text = SPEC.replace("INPUTS", inputs).replace("OUTPUTS", outputs).replace("FROM", given).replace("NAME", name)
    return from_text(text)


def notes(one: Spec) -> list[str]:
    return [d.message for d in one.graph().notes if d.code == "AR216"]


@pytest.mark.parametrize("outputs", ["{h: sum}", "sum"])
def test_a_repetition_reads_the_one_before(outputs: str) -> None:
    """By its name, or as the only output, which has none: the graphs are the same."""
    one = spec(outputs, "h" if ":" in outputs else "out")
    graph = one.graph()
    inputs = {node.name: [source.name for source in node.inputs] for node in graph.nodes}
    assert [inputs[f"body.{k}.near"] for k in range(3)] == [["wide"], ["body.0.sum"], ["body.1.sum"]]
    assert inputs["logits"] == ["body.2.sum"] and not notes(one)
    assert graph.describe() == spec("{h: sum}", "h").graph().describe()
    report = prove(one)  # each repetition sees one step more: 1 of the shift, and 3 more
    assert report.proven and report.pairs == 66 and report.unseen == 66 - (11 + 10 + 9 + 8)


@pytest.mark.parametrize(("outputs", "inputs", "given"), [
    ("{other: sum}", "[h]", "wide"),
    ("[sum]", "[h]", "wide"),
    ("sum", "{h: one, beside: another}", "{h: wide, beside: wide}"),
])  # fmt: skip
def test_outputs_of_other_names_chain_nothing(outputs: str, inputs: str, given: str) -> None:
    """Nor does one without a name where there are several inputs: which of them it is would be a guess."""
    name = "other" if "other" in outputs else "sum" if "[" in outputs else "out"
    one = spec(outputs, name, inputs, given)
    assert len(notes(one)) == 1 and "every repetition of 'body' reads the same" in notes(one)[0]
    read = {source.name for node in one.graph().nodes if node.name.startswith("body.2.") for source in node.inputs}
    assert "wide" in read and "body.1.sum" not in read


def test_an_output_without_a_name_is_read_from_every_repetition() -> None:
    one = spec("sum", "*.out")
    text = one.source.text.replace("{layer: conv, from: body.*.out, out: $head}", "{layer: conv, out: $head}")
    text = text.replace("  logits:", "  skips: {layer: add, from: [wide, body.*.out]}\n  logits:")
    graph = from_text(text).graph()
    (skips,) = [node for node in graph.nodes if node.name == "skips"]
    assert [node.name for node in skips.inputs] == ["wide", "body.0.sum", "body.1.sum", "body.2.sum"]
