"""Recurrences with matrix states: chunks of steps give what one step after another gives, and what the formulas say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.language.load import from_text, load
from arspec.layers import linear_attention, matrix_states
from arspec.layers.matrix_states import Steps, all_steps, one_step
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.endless import endless
from arspec.verification.dependencies import leaks
from arspec.verification.labels import labelled_contexts
from arspec.verification.subject import subject_of
from tests.layer_cases import CASES, case
from tests.small import ROOT, random_data, randomised

EXAMPLES, HEADS, KEY, VALUE = 2, 3, 5, 4
Form = tuple[int, str, bool, bool]
FORMS: list[Form] = [  # channels of the decay, rule, bonus, strength
    (falls, rule, bonus, strong)
    for falls, rule, bonus, strong in itertools.product(
        (0, 1, KEY), ("add", "delta", "removal", "all removed"), (False, True), (False, True)
    )
    if not (bonus and "remov" in rule)
]
EDGES = {1: (1, 2), 4: (1, 3, 4, 5, 8, 9), 16: (15, 16, 17, 33), 64: (63, 64, 65, 129)}


def random_steps(form: Form, length: int, fall: float = 3.0, seed: int = 0) -> Steps:
    """Keys of length one, so that the delta rule does not grow without bound."""
    falls, rule, bonus, strong = form
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, low: float = -1.0) -> Tensor:
        return torch.empty(shape, dtype=torch.float64).uniform_(low, 1.0, generator=generator)

    q, k, v = (drawn(EXAMPLES, HEADS, length, n) for n in (KEY, KEY, VALUE))
    decay = -fall * drawn(EXAMPLES, HEADS, length, falls, low=0.0) if falls else None
    strength = drawn(EXAMPLES, HEADS, length, 1, low=0.0) if strong else None
    removal = F.normalize(drawn(EXAMPLES, HEADS, length, KEY), dim=-1) if "remov" in rule else None
    rate = drawn(EXAMPLES, HEADS, length, KEY if strong else 1, low=0.0) if rule == "removal" else None
    bonuses = drawn(HEADS, 1, KEY) if bonus else None
    return Steps(q, F.normalize(k, dim=-1), v, decay, strength, bonuses, rule == "delta", removal, rate)


def step_by_step(s: Steps) -> Tensor:
    state = s.q.new_zeros(*s.q.shape[:2], s.k.shape[-1], s.v.shape[-1])
    found: list[Tensor] = []
    for t in range(s.q.shape[2]):
        own = {n: x[:, :, t : t + 1] for n, x in vars(s).items() if isinstance(x, Tensor) and n != "bonus"}
        y, state = one_step(replace(s, **own), state)
        found.append(y)
    return torch.cat(found, 2)


@pytest.mark.parametrize("form", FORMS)
def test_chunks_of_steps_are_steps_one_after_another(form: Form) -> None:
    for chunk, lengths in EDGES.items():
        for length in lengths:
            s = random_steps(form, length)
            torch.testing.assert_close(all_steps(s, chunk), step_by_step(s), rtol=0, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_one_step_is_what_the_formula_says(form: Form) -> None:
    """S = D S' + k uᵀ with u = b (v - δ (D S')ᵀ k), or S = (D - (a r) rᵀ) S' + b k vᵀ, matrix by matrix; read with the
    step in it, or beside it."""
    s = random_steps(form, 1)
    before = torch.randn(EXAMPLES, HEADS, KEY, VALUE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y, after = one_step(s, before)
    for n, h in itertools.product(range(EXAMPLES), range(HEADS)):
        q, k, v = s.q[n, h, 0], s.k[n, h, 0], s.v[n, h, 0]
        left = torch.eye(KEY, dtype=torch.float64)
        if s.decay is not None:
            left = torch.diag(s.decay[n, h, 0].exp().expand(KEY))
        b = 1.0 if s.strength is None else float(s.strength[n, h, 0, 0])
        erased = torch.eye(KEY, dtype=torch.float64) - (b * torch.outer(k, k) if s.delta else 0)
        kept = erased @ left
        if s.removal is not None:
            a = 1.0 if s.rate is None else s.rate[n, h, 0]
            kept = left - torch.outer(a * s.removal[n, h, 0], s.removal[n, h, 0])
        wanted = kept @ before[n, h] + b * torch.outer(k, v)
        torch.testing.assert_close(after[n, h], wanted, rtol=0, atol=1e-12)
        if s.bonus is None:
            read = wanted.T @ q
        else:
            own = wanted - left @ before[n, h]
            read = before[n, h].T @ q + own.T @ (q * s.bonus[h, 0])
        torch.testing.assert_close(y[n, h, 0], read, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", [form for form in FORMS if form[0]])
def test_decays_that_leave_nothing_are_computed_as_well(form: Form) -> None:
    """Products of decays far below the smallest float: no result or gradient is infinite or no number, in float32."""
    exact = random_steps(form, 70, fall=500.0)
    given = {name: x.float().requires_grad_() for name, x in vars(exact).items() if isinstance(x, Tensor)}
    y = all_steps(Steps(**given, delta=exact.delta), 16)
    torch.testing.assert_close(y, step_by_step(exact).float(), rtol=1e-4, atol=1e-5)
    y.square().sum().backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in given.values())


def test_labels_of_a_pass_are_the_proven_contexts() -> None:
    """Of every form: the masks within chunks, the triangles of the delta rule and the states between chunks cut."""
    for name in CHUNKED:
        model = randomised(case(name))
        for member in range(model.members):
            proven = seen(Relations(model.spec.graph(), model.spec.members[member])).matrix()
            found = labelled_contexts(model, member)
            assert found is not None, name
            np.testing.assert_array_equal(found, proven, name)


CHUNKED = [name for name in CASES if "linear attention" in name or "delta rule" in name]
TESTED = re.compile(r"^(  tested: \{layer: linear_attention.*), chunk: \d+\}$", re.MULTILINE)


@pytest.mark.parametrize("name", CHUNKED)
def test_the_size_of_a_chunk_changes_no_result(name: str) -> None:
    model = randomised(case(name))
    x = random_data(model, 2)
    for chunk in (1, 2, 3, 64):
        text, count = TESTED.subn(rf"\1, chunk: {chunk}}}", model.spec.source.text)
        assert count == 1
        other = build(from_text(text)).double()
        other.load_state_dict(model.state_dict())
        torch.testing.assert_close(other(x), model(x), rtol=0, atol=1e-9)


def reads_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a chunk each step reads the one after it."""
    seen_by = matrix_states._seen
    monkeypatch.setattr(matrix_states, "_seen", lambda chunk, own, like: seen_by(chunk, own, like) | ahead(chunk))


