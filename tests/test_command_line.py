"""The command line itself: names that are misspelt, options in any order, and what programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arspec.cli.main import COMMANDS, main

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
        assert f"cannot read {gone}" in capsys.readouterr().err


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
