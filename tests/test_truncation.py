"""Top-k, top-p and min-p: what is left out, what is drawn, that every way of drawing obeys, and who refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import arspec
from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.heads import Bernoulli, Categorical, LogisticMixture, Parts, Support
from arspec.heads.truncation import Truncation
from arspec.language.load import from_text
from arspec.model import Model, build
from arspec.sampler.drive.stream import stream_of
from arspec.sampler.run.compiled import compiled_step

ROOT = Path(__file__).resolve().parents[1]
LEVELS = 5
SUPPORT = Support(LEVELS, 1)
HEAD = Categorical.model_validate({"kind": "categorical", "from": "x"})
ROW = torch.tensor([0.15, 0.4, 0.05, 0.3, 0.1]).log()

# what is asked for, and the probabilities by hand
BY_HAND = [
    (Truncation(), [0.15, 0.4, 0.05, 0.3, 0.1]),
    (Truncation(top_k=1), [0, 1, 0, 0, 0]),
    (Truncation(top_k=3), [0.15 / 0.85, 0.4 / 0.85, 0, 0.3 / 0.85, 0]),
    (Truncation(top_k=9), [0.15, 0.4, 0.05, 0.3, 0.1]),
    (Truncation(top_k=10**21), [0.15, 0.4, 0.05, 0.3, 0.1]),
    (Truncation(top_p=0.7), [0, 4 / 7, 0, 3 / 7, 0]),  # 0.4 + 0.3 reaches it
    (Truncation(top_p=0.71), [0.15 / 0.85, 0.4 / 0.85, 0, 0.3 / 0.85, 0]),
    (Truncation(top_p=1e-9), [0, 1, 0, 0, 0]),
    (Truncation(min_p=0.25), [0.15 / 0.95, 0.4 / 0.95, 0, 0.3 / 0.95, 0.1 / 0.95]),  # 0.1 is a quarter of 0.4
    (Truncation(min_p=0.26), [0.15 / 0.85, 0.4 / 0.85, 0, 0.3 / 0.85, 0]),
    (Truncation(min_p=1.0), [0, 1, 0, 0, 0]),
    # 0.8 of the 0.85 that top-k keeps is 0.68: 0.4 + 0.3; of the whole it would take three levels
    (Truncation(top_k=3, top_p=0.8), [0, 4 / 7, 0, 3 / 7, 0]),
    (Truncation(top_p=0.95, min_p=0.3), [0.15 / 0.85, 0.4 / 0.85, 0, 0.3 / 0.85, 0]),
    (Truncation(top_k=4, top_p=0.99, min_p=0.5), [0, 4 / 7, 0, 3 / 7, 0]),
]


@pytest.mark.parametrize(
    ("asked", "wanted"), BY_HAND, ids=lambda case: str(case) if isinstance(case, Truncation) else ""
)
def test_the_distribution_is_the_one_by_hand(asked: Truncation, wanted: list[float]) -> None:
    probabilities = ROW.double().softmax(-1)
    found = asked(probabilities)
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-7)
    assert ((found == 0) == (torch.tensor(wanted) == 0)).all()
    # and it is the one that is drawn by: uniforms on a fine grid fall on each level as often as its probability says
    count = 100_000
    uniforms = (torch.arange(count, dtype=torch.float64) + 0.5).unsqueeze(1) / count
    drawn = HEAD.draw(SUPPORT, ROW.expand(count, -1), uniforms, 1.0, asked)[:, 0]
    share = torch.bincount(drawn, minlength=LEVELS) / count
    torch.testing.assert_close(share.tolist(), [float(value) for value in wanted], rtol=0, atol=2e-5)


def test_the_likeliest_few_are_found_without_a_sort_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.rand(20, 50, generator=torch.Generator().manual_seed(0)).mul(12).round().softmax(-1)  # many are equal
    order = rows.sort(dim=-1, descending=True, stable=True).indices  # of equal ones the lower level counts first
    sizes: list[int] = []
    topk = torch.Tensor.topk

    def counted(x: torch.Tensor, few: int) -> Any:
        sizes.append(few)
        return topk(x, few)

    monkeypatch.setattr(torch.Tensor, "sort", lambda *_, **__: pytest.fail("a sort of all levels"))
    monkeypatch.setattr(torch.Tensor, "topk", counted)
    for k in (1, 7, 49):
        kept = torch.zeros_like(rows).scatter(-1, order[:, :k], 1)
        torch.testing.assert_close(Truncation(top_k=k)(rows), rows * kept / (rows * kept).sum(-1, keepdim=True))
    likely = rows >= 0.5 * rows.amax(-1, keepdim=True)
    assert torch.equal(Truncation(min_p=0.5)(rows) > 0, likely)
    assert sizes == [1, 7, 49, 1]


def test_temperature_comes_first() -> None:
    warm = (ROW.double() / 2).softmax(-1)
    wanted = torch.where(warm >= 0.55 * warm.max(), warm, 0)
    assert int((wanted > 0).sum()) == 3  # at temperature 1 it would be two levels
    wanted = wanted / wanted.sum()
    count = 100_000
    uniforms = (torch.arange(count, dtype=torch.float64) + 0.5).unsqueeze(1) / count
    drawn = HEAD.draw(SUPPORT, ROW.expand(count, -1), uniforms, 2.0, Truncation(min_p=0.55))[:, 0]
    share = torch.bincount(drawn, minlength=LEVELS).double() / count
    torch.testing.assert_close(share, wanted, rtol=0, atol=2e-5)
    assert (HEAD.draw(SUPPORT, ROW.expand(3, -1), uniforms[:3], 0.0, Truncation(top_k=2)) == 1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_first_level_alone_is_the_likeliest(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    support, generator = Support(3000, 1), torch.Generator().manual_seed(0)
    logits = torch.randn(5, 7, 3000, generator=generator, dtype=dtype).mul_(3)
    logits[0, 0, [4, 9]] = logits.max() + 1  # of equal ones the lower
    uniforms = torch.rand(5, 7, 1, generator=generator, dtype=torch.float64)
    by_table = Truncation(top_k=2)(logits.double().softmax(-1))
    assert torch.equal(HEAD.draw(support, logits, uniforms, 1.0, Truncation(top_k=1))[..., 0], by_table.argmax(-1))
    first = Truncation(top_k=1, top_p=0.4, min_p=0.1)
    assert (Truncation(top_k=1)(logits.double().softmax(-1)) > 0).sum() == 35
    monkeypatch.setattr(torch.Tensor, "softmax", lambda *_: pytest.fail("a table was made"))  # pyright: ignore
    assert torch.equal(HEAD.draw(support, logits, uniforms, 0.7, first)[..., 0], logits.argmax(-1))


def test_of_equal_levels_the_lower_is_likelier() -> None:
    even = torch.full((LEVELS,), 0.2, dtype=torch.float64)
    assert Truncation(top_k=2)(even).tolist() == [0.5, 0.5, 0, 0, 0]
    assert (Truncation(top_p=0.6)(even) > 0).tolist() == [True, True, True, False, False]  # 0.2 + 0.2 + 0.2, rounded up
    assert (Truncation(min_p=1.0)(even) > 0).all()


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=12), st.integers(1, 12), st.floats(0.01, 1), st.floats(0, 1))
@settings(max_examples=60)
def test_it_is_what_a_plain_loop_keeps(logits: list[float], k: int, p: float, share: float) -> None:
    probabilities = torch.tensor(logits, dtype=torch.float64).softmax(-1)
    order = sorted(range(len(logits)), key=lambda level: (-probabilities[level].item(), level))[:k]
    whole, reached, kept = sum(probabilities[level].item() for level in order), 0.0, list[int]()
    for level in order:
        if p < 1 and reached / whole >= p * (1 - 1e-6):
            break
        reached += probabilities[level].item()
        kept.append(level)
    kept = [level for level in kept if probabilities[level] >= share * (1 - 1e-6) * probabilities.max()]
    wanted = torch.zeros_like(probabilities)
    wanted[kept] = probabilities[kept] / probabilities[kept].sum()
    torch.testing.assert_close(Truncation(k, p, share)(probabilities), wanted, rtol=0, atol=1e-12)


def test_a_bernoulli_head_has_two_levels() -> None:
    head, support = Bernoulli.model_validate({"kind": "bernoulli", "from": "x"}), Support(2, 1)
    logits = torch.tensor([[0.3], [-0.3], [0.0]]).repeat_interleave(50, 0)
    uniforms = torch.linspace(0, 0.999, 150, dtype=torch.float64).unsqueeze(1)
    assert head.draw(support, logits, uniforms, 1.0, Truncation(top_k=1)).view(3, 50).tolist() == [
        [1] * 50,
        [0] * 50,
        [0] * 50,
    ]
    plain = head.draw(support, logits, uniforms, 1.0)
    assert torch.equal(head.draw(support, logits, uniforms, 1.0, Truncation(min_p=0.5)), plain)


# -- models ------------------------------------------------------------------------------------------------------------

SEQUENCE = """
arspec: 1
data: {kind: sequence, length: $length, levels: 6}
params: {length: 10}
graph:
  e: {layer: embedding, from: x, out: 6}
  before: {layer: shift, steps: 1}
  c: {layer: conv, kernel: 2, mask: so_far, out: 8}
  r: {layer: relu}
  c2: {layer: conv, kernel: 2, mask: so_far, dilation: 2, out: 8}
  r2: {layer: relu}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
