"""Arrays in .npy files, byte for byte."""

from __future__ import annotations

import io

import numpy as np

from arspec.codec.media.base import Media, pack_frame, unpack_frame
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.arrays import npy
from arspec.data.examples import Array
from arspec.diagnostics import InputError
from arspec.types import Ints

_WIDE = ("i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
TYPES = ("|b1", "|i1", "|u1", *("<" + t for t in _WIDE), *(">" + t for t in _WIDE))


def parse(data: bytes, name: str) -> Media:
    """A .npy file of whole numbers, of integer or of floating type."""
    stream = io.BytesIO(data)
    array = npy(stream, len(data), name)
    end = stream.tell()
    media = of_array(array, name, data[: end - array.nbytes], data[end:])
    if build(ByteReader(media.meta), media.samples) != data:
        raise InputError("AR804", f"{name} holds numbers that are not whole, such as -0", "convert them to integers")
    return media


def of_array(array: Array, name: str, before: bytes | None = None, after: bytes = b"") -> Media:
    """An array, in the frame of a .npy file."""
    if array.dtype.str not in TYPES:
        raise InputError("AR804", f"{name} holds values of type {array.dtype}; a model codes whole numbers")
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.rint(array)).all()):
        raise InputError("AR804", f"{name} holds fractions; a model codes whole numbers", "scale and round first")
    if array.size and (float(array.max()) >= 2.0**63 or float(array.min()) < -(2.0**63)):
        raise InputError("AR804", f"{name} holds numbers beyond 64 bits")
    columns = bool(array.flags.f_contiguous and not array.flags.c_contiguous)
    out = ByteWriter().byte(TYPES.index(array.dtype.str)).byte(columns)
    usual = _header(array.dtype.str, array.shape, columns)
    pack_frame(out, usual if before is None else before, after, (usual, b""))
    return Media(array.astype(np.int64), None, out.done())


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The .npy file."""
    dtype, columns = _type(meta)
    before, after = unpack_frame(meta, (_header(dtype, samples.shape, columns), b""))
    return before + samples.astype(dtype).tobytes("F" if columns else "C") + after


def array_of(meta: ByteReader, samples: Ints) -> Array:
    """The array that the file holds."""
    dtype, _ = _type(meta)
    return samples.astype(dtype)


def _type(meta: ByteReader) -> tuple[str, bool]:
    number = meta.byte()
    if number >= len(TYPES):
        raise CorruptContainer("the container states a type of numbers that there is not")
    return TYPES[number], bool(meta.byte())


def _header(dtype: str, shape: tuple[int, ...], columns: bool) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": columns, "shape": shape})
    return stream.getvalue()
