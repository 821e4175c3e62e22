"""`arspec guide [TOPIC]`: a page of the guide, or the list of its pages."""

from __future__ import annotations

import argparse
import sys

from arspec.cli.saying import say
from arspec.cli.telling import coloured


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec guide`."""
    parser.add_argument(
        "topic", nargs="?", metavar="TOPIC", help="such as speed; left out, all pages are listed, by parts"
    )


def run(args: argparse.Namespace) -> int:
    """Prints a page of the guide, or the list of its pages."""
    from arspec.guide import PARTS, TOPICS, page, title

    if args.topic is None:
        width = max(map(len, TOPICS))
        parts = ("\n".join([part, *(f"  {topic:{width}}  {title(topic)}" for topic in PARTS[part])]) for part in PARTS)
        say("\n\n".join(parts))
    elif coloured(sys.stdout):
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page(args.topic)))
    else:
        say(page(args.topic), end="")
    return 0
