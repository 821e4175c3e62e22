"""Operators that multiply: matrices, convolutions, triangular systems."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import torch

from arspec.exporting.onnx.building import Building, Value
from arspec.exporting.onnx.operators.pointwise import Gives, Write
from arspec.exporting.onnx.operators.shapes import flipped, padded, reshape
from arspec.exporting.onnx.tracing import Dim, Untraceable


def _matmul(b: Building, gives: Gives, x: Value, y: Value) -> str:
    return times(b, x, y, gives[0].shape)


def times(b: Building, x: Value, y: Value, shape: tuple[Any, ...]) -> str:
    """x times y: [..., N, K] and [..., K, M]. Of no numbers at all the sum is zero, which not every runtime knows."""
    if x.shape[-1] == 0:
        return b.node("Expand", [b.name(b.scalar(0, x.dtype)), b.numbers(shape)])
    return b.node("MatMul", [b.name(x), b.name(y)])


def _addmm(b: Building, gives: Gives, plus: Value, x: Value, y: Value, *, beta: Any = 1, alpha: Any = 1) -> str:
    found, added = times(b, x, y, gives[0].shape), b.name(plus)
    if alpha != 1:
        found = b.node("Mul", [found, b.name(b.scalar(alpha, x.dtype))])
    if beta != 1:
        added = b.node("Mul", [added, b.name(b.scalar(beta, x.dtype))])
    return b.node("Add", [found, added])


def _convolution(
    b: Building, gives: Gives, x: Value, weight: Value, bias: Value | None, stride: list[int], padding: list[int],
    dilation: list[int], transposed: bool, output_padding: list[int], groups: int,
) -> str:  # fmt: skip
    if x.dtype == torch.float64:
        if transposed:
            return _spread(b, gives, x, weight, bias, stride, padding, dilation, output_padding, groups)
        return _taps(b, gives, x, weight, bias, stride, padding, dilation, groups)
    kernel = [int(n) for n in weight.shape[2:] if not isinstance(n, Dim)]
    attributes: dict[str, Any] = {
        "kernel_shape": kernel, "strides": stride, "pads": [*padding, *padding], "dilations": dilation, "group": groups,
    }  # fmt: skip
    if transposed:
        attributes["output_padding"] = output_padding
    inputs = [b.name(x), b.name(weight), *([] if bias is None else [b.name(bias)])]
    return b.node("ConvTranspose" if transposed else "Conv", inputs, **attributes)


def _spread(
    b: Building, gives: Gives, x: Value, weight: Value, bias: Value | None, stride: list[int], padding: list[int],
    dilation: list[int], output_padding: list[int], groups: int,
) -> str:  # fmt: skip
    """A transposed convolution in float64: a convolution with the kernel turned round, over an input between whose
    sites stand zeros."""
    dims, batch, channels = len(stride), x.shape[0], x.shape[1]
    grid = [int(n) for n in x.shape[2:]]  # pyright: ignore[reportArgumentType]
    size, per, *kernel = (int(n) for n in weight.shape)  # pyright: ignore[reportArgumentType]
    apart = (batch, channels, *(n for own in grid for n in (own, 1)))
    wide = (batch, channels, *(n for own, step in zip(grid, stride, strict=True) for n in (own, step)))
    long = (batch, channels, *(own * step for own, step in zip(grid, stride, strict=True)))
    laid = Value(apart, x.dtype, reshape(b, x, apart))
    inner = [n for step in stride[::-1] for n in (0, step - 1, 0, 0)]
    laid = Value(wide, x.dtype, padded(b, laid, inner))
    laid = Value(long, x.dtype, reshape(b, laid, long))
    reach = [(kernel[k] - 1) * dilation[k] - padding[k] for k in range(dims)]
    ends = [reach[k] + output_padding[k] - (stride[k] - 1) for k in range(dims)]
    laid = Value(long, x.dtype, padded(b, laid, [n for k in reversed(range(dims)) for n in (reach[k], ends[k])]))
    by_group = (groups, size // groups, per, *kernel)
    turned = b.node("Reshape", [b.name(weight), b.numbers(by_group)])
    turned = b.node("Transpose", [turned], perm=[0, 2, 1, *range(3, 3 + dims)])
    shape = (groups * per, size // groups, *kernel)
    turned = Value(shape, weight.dtype, b.node("Reshape", [turned, b.numbers(shape)]))
    turned = Value(shape, weight.dtype, flipped(b, turned, [*range(2, 2 + dims)]))
    return _taps(b, gives, laid, turned, bias, [1] * dims, [0] * dims, dilation, groups)


def _taps(
    b: Building, gives: Gives, x: Value, weight: Value, bias: Value | None, stride: list[int], padding: list[int],
    dilation: list[int], groups: int,
) -> str:  # fmt: skip
    """A convolution in float64, which onnxruntime does not have: a product for each place of the kernel, added up."""
    out, grid = gives[0].shape, [*gives[0].shape[2:]]
    kernel = [int(n) for n in weight.shape[2:] if not isinstance(n, Dim)]
    dims = len(kernel)
    whole = b.name(x)
    if any(padding):
        whole = b.node("Pad", [whole, b.numbers([0, 0, *padding, 0, 0, *padding])])
    per = int(weight.shape[0]) // groups, int(weight.shape[1])  # pyright: ignore[reportArgumentType]
    total: str | None = None
    for tap in product(*(range(n) for n in kernel)):
        starts = [tap[k] * dilation[k] for k in range(dims)]
        ends = [starts[k] + (int(grid[k]) - 1) * stride[k] + 1 for k in range(dims)]  # pyright: ignore[reportArgumentType]
        axes = b.numbers([*range(2, 2 + dims)])
        part = b.node("Slice", [whole, b.numbers(starts), b.numbers(ends), axes, b.numbers(stride)])
        part = b.node(
            "Reshape",
            [part, b.numbers((x.shape[0], groups, per[1], math.prod(n for n in grid if not isinstance(n, Dim))))],
            allowzero=1,
        )  # pyright: ignore[reportArgumentType]
        own = b.node("Slice", [b.name(weight), b.numbers(tap), b.numbers([t + 1 for t in tap]), axes])
        own = b.node("Reshape", [own, b.numbers((1, groups, *per))])
        found = b.node("MatMul", [own, part])
        total = found if total is None else b.node("Add", [total, found])
    assert total is not None
    total = b.node("Reshape", [total, b.numbers(out)], allowzero=1)
    if bias is None:
        return total
    return b.node("Add", [total, b.node("Reshape", [b.name(bias), b.numbers([1, int(weight.shape[0]), *[1] * dims])])])  # pyright: ignore[reportArgumentType]


def _solved(
    b: Building, gives: Gives, a: Value, right: Value, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> str:
    """X of A X = B, of a triangle A with ones on its diagonal: with N = 1 - A, which is nilpotent, X is the product of
    1 + N^(2^k) times B."""
    size = a.shape[-1]
    if isinstance(size, Dim) or not (unitriangular and left):
        raise Untraceable("it solves a triangular system whose diagonal is not one")
    mask = np.triu(np.ones((size, size)), 1) if upper else np.tril(np.ones((size, size)), -1)
    strict = b.name(Value((size, size), a.dtype, constant=torch.tensor(-mask, dtype=a.dtype)))
    power, found = b.node("Mul", [b.name(a), strict]), b.name(right)
    reach = 1
    while reach < size:
        found = b.node("Add", [found, b.node("MatMul", [power, found])])
        reach *= 2
        if reach < size:
            power = b.node("MatMul", [power, power])
    return b.node("Identity", [found])


PRODUCTS: dict[str, Write] = {
    "mm": _matmul, "bmm": _matmul, "addmm": _addmm, "convolution": _convolution,
    "linalg_solve_triangular": _solved,
}  # fmt: skip
"""By the name of an operator, what writes it."""
