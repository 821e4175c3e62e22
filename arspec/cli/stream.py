"""`arspec sample` of sequences that begin with a prompt, or of any length, which are written as they are drawn."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.cli.method import method_of
from arspec.cli.models import as_tensors, conditions_of
from arspec.cli.outputs import Output, put_bytes
from arspec.cli.prompts import add_prompt_arguments, has_prompt, prompt_of
from arspec.diagnostics import InputError
from arspec.progress import Progress

if TYPE_CHECKING:
    from arspec.data.examples import Array

CHUNK = 4096  # steps that are written at a time
SHOWN = 64  # of a text that is read as it is drawn


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec sample` that are for sequences alone."""
    group = parser.add_argument_group("sequences", "by these options one sequence is drawn, or -n")
    add_prompt_arguments(group)
    group.add_argument("--length", type=int, metavar="STEPS", help="steps in all, however many; a prompt counts")
    group.add_argument("--seconds", type=float, metavar="S", help="the same, by the rate of the audio")
    group.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="compile its steps (default: where it saves time)"
    )


def wants_stream(args: argparse.Namespace) -> bool:
    """Whether any of the options asks for one."""
    return args.length is not None or args.seconds is not None or has_prompt(args)


def run_stream(args: argparse.Namespace, model: Any, chance: dict[str, Any], output: Output) -> int:
    """Draws sequences and says where they are; exit code 0."""
    data = model.spec.data
    if data.kind != "sequence":
        from arspec.sampler.drive.prompting import article

        raise InputError(
            "AR808",
            f"--length, --seconds, --prompt and --prefix are for sequences; this model is of {article(data.kind)}",
        )
    prompt = prompt_of(args, data)
    given = 0 if prompt is None else len(prompt)
    steps = _steps(args, data, given)
    condition, longest = conditions_of(model, args.condition, args.n)
    n = args.n or longest
    output.check(n)
    with _writer(output, data, n, steps) as (put, paths):
        for piece in _pieces(args, model, prompt, n, steps, as_tensors(condition, model), chance):
            put(piece)
    output.say_paths(paths)
    return 0


def _pieces(
    args: argparse.Namespace, model: Any, prompt: Array | None, n: int, steps: int, condition: dict[str, Any],
    chance: dict[str, Any],
) -> Iterator[Array]:  # fmt: skip
    """The steps of n sequences [n, up to any number], from a stream; or from a sample of the spec's own length, where
    no other is asked for or the model has no stream."""
    import torch

    length = model.spec.data.length
    prefix = None if prompt is None else torch.from_numpy(prompt).expand(n, -1).to(model.device)
    if steps != length or (prompt is None and n == 1):
        chunk = SHOWN if args.out == "-" else CHUNK
        try:
            stream = model.stream(
                n, steps=steps, chunk=chunk, seed=args.seed, member=args.member, prefix=prefix, compiled=args.compile,
                **chance, **condition,
            )  # fmt: skip
        except InputError as error:
            if error.code != "AR822" or steps > length:
                raise _too_long(error, prompt, steps, length) from error
        else:
            given, made = 0 if prompt is None else len(prompt), 0  # a prompt is written at once, and then read for long
            with Progress("sampling", steps, done=given) as progress:
                for piece in stream:
                    yield piece.cpu().numpy()
                    made += piece.shape[1]
                    progress.done = max(given, made)
            return
    known = None if prompt is None else torch.arange(length) < len(prompt)
    method = method_of(args, model, n, args.member, condition, known)
    drawn = model.sample(n, seed=args.seed, member=args.member, prefix=prefix, method=method, **chance, **condition)
    yield drawn[:, :steps].cpu().numpy()


def _too_long(error: InputError, prompt: Array | None, steps: int, length: int) -> InputError:
    """What is said where a model has no stream, and a sequence is to be longer than those of its spec."""
    if prompt is None or error.code != "AR822":
        return error
    message = (
        f"the prompt has {len(prompt):,} steps, and {steps:,} are to be written in all; the model draws {length:,} at "
        f"the most: {error.message}"
    )
    return InputError(
        "AR862", message, f"give a prompt of at most {length - 1:,} steps, and no --length beyond {length:,}"
    )


def _steps(args: argparse.Namespace, data: Any, given: int) -> int:
    """Steps in all. Unasked: the spec's length, and as many after a prompt that is as long already."""
    if args.seconds is not None and (data.content != "audio" or args.length is not None):
        why = "this model is of " + data.content if data.content != "audio" else "--length came as well"
        raise InputError("AR808", f"--seconds is for audio, and in the place of --length; {why}")
    unasked = steps = data.length if given < data.length else given + data.length
    if args.seconds is not None and not math.isfinite(args.seconds):
        raise InputError("AR808", f"--seconds is a number of seconds; {args.seconds} came")
    if args.length is not None or args.seconds is not None:
        steps = args.length if args.length is not None else round(args.seconds * data.rate)
    if steps < 1:
        raise InputError("AR808", f"a sequence has at least one step; {steps} came")
    if given >= steps:
        option = "--prompt" if args.prompt is not None else "--prefix"
        help = f"--length and --seconds count it in: --length {unasked} adds {unasked - given:,} steps to it"
        shorter = "give a shorter one" if args.prompt is not None else "cut the file, which is taken whole"
        raise InputError("AR808", f"{option} has {given:,} steps, and the whole is to have {steps:,}",
                         f"{help}; or {shorter}")  # fmt: skip
    return steps


@contextmanager
def _writer(
    output: Output, data: Any, n: int, steps: int
) -> Generator[tuple[Callable[[Array], object], list[Path]]]:  # fmt: skip
    """What takes the pieces, and the files that it makes; a text on standard output appears as it is drawn."""
    import numpy as np

    from arspec.data.growing import growing
    from arspec.data.symbols import growing_text

    if output.standard and output.suffix == ".txt" and data.is_text and n == 1:
        grown = growing_text(data)
        yield lambda pieces: put_bytes(grown(pieces[0], False)), []
        put_bytes(grown(np.zeros(0, np.int64), True))
        output.end()
        return
    with output.file() as path, growing(path, data, n, steps) as (put, paths):
        yield put, paths
