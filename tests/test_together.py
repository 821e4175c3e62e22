"""Files that belong together are all replaced, or none of them is, wherever a process ends."""

from __future__ import annotations

import errno
import itertools
import shutil
from pathlib import Path

import pytest

from arspec.diagnostics import InputError
from arspec.files.together import WHOLE, standing, together
from tests.killed import killed_after
from tests.small import refuses

OLD = {"a": "old a", "b": "old b", "c": "old c", "mine": "mine"}
NEW = {"a": "new a", "b": "new b", "d": "new d"}
AFTER = {**NEW, "mine": "mine"}


def gone(names: set[str]) -> set[str]:
    return {"c", "d"} - names


def write(folder: Path, texts: dict[str, str]) -> None:
    with together(folder, gone) as new:
        for name, text in texts.items():
            (new / name).write_text(text)


def read(folder: Path) -> dict[str, str]:
    """The texts of the files that count; those of other hands stand in the folder itself."""
    at = standing(folder)
    texts = {path.name: path.read_text() for path in at.iterdir() if not path.name.startswith(".")}
    return texts if at == folder else {**texts, "mine": (folder / "mine").read_text()}


@pytest.mark.parametrize("links", [True, False])
def test_a_process_that_is_killed_leaves_the_old_files_or_the_new(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arspec.files.atomic._alive", lambda _: False)
    if not links:
        monkeypatch.setattr("os.link", refused)
    folder, found = tmp_path / "folder", list[bool]()
    for calls in itertools.count():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in OLD.items():
            (folder / name).write_text(text)
        (folder / "a").chmod(0o640)
        through = killed_after(calls, lambda: write(folder, NEW))
        found.append(read(folder) == AFTER)
        assert found[-1] or read(folder) == OLD
        write(folder, {"a": "third"})  # by the next process
        assert {path.name: path.read_text() for path in folder.iterdir()} == {
            "a": "third", "b": "new b" if found[-1] else "old b", "mine": "mine"
        }  # fmt: skip
        assert (folder / "a").stat().st_mode & 0o777 == 0o640
        if through:
            break
    assert found == sorted(found) and found[-1] and 3 < sum(found) < len(found) - 3


def refused(*_: object) -> None:
    raise PermissionError


def test_what_fails_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        with together(folder, gone) as new:
            (new / "a").write_text("new")
            raise InputError("AR810", f"cannot write {new / 'b'}: no room")

    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a").write_text("old")
    refuses("AR810", lambda: fails(tmp_path / "there"), f"cannot write {tmp_path / 'there' / 'b'}: no room")
    refuses("AR810", lambda: fails(tmp_path / "made"), "no room")

    def full(folder: Path) -> None:
        with together(folder, gone) as new:
            (new / "a").write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device")  # as writers of others raise it

    told = f"cannot write {tmp_path / 'there'}: No space left on device"
    refuses("AR810", lambda: full(tmp_path / "there"), told)
    refuses("AR810", lambda: full(tmp_path / "made"), "No space left")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["there", "there/a"]
    assert (tmp_path / "there" / "a").read_text() == "old"


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").symlink_to(tmp_path / "elsewhere")
    write(tmp_path / "folder", NEW)
    assert (tmp_path / "elsewhere").read_text() == "new a" and (tmp_path / "folder" / "a").is_symlink()
    assert not (tmp_path / "folder" / WHOLE).exists()
