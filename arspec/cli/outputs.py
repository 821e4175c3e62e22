"""`-o`: where `sample` and `complete` write, which is a file, or standard output."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from arspec.cli.parser import missing
from arspec.cli.saying import say
from arspec.diagnostics import InputError
from arspec.progress import spoken

if TYPE_CHECKING:
    from arspec.language.load import Spec
    from arspec.language.sections import Data

FORMATS = ("txt", "wav", "npy", "png", "svg", "pdf")
STANDARD = "-"  # the name of standard output
PRINTED = (".svg", ".pdf")  # figures that are printed, with labels and a scale


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """`-o` and `--format`."""
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        help="what is written: .png, .txt (several texts with a line of dashes between them), .wav (several sounds as "
        "numbered files) or .npy; .pdf and .svg are figures for print, with labels and a scale; - is standard output, "
        "where text goes that no file is named for",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="what -o - writes (default: text, where the model is of text)"
    )


def settle_output(args: argparse.Namespace, command: str, spec: Spec) -> None:
    """Where a command writes that names no file: the text of a model of text goes to standard output.

    command: sample or complete. spec: of the model. InputError (AR890) for other data."""
    if args.out is None and not spec.data.is_text:
        raise missing(f"arspec {command}", ["-o/--out"])
    args.out = STANDARD if args.out is None else args.out


def put_bytes(data: bytes) -> None:
    """Writes bytes to standard output at once, whatever encoding it has."""
    from arspec.files.atomic import telling

    spoken()
    with telling("standard output"):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def put_text(text: str) -> None:
    """Writes text to standard output as a file of it is written."""
    put_bytes(text.encode("utf-8", "backslashreplace"))


class Output:
    """Where a command writes. What it says of it goes to standard error where standard output takes what is written."""

    def __init__(self, args: argparse.Namespace, data: Data) -> None:
        """InputError for an ending that does not fit the data, before anything is computed."""
        from arspec.data.write import check_form, check_suffix
        from arspec.files.atomic import check_place

        self.standard = args.out == STANDARD
        if args.format is not None and not self.standard:
            raise InputError("AR808", f"--format says what -o - writes; -o {args.out} says it by its ending")
        if self.standard and args.format is None and not data.is_text:
            mend = "say what is written, such as --format npy"
            if data.kind == "sequence" and data.content == "tokens":
                mend = "its tokens are numbers, and no tokenizer makes text of them: --format txt writes the numbers"
            raise InputError("AR809", "-o - writes text, and this model is of something else", mend)
        self.path = Path(f"-.{args.format or 'txt'}" if self.standard else args.out)
        if self.suffix in PRINTED:
            from arspec.pictures.style import check_figure

            check_place(self.path)
            check_figure(self.path, "figures of samples")
            return
        (check_form if self.standard else check_suffix)(self.path, data)

    @property
    def suffix(self) -> str:
        """The ending that says what is written, such as .png."""
        return self.path.suffix.lower()

    @property
    def printed(self) -> bool:
        """Whether it is a figure for print."""
        return self.suffix in PRINTED

    def check(self, count: int) -> None:
        """InputError where so many examples can't be written to standard output."""
        if self.standard and self.suffix == ".wav" and count > 1:
            raise InputError("AR808", f"standard output takes one sound; {count} came", "take -n 1, or --format npy")

    @contextmanager
    def file(self) -> Generator[Path]:
        """Gives the path to write to; for standard output one whose content goes there when the block ends."""
        if not self.standard:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="arspec-") as folder:
            path = Path(folder) / f"out{self.suffix}"
            yield path
            put_bytes(path.read_bytes())
        if self.suffix == ".txt":
            self.end()

    @staticmethod
    def end() -> None:
        """Ends the line on a terminal, whose own prompt stands on the next."""
        if sys.stdout.isatty():
            say()

    def say(self, lines: Iterable[object]) -> None:
        """Prints lines."""
        for line in lines:
            say(line, file=sys.stderr if self.standard else sys.stdout)

    def say_paths(self, paths: Iterable[Path]) -> None:
        """Prints what was written, where that are files."""
        if not self.standard:
            self.say(paths)
