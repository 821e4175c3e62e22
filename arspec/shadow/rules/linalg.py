"""Solving and factoring: exact by triangles, whole matrices else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, Algebra, broadcast, only, some
from arspec.shadow.call import Call
from arspec.shadow.elements import all_finite
from arspec.shadow.rules.pieces import Factor, product
from arspec.shadow.rules.table import Labels, rule


def _side(call: Call, value: Tensor) -> tuple[Tensor, Tensor]:
    return call.labels(value).expand(value.shape), call.zero(value).expand(value.shape)


def substituted(
    algebra: Algebra, labels: Tensor, zero: Tensor, right: Tensor, right_zero: Tensor, *, unit: bool
) -> Tensor:
    """Labels of the solution with a lower triangle `[..., n, n]` and a right side `[..., n, c]`."""
    size = labels.shape[-1]
    lower = torch.ones(size, size, dtype=torch.bool).tril(-1)
    own = labels.diagonal(dim1=-2, dim2=-1)[..., None]
    steady = torch.full_like(own, CONSTANT) if unit else own
    if not some(zero & lower) and not some(right_zero):
        row = algebra.reduce(only(labels, lower), [-1])
        return algebra.running(algebra.join(right, row, steady), -2)
    lead = broadcast(labels.shape[:-2], right.shape[:-2])
    out = torch.zeros((*lead, *right.shape[-2:]), dtype=labels.dtype)
    nothing = torch.ones(out.shape, dtype=torch.bool)
    for k in range(size):
        gone = zero[..., k : k + 1, :k]
        row = Factor(labels[..., k : k + 1, :k], gone, None)
        above = Factor(out[..., :k, :], nothing[..., :k, :], None)
        read = product(algebra, row, above).expand(*lead, 1, out.shape[-1]) if k else out[..., :1, :]
        terms = (~gone.mT & ~nothing[..., :k, :]).any(-2, keepdim=True) if k else torch.tensor(False)
        shown = terms | ~right_zero[..., k : k + 1, :]
        read = algebra.join(read, right[..., k : k + 1, :], steady[..., k : k + 1, :])
        out[..., k : k + 1, :] = only(read, shown)
        nothing[..., k : k + 1, :] = ~shown
    return out


def _solved(call: Call, matrix: Any, right: Any, *, upper: bool, left: bool, transpose: bool, unit: bool) -> Tensor:
    """Labels of a triangular solve in any of its forms."""
    (labels, zero), (side, blank) = (_side(call, value) for value in (matrix, right))
    if transpose:
        labels, zero, upper = labels.mT, zero.mT, not upper
    if not left:  # X A = B is the transpose of A' X' = B'
        labels, zero, side, blank, upper = labels.mT, zero.mT, side.mT, blank.mT, not upper
    if upper:
        labels, zero = labels.flip(-1, -2), zero.flip(-1, -2)
        side, blank = side.flip(-2), blank.flip(-2)
    out = substituted(call.algebra, labels, zero, side, blank, unit=unit)
    out = out.flip(-2) if upper else out
    return out if left else out.mT


@rule("linalg_solve_triangular")
def solve_triangular(call: Call) -> Tensor:
    """A row of the solution reads its row of the triangle and the rows that this one reads."""
    return _solved(
        call, call["self"], call["B"], upper=call["upper"], left=call["left"], transpose=False,
        unit=call["unitriangular"],
    )  # fmt: skip


@rule("triangular_solve")
def old_solve_triangular(call: Call) -> Labels:
    """As above, with the matrix handed back."""
    out = _solved(
        call, call["A"], call["self"], upper=call["upper"], left=True, transpose=call["transpose"],
        unit=call["unitriangular"],
    )  # fmt: skip
    return [out, call.labels(call["A"])]


def _triangle(call: Call, value: Tensor) -> int:
    """1: a lower triangle by structural zeros, -1: an upper one, 0: neither."""
    zero = call.zero(value).expand(value.shape)
    ones = torch.ones(value.shape[-2:], dtype=torch.bool)
    if bool((zero | ~ones.triu(1)).all()):
        return 1
    return -1 if bool((zero | ~ones.tril(-1)).all()) else 0


def between(algebra: Algebra, labels: Tensor) -> Tensor:
    """A lower triangle, of which `[i, j]` reads all rows and columns from j to i."""
    out = algebra.running(labels.tril().flip(-1), -1).flip(-1)
    return algebra.running(out.tril(), -2).tril()


@rule("linalg_inv_ex", "linalg_matrix_exp")
def inverse(call: Call) -> Labels:
    """A triangle stays one; else everything of a matrix."""
    value = call[next(iter(call.arguments))]
    labels = call.labels(value).expand(value.shape)
    every = call.algebra.reduce(labels, [-2, -1])
    kind = _triangle(call, value)
    if kind == 0 or not all_finite(call.value(value)):
        out = every
    else:
        out = between(call.algebra, labels if kind == 1 else labels.mT)
        out = out if kind == 1 else out.mT
    return [out, *([every.squeeze(-1).squeeze(-1)] * (len(call.targets) - 1))]


@rule("_linalg_solve_ex")
def solve(call: Call) -> Labels:
    """A column of the solution reads its column and the whole matrix, or by triangles where it is one."""
    matrix, right = call["A"], call["B"]
    labels = call.labels(matrix).expand(matrix.shape)
    every = call.algebra.reduce(labels, [-2, -1])
    flat = right.dim() < matrix.dim()
    kind = 0 if flat else _triangle(call, matrix)
    left = call.get("left", True)
    side = call.labels(right).expand(right.shape)
    if kind:
        out = _solved(call, matrix, right, upper=kind < 0, left=left, transpose=False, unit=False)
    elif flat:
        out = call.algebra.join(call.algebra.reduce(side, [-1]), every.squeeze(-1))
    else:
        out = call.algebra.join(call.algebra.reduce(side, [-2 if left else -1]), every)
    rest = [every if t.dim() == matrix.dim() else every.squeeze(-1) for t in call.targets[1:]]
    rest = [
        r if t.dim() >= matrix.dim() - 1 else every.reshape(t.shape)
        for r, t in zip(rest, call.targets[1:], strict=True)
    ]
    return [out, *rest]


@rule("linalg_cholesky_ex", "cholesky")
def cholesky(call: Call) -> Labels:
    """`[i, j]` reads the triangle before j, and row i up to j."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    upper = bool(call["upper"])
    labels = (labels.mT if upper else labels).tril()
    rows = call.algebra.running(labels, -1)
    lead = call.algebra.running(rows.diagonal(dim1=-2, dim2=-1), -1)
    out = call.algebra.join(rows, lead[..., None, :]).tril()
    every = call.algebra.reduce(labels, [-2, -1], keepdim=False)
    return [out.mT if upper else out, *([every] * (len(call.targets) - 1))]


