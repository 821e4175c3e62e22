"""Completion by shells: what bash, zsh and fish offer when they are asked; the scripts name every option."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from arspec.auditing.asserting import accepted
from arspec.auditing.checking import SIDES
from arspec.auditing.modes import MODES
from arspec.cli.completion import WRITERS, Command, commands
from arspec.cli.given import PARTS
from arspec.cli.main import COMMANDS, command, main
from arspec.pictures.diagram import LAYOUTS
from arspec.pictures.field import PANELS
from arspec.pictures.style import COLUMN, PAGE, inches
from arspec.sampler.plan.plans import METHODS
from arspec.sampler.run.skinny_matmul import Storage
from tests.small import ROOT

ASKED: list[tuple[str, set[str], set[str]]] = [  # a line, what is offered among others, what is not
    ("arspec ver", {"verify"}, {"render", "compress"}),
    ("arspec verify gated_pixelcnn_", {"gated_pixelcnn_class", "gated_pixelcnn_location"}, {"gpt"}),
    ("arspec verify gpt gem", {"gemma2"}, {"gpt"}),
    ("arspec verify --for", {"--format"}, {"--static"}),
    ("arspec verify --format ", {"text", "github"}, {"gpt"}),
    ("arspec verify --static mi", {"mine.yaml", "mixtral"}, {"gpt"}),
    ("arspec guide on", {"onnx"}, {"start"}),
    ("arspec explain AR70", {"AR701"}, {"AR001"}),
    ("arspec train made --data di", {"digits"}, {"made"}),
    ("arspec train made --log ", {"tensorboard", "wandb", "mlflow", "trackio"}, {"made"}),
    ("arspec train made --steps ", set(), {"made", "digits", "mine.yaml"}),
    ("arspec export --member 1 ll", {"llama"}, {"gpt"}),
    ("arspec train made --set ", {"hidden=", "height="}, {"made", "mine.yaml", "kind="}),
    ("arspec train own.yaml --steps 3 --set wi", {"wide=", "width="}, {"made", "hidden="}),
    ("arspec sample wavenet --condition ", {"speaker="}, {"wavenet"}),
    ("arspec verify made --set hidden=12 gem", {"gemma2"}, {"gpt"}),
    ("arspec render made --data ", {"size=", "levels="}, {"kind=", "digits"}),
    ("arspec render made --layout ", {"tall", "wide"}, {"made", "mine.yaml"}),
    ("arspec render made --node ", set(), {"digits"}),
    ("arspec verify made --contexts ", {"all", "none"}, {"made", "mine.yaml"}),
    ("arspec sample made --label ", set(), {"made", "mine.yaml"}),
    ("arspec audit mi", {"mine.yaml"}, {"made"}),
    ("arspec completion ", {"bash", "zsh", "fish"}, {"gpt"}),
]
BASH = """
source "$1"; shift
IFS=' ' read -r -a COMP_WORDS <<< "$1"
[[ $1 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_arspec 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C "$argv[2]"'


@pytest.fixture(scope="module")
def found() -> list[Command]:
    return commands()


@pytest.fixture(scope="module")
def scripts(found: list[Command], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for shell, write in WRITERS.items():
        (folder / f"arspec.{shell}").write_text(write(found), "utf-8")
    (folder / "mine.yaml").touch()
    (folder / "own.yaml").write_text((ROOT / "specs" / "made.yaml").read_text("utf-8").replace("hidden", "wide"))
    program = folder / "arspec"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m arspec "$@"\n')
    program.chmod(0o755)
    return folder


def said(folder: Path, *words: str) -> str:
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=folder, env=environment, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needs(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"there is no {shell} here")
    return path


@pytest.mark.parametrize("line, offered, not_offered", ASKED, ids=[line for line, _, _ in ASKED])
def test_bash_offers_what_there_is(line: str, offered: set[str], not_offered: set[str], scripts: Path) -> None:
    words = {*said(scripts, needs("bash"), "--norc", "-c", BASH, "bash", "arspec.bash", line).splitlines()} - {""}
    assert offered <= words and not not_offered & words, words


def test_bash_completes_behind_an_equals_sign(scripts: Path) -> None:
    line = "arspec verify --format = gi"  # as bash cuts --format=gi
    assert said(scripts, needs("bash"), "--norc", "-c", BASH, "bash", "arspec.bash", line) == "github\n"


def test_fish_offers_what_there_is(scripts: Path) -> None:
    shell = needs("fish")
    for line, offered, not_offered in ASKED:
        told = said(scripts, shell, "--no-config", "-c", FISH, "arspec.fish", line)
        words = {each.partition("\t")[0] for each in told.splitlines()}
        assert offered <= words and not not_offered & words, (line, words)


def test_zsh_takes_its_script(scripts: Path) -> None:
    shell = needs("zsh")
    said(scripts, shell, "-f", "-n", "arspec.zsh")
    load = "autoload -Uz compinit; compinit -u -D; source ./arspec.zsh; print $_comps[arspec]"
    assert said(scripts, shell, "-f", "-c", load).strip() == "_arspec"


def test_zsh_offers_what_there_is(scripts: Path) -> None:
    """On a terminal of its own, where a key lists what is offered."""
    shell, terminal, here = needs("zsh"), *pty.openpty()
    environment = {"PATH": f"{scripts}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(scripts), "COLUMNS": "300"}
    typing = subprocess.Popen([shell, "-f", "-i"], stdin=here, stdout=here, stderr=here, cwd=scripts, env=environment)
    os.close(here)

    def typed(keys: str) -> str:
        os.write(terminal, f"{keys}\x15print END$((6 * 7))\n".encode())  # what was typed is wiped, and a mark printed
        text = ""
        while "ready>" not in text.partition("END42")[2]:
            assert select.select([terminal], [], [], 60)[0], text
            text += os.read(terminal, 1 << 16).decode("utf-8", "replace")
        return text

    try:
        typed("unset zle_bracketed_paste; stty cols 300 rows 2000; LISTMAX=9999; PS1='ready>'; autoload -Uz compinit\n")
        typed("compinit -u -D; source ./arspec.zsh; bindkey '^I' list-choices\n")
        for line, offered, not_offered in ASKED:
            words = {*typed(f"{line}\t").replace(line, "").split()}
            assert offered <= words and not not_offered & words, (line, words)
    finally:
        typing.kill()
        typing.wait()
        os.close(terminal)


def test_what_is_offered_is_what_there_is(found: list[Command]) -> None:
    """Words that stand in the parsers, beside the tables by which they are checked."""
    offered = {(one.name, name): option.takes.words for one in found for option in one.options if option.takes
               for name in option.names}  # fmt: skip
    assert offered["render", "--layout"] == (*LAYOUTS,) and offered["render", "--panels"] == PANELS
    assert offered["sample", "--method"] == offered["complete", "--method"] == METHODS
    assert offered["sample", "--weights"] == get_args(Storage) and offered["audit", "--modes"] == (*MODES,)
    assert {*SIDES} < {*offered["audit", "--padding"]} and offered["complete", "--given"][:5] == PARTS
    assert len(accepted(offered["audit", "--accept"][-1])) == 2
    assert inches(offered["render", "--width"][0], 1) == COLUMN and inches(offered["render", "--width"][1], 1) == PAGE


def test_names_of_a_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish", "--names", "params", "gpt"]) == 0
    assert "layers=\t" in capsys.readouterr().out
    assert main(["completion", "bash", "--names", "colours", "gpt"]) == 2
    assert main(["completion", "bash", "--names", "params", "nothing"]) == 2


def test_every_option_of_every_parser_is_in_every_script(found: list[Command], scripts: Path) -> None:
    assert [one.name for one in found] == [*COMMANDS]
    texts = {shell: (scripts / f"arspec.{shell}").read_text("utf-8") for shell in WRITERS}
    for one in found:
        own = set(command(one.name)[1]._option_string_actions)
        assert own == {name for option in one.options for name in option.names}
        assert all(f"*{name}[" in texts["zsh"] and f" {name}" in texts["bash"].replace('"', " ") for name in own)
        assert all(name.lstrip("-") in texts["fish"] for name in own)


def test_the_command_prints_a_script_without_torch(scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == (scripts / "arspec.bash").read_text("utf-8")
    program = "import sys; from arspec.cli.main import main; main(['completion', 'zsh'])\n"
    program += "assert not {'torch', 'matplotlib'} & sys.modules.keys(), 'imported'"
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
