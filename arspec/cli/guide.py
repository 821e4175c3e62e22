"""`arspec guide [TOPIC]`: a page of the guide, or the list of its pages."""

from __future__ import annotations

import argparse
import sys

from arspec.cli.saying import say
from arspec.cli.telling import coloured


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec guide`."""
    parser.add_argument("topic", nargs="?", metavar="TOPIC", help="such as speed; left out, all pages are listed")


def run(args: argparse.Namespace) -> int:
    """Prints a page of the guide, or the list of its pages."""
    from arspec.guide import TOPICS, page, title

    if args.topic is None:
        width = max(map(len, TOPICS))
        say("\n".join(f"{topic:{width}}  {title(topic)}" for topic in TOPICS))
    elif coloured(sys.stdout):
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page(args.topic)))
    else:
        say(page(args.topic), end="")
    return 0
