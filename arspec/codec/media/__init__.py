"""Files as whole numbers and back: which format a file has, for the data of a model. This list is the only one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from arspec.codec.media import array, decoded, flac, laid, picture, plain, png, pnm, sound, stored, text, wav
from arspec.codec.media.base import Media, inflated
from arspec.codec.wire import Damaged, In
from arspec.diagnostics import InputError, visible
from arspec.types import Ints

if TYPE_CHECKING:
    from arspec.spec.sections import Data, SequenceData

Parse = Callable[[bytes, str], Media | None]
Build = Callable[[In, Ints], bytes]

# The number of a format in containers -> what reads and what makes it, and the axes of its samples (None: any number).
# New formats come at the end.
FORMATS: list[tuple[Parse, Build, int | None]] = [
    (plain.parse, plain.build, 1),
    (array.parse, array.build, None),
    (wav.parse, wav.build, 2),
    (sound.parse, sound.build, 2),
    (pnm.parse, pnm.build, 3),
    (picture.parse, picture.build, 3),
    (stored.parse, stored.build, 2),
    (flac.parse, flac.build, 2),
    (decoded.parse, stored.build, 2),
    (text.parse, text.build, 1),
    (laid.parse, laid.build, 3),
    (png.parse, png.build, 3),
    (laid.rewrite, laid.build, 3),
]
PLAIN, ARRAY, WAV, SOUND, PNM, PICTURE, STORED, FLAC, DECODED, TEXT, LAID, PNG, REWRITTEN = range(len(FORMATS))


def parse(data: bytes, name: str, section: Data) -> tuple[int, Media]:
    """The format and the content of a file for a model of such data. InputError where it can't be read."""
    tried: tuple[int, ...] = (PNM, LAID, PICTURE, PNG, REWRITTEN)
    if data[:6] == b"\x93NUMPY":
        tried = (ARRAY,)
    elif section.kind == "sequence":
        tried = (WAV, STORED, FLAC, SOUND, DECODED) if section.content == "audio" else (_text(section),)
    for form in tried:
        try:
            media = FORMATS[form][0](data, name)
        except InputError as error:
            takes = f"the model is of {_said(section)}, and compresses nothing else but .npy arrays"
            help = f"{takes}; {error.help}" if error.help else takes
            raise InputError(error.code, error.message, help) from error
        if media is not None:
            return form, media
    raise InputError("AR804", f"{name} could not be restored as it is", "convert it to PNG, or to WAV")


def _text(section: SequenceData) -> int:
    return PLAIN if section.alphabet is None else TEXT


def _said(section: Data) -> str:
    """What a model's data are, in words."""
    if section.kind == "sequence":
        return {"audio": "sound", "text": "text"}.get(section.content, "sequences")
    return "images" if section.kind == "image" else "vectors"


def restores(media: Media, form: int, before: bytes, after: bytes, name: str) -> bool:
    """Whether a restored file is what was promised: byte for byte the one before, or what `media.kept` names is the same,
    as the library reads both that knows the format."""
    if media.exact:
        return before == after
    return (picture if FORMATS[form][2] == 3 else sound).same(before, after, name)


def build(form: int, meta: bytes, samples: Ints) -> bytes:
    """The file of a format. Damaged where there is no such file."""
    source = In(meta)
    try:
        data = FORMATS[form][1](source, samples)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # what the libraries make of samples and settings that no file has, has no common class
        raise Damaged(f"the container holds what is no file of its kind: {visible(str(error))}") from error
    source.end()
    return data


__all__ = [
    "ARRAY",
    "DECODED",
    "FLAC",
    "FORMATS",
    "LAID",
    "PICTURE",
    "PLAIN",
    "PNG",
    "PNM",
    "REWRITTEN",
    "SOUND",
    "STORED",
    "TEXT",
    "WAV",
    "Damaged",
    "Media",
    "build",
    "inflated",
    "parse",
    "restores",
]
