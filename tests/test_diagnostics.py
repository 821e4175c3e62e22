"""Diagnostics: places, the three formats, order, did-you-mean, and the pages of the codes."""

from __future__ import annotations

import copy
import io
import json
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arspec
import arspec.diagnostics.codes
from arspec import diagnostics
from arspec.cli.main import main
from arspec.cli.telling import tell
from arspec.diagnostics import CODES, Collector, Diagnostic, InputError, Place, Source, SpecError

SPEC = Source("specs/a.yaml", "arspec: 1\nfirst: {layer: conv, kernal: 3}\nlast: [a,\n  b]\n")


def place_of(word: str, source: Source = SPEC) -> Place:
    start = source.text.index(word)
    return Place(source, start, start + len(word))


def test_a_place_has_line_and_column_from_one() -> None:
    place = place_of("kernal")
    assert (place.line, place.column, place.end_line, place.end_column) == (2, 22, 2, 28)
    assert place.line_text == "first: {layer: conv, kernal: 3}"
    assert (str(place), place.text) == ("specs/a.yaml:2:22", "kernal")
    assert place.within(2, 2).text == "rn"
    assert place.within(4, 50).text == "al"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_break_counts_once(end: str) -> None:
    source = Source("a", end.join(["one", "two", "three"]))
    assert [place_of(word, source).line for word in ("one", "two", "three")] == [1, 2, 3]
    assert place_of("two", source).line_text == "two"


def test_a_byte_order_mark_takes_no_column() -> None:
    source = Source("a", "\ufeffone two")
    assert place_of("two", source).column == 5
    assert "      | " + "    ^^^" in diagnostics.text([Diagnostic("AR101", "m", place_of("two", source))])


def test_the_text_shows_line_caret_related_places_and_help() -> None:
    fault = Diagnostic(
        "AR101", "no key 'kernal'", place_of("kernal"), "did you mean 'kernel'?", ((place_of("1"), "here"),)
    )
    assert diagnostics.text([fault]) == "\n".join(
        [
            "specs/a.yaml:2:22: error[AR101]: no key 'kernal'",
            "    2 | first: {layer: conv, kernal: 3}",
            "      |                      ^^^^^^",
            "      = specs/a.yaml:1:9: here",
            "    1 | arspec: 1",
            "      |         ^",
            "      = help: did you mean 'kernel'?",
            "1 error",
        ]
    )


def test_a_place_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    shown = diagnostics.text([Diagnostic("AR103", "m", place_of("[a,\n  b]"))])
    assert shown.splitlines()[1:3] == ["    3 | last: [a,", "      |       ^^^"]


def test_long_lines_are_cut_around_the_place_and_wide_characters_keep_the_caret() -> None:
    long = Source("a", "x" * 5000 + "HERE" + "y" * 5000)
    line, caret = diagnostics.text([Diagnostic("AR103", "m", place_of("HERE", long))]).splitlines()[1:3]
    assert len(line) < 130
    assert line[caret.index("^") : caret.rindex("^") + 1] == "HERE"
    wide = Source("a", "文字: HERE")
    assert diagnostics.text([Diagnostic("AR103", "m", place_of("HERE", wide))]).splitlines()[2].endswith("|       ^^^^")


def test_what_a_terminal_would_obey_is_escaped() -> None:
    source = Source("a\x1b[2J", "\x1b[31mred\ud800")
    shown = diagnostics.text([Diagnostic("AR103", "\x1b]0;m", Place(source, 0, 3), "a\nb")])
    assert shown.replace("\n", "").isprintable()
    shown.encode("utf-8")


@given(st.text(), st.integers(0, 60), st.integers(0, 60), st.text())
def test_no_text_breaks_a_format(text: str, start: int, length: int, message: str) -> None:
    start = min(start, len(text))
    place = Place(Source("a:b,c", text), start, min(start + length, len(text)))
    fault = Diagnostic("AR103", message, place, message or None, ((place, "n"),))
    assert diagnostics.text([fault])
    assert "\n" not in diagnostics.github([fault])
    json.dumps(diagnostics.to_json([fault]))


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> str:
    """The code of a warning."""
    monkeypatch.setitem(CODES, "AR199", replace(CODES["AR101"], code="AR199", level="warning"))
    return "AR199"


