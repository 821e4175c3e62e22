"""`arspec explore SPEC [SPEC] -o page.html`: a page to walk through a spec, or through two side by side."""

from __future__ import annotations

import argparse
from typing import Any

from arspec.cli.models import add_set, params_of, spec_of
from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec explore`."""
    parser.add_argument("what", nargs="+", metavar="SPEC",
                        help="the spec, a file or the name of a shipped one; two to compare them")  # fmt: skip
    parser.add_argument("-o", "--out", metavar="FILE", help="x.html: one file, which loads nothing from elsewhere")
    add_set(parser)
    parser.add_argument("--data", action="append", default=[], metavar="KEY=VALUE",
                        help="another size of the data: height=8")  # fmt: skip
    parser.add_argument("--facts", metavar="FILE", help="x.json: what the page is told, for programs")


def run(args: argparse.Namespace) -> int:
    """Writes the page and prints its path; exit code 0 also for a spec that leaks, whose way the page shows."""
    from arspec.diagnostics import InputError
    from arspec.exploring.making import facts_of_spec
    from arspec.exploring.packing import as_json
    from arspec.exploring.page import MOST, page_path, write_page
    from arspec.files.atomic import write_text

    if len(args.what) > MOST:
        raise InputError("AR808", f"a page shows one spec, or two to compare, and {len(args.what)} are named",
                         "name two of them")  # fmt: skip
    if args.out is None and args.facts is None:
        raise InputError("AR808", "the page needs a name", "add -o page.html")
    if args.out is not None:
        page_path(args.out)  # before the work
    made = [facts_of_spec(one) for one in _specs(args)]
    if args.facts is not None:
        from pathlib import Path

        write_text(Path(args.facts), as_json([(one.facts, one.store.block) for one in made]))
        say(args.facts)
    if args.out is not None:
        say(write_page(made, args.out))
    return 0


def _specs(args: argparse.Namespace) -> list[Any]:
    return [spec_of(name, params_of(args.set), params_of(args.data, "--data")) for name in args.what]
