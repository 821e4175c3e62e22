"""Operators that take each element by itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from arspec.exporting.onnx.building import Building, Value
from arspec.exporting.onnx.tracing import Untraceable, Variable

Gives = list[Variable]
Write = Callable[..., Any]
ERFC = (  # of the powers of y, from 0 on, in `_erf`
    1.2769783815525289, -0.09276382658574522, -0.16603039761533683, 0.16405128003334057, -0.0542200009893838,
    -0.008034015078553615, 0.008722653817412397, 0.0012713388980111517, -0.0014568132813399372,
    -0.00045434016580301527, 0.0002063626864768417, 0.00015103514406874637, -1.4901061963983255e-06,
    -3.640725758594258e-05, -1.355046176019981e-05, 3.6669775790365515e-06, 5.338062222326649e-06,
    1.5863407347650045e-06, -8.48628409208947e-07, -9.420425625390029e-07, -1.2831419925464148e-07,
    2.3191425466206553e-07, 9.110256036978848e-08, -2.4629982349773074e-08, -1.4276819020177064e-08,
)  # fmt: skip


def as_value(b: Building, item: Any, dtype: torch.dtype) -> Value:
    """A tensor or a number as a value of this type."""
    return b.cast(item, dtype) if isinstance(item, Value) else b.scalar(item, dtype)


def common(*items: Any) -> torch.dtype:
    """The type in which tensors and numbers are compared."""
    tensors = [torch.empty((1,) * (len(x.shape) > 0), dtype=x.dtype) for x in items if isinstance(x, Value)]
    numbers = [x for x in items if isinstance(x, (bool, int, float))]
    found = tensors[0].dtype
    for other in (*tensors, *numbers):
        found = torch.result_type(torch.empty(1, dtype=found), other)
    return found


def _unary(kind: str) -> Write:
    def write(b: Building, gives: Gives, x: Value, **_: Any) -> str:
        return b.node(kind, [b.name(b.cast(x, gives[0].dtype))])

    return write


def _binary(kind: str, logical: str | None = None) -> Write:
    def write(b: Building, gives: Gives, x: Any, y: Any, *, alpha: Any = 1) -> str:
        dtype = gives[0].dtype
        if dtype == torch.bool:
            if logical is None:
                raise Untraceable(f"it has {kind} of truth values")
            return b.node(logical, [b.name(as_value(b, each, torch.bool)) for each in (x, y)])
        one, other = as_value(b, x, dtype), as_value(b, y, dtype)
        if alpha != 1:
            other = Value((), dtype, b.node("Mul", [b.name(other), b.name(b.scalar(alpha, dtype))]))
        return b.node(kind, [b.name(one), b.name(other)])

    return write


def _compared(kind: str, negated: bool = False) -> Write:
    def write(b: Building, gives: Gives, x: Any, y: Any) -> str:
        dtype = common(x, y)
        if dtype == torch.bool and kind != "Equal":
            dtype = torch.int64
        found = b.node(kind, [b.name(as_value(b, each, dtype)) for each in (x, y)])
        return b.node("Not", [found]) if negated else found

    return write


def _logical(kind: str) -> Write:
    def write(b: Building, gives: Gives, x: Any, y: Any) -> str:
        if gives[0].dtype != torch.bool:
            raise Untraceable("it computes with the bits of whole numbers")
        return b.node(kind, [b.name(_truth(b, each)) for each in (x, y)])

    return write


def _truth(b: Building, x: Any) -> Value:
    return as_value(b, x, torch.bool)


def _not(b: Building, gives: Gives, x: Value) -> str:
    if gives[0].dtype != torch.bool:
        raise Untraceable("it computes with the bits of whole numbers")
    return b.node("Not", [b.name(_truth(b, x))])


def _same(b: Building, gives: Gives, x: Value, *_: Any, dtype: Any = None, **__: Any) -> Value:
    return b.cast(x, gives[0].dtype)


def _copied(b: Building, gives: Gives, x: Value, y: Value, *_: Any) -> str:
    """What `copy` gives: the numbers of y in the shape and type of x."""
    return b.node("Expand", [b.name(b.cast(y, gives[0].dtype)), b.numbers(gives[0].shape)])


def _rsub(b: Building, gives: Gives, x: Any, y: Any, alpha: Any = 1) -> str:
    return _binary("Sub")(b, gives, y, x, alpha=alpha)


def _divided(b: Building, gives: Gives, x: Any, y: Any, *, rounding_mode: str | None = None) -> str:
    dtype = gives[0].dtype
    if rounding_mode is None or dtype.is_floating_point:
        found = b.node("Div", [b.name(as_value(b, each, dtype)) for each in (x, y)])
        return found if rounding_mode is None else b.node("Floor" if rounding_mode == "floor" else "Trunc", [found])
    one, other = (as_value(b, each, dtype) for each in (x, y))
    if rounding_mode == "floor":  # whole numbers: what is left over has the sign of the divisor
        rest = b.node("Mod", [b.name(one), b.name(other)])
        one = Value((), dtype, b.node("Sub", [b.name(one), rest]))
    return b.node("Div", [b.name(one), b.name(other)])


def _remainder(b: Building, gives: Gives, x: Any, y: Any) -> str:
    dtype = gives[0].dtype
    one, other = (b.name(as_value(b, each, dtype)) for each in (x, y))
    if not dtype.is_floating_point:
        return b.node("Mod", [one, other])
    return b.node("Sub", [one, b.node("Mul", [b.node("Floor", [b.node("Div", [one, other])]), other])])


def _power(b: Building, gives: Gives, x: Any, y: Any) -> str:
    dtype = gives[0].dtype
    one = b.name(as_value(b, x, dtype))
    if isinstance(y, (int, float)) and y == 2:
        return b.node("Mul", [one, one])
    return b.node("Pow", [one, b.name(as_value(b, y, dtype))])


def _clamped(b: Building, gives: Gives, x: Value, low: Any = None, high: Any = None) -> str:
    dtype = gives[0].dtype
    found = b.name(b.cast(x, dtype))
    for kind, bound in (("Max", low), ("Min", high)):
        if bound is not None:
            found = b.node(kind, [found, b.name(as_value(b, bound, dtype))])
    return b.node("Identity", [found]) if low is None and high is None else found


def _clamped_above(b: Building, gives: Gives, x: Value, high: Any) -> str:
    return _clamped(b, gives, x, None, high)


def _where(b: Building, gives: Gives, condition: Value, x: Any, y: Any) -> str:
    dtype = gives[0].dtype
    taken = torch.int64 if dtype == torch.bool else dtype
    found = b.node("Where", [b.name(_truth(b, condition)), *(b.name(as_value(b, each, taken)) for each in (x, y))])
    return b.name(b.cast(Value(gives[0].shape, taken, found), dtype))


def _expm1(b: Building, gives: Gives, x: Value) -> str:
    one = b.name(b.scalar(1, x.dtype))
    return b.node("Sub", [b.node("Exp", [b.name(x)]), one])


def _log1p(b: Building, gives: Gives, x: Value) -> str:
    return b.node("Log", [b.node("Add", [b.name(x), b.name(b.scalar(1, x.dtype))])])


def _rsqrt(b: Building, gives: Gives, x: Value) -> str:
    return b.node("Reciprocal", [b.node("Sqrt", [b.name(x)])])


def _elu(b: Building, gives: Gives, x: Value, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> str:
    zero, name = b.name(b.scalar(0, x.dtype)), b.name(x)
    low = b.node("Min", [name, zero])
    if input_scale != 1:
        low = b.node("Mul", [low, b.name(b.scalar(input_scale, x.dtype))])
    low = _expm1(b, gives, Value(x.shape, x.dtype, low))
    if alpha != 1:
        low = b.node("Mul", [low, b.name(b.scalar(alpha, x.dtype))])
    found = b.node("Add", [b.node("Max", [name, zero]), low])
    return found if scale == 1 else b.node("Mul", [found, b.name(b.scalar(scale, x.dtype))])


def _gelu(b: Building, gives: Gives, x: Value, *, approximate: str = "none") -> str:
    dtype, name = x.dtype, b.name(x)

    def number(value: float) -> str:
        return b.name(b.scalar(value, dtype))

    if approximate == "tanh":
        cube = b.node("Mul", [name, b.node("Mul", [name, name])])
        inner = b.node("Add", [name, b.node("Mul", [cube, number(0.044715)])])
        turned = b.node("Tanh", [b.node("Mul", [inner, number(math.sqrt(2 / math.pi))])])
    else:
        turned = _erf(b, gives, Value(x.shape, dtype, b.node("Mul", [name, number(math.sqrt(0.5))])))
    half = b.node("Mul", [name, number(0.5)])
    return b.node("Mul", [half, b.node("Add", [turned, number(1)])])


def _erf(b: Building, gives: Gives, x: Value) -> str:
    """In float64, which onnxruntime's Erf does not have, to 1e-15 of the largest number:
    erf |x| = 1 - exp(-x²) p(y) / (1 + 2|x|) with a polynomial p of y = (|x| - 2) / (|x| + 2), the Chebyshev
    approximation of (1 + 2x) exp(x²) erfc(x) for all x from 0 on (Shepherd & Laframboise 1981)."""
    if x.dtype != torch.float64:
        return b.node("Erf", [b.name(x)])
    one, two = (b.name(b.scalar(n, x.dtype)) for n in (1, 2))
    far = b.node("Abs", [b.name(x)])
    y = b.node("Div", [b.node("Sub", [far, two]), b.node("Add", [far, two])])
    found = b.name(b.scalar(ERFC[-1], x.dtype))
    for coefficient in ERFC[-2::-1]:
        found = b.node("Add", [b.node("Mul", [found, y]), b.name(b.scalar(coefficient, x.dtype))])
    small = b.node("Exp", [b.node("Neg", [b.node("Mul", [far, far])])])
    found = b.node("Div", [b.node("Mul", [small, found]), b.node("Add", [b.node("Mul", [far, two]), one])])
    return b.node("Mul", [b.node("Sign", [b.name(x)]), b.node("Sub", [one, found])])


def _softplus(b: Building, gives: Gives, x: Value, beta: Any = 1, threshold: Any = 20) -> str:
    """max(βx, 0) + log(1 + exp(−|βx|)), over β: exact where the exponential would be too large."""
    name = b.name(x) if beta == 1 else b.node("Mul", [b.name(x), b.name(b.scalar(beta, x.dtype))])
    small = b.node("Exp", [b.node("Neg", [b.node("Abs", [name])])])
    found = b.node(
        "Add",
        [b.node("Max", [name, b.name(b.scalar(0, x.dtype))]), _log1p(b, gives, Value(x.shape, x.dtype, small))],
    )
    return found if beta == 1 else b.node("Div", [found, b.name(b.scalar(beta, x.dtype))])


def _leaky(b: Building, gives: Gives, x: Value, slope: float = 0.01) -> str:
    zero = b.name(b.scalar(0, x.dtype))
    low = b.node("Mul", [b.node("Min", [b.name(x), zero]), b.name(b.scalar(slope, x.dtype))])
    return b.node("Add", [b.node("Max", [b.name(x), zero]), low])


POINTWISE: dict[str, Write] = {
    **{name: _unary(kind) for name, kind in {
        "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "neg": "Neg", "abs": "Abs",
        "sqrt": "Sqrt", "reciprocal": "Reciprocal", "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "round": "Round",
        "cos": "Cos", "sin": "Sin",
    }.items()},
    "add": _binary("Add", "Or"), "sub": _binary("Sub"), "mul": _binary("Mul", "And"),
    "maximum": _binary("Max", "Or"), "minimum": _binary("Min", "And"),
    "eq": _compared("Equal"), "ne": _compared("Equal", True), "lt": _compared("Less"), "le": _compared("LessOrEqual"),
    "gt": _compared("Greater"), "ge": _compared("GreaterOrEqual"),
    "logical_and": _logical("And"), "logical_or": _logical("Or"), "logical_xor": _logical("Xor"),
    "bitwise_and": _logical("And"), "bitwise_or": _logical("Or"), "bitwise_xor": _logical("Xor"),
    "logical_not": _not, "bitwise_not": _not,
    **dict.fromkeys(("clone", "alias", "detach", "lift_fresh_copy", "_to_copy"), _same),
    "copy": _copied, "rsub": _rsub, "div": _divided, "remainder": _remainder, "pow": _power, "where": _where,
    "clamp": _clamped, "clamp_min": _clamped, "clamp_max": _clamped_above,
    "expm1": _expm1, "log1p": _log1p, "rsqrt": _rsqrt, "elu": _elu, "gelu": _gelu, "erf": _erf,
    "softplus": _softplus, "leaky_relu": _leaky,
}  # fmt: skip
"""By the name of an operator, what writes it."""