ASKED: dict[str, Any] = {"top_k": 4, "top_p": 0.9, "min_p": 0.1}


def sequence() -> Model:
    """A model with probabilities that differ, in float64, so that no rounding decides between two levels."""
    model = build(from_text(SEQUENCE), seed=3).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2)
    return model


def test_every_way_of_drawing_obeys() -> None:
    model = sequence()
    wanted = model.sample(40, seed=1, temperature=1.3, method="once", **ASKED)
    # step by step, from the module alone
    from arspec.sampler.drive.drawing import noise_for

    noise = noise_for(model, 1, 0, 40)
    x = torch.zeros(40, 10, dtype=torch.long)
    for step in range(10):
        kept = Truncation(**ASKED)((model(x)[:, step].double() / 1.3).softmax(-1))
        assert (kept == 0).any()
        x[:, step] = (kept.cumsum(-1) <= noise[:, step]).sum(-1).clamp(max=5)
    assert torch.equal(x, wanted) and not torch.equal(wanted, model.sample(40, seed=1, temperature=1.3))
    for method in ("depth", "fixed-point", "auto"):
        assert torch.equal(model.sample(40, seed=1, temperature=1.3, method=method, **ASKED), wanted), method
    assert torch.equal(model.sample(10, seed=1, first=30, temperature=1.3, **ASKED), wanted[30:])
    streamed = torch.cat(list(model.stream(40, steps=10, chunk=3, seed=1, temperature=1.3, compiled=False, **ASKED)), 1)
    assert torch.equal(streamed, wanted)
    known = torch.arange(10) < 4
    completed = model.complete(wanted, known, seed=1, temperature=1.3, **ASKED)
    assert torch.equal(completed, wanted)  # the same noise goes on as it did
    assert torch.equal(model.log_prob(x), model.log_prob(wanted))


