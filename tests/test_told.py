"""Conditions of tokens, conditions that may be left out, and samples by guidance away from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arspec.cli.main import main
from arspec.data import load as load_data
from arspec.data.adapt import check_condition
from arspec.diagnostics import InputError
from arspec.language.load import from_text
from arspec.language.sections import TokensCondition
from arspec.model import Model
from arspec.network.module import Network
from arspec.sampler.drive.drawing import noise_for
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.passes import verified
from arspec.verification.verifying import verify
from tests.small import randomised, refusal

CAPTION = """
arspec: 1
data: {kind: sequence, length: 8, levels: 5 GIVEN}
condition: {text: {kind: tokens, length: 3, levels: 9 DROP}}
graph:
  words: {layer: embedding, from: text, out: 6}
  at: {layer: position, from: words, out: 6}
  read: {layer: add, from: [words, at]}
  tokens: {layer: embedding, from: x, out: 6}
  before: {layer: shift, steps: 1}
  places: {layer: position, out: 6}
  h: {layer: add, from: [before, places]}
  told: {layer: attention, from: h, keys: read, values: read}
  both: {layer: add, from: [told, h]}
  logits: {layer: conv, out: $head}
head: {kind: HEAD, from: logits}
"""
MANY = """
arspec: 1
data: {kind: DATA}
condition: {SECTION}
graph:
  s: {layer: scale, from: x}
  c: {layer: conv, kernel: 3, out: 8, mask: earlier}
  t: {layer: condition, from: c, by: given}
  g: {layer: gelu}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
SEQUENCE, IMAGE = "sequence, length: 6, levels: 3", "image, height: 3, width: 3, levels: 3"
SECTIONS = {
    "class": (SEQUENCE, "kind: class, classes: 4"),
    "vector": (SEQUENCE, "kind: vector, size: 2"),
    "series": (SEQUENCE, "kind: series, length: 6, channels: 2"),
    "map": (IMAGE, "kind: map, height: 3, width: 3, channels: 2"),
}


def caption(drop: str = "", given: str = "", seed: int = 1) -> Model:
    text = CAPTION.replace(" DROP", drop).replace(" GIVEN", given).replace("HEAD", "categorical")
    return randomised(from_text(text), seed)


def made(kind: str, drop: str = ", drop: 0.3") -> Model:
    data, section = SECTIONS[kind]
    return randomised(from_text(MANY.replace("DATA", data).replace("SECTION", f"given: {{{section}{drop}}}")), 2)


def value(model: Model, kind: str, n: int) -> torch.Tensor:
    section = model.spec.condition["given"]
    return torch.arange(n) % 4 if kind == "class" else torch.randn(n, *section.shape, dtype=torch.float64)


def test_tokens_are_embedded_and_read() -> None:
    """The sampler is the module, and what is said in each token is heard."""
    model = caption()
    assert verify(model.spec).ok
    text = torch.tensor([[8, 0, 3], [1, 1, 1], [0, 8, 8], [2, 5, 4], [7, 7, 0]])
    x = torch.randint(5, (5, 8), generator=torch.Generator().manual_seed(0))
    with verified():
        for n in (5, 1):
            rows = sampler_of(model).replay(x[:n], {"text": text[:n]})
            torch.testing.assert_close(rows, model(x[:n], text=text[:n]), rtol=1e-9, atol=1e-9)
    for place in range(3):
        other = text.clone()
        other[:, place] = (other[:, place] + 1) % 9
        assert (model(x, text=text) != model(x, text=other)).flatten(1).any(1).all()
    words = dict(model.named_parameters())["nodes.words.weight"][0][text]
    at = dict(model.named_parameters())["nodes.at.weight"].T
    seen: list[torch.Tensor] = []
    model.last(x, 0, {"text": text}, lambda node, now: (seen.append(now) if node.name == "read" else None, now)[1])
    torch.testing.assert_close(seen[0].transpose(1, 2), words + at)


@pytest.mark.parametrize("wrong", [[[9, 0, 0]], [[-1, 0, 0]], [[0, 0]], [[0.5, 0, 0]], [0, 0, 0]])
def test_what_is_no_row_of_tokens(wrong: Any) -> None:
    model = caption()
    assert refusal(lambda: model.log_prob(torch.zeros(1, 8).long(), text=wrong)).code == "AR807"


