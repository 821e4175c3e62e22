"""`--prompt` and `--prefix`: what a sequence begins with."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from arspec.cli.saying import say
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from arspec.language.sections import SequenceData

    Codes = npt.NDArray[np.int64]


def add_prompt_arguments(parser: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    """The options."""
    parser.add_argument("--prompt", metavar="TEXT", help="what a text begins with; what is written holds it as well")
    parser.add_argument(
        "--prefix", metavar="FILE", help="the same from a file: a sound, a text, or whole numbers as .npy"
    )


def has_prompt(args: argparse.Namespace) -> bool:
    """Whether one is given."""
    return args.prompt is not None or args.prefix is not None


def prompt_of(args: argparse.Namespace, data: SequenceData) -> Codes | None:
    """The steps that a sequence begins with, as the model's integers [k]; None where none are given."""
    if args.prompt is not None and args.prefix is not None:
        raise InputError("AR808", "--prompt and --prefix both say what the sequence begins with", "give one of them")
    if args.prompt is not None:
        return _written(args.prompt, data)
    return None if args.prefix is None else _read(args.prefix, data, args.quiet)


def _written(text: str, data: SequenceData) -> Codes:
    import numpy as np

    from arspec.data.symbols import levels_of

    if not data.is_text:
        mend = "--prefix FILE begins with a file"
        if data.content == "tokens":
            mend = "no tokenizer makes tokens of it: --prefix tokens.npy begins with their numbers"
        raise InputError("AR808", f"--prompt is a text, and this model is of {data.content}", mend)
    raw = np.frombuffer(os.fsencode(text), np.uint8)
    if not len(raw):
        raise InputError("AR808", "--prompt is empty", "leave it out to begin with nothing")

    def at(byte: int) -> str:
        return f"character {len(raw[:byte].tobytes().decode(errors='replace')) + 1}"

    levels = levels_of(raw, data, "--prompt", at).astype(np.int64)
    if data.tokenizer is None:
        return levels
    before = data.tokenizer.leading(raw.tobytes().decode())
    return np.concatenate([before[before < data.levels], levels])


def _read(source: str, data: SequenceData, quiet: bool) -> Codes:
    import numpy as np

    from arspec.data.adapt import codes_of
    from arspec.data.load import read

    raw, _ = read(source, data, {}, "all")
    if raw.x.ndim == 2 and len(raw.x) == 1:  # as samples are written
        raw = replace(raw, x=raw.x[0])
    if raw.x.ndim != 1 or not len(raw.x):
        raise InputError("AR804", f"{source}: a prefix is one sequence of at least one step")
    notes = list(raw.notes)
    codes = codes_of(raw, data, source, notes).astype(np.int64)
    if notes and not quiet:
        say(f"note: {source}: {'; '.join(notes)}", file=sys.stderr)
    return codes
