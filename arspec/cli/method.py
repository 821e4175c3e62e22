"""`--method`: the way by which examples are drawn, and why."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from arspec.choices import METHODS
from arspec.cli.parser import offer
from arspec.cli.saying import say


def add_method_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    method = parser.add_argument(
        "--method", default="auto", help="auto, once, depth or fixed-point: the same examples, at another speed (auto)"
    )
    offer(method, *METHODS)
    parser.add_argument("--explain-method", action="store_true", help="say which method is taken, and why")


def method_of(
    args: argparse.Namespace, model: Any, count: int, member: int, condition: dict[str, Any], known: Any = None
) -> str:
    """The method by which `count` examples are drawn; says which it is, and why, where that is asked for."""
    if args.explain_method:
        from arspec.sampler.drive.method import choose

        choice = choose(model, count, args.method, member, known, condition)
        say(choice, file=sys.stderr)
        return choice.method
    return args.method