def test_tokens_in_files_and_on_the_command_line(tmp_path: Path) -> None:
    model, path = caption(), tmp_path / "caption.yaml"
    path.write_text(model.spec.source.text)
    text = np.array([[1, 2, 3], [4, 5, 6]])
    np.save(tmp_path / "text.npy", text)
    first, second = tmp_path / "a.npy", tmp_path / "b.npy"
    call = ["sample", str(path), "--quiet", "-o"]
    assert main([*call, str(first), "--condition", f"text={tmp_path / 'text.npy'}"]) == 0
    assert main([*call, str(second), "-n", "2", "--condition", "text=4,5,6"]) == 0
    a, b = np.load(first), np.load(second)
    assert len(a) == 2 and (a[1] == b[1]).all()
    for wrong in ("text=4,5", "text=4,5,9", "text=4,5,99999999999999999999"):
        assert main([*call, str(first), "--condition", wrong]) == 2
    np.savez(tmp_path / "d.npz", x=a, text=text)
    examples = load_data(str(tmp_path / "d.npz"), model.spec.data, model.spec.condition, "all")
    assert examples.condition["text"].tolist() == text.tolist() and examples.condition["text"].dtype == np.int64
    x = torch.from_numpy(a)
    assert torch.equal(model.decompress(model.compress(x, text=text)), x)


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_condition_may_be_left_out(kind: str) -> None:
    """It is then zeros, with a one in a channel of its own; no value that is given is taken for it."""
    model, plain, n = made(kind), made(kind, ""), 3
    x = torch.randint(3, (n, *model.spec.data.shape), generator=torch.Generator().manual_seed(0))
    given = value(model, kind, n)
    node, other = model.graph.conditions["given"], plain.graph.conditions["given"]
    assert node.out.channels == other.out.channels + 1
    there, nothing = model.condition_tensors({"given": given}, n)[node], model.condition_tensors({}, n)[node]
    torch.testing.assert_close(there[:, :-1], plain.condition_tensors({"given": given}, n)[other])
    assert not there[:, -1].any() and not nothing[:, :-1].any() and (nothing[:, -1] == 1).all()
    assert refusal(lambda: plain.log_prob(x)).code == "AR806"
    assert (model.log_prob(x) != model.log_prob(x, given=given)).all()
    assert torch.equal(model.decompress(model.compress(x)), x)
    with verified():
        rows = sampler_of(model).replay(x, {})
    torch.testing.assert_close(rows, model(x), rtol=1e-9, atol=1e-9)


def test_training_leaves_the_share_of_conditions_out_together() -> None:
    """One draw for each example, so that guidance away from all of them is trained too; never in evaluation."""
    sections = "given: {kind: class, classes: 4, drop: 0.3}, more: {kind: vector, size: 2, drop: 0.3}"
    text = MANY.replace("DATA", SEQUENCE).replace("SECTION", sections).replace("by: given", "by: more")
    model, n = Network(from_text(text)), 4000
    torch.manual_seed(0)
    given = {"given": torch.zeros(n).long(), "more": torch.ones(n, 2)}
    first, second = (value[:, -1].bool() for value in model.train().condition_tensors(given, n).values())
    assert torch.equal(first, second) and 0.27 < float(first.double().mean()) < 0.33
    assert not any(value[:, -1].any() for value in model.eval().condition_tensors(given, n).values())


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5, -1.0])
@pytest.mark.parametrize("given", ["", ", given: 2, start: 1"])
def test_guidance_is_the_formula(guidance: float, given: str) -> None:
    """Plain steps of the module: logits without the condition, and `guidance` times the way to those with it."""
    model, n = caption(", drop: 0.1", given), 4
    text = torch.randint(9, (n, 3), generator=torch.Generator().manual_seed(0))
    noise, first = noise_for(model, 5, 0, n), 2 if given else 0
    wanted = torch.full((n, 8), 1 if given else 0)
    logits = torch.zeros(n, 8, 5, dtype=torch.float64)
    with torch.no_grad():
        for step in range(first, 8):
            under, free = model(wanted, text=text)[:, step], model(wanted)[:, step]
            logits[:, step] = free + guidance * (under - free)
            chances = (logits[:, step] / 0.8).softmax(-1)
            wanted[:, step] = (chances.cumsum(-1) <= noise[:, step]).sum(-1).clamp(max=4)
    how: dict[str, Any] = {"seed": 5, "temperature": 0.8, "guidance": guidance, "text": text}
    for method in ("auto", "once", "depth", "fixed-point"):
        assert torch.equal(model.sample(n, method=method, **how), wanted), method
    assert torch.equal(model.sample(n, prefix=wanted[:, :6], **how), wanted)
    assert torch.equal(torch.cat(list(model.stream(n, steps=8, chunk=3, **how)), 1), wanted)
    prompted = model.stream(n, steps=8, prefix=wanted[:, :5], **how)
    assert torch.equal(torch.cat(list(prompted), 1), wanted)
    known = torch.arange(8) < 4
    assert torch.equal(model.complete(torch.where(known, wanted, 0), known, **how), wanted)
    combined = model.graph.head.guided(model(wanted, text=text), model(wanted), guidance)
    torch.testing.assert_close(combined[:, first:], logits[:, first:], rtol=1e-9, atol=1e-9)
    if guidance in (0.0, 1.0):
        under: dict[str, Any] = {"text": text} if guidance else {}
        plain = model.sample(n, seed=5, temperature=0.8, **under)
        assert torch.equal(plain, wanted)


