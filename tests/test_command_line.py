"""The command line itself: names that are misspelt, options in any order, and what programs read."""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import arspec
from arspec.analysis.report import prove
from arspec.cli.main import COMMANDS, main
from arspec.pictures.diagram import dot_source

ROOT = Path(__file__).parent.parent
MADE = str(ROOT / "specs/made.yaml")

MISTAKES = {
    "command": (["trian", MADE], "no command 'trian'", "did you mean 'train'?"),
    "option": (["verify", MADE, "--statik"], "no option --statik", "did you mean --static"),
    "option with a value": (
        ["sample", MADE, "-o", "a.png", "--temprature=3"],
        "no option --temprature",
        "--temperature?",
    ),
    "choice": (["eval", MADE, "--data", "d", "--split", "tst"], "invalid choice: 'tst'", "did you mean 'test'?"),
    "number": (["eval", MADE, "--data", "d", "--batch", "many"], "invalid int value: 'many'", "arspec eval --help"),
    "nothing given": (["sample", MADE], "required: -o/--out", "arspec sample --help"),
    "one too many": (["explain", "AR701", "AR702"], "no place for 'AR702'", "arspec explain --help"),
    "value left out": (["verify", MADE, "--set"], "expected", "arspec verify --help"),
    "before the command": (["--statik", "verify", MADE], "no option --statik", "arspec --help"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_misspelt_command_line_is_one_message(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message, hint = MISTAKES[name]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "AR890" in said.err and message in said.err and hint in said.err, said.err


def test_a_message_for_programs_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", MADE, "--data", "d", "--batch", "many", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False and [each["code"] for each in found["diagnostics"]] == ["AR890"]


def test_options_may_stand_between_arguments(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tcn = str(ROOT / "specs/char_rnn.yaml")
    assert main(["verify", "--contexts", "none", tcn, "--static", MADE]) == 0
    assert "char-rnn" in capsys.readouterr().out
    # the container is what is missing here, not the option's place that is wrong
    gone, out = str(tmp_path / "gone.ars"), str(tmp_path / "out")
    for arguments in (
        [MADE, "--set", "units=9", gone, "-o", out],
        ["-o", out, MADE, gone],
        [gone, "-o", out, "--force"],
    ):
        assert main(["decompress", *arguments]) == 2
        assert f"cannot read '{gone}'" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"usage: arspec {command} " in capsys.readouterr().out


def test_no_command_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr().err
    assert all(f"    {command}" in said for command in COMMANDS)


# -- what commands say of specs ----------------------------------------------------------------------------------------


def test_a_size_that_the_data_does_not_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.dot"
    assert main(["render", MADE, "--data", "sise=8", "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert "AR101" in said and "no key 'sise' to set" in said and "did you mean 'size'?" in said
    assert not out.exists()


def test_verify_answers_in_json_for_faulty_specs_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text("arspec: 1\ndata: {kind: imge}\n")
    for paths, oks in (([str(faulty)], [False]), ([MADE, str(faulty)], [True, False])):
        assert main(["verify", "--static", "--contexts", "none", "--json", *paths]) == 2
        said = capsys.readouterr()
        found = json.loads(said.out)
        assert [each["ok"] for each in found] == oks
        assert found[-1]["file"] == str(faulty) and found[-1]["diagnostics"] and "AR109" in said.err


def test_reports_and_pictures_count_the_same_nodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "aside.yaml"
    text = Path(MADE).read_text().replace("graph:\n", "graph:\n  aside: {layer: relu, from: x}\n", 1)
    path.write_text(text)
    spec = arspec.load(path, params={"members": 1, "hidden": 8})
    size = spec.graph().size
    assert size.endswith("of which the head does not read 1")
    assert size in str(prove(spec)) and size in dot_source(spec)
    assert prove(spec).json()["nodes"] == len(spec.graph().nodes)


def test_the_time_of_the_proof_is_told_apart_from_that_of_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr("arspec.analysis.report.time.perf_counter", lambda: float(next(ticks)))
    spec = arspec.load(MADE, params={"members": 2, "hidden": 8})
    assert "proven in 2.00 s, contexts in 3.00 s" in str(prove(spec))  # one from each member's start to its proof
    assert "contexts in" not in str(prove(spec, contexts=False))


def test_compress_says_sizes_and_a_repeated_note_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", quality=90)
    made = [MADE, "--set", "height=3", "--set", "width=3", "--set", "hidden=4", "--set", "members=1"]
    pictures = [str(path) for path in sorted(tmp_path.glob("*.jpg"))]
    out = tmp_path / "x.ars"
    assert main(["compress", *made, *pictures, "-o", str(out)]) == 0
    said = capsys.readouterr().out
    came, size = sum(Path(path).stat().st_size for path in pictures), out.stat().st_size
    change = f"{came / size:.2f} times smaller" if size <= came else f"{size / came:.2f} times LARGER"
    assert f"5 files of {came:,} bytes in {size:,} bytes, {change}\n" in said
    assert (size > came) == ("larger than its files where" in said)
    assert f"180 values, {8 * size / 180:.3f} bits/dim" in said
    assert [line for line in said.splitlines() if "note:" in line and ".png is added" in line] == [
        "  note: .png is added to the name, with the same pixels: 5 files, 0.jpg, 1.jpg, 2.jpg and 2 more"
    ]


def test_a_name_that_two_files_would_get_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, names in (("both", ("a.jpg", "a.jpg.png")), ("one", ("a.jpg", ".b.png", ".git/c.png"))):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((3, 3), np.uint8)).save(path)
    made = [MADE, "--set", "height=3", "--set", "width=3", "--set", "hidden=4", "--set", "members=1"]
    out = tmp_path / "x.ars"
    assert main(["compress", *made, str(tmp_path / "both"), "-o", str(out)]) == 2 and not out.exists()
    assert "error[AR808]: both/a.jpg.png would be the name of two files" in capsys.readouterr().err
    assert main(["compress", *made, str(tmp_path / "one"), "-o", str(out)]) == 0
    assert "1 file of" in capsys.readouterr().out  # hidden ones are left out, in hidden folders as well


def test_a_long_path_is_told_in_lines_of_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "leaky.yaml"
    path.write_text((ROOT / "specs/gated_pixelcnn.yaml").read_text().replace("mask: earlier", "mask: so_far"))
    report = prove(arspec.load(path, params={"height": 6, "width": 6, "layers": 4}), contexts=False)
    told = [d.help for d in report.diagnostics if d.code == "AR701"]
    assert told and told[0] is not None and told[0].count("→") > 4
    assert max(len(line) for line in told[0].split("\n")) <= 104


LONG = "n" * 300  # more than a file system takes
PLACES = [
    ["list", LONG], ["verify", LONG], ["eval", LONG, "--data", "digits"], ["sample", LONG, "-o", "a.npy"],
    ["score", LONG, "--data", "digits"], ["compress", LONG, "a.png", "-o", "a.ars"],
    ["compress", "SPEC", LONG, "-o", "a.ars"],
    ["compress", "SPEC", "a.png", "-o", LONG], ["complete", "SPEC", "--data", "a.npy", "--given", LONG, "-o", "b.npy"],
    ["audit", f"{LONG}.py:build", "--input", "b c", "--output", "b c"], ["render", "SPEC", "-o", f"{LONG}.svg"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", PLACES, ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG"))
def test_a_name_that_is_too_long_is_told(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = str(Path(__file__).parent / "fixtures" / "earlier" / "specs" / "digits.yaml")
    np.save("a.npy", np.zeros((2, 16, 8), np.uint8))
    assert main([spec if part == "SPEC" else part for part in arguments]) == 2
    said = capsys.readouterr()
    assert "error[AR" in said.err and "AR892" not in said.err, said.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("closed", ["stdout", "stderr", "stdin"])
def test_a_closed_stream_leads_nowhere(closed: str, tmp_path: Path) -> None:
    """In a process that is copied, since it is the numbers of this one's streams that are closed."""
    number = ("stdin", "stdout", "stderr").index(closed)
    copy = os.fork()
    if copy == 0:
        code = 99
        try:
            os.close(number)
            setattr(sys, closed, None)
            code = main(["explain", "AR701" if closed != "stderr" else "AR999"])
            (tmp_path / "next").touch()
            with (tmp_path / "next").open("rb") as file:
                code += 10 * (file.fileno() == number)
        finally:
            os._exit(code)
    _, status = os.waitpid(copy, 0)
    assert os.waitstatus_to_exitcode(status) == (2 if closed == "stderr" else 0)


@pytest.mark.parametrize("command", [["train", "SPEC", "--data", "digits", "--out", ""],
                                     ["decompress", "x.ars", "-o", ""],
                                     ["render", "SPEC", "-o", ""],
                                     ["score", "RUN", "--data", "digits", "-o", ""]])  # fmt: skip
def test_an_empty_place_is_refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert "AR890" in (said := capsys.readouterr().err) and "it is empty" in said