@rule("linalg_qr")
def qr(call: Call) -> Labels:
    """A column reads the columns up to it."""
    value = call["A"]
    columns = call.algebra.running(call.algebra.reduce(call.labels(value).expand(value.shape), [-2]), -1)
    out: list[Tensor] = []
    for target in call.targets:
        width = target.shape[-1] if target.dim() else 0
        have = columns[..., :width]
        if width > have.shape[-1]:
            have = torch.cat([have, have[..., -1:].expand(*have.shape[:-1], width - have.shape[-1])], -1)
        upper = target is call.targets[-1] and have.dim()  # R is a triangle
        out.append(have.expand(target.shape).triu() if upper and target.numel() else have)
    return out


@rule(
    "_linalg_svd", "_linalg_eigh", "linalg_eig", "_linalg_eigvals", "_linalg_det", "_linalg_slogdet",
    "linalg_lu_factor_ex", "linalg_lu", "linalg_pinv", "geqrf", "cholesky_inverse",
    "lu_unpack", "linalg_householder_product", "ormqr", "linalg_lstsq", )  # fmt: skip
def matrixwise(call: Call) -> Labels:
    """Everything of a matrix, one by one in a batch."""
    rank = next(iter(call.inputs)).dim() - 2
    every = torch.zeros((), dtype=torch.int32)
    for part in call.inputs:
        labels = call.labels(part).expand(part.shape)
        own = (
            call.algebra.reduce(labels, list(range(rank, labels.dim())), keepdim=False)
            if labels.dim() > rank
            else labels
        )
        every = call.algebra.join(every, own)
    return [every.reshape((*every.shape, *[1] * (t.dim() - every.dim()))) if t.dim() >= every.dim() else
            call.algebra.reduce(every.reshape(-1), [0], False) for t in call.targets]  # fmt: skip


@rule("cholesky_solve", "_cholesky_solve_helper", "linalg_lu_solve")
def factored(call: Call) -> Tensor:
    """A column reads its column and the whole factor."""
    right = call.get("B", call.get("self"))
    left = call.get("left", True)
    out = call.algebra.reduce(call.labels(right).expand(right.shape), [-2 if left else -1])
    for name in ("input2", "A", "LU"):
        part = call.get(name)
        if part is not None:
            out = call.algebra.join(out, call.algebra.reduce(call.labels(part).expand(part.shape), [-2, -1]))
    pivots = call.get("pivots")
    if pivots is not None:
        out = call.algebra.join(out, call.algebra.reduce(call.labels(pivots).expand(pivots.shape), [-1])[..., None])
    return out


@rule("linalg_cross")
def cross(call: Call) -> Tensor:
    """The two other components of both."""
    parts = [call.labels(call[name]).expand(call[name].shape) for name in ("self", "other")]
    dim = call["dim"]
    return call.algebra.join(*[part.roll(by, dim) for part in parts for by in (1, 2)])


@rule("affine_grid_generator")
def affine_grid(call: Call) -> Tensor:
    """A coordinate reads its row."""
    theta = call["theta"]
    rows = call.algebra.reduce(call.labels(theta).expand(theta.shape), [-1], keepdim=False)
    return rows.reshape(len(rows), *[1] * (len(call["size"]) - 2), rows.shape[-1])
