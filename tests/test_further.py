"""Further heads: proven against what they predict, trained beside the first, and no part of samples and likelihoods."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from arspec import build as sections
from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.data.examples import Examples
from arspec.language.load import Spec, from_text
from arspec.layers.base import Node
from arspec.layers.pointwise import Pointwise
from arspec.model import build
from arspec.sampler.drive.sampler import sampler_of
from arspec.training.evaluation import evaluate
from arspec.verification.dependencies import gradient_pattern
from arspec.verification.subject import subject_of
from arspec.verification.verifying import verify
from tests.small import randomised, refusal

SPEC = """
arspec: 1
data: {kind: sequence, length: 9, levels: 5 GIVEN}
order: ORDER
graph:
  tokens: {layer: embedding, from: x, out: 6}
  before: {layer: previous}
  h: {layer: attention, keys: before, values: before, mask: MASK}
  both: {layer: add, from: [h, before]}
  logits: {layer: conv, out: $head}
  second: {layer: conv, from: both, out: 6}
  gelu: {layer: gelu}
  logits2: {layer: conv, out: $head}
  logits3: {layer: conv, from: both, out: $head, weights: logits}
head: {kind: categorical, from: logits}
heads:
  two: {from: logits2, ahead: 1, weight: 0.3}
  three: {from: logits3, ahead: 3}
"""


def spec(given: str = "", order: str = "natural", mask: str = "so_far", text: str = SPEC) -> Spec:
    return from_text(text.replace(" GIVEN", given).replace("ORDER", order).replace("MASK", mask))


FORCED = SPEC.replace("from: both, out: 6}", "from: also, out: 6}").replace(
    "  second:", "  also: {layer: shift, from: tokens, steps: STEPS}\n  second:"
)


def test_each_is_proven_against_what_it_predicts() -> None:
    """At the place of t nothing of t or later is seen; with teacher forcing nothing of what is predicted, or later."""
    report = prove(spec())
    assert report.ok and "head       'two', 1 step ahead" in str(report) and "'three', 3 steps ahead" in str(report)
    for steps, forcing, holds in ((1, False, True), (0, False, False), (0, True, True), (-1, True, False)):
        text = FORCED.replace("STEPS", str(steps))
        text = text.replace("weight: 0.3", f"weight: 0.3, teacher_forcing: {str(forcing).lower()}")
        report = prove(spec(text=text))
        assert report.ok == holds, (steps, forcing)
        if not holds:
            (found,) = [d for d in report.diagnostics if d.code == "AR454"]
            assert "'two' predicts (step 1) at (step 0), and sees (step" in found.message and found.help is not None
            assert "also[step 0]" in found.help
            assert not report.leaks  # the first head's


def test_a_model_whose_further_head_leaks_is_refused() -> None:
    from arspec.api import compile as compiled

    assert refusal(lambda: compiled(spec(text=FORCED.replace("STEPS", "0")))).diagnostics[0].code == "AR454"


@pytest.mark.parametrize("order", ["natural", "{scan: random, members: 2}"])
@pytest.mark.parametrize("given", ["", ", given: 2, start: 1"])
def test_their_losses_are_those_of_plain_gathers(order: str, given: str) -> None:
    model, first = randomised(spec(given, order), 0), 2 if given else 0
    x = torch.randint(5, (4, 9), generator=torch.Generator().manual_seed(0))
    for number, member in enumerate(model.graph.members):
        found: dict[str, torch.Tensor] = {}
        whole = build(replace_head(model.spec, "logits2")).double().eval()
        nats, extra = model.losses(x, number)
        torch.testing.assert_close(nats, -model.log_prob(x, number))
        rank, wanted = member.order.rank, torch.zeros((), dtype=torch.float64)
        for name, ahead, weight in (("logits2", 1, 0.3), ("logits3", 3, 1.0)):
            whole = build(replace_head(model.spec, name)).double().eval()
            whole.load_state_dict({k: v for k, v in model.state_dict().items() if k in whole.state_dict()})
            found[name] = whole(x, number).log_softmax(-1)
            each = [
                found[name][:, t, x[:, u]].diagonal()
                for t in range(9) for u in range(9) if rank[u] == rank[t] + ahead and rank[t] >= first
            ]  # fmt: skip
            assert len(each) == 9 - first - ahead
            wanted = wanted - weight * torch.stack(each).mean()
        torch.testing.assert_close(extra, wanted)


@pytest.mark.parametrize("order", ["natural", "{scan: random, members: 2}"])
@pytest.mark.parametrize("given", ["", ", given: 2, start: 1"])
def test_verify_tests_the_module_at_each_head(order: str, given: str) -> None:
    """Of each head the variables at which it predicts one, against the contexts of that head."""
    report = verify(spec(given, order), twin=True)
    first = 9 - 2 * bool(given)
    names, rows = ["twin", "twin, head 'two'", "twin, head 'three'"], [first, first - 1, first - 3]
    assert [(t.name, t.rows) for t in report.tests] == [*zip(names, rows, strict=True)] * len(report.members)
    assert all(t.ok and not t.missing for t in report.tests) and report.ok
    for at, test in enumerate(report.tests):
        member = report.members[at // 3]
        of = member.seen if at % 3 == 0 else member.seen_by[("two", "three")[at % 3 - 1]]
        assert of is not None and test.pairs == of.pairs - of.unseen
    two = report.json()["heads"][0]
    assert (two["name"], two["ahead"], two["leaks"]) == ("two", 1, 0) and 0 < two["coverage"] <= 1
    assert f"and {two['coverage']:.4%} of" in str(report)


def test_with_teacher_forcing_the_variables_between_are_legal() -> None:
    text = FORCED.replace("STEPS", "0").replace("weight: 0.3", "weight: 0.3, teacher_forcing: true")
    report = verify(spec(text=text), twin=True)
    plain = prove(spec(text=text.replace(", teacher_forcing: true", "").replace("steps: 0", "steps: 1")))
    (two, _), (other, _) = report.members[0].seen_by.values(), plain.members[0].seen_by.values()
    assert report.ok and (two.pairs, two.unseen) == (36, 28)  # it sees one: the variable at its own place
    assert other.pairs == 28 and not any(seen.leaks for seen in (two, other))
    assert [(t.pairs, t.missing) for t in report.tests][1] == (8, 0)


@pytest.mark.parametrize("route", ["labels", "gradients"])
def test_verify_finds_a_module_that_leaks_at_a_further_head_alone(route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of a layer that the further head alone reads takes the step after; the proof says that it does not."""

    def ahead(self: Pointwise, node: Node, w: object, c: object, xs: list[torch.Tensor], training: bool):
        return xs[0] + xs[0].roll(-1, -1)

    monkeypatch.setattr(Pointwise, "forward", ahead)
    if route == "gradients":
        monkeypatch.setattr("arspec.verification.labels.labelled_contexts", lambda *_: None)
    report = verify(spec(), twin=True)
    assert [t.ok for t in report.tests] == [True, False, True] and report.tests[1].by == route
    assert [d.code for d in report.diagnostics] == ["AR706"] and not report.ok
    assert "head 'two'" in report.diagnostics[0].message


