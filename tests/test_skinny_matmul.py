"""Products of the executor, whose form depends on sizes that no small spec has, and torch's settings while it steps."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from arspec.choices import Storage
from arspec.language.load import from_text
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.drive.stream import stream_of
from arspec.sampler.run.kernel import FLAGS, SOURCES, Kernel, compiler, kernel, library
from arspec.sampler.run.packing import place
from arspec.sampler.run.skinny_matmul import (
    BUSY,
    CACHED,
    MUCH,
    MUCH_COPIED,
    SMALL,
    VERY_FEW,
    KernelProduct,
    Product,
    joined,
    products,
)
from arspec.sampler.run.without_onednn import WITHOUT_ONEDNN
from tests.compiled_once import compiled_once
from tests.small import ROOT, randomised, small

BATCHES = [(0, 1), (1, 1), (2, 1), (1, 3), (2, 2), (2, 5), (5, 7), (100, 1)]


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def weights_of(outputs: int, width: int, biased: bool, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(outputs, width, generator=generator, dtype=dtype)
    return {"weight": weight, **({"bias": torch.randn(outputs, generator=generator, dtype=dtype)} if biased else {})}


def close(product: Product | KernelProduct, x: torch.Tensor, weights: dict[str, torch.Tensor]) -> None:
    plain, atol = F.linear(x, weights["weight"]), 1e-12 if x.dtype == torch.float64 else 2e-4
    bias = weights.get("bias", torch.zeros((), dtype=x.dtype))
    torch.testing.assert_close(product(x), plain + bias, rtol=0, atol=atol)
    other = torch.randn(*plain.shape[:2], 2 * plain.shape[2], dtype=x.dtype)
    for ahead in (other[..., : plain.shape[2]], other[..., plain.shape[2] :].contiguous()):
        torch.testing.assert_close(product(x, ahead), plain + bias + ahead, rtol=0, atol=atol)
        several = [*x.split([100, x.shape[2] - 100], 2)]
        torch.testing.assert_close(product.over(several, ahead), plain + bias + ahead, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", BATCHES)
@pytest.mark.parametrize("biased", [True, False])
def test_products_in_parts_are_products(shape: tuple[int, int], biased: bool, dtype: torch.dtype, threads: int):
    weights = weights_of(160, 300, biased, dtype)
    many = [[weights]] * (1 + CACHED // (160 * 300 * 4))
    product = products(many)[0]
    assert isinstance(product, Product)
    wide = torch.randn(*shape, 320, generator=torch.Generator().manual_seed(1), dtype=dtype)
    for x in (wide[..., :300].contiguous(), wide[..., 10:310]):  # as several layers' share of one product lies
        close(product, x, weights)
    assert product.parts > 1
    rows, much = shape[0] * shape[1], shape[0] * shape[1] * 160 * 300 >= MUCH
    assert (product.turned is not None) == (rows >= VERY_FEW and not much)


needs_compiler = pytest.mark.skipif(kernel() is None, reason="no C++ compiler")


@pytest.fixture(params=[True, False], ids=["packed", "as it lies"])
def packed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether compiled products pack their weights; else they read them where they lie."""
    if not request.param:
        monkeypatch.setattr("arspec.sampler.run.skinny_matmul.COPIED", 0)
        monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SMALL", 0)
        monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SHORT", 0)
    return request.param


def compiled(parts: list[dict[str, torch.Tensor]], packed: bool) -> KernelProduct:
    own = frozenset(place(part["weight"]) for part in parts)
    (product,) = products([parts], [BUSY], own=own)
    assert isinstance(product, KernelProduct) and product.packed == [packed] * len(parts)
    for held, part in zip(product.held, parts, strict=True):
        assert (place(held[0]) == place(part["weight"])) is not packed
    return product


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [*BATCHES, (13, 1), (1, 31)])
@pytest.mark.parametrize("outputs", [1, 5, 127, 160, 513])
def test_compiled_products_are_products(
    shape: tuple[int, int], outputs: int, dtype: torch.dtype, threads: int, packed: bool
):
    wide = torch.randn(*shape, 320, generator=torch.Generator().manual_seed(1), dtype=dtype)
    for biased in (True, False):
        weights = weights_of(outputs, 300, biased, dtype)
        product = compiled([weights], packed)
        assert all(torch.equal(product.weights()[key], own) for key, own in weights.items())
        for x in (wide[..., :300].contiguous(), wide[..., 10:310], wide.mT.contiguous().mT[..., :300]):
            close(product, x, weights)