def test_every_severity_has_its_word_and_they_are_counted(unsure: str) -> None:
    shown = diagnostics.text([Diagnostic(code, "m") for code in ("AR101", unsure, "AR703", "AR704", "AR101")])
    assert shown.splitlines() == [
        "error[AR101]: m", "warning[AR199]: m", "note[AR703]: m", "note[AR704]: m", "error[AR101]: m",
        "2 errors, 1 warning, 2 notes",
    ]  # fmt: skip
    assert diagnostics.text([Diagnostic(unsure, "m", place_of("1"))]).endswith("\n1 warning")
    assert diagnostics.text([Diagnostic("AR803", "m")]) == "error[AR803]: m"  # one message is no list
    assert diagnostics.github([Diagnostic(unsure, "m")]) == "::warning title=AR199::m"
    assert diagnostics.to_json([Diagnostic(unsure, "m")])[0]["level"] == "warning"


def test_a_warning_alone_is_refused_nowhere(unsure: str) -> None:
    told = Collector()
    told.add(unsure, "m", None)
    told.raise_if_any()
    told.add("AR101", "m", None)
    with pytest.raises(SpecError) as caught:
        told.raise_if_any()
    assert [d.code for d in caught.value.diagnostics] == ["AR101", unsure]


def test_colour_is_all_that_a_terminal_is_told_more() -> None:
    """Without its escape sequences the text is the plain one; each severity has a colour of its own, and what comes
    from outside sends none."""
    hostile = Source("a\x1b[31m.yaml", "k\x1b[2J: 1")
    faults = [
        Diagnostic(code, "\x1b]0;m", Place(hostile, 0, 3), "h\x1b[1m\nmore", ((place_of("1"), "n\x1b[0m"),))
        for code in ("AR101", "AR703")
    ]
    plain, coloured = diagnostics.text(faults), diagnostics.text(faults, colour=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    first, second = (re.search(r"\x1b\[([0-9;]+)m" + word, coloured) for word in (r"error\[AR101", r"note\[AR703"))
    assert first and second and first[1] != second[1]
    assert coloured.count("\x1b[0m") == len(re.findall(r"\x1b\[[1-9][0-9;]*m", coloured))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "wanted"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (Terminal(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_goes_to_terminals_alone_unless_it_is_said(
    stream: io.StringIO, variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fault = [Diagnostic("AR101", "m", place_of("kernal"))]
    tell(fault, stream)
    assert ("\x1b[" in stream.getvalue()) is wanted
    assert stream.getvalue() == diagnostics.text(fault, wanted) + "\n"
    stream.seek(0)
    stream.truncate()
    tell(fault, stream, "github")
    assert stream.getvalue() == diagnostics.github(fault) + "\n"


@pytest.mark.parametrize("more", [[], ["--format", "github"], ["--json"]])
def test_a_command_tells_in_colour_where_it_is_wanted(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("arspec: 2\n")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["verify", "--static", *more, "a.yaml"]) == 2
    out, told = capsys.readouterr()
    assert "\x1b" not in out
    assert ("\x1b[1;31merror[AR106]\x1b[0m: " in told) is ("github" not in more)
    assert told.startswith("::error file=a.yaml,line=1,") is ("github" in more)
    monkeypatch.delenv("FORCE_COLOR")
    assert main(["verify", "--static", *more, "a.yaml"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_json_has_all_parts() -> None:
    (entry,) = diagnostics.to_json([Diagnostic("AR703", "m", place_of("kernal"), None, ((place_of("1"), "n"),))])
    assert entry["level"] == "note"
    assert entry["place"] == {
        "file": "specs/a.yaml", "line": 2, "column": 22, "end_line": 2, "end_column": 28, "start": 31, "end": 37
    }  # fmt: skip
    assert entry["related"][0]["message"] == "n"


def test_github_commands_are_escaped() -> None:
    source = Source("a,b:c.yaml", "x: 100%")
    shown = diagnostics.github([Diagnostic("AR103", "50%\nmore: a, b", place_of("100%", source), "h")])
    assert shown == (
        "::error file=a%2Cb%3Ac.yaml,line=1,endLine=1,col=4,endColumn=8,title=AR103::50%25%0Amore: a, b%0Ahelp: h"
    )
    assert diagnostics.github([Diagnostic("AR704", "m")]) == "::notice title=AR704::m"


def test_faults_are_ordered_by_file_and_place_and_told_once() -> None:
    other = Source("a.yaml", "zz")
    faults = Collector()
    faults.add("AR101", "later", place_of("kernal"))
    faults.add("AR101", "nowhere", None)
    faults.add("AR101", "earlier", place_of("1"), "help", [(place_of("first"), "n")])
    faults.add("AR101", "later", place_of("kernal"), "said again")
    faults.add("AR101", "first file", place_of("zz", other))
    assert len(faults) == 5
    with pytest.raises(SpecError) as caught:
        faults.raise_if_any()
    assert [fault.message for fault in caught.value.diagnostics] == ["first file", "earlier", "later", "nowhere"]
    assert str(caught.value) == diagnostics.text(caught.value.diagnostics)
    assert caught.value.code == "AR101"
    Collector().raise_if_any()


def test_more_faults_than_a_person_reads_are_counted() -> None:
    shown = diagnostics.text([Diagnostic("AR101", f"m{n}") for n in range(1100)])
    assert shown.endswith("\n... and 1,000 more\n1,100 errors")


def test_errors_survive_pickle_and_copy() -> None:
    for error in (InputError("AR808", "m", "h"), SpecError([Diagnostic("AR101", "m", place_of("1"))])):
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert str(other) == str(error)
            assert other.diagnostics == error.diagnostics
    assert str(InputError("AR808", "m", "h")) == "error[AR808]: m\n      = help: h"


def test_the_nearest_names() -> None:
    assert diagnostics.nearest("kernal", ["out", "kernel", "stride"]) == ["kernel"]
    assert diagnostics.nearest("Rows-Above", ["rows_above"]) == ["rows_above"]
    assert diagnostics.nearest("x" * 100_000, ["out"]) == []
    assert diagnostics.did_you_mean("zz", []) is None


def test_every_code_has_a_whole_page() -> None:
    assert list(CODES) == sorted(CODES)
    assert len({entry.title for entry in CODES.values()}) == len(CODES)
    for name, entry in CODES.items():
        assert re.fullmatch(r"AR[0-9]\d\d", name)
        assert entry.code == name
        page = diagnostics.explain(name.lower())
        assert page == entry.page
        head, holds, *_ = page.split("\n\n")
        assert head == f"{name}: {entry.title}"
        assert holds.endswith(".")
        assert all(part in page for part in ("\n\nWrong:\n\n    ", "\n\nRight:\n\n    ", "\n\nTo mend it: "))
        assert max(map(len, page.splitlines())) <= 110


def test_no_code_is_defined_twice() -> None:
    folder = Path(arspec.diagnostics.codes.__file__).parent
    defined = [name for file in folder.glob("*.py") for name in re.findall(r'^ +"(AR\d{3})",$', file.read_text(), re.M)]
    assert sorted(defined) == sorted(CODES)


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(InputError, match="AR817") as caught:
        diagnostics.explain("AR1001")
    assert "AR101" in str(caught.value)
    with pytest.raises(InputError, match="AR817") as caught:
        diagnostics.explain("leak")
    assert caught.value.help == "the nearest are AR701: a leak; AR702: a leak in training only"
    with pytest.raises(InputError, match="without a code, lists all"):
        diagnostics.explain("zebra")
    assert diagnostics.explain("701") == diagnostics.explain("AR701")


@pytest.mark.parametrize("name, near", [
    ("AR9999", None), ("AR999", None), ("AR", None), ("", None), ("A701", ["AR701"]), ("RA701", ["AR701"]),
    ("AR703x", ["AR703"]), ("AR7011", ["AR011", "AR701"]),
])  # fmt: skip
def test_codes_that_a_wrong_one_cannot_mean_are_not_named(name: str, near: list[str] | None) -> None:
    with pytest.raises(InputError, match="AR817") as caught:
        diagnostics.explain(name)
    if near is None:
        assert caught.value.help == "arspec explain, without a code, lists all of them"
    else:
        assert re.findall(r"AR\d+", str(caught.value.help)) == near


def test_a_suffix_is_no_likeness_of_files(tmp_path: Path) -> None:
    for name in ("m9.yaml", "digits.yaml", "digits.npy"):
        (tmp_path / name).touch()
    told = diagnostics.did_you_mean_file
    assert told(str(tmp_path / "nope.yaml")) is None
    assert told(str(tmp_path / "digit.npy")) == (
        f"did you mean {str(tmp_path / 'digits.npy')!r} or {str(tmp_path / 'digits.yaml')!r}?"
    )


def test_every_code_that_is_used_is_explained() -> None:
    package = Path(arspec.__file__).parent
    for file in package.rglob("*.py"):
        used = set(re.findall(r'"(AR\d{3})"', file.read_text("utf-8")))
        assert used <= set(CODES), f"{file.name} uses {sorted(used - set(CODES))} without a page"
