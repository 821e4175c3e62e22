"""`arspec data [NAME ...]`: the named data sets, and fetching them into the cache, once."""

from __future__ import annotations

import argparse
import json

from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Names, and whether what is there is fetched again."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="what is fetched; left out, all sets are listed")
    parser.add_argument("--again", action="store_true", help="fetch and convert even what is there already")
    parser.add_argument("--json", action="store_true", help="print a JSON array")


def run(args: argparse.Namespace) -> int:
    """Lists the sets, or fetches those that are named; exit code 0. InputError for a name that no set has, before any
    is fetched, and where a package can't be had."""
    from arspec.data.cache import cache_folder, cached
    from arspec.data.fetch import checked_name, fetch, size
    from arspec.data.sets import SETS

    rows: list[dict[str, object]] = []
    chosen = [checked_name(name) for name in args.names] or list(SETS)
    if not args.names and not args.json:
        say(f"Data sets, kept in {cache_folder()} ($ARSPEC_DATA changes the place):\n")
    for name in chosen:
        data_set = SETS[name]
        fetched = args.names and fetch(name, again=args.again)[1]
        path = None if data_set.client == "none" else cached(name)
        ready = path is None or path.exists()
        state = f"fetch it with: arspec data {name}"
        if path is None:
            state = "comes with arspec; there is nothing to fetch"
        elif ready:
            state = f"{'fetched' if fetched else 'already there'}: {path} ({size(path)})"
        rows.append({
            "name": name, "about": data_set.about, "source": data_set.source, "licence": data_set.licence,
            "ready": ready, "file": None if path is None else str(path),
        })  # fmt: skip
        if not args.json:
            say(f"{name}: {data_set.about}\n  source:  {data_set.source}\n  licence: {data_set.licence}\n  {state}")
    if args.json:
        say(json.dumps(rows, indent=1))
    return 0