def test_at_full_size_some_variables_of_each_head_are_tested() -> None:
    report = verify(from_text(SPEC.replace(" GIVEN", "").replace("ORDER", "natural").replace("MASK", "so_far")
                              .replace("length: 9", "length: 40")))  # fmt: skip
    assert [t.name for t in report.tests] == [
        f"{size}{head}" for size in ("twin", "full size") for head in ("", ", head 'two'", ", head 'three'")
    ]
    assert [(t.rows, t.missing, t.ok) for t in report.tests[3:]] == [(2, 0, True)] * 3


def replace_head(one: Spec, name: str) -> Spec:
    """The same spec with another node at its head, and no further heads."""
    text = one.source.text
    return from_text(text[: text.index("head: {")] + f"head: {{kind: categorical, from: {name}}}\n")


def test_samples_and_likelihoods_are_of_the_first_head() -> None:
    model = randomised(spec(), 0)
    plain = build(replace_head(model.spec, "logits")).double().eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k in plain.state_dict()})
    x = torch.randint(5, (4, 9), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.log_prob(x), plain.log_prob(x))
    assert torch.equal(model.sample(4, seed=3), plain.sample(4, seed=3))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=1e-9, atol=1e-9)
    assert model.graph.extra and not {n.name for n in model.graph.live} & {n.name for n in model.graph.extra}
    examples = Examples(x.numpy(), {}, "x", "", 4)
    assert evaluate(model, examples).nats == pytest.approx(evaluate(plain, examples).nats)
    assert model.graph.parameters == plain.graph.parameters  # what nothing reads is counted as well


def test_gradients_of_a_further_head_are_its_contexts() -> None:
    model = spec()
    for one in model.graph().further:
        other = replace_head(model, one.node.name)
        graph = model.graph().headed(one)
        proven = seen(Relations(graph, graph.members[0])).matrix()
        subject = subject_of(build(other).double().eval())
        np.testing.assert_array_equal(gradient_pattern(subject, draws=3, bases=2), proven)


def test_training_makes_their_losses_small() -> None:
    model = build(spec(), 0)
    x = torch.arange(9).remainder(5).expand(8, 9)
    optimiser = torch.optim.Adam(model.parameters(), 0.03)
    before = float(model.losses(x)[1].detach())
    for _ in range(30):
        optimiser.zero_grad()
        nats, extra = model.train().losses(x)
        (nats.mean() / 9 + extra).backward()
        optimiser.step()
    assert all(p.grad is not None for p in model.parameters())
    assert float(model.losses(x)[1].detach()) < before / 2


