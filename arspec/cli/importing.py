"""`arspec import FOLDER -o RUN`: a checkpoint of others as a run, which every other command takes."""

from __future__ import annotations

import argparse

from arspec.cli.models import params_of
from arspec.cli.saying import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """FOLDER and RUN."""
    parser.add_argument(
        "folder", metavar="FOLDER",
        help="a folder with config.json, safetensors, tokenizer.json, as transformers writes it; or nanoGPT's .pt",
    )  # fmt: skip
    parser.add_argument("-o", "--out", required=True, metavar="RUN", help="the run: spec, weights, tokenizer, card")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="what a state dict without a config does not tell, such as stacks=2; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--length", type=int, metavar="TOKENS",
        help="of a sequence, where the family has no learned positions (default: what config.json says, at most 4,096)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Imports; exit code 0."""
    from arspec.checkpoints.importing import imported

    found, folder = imported(args.folder, args.out, args.length, params_of(args.set))
    graph = found.spec.graph()
    say(f"{found.table.about}: {graph.parameters:,} weights, {found.spec.data.levels:,} levels, proven")
    for note in found.notes:
        say(f"note: {note}")
    say(folder)
    return 0
