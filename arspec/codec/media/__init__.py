"""Files as whole numbers and back: which format a file has, for the data of a model. This list is the only one.

A new format is a file with `parse` and `build` in this folder, and a row at the end of `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from arspec.codec.media import array, decoded, flac, laid, picture, plain, png, pnm, sound, stored, text, tokens, wav
from arspec.codec.media.base import Media, inflated
from arspec.codec.wire import ByteReader, CorruptContainer
from arspec.diagnostics import InputError, visible
from arspec.types import Ints

if TYPE_CHECKING:
    from arspec.language.sections import Data, SequenceData

Parse = Callable[[bytes, str], Media | None]
Build = Callable[[ByteReader, Ints], bytes]


@dataclass(frozen=True)
class Format:
    """A format of files.

    of: what a file of it holds. parse: what reads it, build: what makes it. axes: of its samples, None for any number.
    turn: when it is tried among the formats of pictures or of sounds; the lowest comes first.
    """

    of: Literal["picture", "sound", "text", "bytes", "array", "tokens"]
    parse: Parse
    build: Build
    axes: int | None
    turn: int = 0


# The place of a format in this list is its number in containers, so that new formats come at the end.
FORMATS: tuple[Format, ...] = (
    Format("bytes", plain.parse, plain.build, axes=1),
    Format("array", array.parse, array.build, axes=None),
    Format("sound", wav.parse, wav.build, axes=2, turn=0),
    Format("sound", sound.parse, sound.build, axes=2, turn=3),
    Format("picture", pnm.parse, pnm.build, axes=3, turn=0),
    Format("picture", picture.parse, picture.build, axes=3, turn=2),
    Format("sound", stored.parse, stored.build, axes=2, turn=1),
    Format("sound", flac.parse, flac.build, axes=2, turn=2),
    Format("sound", decoded.parse, stored.build, axes=2, turn=4),
    Format("text", text.parse, text.build, axes=1),
    Format("picture", laid.parse, laid.build, axes=3, turn=1),
    Format("picture", png.parse, png.build, axes=3, turn=3),
    Format("picture", laid.rewrite, laid.build, axes=3, turn=4),
    Format("tokens", tokens.parse, tokens.build, axes=1),
)
# The numbers by which other files call some of them.
PLAIN, ARRAY, WAV, SOUND, PNM, PICTURE, STORED, FLAC, DECODED, TEXT, LAID, PNG, REWRITTEN, TOKENS = range(14)


def parse(data: bytes, name: str, section: Data) -> tuple[int, Media]:
    """The format and the content of a file for a model of such data. InputError where it can't be read."""
    for form in _tried(data, section):
        try:
            by_tokens = form == TOKENS
            media = tokens.parse(data, name, section.tokenizer) if by_tokens else FORMATS[form].parse(data, name)
        except InputError as error:
            takes = f"the model is of {_said(section)}, and compresses nothing else but .npy arrays"
            help = f"{takes}; {error.help}" if error.help else takes
            raise InputError(error.code, error.message, help) from error
        if media is not None:
            return form, media
    raise InputError("AR804", f"{name} could not be restored as it is", "convert it to PNG, or to WAV")


def _tried(data: bytes, section: Data) -> list[int]:
    """The numbers of the formats that a file may have, in the order in which they are tried."""
    if data[:6] == b"\x93NUMPY":
        return [ARRAY]
    if section.kind == "sequence" and section.content != "audio":
        return [_text(section)]
    of = "sound" if section.kind == "sequence" else "picture"
    return sorted((k for k, form in enumerate(FORMATS) if form.of == of), key=lambda k: FORMATS[k].turn)


def _text(section: SequenceData) -> int:
    if section.tokenizer is not None:
        return TOKENS
    return PLAIN if section.alphabet is None else TEXT


def _said(section: Data) -> str:
    """What a model's data are, in words."""
    if section.kind == "sequence":
        return {"audio": "sound", "text": "text"}.get(section.content, "sequences")
    return "images" if section.kind == "image" else "vectors"


def restores(media: Media, form: int, before: bytes, after: bytes, name: str) -> bool:
    """Whether a restored file is what was promised: byte for byte the one before, or what `media.kept` names is the
    same, as the library reads both that knows the format."""
    if media.exact:
        return before == after
    return (picture if FORMATS[form].of == "picture" else sound).same(before, after, name)


def build(form: int, meta: bytes, samples: Ints, section: Data | None = None) -> bytes:
    """The file of a format. section: of the model's data, of which a text of tokens needs the tokenizer.
    CorruptContainer where there is no such file."""
    source = ByteReader(meta)
    try:
        if form == TOKENS:
            data = tokens.build(source, samples, None if section is None else section.tokenizer)
        else:
            data = FORMATS[form].build(source, samples)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # what the libraries make of samples and settings that no file has, has no common class
        raise CorruptContainer(f"the container holds what is no file of its kind: {visible(str(error))}") from error
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
    "TOKENS",
    "WAV",
    "CorruptContainer",
    "Format",
    "Media",
    "build",
    "inflated",
    "parse",
    "restores",
]
