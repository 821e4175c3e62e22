"""The options that change the probabilities by which a model draws: guidance, temperature, top-k, top-p and min-p."""

from __future__ import annotations

import argparse
from typing import Any

from arspec.diagnostics import InputError

CHANCE = ("temperature", "top_k", "top_p", "min_p", "guidance")


def add_chance_arguments(parser: argparse.ArgumentParser) -> None:
    """`--temperature`, and what leaves unlikely levels out after it."""
    group = parser.add_argument_group("chance", "what changes the probabilities before a draw, in this order")
    group.add_argument(
        "--guidance",
        type=float,
        metavar="G",
        help="follow the conditions more closely than the model does (above 1), of a spec whose conditions have `drop`",
    )
    group.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="below 1: likelier examples; 0: the likeliest levels (1)",
    )
    group.add_argument("--top-k", type=int, metavar="K", help="draw among the K likeliest levels alone")
    group.add_argument("--top-p", type=float, metavar="P", help="among the likeliest levels, as few as add up to P")
    group.add_argument(
        "--min-p", type=float, metavar="P", help="among levels that are at least P times as likely as the likeliest"
    )


def chance_of(args: argparse.Namespace) -> dict[str, Any]:
    """The options as arguments of `model.sample`, `stream` and `complete`. InputError where one is out of range."""
    if not args.temperature >= 0:
        raise InputError("AR808", f"--temperature is 0 or above; {args.temperature:g} came")
    return {name: getattr(args, name) for name in CHANCE}