@needs_compiler
def test_many_rows_of_several_inputs_are_added_one_after_another():
    weights = weights_of(160, 300, True, torch.float64)
    (product,) = products([[weights]], [BUSY])
    x = torch.randn(MUCH_COPIED // (160 * 300) + 1, 2, 300, dtype=torch.float64)
    close(product, x, weights)


@needs_compiler
def test_a_busy_sampler_has_compiled_products(monkeypatch: pytest.MonkeyPatch):
    def drawn(busy: int) -> tuple[set[type], torch.Tensor]:
        monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", busy)
        model = randomised(small(ROOT / "specs/gated_pixelcnn.yaml"))
        x = model.sample(3, seed=1, method="once")
        return {type(r) for r in sampler_of(model)._executor._products}, x

    (plain, x), (compiled, y) = drawn(1 << 40), drawn(0)
    assert plain == {Product} and compiled == {KernelProduct}
    assert torch.equal(x, y)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder in which nothing is kept."""
    if compiler() is not None:
        monkeypatch.setenv("CXX", compiled_once(tmp_path_factory.getbasetemp()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel.cache_clear()
    yield tmp_path / "arspec/kernels"
    kernel.cache_clear()


@needs_compiler
def test_what_was_compiled_is_kept(fresh: Path, monkeypatch: pytest.MonkeyPatch):
    assert kernel() is not None
    assert list(fresh.iterdir()) == [library()]
    kernel.cache_clear()
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("compiled again"))
    assert kernel() is not None


@needs_compiler
def test_a_damaged_library_is_made_again(fresh: Path):
    kept = library()
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    assert kernel() is not None and kept.stat().st_size > 1000


@needs_compiler
def test_a_folder_that_can_not_be_written_to_is_done_without(fresh: Path):
    fresh.parent.write_text("a file where a folder would be")
    assert kernel() is not None


def test_without_a_compiler_products_are_torchs(fresh: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    assert kernel() is None
    weights = weights_of(160, 300, True, torch.float32)
    assert isinstance(products([[weights]], [BUSY])[0], Product)


def test_what_a_compiler_says_is_told(fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    fails = tmp_path / "broken"
    fails.write_text("#!/bin/sh\necho no room left >&2\nexit 1\n")
    fails.chmod(0o755)
    monkeypatch.setenv("CXX", str(fails))
    with pytest.warns(RuntimeWarning, match="broken does not compile skinny_matmul.cpp.*no room left"):
        assert kernel() is None
    assert not fresh.exists()


def test_half_precision_is_left_to_torch():
    weights = weights_of(160, 300, True, torch.float16)
    assert isinstance(products([[weights]], [BUSY])[0], Product)


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_of_several_layers_are_their_products(dtype: torch.dtype, threads: int, packed: bool):
    parts = [weights_of(outputs, 300, outputs != 127, dtype) for outputs in (160, 127, 1, 513)]
    product, whole = compiled(parts, packed), joined(parts)
    assert all(torch.equal(product.weights()[key], own) for key, own in whole.items())
    for rows in (1, 2, 5, 8, 23):
        x = torch.randn(rows, 1, 300, generator=torch.Generator().manual_seed(1), dtype=dtype)
        close(product, x, whole)


@needs_compiler
def test_neither_rows_nor_threads_change_a_bit(threads: int, packed: bool):
    weights = weights_of(513, 300, True, torch.float32)
    product = compiled([weights], packed)
    x = torch.randn(23, 1, 300, generator=torch.Generator().manual_seed(1))
    whole = product(x)
    for rows in (1, 2, 3, 4, 7, 8, 9):
        assert torch.equal(product(x[:rows].contiguous()), whole[:rows])
    torch.set_num_threads(3 - threads)
    assert torch.equal(compiled([weights], packed)(x), whole)


@needs_compiler
@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
@pytest.mark.parametrize("outputs", [2, 17, 97, 513])
def test_rows_change_no_bit_of_stored_weights(outputs: int, storage: Storage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SMALL", 0)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SHORT", 0)
    for biased in (True, False):
        weights = weights_of(outputs, 31, biased, torch.float32)
        (product,) = products([[weights]], [BUSY], storage)
        assert isinstance(product, KernelProduct) and not product.exact
        x, plus = torch.randn(37, 1, 31), torch.randn(37, 1, outputs)
        for added in (None, plus):
            whole = product(x, added)
            for rows in (1, 2, 3, 4, 7, 8, 9):
                own = None if added is None else added[:rows]
                assert torch.equal(product(x[:rows], own), whole[:rows])


INSTRUCTIONS = {"x86-64": "sse2", "haswell": "avx2"}  # what g++ is told, and what /proc/cpuinfo calls it


def runs(instructions: str) -> bool:
    """Whether code for these can be compiled and run here."""
    features = Path("/proc/cpuinfo")
    able = features.exists() and f" {INSTRUCTIONS[instructions]} " in features.read_text()
    return able and shutil.which("g++") is not None


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_products_for_other_instructions_are_products(instructions: str, tmp_path: Path):
    if not runs(instructions):
        pytest.skip(f"no code for {instructions} runs here")
    made = tmp_path / "other.so"
    flags = [flag for flag in FLAGS if flag not in ("-O3", "-march=native")]
    subprocess.run(
        ["g++", *flags, "-shared", "-O1", f"-march={instructions}", *map(str, SOURCES), "-o", str(made)], check=True
    )
    other = Kernel(ctypes.CDLL(str(made)))
    stored: list[tuple[torch.dtype, Storage]] = [(torch.float32, "exact"), (torch.float64, "exact"),
                                                 (torch.float32, "bfloat16"), (torch.float32, "int8")]  # fmt: skip
    for dtype, storage in stored:
        parts = [weights_of(outputs, 301, outputs != 49, dtype) for outputs in (49, 177, 1)]
        for own in ((), parts):
            product = KernelProduct(parts, other, storage, frozenset(place(part["weight"]) for part in own))
            whole, x = product.weights(), torch.randn(41, 1, 301, dtype=dtype)
            for rows in (1, 2, 3, 5, 8, 41):
                close(product, x[:rows], whole)
                assert torch.equal(product(x[:rows]), product(x)[:rows])


@needs_compiler
def test_what_is_folded_is_kept_once_and_packed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", 0)
    model = randomised(small(ROOT / "specs/pixelcnn_pp.yaml"))
    executor = sampler_of(model).executor
    own = {place(weight) for weight in model.parameters()}
    linear = [(n, o) for n, o in enumerate(executor.program.operations) if o.linear]
    assert linear and not any(executor.parts[n] for n, _ in linear)
    for (n, _), product in zip(linear, executor.products, strict=True):
        assert isinstance(product, KernelProduct) and all(product.packed)
        assert not own & {place(held[0]) for held in product.held}
        assert executor.weights(n)["weight"].shape == (product.outputs, product.inputs)


LINEAR = """arspec: 1
name: linear
data: {kind: sequence, length: 24, levels: 30, given: 1, start: 0}
graph:
  tokens: {layer: embedding, from: x, out: 16}
  places: {layer: position, out: 16}
  input: {layer: add, from: [tokens, places]}
  q: {layer: conv, from: input, out: 16}
  k: {layer: conv, from: input, out: 16, bias: false}
  v: {layer: conv, from: input, out: 16}
  seen: {layer: attention, from: q, keys: k, values: v, heads: 2, mask: so_far}
  next: {layer: conv, from: seen, out: $head, bias: false, weights: tokens}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""


@needs_compiler
def test_the_weights_of_a_module_are_read_where_they_lie(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", 0)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SMALL", 0)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SHORT", 0)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.COPIED", 0)
    model = build(from_text(LINEAR), seed=1)
    executor = sampler_of(model).executor
    own = {weight.untyped_storage().data_ptr(): weight for weight in model.parameters()}
    products_of = [one for one in executor._products if isinstance(one, KernelProduct)]
    held = [each for one in products_of for part in one.held for each in part if each is not None]
    assert len(held) == 6 and {each.untyped_storage().data_ptr() for each in held} <= {*own}
    assert sorted(len(one.held) for one in products_of) == [1, 3]
    for name in ("tokens", "q", "k", "v"):
        assert model.get_parameter(f"nodes.{name}.weight").untyped_storage().data_ptr() in executor.in_place


