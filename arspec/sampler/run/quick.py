"""What layers do with single rows of channels, in machine code (row_steps.cpp, attention_step.cpp, selective_step.cpp).

A layer asks for one of these by its name (`Layer.quick`). Each gives None, and does nothing, where it has no use for
its tensors: the layer then calls torch."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import torch
from torch import Tensor

from arspec.sampler.run.kernel_calls import call

TYPES = {torch.float32: "float32", torch.float64: "float64"}
POINTER, NUMBER, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
FEW = 1 << 16  # numbers of rows up to which one thread takes them
SPREAD = 1 << 14  # states, or numbers of keys and values, from which a step is spread over threads


def _fields(*names: str) -> list[tuple[str, Any]]:
    return [(name, NUMBER) for name in names]


class Rows(ctypes.Structure):
    """What row_steps.cpp has under this name."""

    _fields_ = _fields("batch", "sites", "heads", "size", "example", "site")


class AttentionStep(ctypes.Structure):
    """What attention_step.cpp has under this name."""

    _fields_ = _fields(
        "batch", "shared", "rows", "known", "size", "width", "query", "key", "key_head", "key_site", "value",
        "value_head", "value_site", "threads", "spread",
    )  # fmt: skip


class SelectiveStep(ctypes.Structure):
    """What selective_step.cpp has under this name."""

    _fields_ = _fields(
        "batch", "sites", "states", "channels", "x", "step", "fed", "read", "x_site", "step_site", "fed_site",
        "read_site", "before", "after", "threads",
    )  # fmt: skip


class Quick:
    """The functions of a loaded library, whose vectors have so many bytes."""

    def __init__(self, loaded: ctypes.CDLL, bytes: int) -> None:
        self._bytes = bytes

        def found(name: str, *takes: Any) -> dict[torch.dtype, Any]:
            functions = {dtype: getattr(loaded, f"{name}_{said}") for dtype, said in TYPES.items()}
            for function in functions.values():
                function.restype, function.argtypes = None, takes
            return functions

        rows = ctypes.POINTER(Rows)
        self._normalise = found("normalise", rows, POINTER, POINTER, POINTER, REAL, NUMBER, POINTER)
        self._turn = found("turn", rows, POINTER, POINTER, NUMBER, NUMBER, POINTER, NUMBER, POINTER)
        self._window = found("window", rows, *[POINTER] * 4)
        self._gate = found("gate", rows, POINTER, NUMBER, POINTER)
        self._combine = found("combine", rows, rows, POINTER, POINTER, NUMBER, POINTER)
        self._put = found("put", rows, rows, POINTER, POINTER)
        self._attend = found("attend", ctypes.POINTER(AttentionStep), *[POINTER] * 3, REAL, POINTER)
        self._selective = found("selective_step", ctypes.POINTER(SelectiveStep), *[POINTER] * 10)

    def normalised(
        self, x: Tensor, gain: Tensor | None, bias: Tensor | None, heads: int, epsilon: float, centred: bool
    ) -> Tensor | None:
        """x [B, n, C], less its mean where it is `centred`, over the root of its mean square and epsilon, of each of so
        many heads, times gain and bias: [C / heads]."""
        if not _takes(x, gain, bias) or x.numel() > FEW:
            return None
        y = x.new_empty(x.shape)
        given = (x, gain, bias)
        call(self._normalise[x.dtype], _rows(x, heads), *map(_at, given), epsilon, centred, y.data_ptr())
        return y

    def turned(
        self, x: Tensor, turns: Tensor, heads: int, turned: int, pair: int, places: Tensor, positions: int
    ) -> Tensor | None:
        """x [B, n, C]: of each of so many heads the first `turned` channels in pairs, which are `pair` apart, by rows
        of turns [positions, 2, ...]: those of places [n], counted through all groups."""
        if not _takes(x) or x.numel() > FEW or turns.dtype != torch.float64 or not turns.is_contiguous():
            return None
        assert places.is_contiguous() and places.dtype == torch.int64 and len(places) == x.shape[1]
        assert turns.shape[0] == positions and turns[0].numel() == 2 * turned
        y = x.new_empty(x.shape)
        given = map(_at, (x, turns))
        call(self._turn[x.dtype], _rows(x, heads), *given, turned, pair, places.data_ptr(), positions, y.data_ptr())
        return y

    def windowed(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
        """Each channel of x [B, n, M * C] summed over the M places, times weight [M, C], and bias [C]: [B, n, C]."""
        places, channels = weight.shape
        if not (_takes(x, weight, bias) and places) or x.numel() > FEW:
            return None
        assert x.shape[2] == places * channels and (bias is None or len(bias) == channels)
        y = x.new_empty((x.shape[0], x.shape[1], channels))
        call(self._window[x.dtype], _rows(x, places), *map(_at, (x, weight, bias, y)))
        return y

    def gated(self, x: Tensor, cubic: bool) -> Tensor | None:
        """x σ(x), of x [B, n, C]; where it is `cubic` a GELU, as a tanh approximates it."""
        if not _takes(x) or x.numel() > FEW:
            return None
        y = x.new_empty(x.shape)
        call(self._gate[x.dtype], _rows(x, 1), x.data_ptr(), cubic, y.data_ptr())
        return y

    def combined(self, x: Tensor, other: Tensor, added: bool) -> Tensor | None:
        """x + other, or x times other, both [B, n, C]."""
        same = x.shape == other.shape and x.dtype == other.dtype and _takes(other)
        if not (same and _takes(x)) or x.numel() > FEW:
            return None
        y = x.new_empty(x.shape)
        rows = _rows(x, 1), _rows(other, 1)
        call(self._combine[x.dtype], *rows, x.data_ptr(), other.data_ptr(), added, y.data_ptr())
        return y

    def put(self, x: Tensor, y: Tensor) -> bool:
        """Whether it has copied x into y, both [B, n, C]."""
        assert x.shape == y.shape
        if x.dtype != y.dtype or not (_takes(x) and _takes(y)) or x.numel() > FEW:
            return False
        call(self._put[x.dtype], _rows(x, 1), _rows(y, 1), x.data_ptr(), y.data_ptr())
        return True

    def attended(self, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor | None:
        """softmax(scale q · k) · v: q [B, 1, C], k [B, kv_heads, S, d], v [B, kv_heads, S, e] -> [B, 1, heads * e],
        where d is the size of a head of q, and the heads that share keys stand side by side."""
        batch, shared, known, size = k.shape
        if not (_takes(q) and known and all(own.dtype == q.dtype and own.stride(3) == 1 for own in (k, v))):
            return None
        rows, width = q.shape[2] // (shared * size), v.shape[3]
        assert q.shape == (batch, 1, shared * rows * size) and v.shape == (batch, shared, known, width)
        threads, strides = torch.get_num_threads(), (q.stride(0), *k.stride()[:3], *v.stride()[:3])
        own = AttentionStep(batch, shared, rows, known, size, width, *strides, threads, SPREAD)
        y = q.new_empty((batch, 1, shared * rows * width))
        scale = 1 / math.sqrt(size) if scale is None else scale
        call(self._attend[q.dtype], ctypes.byref(own), q.data_ptr(), k.data_ptr(), v.data_ptr(), scale, y.data_ptr())
        return y

    def selective_step(
        self, x: Tensor, step: Tensor, bias: Tensor, a: Tensor, fed: Tensor, read: Tensor, skip: Tensor | None,
        before: Tensor, after: Tensor,
    ) -> Tensor | None:  # fmt: skip
        """Of one site after another, with d = softplus(step + bias): h = exp(d a) h' + d x fed and
        y = read · h + skip x, [B, n, C]. x and step [B, n, C], a [N, C], up to 0, fed and read [B, n, N], bias and skip
        [C]. before, after [B, C + N C]: y and h of the site before and of the last one, which may be the same memory.
        Channels are whole vectors."""
        (batch, sites, channels), (states, _) = x.shape, a.shape
        width, given, rows = channels * (1 + states), (x, step, fed, read), (before, after)
        if not (_takes(x, bias, a) and _is_like(x, skip)) or channels * x.itemsize % self._bytes:
            return None
        for own in (*given, *rows):
            if own.dtype != x.dtype or own.stride(-1) != 1:
                return None
        assert step.shape == x.shape and fed.shape == read.shape == (batch, sites, states) and a.shape[1] == channels
        assert before.shape == after.shape == (batch, width) and len(bias) == channels and sites
        assert skip is None or len(skip) == channels
        threads = torch.get_num_threads() if batch * sites * states * channels > SPREAD else 1
        apart = [each.stride(dim) for dim in (0, 1) for each in given]
        own = SelectiveStep(batch, sites, states, channels, *apart, before.stride(0), after.stride(0), threads)
        y = x.new_empty(x.shape)
        call(
            self._selective[x.dtype],
            ctypes.byref(own),
            *map(_at, (x, step, bias, a, fed, read, skip, before, after, y)),
        )
        return y


def _takes(x: Tensor, one: Tensor | None = None, other: Tensor | None = None) -> bool:
    """Whether rows [B, n, C] have their channels side by side, and weights all that they have, in the same numbers."""
    return x.dtype in TYPES and x.is_cpu and x.stride(2) == 1 and _is_like(x, one) and _is_like(x, other)


def _is_like(x: Tensor, weight: Tensor | None) -> bool:
    return weight is None or (weight.dtype == x.dtype and weight.is_contiguous())


def _rows(x: Tensor, heads: int) -> Any:
    batch, sites, channels = x.shape
    example, site, _ = x.stride()
    return ctypes.byref(Rows(batch, sites, heads, channels // heads, example, site))


def _at(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
