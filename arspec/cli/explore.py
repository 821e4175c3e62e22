"""`arspec explore SPEC [SPEC] -o page.html`: a page to walk through a spec, or through two side by side; with `--serve`
served to this machine while one edits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arspec.cli.models import add_set, params_of, spec_of
from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec explore`."""
    parser.add_argument("what", nargs="+", metavar="SPEC",
                        help="the spec, a file or the name of a shipped one; two to compare them")  # fmt: skip
    parser.add_argument("-o", "--out", metavar="FILE", help="x.html: one file, which loads nothing from elsewhere")
    parser.add_argument(
        "--serve", nargs="?", type=int, const=0, metavar="PORT",
        help="serve the page to this machine, and make it anew whenever a file of the spec changes",
    )  # fmt: skip
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
    if args.serve is not None:
        return _serve(args)
    if args.out is None and args.facts is None:
        raise InputError("AR808", "the page needs a name", "add -o page.html, or --serve")
    if args.out is not None:
        page_path(args.out)  # before the work
    made = [facts_of_spec(_spec(args, name)) for name in args.what]
    if args.facts is not None:
        write_text(Path(args.facts), as_json([(one.facts, one.store.block) for one in made]))
        say(args.facts)
    if args.out is not None:
        say(write_page(made, args.out))
    return 0


def _serve(args: argparse.Namespace) -> int:
    from arspec.diagnostics import InputError
    from arspec.exploring.serving import Watched, serve

    if args.out is not None or args.facts is not None:
        raise InputError("AR808", "--serve writes no file", "leave -o and --facts out, or --serve")
    serve(Watched(args.what, lambda name: _spec(args, name)), args.serve, _told)
    return 0


def _told(address: str) -> None:
    say(f"{address}  (it follows the files of the spec; end it by Ctrl-C)")


def _spec(args: argparse.Namespace, name: str) -> Any:
    return spec_of(name, params_of(args.set), params_of(args.data, "--data"))