@needs_compiler
def test_numbers_that_are_read_where_they_lie_change_what_is_drawn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", 0)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SMALL", 0)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.SHORT", 0)
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.COPIED", 0)
    model = build(from_text(LINEAR), seed=1)

    def streamed(of: Model) -> torch.Tensor:
        return torch.cat([*of.stream(3, steps=24, seed=2, prefix=torch.arange(9))], 1)

    kept, before = stream_of(model).executor, streamed(model)
    for name in ("nodes.q.weight", "nodes.k.weight", "nodes.tokens.weight", "nodes.places.weight"):
        model.get_parameter(name).data.normal_(generator=torch.Generator().manual_seed(len(name)))
        fresh = build(from_text(LINEAR))
        fresh.load_state_dict(model.state_dict())
        now = streamed(model)
        assert torch.equal(now, streamed(fresh)) and not torch.equal(now, before)
        before = now
    model.get_parameter("nodes.q.weight").data.add_(1)
    assert stream_of(model).executor is kept  # nothing was made of these numbers
    model.get_parameter("nodes.q.weight").data = model.get_parameter("nodes.q.weight").data.clone()
    assert stream_of(model).executor is not kept


@needs_compiler
def test_no_memory_is_read_but_what_was_given():
    (product,) = products([[weights_of(160, 300, True, torch.float32)]], [BUSY])
    for x, plus in (
        (torch.zeros(2, 1, 301), None),
        (torch.zeros(2, 1, 300, dtype=torch.float64), None),
        (torch.zeros(2, 1, 300), torch.zeros(1, 1, 160)),
    ):
        with pytest.raises(AssertionError):
            product(x, plus)


