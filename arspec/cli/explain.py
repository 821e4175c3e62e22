"""`arspec explain CODE`: what a diagnostic means, with an example of it and how to mend it."""

from __future__ import annotations

import argparse

from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec explain`."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="such as AR701; left out, all codes are listed")


def run(args: argparse.Namespace) -> int:
    """Prints the page of a diagnostic's code, or the list of all codes."""
    from arspec.diagnostics import CODES, explain

    if args.code is None:
        say("\n".join(f"{code}  {CODES[code].title}" for code in sorted(CODES)))
    else:
        say(explain(args.code))
    return 0
