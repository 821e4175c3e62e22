"""The layout of a spec's text: values, their order and comments stay, and laid out twice it is the same."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from arspec.cli.main import main
from arspec.diagnostics import InputError, Source
from arspec.editor.layout import laid_out
from arspec.syntax.yaml import parse, plain

ROOT = Path(__file__).parent.parent
SHIPPED = sorted(ROOT.glob("specs/**/*.yaml"))
FOUND = [path.read_bytes().decode("utf-8", "replace") for path in sorted(ROOT.glob("tests/specs/**/*.yaml"))]
TEXTS = [text for text in FOUND if len(text) < 1 << 14][::2]
OPENING = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)


def layout(text: str) -> str:
    return laid_out(Source("own.yaml", text))


def comments(text: str) -> list[str]:
    """The comments of a text, by PyYAML's tokens alone."""
    solid = [t for t in yaml.scan(text.removeprefix("\ufeff")) if t.end_mark.index > t.start_mark.index]
    ends = [0, *(t.end_mark.index for t in solid)]
    starts = [*(t.start_mark.index for t in solid), len(text)]
    gaps = (text.removeprefix("\ufeff")[end:start] for end, start in zip(ends, starts, strict=True))
    return [found.strip() for gap in gaps for found in re.findall(r"#[^\r\n]*", gap)]


def messed(text: str, rng: random.Random) -> str:
    """The same tree and the same comments, laid out by nobody."""
    solid = [t for t in yaml.scan(text) if t.end_mark.index > t.start_mark.index]
    wide = rng.choice([1, 2, 3, 5])
    depth = 0
    out = [text[: solid[0].start_mark.index]]
    for token, following in pairwise(solid):
        piece, gap = (text[token.start_mark.index : token.end_mark.index],
                      text[token.end_mark.index : following.start_mark.index])  # fmt: skip
        if "\n" in piece or (isinstance(token, yaml.ScalarToken) and token.style in ("|", ">")):
            lines = (piece + gap).split("\n")  # of a block scalar: its lines move with what they belong to
            out.append("\n".join([lines[0], *(_moved(line, wide) for line in lines[1:])]))
            continue
        out.append(piece)
        depth += isinstance(token, OPENING)
        depth -= isinstance(token, (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken))
        if "\n" in gap:
            first, *rest = gap.split("\n")
            lines = [*(_moved(line, wide) for line in rest)]
            more = {"": [" " * rng.randrange(3)] * rng.randrange(3)}  # empty lines beside empty ones
            lines[:-1] = [each for line in lines[:-1] for each in (line, *more.get(line, []))]
            out.append("\n".join([first + " " * rng.randrange(3), *lines]))
        elif gap:  # entries of blocks all alike: one below the other they would stay
            out.append(gap + " " * (rng.randrange(3) if depth else 2))
        elif isinstance(token, OPENING) or isinstance(following, (yaml.FlowMappingEndToken, yaml.FlowEntryToken)):
            out.append(" " * rng.randrange(3))
    return "".join(out) + text[solid[-1].start_mark.index :] + "\n" * rng.randrange(3)


def _moved(line: str, wide: int) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * (indent // 2 * wide + indent % 2) + line.lstrip(" ")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_specs_are_laid_out(path: Path) -> None:
    """Whatever a layout did to them, they come back to the character."""
    text = path.read_text("utf-8")
    assert layout(text) == text
    for seed in range(2):
        mess = messed(text, random.Random(seed))
        assert plain(parse(Source("mess.yaml", mess))) == plain(parse(Source("own.yaml", text)))
        assert beside(layout(mess)) == beside(text)


def beside(text: str) -> str:
    """The text, but with comments two spaces behind what they follow, and with no line that ends in a comma: where
    these stand depends on what stood above."""
    return re.sub(r",\n +", ", ", re.sub(r"(?<=\S) +#", "  #", text))


def test_no_layout_changes_a_value_or_loses_a_comment() -> None:
    counted = 0
    for text in TEXTS:
        try:
            before = plain(parse(Source("own.yaml", text)))
        except InputError:
            continue
        new = layout(text)
        assert repr(plain(parse(Source("own.yaml", new)))) == repr(before)
        assert comments(new) == comments(text) and layout(new) == new
        counted += 1
    assert counted > 100


@pytest.mark.parametrize(("given", "wanted"), [
    ("a:   1\nbcd:  2\n", "a: 1\nbcd: 2\n"),
    ("a:   1\nbcd: 2\n", "a:   1\nbcd: 2\n"),  # below one another by hand
    ("a: {b:1, c: [ 1,2 ,3 ]}", "a: {b:1, c: [1, 2, 3]}\n"),
    ("a:\n    b: 1   # b's\n    # rest\n# all\nc: 2  \n\n\n", "a:\n  b: 1     # b's\n  # rest\n# all\nc: 2\n"),
    ("a:\n- 1\n-   b: 2\n    c: 3\n", "a:\n- 1\n- b: 2\n  c: 3\n"),
    ("a:\n    - - 1\n      - 2\n", "a:\n  - - 1\n    - 2\n"),
    ("\n\n# top\n\n\n\na: 1 #x", "# top\n\na: 1  #x\n"),
    ("\ufeffa:  1\r\nb: 2\r\n\r\n\r\nc: 3\r\n", "\ufeffa: 1\r\nb: 2\r\n\r\nc: 3\r\n"),
    ("a: |\n     x\n\n       y\nb: >-\n x\n", "a: |\n  x\n\n    y\nb: >-\n  x\n"),
    ("a: |+\n x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n"),
    ("a: 'x\n   y'\nb: [1,\n     2]\n", "a: 'x\n   y'\nb: [1,\n     2]\n"),
    ("a:\n      b: [1,\n          2]\n", "a:\n  b: [1,\n      2]\n"),
    ("a:   &x {b: 1}\nc:   *x\nlonger:   *x\n", "a: &x {b: 1}\nc: *x\nlonger: *x\n"),
    ("a:   {b: 1,\n      c: 2}\n", "a: {b: 1,\n    c: 2}\n"),
    ("? a\n:  1\n", "? a\n:  1\n"),  # what it does not know it leaves alone
    ("a:   'x\u2028y'\n", "a:   'x\u2028y'\n"),
])  # fmt: skip
def test_what_layout_does(given: str, wanted: str) -> None:
    assert layout(given) == wanted
    assert layout(wanted) == wanted


def test_a_text_that_is_not_yaml_is_refused_with_its_faults() -> None:
    with pytest.raises(InputError, match="AR001"):
        layout("a: {b: 1\nc: 2\n")


def test_files_are_laid_out_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, other = tmp_path / "own.yaml", tmp_path / "other.yaml"
    own.write_bytes(b"a:   1  \r\nb: 2\r\n")
    other.write_bytes(b"a: 1\n")
    assert main(["format", "--check", str(tmp_path)]) == 1
    assert capsys.readouterr().out == f"would lay out {own}\n" and own.read_bytes().startswith(b"a:   1")
    assert main(["format", str(own), str(other)]) == 0
    assert own.read_bytes() == b"a: 1\r\nb: 2\r\n" and capsys.readouterr().out == f"laid out {own}\n"
    assert main(["format", "--check", str(tmp_path)]) == 0
    other.write_text("a: {\n")
    assert main(["format", str(own), str(other)]) == 2
    assert "error[AR001]" in capsys.readouterr().err and other.read_text() == "a: {\n"
