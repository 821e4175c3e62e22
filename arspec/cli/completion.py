"""`arspec completion bash|zsh|fish`: a script by which a shell completes commands, options and what they take.

It is made of the parsers themselves, and of the names of specs, pages, codes and data sets. Completing asks nothing
but the shell, save for the names that a spec has (`--set NAME=VALUE`). A library such as shtab takes `choices` alone
from a parser: names of specs, codes and data sets would stand in functions written by hand for each shell."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from arspec.cli.parser import OFFERED
from arspec.cli.saying import say
from arspec.diagnostics import InputError, did_you_mean
from arspec.syntax.yaml import Map

SHELLS = ("bash", "zsh", "fish")
SHORTEN = 70  # characters of a help text
ASKED = {"--set": "params", "--data": "data", "--condition": "conditions"}  # options that take names of the spec
FILES = re.compile("FILE|FOLDER|RUN|CONTAINER|RANKS|PAIRS|SPEC|MODEL|DATA|NAME$|data$|given$|callable$")  # what is one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """SHELL."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    parser.add_argument("--names", nargs=2, metavar=("OF", "SPEC"),
                        help="print instead the names that a spec has: of params, data or conditions")  # fmt: skip
    parser.epilog = (
        'bash: eval "$(arspec completion bash)"; zsh: eval "$(arspec completion zsh)" behind compinit; '
        "fish: arspec completion fish | source"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the script, or the names; exit code 0."""
    if args.names is not None:
        for name, value in names_of(*args.names).items():
            say(f"{name}=\t{value}" if args.shell == "fish" else f"{name}=")
        return 0
    say(WRITERS[args.shell](commands()).rstrip("\n"))
    return 0


def names_of(what: str, name: str) -> dict[str, str]:
    """What a spec has, by name: its params or the keys of its data with their values, or its conditions with their
    kinds. InputError for anything else."""
    from arspec.cli.models import spec_of

    spec = spec_of(name, {})
    if what == "params":
        return {key: str(value) for key, value in spec.params.items()}
    if what == "data":
        data = spec.sections["data"]
        keys = data.entries if isinstance(data, Map) else ()
        return {key: str(getattr(spec.data, key, "")) for key in keys if key != "kind"}
    if what == "conditions":
        return {key: section.kind for key, section in spec.condition.items()}
    raise InputError("AR808", f"a spec has no {what} by name", did_you_mean(what, ASKED.values()))


@dataclass(frozen=True)
class Taken:
    """What an option or an argument takes. words: some of the values that there are; files: whether it may be a file;
    many: whether it may be repeated; asked: which names of the spec are asked for, '' for none."""

    name: str
    words: tuple[str, ...] = ()
    files: bool = False
    many: bool = False
    asked: str = ""


@dataclass(frozen=True)
class Option:
    """An option: its names, its help, and what it takes, None for nothing."""

    names: tuple[str, ...]
    help: str
    takes: Taken | None


@dataclass(frozen=True)
class Command:
    """A command: its help, its options, and its arguments in their order."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Taken, ...]


def commands() -> list[Command]:
    """Every command, as its parser states it."""
    from arspec.cli.main import COMMANDS, command

    known = _known()
    found: list[Command] = []
    for name, (_, _, about) in COMMANDS.items():
        parser = command(name)[1]
        options: list[Option] = []
        arguments: list[Taken] = []
        for action in parser._actions:  # argparse has no other way to ask
            takes = None if action.nargs == 0 else _taken(action, known)
            if not action.option_strings:
                arguments += [] if takes is None else [takes]
            elif action.help is not argparse.SUPPRESS:
                options.append(Option(tuple(action.option_strings), _help(parser, action), takes))
        found.append(Command(name, about, tuple(options), tuple(arguments)))
    return found


def _known() -> dict[str, tuple[str, ...]]:
    """By what a parser calls it, the names that arspec knows."""
    from arspec.data.sets import SETS
    from arspec.diagnostics.codes import CODES
    from arspec.guide import TOPICS
    from arspec.language.shipped import shipped

    specs, sets = tuple(shipped()), tuple(SETS)
    return {"SPEC": specs, "MODEL": specs, "MODEL2": specs, "CODE": tuple(CODES), "TOPIC": TOPICS, "DATA": sets,
            "data": sets, "NAME": sets, "SCAN": _scans(), "device": ("auto", "cpu", "cuda")}  # fmt: skip


def _scans() -> tuple[str, ...]:
    from arspec.scans import SCANS_1D, SCANS_2D

    return tuple(dict.fromkeys((*SCANS_2D, *SCANS_1D)))


def _taken(action: argparse.Action, known: dict[str, tuple[str, ...]]) -> Taken:
    called = action.metavar if isinstance(action.metavar, str) else action.dest
    many = action.nargs in ("*", "+")
    if action.choices is not None:
        return Taken(called, tuple(map(str, action.choices)), many=many)
    if action.type in (int, float) or "=" in called:
        asked = next((ASKED[name] for name in action.option_strings if name in ASKED), "")
        return Taken(called, many=many, asked=asked)
    named = "" if called == "NAME" and action.option_strings else called  # an option's NAME is of many a kind
    words = (*getattr(action, OFFERED, ()), *known.get(named, ()))
    return Taken(called, words, FILES.match(called) is not None, many)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The help of an option in one short line."""
    text = " ".join(parser._get_formatter()._expand_help(action).split()) if action.help else ""
    return text if len(text) <= SHORTEN else text[: SHORTEN - 1].rsplit(" ", 1)[0] + "…"


# -- bash ------------------------------------------------------------------------------------------------------------

BASH = """\
# completion of arspec for bash, made by `arspec completion bash`
_arspec() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  local words="" files="" asked="" options="" takes="" first="" at=0 k word
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "@commands@ --help --version" -- "$cur"))
    return
  fi
  if [ "$cur" = "=" ]; then
    cur=""
    [[ $prev == -* ]] || return
  elif [ "$prev" = "=" ]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
    [[ $prev == -* ]] || return
  fi
  case $command in