@pytest.mark.parametrize("compiler", ["none", pytest.param("inductor", marks=pytest.mark.long)])
def test_a_compiled_step_draws_the_same(compiler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced, which is what leaves something out if anything does; and compiled as well, which takes seconds."""
    if compiler == "none":
        monkeypatch.setattr("torch._inductor.compile", lambda traced, *_, **__: lambda *inputs: traced(*inputs))
    model = sequence()
    stream = stream_of(model, 0)
    executor, n = stream.executor, 64
    asked = Truncation(**ASKED)
    noise = torch.from_numpy(np.random.default_rng(0).random((n, 1, 1)))
    with torch.no_grad():
        state = executor.begin(n, {})
        for row, cut, lasting in stream.rows(0, 40):
            if lasting:
                step = compiled_step(executor, cut, state, row, noise, 0.8, asked)
                values, parameters = step(row, noise, state)
                assert torch.equal(values, model.graph.head.draw(model.graph.support, parameters, noise, 0.8, asked))
                return
            executor.step(row, cut, state, None)
            executor.write(cut, state, torch.zeros(n, 1, 1, dtype=torch.float64))
    raise AssertionError("no step lasts")


def test_many_draws_have_the_stated_shares() -> None:
    """A head whose weights are zero looks at nothing: every variable of every example is a draw of its bias."""
    text = (
        "arspec: 1\ndata: {kind: sequence, length: 100, levels: 5}\ngraph:\n  s: {layer: scale, from: x}\n  b: "
        "{layer: shift, steps: 1}\n"
    )
    model = build(from_text(text + "  c: {layer: conv, out: $head}\nhead: {kind: categorical, from: c}\n"))
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(ROW if weight.shape == ROW.shape else torch.zeros_like(weight))
    for asked, wanted in BY_HAND:
        drawn = model.sample(200, seed=5, method="depth", top_k=asked.top_k, top_p=asked.top_p, min_p=asked.min_p)
        share = (torch.bincount(drawn.flatten(), minlength=LEVELS) / drawn.numel()).tolist()
        # 20,000 draws: four standard errors
        assert share == pytest.approx(wanted, abs=4 * 0.5 / 20_000**0.5), asked
        assert [value > 0 for value in share] == [value > 0 for value in wanted]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_heads_without_a_table_refuse() -> None:
    mixture = LogisticMixture.model_validate({"kind": "logistic_mixture", "from": "x", "components": 2})
    for head in (mixture, Parts(kind="parts", **{"from": "x"}, of={"x": mixture, "grey": HEAD})):
        for asked in ((1, None, None), (None, 0.5, None), (None, None, 0.5)):
            with pytest.raises(InputError, match="logistic_mixture") as caught:
                head.truncation(*asked)
            assert caught.value.code == "AR860"
        assert head.truncation(None, None, None) is None
    assert Parts(kind="parts", **{"from": "x"}, of={"x": HEAD}).truncation(2, None, None) == Truncation(2)


@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}, {"min_p": -0.1},
                                   {"min_p": 2.0}, {"top_p": float("nan")}, {"min_p": float("nan")}])  # fmt: skip
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        sequence().sample(1, **wrong)
    assert caught.value.code == "AR808"


@pytest.mark.parametrize("wrong", [{"top_k": 1.5}, {"top_k": float("inf")}])
def test_a_number_of_levels_that_is_not_whole_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        sequence().sample(1, **wrong)
    assert caught.value.code == "AR945"


def test_completion_by_other_ways_refuses() -> None:
    model, known = sequence(), torch.arange(10) >= 4
    with pytest.raises(InputError, match="without top-k 2"):
        model.complete(torch.zeros(1, 10, dtype=torch.long), known, how="gibbs", top_k=2)
    with pytest.raises(InputError, match=r"without temperature 0\.5, min-p 0\.1"):
        model.complete(torch.zeros(1, 10, dtype=torch.long), known, how="rejection", min_p=0.1, temperature=0.5)


def test_the_commands_take_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text(SEQUENCE)
    out = tmp_path / "x.npy"
    common = ["sample", str(spec), "-o", str(out), "-n", "5", "--device", "cpu", "--seed", "2"]
    model = arspec.compile(arspec.load(spec), seed=2)
    assert main([*common, "--top-k", "2", "--top-p", "0.8", "--min-p", "0.2"]) == 0
    assert np.array_equal(np.load(out), model.sample(5, seed=2, top_k=2, top_p=0.8, min_p=0.2).numpy())
    assert main([*common[:4], "--length", "30", "--device", "cpu", "--seed", "2", "--top-k", "2"]) == 0
    streamed = torch.cat(list(model.stream(steps=30, seed=2, top_k=2)), 1)
    assert np.array_equal(np.load(out), streamed.numpy())
    capsys.readouterr()
    assert main([*common, "--top-p", "1.5"]) == 2
    assert "top-p is above 0 and at most 1; 1.5 came" in capsys.readouterr().err
    mixed = [
        "sample",
        str(ROOT / "specs" / "wavenet_mol.yaml"),
        "-o",
        str(tmp_path / "x.wav"),
        "--top-k",
        "3",
        "--device",
        "cpu",
    ]
    small = [s for name in ("length=64", "layers=2", "cycle=2", "residual=4", "skip=4") for s in ("--set", name)]
    assert main([*mixed, *small, "-n", "1"]) == 2
    assert "AR860" in capsys.readouterr().err and not (tmp_path / "x.wav").exists()


def test_a_temperature_of_zero_draws_the_likeliest_on_the_command_line(tmp_path: Path) -> None:
    spec, out = tmp_path / "mine.yaml", tmp_path / "x.npy"
    spec.write_text(SEQUENCE.replace("data:", "name: mine\ndata:"))
    common = ["sample", str(spec), "--temperature", "0", "--device", "cpu", "-o", str(out)]
    assert main([*common, "-n", "3"]) == 0
    drawn = np.load(out)
    assert main([*common, "--length", "10", "--no-compile"]) == 0
    assert all(np.array_equal(x, np.load(out).reshape(10)) for x in drawn)
