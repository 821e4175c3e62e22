"""Machine code in the cache folder: loaded only where it is whole and this user's own; compilers that don't behave."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arspec.files.kept import HASH, is_whole, keep, private
from arspec.sampler.run import kernel as kernels
from arspec.sampler.run.kernel import compiler, kernel, library
from tests.compiled_once import compiled_once

needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C++ compiler")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The place of a library in a cache folder in which nothing is kept."""
    if compiler() is not None:
        monkeypatch.setenv("CXX", compiled_once(tmp_path_factory.getbasetemp()))
    (tmp_path / "cache").mkdir(mode=0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kernel.cache_clear()
    yield library()
    kernel.cache_clear()


@pytest.fixture
def kept(fresh: Path, tmp_path: Path) -> Path:
    """Something that is kept."""
    made = tmp_path / "made"
    made.write_bytes(b"machine code" * 100)
    keep(made, fresh)
    assert is_whole(fresh)
    return fresh


@needs_compiler
def test_libraries_of_earlier_versions_go(fresh: Path) -> None:
    fresh.parent.mkdir(parents=True, mode=0o700)
    fresh.parent.parent.chmod(0o700)
    for name in ("few_rows-0123456789abcdef.so", "skinny_matmul-of-another.so", "notes"):
        (fresh.parent / name).touch()
    assert kernel() is not None
    assert {path.name for path in fresh.parent.iterdir()} == {fresh.name, "skinny_matmul-of-another.so", "notes"}


def test_what_is_kept_is_the_users_own(kept: Path) -> None:
    assert kept.read_bytes()[:-HASH] == b"machine code" * 100
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == kept.parent.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("size", [0, 1, HASH - 1, HASH, HASH + 1, 600, 1200, 1231])
def test_what_was_cut_short_is_not_whole(size: int, kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:size])
    assert not is_whole(kept)


def test_what_was_changed_is_not_whole(kept: Path) -> None:
    data = bytearray(kept.read_bytes())
    data[600] ^= 1
    kept.write_bytes(data)
    assert not is_whole(kept)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_may_write_is_not_loaded(mode: int, kept: Path) -> None:
    """The file, its folder, the folder above it, and the cache."""
    for path in (kept, kept.parent, kept.parent.parent, kept.parent.parent.parent):
        before = path.stat().st_mode
        path.chmod(mode | 0o100)
        assert not is_whole(kept), path
        path.chmod(before)
        assert is_whole(kept)
    kept.parent.parent.parent.chmod(0o1777)  # as /tmp is
    assert is_whole(kept)


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_what_is_anothers_is_not_loaded(which: int, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = [kept, *kept.parents][which]
    lstat, stat = Path.lstat, Path.stat

    def anothers(of: Any) -> Any:
        def told(self: Path, **more: Any) -> os.stat_result:
            found = of(self, **more)
            return os.stat_result([*found[:4], found[4] + 77, *found[5:10]]) if self == path else found

        return told

    monkeypatch.setattr(Path, "lstat", anothers(lstat))
    monkeypatch.setattr(Path, "stat", anothers(stat))
    assert not is_whole(kept)


def test_a_link_is_not_loaded(kept: Path) -> None:
    kept.rename(kept.with_name("other"))
    kept.symlink_to("other")
    assert not is_whole(kept)


def test_a_folder_that_a_lax_program_has_made_is_mended(fresh: Path, tmp_path: Path) -> None:
    fresh.parent.mkdir(parents=True)
    fresh.parent.chmod(0o775)
    assert not private(fresh.parent)
    (tmp_path / "made").write_bytes(b"x" * 100)
    keep(tmp_path / "made", fresh)
    assert is_whole(fresh)


@needs_compiler
def test_a_library_is_made_again_where_it_does_not_hold(fresh: Path, tmp_path: Path) -> None:
    """Where it was cut short after it was loaded, and where it lacks what it should have."""
    assert kernel() is not None
    whole = fresh.read_bytes()
    fresh.unlink()
    fresh.write_bytes(whole[:2000])
    kernel.cache_clear()
    assert kernel() is not None
    assert fresh.read_bytes()[-HASH:] == whole[-HASH:] or is_whole(fresh)
    (tmp_path / "empty.cpp").write_text("int nothing() { return 0; }\n")
    command = compiler()
    assert command is not None
    subprocess.run(
        [*command, "-shared", "-fPIC", str(tmp_path / "empty.cpp"), "-o", str(tmp_path / "empty.so")], check=True
    )
    fresh.unlink()
    keep(tmp_path / "empty.so", fresh)
    ctypes.CDLL(str(fresh))  # it can be loaded, hash and all
    kernel.cache_clear()
    assert kernel() is not None


@pytest.mark.parametrize(("said", "told"), [("'", "no command"), ("no-such-compiler -O2", "no such program")])
def test_a_compiler_that_is_not_there_is_told(said: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", said)
    with pytest.warns(RuntimeWarning, match=told):
        found = compiler()
    assert found in (["g++"], ["clang++"], None)


def test_a_compiler_that_hangs_is_given_up_on(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it has started ends with it."""
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/child\nwait\n")
    hangs.chmod(0o755)
    monkeypatch.setenv("CXX", str(hangs))
    monkeypatch.setattr(kernels, "PATIENCE", 0.3)
    with pytest.warns(RuntimeWarning, match="is given up on"):
        assert kernel() is None
    child = int((tmp_path / "child").read_text())
    for _ in range(3000):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("what the compiler had started runs on")