@options@
    *) return ;;
  esac
  for ((k = 2; k < COMP_CWORD; k++)); do
    word=${COMP_WORDS[k]}
    if [ "$word" = "=" ]; then
      ((k++))
    elif [[ $word == -* ]]; then
      [[ " $takes " == *" $word "* && ${COMP_WORDS[k+1]} != "=" ]] && ((k++))
    else
      [ "$at" -eq 0 ] && first=$word
      ((at++))
    fi
  done
  case "$command $prev" in
@values@
    *)
      if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        return
      fi
      case "$command $at" in
@arguments@
        *) return ;;
      esac ;;
  esac
  if [ -n "$asked" ] && [ -n "$first" ]; then
    compopt -o nospace 2>/dev/null
    words=$("${COMP_WORDS[0]}" completion bash --names "$asked" "$first" 2>/dev/null)
  fi
  [ -n "$words" ] && COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
  fi
}
complete -F _arspec arspec
"""


def bash(found: Iterable[Command]) -> str:
    """The script for bash."""
    options, values, arguments, names = list[str](), list[str](), list[str](), list[str]()
    for one in found:
        names.append(one.name)
        flags = [name for option in one.options for name in option.names]
        taking = [name for option in one.options if option.takes for name in option.names]
        options.append(f'    {one.name}) options="{" ".join(flags)}" takes="{" ".join(taking)}" ;;')
        for option in one.options:
            if option.takes is not None:
                places = " | ".join(f'"{one.name} {name}"' for name in option.names)
                values.append(f"    {places}) {_bash(option.takes)} ;;")
        for k, taken in enumerate(one.arguments):
            places = f'"{one.name} "*' if taken.many else f'"{one.name} {k}"'
            arguments.append(f"        {places}) {_bash(taken)} ;;")
    filled = {"commands": " ".join(names), "options": "\n".join(options), "values": "\n".join(values),
              "arguments": "\n".join(arguments)}  # fmt: skip
    return re.sub("@([a-z]+)@", lambda m: filled[m[1]], BASH)


def _bash(taken: Taken) -> str:
    return f'words="{" ".join(taken.words)}" files="{"yes" if taken.files else ""}" asked="{taken.asked}"'


# -- zsh -------------------------------------------------------------------------------------------------------------

ZSH = """\
#compdef arspec
# completion of arspec for zsh, made by `arspec completion zsh`
_arspec_or_files() {
  compadd -- "$@"
  _files
}
_arspec_names() {
  local -a found
  [ -n "$line[1]" ] && found=(${(f)"$($program completion zsh --names $1 $line[1] 2>/dev/null)"})
  compadd -S '' -- $found
}
_arspec() {
  local -a commands line
  local -A opt_args
  local program=$words[1]
  if (( CURRENT == 2 )); then
    commands=(
@commands@
    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
@cases@
  esac
}
if [ "$funcstack[1]" = "_arspec" ]; then _arspec "$@"; else compdef _arspec arspec; fi
"""


def zsh(found: Iterable[Command]) -> str:
    """The script for zsh."""
    names: list[str] = []
    cases: list[str] = []
    for one in found:
        names.append("      " + _quoted(f"{one.name}:{one.help.replace(':', ' ')}"))
        parts: list[str] = []
        for option in one.options:
            takes = "" if option.takes is None else f":{option.takes.name}:{_zsh(option.takes)}"
            text = option.help.translate({ord(c): f"\\{c}" for c in "[]:\\"})
            parts += [_quoted(f"*{name}[{text}]{takes}") for name in option.names]
        for taken in one.arguments:
            parts.append(_quoted(f"{'*' if taken.many else ''}:{taken.name}:{_zsh(taken)}"))
        lines = " \\\n        ".join(parts)
        cases.append(f"    {one.name})\n      _arguments \\\n        {lines}\n      ;;")
    filled = {"commands": "\n".join(names), "cases": "\n".join(cases)}
    return re.sub("@([a-z]+)@", lambda m: filled[m[1]], ZSH)


def _zsh(taken: Taken) -> str:
    if taken.asked:
        return f" _arspec_names {taken.asked}"
    if taken.words and taken.files:
        return f" _arspec_or_files {' '.join(taken.words)}"
    if taken.words:
        return f"({' '.join(taken.words)})"
    return "_files" if taken.files else " "


def _quoted(text: str) -> str:
    """A word of a shell, in which an apostrophe is one of print."""
    return "'" + text.replace("'", "’") + "'"


# -- fish ------------------------------------------------------------------------------------------------------------


FISH = """\
# completion of arspec for fish, made by `arspec completion fish`
function __arspec_names
  set -l words (commandline -opc)
  for word in $words[3..]
    if not string match -q -- '-*' $word
      $words[1] completion fish --names $argv[1] $word 2>/dev/null
      return
    end
  end
end
complete -c arspec -f"""


def fish(found: Iterable[Command]) -> str:
    """The script for fish."""
    lines = [FISH]
    for one in found:
        lines.append(f"complete -c arspec -n __fish_use_subcommand -a {one.name} -d {_plain(one.help)}")
        within = f"complete -c arspec -n '__fish_seen_subcommand_from {one.name}'"
        for option in one.options:
            flags = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            lines.append(f"{within} {flags} {_fish(option.takes)}-d {_plain(option.help)}")
        words = [word for taken in one.arguments for word in taken.words]
        files = any(taken.files for taken in one.arguments)
        if words or files:
            lines.append(f"{within} {'-F ' if files else ''}{f'-a {_plain(chr(32).join(words))}' if words else ''}")
    return "\n".join(lines) + "\n"


def _fish(taken: Taken | None) -> str:
    if taken is None:
        return ""
    offered = f"(__arspec_names {taken.asked})" if taken.asked else " ".join(taken.words)
    words = f"-a {_plain(offered)} " if offered else ""
    return f"-r {'-F ' if taken.files else '-f '}{words}"


def _plain(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


WRITERS: dict[str, Callable[[Iterable[Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
