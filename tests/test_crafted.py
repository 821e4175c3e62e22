"""Containers whose checksums hold and whose content nobody has packed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altered import SOUND, VECTOR
from hostile import SPEC

import arspec
from arspec.codec import Codec, Item
from arspec.codec.alphabet import SPREAD, STEPS, Alphabet
from arspec.codec.container import read, write
from arspec.codec.entropy import Lost, SymbolReader, unpack_even
from arspec.codec.media import FORMATS, WAV, build, parse
from arspec.codec.media import SOUND as SOUND_FILE
from arspec.codec.part import Part
from arspec.codec.tiles import Tiling
from arspec.codec.wire import CorruptContainer
from arspec.diagnostics import InputError


def _packed(text: str, name: str, data: bytes, folder: Path) -> tuple[Codec, bytes]:
    path = folder / "spec.yaml"
    path.write_text(text)
    model = arspec.compile(arspec.load(path))
    codec = Codec(model)
    return codec, codec.compress([Item(name, *parse(data, name, model.spec.data))])[0]


def _crafted(codec: Codec, container: bytes, **changes: Any) -> bytes:
    head, bodies = read(container)
    part = Part.unpack(next(bodies), codec.model.spec.data.levels, 1 << 20)
    return write(head, [replace(part, **changes).pack()])


def _npy(x: Any) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, x)
    return stream.getvalue()


def _wav() -> bytes:
    import io

    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, np.sin(np.arange(40)), 8000, format="WAV", subtype="PCM_16")
    return stream.getvalue()


@pytest.mark.parametrize(
    "changes",
    [
        {"symbols": b"\xff" * 12},
        {"symbols": b"\xff" * 12, "every": 1},
        {"every": 1},
        {"shape": (1 << 13,)},
        {"shape": ()},
        {"shape": (0, 1 << 40)},
        {"shape": (2, 3, 4, 1, 1, 1, 1, 1)},
        {"form": WAV},
        {"form": WAV, "shape": (4, 8)},
        {"alphabet": Alphabet(SPREAD, 0, 4)},
        {"alphabet": Alphabet(STEPS, 0, 4)},
        {"meta": b"\xff\xff"},
        {"content": bytes(8)},
    ],
    ids=repr,
)
def test_a_crafted_part_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    codec, container = _packed(SPEC, "x.npy", _npy(np.arange(32).reshape(2, 1, 4, 4) % 4), tmp_path)
    with pytest.raises(InputError):
        list(codec.decompress(_crafted(codec, container, **changes)))


def test_places_that_nobody_packed_are_refused(tmp_path: Path) -> None:
    codec, container = _packed(SOUND, "x.wav", _wav(), tmp_path)
    with pytest.raises(CorruptContainer, match="no places for the values"):
        list(codec.decompress(_crafted(codec, container, places=b"\xff" * 12)))


@pytest.mark.parametrize("form", [WAV, SOUND_FILE])
def test_a_part_of_other_axes_than_the_model_is_refused(form: int, tmp_path: Path) -> None:
    codec, container = _packed(VECTOR, "x.npy", _npy(np.arange(18).reshape(2, 9)), tmp_path)
    with pytest.raises(CorruptContainer, match="a shape that cannot be"):
        list(codec.decompress(_crafted(codec, container, form=form, shape=(2, 9))))


def test_tiles_have_the_axes_of_what_they_tile() -> None:
    with pytest.raises(ValueError, match="no tiles"):
        Tiling((1, 2), (1, 2), (1, 2))


def test_streams_that_no_encoder_leaves_are_lost() -> None:
    with pytest.raises(Lost):
        SymbolReader(b"\xff" * 12, 1).take(np.array([[1.0, 1.0, 1.0, 5.0]]))
    with pytest.raises(Lost):
        unpack_even(b"\xff" * 12, np.array([1000, 3, 77]))
    reader = SymbolReader(b"\xff" * 12, 1)
    reader._checked.since = 1
    with pytest.raises(Lost):
        reader.pause()


@pytest.mark.parametrize("form", range(len(FORMATS)))
def test_a_file_is_made_of_anything_or_refused(form: int) -> None:
    """Whatever the samples and the settings are, of the number of axes that the format has."""
    draw = np.random.default_rng(form)
    axes = FORMATS[form].axes or 3
    for _ in range(60):
        shape = tuple(draw.integers(0, 4, axes))
        low, high = [(0, 2), (0, 256), (-9, 9), (-(1 << 62), 1 << 62)][draw.integers(4)]
        meta = bytes(draw.integers(0, [3, 12, 256][draw.integers(3)], draw.integers(0, 9)).astype(np.uint8))
        try:
            assert isinstance(build(form, meta, draw.integers(low, high, shape)), bytes)
        except InputError as error:
            assert error.code == "AR830"
