"""`arspec format FILE ...`: the layout of specs, with their comments; no value changes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec format`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="specs, libraries of blocks, or folders of them")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a file would change")


def run(args: argparse.Namespace) -> int:
    """Writes each file whose layout changes, whole or not at all, and names it. Exit code 1 with --check where one
    would, 2 where one can't be read."""
    from arspec.editor.layout import laid_out
    from arspec.files.atomic import write_text
    from arspec.language.shipped import check_own
    from arspec.syntax.yaml import read

    changed = 0
    for name in _files(args.files):
        source = read(name)
        text = laid_out(source)
        if text == source.text:
            continue
        changed += 1
        if not args.check:
            check_own(name)
            write_text(Path(os.path.realpath(name)), text)
        say(f"{'would lay out' if args.check else 'laid out'} {name}")
    return int(args.check and changed > 0)


def _files(names: list[str]) -> list[str]:
    """The files that are meant: those of a folder are its own, not those of folders in it."""
    found: list[str] = []
    for name in names:
        inside = Path(name).is_dir()
        found += [str(p) for p in sorted(Path(name).iterdir()) if p.suffix in (".yaml", ".yml")] if inside else [name]
    return found
