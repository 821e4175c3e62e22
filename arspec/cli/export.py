"""`arspec export RUN --huggingface FOLDER`: a run in the form of others."""

from __future__ import annotations

import argparse

from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """RUN, and the form in which it is written."""
    parser.add_argument("run", metavar="RUN", help="a run that arspec import has written")
    forms = parser.add_mutually_exclusive_group(required=True)
    forms.add_argument("--huggingface", metavar="FOLDER", help="the folder of the checkpoint that it came from")


def run(args: argparse.Namespace) -> int:
    """Exports; exit code 0."""
    from arspec.checkpoints.exporting import export_folder

    say(export_folder(args.run, args.huggingface))
    return 0
