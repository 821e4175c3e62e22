"""The parser of the command line: what it cannot read is told as a diagnostic, with the nearest names."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

_CHOICE = re.compile(r"invalid choice: '?(?P<given>[^']*?)'? \(choose from (?P<known>.*)\)$", re.DOTALL)
OFFERED = "offered"  # the attribute of an action: words that a shell offers for it
_UNKNOWN = "unrecognized arguments: "
_REQUIRED = "the following arguments are required: "


def offer(action: argparse.Action, *words: str) -> None:
    """States words that a shell offers for an option whose values are checked elsewhere."""
    setattr(action, OFFERED, words)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises InputError (AR890) in place of printing its usage and leaving the program.

    Options may stand between positional arguments: `arspec verify a.yaml --static b.yaml`.
    """

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The arguments as a namespace. Raises InputError where they cannot be read."""
        try:
            namespace, rest = self.parse_known_intermixed_args(arguments)
        except _Missing:
            raise missing(self.prog, self._lacking(arguments)) from None
        if rest:
            self.error(_UNKNOWN + " ".join(rest))
        if getattr(namespace, "out", None) == "":  # as of a variable of the shell that is not set
            self.error("argument -o/--out: it is empty")
        return namespace

    def _lacking(self, arguments: Sequence[str]) -> list[str]:
        """All that is required and not given, in the order of the help: argparse tells of options alone, and of what
        has a place in a second message."""
        needed = [one for one in self._actions if one.required]
        before = [(one, one.required, one.nargs) for one in needed]
        try:
            for one in needed:
                one.required = False
                if not one.option_strings:
                    one.nargs = "*" if one.nargs == "+" else "?"
            found, _ = self.parse_known_intermixed_args(arguments)
        finally:
            for one, required, nargs in before:
                one.required, one.nargs = required, nargs
        needed.sort(key=lambda one: bool(one.option_strings))
        return [_named(one) for one in needed if getattr(found, one.dest, None) in (None, [])]

    @property
    def options(self) -> list[argparse.Action]:
        """Its options, without positional arguments and without --help."""
        return [one for one in self._actions if one.option_strings and one.dest != "help"]

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse passes over what the system refuses: help on a full disk was said to be written
        stream = file or sys.stderr
        stream.write(message)
        stream.flush()

    def error(self, message: str) -> NoReturn:
        """Raises InputError; `message` is argparse's."""
        from arspec.diagnostics import InputError, did_you_mean

        hint = None
        if message.startswith(_REQUIRED):
            raise _Missing
        if message.startswith(_UNKNOWN):
            rest = message.removeprefix(_UNKNOWN).split(" ")
            name = next((word.partition("=")[0] for word in rest if word.startswith("-")), None)
            if name is None:
                message = f"there is no place for {rest[0]!r}"
            else:
                message, hint = f"there is no option {name}", nearest_option(name, self._option_string_actions)
        elif (choice := _CHOICE.search(message)) is not None:
            known = [word.strip().strip("'\"") for word in choice["known"].split(",")]
            hint = did_you_mean(choice["given"], known)
        raise InputError("AR890", f"{self.prog}: {message}", hint or f"{self.prog} --help lists what it takes")


class _Missing(Exception):
    """Something that is required is not given."""


def _named(action: argparse.Action) -> str:
    """An argument as argparse names it."""
    return "/".join(action.option_strings) or str(action.metavar or action.dest)


def missing(prog: str, names: Sequence[str], hint: str | None = None) -> Any:
    """The InputError for arguments that are required and not given, of a command such as 'arspec train'."""
    from arspec.diagnostics import InputError

    return InputError("AR890", f"{prog}: {_REQUIRED}{', '.join(names)}", hint or f"{prog} --help lists what it takes")


def nearest_option(name: str, options: Iterable[str]) -> str | None:
    """A help line with the options that resemble `name`; None where none does."""
    from arspec.diagnostics import nearest

    found = nearest(name.lstrip("-"), [option[2:] for option in options if option.startswith("--")])
    return f"did you mean {' or '.join(f'--{other}' for other in found)}?" if found else None


def no_command(name: str, commands: Iterable[str]) -> Any:
    """The InputError for a command that there is not."""
    from arspec.diagnostics import InputError, did_you_mean

    return InputError("AR890", f"arspec has no command '{name}'", did_you_mean(name, commands, "commands"))
