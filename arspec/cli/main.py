"""`arspec COMMAND ...`: exit 0 where what was asked about holds, 1 where it does not, 2 where the input is wrong."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Any

# command -> (module, suffix of its two functions, one line). The module is imported when the command is called.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "list": ("arspec.cli.list", "", "the specs in a folder, with their sizes"),
    "verify": ("arspec.cli.verify", "", "prove specs, test the compiled modules, propose mends"),
    "audit": ("arspec.audit.command", "", "test a hand-written torch module for leaks and blind spots"),
    "explain": ("arspec.cli.explain", "", "the page of a diagnostic, such as AR701"),
    "render": ("arspec.cli.render", "", "draw a spec: its graph, or its order, masks and contexts"),
    "train": ("arspec.cli.train", "", "train a spec on data"),
    "eval": ("arspec.cli.evaluate", "", "nats and bits/dim of a model on data"),
    "sample": ("arspec.cli.generate", "sample", "draw samples from a model"),
    "complete": ("arspec.cli.generate", "complete", "complete examples of which a part is given"),
    "score": ("arspec.cli.score", "", "how likely examples are, where they are surprising, whether they are strange"),
    "compress": ("arspec.cli.compress", "compress", "compress files by a model, without loss"),
    "decompress": ("arspec.cli.compress", "decompress", "restore the files of a container"),
    "schema": ("arspec.cli.schema", "", "the JSON Schema of the language, or its reference"),
}


def main(argv: list[str] | None = None) -> int:
    """Runs a command and returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="arspec",
        description="A compiler for autoregressive models.",
        epilog="exit codes: 0 holds, 1 does not hold (a leak, a failed check), 2 the input is wrong",
    )
    parser.add_argument("--version", action="version", version=f"arspec {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    called = next((a for a in arguments if not a.startswith("-")), None)
    run: Any = None
    for name, (module, suffix, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        if name == called:
            loaded = import_module(module)
            getattr(loaded, f"add_{suffix}_arguments" if suffix else "add_arguments")(command)
            run = getattr(loaded, f"run_{suffix}" if suffix else "run")
    args = parser.parse_args(arguments)
    return _guarded(run, args)


def _guarded(run: Any, args: argparse.Namespace) -> int:
    from arspec.diagnostics import InputError

    try:
        return int(run(args))
    except InputError as error:
        print(_told(error, args), file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe has gone; nothing is left to be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _told(error: Any, args: argparse.Namespace) -> str:
    from arspec.diagnostics import github, text

    return github(error.diagnostics) if getattr(args, "format", "text") == "github" else text(error.diagnostics)


def _version() -> str:
    return "0.1.0"


if __name__ == "__main__":
    sys.exit(main())
