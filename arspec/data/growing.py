"""Writers of sequences that grow piece by piece; their files are there when the last piece was written."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.examples import Array
from arspec.data.mu_law import to_wave
from arspec.data.symbols import growing_text
from arspec.data.wav import WIDTH, check_samples, opened_wav
from arspec.data.write import as_text, numbered
from arspec.files.atomic import check_room, replacing, replacing_all, write_text

if TYPE_CHECKING:
    from arspec.language.sections import SequenceData

Put = Callable[[Array], object]  # takes a piece of each sequence, [n, up to any number of steps]


@contextmanager
def growing(path: Path, data: SequenceData, n: int, steps: int) -> Generator[tuple[Put, list[Path]]]:
    """What takes the pieces of n sequences of so many steps, and the files that it makes of them: .npy is one array
    [n, steps], .wav has a file for each, a text is written as `arspec.data.write` writes it. InputError, before the
    first piece, for more steps than the disk or the format takes."""
    suffix, sound = path.suffix.lower(), data.content == "audio"
    if sound and suffix != ".npy":
        check_samples(steps)
    check_room(path, n * steps * (8 if suffix == ".npy" else WIDTH if sound else 1))
    if suffix == ".npy":
        with _array(path, n, steps) as put:
            yield put, [path]
    elif sound:
        with _sounds(numbered(path, n), data) as put:
            yield put, numbered(path, n)
    elif n == 1 and data.is_text:
        with replacing(path) as temporary, temporary.open("wb") as file:
            grown = growing_text(data)
            yield lambda pieces: file.write(grown(pieces[0], False)), [path]
            file.write(grown(np.zeros(0, np.int64), True))
    else:  # one after another in a file, so that the first has to be there as a whole
        kept: list[Array] = []
        yield lambda pieces: kept.append(pieces.astype(np.uint16 if data.levels <= 1 << 16 else np.uint32)), [path]
        write_text(path, as_text(np.concatenate(kept, 1), data))


@contextmanager
def _array(path: Path, n: int, steps: int) -> Generator[Put]:
    """Step after step, as a matrix in Fortran's order is kept; a mapped file would end the process on a full disk."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        said = {"descr": "<i8", "fortran_order": n > 1, "shape": (n, steps)}
        np.lib.format.write_array_header_1_0(file, said)
        yield lambda pieces: file.write(pieces.T.astype("<i8").tobytes())


@contextmanager
def _sounds(paths: list[Path], data: SequenceData) -> Generator[Put]:
    with replacing_all(paths) as temporaries, ExitStack() as opened:
        files = [opened.enter_context(opened_wav(temporary, data.rate)) for temporary in temporaries]

        def put(pieces: Array) -> None:
            for row, file in zip(pieces, files, strict=True):
                file(to_wave(row, data.levels, data.companding))

        yield put