def test_streams_without_end_are_guided() -> None:
    model = made("class")
    given = torch.arange(3)
    how: dict[str, Any] = {"seed": 1, "guidance": 3.0, "given": given}
    longer = randomised(from_text(model.spec.source.text, params={}), 2)
    assert torch.equal(next(longer.stream(3, steps=6, **how)), longer.sample(3, **how))
    long = torch.cat(list(model.stream(3, steps=200, chunk=50, **how)), 1)
    assert torch.equal(long[:, :6], model.sample(3, **how))
    again = torch.cat(list(model.stream(3, steps=200, chunk=64, prefix=long[:, :90], **how)), 1)
    assert torch.equal(again, long)
    compiled = torch.cat(list(model.stream(3, steps=100, compiled=True, **how)), 1)
    assert torch.equal(compiled, long[:, :100])
    other = torch.cat(list(model.stream(3, steps=100, compiled=True, **{**how, "guidance": 0.0})), 1)
    assert torch.equal(other, torch.cat(list(model.stream(3, steps=100, seed=1)), 1)) and not torch.equal(
        other, compiled
    )


def test_guidance_that_leads_nowhere() -> None:
    model, plain = caption(", drop: 0.1"), caption()
    assert refusal(lambda: model.sample(1, guidance=2.0)).code == "AR824"  # no condition is given
    assert refusal(lambda: plain.sample(1, guidance=2.0, text=[[0, 0, 0]])).code == "AR824"  # none may be left out
    assert refusal(lambda: model.sample(1, guidance=float("inf"), text=[[0, 0, 0]])).code == "AR808"
    text = (
        CAPTION.replace(" DROP", ", drop: 0.1").replace(" GIVEN", "").replace("HEAD", "logistic_mixture, components: 2")
    )
    x, known = torch.zeros(1, 8).long(), torch.arange(8) < 4
    assert refusal(lambda: model.complete(x, known, guidance=2.0)).code == "AR824"
    late = refusal(lambda: model.complete(x, ~known, guidance=2.0, text=[[0, 0, 0]]))
    assert late.code == "AR808" and "guidance 2" in late.message
    mixture = randomised(from_text(text), 0)
    assert refusal(lambda: mixture.sample(1, guidance=2.0, text=[[0, 0, 0]])).code == "AR824"


def test_guidance_on_the_command_line(tmp_path: Path) -> None:
    path, out = tmp_path / "class.yaml", tmp_path / "a.npy"
    path.write_text(made("class").spec.source.text)
    call = ["sample", str(path), "-n", "4", "--quiet", "-o", str(out)]
    assert main([*call, "--label", "0..3", "--guidance", "2.0"]) == 0
    guided = np.load(out)
    assert main([*call, "--label", "0..3", "--guidance", "40.0"]) == 0
    assert (guided != np.load(out)).any()
    assert main(call) == 0  # left out
    assert main([*call, "--guidance", "2.0"]) == 2
    begun, found = tmp_path / "begun.npy", []
    np.save(begun, np.zeros((2, 6), np.int64))
    call = ["complete", str(path), "--data", str(begun), "--quiet", "-o", str(out), "--label", "1"]
    for guidance in ([], ["--guidance", "1.0"], ["--guidance", "40.0"]):
        assert main([*call, *guidance]) == 0
        found.append(np.load(out))
    assert (found[0] == found[1]).all() and (found[1] != found[2]).any()


def test_rows_of_tokens_of_another_length_are_told_what_a_row_has() -> None:
    section = TokensCondition(kind="tokens", length=8, levels=50)
    assert check_condition("text", section, np.ones((2, 8), int), 2).dtype == np.int64
    with pytest.raises(InputError) as caught:
        check_condition("text", section, np.ones((2, 3), int), 2)
    assert "takes tokens [2, 8], not int64 [2, 3]" in str(caught.value)
    assert "each row has 8 tokens: pad or cut it" in str(caught.value)
