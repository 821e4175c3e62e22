"""`arspec sample --length` and `--seconds`: one sequence of any length, written as it is drawn."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.cli.models import as_tensors, conditions_of
from arspec.diagnostics import InputError
from arspec.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from arspec.spec.sections import SequenceData

    Codes = npt.NDArray[np.int64]

CHUNK = 4096  # steps that are written at a time


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `arspec sample` that are for sequences of any length."""
    parser.add_argument("--length", type=int, metavar="STEPS", help="one sequence of this length, however long")
    parser.add_argument("--seconds", type=float, metavar="S", help="the same, by the rate of the audio")
    parser.add_argument("--prefix", metavar="FILE", help="what it begins with: .wav, .npy or a text; taken in at once")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="compile its steps (default: where it saves time)"
    )


def wants_stream(args: argparse.Namespace) -> bool:
    """Whether any of the options asks for one."""
    return args.length is not None or args.seconds is not None or args.prefix is not None


def run_stream(args: argparse.Namespace, model: Any, chance: dict[str, Any]) -> int:
    """Draws one sequence and says where it is; exit code 0."""
    import torch

    data, out = model.spec.data, Path(args.out)
    steps = _steps(args, data)
    prefix = None if args.prefix is None else _prefix(Path(args.prefix), data)
    if prefix is not None and len(prefix) >= steps:
        raise InputError("AR808", f"--prefix has {len(prefix):,} steps, and the whole is to have {steps:,}",
                         "--length and --seconds count it in")  # fmt: skip
    condition, _ = conditions_of(model, args.condition, 1)
    pieces = model.stream(
        1, steps=steps, chunk=CHUNK, seed=args.seed, member=args.member,
        prefix=None if prefix is None else torch.from_numpy(prefix).unsqueeze(0).to(model.device),
        compiled=args.compile, **chance, **as_tensors(condition, model),
    )  # fmt: skip
    with _writer(out, data, steps) as write, Progress("sampling", steps) as progress:
        for piece in pieces:
            write(piece[0].cpu().numpy())
            progress.advance(piece.shape[1])
    print(out)
    return 0


def _steps(args: argparse.Namespace, data: Any) -> int:
    if data.kind != "sequence":
        raise InputError("AR808", f"--length, --seconds and --prefix are for sequences; this model is of a {data.kind}")
    if args.n not in (None, 1):
        raise InputError("AR808", f"one sequence is drawn at a time by --length or --seconds; -n {args.n} came")
    if args.seconds is not None and (data.content != "audio" or args.length is not None):
        why = "this model is of " + data.content if data.content != "audio" else "--length came as well"
        raise InputError("AR808", f"--seconds is for audio, and in the place of --length; {why}")
    steps = args.length if args.length is not None else data.length
    if args.seconds is not None:
        steps = round(args.seconds * data.rate)
    if steps < 1:
        raise InputError("AR808", f"a sequence has at least one step; {steps} came")
    return steps


def _prefix(path: Path, data: SequenceData) -> Codes:
    """The steps that a file holds, as the model's integers."""
    import numpy as np

    from arspec.data.adapt import codes_of
    from arspec.data.load import read

    raw, _ = read(str(path), data, {}, "all")
    if raw.x.ndim == 2 and len(raw.x) == 1:  # as samples are written
        raw = replace(raw, x=raw.x[0])
    if raw.x.ndim != 1 or not len(raw.x):
        raise InputError("AR804", f"{path}: a prefix is one sequence of at least one step")
    return codes_of(raw, data, str(path), []).astype(np.int64)


@contextmanager
def _writer(path: Path, data: SequenceData, steps: int) -> Generator[Callable[[Codes], None]]:
    """What writes pieces of a sequence to a file, which is there when the last one was written."""
    from arspec.data.atomic import replacing

    with replacing(path) as temporary:
        if path.suffix.lower() == ".npy":
            import numpy as np

            # a mapped file would end the process where the disk is full
            with temporary.open("wb") as file:
                said = {"descr": "<i8", "fortran_order": False, "shape": (1, steps)}
                np.lib.format.write_array_header_1_0(file, said)

                def put_codes(piece: Codes) -> None:
                    file.write(piece.astype("<i8").tobytes())

                yield put_codes
        elif data.content == "audio":
            from arspec.data.mu_law import to_wave
            from arspec.data.wav import opened_wav

            with opened_wav(temporary, data.rate) as put_samples:
                yield lambda piece: put_samples(to_wave(piece, data.levels, data.companding))
        else:
            with temporary.open("wb") as file:
                from arspec.data.symbols import bytes_of

                text = data.content == "text"

                def put_text(piece: Codes) -> None:
                    file.write(bytes_of(piece, data) if text else (" ".join(map(str, piece)) + " ").encode())

                yield put_text
