"""Designs of the literature that are no shipped specs, each a few lines of YAML: proven, sampled as the module does.
Its gradients lie inside what is proven."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.language.load import load
from arspec.sampler.drive.sampler import sampler_of
from arspec.verification.dependencies import gradient_pattern
from arspec.verification.subject import random_conditions, subject_of
from tests.small import ROOT, fixed, random_data, randomised

DESIGNS = sorted(ROOT.glob("tests/specs/designs/*.yaml"))


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_design_is_proven_and_sampled(path: Path) -> None:
    spec = load(path)
    assert prove(spec).proven and spec.about
    model = randomised(spec)
    modelled = spec.members[0].order.modelled
    for batch in (1, 5):
        x, given = random_data(model, batch, seed=batch), random_conditions(model, batch, batch)
        wanted = model(x, **given)[:, modelled]
        torch.testing.assert_close(sampler_of(model).replay(x, given), wanted, rtol=0, atol=1e-9)
    proven = seen(Relations(model.graph, spec.members[0])).matrix()
    pattern = gradient_pattern(fixed(subject_of(model), 0), draws=1, bases=1, batch=16)[modelled]
    assert pattern.any() and not (pattern & ~proven).any()


def test_nade_is_what_its_equations_say() -> None:
    """h_d = σ(c + Σ W_k x_k over k < d); the logit of entry d is V_d · h_d + b_d (equations 3 and 4)."""
    model = randomised(load(ROOT / "tests/specs/designs/nade.yaml"))
    weights = {name.removeprefix("nodes."): value for name, value in model.weights().items()}
    x = random_data(model, 4)
    w, v, b = (weights[f"{name}.weight"] for name in ("w", "v", "b"))
    c, out = weights["c.weight"].flatten(), weights["weighed.weight"][0, :, 0]
    found = model(x)[..., 0]
    for d in range(x.shape[1]):
        h = torch.sigmoid(c + x[:, :d].double() @ w[:, :d].T)
        torch.testing.assert_close(found[:, d], h @ (v[:, d] * out) + b[0, d], rtol=0, atol=1e-12)
