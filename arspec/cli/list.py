"""`arspec list [SPEC or FOLDER ...]`: the specs with their data, order and numbers of parameters; the shipped ones, and
those of the folder `specs` here, where none is named."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from arspec.cli.models import add_set, params_of
from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec list`."""
    parser.add_argument("specs", nargs="*", metavar="SPEC", help="files, folders of them, or names (default: the "
                        "shipped specs, and those in specs/)")  # fmt: skip
    add_set(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON array")


def run(args: argparse.Namespace) -> int:
    """Prints a line a spec; exits with 2 where one of them cannot be read."""
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
    for path in paths:
        spec = load(path, params_of(args.set))
        graph = spec.graph()
        rows.append({
            "spec": spec.name, "file": str(path), "parameters": graph.parameters, "nodes": len(graph.nodes),
            "data": f"{spec.data.kind} {'×'.join(map(str, spec.data.shape))}, {spec.data.levels_text}",
            "order": spec.members[0].order.name + (f", {len(spec.members)} members" if len(spec.members) > 1 else ""),
            "condition": {name: section.kind for name, section in spec.condition.items()},
            "params": spec.params, "about": spec.about,
        })  # fmt: skip
    if args.json:
        say(json.dumps(rows, indent=1))
        return 0
    width = max(len(str(row["spec"])) for row in rows)
    for row in rows:
        say(f"{row['spec']:{width}}  {row['parameters']:>12,} parameters  {row['data']}; {row['order']}")
        say(f"{'':{width}}  {' '.join(str(row['about']).split())[:110]}")
    return 0
