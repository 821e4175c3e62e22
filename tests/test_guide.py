"""The guide: every page is listed, its commands are understood, its Python runs, and none of it needs torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import arspec
from arspec.analysis.report import prove
from arspec.cli.main import COMMANDS, main
from arspec.diagnostics import Source
from arspec.guide import OTHER_WORDS, PARTS, TOPICS, page, title
from arspec.language import reference_tables
from arspec.language.load import from_text
from arspec.language.reference import reference
from arspec.language.schema import schema
from arspec.sampler.plan.timing import WORTH
from arspec.syntax.yaml import parse
from tests import test_layers as layers
from tests.pages import Reader, alike, blocks_of, chains, understood
from tests.small import ROOT

FOLDER = ROOT / "arspec" / "guide"
WRITTEN = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in [ROOT / "README.md", *FOLDER.glob("*.md")]
}


def test_the_list_names_every_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(TOPICS)
    assert main(["guide"]) == 0
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in lines] == list(TOPICS) and len(set(TOPICS)) == len(TOPICS)
    assert all(title(topic) in line and len(line) <= 100 for topic, line in zip(TOPICS, lines, strict=True))
    assert [line for line in printed.splitlines() if line and line not in lines] == list(PARTS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_is_printed_as_it_stands(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide", topic]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# ") and "<!--" not in printed
    assert set(printed.splitlines()) <= set((FOLDER / f"{topic}.md").read_text("utf-8").splitlines())


def test_on_a_terminal_a_page_is_laid_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["guide", "sample"]) == 0
    printed = capsys.readouterr().out
    assert "\x1b[" in printed and "```" not in printed


def test_a_page_that_there_is_not_names_the_nearest() -> None:
    with pytest.raises(arspec.InputError) as caught:
        page("sampels")
    assert caught.value.code == "AR930" and caught.value.help == "did you mean 'sample' or 'specs'?"
    with pytest.raises(arspec.InputError) as caught:
        page("zzz")
    assert caught.value.help is not None and all(topic in caught.value.help for topic in TOPICS)


@pytest.mark.parametrize("name", [*COMMANDS, *OTHER_WORDS])
def test_commands_and_other_words_lead_to_the_page_that_speaks_of_them(name: str) -> None:
    topic = name if name in TOPICS else OTHER_WORDS[name]
    assert (name in TOPICS) != (name in OTHER_WORDS) and page(name) == page(topic)
    assert name not in COMMANDS or re.search(rf"arspec {name}\b", page(name))


def test_a_page_is_printed_without_torch() -> None:
    program = "import sys; from arspec.cli.main import main; main(['guide', 'speed']); main(['guide'])\n"
    program += "assert not {'torch', 'numpy', 'rich', 'networkx'} & sys.modules.keys(), 'imported'"
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_commands_of_a_page_are_understood(name: str) -> None:
    understood(WRITTEN[name])


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_page_refers_to_is_there(name: str) -> None:
    for topic in re.findall(r"arspec guide ([a-z]+)", WRITTEN[name]):
        assert topic in TOPICS
    for path in re.findall(r"(?<![\w/])((?:specs|tools|tests)/[\w/]+(?:\.\w+)?)", WRITTEN[name]):
        assert (ROOT / path).exists(), path


def test_every_word_has_one_meaning_and_a_place() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| `(.+?)` \|$", page("words"), re.MULTILINE)
    words = [word for word, _, _ in rows]
    assert len(rows) == page("words").count("\n| ") - page("words").count("\n| word |")
    assert len(set(words)) == len(words)
    for word, meaning, place in rows:
        assert len(meaning.split()) <= 25, word
        assert (ROOT / "arspec" / place).exists(), place


@pytest.mark.parametrize("first", chains())
def test_a_page_is_followed_in_a_folder_of_its_own(first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is long cut short; a page that goes on from another one is followed behind it."""
    follow(first, tmp_path, monkeypatch, long=False)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", chains())
def test_a_page_is_followed_as_it_is_written(first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(first, tmp_path, monkeypatch, long=True)


def follow(first: str, folder: Path, monkeypatch: pytest.MonkeyPatch, long: bool) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", sys.argv)
    reader = Reader(folder, long)
    for topic in chains()[first]:
        reader.follow(topic)


def test_the_kind_of_the_guide_is_held_to_what_every_kind_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the page, its rows and its registration, through the tests of `test_layers`."""
    held = (
        layers.test_the_proof_knows_what_leaks,
        layers.test_what_moves_is_what_is_read,
        layers.test_its_relations_agree_with_each_other,
        lambda name: layers.test_a_few_sites_at_a_time_are_all_sites_at_once(name, WORTH),
    )
    Reader(tmp_path).follow("kinds", then=lambda names: _hold(names["ROWS"], held, monkeypatch))


def _hold(rows: dict[str, tuple[str, str]], held: tuple[Callable[[str], None], ...], patch: pytest.MonkeyPatch) -> None:
    for name, row in rows.items():
        patch.setitem(layers.CASES, name, row)
    patch.setattr(layers, "LEAKING", {*layers.LEAKING, *(name for name in rows if "leaking" in name)})
    patch.setattr(reference_tables, "_definitions", reference_tables._definitions.__wrapped__)  # what it keeps
    kinds = {node.layer.layer for name in rows for node in layers.case(name).graph().nodes}
    assert "pool" in kinds and len(rows) == 3
    for test in held:
        for name in rows:
            test(name)
    assert "`pool`" in reference() and "pool" in json.dumps(schema())


@pytest.mark.parametrize("name", WRITTEN)
def test_the_specs_of_a_page_are_proven(name: str) -> None:
    """Whole ones; a part of one is YAML at least. What is a file of the page is used by its commands."""
    for block in blocks_of(WRITTEN[name])[1]:
        if block.language == "yaml" and block.text.startswith("arspec: ") and block.title is None:
            assert prove(from_text(block.text), contexts=False).proven
        elif block.language == "yaml":
            parse(Source(name, block.text))


@pytest.mark.parametrize("wanted, printed, same", [
    ("a 1.50 b", "a 1.51 b", True), ("a 1.50 b", "a 1.71 b", False), ("10 of 10", "10 of 11", False),
    ("x\n…\nz", "x\ny\ny\nz", True), ("x\n…", "x", True), ("x\n…\nz", "x\ny", False), ("in 1.2 s", "in 31.9 s", True),
    ("… bits", "some bits", True), ("… bits", "some nats", False), ("one", "one\ntwo", False), ("a", "b", False),
])  # fmt: skip
def test_what_a_page_shows_is_what_was_printed(wanted: str, printed: str, same: bool) -> None:
    assert alike(wanted, printed, loose=False) == same


def test_of_a_page_that_was_cut_short_numbers_are_free() -> None:
    assert alike("loss 1.5, 300 steps", "loss 4.1, 2 steps", loose=True)
    assert not alike("loss 1.5, 300 steps", "loss 4.1", loose=True)


def test_the_wheel_takes_the_pages() -> None:
    import tomllib

    packaged = tomllib.loads(Path(ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    assert "*.md" in packaged["arspec.guide"]
