"""`arspec lsp`: the language server, for editors."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys

from arspec.cli.saying import say
from arspec.progress import spoken

TURN = 0.0005  # seconds that a thread computes while others wait: each message passes through several


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `arspec lsp`."""
    parser.set_defaults(quiet=True)
    parser.add_argument("--tcp", type=int, metavar="PORT", help="speak at a port of this machine, not on stdin/stdout")
    parser.add_argument("--log", choices=["error", "warning", "info", "debug"], default="warning",
                        help="what is logged on standard error (default warning)")  # fmt: skip
    parser.add_argument("--stdio", action="store_true", help="speak on stdin and stdout, as it does by itself")


def run(args: argparse.Namespace) -> int:
    """Runs until the editor ends it; exit code 1 where it did so without a word. Standard output belongs to the
    protocol: all else goes to standard error."""
    from arspec.diagnostics import InputError
    from arspec.extras import need

    spoken()  # from here on by the server alone
    need("pygls")
    if args.tcp is not None and not 0 < args.tcp < 1 << 16:
        raise InputError("AR808", f"there is no port {args.tcp}", "take one from 1024 to 65535")
    from arspec.lsp.starting import serve, serve_at

    if args.tcp is None and sys.stdin.isatty():
        say("this speaks with an editor, which starts it by itself: arspec guide editor", file=sys.stderr)
    logging.basicConfig(level=args.log.upper(), stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    gc.collect()
    gc.freeze()  # what was imported stays: to look through it takes longer than a proof
    sys.setswitchinterval(TURN)
    own, sys.stdout = sys.stdout, sys.stderr
    try:
        with open(os.dup(own.fileno()), "wb") as out:  # which pygls closes at the end
            return 0 if (serve(None, out) if args.tcp is None else serve_at(args.tcp)) else 1
    finally:
        sys.stdout = own
