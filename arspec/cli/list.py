"""`arspec list [SPEC or FOLDER ...]`: the specs with their data, order and numbers of parameters; the shipped ones, and
those of the folder `specs` here, where none is named."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from textwrap import shorten

from arspec.cli.models import add_set, params_of
from arspec.cli.saying import say

ABOUT = 110  # columns of what a spec says of itself


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec list`."""
    parser.add_argument("specs", nargs="*", metavar="SPEC", help="files, folders of them, or names (default: the "
                        "shipped specs, and those in specs/)")  # fmt: skip
    add_set(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON array")


def run(args: argparse.Namespace) -> int:
    """Prints a line a spec. Those that cannot be read are told after the others, and make it exit with 2."""
    from arspec.cli.telling import tell
    from arspec.diagnostics import InputError
    from arspec.language.load import load
    from arspec.language.shipped import found, shipped, shipped_folder

    paths = [] if args.specs else list(shipped().values())
    for given in map(Path, args.specs or ["specs"]):
        if os.path.isdir(given) and (args.specs or given.resolve() != shipped_folder().resolve()):
            paths += sorted(given.glob("*.yaml"))
        elif args.specs:
            paths.append(Path(found(given)))
    if not paths:
        raise InputError("AR003", "there are no specs here", "name spec files or a folder of them: arspec list specs/")
    rows: list[dict[str, object]] = []
    params, wrong = params_of(args.set), list[InputError]()
    for path in paths:
        try:
            spec = load(path, params)
            graph = spec.graph()
        except InputError as error:
            if len(paths) == 1:
                raise
            wrong.append(error)
            continue
        rows.append({
            "spec": spec.name, "file": str(path), "parameters": graph.parameters, "nodes": len(graph.nodes),
            "data": f"{spec.data.kind} {'×'.join(map(str, spec.data.shape))}, {spec.data.levels_text}",
            "order": spec.members[0].order.name + (f", {len(spec.members)} members" if len(spec.members) > 1 else ""),
            "condition": {name: section.kind for name, section in spec.condition.items()},
            "params": spec.params, "about": spec.about,
        })  # fmt: skip
    if args.json:
        say(json.dumps(rows, indent=1))
        rows = []
    width = max((len(str(row["spec"])) for row in rows), default=0)
    most = max((len(f"{row['parameters']:,}") for row in rows), default=0)
    for row in rows:
        say(f"{row['spec']:{width}}  {row['parameters']:>{most},} parameters  {row['data']}; {row['order']}")
        say(f"{'':{width}}  {shorten(str(row['about']), ABOUT, placeholder=' ...', break_on_hyphens=False)}")
    for error in wrong:
        tell(error.diagnostics, sys.stderr)
    return 2 if wrong else 0
