"""What a draw takes no notice of is not computed: no draw changes by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from arspec.language.load import from_text
from arspec.model import Model
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.run import screening, skinny_matmul
from arspec.sampler.run.kernel import kernel
from arspec.sampler.run.packing import place
from arspec.sampler.run.screening import Screened, screened
from arspec.sampler.run.skinny_matmul import KernelProduct
from tests.small import CHARS, randomised

pytestmark = pytest.mark.skipif(kernel() is None, reason="no C++ compiler")
LEVELS, STEPS = 600, 24
SPEC = CHARS.replace("length: 8", f"length: {STEPS}").replace("levels: 128", f"levels: {LEVELS}")
LOGITS = "  logits: {layer: conv, out: $head}\n"


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small weights are taken as large ones are."""
    monkeypatch.setattr(screening, "LARGE", 0)
    for name in ("BUSY", "SMALL", "SHORT", "SHORT_ONES", "COPIED"):
        monkeypatch.setattr(skinny_matmul, name, 0)


def product_of(weight: Tensor, bias: Tensor | None = None) -> KernelProduct:
    loaded = kernel()
    assert loaded is not None
    return KernelProduct(
        [{"weight": weight, **({} if bias is None else {"bias": bias})}], loaded, own=frozenset({place(weight)})
    )


