"""Two roads to one fact: what the labels of a pass of a compiled spec say is what its proof says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import arspec
from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.diagnostics import InputError
from arspec.verification.labels import labelled_contexts
from arspec.verification.verifying import ROUTES
from tests.small import MEMBERS, ROOT, every_spec, randomised, shared, small


@every_spec
def test_labels_of_the_compiled_module_are_the_proven_contexts(path: Path) -> None:
    """Pair by pair, for all variables. Where sites are grouped by their values, one pass can say so of its own grouping
    alone, and says no more: several passes, each with its own, stand for the rest."""
    model = shared(path)
    routed = any(node.traits.regroups for node in model.graph.live)
    for member in range(min(MEMBERS, len(model.spec.members))):
        proven = seen(Relations(model.spec.graph(), model.spec.members[member])).matrix()
        assert (labelled_contexts(model, member) is None) == routed
        for seed in range(ROUTES if routed else 1):
            found = labelled_contexts(model, member, seed, route_given=routed)
            assert found is not None
            np.testing.assert_array_equal(found[model.graph.head_sites()], proven)


@pytest.mark.parametrize(
    "name",
    ["llama", "mistral", "mamba", "rwkv", "char_rnn", "made", "pixelcnn", "gated_pixelcnn"],
)
def test_the_audit_of_a_model_is_decided_as_it_stands(name: str) -> None:
    """What a model looks at to refuse wrong values is no dependence. The pairs are those of the proof."""
    model = randomised(small(ROOT / "specs" / f"{name}.yaml"))
    data, member = model.spec.data, model.spec.members[0]
    axes = {1: "t", 2: "c t", 3: "c h w"}[len(data.shape)]
    output = {1: "b t k", 2: "b (c t) k", 3: "b (c h w) k"}[len(data.shape)]
    report = arspec.audit(
        model, f"b {axes}", output, dict(zip(axes.split(), data.shape, strict=True)), levels=min(data.channel_levels),
        order=member.order.rank.tolist() if len(data.shape) == 1 else None, modes="evaluation,batch",
    )  # fmt: skip
    assert [str(mode.verdict) for mode in report.modes] == ["proven", "proven"], str(report)
    proven = seen(Relations(model.graph, member)).matrix()
    np.testing.assert_array_equal(report.seen[model.graph.head_sites()], proven)


def test_a_model_refuses_wrong_values_beside_an_audit() -> None:
    """Only while operators are watched are values not looked at, and a kind of number that it refuses is not taken."""
    model = randomised(small(ROOT / "specs" / "llama.yaml"))
    length = model.spec.data.shape[0]
    with pytest.raises(InputError, match="levels are 0 to 3"):
        model(torch.full((1, length), 9))
    with pytest.raises(InputError, match="the data's levels are 0 to 3") as found:
        arspec.audit(model, "b t", "b t k", {"t": length}, levels=9, modes="evaluation")
    assert found.value.code == "AR812"


def test_labels_tell_a_router_that_looks_ahead_whatever_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights of the experts of a site come from the site after it, of which the proof knows nothing."""
    model = randomised(small(ROOT / "tests/specs/ok/shared_experts_small.yaml"))
    kind = type(next(n.layer for n in model.graph.live if n.layer.layer == "experts"))
    forward = kind.forward

    def ahead(self: Any, node: Any, w: Any, c: Any, xs: Any, training: bool) -> Any:
        return forward(self, node, w, c, [*xs[:-1], xs[-1].roll(-1, 2)], training)

    monkeypatch.setattr(kind, "forward", ahead)
    proven = seen(Relations(model.graph, model.spec.members[0])).matrix()
    for seed in range(ROUTES):
        found = labelled_contexts(model, seed=seed, route_given=True)
        assert found is not None
        assert (found & ~proven).any()


def test_a_module_that_does_something_else_is_told_apart() -> None:
    """A mask that is lifted in the compiled module shows in labels, though the proof knows nothing of it."""
    model = randomised(small(ROOT / "specs" / "made.yaml"))
    proven = seen(Relations(model.spec.graph(), model.spec.members[0])).matrix()
    with torch.no_grad():
        for buffer in model.buffers():
            if buffer.dtype == torch.bool or (buffer.is_floating_point() and (buffer == 0).any()):
                buffer.fill_(1)
    assert isinstance(model, nn.Module)
    found = labelled_contexts(model)
    assert found is not None
    assert (found & ~proven).any()
