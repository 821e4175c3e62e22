"""A pickle of plain numpy arrays, read without the power to run anything else.

MNIST comes in a package as a pickle. A pickle may name any function and have it called; this reader knows the three
names that rebuild an array and refuses every other before it is looked up.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct  # pyright: ignore[reportPrivateUsage, reportUnknownVariableType]

from arspec.diagnostics import InputError

_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) not in _ALLOWED:
            asked = f"{module_name}.{global_name}"
            raise InputError("AR803", f"refused: the pickle asks for {asked}, and only arrays are read")
        return _ALLOWED[module_name, global_name]


def load_arrays(data: bytes) -> Any:
    """Tuples, lists and dicts of numpy arrays and plain values. Anything else is an InputError."""
    try:
        return _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
    except InputError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise InputError("AR803", f"the pickle is damaged: {error}") from error