def alone(product: KernelProduct, keeps: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> Screened:
    """With a copy from the first call on, and room for so many outputs of a row."""
    loaded = kernel()
    assert loaded is not None
    monkeypatch.setattr(screening, "PATIENCE", 0)
    own = Screened(product, loaded, keeps)
    own._limit = limit  # pyright: ignore[reportPrivateUsage]
    return own


def left_out(whole: Tensor, found: Tensor, keeps: int) -> int:
    """How many outputs [B, n, N] are missing. None is that may be among the highest, and the others have their bits."""
    last = whole.nan_to_num(torch.inf, torch.inf, -torch.inf).topk(keeps).values[..., -1:]
    same = (whole.view(torch.int32) == found.view(torch.int32)) | (whole.isnan() & found.isnan())
    assert same[(whole >= last) | whole.isnan()].all()
    assert (same | (found == -torch.inf)).all()
    return int((~same).sum())


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs", "keeps"),
    [(1, 1, 16, 1), (2, 7, 5, 5), (3, 31, 193, 2), (4, 32, 192, 1), (5, 33, 300, 7), (8, 1023, 97, 3),
     (9, 1024, 383, 2), (17, 1025, 64, 1), (64, 100, 200, 4), (1, 4096, 385, 3)],
)  # fmt: skip
@pytest.mark.parametrize("threads", [1, 2])
def test_the_highest_have_the_bits_of_the_product(
    rows: int, inputs: int, outputs: int, keeps: int, threads: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    draw = torch.Generator().manual_seed(rows)
    weight, bias = torch.randn(outputs, inputs + 3, generator=draw)[:, :inputs], torch.randn(outputs, generator=draw)
    x = torch.randn(rows, 1, inputs + 5, generator=draw)[..., :inputs]
    for own in (product_of(weight), product_of(weight, bias)):
        one = alone(own, keeps, outputs + 1, monkeypatch)
        missing = left_out(own(x), one(x), keeps)
        assert missing or min(inputs, outputs) < 8
        for row in range(rows):
            assert left_out(own(x)[row : row + 1], one(x[row : row + 1]), keeps) <= outputs - keeps


def exotic(name: str, draw: torch.Generator) -> tuple[Tensor, Tensor | None, Tensor]:
    """A weight [96, 40], a bias and rows [3, 1, 40]."""
    weight, x = torch.randn(96, 40, generator=draw), torch.randn(3, 1, 40, generator=draw)
    bias, tenth = torch.randn(96, generator=draw), torch.rand(96, generator=draw) < 0.1
    sizes = 10.0 ** torch.randint(-44, 15, (96, 1), generator=draw)
    signs = torch.tensor([1.0, -1.0]).repeat(20)
    near = weight[torch.randint(12, (96,), generator=draw)]
    return {
        "outliers": (torch.where(torch.rand(96, 40, generator=draw) < 0.02, 1e4 * weight, weight), bias, x),
        "outliers of rows": (weight, bias, torch.where(torch.rand(3, 1, 40, generator=draw) < 0.05, 1e4 * x, x)),
        "rows of zeros": (torch.where(tenth[:, None], weight, 0), None, x * torch.tensor([1.0, 0, 0])[:, None, None]),
        "squares underflow": (1e-25 * weight, None, x),
        "products underflow": (1e-22 * weight, None, 1e-22 * x),
        "denormal weights": (1e-40 * weight, 1e-42 * bias, x),
        "denormal rows": (weight, 1e-42 * bias, 1e-41 * x),
        "rows of all sizes": (sizes * weight, None, x),
        "very long": (1e25 * weight, None, x),
        "sums overflow": (torch.where(tenth[:, None], 1e14 * signs, weight), None, 3e24 * signs.abs().expand(3, 1, 40)),
        "weights and rows that cancel": (weight * signs, -(weight * signs) @ x[0, 0], x),
        "equal": (near, None, x),
        "nearly equal": (near * (1 + 1e-7 * torch.randn(96, 40, generator=draw)), None, x),
        "a bias that is infinite": (weight, bias.masked_fill(tenth, -torch.inf), x),
        "a bias of which one is no number": (weight, bias.index_fill(0, torch.tensor([5]), torch.nan), x),
        "a weight that is no number": (weight.index_fill(0, torch.tensor([5]), torch.nan), bias, x),
        "a weight that is infinite": (weight.index_fill(0, torch.tensor([5]), torch.inf), bias, x),
        "a row that is no number": (weight, bias, x * torch.tensor([1.0, torch.nan, 1])[:, None, None]),
        "a row that is infinite": (weight, bias, x * torch.tensor([1.0, 1, torch.inf])[:, None, None]),
    }[name]


@pytest.mark.parametrize(
    "name",
    ["outliers", "outliers of rows", "rows of zeros", "squares underflow", "products underflow", "denormal weights",
     "denormal rows", "rows of all sizes", "very long", "sums overflow", "weights and rows that cancel", "equal",
     "nearly equal", "a bias that is infinite", "a bias of which one is no number", "a weight that is no number",
     "a weight that is infinite", "a row that is no number", "a row that is infinite"],
)  # fmt: skip
def test_no_number_is_too_strange(name: str, monkeypatch: pytest.MonkeyPatch):
    for seed in range(8):
        weight, bias, x = exotic(name, torch.Generator().manual_seed(seed))
        own = product_of(weight, bias)
        for keeps in (1, 2, 5, 40):
            left_out(own(x), alone(own, keeps, 97, monkeypatch)(x), keeps)


def test_where_many_may_be_among_the_highest_all_are_computed(monkeypatch: pytest.MonkeyPatch):
    weight, x = torch.ones(512, 40), torch.ones(2, 1, 40)
    own = product_of(weight)
    one = alone(own, 1, 16, monkeypatch)
    for _ in range(40):
        assert torch.equal(one(x), own(x))
    assert one._limit == 0  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("number", [torch.nan, torch.inf, 1e30])
def test_a_weight_that_says_nothing_is_multiplied_whole(number: float, monkeypatch: pytest.MonkeyPatch):
    weight, x = torch.randn(512, 40, generator=torch.Generator().manual_seed(0)), torch.ones(1, 1, 40)
    weight[7, 39] = number
    own = product_of(weight)
    one = alone(own, 1, 16, monkeypatch)
    torch.testing.assert_close(one(x), own(x), rtol=0, atol=0, equal_nan=True)
    assert one._limit == 0  # pyright: ignore[reportPrivateUsage]


def test_it_is_for_large_exact_weights_in_float32_of_which_few_outputs_are_wanted(monkeypatch: pytest.MonkeyPatch):
    loaded, weight = kernel(), torch.randn(512, 40)
    assert loaded is not None
    own = product_of(weight)
    assert screened(own, 4) is not None
    assert screened(own, 5) is None
    assert screened(product_of(weight.double()), 1) is None
    assert screened(KernelProduct([{"weight": weight}], loaded), 1) is None  # packed
    assert screened(KernelProduct([{"weight": weight}], loaded, "int8"), 1) is None
    assert screened(KernelProduct([{"weight": weight}] * 2, loaded, own=frozenset({place(weight)})), 1) is None
    assert screened(skinny_matmul.Product(weight, None), 1) is None
    monkeypatch.setattr(screening, "LARGE", 512 * 40 + 1)
    assert screened(own, 1) is None


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many outputs are left out, call by call."""
    found: list[int] = []
    call = Screened.__call__

    def watched(self: Screened, x: Tensor, plus: Tensor | None = None) -> Tensor:
        y = call(self, x, plus)
        found.append(int((y == -torch.inf).sum()))
        return y

    monkeypatch.setattr(Screened, "__call__", watched)
    return found


def model_of(text: str = SPEC) -> Model:
    return randomised(from_text(text)).float()


def streamed(model: Model, n: int, **chance: Any) -> Tensor:
    return torch.cat([*model.stream(n, steps=STEPS, chunk=10, **chance)], 1)


@pytest.mark.parametrize(
    "chance",
    [{"temperature": 0.0}, {"top_k": 1}, {"top_k": 4}, {"top_k": 4, "top_p": 0.8, "min_p": 0.05, "temperature": 0.7},
     {"top_k": 3, "temperature": 1e18}, {"top_k": 3, "temperature": float("inf")}],
)  # fmt: skip
def test_no_draw_changes(chance: dict[str, Any], missing: list[int], monkeypatch: pytest.MonkeyPatch):
    model, prompt = model_of(), torch.arange(6)
    ways: list[Callable[[], Tensor]] = [
        lambda: model.sample(3, seed=1, method="once", **chance),
        lambda: model.sample(2, seed=2, method="once", prefix=prompt, **chance),
        lambda: streamed(model, 2, seed=3, **chance),
        lambda: streamed(model, 1, seed=4, prefix=prompt, **chance),
    ]
    for way in ways:
        missing.clear()
        with_it = way()
        assert sum(missing)
        with monkeypatch.context() as patched:
            patched.setattr(screening, "LARGE", 1 << 60)
            missing.clear()
            assert torch.equal(way(), with_it)
            assert not missing


SUM = "  one: {layer: conv, from: relu, out: $head}\n  two: {layer: conv, from: before, out: $head}\n"
READ = "  one: {layer: conv, from: relu, out: $head}\n  two: {layer: conv, from: one, out: $head}\n"
TANH = "  one: {layer: conv, from: relu, out: $head}\n  logits: {layer: tanh}\n"


@pytest.mark.parametrize(
    "last",
    [SUM + "  logits: {layer: add, from: [one, two]}\n", READ + "  logits: {layer: add, from: [one, two]}\n", TANH],
)
def test_what_is_no_product_of_the_head_alone_is_computed_whole(last: str, missing: list[int]):
    model = model_of(SPEC.replace(LOGITS, last))
    model.sample(2, method="once", top_k=2)
    streamed(model, 2, top_k=2)
    assert not missing


def test_who_takes_all_parameters_gets_them(missing: list[int]):
    model = model_of()
    x = model.sample(2, seed=1, method="once", top_p=0.9)
    streamed(model, 1, min_p=0.1)
    known = torch.zeros(STEPS, dtype=torch.bool)
    known[STEPS // 2 :] = True
    model.complete(x, known, how="particles", particles=4)
    assert model.decompress(model.compress(x)).equal(x)
    replayed = sampler_of(model).replay(x, {})
    with torch.no_grad():
        torch.testing.assert_close(replayed, model(x).view_as(replayed), rtol=1e-4, atol=1e-4)
    assert not missing


@pytest.mark.parametrize("number", [1.0, torch.nan])
def test_a_stream_whose_weights_are_changed_takes_the_new_ones(
    number: float, missing: list[int], monkeypatch: pytest.MonkeyPatch
):
    found: list[Tensor] = []
    for large in (0, 1 << 60):
        monkeypatch.setattr(screening, "LARGE", large)
        model = model_of()
        pieces = model.stream(1, steps=STEPS, chunk=12, temperature=0.0)
        first = next(pieces)
        weight = next(
            own for own in model.parameters() if own.shape[0] == LEVELS and own.ndim > 1 and own.shape[1] == 12
        )
        weight.data.numpy()[:] = weight.data.flip(0).numpy() * number
        found.append(torch.cat([first, *pieces], 1))
    assert sum(missing)
    assert torch.equal(*found)


def test_few_steps_at_a_time_are_computed_whole(missing: list[int]):
    model = model_of()
    whole = torch.cat([*model.stream(1, steps=STEPS, chunk=screening.FEW - 1, temperature=0.0)], 1)
    assert not missing
    assert torch.equal(whole, streamed(model, 1, temperature=0.0))
    assert sum(missing)
