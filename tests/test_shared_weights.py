"""Repetitions that share weights, and instances of a block that take the weights of another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import arspec
from arspec import build as sections
from arspec.build import Builder
from arspec.diagnostics import SpecError
from arspec.language.load import from_text
from arspec.model import build
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.passes import verified
from arspec.verification.verifying import verify
from tests.small import randomised, refusal

SPEC = """
arspec: 1
data: {kind: sequence, length: 8, levels: 5}
blocks:
  inner:
    inputs: {h: features}
    nodes:
      up: {layer: conv, from: h, out: 6}
      gelu: {layer: gelu}
      down: {layer: conv, from: gelu, out: 6, weights: up}
    outputs: {h: down}
  layer:
    inputs: {h: features}
    params: {dilation: 1}
    nodes:
      seen: {layer: conv, from: h, kernel: 2, padding: causal, dilation: $dilation, out: 6}
      start: {layer: shift, steps: 1, fill: learned}
      mlp: {block: inner, from: start, repeat: 2}
      out: {layer: add, from: [mlp, h]}
    outputs: {h: out}
graph:
  tokens: {layer: embedding, from: x, out: 6}
  before: {layer: shift, steps: 1}
  body: {block: layer, from: {h: before}, repeat: 3WEIGHTS}
  moreMORE
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
OWN = {"tokens", "body.0", "logits"}


def text(weights: str = "", more: str = ": {layer: relu}") -> str:
    return SPEC.replace("WEIGHTS", weights).replace("MORE", more)


def test_all_repetitions_have_the_weights_of_the_first(tmp_path: Path) -> None:
    """Counted once, kept once, and equal to a model whose repetitions have copies of them."""
    shared, apart = randomised(from_text(text(", weights: shared")), 0), build(from_text(text())).double().eval()
    names = {name.removeprefix("nodes.") for name, _ in shared.named_parameters()}
    assert all(name.startswith(tuple(OWN)) for name in names) and "body.0.start.fill.weight" in names
    assert shared.graph.parameters == sum(p.numel() for p in shared.parameters())
    state = shared.state_dict()
    copies = {
        name: state[name.replace("body.1.", "body.0.").replace("body.2.", "body.0.")] for name in apart.state_dict()
    }
    apart.load_state_dict(copies)
    x = torch.randint(5, (5, 8), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(shared(x), apart(x), rtol=0, atol=0)
    with verified():
        for n in (5, 1):
            rows = sampler_of(shared).replay(x[:n], {})
            torch.testing.assert_close(rows, shared(x[:n]), rtol=1e-9, atol=1e-9)
    folder = shared.save(tmp_path / "model")
    torch.testing.assert_close(arspec.open(folder).double()(x), shared(x), rtol=1e-6, atol=1e-6)


def test_gradients_of_all_repetitions_add_up() -> None:
    shared, apart = randomised(from_text(text(", weights: shared")), 0), build(from_text(text())).double().eval()
    state = shared.state_dict()
    apart.load_state_dict({n: state[n.replace("body.1.", "body.0.").replace("body.2.", "body.0.")]
                           for n in apart.state_dict()})  # fmt: skip
    x = torch.randint(5, (3, 8), generator=torch.Generator().manual_seed(0))
    shared.log_prob(x).sum().backward()
    apart.log_prob(x).sum().backward()
    each = dict(apart.named_parameters())
    for name, weight in shared.named_parameters():
        ones = [each[name.replace("body.0.", f"body.{k}.")] for k in range(3 if "body.0." in name else 1)]
        torch.testing.assert_close(weight.grad, sum(one.grad for one in ones if one.grad is not None))


@pytest.mark.parametrize("more", [
    ": {block: layer, from: {h: body.h}, weights: first}",
    ": {block: layer, from: {h: body.h}, repeat: 3, weights: body}",
])  # fmt: skip
def test_an_instance_takes_the_weights_of_another(more: str) -> None:
    """Of repeated ones each those of the same repetition."""
    spec = text(more=more).replace("  body:", "  first: {block: layer, from: {h: before}}\n  body:")
    model = randomised(from_text(spec), 0)
    assert not any(name.startswith("nodes.more") for name, _ in model.named_parameters())
    nodes = {node.name: node for node in model.graph.nodes}
    for k in range(3) if "repeat: 3, weights" in more else [None]:
        ours, theirs = ("more.seen", "first.seen") if k is None else (f"more.{k}.seen", f"body.{k}.seen")
        assert nodes[ours].tied is nodes[theirs]
    assert verify(model.spec).ok


def test_blocks_within_shared_blocks_share_too() -> None:
    graph = from_text(text(", weights: shared")).graph()
    tied = {node.name: node.tied.name for node in graph.nodes if node.tied is not None}
    assert tied["body.2.mlp.1.up"] == "body.0.mlp.1.up" and tied["body.2.mlp.1.down"] == "body.0.mlp.1.up"
    assert tied["body.1.start.fill"] == "body.0.start.fill" and "body.0.mlp.0.up" not in tied
    assert "body.1.mlp.0.gelu" not in tied  # what has no weights shares none


@pytest.mark.parametrize(("weights", "more"), [
    ("", ": {block: layer, from: {h: body.h}, weights: shared}"),
    ("", ": {block: layer, from: {h: body.h}, weights: boddy}"),
    ("", ": {block: inner, from: {h: body.h}, weights: body}"),
    (", weights: more", ": {block: layer, from: {h: body.h}}"),
])  # fmt: skip
def test_weights_that_can_not_be_shared(weights: str, more: str) -> None:
    found = refusal(lambda: from_text(text(weights, more)).graph())
    assert isinstance(found, SpecError) and "AR452" in {d.code for d in found.diagnostics}


def test_weights_of_another_shape() -> None:
    """Nodes of other kinds or sizes are told as tied nodes are, one by one."""
    other = text(", weights: shared").replace("out: 6}\n      start", "out: 6 + $i}\n      start")
    found = refusal(lambda: from_text(other).graph())
    assert isinstance(found, SpecError) and "AR220" in {d.code for d in found.diagnostics}
    gone = text(", weights: shared").replace("start: {", "start: {when: $i > 0, ").replace("from: start", "from: seen")
    found = refusal(lambda: from_text(gone).graph())
    assert isinstance(found, SpecError) and {d.code for d in found.diagnostics} == {"AR452"}


def test_specs_from_python_share_weights() -> None:
    b = Builder("twice", sections.data.sequence(length=8, levels=5))
    with b.block("layer", ["h"]) as layer:
        layer.outputs(h=layer.add([layer.conv(layer["h"], out=6), layer["h"]]))
    body = b.place(layer, b.shift(b.embedding(b.x, out=6), steps=1), repeat=3, weights="shared", name="body")
    again = b.place(layer, body, weights=body.at(0, "h").reference.removesuffix(".h"), name="again")
    last = b.place(layer, again, weights=again, name="last")
    b.head(sections.head.categorical(b.conv(last, out=sections.HEAD)))
    tied = {node.name: node.tied.name for node in b.spec().graph().nodes if node.tied is not None}
    assert tied == {f"{name}.conv": "body.0.conv" for name in ("body.1", "body.2", "again", "last")}
