"""`arspec COMMAND ...`: exit 0 where what was asked about holds, 1 where it does not, 2 where the input is wrong."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from importlib import import_module
from typing import Any

from arspec.cli.ending import Ended, ending
from arspec.cli.parser import Parser, no_command
from arspec.cli.streams import hush, open_streams, say_any_text
from arspec.progress import opening, showing
from arspec.version import VERSION

# command -> (module, suffix of its two functions, one line). The module is imported when the command is called.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "list": ("arspec.cli.list", "", "the specs in a folder, with their sizes"),
    "verify": ("arspec.cli.verify", "", "prove specs, test the compiled modules, propose mends"),
    "audit": ("arspec.cli.audit", "", "test a hand-written torch module for leaks and blind spots"),
    "explain": ("arspec.cli.explain", "", "the page of a diagnostic, such as AR701"),
    "guide": ("arspec.cli.guide", "", "a page of the guide, such as speed; without a topic, the list of pages"),
    "render": ("arspec.cli.render", "", "draw a spec: its graph, or its order, masks and contexts"),
    "explore": ("arspec.cli.explore", "", "a page to walk through a spec, or through two side by side"),
    "data": ("arspec.cli.data", "", "the named data sets, and fetching them"),
    "train": ("arspec.cli.train", "", "train a spec on data"),
    "eval": ("arspec.cli.evaluate", "", "nats and bits/dim of a model on data"),
    "sample": ("arspec.cli.generate", "sample", "draw samples from a model"),
    "complete": ("arspec.cli.generate", "complete", "complete examples of which a part is given"),
    "score": ("arspec.cli.score", "", "how likely examples are, where they are surprising, whether they are strange"),
    "compress": ("arspec.cli.compress", "compress", "compress files by a model, without loss"),
    "decompress": ("arspec.cli.compress", "decompress", "restore the files of a container"),
    "import": ("arspec.cli.importing", "", "read a checkpoint of Hugging Face or nanoGPT as a run"),
    "export": (
        "arspec.cli.export",
        "",
        "write a model as plain torch, as ONNX, or as the checkpoint that it came from",
    ),
    "format": ("arspec.cli.format", "", "lay out the text of specs; comments and values stay"),
    "lsp": ("arspec.cli.lsp", "", "the language server: proofs, mends and layout in an editor, as one types"),
    "completion": ("arspec.cli.completion", "", "the script by which bash, zsh or fish completes commands"),
    "schema": ("arspec.cli.schema", "", "the JSON Schema of the language, or its reference"),
}


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # of a disk behind a stream
ALLOCATION = "can't allocate memory"  # what torch says where numpy raises MemoryError


def main(argv: list[str] | None = None) -> int:
    """Runs a command and returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    open_streams()
    say_any_text()
    args = argparse.Namespace(json="--json" in arguments)
    try:
        if arguments and arguments[0] in COMMANDS:
            run, parser = command(arguments[0])
            args = parser.read(arguments[1:])
            # under torchrun the first speaks for all
            wanted = not args.quiet and os.environ.get("RANK", "0") == "0"
            with ending(), showing(wanted), opening(f"arspec {arguments[0]}"):
                code = int(run(args))
            sys.stdout.flush()  # where the disk behind it is full, here is where it shows
            return code
        return _overview(arguments)
    except BrokenPipeError:  # the reader of a pipe has gone; nothing is left to be said
        hush()
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Ended:
        print("ended by SIGTERM", file=sys.stderr)
        return 143
    except Exception as error:
        from arspec.diagnostics import InputError

        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and ALLOCATION in str(error)):
            hint = "ask for less at a time: a smaller -n, --batch or --lanes, or smaller files"
            error = InputError("AR872", "what was asked for needs more memory than there is", hint)
        if isinstance(error, OSError) and error.errno in FULL:
            hush()
            place = error.filename or "standard output"
            error = InputError("AR810", f"cannot write to {place}: {error.strerror}", "write to another disk")
        if isinstance(error, OSError) and error.filename is not None:
            reason = f"cannot use {os.fspath(error.filename)!s:.200}: {error.strerror}"
            error = InputError("AR892", reason, "choose another place, or change what may be done with it")
        if not isinstance(error, InputError):
            raise
        _tell(error, args)
        return 2


def command(name: str) -> tuple[Any, Parser]:
    """The function of a command, and the parser of its arguments."""
    module, suffix, about = COMMANDS[name]
    loaded = import_module(module)
    parser = Parser(prog=f"arspec {name}", description=about[0].upper() + about[1:] + ".")
    getattr(loaded, f"add_{suffix}_arguments" if suffix else "add_arguments")(parser)
    parser.add_argument("--quiet", action="store_true", help="do not say how far long work is")
    return getattr(loaded, f"run_{suffix}" if suffix else "run"), parser


def _overview(arguments: list[str]) -> int:
    """What stands before a command, or in its place: --help, --version. Raises InputError for anything else."""
    parser = Parser(
        prog="arspec",
        description="A compiler for autoregressive models.",
        epilog="Begin with `arspec guide start`. Exit codes: 0 holds, 1 does not hold (a leak, a failed check), 2 the "
        "input is wrong.",
    )
    parser.add_argument("--version", action="version", version=f"arspec {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (_, _, about) in COMMANDS.items():
        commands.add_parser(name, help=about)
    if arguments and not arguments[0].startswith("-"):
        raise no_command(arguments[0], COMMANDS)
    if arguments:
        parser.parse_args(arguments[:1])
        parser.error("options of a command stand behind it")
    parser.print_help(sys.stderr)
    return 2


def _tell(error: Any, args: argparse.Namespace) -> None:
    """Prints what is wrong, for people on standard error; with --json also for programs on standard output."""
    from arspec.cli.telling import tell
    from arspec.diagnostics import to_json

    if getattr(args, "json", False):
        import json

        print(json.dumps({"ok": False, "diagnostics": to_json(error.diagnostics)}, indent=1))
    tell(error.diagnostics, sys.stderr, getattr(args, "format", "text"))


if __name__ == "__main__":
    sys.exit(main())