def test_checkpointing_changes_no_loss() -> None:
    """Nor a gradient, where what a further head takes stands within a block that is computed twice."""
    block = "blocks: {one: {inputs: [h], nodes: {both: {layer: conv, from: h, out: 6}, silu: {layer: silu}, "
    block += "more: {layer: add, from: [silu, both]}}, outputs: {h: more, inner: silu}}}\ngraph:"
    text = SPEC.replace("graph:", block).replace(
        "  second: {layer: conv, from: both", "  second: {layer: conv, from: b.0.inner"
    )
    text = text.replace(
        "  logits: {layer: conv,", "  b: {block: one, from: both, repeat: 2}\n  logits: {layer: conv, from: b.h,"
    )
    model = randomised(spec(text=text), 0).train()
    x = torch.randint(5, (4, 9), generator=torch.Generator().manual_seed(0))
    found: list[tuple[torch.Tensor, ...]] = []
    for checkpointing in (False, True):
        model.checkpointing = checkpointing
        model.zero_grad()
        nats, extra = model.losses(x)
        (nats.sum() + extra).backward()
        found.append((nats, extra, *(p.grad.clone() for p in model.parameters() if p.grad is not None)))
    assert len(found[0]) == 2 + len([*model.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("old", "new"), [
    ("ahead: 3", "ahead: 9"),
    ("order: natural", "order: {scan: explicit, ranks: [0, 0, 1, 2, 3, 4, 5, 6, 7]}"),
    ("from: logits3", "from: gelu"),
])  # fmt: skip
def test_what_is_no_further_head(old: str, new: str) -> None:
    text = SPEC.replace("ORDER", "natural").replace("MASK", "so_far").replace(" GIVEN", "")
    text = text.replace("{layer: previous}", "{layer: shift, steps: 1}")
    code = "AR601" if "gelu" in new else "AR453"
    assert code in {d.code for d in refusal(lambda: from_text(text.replace(old, new)).graph()).diagnostics}


def test_specs_from_python_have_further_heads() -> None:
    b = sections.Builder("two", sections.data.sequence(length=8, levels=5))
    before = b.shift(b.embedding(b.x, out=6), steps=1)
    b.head(sections.head.categorical(b.conv(before, out=sections.HEAD)))
    b.further_head(b.conv(before, out=sections.HEAD), ahead=2, weight=0.5)
    (one,) = b.spec().graph().further
    assert (one.name, one.section.ahead, one.section.weight) == ("head2", 2, 0.5)


def test_the_page_has_what_further_heads_read() -> None:
    """Each node that a head depends on, with its relations; the head is told at the node that it reads."""
    from arspec.exploring.making import facts_of_spec

    facts = facts_of_spec(spec()).facts
    names = {node["name"]: node for node in facts["nodes"]}
    assert all(names[name]["live"] for name in ("second", "gelu", "logits2", "logits3"))
    assert names["logits2"]["role"] == names["logits"]["role"] == "head" and names["gelu"]["role"] == "layer"
    assert "head two, 1 ahead" in names["logits2"]["text"] and "head" not in names["logits"]["text"]
    assert [head["ahead"] for head in facts["heads"]] == [0, 1, 3]
    member = facts["members"][0]
    assert all(
        own["strict"] == "strict" and own["known"] is not None
        for node, own in zip(facts["nodes"], member["nodes"], strict=True)
        if node["name"] in ("second", "gelu", "logits2", "logits3")
    )


def test_other_sizes_keep_their_heads() -> None:
    longer = spec().variant(data={"length": 12})
    assert [one.name for one in longer.graph().further] == ["two", "three"]
    assert replace(longer.graph().further[0]).sites(longer.members[0]).tolist() == [*range(11)]


def test_diagrams_tell_of_further_heads() -> None:
    from arspec.pictures.diagram import dot_source

    for layout in ("tall", "wide"):
        drawn = dot_source(spec(), layout=layout)
        for name, node, steps in (("two", "logits2", "1 step"), ("three", "logits3", "3 steps")):
            assert re.search(rf'"?\(head {name}\)"? \[label=.*{name}: .*{steps} ahead', drawn), (layout, name)
            source = rf'"?{node}"?' if layout == "tall" else r'(?:"\(\d in row \d\)"|\w+)'
            assert re.search(rf'{source} -> "?\(head {name}\)"?', drawn), (layout, name)
        late = dot_source(spec(text=FORCED.replace("STEPS", "0")), layout=layout)
        assert "not proven: the further head" in late and "proven: the distribution" not in late
        assert re.search(r'"?\(head two\)"? \[label=.*sees', late) and not re.search(
            r'"?\(head\)"? \[label=.*sees', late
        )
