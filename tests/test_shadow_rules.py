"""Every rule of the table beside exhaustive perturbation: labels are the sets of what moves a number, no less and no
more. `over` rows state where a rule may read too much, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arspec.shadow.algebra import CONSTANT, DTYPE
from arspec.shadow.call import Call, Signature
from arspec.shadow.memory import ShadowMemory
from arspec.shadow.rules import find
from arspec.shadow.rules.table import Masked, entries, entry
from arspec.shadow.sets import Sets
from arspec.shadow.tracing import trace
from tests.shadow_brute import labelled, read, truth

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # torch says of some operators that they are old, or new
aten: Any = torch.ops.aten
hidden: Any = torch  # with operators that have no public name
D = torch.float64


@dataclass
class Row:
    """`run` takes the inputs, whose elements are the variables; all else that it uses is constant."""

    run: Callable[..., Any]
    inputs: Callable[[], Sequence[Tensor]]
    over: str = ""
    noise: float = 0.0
    choices: Sequence[Any] | None = None
    given: bool = False
    bases: int = 3  # points about which the inputs are perturbed; labels are those of all of them
    missing: str = ""  # why a number may move without its label saying so


def N(*shape: int, dtype: torch.dtype = D) -> Tensor:
    """Normal numbers."""
    return torch.randn(shape, dtype=torch.float64).to(dtype)


def P(*shape: int) -> Tensor:
    """Positive numbers."""
    return torch.rand(*shape, dtype=D) + 0.2


def Z(top: int, *shape: int) -> Tensor:
    """Whole numbers below a bound."""
    return torch.randint(0, top, shape)


def B(*shape: int) -> Tensor:
    """Truth values."""
    return torch.rand(*shape) < 0.5


ROWS: dict[str, Row] = {}


def whole(x: Tensor, weight: Tensor) -> Tensor:
    """A product as it comes without gradients of any kind: as one operator."""
    with torch.inference_mode():
        return F.linear(x, weight)


def made(shape: Any) -> Tensor:
    """Normal numbers of a shape, or what a function gives."""
    return cast("Tensor", shape()) if callable(shape) else N(*shape)


def row(name: str, run: Callable[..., Any], *shapes: Any, **more: Any) -> None:
    """A row: shapes stand for normal numbers, functions for what they make."""
    assert name not in ROWS, name
    ROWS[name] = Row(run, lambda: [made(shape) for shape in shapes], **more)


T = torch.tensor
W = T([[0.5, 0.0, 0.0], [1.5, -0.7, 0.0], [0.3, 0.0, 0.9]], dtype=D)  # structural zeros
INF = torch.full((4, 4), -torch.inf, dtype=D).triu(1)
LOW = torch.full((4, 4), -1e9, dtype=D).triu(1)
HOLE = T([1.0, 0.0, -2.0], dtype=D)

# Element by element.
for name in [
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "softplus",
    "gelu",
    "mish",
    "elu",
    "celu",
    "leaky_relu",
    "relu",
    "tanh",
    "log_sigmoid_forward",
    "frexp",
    "angle",
    "_conj_physical",
    "hardshrink",
    "softshrink",
    "abs",
    "exp",
    "sigmoid",
    "exp2",
    "clone",
    "_to_copy",
    "detach_copy",
    "alias_copy",
    "lift_fresh_copy",
    "_neg_view_copy",
]:
    row(name, lambda x, f=getattr(aten, name): f(x), (2, 3))
for name in ("isnan", "isinf"):
    row(name, lambda x, f=getattr(aten, name): f(x), (2, 3), choices=[float("nan"), float("inf")])
for name in ("_conj_copy", "_conj_physical", "_conj"):
    row(name + " complex" * (name in ROWS), lambda x, f=getattr(aten, name): f(x) + 0, lambda: N(2, 3) + 1j * N(2, 3))
for name in [
    "complex",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "copysign",
    "maximum",
    "floor_divide",
    "remainder",
    "fmod",
    "pow",
    "polar",
]:
    row(name, lambda a, b, f=getattr(aten, name): f(a, b), (2, 3), (3,), bases=12 if name in ("eq", "ne") else 3)
for name in ["bitwise_xor", "gcd", "lcm", "bitwise_left_shift", "bitwise_right_shift", "__lshift__", "__rshift__"]:
    row(
        name,
        lambda a, b, f=getattr(aten, name): f(a, b),
        lambda: 1 + Z(9, 2, 3),
        lambda: 1 + Z(3, 3),
        choices=[1, 2, 3, 5],
    )
for name in ["clamp_min", "clamp_max", "threshold"]:
    row(name, lambda x, f=getattr(aten, name): f(x, 0.3, *([1.0] if "thres" in f.__name__ else [])), (2, 3))
row("clamp", lambda x: aten.clamp(x, -0.3, 0.8), (2, 3))
row("clamp constant", lambda x, m: x.clamp(min=m), (2, 3), (3,))
row("_neg_view", lambda x: aten._neg_view(x) + 0, (2, 3))
row(
    "heaviside",
    lambda a, b: aten.heaviside(a, b),
    lambda: T([0.0, 1.0, 0.0], dtype=D),
    (3,),
    choices=[0.0, 2.0, -1.0],
    over="a value at zero alone",
)
row("ldexp", lambda a, b: aten.ldexp(a, b), (3,), (3,))
row("xlogy", lambda a, b: aten.xlogy(a, b), lambda: P(3), lambda: P(3))
row("rsub", lambda a, b: aten.rsub(a, b), (2, 3), (3,))
row("_prelu_kernel", lambda a, b: aten._prelu_kernel(a, b), (2, 3), lambda: -P(3), choices=[-4.0, 3.0], bases=8)
row("_add_relu", lambda a, b: aten._add_relu(a, b), (2, 3), (2, 3))
row("bucketize.Scalar", lambda a: aten.bucketize(0.5, a), lambda: T([0.1, 0.4, 0.9], dtype=D), over="halves")
row("bernoulli", lambda x: aten.bernoulli(x), lambda: T([0.2, 0.7, 0.4]), choices=[0.0, 1.0])
row("bernoulli.Tensor", lambda x, p: x.bernoulli_(p), (3,), lambda: T([0.2, 0.7, 0.4]), choices=[0.0, 1.0])
row("bernoulli.float", lambda x: x.bernoulli_(0.4), (3,))
row("poisson", lambda x: aten.poisson(x), lambda: P(1), choices=[0.0, 50.0])
row("rrelu_with_noise", lambda x: aten.rrelu_with_noise(x, torch.empty(1, dtype=D), training=True), (1,))
row("mul", lambda x, y: (x * W, W * x, x * y, x * 0, x.mul_(HOLE)), (3, 3), (3,))
row("mul infinite", lambda x: x.exp() * T([0.0, 1.0]), lambda: T([2000.0, 1.0], dtype=D), choices=[1.0, 3.0])
row("div", lambda x, y: (x / y, HOLE / y, x.div_(2)), (2, 3), (3,), over="zero by zero may be NaN", choices=[1.0, 5.0])
row("add", lambda x, y: (x + y, x + INF[0, :3], x.add_(y, alpha=2)), (2, 3), (3,))
row("sub", lambda x, y: (x - y, x - (-INF)[0, :3], x.sub_(y)), (2, 3), (3,))
row(
    "masked",
    lambda x: ((x + LOW).softmax(-1), (x + LOW).exp(), (x - x.amax(-1, keepdim=True)), (LOW + x).logsumexp(-1)),
    (4, 4),
    choices=[0.5, -30.0, 30.0],
)
row(
    "masked scaled",
    lambda x: ((x + LOW) / 2).to(torch.float32).contiguous().flip(0).softmax(-1),
    (4, 4),
    choices=[0.5, -3.0],
)
row(
    "masked max",
    lambda x: ((x + LOW).amax(-1), ((x + LOW) - (x + LOW).amax(-1, keepdim=True)).exp()),
    (4, 4),
    choices=[2.0, -3.0],
    over="a row of one place",
)
row(
    "masked whole row",
    lambda x: (x + torch.full((2, 2), -1e9, dtype=D)).softmax(-1),
    (2, 2),
    over="a row that is masked whole",
)
row("where", lambda c, a, b: (torch.where(c, a, b), torch.where(B3, a, b)), lambda: B(3), (2, 3), (3,))
B3 = T([True, False, True])
row(
    "masked_fill",
    lambda x, m: (x.masked_fill(B3, 2.0), x.masked_fill(m, 0.5), x.masked_fill_(B3, -torch.inf)),
    (2, 3),
    lambda: B(2, 3),
)
row(
    "logical_and",
    lambda a, b: (aten.logical_and(a, b), aten.logical_and(a, B3)),
    lambda: B(2, 3),
    lambda: B(3),
    bases=9,
)
row("logical_or", lambda a, b: (aten.logical_or(a, b), aten.logical_or(B3, a)), lambda: B(2, 3), lambda: B(3), bases=9)
row(
    "bitwise_and",
    lambda a, b: (a & b, a & T([0, 1, 3])),
    lambda: Z(4, 2, 3),
    lambda: Z(4, 3),
    choices=[0, 1, 2, 3],
    bases=6,
)
row("bitwise_or", lambda a, b: (a | b, a | T([0, -1, 3])), lambda: Z(4, 2, 3), lambda: Z(4, 3), choices=[0, 1, 2, 3, 4])
row("glu", lambda x: F.glu(x, -1), (2, 4))
row("out", lambda a, b: torch.mul(a, b, out=torch.ones(3, dtype=D)), (3,), (3,))

row(
    "masked times data",
    lambda x, y: ((x + LOW[:3, :3]) * y).softmax(-1),
    (3, 3),
    (3,),
    choices=[0.5, 0.0],
    over="a product that is a mask in most passes",
)

# What makes tensors.
row("fill", lambda x, v: (x[0].fill_(v), x), (2, 3), lambda: T(2.0, dtype=D))
row("full_like", lambda x: aten.full_like(x, 2.0), (2,))
row("new_full", lambda x: aten.new_full(x, [2], 2.0), (2,))
for name in ["zeros_like", "ones_like"]:
    row(name, lambda x, f=getattr(aten, name): f(x), (2,))
for name in ["new_zeros", "new_ones"]:
    row(name, lambda x, f=getattr(aten, name): f(x, [3]), (2,))
row("zero", lambda x: (x[0].zero_(), x), (2, 3))
row("empty_like", lambda x: aten.empty_like(x).zero_(), (2,))
row("new_empty", lambda x: aten.new_empty(x, [2]).zero_(), (2,))
row("new_empty_strided", lambda x: aten.new_empty_strided(x, [2], [1]).zero_(), (2,))
for name in ["rand_like", "randn_like", "normal_functional"]:
    row(name, lambda x, f=getattr(aten, name): f(x), (2,))
row("randint_like", lambda x: aten.randint_like(x, 5), (2,))
for name, given in {
    "uniform": (),
    "random": (),
    "exponential": (),
    "cauchy": (),
    "log_normal": (),
    "geometric": (0.5,),
}.items():
    row(name, lambda x, f=getattr(aten, name + "_"), g=given: f(x, *g), (2,))
row("linspace", lambda a: torch.linspace(a, 2.0, 3, dtype=D), lambda: T(0.5, dtype=D), over="ends stand still")
row("logspace", lambda a: torch.logspace(a, 2.0, 3, dtype=D), lambda: T(0.5, dtype=D), over="ends stand still")
row("normal", lambda m: torch.normal(m, 0.5), (3,))
row("_standard_gamma", lambda x: aten._standard_gamma(x), lambda: P(1))
row("binomial", lambda n, p: torch.binomial(n, p), lambda: T([9.0]), lambda: T([0.4]), choices=[0.0, 1.0, 40.0])
row("native_dropout", lambda x: aten.native_dropout(x, 0.5, True), (6,), over="a draw may drop it")
row("copy", lambda x, y: (x[:, 1].copy_(y), x), (2, 3), (2,))
row("_reshape_copy", lambda x: aten._reshape_copy(x, [3, 2]), (2, 3))
row("view_copy", lambda x: aten.view_copy(x, [3, 2]), (2, 3))
row("_unsafe_view", lambda x: aten._unsafe_view(x.mT.contiguous(), [6]), (2, 3))

# What moves elements.
MOVES: dict[str, Any] = {
    "roll": ([1], [1]),
    "flip": ([0, 1],),
    "rot90": (1, [0, 1]),
    "repeat": ([2, 1, 2],),
    "expand_copy": ([2, 2, 3],),
    "permute_copy": ([1, 0],),
    "transpose_copy": (0, 1),
    "t_copy": (),
    "slice_copy": (1, 1, 3),
    "select_copy": (1, 2),
    "squeeze_copy": (),
    "unsqueeze_copy": (1,),
    "unbind_copy": (1,),
    "split_copy": (2, 1),
    "narrow_copy": (1, 1, 2),
    "split_with_sizes_copy": ([1, 2], 1),
    "unfold_copy": (1, 2, 1),
    "as_strided_copy": ([2, 2], [1, 2]),
    "diagonal_copy": (),
    "diag_embed": (),
    "tril": (),
    "triu": (1,),
    "constant_pad_nd": ([1, -1], 2.0),
    "unsafe_split": (2, 1),
    "unsafe_split_with_sizes": ([1, 2], 1),
}
for name, given in MOVES.items():
    row(name, lambda x, f=getattr(aten, name), g=given: f(x, *g), (2, 3))
for name in ["reflection", "replication"]:
    for k in (1, 2, 3):
        row(f"{name}_pad{k}d", lambda x, f=getattr(aten, f"{name}_pad{k}d"), k=k: f(x, [1, 0] * k), (1, 1, *[2] * k))
row("pixel_shuffle", lambda x: aten.pixel_shuffle(x, 2), (1, 4, 1, 2))
row("pixel_unshuffle", lambda x: aten.pixel_unshuffle(x, 2), (1, 1, 2, 4))
row("channel_shuffle", lambda x: aten.channel_shuffle(x, 2), (1, 4, 2))
row("im2col", lambda x: aten.im2col(x, [2, 2], [1, 1], [1, 0], [1, 1]), (1, 1, 2, 3))
for k in (1, 2, 3):
    for name in (f"upsample_nearest{k}d", f"_upsample_nearest_exact{k}d"):
        row(name, lambda x, f=getattr(aten, name), k=k: f(x, [3] * k), (1, 1, *[2] * k))
row(
    "repeat_interleave.Tensor",
    lambda x, n: x.repeat_interleave(n, 0),
    (3, 2),
    lambda: T([1, 2, 0]),
    over="every count",
    choices=[0.5, 7.0],
    given=True,
    missing="the route is given",
)
row("cat", lambda x, y: (torch.cat([x, y.mT, torch.zeros(0, dtype=D)], 0), torch.cat([x, x], 1)), (2, 3), (3, 1))
row("stack", lambda x, y: torch.stack([x, y], 1), (2, 3), (2, 3))
row("_stack", lambda x, y: aten._stack([x, y], 1), (2, 3), (2, 3))
row("block_diag", lambda x, y: torch.block_diag(x, y), (2, 1), (1, 2))
row("_chunk_cat", lambda x, y: aten._chunk_cat([x, y], 0, 2), (2, 2), (2, 1))
row("slice_scatter", lambda x, y: aten.slice_scatter(x, y, 1, 1, 3), (2, 3), (2, 2))
row("select_scatter", lambda x, y: aten.select_scatter(x, y, 1, 1), (2, 3), (2,))
row("diagonal_scatter", lambda x, y: aten.diagonal_scatter(x, y), (2, 2), (2,))
row("as_strided_scatter", lambda x, y: aten.as_strided_scatter(x, y, [2], [2]), (2, 2), (2,))
row("trace", lambda x: x.trace(), (3, 3))
row("masked_select", lambda x: x.masked_select(B3), (2, 3))

# Reductions.
REDUCED = "sum nansum mean prod var std count_nonzero amax amin logsumexp linalg_vector_norm"
for name in REDUCED.split():
    f = {"logsumexp": torch.logsumexp, "linalg_vector_norm": lambda x, d: torch.linalg.vector_norm(x, dim=d)}.get(name)
    row(name, lambda x, f=f or getattr(torch, name): (f(x, 1), f(x.mT[None], 1)), (2, 3))
row("linalg__powsum", lambda x: aten.linalg__powsum(x, 2, [1]) if hasattr(aten, "linalg__powsum") else x.sum(1), (2, 3))
row("any", lambda x: (x.any(1), x.any(), aten.any.dims(x, [0, 1])), lambda: torch.rand(2, 3) < 0.15, bases=12)
row("all", lambda x: (x.all(1), x.all()), lambda: torch.rand(2, 3) < 0.85, bases=12)
row("var_mean", lambda x: torch.var_mean(x, (0, 2), keepdim=True), (2, 2, 2))
row("std_mean", lambda x: torch.std_mean(x, 1), (2, 3))
row("norm", lambda x: (x.norm(dim=1), aten.norm.Scalar(x)), (2, 3))
row("aminmax", lambda x: torch.aminmax(x, dim=1), (2, 3))
row("_aminmax", lambda x: aten._aminmax(x), (2, 3))
row("dist", lambda x, y: torch.dist(x, y), (2, 3), (2, 3))
row("max", lambda x: x.max(), (2, 3))
row("max.dim", lambda x: x.max(1), (2, 3))
row("min", lambda x: (x.min(), x[0].min(x[1])), (2, 3))
row("min.dim", lambda x: x.min(1, keepdim=True), (2, 3))
row("median", lambda x: (x.median(1), x.median()), (2, 3))
row("nanmedian", lambda x: (x.nanmedian(1), x.nanmedian()), (2, 3))
row("kthvalue", lambda x: x.kthvalue(2, 1), (2, 3))
row("mode", lambda x: x.mode(1), lambda: Z(2, 2, 3), choices=[0, 1])
row("argmax", lambda x: (x.argmax(1), x.argmax()), (2, 3))
row("argmin", lambda x: x.argmin(1, keepdim=True), (2, 3))
row("softmax", lambda x: torch.softmax(x, 1), (2, 3))
row("_softmax", lambda x: ((x + INF).softmax(-1), (x.mT + INF).mT.softmax(0)), (4, 4), choices=[0.5, -20.0, 20.0])
row("_safe_softmax", lambda x: aten._safe_softmax(x + INF, -1), (4, 4), choices=[0.5, -20.0, 20.0])
row(
    "_log_softmax",
    lambda x: (x.log_softmax(1), (x + LOW[0, :3]).log_softmax(-1)[:, :1]),
    (2, 3),
    choices=[0.5, -9.0, 9.0],
    over="a row of one place",
)
row("_masked_softmax", lambda x: aten._masked_softmax(x, T([[False, False, False]] * 2), 1, 2), (2, 3))
for name in ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"]:
    row(
        name,
        lambda x, f=getattr(torch, name): (f(x, 1), f(x.mT, -1)),
        (2, 3),
        over="the first index" * (name[3:] in ("max", "min")),
    )
row("_logcumsumexp", lambda x: aten._logcumsumexp(x, 1), (2, 3))
for name in ("_cummax_helper", "_cummin_helper"):
    row(
        name,
        lambda x, f=getattr(aten, name): (o := torch.zeros(2, 3, dtype=D), f(x, o, torch.zeros(2, 3).long(), 1))[0],
        (2, 3),
    )
row("renorm", lambda x: x.renorm(2, 0, 0.5), lambda: 3 * P(2, 3), choices=[5.0, 9.0])
row("_cdist_forward", lambda x, y: torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist"), (2, 2), (3, 2))
row("_pdist_forward", lambda x: torch.pdist(x), (3, 2))
row("_euclidean_dist", lambda x, y: aten._euclidean_dist(x, y), (2, 2), (3, 2))
for name in ["_foreach_norm", "_foreach_max"]:
    row(name, lambda x, y, f=getattr(aten, name): f([x, y]), (2, 3), (2,))
row(
    "_foreach_powsum",
    lambda x: aten._foreach_powsum([x, x[0]]) if hasattr(aten, "_foreach_powsum") else x.sum(),
    (2, 3),
)

# Products.
row("mm", lambda x, y: (x @ y, x @ W, W @ y, x[:, :2] @ y[1:]), (2, 3), (3, 2))
row("bmm", lambda x, y: (x @ y, x @ W.expand(2, 3, 3), W.expand(2, 3, 3) @ y), (2, 2, 3), (2, 3, 2))
row("bmm masked", lambda x, v: (x + INF[:3, :3]).softmax(-1) @ v, (2, 3, 3), (2, 3, 1), choices=[0.5, -3.0, 9.0])
row("mv", lambda x: (x @ HOLE, W @ x[0]), (2, 3))
row("dot", lambda x, y: (x.dot(y), x.dot(HOLE)), (3,), (3,))
row("vdot", lambda x, y: torch.vdot(x, y), (3,), (3,))
row(
    "_int_mm",
    lambda x: hidden._int_mm(x, torch.ones(8, 8, dtype=torch.int8).tril()),
    lambda: torch.randint(-3, 3, (17, 8), dtype=torch.int8)[:17],
    choices=[1, -5],
)
row(
    "addmm",
    lambda b, x, y: (torch.addmm(b, x, y), torch.addmm(b, x, W, beta=0), torch.addmm(INF[:2, :3], x, y)),
    (3,),
    (2, 3),
    (3, 3),
)
row(
    "baddbmm",
    lambda b, x, y: (torch.baddbmm(b, x, y), torch.baddbmm(LOW[:2, :2], x, y)[0].softmax(-1)),
    (1, 1, 2),
    (1, 2, 3),
    (1, 3, 2),
    choices=[0.5, -3.0],
)
row("addmv", lambda b, x, y: (torch.addmv(b, x, y), torch.addmv(b, x, HOLE)), (2,), (2, 3), (3,))
row("addr", lambda b, x, y: (torch.addr(b, x, y), torch.addr(b, x, HOLE)), (2, 3), (2,), (3,))
row("_addmm_activation", lambda b, x, y: hidden._addmm_activation(b, x, y), (2,), (2, 3), (3, 2))
row("addbmm", lambda b, x, y: torch.addbmm(b, x, y), (2, 2), (2, 2, 3), (2, 3, 2))
row("linear", lambda x, w, b: torch.ops.aten.linear(x, w * W, b), (2, 3), (3, 3), (3,))
row("_trilinear", lambda x, y: F.bilinear(x, y, torch.ones(2, 2, 3, dtype=D)), (1, 2), (1, 3))
row("linear whole", lambda x: whole(x, W), (2, 3))
row("einsum", lambda x, y: torch.einsum("bij,kj->bik", x, y), (2, 2, 3), (2, 3))

# Indexing.
IX = T([1, 0, 1])
row("embedding", lambda i, w: F.embedding(i, w), lambda: Z(3, 2, 2), (3, 2), choices=[0, 1, 2], bases=12)
row("_embedding_bag", lambda i: F.embedding_bag(i, W, T([0, 2]), mode="mean"), lambda: Z(3, 5), choices=[0, 1, 2])
row("_embedding_bag aten", lambda i: aten._embedding_bag(W, i, T([0, 2]))[0], lambda: Z(3, 5), choices=[0, 1, 2])
row(
    "_embedding_bag_forward_only",
    lambda i: aten._embedding_bag_forward_only(W, i, T([0, 2]))[0],
    lambda: Z(3, 5),
    choices=[0, 1, 2],
)
row(
    "index_select",
    lambda x, i: (x.index_select(1, i), x.index_select(0, IX)),
    (2, 3),
    lambda: Z(3, 2),
    choices=[0, 1, 2],
    bases=12,
)
row(
    "gather",
    lambda x, i: (x.gather(1, i), x.gather(0, IX[None])),
    (2, 3),
    lambda: Z(3, 2, 2),
    choices=[0, 1, 2],
    bases=16,
)
row("take", lambda x, i: (x.take(i), x.take(IX)), (2, 3), lambda: Z(6, 2), choices=[0, 1, 2, 3, 4, 5], bases=40)
row(
    "index",
    lambda x, i: (x[i], x[:, i], x[IX, :, IX], x[:, None, IX], x[B3[:2]], x[0, B3], x[i[:, None], IX]),
    (2, 3, 2),
    lambda: Z(2, 2),
    choices=[0, 1],
    bases=12,
    over="one index twice",
)
row("_unsafe_index", lambda x: aten._unsafe_index(x, [None, IX]), (2, 3))
row("_unsafe_masked_index", lambda x: aten._unsafe_masked_index(x, B3, [IX], 0.0), (3,), over="all is read")
row(
    "_unsafe_masked_index_put_accumulate",
    lambda x, v: aten._unsafe_masked_index_put_accumulate(x, B3, [IX], v),
    (3,),
    (3,),
    over="all is read",
)
row(
    "index_put",
    lambda x, v, i: (x.index_put((i,), v), x.index_put((IX[:2], i), v[0, 0], accumulate=True)),
    (3, 3),
    (1, 3),
    lambda: Z(3, 2),
    choices=[0, 1, 2],
    over="duplicates",
)
row("index_put in place", lambda x, v: (x.__setitem__((slice(None), T([0, 2])), v), x)[1], (2, 3), (2, 2))
row("index_put mask", lambda x: (x.__setitem__(B3[:2], 0.0), x)[1], (2, 3))
row("_index_put_impl", lambda x, v: aten._index_put_impl_(x, [IX], v), (3, 2), (3, 2), over="duplicates")
row("_unsafe_index_put", lambda x, v: aten._unsafe_index_put(x, [IX], v, True), (3, 2), (3, 2))
row("put", lambda x, v, i: x.put_(i, v), (2, 2), (2,), lambda: T([0, 3]), over="duplicates", choices=[0, 1, 2, 3])
row(
    "scatter",
    lambda x, i, v: (x.scatter(1, i, v), x.scatter(0, T([[1, 0]]), v)),
    (2, 3),
    lambda: T([[0, 1], [2, 0]]),
    (2, 2),
    choices=[0, 1, 2],
    over="duplicates",
)
row(
    "scatter_add",
    lambda x, i, v: x.scatter_add_(1, i, v),
    (2, 3),
    lambda: Z(3, 2, 2),
    (2, 2),
    choices=[0, 1, 2],
    bases=16,
)
row(
    "scatter_reduce",
    lambda x, v: (
        x.scatter_reduce(0, IX[None], v, "amax"),
        x.scatter_reduce(0, IX[None], v, "sum", include_self=False),
    ),
    (2, 3),
    (1, 3),
)
row("index_add", lambda x, i, v: x.index_add(0, i, v), (3, 2), lambda: Z(3, 2), (2, 2), choices=[0, 1, 2], bases=12)
row("index_copy", lambda x, v: x.index_copy(1, T([2, 0]), v), (2, 3), (2, 2))
row("index_fill", lambda x: x.index_fill(1, T([2, 0]), 1.5), (2, 3))
row(
    "index_reduce",
    lambda x, v: (x.index_reduce(0, IX, v, "prod"), x.index_reduce(0, IX, v, "mean", include_self=False)),
    (2, 2),
    (3, 2),
)
row(
    "embedding_renorm",
    lambda w: F.embedding(IX, w * 1, max_norm=0.1),
    lambda: 2 * P(2, 2),
    choices=[3.0, 7.0],
    over="a row that is not read keeps",
)
row("masked_scatter", lambda x, v: x.masked_scatter(B3, v), (2, 3), (5,))
row("masked_scatter mask", lambda x, m, v: x.masked_scatter(m, v), (3,), lambda: B(3), (3,), over="what may come")
row(
    "nonzero",
    lambda x: aten.nonzero(x),
    lambda: T([1, 0, 2]),
    choices=[0, 1, 2],
    given=True,
    missing="the route is given",
)
row("nonzero_static", lambda x: aten.nonzero_static(x, size=3), lambda: T([1, 0, 2]), choices=[0, 1, 2], over="order")

# Sorting, counting.
row("sort", lambda x: (x.sort(1), torch.sort(x.mT, dim=0, stable=True, descending=True)), (2, 3))
row("sort given", lambda x: x.sort(1).values, (2, 3), given=True, missing="the route is given")
row("topk", lambda x: x.topk(2, 1), (2, 3))
row("_unique", lambda x: aten._unique(x, True, True)[0], lambda: T([1, 2, 3, 4]), choices=[7], given=True, over="order")
row(
    "_unique2",
    lambda x: aten._unique2(x, True, True, True)[0],
    lambda: T([1, 2, 3, 4]),
    choices=[7],
    given=True,
    over="order",
)
row("unique_dim", lambda x: aten.unique_dim(x, 0)[0], lambda: T([[1], [2], [3]]), choices=[7], given=True, over="order")
row(
    "unique_consecutive",
    lambda x: aten.unique_consecutive(x)[0],
    lambda: T([1, 2, 3]),
    choices=[7],
    given=True,
    over="order",
)
row(
    "unique_dim_consecutive",
    lambda x: aten.unique_dim_consecutive(x, 0)[0],
    lambda: T([[1], [2], [3]]),
    choices=[7],
    given=True,
    over="order",
)
row(
    "bucketize",
    lambda x, b: torch.bucketize(x, b),
    (2,),
    lambda: T([-1.0, 0.0, 1.0], dtype=D),
    choices=[-9.0, 0.5, 9.0],
    bases=8,
)
row(
    "searchsorted",
    lambda x, b: torch.searchsorted(b, x),
    (2, 2),
    lambda: T([[-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]], dtype=D),
    choices=[-9.0, 0.5, 9.0],
    over="halves",
)
row("histc", lambda x: x.histc(2, -1, 1), (3,), choices=[-0.5, 0.5, 5.0])
row(
    "bincount",
    lambda x, w: aten.bincount(x, w, 3),
    lambda: T([0, 1, 2]),
    (3,),
    choices=[0, 2],
    over="a weight falls in one",
    given=True,
)
row("histogram", lambda x: aten.histogram.bin_ct(x, 2, range=[-1.0, 1.0])[0], (3,), choices=[-0.5, 0.5, 5.0])
row("multinomial", lambda x: aten.multinomial(x, 1), lambda: P(2, 2), choices=[0.0, 90.0])
row(
    "_sample_dirichlet",
    lambda x: aten._sample_dirichlet(x),
    lambda: P(2, 2),
    over="as many draws as the numbers before say",
)
row("isin", lambda x, y: torch.isin(x, y), lambda: T([0, 1, 2]), lambda: T([5, 6]), choices=[0, 1, 2, 5])
row(
    "segment_reduce",
    lambda x, y: (
        aten.segment_reduce(x, "sum", lengths=T([2, 1])),
        aten.segment_reduce(x, "mean", offsets=T([0, 1, 3]), initial=1.0),
        aten.segment_reduce(x[:2], "sum", lengths=T([0, 2]), unsafe=True),
        aten.segment_reduce(y, "prod", lengths=T([[1, 3], [2, 2]]), axis=1),
    ),
    (3,),
    (2, 4, 2),
)

# Norms.
row(
    "native_layer_norm",
    lambda x, w, b: (F.layer_norm(x, (3,), w, b), aten.native_layer_norm(x, [3], None, None, 1e-5)),
    (2, 3),
    (3,),
    (3,),
)
row(
    "_fused_rms_norm",
    lambda x, w: aten._fused_rms_norm(x, [3], w, 1e-5) if hasattr(aten, "_fused_rms_norm") else x * w,
    (2, 3),
    (3,),
)
row("native_group_norm", lambda x, w: aten.native_group_norm(x, w, None, 2, 4, 2, 2, 1e-5), (2, 4, 2), (4,))
row(
    "native_batch_norm",
    lambda x, w, m: (m, aten.native_batch_norm(x, w, None, m, V2 * 1, True, 0.1, 1e-5))[::-1],
    (3, 2),
    (2,),
    (2,),
)
V2 = T([1.0, 2.0], dtype=D)
row(
    "native_batch_norm eval",
    lambda x, w, m: aten.native_batch_norm(x, w, None, m, V2, False, 0.1, 1e-5)[0],
    (2, 2, 2),
    (2,),
    (2,),
)
row("_native_batch_norm_legit", lambda x, m: (m, F.batch_norm(x, m, V2 * 1, training=True)), (3, 2), (2,))
row(
    "_native_batch_norm_legit no stats",
    lambda x: aten._native_batch_norm_legit.no_stats(x, None, None, True, 0.1, 1e-5),
    (3, 2),
)
row(
    "_native_batch_norm_legit_no_training",
    lambda x, m: aten._native_batch_norm_legit_no_training(x, None, None, m, V2, 0.1, 1e-5)[0],
    (2, 2),
    (2,),
)
row(
    "_batch_norm_with_update",
    lambda x, m: (m, aten._batch_norm_with_update(x, None, None, m, V2 * 1, 0.1, 1e-5)[0])[::-1],
    (3, 2),
    (2,),
)
row("_batch_norm_no_update", lambda x, m: aten._batch_norm_no_update(x, None, None, m, V2, 0.1, 1e-5)[0], (2, 2), (2,))
row("instance_norm", lambda x: F.instance_norm(x), (2, 2, 3))
row("_weight_norm_interface", lambda v, g: aten._weight_norm_interface(v, g, 0), (2, 3), (2, 1))
row("weight norm", lambda v, g: hidden._weight_norm(v, g, 1), (2, 3), (1, 3))

# Attention.
for number, (mask, causal) in enumerate(
    [(None, False), (None, True), (INF[:3], False), (LOW[:3], False), (B3[:, None] | (INF[:3] == 0), False)]
):
    row(
        f"attention {number}",
        lambda q, k, v, m=mask, c=causal: F.scaled_dot_product_attention(q, k, v, m, is_causal=c),
        (1, 2, 3, 2),
        (1, 2, 4, 2),
        (1, 2, 4, 2),
        choices=[0.5, -3.0, 9.0],
    )
row(
    "_scaled_dot_product_flash_attention_for_cpu",
    lambda q, k, v: aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, is_causal=True),
    (1, 1, 3, 2),
    (1, 1, 3, 2),
    (1, 1, 3, 2),
    choices=[0.5, -3.0, 9.0],
)
row(
    "attention grouped",
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True),
    (1, 4, 2, 1),
    (1, 2, 2, 1),
    (1, 2, 2, 1),
)
row("attention mask that depends", lambda q, m: F.scaled_dot_product_attention(q, q, q, m), (1, 1, 2, 2), (2, 2))
row(
    "attention hidden row",
    lambda v: F.scaled_dot_product_attention(v, v, v, T([[True, False], [False, False]])),
    (1, 1, 2, 2),
)
LATER = T([[False, True], [False, False]])
WIDE = [0.5 * N(6, 2), N(6), 0.5 * N(2, 2), N(2)]  # the weights of three projections, and of one
row(
    "_native_multi_head_attention",
    lambda x: aten._native_multi_head_attention(x, x, x, 2, 1, *WIDE, LATER, False, True, 0)[0],
    (1, 2, 2),
    choices=[0.5, -3.0],
    over="a row of one key",
)
row(
    "_transformer_encoder_layer_fwd",
    lambda x: aten._transformer_encoder_layer_fwd(
        x, 2, 1, *WIDE, False, False, 1e-5, *[torch.ones(2, dtype=D)] * 4, *(2 * [WIDE[2], WIDE[3]]), LATER, 0
    ),
    (1, 2, 2),
    choices=[0.5, -3.0],
    over="a row of one key; two numbers that are centred",
)


row(
    "_transform_bias_rescale_qkv",
    lambda x, b: aten._transform_bias_rescale_qkv(x, b, 1),
    (1, 2, 6),
    (6,),
    over="widths are mixed",
)

# Convolutions.
K1, K2 = N(4, 1, 3), N(2, 2, 2, 2)
K1[0, 0, 2] = K1[1] = 0
row(
    "convolution",
    lambda x, b: (
        F.conv1d(x, K1, b, padding=1, groups=2),
        F.conv1d(x, K1[:, :, :2], stride=2, dilation=2, padding=2, groups=2),
    ),
    (1, 2, 5),
    (4,),
)
row(
    "convolution plane",
    lambda x: (F.conv2d(x, K2 * (K2 > 0), padding=(1, 0)), F.conv2d(x[0], K2, padding="same")),
    (1, 2, 3, 2),
)
row("convolution weights", lambda x, w: F.conv1d(x, w, padding=1), (1, 2, 3), (1, 2, 2), over="weights beside padding")
row("convolution of a constant", lambda w: F.conv1d(torch.ones(1, 2, 3, dtype=D), w), (1, 2, 2))
row(
    "transposed",
    lambda x: (
        F.conv_transpose1d(x, K1[:2], stride=2, padding=1, output_padding=1, groups=2),
        F.conv_transpose1d(x, K1[:2].flip(0), dilation=2),
    ),
    (1, 2, 3),
)
row(
    "transposed plane",
    lambda x, w: F.conv_transpose2d(x, w, stride=(2, 1)),
    (1, 1, 2, 2),
    (1, 1, 2, 2),
    over="weights beside what is spread",
)
row(
    "mkldnn_convolution",
    lambda x: aten.mkldnn_convolution(x, torch.ones(1, 1, 2), None, [1], [1], [1], 1),
    lambda: N(1, 1, 3, dtype=torch.float32),
)
row(
    "_convolution",
    lambda x: aten._convolution(x, K1[:2], None, [1], [0], [1], False, [0], 2, False, False, False, False),
    (1, 2, 4),
)
row("_slow_conv2d_forward", lambda x: aten._slow_conv2d_forward(x, K2, [2, 2], None, [1, 1], [0, 0]), (1, 2, 2, 3))
row(
    "slow_conv3d_forward",
    lambda x: aten.slow_conv3d_forward(x, K2[:, :1, None], [1, 2, 2], None, [1, 1, 1], [0, 0, 0]),
    (1, 1, 1, 2, 3),
)
row(
    "slow_conv_dilated2d", lambda x: aten.slow_conv_dilated2d(x, K2, [2, 2], None, [1, 1], [0, 0], [2, 1]), (1, 2, 3, 2)
)
row(
    "slow_conv_dilated3d",
    lambda x: aten.slow_conv_dilated3d(x, K2[:, :1, None], [1, 2, 2], None, [1, 1, 1], [0, 0, 0], [1, 1, 1]),
    (1, 1, 1, 2, 3),
)
row("slow_conv_transpose2d", lambda x: aten.slow_conv_transpose2d(x, K2, [2, 2], None, [2, 2]), (1, 2, 2, 2))
row(
    "slow_conv_transpose3d",
    lambda x: aten.slow_conv_transpose3d(x, K2[:1, :1, None], [1, 2, 2], None, [1, 2, 2]),
    (1, 1, 1, 2, 2),
)
row("conv_tbc", lambda x: torch.conv_tbc(x, N(2, 2, 1), N(1), 1), (3, 1, 2))
for k in (1, 2, 3):
    row(
        f"avg_pool{k}d",
        lambda x, f=getattr(F, f"avg_pool{k}d"), k=k: (f(x, 2, 1), f(x, 2, 2, 1, ceil_mode=True)),
        (1, 1, *[3] * k),
    )
    row(f"adaptive pool {k}", lambda x, f=getattr(F, f"adaptive_avg_pool{k}d"): f(x, 2), (1, 1, *[3] * k))
    if k > 1:
        row(f"max_pool{k}d", lambda x, f=getattr(F, f"max_pool{k}d"): f(x, 2, 1, return_indices=True), (1, 1, *[3] * k))
        row(f"adaptive_max_pool{k}d", lambda x, f=getattr(F, f"adaptive_max_pool{k}d"): f(x, 2), (1, 1, *[3] * k))
row("max pool 1", lambda x: F.max_pool1d(x, 3, 2, 1, return_indices=True), (1, 2, 5))
row(
    "adaptive_avg_pool2d",
    lambda x: aten.adaptive_avg_pool2d.out(x, [2, 2], out=torch.zeros(1, 2, 2, dtype=D)),
    (1, 3, 3),
)
row(
    "adaptive_avg_pool3d",
    lambda x: aten.adaptive_avg_pool3d.out(x, [2, 2, 2], out=torch.zeros(1, 2, 2, 2, dtype=D)),
    (1, 3, 3, 3),
)
for k, mode in enumerate(("linear", "bilinear", "trilinear"), 1):
    row(
        f"upsample_{mode}{k}d",
        lambda x, m=mode, k=k: (
            F.interpolate(x, [3] * k, mode=m),
            F.interpolate(x, [3] * k, mode=m, align_corners=True),
        ),
        (1, 1, *[2] * k),
    )
row("upsample_bicubic2d", lambda x: F.interpolate(x, [3, 5], mode="bicubic"), (1, 1, 4, 2), over="weights that cancel")
row(
    "_upsample_bilinear2d_aa",
    lambda x: F.interpolate(x, [2, 3], mode="bilinear", antialias=True),
    (1, 1, 4, 2),
    noise=1e-12,
)
row(
    "_upsample_bicubic2d_aa",
    lambda x: F.interpolate(x, [2, 3], mode="bicubic", antialias=True),
    (1, 1, 4, 2),
    noise=1e-12,
)
row(
    "grid_sampler_2d",
    lambda x, g: F.grid_sample(x, g, align_corners=False),
    (1, 1, 2, 2),
    lambda: 0.3 * P(1, 1, 2, 2),
    choices=[-0.9, 0.1, 0.7],
    over="anywhere",
)
row(
    "grid_sampler_3d",
    lambda x, g: F.grid_sample(x, g, align_corners=False),
    (1, 1, 1, 2, 2),
    lambda: 0.3 * P(1, 1, 1, 1, 3),
    choices=[-0.9, 0.1],
    over="anywhere",
)
row(
    "col2im",
    lambda x, y, z: (
        F.fold(x, (2, 2), (2, 1)),
        F.fold(y, (7, 1), (3, 1), stride=(2, 1)),
        F.fold(z, (3, 2), (2, 2), dilation=(2, 1), padding=(1, 0), stride=(1, 2)),
    ),
    (1, 2, 2),
    (6, 3),
    (1, 8, 3),
)
row("max_unpool2d", lambda x: F.max_unpool2d(x, I0, [2, 2]), (1, 1, 1, 2), over="a whole channel")
row("max_unpool3d", lambda x: F.max_unpool3d(x, I0[..., None], [2, 2, 2]), (1, 1, 1, 2, 1), over="a whole channel")
I0 = T([[[[1, 6]]]])
row(
    "fractional_max_pool2d",
    lambda x: F.fractional_max_pool2d(x, 2, output_size=2),
    (1, 1, 3, 3),
    over="a whole channel",
)
row(
    "fractional_max_pool3d",
    lambda x: F.fractional_max_pool3d(x, 2, output_size=1),
    (1, 1, 3, 3, 3),
    over="a whole channel",
)

# Recurrent kernels.
CELL = nn.LSTM(2, 2, batch_first=True)
TWO = nn.LSTM(2, 2, bidirectional=True, num_layers=2)
GRU, RNN = nn.GRU(2, 2, dtype=D), nn.RNN(2, 2, dtype=D)
row(
    "mkldnn_rnn_layer",
    lambda x, h, c: CELL(x, (h, c)),
    lambda: N(2, 3, 2, dtype=torch.float32),
    lambda: N(1, 2, 2, dtype=torch.float32),
    lambda: N(1, 2, 2, dtype=torch.float32),
    choices=[0.4, -2.0, 3.0],
)
row("lstm both ways", lambda x: TWO(x)[0], lambda: N(2, 1, 2, dtype=torch.float32), choices=[0.4, -2.0])
row("gru", lambda x, h: GRU(x, h), (3, 1, 2), (1, 1, 2), choices=[0.4, -2.0, 1.0])
row("rnn", lambda x: RNN(x), (3, 1, 2), choices=[0.4, -1.0])
row("_pack_padded_sequence", lambda x: nn.utils.rnn.pack_padded_sequence(x, [3, 2], batch_first=True).data, (2, 3, 2))

# Fourier transforms, matrices.
row("_fft_r2c", lambda x: torch.fft.rfft(x, dim=0), (4, 2), over="a sine of zero", noise=1e-12)
row(
    "_fft_c2r",
    lambda x: torch.fft.irfft(x, dim=0),
    lambda: N(3, 2) + 0j,
    over="imaginary parts of the ends",
    noise=1e-12,
)
row("_fft_c2c", lambda x: torch.fft.fft2(x + 0j), (1, 2, 2), noise=1e-12)
row("view_as_complex_copy", lambda x: aten.view_as_complex_copy(x), (3, 2))
row("view_as_real_copy", lambda x: aten.view_as_real_copy(x), lambda: N(3) + 1j * N(3), over="two parts of one number")
L3 = T([[2.0, 0.0, 0.0], [0.5, 1.5, 0.0], [0.0, -0.7, 1.0]], dtype=D)
row(
    "linalg_solve_triangular",
    lambda b, c: (
        torch.linalg.solve_triangular(L3, b, upper=False),
        torch.linalg.solve_triangular(L3.T, c, upper=True, left=False),
    ),
    (3, 2),
    (2, 3),
)
row(
    "linalg_solve_triangular matrix",
    lambda a: torch.linalg.solve_triangular(a, L3[:, :2], upper=True, unitriangular=True),
    (3, 3),
)
row("triangular_solve", lambda b: torch.triangular_solve(b, L3, upper=False, transpose=True)[0], (3, 2))
row(
    "linalg_inv_ex",
    lambda a: (torch.linalg.inv(a.tril() + 3 * torch.eye(3, dtype=D)), torch.linalg.inv(a)),
    (3, 3),
    noise=1e-9,
    choices=[0.5, 2.0, -1.7],
)
row(
    "linalg_matrix_exp",
    lambda a: torch.linalg.matrix_exp(a.triu()),
    lambda: 0.3 * N(3, 3),
    noise=1e-9,
    choices=[0.5, 0.9],
)
row(
    "_linalg_solve_ex",
    lambda a, b: (torch.linalg.solve(a, b), torch.linalg.solve(a, b[..., 0]), torch.linalg.solve(a, b, left=False)),
    (2, 2, 2),
    (2, 2, 2),
    noise=1e-12,
    choices=[0.5, 3.0, -1.7],
)
row(
    "linalg_cholesky_ex",
    lambda a: (torch.linalg.cholesky_ex(a)[0], torch.linalg.cholesky_ex(a, upper=True)[0]),
    lambda: 4 * torch.eye(3, dtype=D) + 0.3 * P(3, 3),
    choices=[0.5, 0.7, 3.0],
)
row("cholesky", lambda a: torch.cholesky(a), lambda: 4 * torch.eye(2, dtype=D) + 0.3 * P(2, 2), choices=[0.5, 0.7, 3.0])
row("linalg_qr", lambda a: torch.linalg.qr(a), (3, 3), over="signs and first entries", noise=1e-9)
for name in [
    "_linalg_svd",
    "_linalg_eigh",
    "linalg_eig",
    "_linalg_det",
    "_linalg_slogdet",
    "linalg_lu_factor_ex",
    "linalg_lu",
    "geqrf",
    "_linalg_eigvals",
]:
    row(name, lambda a, f=getattr(aten, name): f(a), (2, 2, 2), over="everything of a matrix", noise=1e-9)
row("linalg_pinv", lambda a: torch.linalg.pinv(a), (2, 2), noise=1e-9, over="everything of a matrix")
row(
    "linalg_lstsq",
    lambda a, b: torch.linalg.lstsq(a, b).solution,
    (2, 2),
    (2, 1),
    noise=1e-9,
    over="everything of a matrix",
)
row(
    "linalg_householder_product",
    lambda a, t: torch.linalg.householder_product(a, t),
    (2, 2),
    (2,),
    over="everything of a matrix",
)
row("ormqr", lambda a, t, x: torch.ormqr(a, t, x), (2, 2), (2,), (2, 1), over="everything of a matrix")
row("lu_unpack", lambda a: torch.lu_unpack(a, T([1, 2], dtype=torch.int32))[1:], (2, 2), over="everything of a matrix")
row(
    "cholesky_inverse",
    lambda a: torch.cholesky_inverse(a),
    lambda: P(2, 2),
    choices=[0.5, 3.0],
    over="everything of a matrix",
)
row(
    "cholesky_solve",
    lambda b, a: torch.cholesky_solve(b, a),
    (2, 2),
    lambda: P(2, 2),
    over="one triangle of the factor",
)
row(
    "_cholesky_solve_helper",
    lambda b, a: aten._cholesky_solve_helper(b, a, False),
    (2, 2),
    lambda: P(2, 2),
    over="one triangle of the factor",
)
row(
    "linalg_lu_solve",
    lambda b, a: torch.linalg.lu_solve(a, T([1, 2], dtype=torch.int32), b),
    (2, 2),
    lambda: P(2, 2),
    over="one triangle of the factor",
)
row("linalg_cross", lambda x, y: torch.linalg.cross(x, y), (2, 3), (2, 3))
row(
    "affine_grid_generator",
    lambda t: F.affine_grid(t, [1, 1, 2, 3], align_corners=False),
    (1, 2, 3),
    over="places of zero",
)

# Groups, quantised numbers, losses, lists.
row(
    "_grouped_mm",
    lambda x: hidden._grouped_mm(x.bfloat16(), torch.ones(2, 8, 8).bfloat16(), offs=T([1, 2], dtype=torch.int32)),
    lambda: N(2, 8, dtype=torch.float32),
    choices=[0.5, 40.0],
)
row(
    "_weight_int8pack_mm",
    lambda x, s: aten._weight_int8pack_mm(x.bfloat16(), torch.ones(2, 32, dtype=torch.int8), s.bfloat16()),
    lambda: N(2, 32, dtype=torch.float32),
    lambda: N(2, dtype=torch.float32),
    choices=[50.0, -99.0],
)
row(
    "fake_quantize_per_channel_affine_cachemask",
    lambda x: torch.fake_quantize_per_channel_affine(x, T([0.1, 0.2]), T([0, 0], dtype=torch.int32), 0, -9, 9),
    lambda: N(2, 2, dtype=torch.float32),
)
row(
    "fake_quantize_per_tensor_affine_cachemask",
    lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -9, 9),
    lambda: N(3, dtype=torch.float32),
)
row(
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
    lambda x: torch.fake_quantize_per_tensor_affine(x, T(0.1), T(0, dtype=torch.int32), -9, 9),
    lambda: N(3, dtype=torch.float32),
)
row(
    "_fake_quantize_learnable_per_tensor_affine",
    lambda x: aten._fake_quantize_learnable_per_tensor_affine(x, T([0.1]), T([0.0]), -9, 9),
    lambda: N(3, dtype=torch.float32),
)
row(
    "_fake_quantize_learnable_per_channel_affine",
    lambda x: aten._fake_quantize_learnable_per_channel_affine(x, T([0.1, 0.2]), T([0.0, 0.0]), 0, -9, 9),
    lambda: N(2, 2, dtype=torch.float32),
)
row(
    "_fused_moving_avg_obs_fq_helper",
    lambda x: aten._fused_moving_avg_obs_fq_helper(
        x, T([1]), T([1]), T([-1.0]), T([1.0]), T([0.1]), T([0], dtype=torch.int32), 0.5, 0, 9, -1
    )[0],
    lambda: N(3, dtype=torch.float32),
    over="the range of the whole",
)
for name in ["mse_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss"]:
    row(name, lambda x, y, f=getattr(F, name): (f(x, y, reduction="none"), f(x, y)), (2, 3), (2, 3))
row(
    "binary_cross_entropy",
    lambda x, y: F.binary_cross_entropy(x, y, reduction="none"),
    lambda: 0.5 * P(3),
    lambda: 0.5 * P(3),
    choices=[0.3, 0.8],
)
row(
    "binary_cross_entropy_with_logits",
    lambda x, y: aten.binary_cross_entropy_with_logits(x, y, None, None, 0),
    (3,),
    lambda: P(3),
)
row(
    "nll_loss_forward",
    lambda x, y: (
        F.nll_loss(x, y, reduction="none"),
        F.nll_loss(x, T([1, -100]), reduction="none"),
        F.nll_loss(x, T([1, 0])),
    ),
    (2, 3),
    lambda: Z(3, 2),
    over="a mean of all",
    choices=[0, 1, 2],
)
row("nll_loss2d_forward", lambda x: F.nll_loss(x, T([[[1, 0]]]), reduction="none"), (1, 2, 1, 2))
row("_ctc_loss", lambda x: F.ctc_loss(x.log_softmax(-1), T([[1]]), T([2]), T([1])), (2, 1, 2))
row("multi_margin_loss", lambda x: F.multi_margin_loss(x, T([1])), (1, 3))
row(
    "multilabel_margin_loss_forward", lambda x: F.multilabel_margin_loss(x, T([[1, -1, 0]])), (1, 3), over="all is read"
)
for name in entries():
    if name.startswith("_foreach_") and name not in ROWS:
        short = name.removeprefix("_foreach_")
        if short in ("add", "sub", "mul", "div", "maximum", "minimum", "clamp_max", "clamp_min", "pow"):
            row(
                name,
                lambda x, y, f=getattr(aten, name).List, g=getattr(aten, name).Scalar: (
                    f([x, y], [y, x]),
                    g([x, y], 0.5),
                ),
                lambda: P(2),
                lambda: P(2),
            )
        elif short in ("addcmul", "addcdiv"):
            row(
                name,
                lambda x, y, f=getattr(aten, name).Scalar: f([x, y], [y, y], [x, y]),
                lambda: P(2),
                lambda: P(2),
                over="one that cancels",
            )
        elif short == "lerp":
            row(name, lambda x, y: aten._foreach_lerp.List([x], [y], [x]), (2,), (2,))
        elif short in ("copy", "clone"):
            row(
                name,
                lambda x, y, s=short: (
                    (hidden._foreach_copy_([x], [y]), x)[1]
                    if s == "copy"
                    else aten._foreach_clone([x, y])
                    if hasattr(aten, "_foreach_clone")
                    else x
                ),
                (2,),
                (2,),
            )
        elif short == "zero":
            row(name, lambda x: (hidden._foreach_zero_([x[0]]), x)[1], (2, 2))
        else:
            row(name, lambda x, y, f=name: getattr(torch, f)([x, y]), lambda: P(2), lambda: P(1))

# Views, strides and memory, which need no rule.
row("strides", lambda x: x.mT[:, 1:].flip(0).reshape(-1)[::2].contiguous(), (3, 3))
row("writes through views", lambda x, y: (x.view(-1)[2:5].mul_(y), x.mT.add_(y[0]), x)[2], (2, 3), (3,))
row("complex parts", lambda x: torch.view_as_real(torch.view_as_complex(x) * 2), (2, 2), over="two parts of one number")
row("half", lambda x: x.half().float().cumsum(0), lambda: N(3, dtype=torch.float32))


def known(name: str) -> bool:
    """Whether this version of torch has the operator that a row is named after."""
    bare = name.split()[0].partition(".")[0]
    named = bare in {entry_.partition(".")[0] for entry_ in entries()}
    return not named or hasattr(aten, bare) or hasattr(aten, bare + "_")


@pytest.mark.parametrize("name", ROWS)
def test_labels_are_what_perturbation_shows(name: str) -> None:
    """Neither less nor, unless the row says so, more; in sets and in ranks."""
    own = ROWS[name]
    if not known(name):
        pytest.skip("this version of torch has no such operator")
    bases: list[list[Tensor]] = []
    for seed in range(1 if own.given else own.bases):
        torch.manual_seed(seed)
        bases.append([t.contiguous() for t in own.inputs()])
        if seed > 1 and own.choices is None:  # ties
            bases[-1] = [t.round() if t.is_floating_point() else t for t in bases[-1]]
    moves = torch.zeros(0)
    for base in bases:
        found = truth(own.run, base, choices=own.choices, noise=own.noise)
        moves = found if moves.numel() == 0 or moves.shape != found.shape else moves | found
    said, without = read(own.run, bases[0], route_given=own.given)
    assert not without, "an operator has no rule"
    assert said.shape == moves.shape
    if not own.missing:
        assert not (moves & ~said).any(), f"missed: {(moves & ~said).nonzero().tolist()[:5]}"
    if not own.over:
        assert not (said & ~moves).any(), f"too much: {(said & ~moves).nonzero().tolist()[:5]}"
    order, labels, _ = labelled(own.run, bases[0], orders=1, route_given=own.given)
    most = torch.where(said, order + 2, 0).amax(1) if said.shape[1] else torch.zeros(len(said))
    assert torch.equal(torch.where(labels <= 1, 0, labels).long(), most.long()), "ranks are the highest of the sets"


@dataclass
class StandIn:
    """A kernel of other devices: its rule, upon a call whose results a kernel of this one has made."""

    operator: str
    arguments: Callable[[Sequence[Tensor]], list[Any]]
    results: Callable[[Sequence[Tensor]], list[Any]]
    inputs: Callable[[], Sequence[Tensor]]
    over: str = ""
    choices: Sequence[Any] | None = None


def _attended(x: Sequence[Tensor]) -> list[Any]:
    return list(aten._scaled_dot_product_flash_attention_for_cpu(*x, is_causal=True))


def _attention(x: Sequence[Tensor]) -> list[Any]:
    return [*x, None, True, 0.0, True]


_QKV = lambda: [N(1, 1, 3, 2), N(1, 1, 3, 2), N(1, 1, 3, 2)]  # noqa: E731
STANDINS = {
    "_scaled_dot_product_flash_attention": StandIn(
        "_scaled_dot_product_flash_attention", lambda x: [*x, 0.0, True], _attended, _QKV, choices=[0.5, 9.0]
    ),
    "_scaled_dot_product_efficient_attention": StandIn(
        "_scaled_dot_product_efficient_attention", _attention, _attended, _QKV, choices=[0.5, 9.0]
    ),
    "_scaled_dot_product_cudnn_attention": StandIn(
        "_scaled_dot_product_cudnn_attention", _attention, _attended, _QKV, choices=[0.5, 9.0]
    ),
    "_scaled_dot_product_fused_attention_overrideable": StandIn(
        "_scaled_dot_product_fused_attention_overrideable",
        lambda x: [*x, None, 0.0, True],
        _attended,
        _QKV,
        choices=[0.5, 9.0],
    ),
    "_flash_attention_forward": StandIn(
        "_flash_attention_forward", lambda x: [*x, None, None, 3, 3, 0.0, True, False], _attended, _QKV, "all is read"
    ),
    "_efficient_attention_forward": StandIn(
        "_efficient_attention_forward", lambda x: [*x, None, None, None, 3, 3, 0.0, 0], _attended, _QKV, "all is read"
    ),
    "_thnn_fused_lstm_cell": StandIn(
        "_thnn_fused_lstm_cell", lambda x: [*x, None, None], lambda x: _lstm(*x), lambda: [N(1, 8), N(1, 8), N(1, 2)]
    ),
    "_thnn_fused_gru_cell": StandIn(
        "_thnn_fused_gru_cell", lambda x: [*x, None, None], lambda x: _gru(*x), lambda: [N(1, 6), N(1, 6), N(1, 2)]
    ),
    "_fused_rms_norm": StandIn(
        "_fused_rms_norm",
        lambda x: [x[0], [3], x[1], 1e-5],
        lambda x: [F.rms_norm(x[0], (3,), x[1]), x[0].square().mean(-1, keepdim=True)],
        lambda: [N(2, 3), N(3)],
    ),
    "cudnn_batch_norm": StandIn(
        "cudnn_batch_norm",
        lambda x: [*x, None, None, None, True, 0.1, 1e-5],
        lambda x: list(aten.native_batch_norm(*x, None, None, None, True, 0.1, 1e-5)),
        lambda: [N(3, 2), N(2)],
    ),
    "cudnn_convolution": StandIn(
        "cudnn_convolution",
        lambda x: [*x, [1], [1], [1], 1, False, False, False],
        lambda x: [F.conv1d(x[0], x[1], padding=1)],
        lambda: [N(1, 2, 3), N(2, 2, 2)],
        "weights beside padding",
    ),
    "_conv_depthwise2d": StandIn(
        "_conv_depthwise2d",
        lambda x: [*x, [2, 2], None, [1, 1], [0, 0], [1, 1]],
        lambda x: [F.conv2d(x[0], x[1], groups=2)],
        lambda: [N(1, 2, 2, 3), N(2, 1, 2, 2)],
    ),
    "conv_depthwise3d": StandIn(
        "conv_depthwise3d",
        lambda x: [*x, [1, 2, 2], None, [1, 1, 1], [0, 0, 0], [1, 1, 1]],
        lambda x: [F.conv3d(x[0], x[1], groups=2)],
        lambda: [N(1, 2, 1, 2, 3), N(2, 1, 1, 2, 2)],
    ),
    "_fused_dropout": StandIn(
        "_fused_dropout", lambda x: [*x, 0.5], lambda x: [x[0] * 2, torch.zeros(3)], lambda: [N(3)]
    ),
    "_scaled_mm": StandIn(
        "_scaled_mm",
        lambda x: [x[0], x[1], x[2], T(1.0)],
        lambda x: [x[0] @ x[1] * x[2]],
        lambda: [N(2, 3), N(3, 2), N()],
    ),
    "_weight_int4pack_mm_for_cpu": StandIn(
        "_weight_int4pack_mm_for_cpu",
        lambda x: [*x, 2, torch.ones(1)],
        lambda x: [x[0] @ x[1].mT],
        lambda: [N(2, 3), N(2, 3)],
        "packed weights, whole",
    ),
}


def _lstm(a: Tensor, b: Tensor, c: Tensor) -> list[Tensor]:
    i, f, g, o = (a + b).unflatten(-1, (4, -1)).unbind(-2)
    cell = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return [o.sigmoid() * cell.tanh() + cell * 0.1, cell + o * 0.1]


def _gru(a: Tensor, b: Tensor, h: Tensor) -> list[Tensor]:
    (r, z, n), (s, y, m) = a.unflatten(-1, (3, -1)).unbind(-2), b.unflatten(-1, (3, -1)).unbind(-2)
    new = (n + (r + s).sigmoid() * m).tanh()
    return [new + (z + y).sigmoid() * (h - new)]


@pytest.mark.parametrize("name", STANDINS)
def test_kernels_of_other_devices(name: str) -> None:
    """The rule of a kernel that this machine has not, upon what another computes."""
    own = STANDINS[name]
    torch.manual_seed(0)
    inputs = list(own.inputs())
    moves = truth(lambda *x: own.results(x), inputs, choices=own.choices)
    algebra = Sets(sum(t.numel() for t in inputs))
    memory = ShadowMemory(algebra)
    start = 0
    for t in inputs:
        memory.write(t, algebra.of(torch.arange(start, start + t.numel()).reshape(t.shape)))
        start += t.numel()
    if not hasattr(aten, own.operator):
        pytest.skip("this version of torch has no such operator")
    operator = getattr(aten, own.operator)
    operator = getattr(operator, operator.overloads()[0])
    rule = find(operator)
    assert rule is not None
    call = Call(memory, Signature(operator, rule), own.arguments(inputs), {}, route_given=False)
    call.targets = own.results(inputs)
    found = rule(call)
    listed = [found] * len(call.targets) if isinstance(found, (Tensor, Masked)) else list(found)
    labels = [
        (k.labels if isinstance(k, Masked) else k).expand(t.shape) for k, t in zip(listed, call.targets, strict=True)
    ]
    said = torch.from_numpy(algebra.members(torch.cat([k.reshape(-1) for k in labels])))
    assert not (moves & ~said).any(), f"missed: {(moves & ~said).nonzero().tolist()[:5]}"
    if not own.over:
        assert not (said & ~moves).any(), f"too much: {(said & ~moves).nonzero().tolist()[:5]}"


def met(own: Row) -> set[str]:
    """The entries of the table that a row meets with labels."""
    names: set[str] = set()

    def watch(call: Call) -> None:
        name = entry(call.operator)
        if name is not None and any(bool(call.labels(t).any()) for t in call.inputs):
            names.add(name)

    torch.manual_seed(0)
    given = [t.contiguous() for t in own.inputs()]
    sources = [(t, torch.arange(t.numel()).reshape(t.shape)) for t in given]
    with torch.no_grad():
        trace(lambda: own.run(*given), sources, watchers=[watch])
    return names


def test_every_entry_of_the_table_has_a_row() -> None:
    """A rule that no row meets is not tested."""
    seen = {found for name, own in ROWS.items() if known(name) for found in met(own)}
    here = {name for name in entries() if known(name)}
    if torch.__version__ < "2.6":
        here.discard("ldexp")  # made of others there
    rest = sorted(here - seen - set(STANDINS))
    assert not rest, rest


def test_a_rule_that_misses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison fails where a rule says too little, and where it says too much."""
    from arspec.shadow.rules import table

    def nothing(call: Call) -> Tensor:
        return torch.full((), CONSTANT, dtype=DTYPE)

    monkeypatch.setitem(table._RULES, "cumsum", nothing)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(AssertionError, match="missed"):
        test_labels_are_what_perturbation_shows("cumsum")
    monkeypatch.setitem(table._RULES, "cumsum", Call.everything)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(AssertionError, match="too much"):
        test_labels_are_what_perturbation_shows("cumsum")
