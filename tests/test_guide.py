"""The guide: every page is listed, its commands are understood, its Python runs, and none of it needs torch."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_readme import run_python

import arspec
from arspec.cli.main import command, main
from arspec.guide import TOPICS, page, title
from tests.small import ROOT

FOLDER = ROOT / "arspec" / "guide"
WRITTEN = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in [ROOT / "README.md", *FOLDER.glob("*.md")]
}


def test_the_list_names_every_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(TOPICS)
    assert main(["guide"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TOPICS)
    assert all(title(topic) in line and len(line) <= 100 for topic, line in zip(TOPICS, lines, strict=True))


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


def test_a_page_is_printed_without_torch() -> None:
    program = "import sys; from arspec.cli.main import main; main(['guide', 'speed']); main(['guide'])\n"
    program += "assert not {'torch', 'numpy', 'rich', 'networkx'} & sys.modules.keys(), 'imported'"
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def commands_of(page: str) -> list[list[str]]:
    """The words of every arspec command in the blocks of a page."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    words = [shlex.split(line, comments=True) for line in blocks.splitlines()]
    return [each[1:] for each in words if each and each[0] == "arspec"]


@pytest.mark.parametrize("name", WRITTEN)
def test_the_commands_of_a_page_are_understood(name: str) -> None:
    for first, *arguments in commands_of(WRITTEN[name]):
        command(first)[1].read(arguments)


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


def test_the_python_of_the_guide_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names = run_python(page("python"))
    x, y, nats, known = (names[name] for name in ("x", "y", "nats", "known"))
    assert isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor) and isinstance(known, torch.Tensor)
    assert x.shape == y.shape == (4, 1, 8, 8) and isinstance(nats, torch.Tensor) and nats.shape == (4,)
    assert torch.equal(x[:, known], y[:, known])


def test_the_wheel_takes_the_pages() -> None:
    import tomllib

    packaged = tomllib.loads(Path(ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    assert "*.md" in packaged["arspec.guide"]
