"""Arrays in .npy and .npz files, whose headers are held to the bytes that are there before memory is taken."""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from arspec.data.examples import Array
from arspec.diagnostics import InputError
from arspec.files.foreign import MOST_DATA, opened

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(path: str | os.PathLike[str], code: str = "AR803", help: str | None = None) -> Array:
    """The array of a .npy file. InputError with `code` where it is none, or is shorter than its header says."""
    with opened(path, code, help=help) as file:
        return npy(file, os.fstat(file.fileno()).st_size, os.fspath(path), code, help)


def npy(file: IO[bytes], size: int, name: str, code: str = "AR803", help: str | None = None) -> Array:
    """The array of a stream of `size` bytes in the .npy format, which is left where the array ends."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"the version {version[0]}.{version[1]} of the format is not known")
        shape, columns, dtype = _HEADERS[version](file)
        if dtype.hasobject or dtype.itemsize == 0:
            raise ValueError(f"values of type {dtype} are not read")
        if any(length < 0 for length in shape):
            raise ValueError(f"the shape {shape} cannot be")
        claimed, left = math.prod(shape) * dtype.itemsize, size - file.tell()
        if claimed > left:
            raise ValueError(f"its header claims {claimed:,} bytes of values, and {left:,} are there")
        data = file.read(claimed)
        if len(data) < claimed:
            raise ValueError(f"its header claims {claimed:,} bytes of values, and {len(data):,} are there")
        flat = np.frombuffer(bytearray(data), dtype)
        return flat.reshape(shape[::-1]).T if columns else flat.reshape(shape)
    except MemoryError:
        raise InputError(code, f"cannot read {name}: it holds more than fits in memory", help) from None
    except Exception as error:  # numpy's header parser lets through whatever its tokenizer and dtype constructor raise
        raise InputError(code, f"cannot read {name} as an array: {error}", help) from None


def read_npz(path: Path, keys: tuple[str, ...] | None = None) -> dict[str, Array]:
    """Arrays of an .npz file: those named by `keys`, or all. Pickled arrays are refused."""
    with opened(path, "AR803") as file:
        members: dict[str, zipfile.ZipInfo] = {}
        try:
            with zipfile.ZipFile(file) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                wanted = [members[key] for key in (keys or tuple(members))]
                if (total := sum(info.file_size for info in wanted)) > MOST_DATA:
                    raise ValueError(f"its arrays have {total:,} bytes, and {MOST_DATA:,} are the most")
                return {info.filename.removesuffix(".npy"): _member(archive, info, path) for info in wanted}
        except KeyError as error:
            raise InputError("AR803", f"{path} has no array {error}", f"it has: {_names(members)}") from None
        except (InputError, MemoryError):
            raise
        except Exception as error:  # what zipfile and its decompressors make of a damaged archive has no common class
            raise InputError("AR803", f"cannot read {path} as arrays: {error}") from None


def write_npy(path: Path, x: Array) -> None:
    """Writes an array. (numpy's own writer does not look whether the last bytes have reached the file.)"""
    with path.open("wb") as file:
        said = {"descr": np.lib.format.dtype_to_descr(x.dtype), "fortran_order": False, "shape": x.shape}
        np.lib.format.write_array_header_1_0(file, said)
        file.write(memoryview(np.ascontiguousarray(x)))  # pyright: ignore[reportArgumentType]


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Array:
    with archive.open(info) as stream:
        array = npy(stream, info.file_size, f"{path} ({info.filename})")
        stream.read()  # its checksum is looked at where it ends
        return array


def _names(members: dict[str, Any]) -> str:
    return ", ".join(sorted(members)) or "nothing"
