"""Text files as sources: their characters in UTF-8, one file after another."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from arspec.data.examples import Array
from arspec.data.options import Options
from arspec.data.raw import Raw, split_indices
from arspec.data.readers.files import Files, file_bytes, in_order
from arspec.data.readers.splits import files_of_split
from arspec.data.symbols import said
from arspec.diagnostics import InputError
from arspec.files.kinds import TEXTS

MOSTLY = 0.6  # of every second byte is 0 where Latin text is UTF-16
# A text may begin with a byte order mark, which says how it is encoded. UTF-32's begins with UTF-16's.
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip


def read_texts(source: Files, split: str, options: Options) -> Raw:
    """One split of a text, by place, or of several texts, by file, with `@join` between them. Marks are left out."""
    if source.folder is None:
        if options.join is not None:
            raise InputError(
                "AR840", f"{source}: @join= stands between several files; this source is one", "leave it out"
            )
        path = source.paths[0]
        text, encoding = read_text(path)
        begin, end = _span(text, split)
        notes = _marked([encoding]) + _wide([text]) + _foreign([text]) + in_order(split)
        return Raw("text", text[begin:end], levels=256, notes=notes, at=lambda byte: _place(path, text, begin + byte))
    chosen, notes = files_of_split(source, source.of_kind(TEXTS), split, shuffle=False, what="files", in_time=True)
    texts, encodings = zip(*(read_text(path) for path in chosen), strict=True)
    between = np.frombuffer(options.join or b"", np.uint8)
    pieces = [piece for text in texts for piece in (between, text)][1:]
    begins = np.cumsum([0, *(len(text) + len(between) for text in texts[:-1])])

    def at(byte: int) -> str:
        file = int(np.searchsorted(begins, byte, "right")) - 1
        within = byte - int(begins[file])
        if within >= len(texts[file]):
            return f"the place between {chosen[file].name} and {chosen[file + 1].name}, by @join"
        return _place(chosen[file], texts[file], within)

    notes = _marked(list(encodings)) + _wide(texts) + _foreign(texts) + notes + _joined(len(texts), options.join)
    return Raw("text", np.concatenate(pieces), levels=256, notes=notes, at=at)


def read_text(path: Path) -> tuple[Array, str | None]:
    """The bytes of a text in UTF-8, uint8 [n], without a byte order mark; and the encoding that the mark states."""
    data = file_bytes(path)
    head = data[:4].tobytes()
    mark = next((mark for mark in MARKS if head.startswith(mark)), None)
    if mark is None:
        return data, None
    encoding = MARKS[mark]
    if encoding == "utf-8":
        return data[len(mark) :], encoding
    try:
        return np.frombuffer(data.tobytes().decode(encoding).encode(), np.uint8), encoding
    except UnicodeError as error:
        name = encoding.upper()
        message = f"{path} begins with the mark of {name}, and is not {name} all through: {error}"
        raise InputError("AR803", message, "save it as UTF-8") from error


def _span(text: Array, split: str) -> tuple[int, int]:
    """Where the part of a split begins and ends, at characters' first bytes."""
    chosen = split_indices(len(text), split, shuffle=False, what="characters")
    if not len(chosen):
        return 0, 0
    return _first(text, int(chosen[0])), _first(text, int(chosen[-1]) + 1)


def _first(text: Array, byte: int) -> int:
    """The first byte of the character that a byte belongs to."""
    start = byte
    while 0 < start < len(text) and byte - start < 3 and int(text[start]) & 0xC0 == 0x80:
        start -= 1
    return start


def _place(path: Path, text: Array, byte: int) -> str:
    """Where a byte of a text stands, for people; columns are characters."""
    before = text[:byte]
    breaks = np.flatnonzero(before == 10)
    line = before[int(breaks[-1]) + 1 :] if len(breaks) else before
    column = int(np.count_nonzero((line & 0xC0) != 0x80)) + int(byte < len(text) and int(text[byte]) & 0xC0 != 0x80)
    return f"line {len(breaks) + 1}, column {column} of {path}"


def _marked(encodings: list[str | None]) -> list[str]:
    marked = [encoding for encoding in encodings if encoding is not None]
    if not marked:
        return []
    of = "a byte order mark" if len(encodings) == 1 else f"byte order marks of {len(marked)} files"
    wide = sorted({encoding.upper() for encoding in marked if encoding != "utf-8"})
    return [f"{of} left out" + (f", decoded from {' and '.join(wide)}" if wide else "")]


def _wide(texts: Sequence[Array]) -> list[str]:
    """A note about texts of two bytes for each character that no mark tells of."""
    wide = [text for text in texts if len(text) >= 4 and max(np.mean(text[k::2] == 0) for k in (0, 1)) > MOSTLY]
    return [f"{len(wide)} of {len(texts)} files look like UTF-16 without a byte order mark"] if wide else []


def _foreign(texts: Sequence[Array]) -> list[str]:
    """A note about texts in an encoding other than UTF-8."""
    foreign = sum(not _is_utf8(text) for text in texts)
    which = "the file is" if len(texts) == 1 else f"{foreign} of {len(texts)} files are"
    return [f"{which} not UTF-8; the bytes are taken as they are"] if foreign else []


def _is_utf8(text: Array) -> bool:
    try:
        text.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def _joined(count: int, join: bytes | None) -> list[str]:
    if count == 1:
        return []
    if join is None:
        return [f"{count} files joined with nothing between them (@join=newline puts a line break there)"]
    between = "nothing" if not join else " ".join(map(said, join.decode("utf-8", errors="replace")))
    return [f"{count} files joined with {between} between them"]
