"""What a container holds is put below the folder that was named, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import model_of, write_spec

from arspec.cli.main import main
from arspec.codec import Codec, Item
from arspec.codec.media import array
from arspec.diagnostics import InputError
from arspec.files.below import below


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A container of three files, one of them in a folder."""
    x = np.random.default_rng(0).integers(0, 4, (3, 1, 4, 4))
    items = [Item(name, 1, array.of_array(x[k], name)) for k, name in enumerate(("a.npy", "in/b.npy", "in/c.npy"))]
    path = tmp_path / "x.ars"
    path.write_bytes(Codec(model_of(tmp_path)).compress(items)[0])
    return path


def restore(container: Path, *more: str) -> int:
    folder = container.parent
    return main(["decompress", str(write_spec(folder)), str(container), "-o", str(folder / "out"), *more])


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in sorted(folder.rglob("*"))
    }


def test_files_come_below_the_folder(packed: Path) -> None:
    assert restore(packed) == 0
    assert list(everything(packed.parent / "out")) == ["a.npy", "in", "in/b.npy", "in/c.npy"]
    assert restore(packed) == 2  # they are there
    assert restore(packed, "--force") == 0
    assert list(everything(packed.parent / "out")) == ["a.npy", "in", "in/b.npy", "in/c.npy"]
    assert (packed.parent / "out" / "a.npy").stat().st_nlink == 1


def _link_to_a_file(out: Path, outside: Path) -> None:
    (outside / "victim").write_text("before")
    (out / "a.npy").symlink_to(outside / "victim")


def _dangling_link(out: Path, outside: Path) -> None:
    (out / "a.npy").symlink_to(outside / "new")


def _link_to_a_folder(out: Path, outside: Path) -> None:
    (out / "in").symlink_to(outside)


def _folder_of_the_name(out: Path, outside: Path) -> None:
    (out / "a.npy").mkdir()


def _file_in_the_way(out: Path, outside: Path) -> None:
    (out / "in").write_text("a file")


def _pipe(out: Path, outside: Path) -> None:
    os.mkfifo(out / "a.npy")


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["careful", "force"])
@pytest.mark.parametrize(
    "lay", [_link_to_a_file, _dangling_link, _link_to_a_folder, _folder_of_the_name, _file_in_the_way, _pipe]
)
def test_nothing_is_written_elsewhere(
    lay: Callable[[Path, Path], None], force: tuple[str, ...], packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in the folder: it is refused, and all is as it was."""
    out, outside = packed.parent / "out", packed.parent / "outside"
    out.mkdir()
    outside.mkdir()
    lay(out, outside)
    before = everything(packed.parent)
    assert restore(packed, *force) == 2
    assert "AR810" in capsys.readouterr().err
    assert everything(packed.parent) == before


def test_what_comes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with below(tmp_path / "out", force=False) as into:
        into.stage("a", b"mine")
        into.check(["a"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(into, "_check_place", lambda *_: None)  # it came right after
            (tmp_path / "out" / "a").write_text("theirs")
            with pytest.raises(InputError, match="AR810"):
                into.place()
    assert (tmp_path / "out" / "a").read_text() == "theirs"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a"]


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    with (
        below(tmp_path / "out", force=False) as into,
        pytest.raises(InputError, match=r"AR830.*'a'.*file and as a folder"),
    ):
        into.check(["a/b", "a"])
    assert not (tmp_path / "out").exists()


def test_a_folder_is_made_only_where_something_comes_into_it(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed.write_bytes(packed.read_bytes()[:60])
    assert restore(packed) == 2
    assert not (packed.parent / "out").exists()


@pytest.mark.parametrize(("cut", "done"), [(1, 2), (0, 0)])
def test_recover_says_what_it_did(cut: int, done: int, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first parts are whole, or none is."""
    data = bytearray(packed.read_bytes())
    if cut:
        data[-1] ^= 1
    else:
        del data[52:]
    packed.write_bytes(data)
    assert restore(packed, "--recover") == 1
    told: Any = capsys.readouterr()
    assert "AR830" in told.err
    said = f"of 3 files the first {done} could be restored" if done else "no file could be restored"
    assert said in told.err
    found = everything(packed.parent / "out")
    assert [name for name, data in found.items() if data] == ["a.npy", "in/b.npy"][:done]
    assert (packed.parent / "out").exists() == bool(done)


def test_a_file_is_no_folder(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (packed.parent / "out").write_text("a file")
    assert restore(packed) == restore(packed, "--force") == 2
    assert "out is no folder" in capsys.readouterr().err
    assert (packed.parent / "out").read_text() == "a file"