def ahead(chunk: int) -> Tensor:
    return torch.ones(chunk, chunk, dtype=torch.bool).triu(1).tril(1)


def rolled(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """The decay, or the strength, of the next step in place of the own."""

    def fault(monkeypatch: pytest.MonkeyPatch) -> None:
        right = matrix_states.all_steps

        def wrong(s: Steps, chunk: int) -> Tensor:
            return right(replace(s, **{name: getattr(s, name).roll(-1, 2)}), chunk)

        monkeypatch.setattr(linear_attention, "all_steps", wrong)

    return fault


FAULTS = [
    ("delta rule that decays by channel", reads_ahead),
    ("linear attention that decays", reads_ahead),
    ("linear attention that decays", rolled("decay")),
    ("linear attention that decays by channel", rolled("decay")),
    ("delta rule", rolled("strength")),
    ("linear attention of a step size", rolled("strength")),
]


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_in_all_steps_is_found(
    name: str, fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its labels, by perturbing what it reads, and beside the sampler, which goes step by step."""
    model = randomised(case(name))
    x = random_data(model, 3)
    right = model(x)
    fault(monkeypatch)
    assert (model(x) - right).abs().max() > 1e-3
    torch.testing.assert_close(sampler_of(model, 0).replay(x, {}), right, rtol=0, atol=1e-9)
    proven = seen(Relations(model.spec.graph(), model.spec.members[0])).matrix()
    found = labelled_contexts(model)
    assert found is not None
    leaking = bool((found & ~proven).any())
    # read beside a bonus, the decay of the next step befalls the state one step later, which reads it anyhow
    assert leaking == (fault is reads_ahead or "by channel" not in name)
    assert leaking == leaks(subject_of(model, 0), draws=1, bases=2, batch=64, outside=False, seed=0)


STREAMS = {
    "mamba": {"width": 6, "inner": 8, "states": 3, "rank": 2, "layers": 2},
    "mamba2": {"width": 8, "heads": 2, "keys": 4, "layers": 2},
    "rwkv": {"width": 8, "heads": 2, "hidden": 8, "shares": 2, "falls": 2, "layers": 1},
    "retnet": {"width": 8, "heads": 2, "layers": 1},
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_state_streams_without_end(name: str) -> None:
    """A stream is the sample of its length, taken in from a prefix or not, and keeps as much at any length."""
    model = randomised(
        load(ROOT / "specs" / f"{name}.yaml", params={**STREAMS[name], "levels": 5, "start": 0, "length": 130})
    )
    whole = model.sample(2, seed=3, method="once")
    stream = torch.cat(list(model.stream(2, steps=130, seed=3, chunk=50)), 1)
    assert torch.equal(stream, whole)
    assert torch.equal(torch.cat(list(model.stream(2, steps=130, seed=3, prefix=whole[:, :70])), 1), whole)
    kept = [sum(c.size for c in endless(at, 0).program.caches.values()) for at in (model, longer(model, 3000))]
    assert kept[0] == kept[1]


def longer(model: Model, length: int) -> Model:
    return build(model.spec.variant(params={"length": length})).double().eval()
