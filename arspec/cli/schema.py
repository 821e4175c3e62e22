"""`arspec schema`: the JSON Schema of the language for editors, or its reference for people."""

from __future__ import annotations

import argparse

from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec schema`."""
    parser.add_argument("--reference", action="store_true", help="print the reference instead, as Markdown")


def run(args: argparse.Namespace) -> int:
    """Prints the JSON Schema of specs, or the reference of their keys."""
    import json

    if args.reference:
        from arspec.language.reference import reference

        say(reference(), end="")
    else:
        from arspec.language.schema import schema

        say(json.dumps(schema(), indent=1, ensure_ascii=False))
    return 0