def test_an_odd_number_of_outputs_is_not_split():
    weights = weights_of(127, 600, True, torch.float32)
    product = products([[weights]] * 20)[0]
    assert isinstance(product, Product)
    assert product.parts == 1
    close(product, torch.randn(1, 1, 600), weights)


def parts(every: list[dict[str, torch.Tensor]]) -> list[int]:
    """Into how many parts each product is cut."""
    return [one.parts for one in products([[own] for own in every]) if isinstance(one, Product)]


def test_what_caches_hold_is_left_to_blas():
    small, large = (weights_of(n, 128, True, torch.float32) for n in (SMALL // 128, 2 * SMALL // 128))
    assert parts([small, large]) == [1, 1]
    assert [n > 1 for n in parts([small, *[large] * (1 + CACHED // (2 * SMALL * 4))])[:2]] == [False, True]


def test_onednn_is_on_again_behind_it():
    before = torch.backends.mkldnn.enabled
    with WITHOUT_ONEDNN:
        assert not torch.backends.mkldnn.enabled
        with WITHOUT_ONEDNN:  # another sampler in between
            pass
        assert not torch.backends.mkldnn.enabled
    assert torch.backends.mkldnn.enabled == before
    with pytest.raises(KeyboardInterrupt), WITHOUT_ONEDNN:
        raise KeyboardInterrupt
    assert torch.backends.mkldnn.enabled == before
