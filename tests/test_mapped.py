"""Weights that lie in a file: what the system says of their pages, and packed copies that take their place."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import arspec
from arspec.files.mapped import Mapped
from arspec.language.load import from_text
from arspec.model import Model, build
from arspec.network.fingerprint import fingerprint_of
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.drive.stream import stream_of
from arspec.sampler.run import memory, packing
from arspec.sampler.run.kernel import compiler
from arspec.sampler.run.packing import place
from arspec.sampler.run.skinny_matmul import KernelProduct, Product

PAGE = mmap.PAGESIZE
NEIGHBOURS = 2 * (1 << 16) // PAGE  # pages that come with those of the weights before and behind

tells = pytest.mark.skipif(not os.access("/proc/self/pagemap", os.R_OK), reason="the system does not tell")
packs = pytest.mark.skipif(compiler() is None, reason="there is no C++ compiler")


def opened(path: Path) -> Tensor:
    """The bytes of a file, mapped for this process alone, as safetensors has them."""
    return torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "numbers").write_bytes(np.arange(8 * PAGE, dtype=np.uint32).astype(np.uint8).tobytes())
    return tmp_path / "numbers"


def said(tensor: Tensor) -> tuple[int, ...] | None:
    return Mapped().unwritten(tensor.data_ptr(), tensor.nbytes)


def present(tensor: Tensor) -> int:
    """Whole pages of a tensor that are in this process's memory."""
    begin, end = -(-tensor.data_ptr() // PAGE), (tensor.data_ptr() + tensor.nbytes) // PAGE
    return Mapped().present(begin * PAGE, (end - begin) * PAGE)


@tells
def test_bytes_of_a_file_are_told_by_their_place_in_it(file: Path) -> None:
    whole, again = opened(file), opened(file)
    assert said(whole) is not None and said(whole) == said(again)
    assert said(whole[PAGE:]) == said(again[PAGE:]) != said(whole)
    assert said(whole[5:9]) == said(again[5:9])
    assert said(torch.cat([whole, again])) is None and said(torch.zeros(1 << 22)) is None and said(whole[:0]) is None
    last, beyond = whole[-1:].data_ptr(), -(-(whole.data_ptr() + whole.nbytes) // PAGE) * PAGE
    assert Mapped().unwritten(last, 1) is not None and Mapped().unwritten(last, beyond + PAGE - last) is None


@tells
def test_what_was_written_is_no_longer_the_files(file: Path) -> None:
    whole = opened(file)
    whole[3 * PAGE + 7] = 1
    assert said(whole) is None and said(whole[3 * PAGE : 4 * PAGE]) is None
    assert said(whole[: 3 * PAGE]) is not None and said(whole[4 * PAGE :]) is not None
    files = Mapped()
    for first in (0, 3 * PAGE + 5, 6 * PAGE):
        files.release(whole[first:].data_ptr(), PAGE)
    files.release(whole.data_ptr(), whole.nbytes)
    assert whole[3 * PAGE + 7] == 1  # it is kept


@tells
def test_what_is_released_is_read_again(file: Path) -> None:
    whole, before = opened(file), opened(file).clone()
    assert present(whole) == 0 and torch.equal(whole, before)
    count = whole.nbytes // PAGE
    assert present(whole) == count
    Mapped().release(whole[9:].data_ptr(), whole.nbytes - 9)
    assert present(whole) == 1  # the first page is not of these bytes alone
    assert torch.equal(whole, before) and present(whole) == count


@tells
def test_another_file_or_a_changed_one_is_another(file: Path, tmp_path: Path) -> None:
    whole = opened(file)
    shutil.copy(file, tmp_path / "copy")
    assert said(opened(tmp_path / "copy")) not in (None, said(whole))
    before = said(whole)
    os.utime(file, ns=(1, 1))
    assert said(whole) not in (None, before)
    os.replace(tmp_path / "copy", file)
    assert said(whole) is None  # nobody can tell any more whether it changes
    file.unlink()
    assert said(whole) is None


def test_where_the_system_does_not_tell_nothing_is_a_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refused)
    whole = opened(file)
    assert said(whole) is None
    Mapped().release(whole.data_ptr(), whole.nbytes)


def test_where_what_is_told_is_not_so_nothing_is_a_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the addresses of an emulated processor the system says that nothing is there."""
    whole = opened(file)
    whole[5] = 1

    def nothing(file: int, size: int, at: int) -> bytes:
        return bytes(size)

    monkeypatch.setattr(os, "pread", nothing)
    assert said(whole) is None
    Mapped().release(whole.data_ptr(), whole.nbytes)
    assert whole[5] == 1


@tells
def test_a_changed_file_whose_time_was_set_back_is_another(file: Path) -> None:
    whole, stat = opened(file), file.stat()
    before = said(whole)
    while file.stat().st_ctime_ns == stat.st_ctime_ns:  # the system's clock goes in steps
        with file.open("r+b") as changed:
            changed.write(b"changed")
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_mtime_ns == stat.st_mtime_ns and said(whole) not in (None, before)


LINEAR = """arspec: 1
name: linear
data: {kind: sequence, length: 24, levels: 300, given: 1, start: 0}
graph:
  tokens: {layer: embedding, from: x, out: 512}
  q: {layer: conv, from: tokens, out: 512}
  k: {layer: conv, from: tokens, out: 512, bias: false}
  v: {layer: conv, from: tokens, out: 448}
  seen: {layer: attention, from: q, keys: k, values: v, heads: 2, mask: so_far}
  mixed: {layer: conv, from: seen, out: 488}
  next: {layer: conv, from: mixed, out: $head, bias: false}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""
PACKED = ("q", "k", "v", "mixed")  # all but the one that draws are made from, which stays as it lies


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model in a file, all of whose products count as large."""
    for name in ("BUSY", "SMALL", "SHORT", "COPIED"):
        monkeypatch.setattr(f"arspec.sampler.run.skinny_matmul.{name}", 0)
    build(from_text(LINEAR), seed=1).save(tmp_path / "run")
    yield tmp_path / "run"


def weight_of(model: Model, name: str) -> Tensor:
    return model.get_parameter(f"nodes.{name}.weight").data


def packed(of: list[Product | KernelProduct]) -> list[Tensor]:
    return [held[0] for one in of if isinstance(one, KernelProduct)
            for held, own in zip(one.held, one.packed, strict=True) if own]  # fmt: skip


def streamed(model: Model) -> Tensor:
    return torch.cat([*model.stream(3, steps=24, seed=2, prefix=torch.arange(9))], 1)


@tells
@packs
def test_weights_in_a_file_are_packed_and_their_pages_given_back(run: Path) -> None:
    model, plain = arspec.open(run), build(from_text(LINEAR), seed=1)
    executor = sampler_of(model).executor
    assert len(packed([*executor.products])) == len(PACKED)
    assert not packed([*sampler_of(plain).executor.products])
    for name in PACKED:
        assert present(weight_of(model, name)) <= NEIGHBOURS
    assert not {place(weight_of(model, name)) for name in PACKED} & executor.in_place
    assert place(weight_of(model, "next")) in executor.in_place
    before = fingerprint_of(model)
    assert torch.equal(streamed(model), streamed(plain))
    x = model.sample(2, seed=3, temperature=0.0)
    assert torch.equal(x, plain.sample(2, seed=3, temperature=0.0))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), atol=1e-5, rtol=1e-5)
    assert torch.equal(model(x), plain(x))  # the pages are there again
    assert fingerprint_of(model) == before


@tells
@packs
def test_several_samplers_read_the_same_packed_weights(run: Path) -> None:
    model, again = arspec.open(run), arspec.open(run)
    places = [
        {each.data_ptr() for each in packed([*executor.products])}
        for executor in (sampler_of(model).executor, stream_of(model).executor, sampler_of(again).executor)
    ]
    assert places[0] == places[1] == places[2] and len(places[0]) == len(PACKED)


@tells
@packs
@pytest.mark.parametrize("name", [*PACKED, "next", "tokens"])
def test_weights_that_are_written_are_followed(run: Path, name: str) -> None:
    model, fresh = arspec.open(run), build(from_text(LINEAR))
    before = streamed(model), model.sample(3, seed=5)
    weight_of(model, name).view(-1)[::3].normal_(generator=torch.Generator().manual_seed(4))
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(streamed(model), streamed(fresh)) and not torch.equal(streamed(model), before[0])
    assert torch.equal(model.sample(3, seed=5), fresh.sample(3, seed=5))
    if name in PACKED:  # what was written is read where it lies
        assert len(packed([*sampler_of(model).executor.products])) < len(PACKED)


@tells
@packs
def test_without_room_or_for_a_few_steps_weights_stay_where_they_lie(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "spare", lambda: 1000)
    model = arspec.open(run)
    drawn = streamed(model)
    assert not packed([*stream_of(model).executor.products])
    monkeypatch.undo()
    for name in ("BUSY", "SMALL", "SHORT", "COPIED"):
        monkeypatch.setattr(f"arspec.sampler.run.skinny_matmul.{name}", 0)
    monkeypatch.setattr(packing, "OFTEN", 25)
    assert not packed([*sampler_of(arspec.open(run)).executor.products])
    monkeypatch.setattr(packing, "OFTEN", 16)
    other = arspec.open(run)
    assert torch.equal(streamed(other), drawn) and packed([*stream_of(other).executor.products])


@tells
@packs
def test_where_the_system_gives_no_memory_weights_stay_where_they_lie(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patched:
        patched.setattr(mmap, "mmap", refused)
        with pytest.raises(MemoryError, match="gives no 2,097,216 bytes"):
            memory.in_large_pages([((1,), torch.float32)])
        model = arspec.open(run)
        assert not packed([*sampler_of(model).executor.products])
    other = arspec.open(run)
    assert torch.equal(streamed(model), streamed(other)) and packed([*stream_of(other).executor.products])


@tells
@packs
@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_what_is_stored_in_fewer_bits_takes_the_files_place_too(run: Path, storage: Any) -> None:
    model, plain = arspec.open(run), build(from_text(LINEAR), seed=1)
    found = model.sample(3, seed=5, weights=storage)
    assert torch.equal(found, plain.sample(3, seed=5, weights=storage))
    stored = [*PACKED, "next"]
    assert max(present(weight_of(model, name)) for name in stored) <= NEIGHBOURS


def test_room_is_what_the_system_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    4096 kB\n", "/proc/self/cgroup": "0::/a\n"}
    monkeypatch.setattr(Path, "read_text", lambda path: said[str(path)])
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in said)
    assert memory.spare() == 4096 * 1024 // 2
    said["/sys/fs/cgroup/memory.max"] = "max\n"
    assert memory.spare() == 4096 * 1024 // 2
    said["/sys/fs/cgroup/a/memory.max"] = "1000\n"
    assert memory.spare() == 500
    said["/proc/self/cgroup"] = "7:cpu:/\n4:memory:/b\n0::/\n"
    said["/sys/fs/cgroup/memory/b/memory.limit_in_bytes"] = "600\n"
    assert memory.spare() == 300
    said.pop("/proc/meminfo")
    monkeypatch.setattr(Path, "read_text", lambda path: (_ for _ in ()).throw(OSError))
    assert memory.spare() == 0


def test_pages_are_large_where_they_can_be() -> None:
    made = memory.in_large_pages([((3, 5), torch.float32), ((1 << 20,), torch.int8), ((7,), torch.float64)])
    assert [(each.shape, each.dtype) for each in made] == [
        ((3, 5), torch.float32), ((1 << 20,), torch.int8), ((7,), torch.float64)]  # fmt: skip
    assert all(each.data_ptr() % 64 == 0 and not each.any() for each in made)
    ctypes.memset(made[1].data_ptr(), 1, made[1].nbytes)
    assert made[1].all() and not made[0].any() and not made[2].any()
