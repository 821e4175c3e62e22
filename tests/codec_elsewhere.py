"""Encodes and decodes in a process of its own: `python -m tests.codec_elsewhere FOLDER NAME THREADS [OTHER ...]`.

Decodes the containers of the others, which must give the data back, then writes its own, and the model's parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from arspec.codec import Codec, Item
from arspec.codec.media import ARRAY, array
from tests.small import SHIPPED, randomised, small

MODELS = ("gated_pixelcnn", "parallel_multiscale", "gpt")
NOISES = (35, 22)  # the usual bound, and one that makes many marks


def main(folder: Path, name: str, *others: str) -> None:
    """What the file says."""
    (folder / f"{name}-capability.txt").write_text(torch.backends.cpu.get_cpu_capability())
    for number, spec in enumerate(MODELS):
        model = randomised(small(next(p for p in SHIPPED if p.stem == spec)))
        x = data(model.spec.data.shape, model.spec.data.levels)
        for noise in NOISES:
            for other in others:
                container = (folder / f"{other}-{spec}-{noise}.ars").read_bytes()
                (restored,) = Codec(model, interleaved=4, batch=4 * (number + 1)).decompress(container)
                assert np.array_equal(restored.samples, x), f"{spec}: {name} cannot read {other}"
            container, summary = Codec(model, noise=noise, interleaved=4).compress(
                [Item("x.npy", ARRAY, array.of_array(x, "x"))]
            )
            (folder / f"{name}-{spec}-{noise}.ars").write_bytes(container)
            print(f"{spec}, 2^-{noise}: {summary.guarded} of {summary.numbers} guarded, {summary.guard_bytes} bytes")
        with torch.no_grad():
            np.save(folder / f"{name}-{spec}.npy", model(torch.from_numpy(x)).numpy())


def data(shape: tuple[int, ...], levels: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Data [9, *shape] that is the same everywhere."""
    return np.random.default_rng(0).integers(0, levels, (9, *shape)).astype(np.uint8)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    main(Path(sys.argv[1]), sys.argv[2], *sys.argv[4:])
