"""Random torch programs, and labels of all that they compute beside exhaustive perturbation.

`python -m tests.shadow_programs 2000` runs so many programs and prints what was missed, and for each operator which
share of what its rule lets through no perturbation showed.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.shadow_brute import different, flat, read

D = torch.float64
LARGEST = 24  # elements of a value in a program
STEPS = 7
OFTEN = ["whole"] * 8 + [
    "index",
    "gather",
    "scatter",
    "index_put_",
    "topk",
    "matmul",
    "add_",
    "max_pool1d",
    "interpolate",
] * 3
CHOICES = (0.37, -1.9, 6.1, -40.0, 0.0)
NOISE = 1e-10  # a share of rounding, which no label speaks of

Values = list[Tensor]
Run = Callable[[Values], Tensor]


@dataclass
class Step:
    """One operator of a program, upon earlier values by number."""

    name: str
    reads: tuple[int, ...]
    run: Run


@dataclass
class Program:
    """Steps upon one or two inputs; each value is shown as it was when it was made, and as it is at the end."""

    seed: int
    inputs: list[Tensor]
    steps: list[Step] = field(default_factory=list[Step])

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """What the program computes."""
        values = list(inputs)
        shown: list[Tensor] = []
        for step in self.steps:
            value = step.run(values)
            values.append(value)
            shown.append(value.clone())
        return [*shown, *(value.clone() for value in values[-3:])]


class Writer:
    """Writes programs by chance; all that is chosen is fixed by the seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.numbers = torch.Generator().manual_seed(seed)
        self.seed = seed

    def normal(self, *shape: int) -> Tensor:
        """Constants."""
        return torch.randn(shape, generator=self.numbers, dtype=D)

    def holes(self, *shape: int) -> Tensor:
        """Constants of which some are zero."""
        return self.normal(*shape) * (torch.rand(shape, generator=self.numbers) < 0.6)

    def bits(self, *shape: int) -> Tensor:
        """Truth values."""
        return torch.rand(shape, generator=self.numbers) < 0.5

    def whole(self, top: int, *shape: int) -> Tensor:
        """Indices."""
        return torch.randint(0, max(1, top), shape, generator=self.numbers)

    def program(self) -> Program:
        """A program that runs."""
        shape = self.chance.choice([(2, 3), (4,), (2, 2, 2), (3, 2), (1, 5), (5,)])
        inputs = [self.normal(*shape)]
        if self.chance.random() < 0.4:
            inputs.append(self.normal(self.chance.choice([2, 3])))
        program = Program(self.seed, inputs)
        values = [t.clone() for t in inputs]
        names = [*OPERATORS, *OFTEN]
        for _ in range(60):
            if len(program.steps) == STEPS:
                break
            name = self.chance.choice(names)
            at = self.chance.randrange(len(values)) if self.chance.random() < 0.5 else len(values) - 1
            made = OPERATORS[name](self, values[at])
            if made is None:
                continue
            others: tuple[int, ...] = ()
            run: Any = made
            if isinstance(made, Two):
                fitting = [k for k, v in enumerate(values) if made.fits(v)]
                if not fitting:
                    continue
                others = (self.chance.choice(fitting),)
                run = made.run
            step = Step(name, (at, *others), _bound(run, at, others))
            before = [t.clone() for t in values]
            try:
                value = step.run(values)
            except (RuntimeError, IndexError, ValueError):
                values = before  # an operator that does not take these
                program = Program(self.seed, inputs, program.steps)
                values = _again(program)
                continue
            if value.numel() == 0 or value.numel() > LARGEST or value.dim() > 4:
                values = _again(program)
                continue
            program.steps.append(step)
            values.append(value)
        return program


def _again(program: Program) -> Values:
    values = [t.clone() for t in program.inputs]
    for step in program.steps:
        values.append(step.run(values))
    return values


@dataclass
class Two:
    """An operator that takes a second value, where it fits."""

    fits: Callable[[Tensor], bool]
    run: Callable[[Tensor, Tensor], Tensor]


def _bound(run: Any, at: int, others: tuple[int, ...]) -> Run:
    def bound(values: Values) -> Tensor:
        return run(values[at], *(values[k] for k in others))

    return bound


Made = Callable[[Tensor], Tensor] | Two | None
OPERATORS: dict[str, Callable[[Writer, Tensor], Made]] = {}


def operator(name: str) -> Callable[[Callable[[Writer, Tensor], Made]], Callable[[Writer, Tensor], Made]]:
    """Enters an operator: a writer and the value it is for give what runs, or None where it does not fit."""

    def enter(make: Callable[[Writer, Tensor], Made]) -> Callable[[Writer, Tensor], Made]:
        assert name not in OPERATORS
        OPERATORS[name] = make
        return make

    return enter


def floating(x: Tensor) -> bool:
    """Whether a value holds numbers that are no indices."""
    return x.is_floating_point()


def simple(name: str, run: Callable[[Tensor], Tensor], *, least: int = 0, numbers: bool = True) -> None:
    """An operator without choices, for values of so many axes."""
    OPERATORS[name] = lambda w, x: run if x.dim() >= least and (floating(x) or not numbers) else None


for _name in ["tanh", "sigmoid", "relu", "abs", "neg", "sin"]:
    simple(_name, getattr(torch, _name))
simple("exp", lambda x: x.clamp(max=3.0).exp())
simple("square", lambda x: x * x)
simple("float32", lambda x: x.to(torch.float32).to(D))
simple("contiguous", lambda x: x.contiguous().clone(), numbers=False)
simple("transpose", lambda x: x.transpose(0, -1), least=2, numbers=False)
simple("flatten", lambda x: x.reshape(-1), numbers=False)
simple("unsqueeze", lambda x: x.unsqueeze(0), numbers=False)
simple("squeeze", lambda x: x.squeeze(), numbers=False)
simple("diagonal", lambda x: x.diagonal(), least=2, numbers=False)
simple("flip", lambda x: x.flip(-1), least=1, numbers=False)
simple("tril", lambda x: x.tril(), least=2)
simple("triu", lambda x: x.triu(1), least=2)
simple("glu", lambda x: F.glu(torch.cat([x, x * 2], -1), -1), least=1)
simple("complex", lambda x: torch.view_as_real(torch.view_as_complex(torch.stack([x, x.sin()], -1)) * 1j)[..., 0])
simple("layer_norm", lambda x: F.layer_norm(x, x.shape[-1:]), least=1)
simple("batch_norm", lambda x: F.batch_norm(x, None, None, training=True), least=2)
simple("outer", lambda x: torch.outer(x, x), least=1)
simple("meshed", lambda x: x[..., None] - x[..., None, :], least=1)


def _dim(w: Writer, x: Tensor) -> int:
    return w.chance.randrange(x.dim()) if x.dim() else 0


for _name in ["sum", "mean", "amax", "amin", "logsumexp", "var", "prod", "softmax", "log_softmax", "argmax"]:

    @operator(_name)
    def _reduced(w: Writer, x: Tensor, name: str = _name) -> Made:
        if not floating(x) or x.dim() == 0:
            return None
        dim, keep = _dim(w, x), w.chance.random() < 0.5
        if name == "var" and x.shape[dim] < 2:
            return None
        if name in ("softmax", "log_softmax"):
            return lambda t: getattr(torch, name)(t, dim)
        return lambda t: getattr(torch, name)(t, dim, keepdim=keep)


for _name in ["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"]:

    @operator(_name)
    def _running(w: Writer, x: Tensor, name: str = _name) -> Made:
        if not floating(x) or x.dim() == 0:
            return None
        dim = _dim(w, x)
        if name in ("cummax", "cummin"):
            return lambda t: getattr(torch, name)(t, dim).values
        return lambda t: getattr(torch, name)(t, dim)


@operator("narrow")
def _narrow(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or max(x.shape) < 2:
        return None
    dim = max(range(x.dim()), key=lambda d: x.shape[d])
    start = w.chance.randrange(x.shape[dim] - 1)
    step = w.chance.choice([1, 2])
    key = (slice(None),) * dim + (slice(start, None, step),)
    return lambda t: t[key]


@operator("select")
def _select(w: Writer, x: Tensor) -> Made:
    if x.dim() < 2:
        return None
    dim = _dim(w, x)
    place = w.chance.randrange(x.shape[dim])
    return lambda t: t.select(dim, place)


@operator("unfold")
def _unfold(w: Writer, x: Tensor) -> Made:
    return (lambda t: t.unfold(-1, 2, 1)) if x.dim() and x.shape[-1] > 2 else None


@operator("expand")
def _expand(w: Writer, x: Tensor) -> Made:
    return lambda t: t.expand(2, *t.shape)


@operator("roll")
def _roll(w: Writer, x: Tensor) -> Made:
    by = w.chance.choice([1, 2, -1])
    dim = _dim(w, x)
    return (lambda t: t.roll(by, dim)) if x.dim() else None


@operator("pad")
def _pad(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    sides, value = (w.chance.choice([-1, 0, 1, 2]), w.chance.choice([0, 1])), w.chance.choice([0.0, 2.0])
    return lambda t: F.pad(t, sides, value=value)


@operator("pad_reflect")
def _reflect(w: Writer, x: Tensor) -> Made:
    mode = w.chance.choice(["reflect", "replicate", "circular"])
    return (lambda t: F.pad(t, (1, 1), mode=mode)) if x.dim() == 3 and floating(x) and x.shape[-1] > 1 else None


@operator("repeat_interleave")
def _repeat(w: Writer, x: Tensor) -> Made:
    dim = _dim(w, x)
    return (lambda t: t.repeat_interleave(2, dim)) if x.dim() else None


def _like(x: Tensor) -> Callable[[Tensor], bool]:
    def fits(y: Tensor) -> bool:
        if not floating(y):
            return False
        try:
            return len(torch.broadcast_shapes(x.shape, y.shape)) <= 4
        except RuntimeError:
            return False

    return fits


for _name in ["add", "sub", "mul", "maximum", "minimum"]:

    @operator(_name)
    def _binary(w: Writer, x: Tensor, name: str = _name) -> Made:
        return Two(_like(x), getattr(torch, name)) if floating(x) else None


@operator("div")
def _div(w: Writer, x: Tensor) -> Made:
    return Two(_like(x), lambda a, b: a / (b.abs() + 1)) if floating(x) else None


@operator("mul constant")
def _mul_constant(w: Writer, x: Tensor) -> Made:
    other = w.holes(*x.shape)
    return (lambda t: t * other) if floating(x) else None


@operator("where")
def _where(w: Writer, x: Tensor) -> Made:
    bits = w.bits(*x.shape)
    same = lambda y: y.shape == x.shape and floating(y)  # noqa: E731
    if not floating(x):
        return None
    if w.chance.random() < 0.5:
        return Two(same, lambda a, b: torch.where(bits, a, b))
    return Two(same, lambda a, b: torch.where(a > 0.2, a, b))


@operator("masked_softmax")
def _masked(w: Writer, x: Tensor) -> Made:
    if x.dim() < 1 or not floating(x):
        return None
    bits, low = w.bits(*x.shape[-1:]), w.chance.choice([-torch.inf, -1e9, torch.finfo(torch.float32).min])
    bits[0] = False
    if w.chance.random() < 0.5:
        return lambda t: t.masked_fill(bits, low).softmax(-1)
    mask = torch.zeros(x.shape[-1], dtype=D).masked_fill(bits, low)
    return lambda t: (t + mask).softmax(-1)


@operator("cat")
def _cat(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    dim = _dim(w, x)
    fits = lambda y: (  # noqa: E731
        y.dim() == x.dim() and floating(y) and all(a == b for d, (a, b) in enumerate(zip(x.shape, y.shape)) if d != dim)
    )
    return Two(fits, lambda a, b: torch.cat([a, b], dim))


@operator("stack")
def _stack(w: Writer, x: Tensor) -> Made:
    return Two(lambda y: y.shape == x.shape and y.dtype == x.dtype, lambda a, b: torch.stack([a, b], -1))


# Products, convolutions, attention.


@operator("matmul constant")
def _matmul_constant(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    weight = w.holes(x.shape[-1], 3)
    return lambda t: t @ weight


@operator("linear")
def _linear(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    weight, bias = w.holes(2, x.shape[-1]), w.normal(2)
    return lambda t: F.linear(t, weight, bias)


@operator("matmul")
def _matmul(w: Writer, x: Tensor) -> Made:
    if x.dim() < 2 or not floating(x):
        return None
    return Two(
        lambda y: y.dim() >= 1 and floating(y) and y.shape[-2 if y.dim() > 1 else -1] == x.shape[-1], torch.matmul
    )


@operator("einsum")
def _einsum(w: Writer, x: Tensor) -> Made:
    if x.dim() != 2 or not floating(x):
        return None
    return Two(
        lambda y: y.dim() == 2 and floating(y) and y.shape[1] == x.shape[1],
        lambda a, b: torch.einsum("ik,jk->ij", a, b),
    )


@operator("attention")
def _attention(w: Writer, x: Tensor) -> Made:
    if x.dim() < 2 or not floating(x):
        return None
    causal, bits = w.chance.random() < 0.5, w.bits(x.shape[-2], x.shape[-2])
    if causal:
        return lambda t: F.scaled_dot_product_attention(t, t, t, is_causal=True)
    mask = w.chance.choice([None, bits | torch.eye(len(bits), dtype=torch.bool)])
    return Two(lambda y: y.shape == x.shape and floating(y), lambda a, b: F.scaled_dot_product_attention(a, b, b, mask))


@operator("eager_attention")
def _eager(w: Writer, x: Tensor) -> Made:
    if x.dim() < 2 or not floating(x):
        return None
    mask = torch.full((x.shape[-2], x.shape[-2]), w.chance.choice([-torch.inf, -1e10]), dtype=D).triu(1)
    return lambda t: (t @ t.mT + mask).softmax(-1) @ t


@operator("conv1d")
def _conv(w: Writer, x: Tensor) -> Made:
    if x.dim() not in (2, 3) or not floating(x):
        return None
    channels = x.shape[-2]
    groups = w.chance.choice([1, channels])
    size = w.chance.choice([1, 2, 3])
    weight = w.holes(channels, channels // groups, size)
    padding, stride, dilation = w.chance.choice([0, 1, 2]), w.chance.choice([1, 2]), w.chance.choice([1, 2])
    if w.chance.random() < 0.3:
        return lambda t: F.conv_transpose1d(t, weight, None, stride, min(padding, 1), 0, groups)
    return lambda t: F.conv1d(t, weight, None, stride, padding, dilation, groups)


@operator("max_pool1d")
def _pool(w: Writer, x: Tensor) -> Made:
    step = w.chance.choice([1, 2])
    return (lambda t: F.max_pool1d(t, 2, step)) if x.dim() == 3 and floating(x) else None


@operator("avg_pool1d")
def _average(w: Writer, x: Tensor) -> Made:
    return (lambda t: F.avg_pool1d(t, 2, 1, 1)) if x.dim() in (2, 3) and floating(x) else None


@operator("interpolate")
def _interpolate(w: Writer, x: Tensor) -> Made:
    mode = w.chance.choice(["linear", "nearest"])
    return (lambda t: F.interpolate(t, scale_factor=2, mode=mode)) if x.dim() == 3 and floating(x) else None


@operator("group_norm")
def _group_norm(w: Writer, x: Tensor) -> Made:
    return (lambda t: F.group_norm(t, 1)) if x.dim() >= 2 and floating(x) and x.numel() > x.shape[0] else None


@operator("solve_triangular")
def _solve(w: Writer, x: Tensor) -> Made:
    if x.dim() != 2 or not floating(x):
        return None
    matrix = w.holes(x.shape[0], x.shape[0]).tril(-1)
    return lambda t: torch.linalg.solve_triangular(matrix, t, upper=False, unitriangular=True)


# Sorting and indices.


@operator("sort")
def _sort(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    dim, which = _dim(w, x), w.chance.randrange(2)
    return lambda t: t.sort(dim)[which]


@operator("topk")
def _topk(w: Writer, x: Tensor) -> Made:
    which = w.chance.randrange(2)
    return (lambda t: t.topk(min(2, t.shape[-1]), -1)[which]) if x.dim() and floating(x) else None


@operator("whole")
def _whole(w: Writer, x: Tensor) -> Made:
    return (lambda t: t.nan_to_num().clamp(-9, 9).mul(3).long()) if floating(x) else None


@operator("one_hot")
def _one_hot(w: Writer, x: Tensor) -> Made:
    return (lambda t: (t[..., None].remainder(3) == torch.arange(3)).to(D)) if not floating(x) else None


@operator("index constant")
def _index_constant(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0:
        return None
    dim = _dim(w, x)
    places = w.whole(x.shape[dim], 3)
    key = (slice(None),) * dim + (places,)
    return lambda t: t[key]


@operator("index mask")
def _index_mask(w: Writer, x: Tensor) -> Made:
    bits = w.bits(*x.shape[:1])
    return (lambda t: t[bits]) if x.dim() and bits.any() else None


def _indices(y: Tensor) -> bool:
    return not floating(y) and y.dtype == torch.int64 and y.dim() >= 1


@operator("index")
def _index(w: Writer, x: Tensor) -> Made:
    dim = _dim(w, x)
    return Two(_indices, lambda a, b: a[(slice(None),) * dim + (b.remainder(a.shape[dim]),)]) if x.dim() else None


@operator("gather")
def _gather(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0:
        return None
    dim = _dim(w, x)
    fits = lambda y: _indices(y) and y.dim() == x.dim() and all(b <= a for a, b in zip(x.shape, y.shape))  # noqa: E731
    return Two(fits, lambda a, b: a.gather(dim, b.remainder(a.shape[dim])))


@operator("scatter")
def _scatter(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    dim, how = _dim(w, x), w.chance.choice(["add", "amax", "put"])
    fits = lambda y: _indices(y) and y.dim() == x.dim() and all(b <= a for a, b in zip(x.shape, y.shape))  # noqa: E731

    def run(a: Tensor, b: Tensor) -> Tensor:
        place, base = b.remainder(a.shape[dim]), torch.zeros_like(a)
        if how == "add":
            return base.scatter_add(dim, place, a)
        return base.scatter_reduce(dim, place, a, "amax") if how == "amax" else a.scatter(dim, place, 0.5)

    return Two(fits, run)


@operator("scatter constant")
def _scatter_constant(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    place = torch.randperm(x.shape[-1], generator=w.numbers).expand(x.shape)
    return lambda t: torch.zeros_like(t).scatter(-1, place, t)


@operator("index_add")
def _index_add(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x):
        return None
    place = w.whole(x.shape[0], x.shape[0])
    return lambda t: torch.ones_like(t).index_add(0, place, t)


@operator("masked_scatter")
def _masked_scatter(w: Writer, x: Tensor) -> Made:
    bits = w.bits(*x.shape)
    return (
        Two(lambda y: floating(y) and y.numel() >= x.numel(), lambda a, b: a.masked_scatter(bits, b))
        if floating(x)
        else None
    )


# Writes in place, through views too.


@operator("add_")
def _add_(w: Writer, x: Tensor) -> Made:
    return (lambda t: t.add_(0.5 * t.flip(-1))) if x.dim() and floating(x) and 0 not in x.stride() else None


@operator("mul_ slice")
def _mul_(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x) or 0 in x.stride():
        return None
    other = w.holes(x.shape[-1])

    def run(t: Tensor) -> Tensor:
        t.select(0, 0).mul_(other[: t.shape[-1]] if t.dim() > 1 else other[0])
        return t

    return run


@operator("copy_ row")
def _copy_(w: Writer, x: Tensor) -> Made:
    if x.dim() < 1 or not floating(x) or 0 in x.stride():
        return None

    def run(a: Tensor, b: Tensor) -> Tensor:
        a.select(-1, a.shape[-1] - 1).copy_(b.reshape(-1)[0])
        return a

    return Two(floating, run)


@operator("fill_")
def _fill_(w: Writer, x: Tensor) -> Made:
    def run(t: Tensor) -> Tensor:
        t.view(-1)[::2].fill_(0.25)
        return t

    return run if floating(x) and x.is_contiguous() else None


@operator("masked_fill_")
def _masked_fill_(w: Writer, x: Tensor) -> Made:
    bits = w.bits(*x.shape)
    return (lambda t: t.masked_fill_(bits, 1.5)) if floating(x) and 0 not in x.stride() and x.dim() else None


@operator("index_put_")
def _index_put_(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x) or 0 in x.stride():
        return None
    add = w.chance.random() < 0.5

    def run(a: Tensor, b: Tensor) -> Tensor:
        place = b.reshape(-1)[:1].remainder(a.shape[0])
        return a.index_put_((place,), a[0].clone() * 2, accumulate=add)

    return Two(_indices, run)


@operator("setitem")
def _setitem(w: Writer, x: Tensor) -> Made:
    if x.dim() == 0 or not floating(x) or 0 in x.stride():
        return None
    place = w.whole(x.shape[0], 1)

    def run(t: Tensor) -> Tensor:
        t[place] = t[-1].clone().tanh()
        return t

    return run


@operator("cumsum_")
def _cumsum_(w: Writer, x: Tensor) -> Made:
    return (lambda t: t.cumsum_(0)) if x.dim() and floating(x) and 0 not in x.stride() else None


# The comparison.


@dataclass
class Found:
    """What one program showed."""

    program: Program
    missed: list[str]
    over: dict[str, tuple[int, int]]  # by operator: read too much, read in all, where all that it was given was exact
    unruled: int


def examine(seed: int) -> Found:
    """Writes a program, and compares labels with perturbations about several points."""
    program = Writer(seed).program()
    said, unruled = read(program, program.inputs)
    moves = torch.zeros_like(said)
    for again in range(3):
        generator = torch.Generator().manual_seed(again)
        base = [t if again == 0 else torch.randn(t.shape, generator=generator, dtype=D) * again for t in program.inputs]
        moves |= _moves(program, base)
    sizes = [t.numel() for t in program(*[t.clone() for t in program.inputs])]
    spans = torch.tensor([0, *sizes]).cumsum(0).tolist()
    missed: list[str] = []
    over: dict[str, tuple[int, int]] = {}
    exact = [True] * len(program.inputs)
    for number, (start, stop) in enumerate(itertools.pairwise(spans)):
        own, true = said[start:stop], moves[start:stop]
        step = program.steps[number] if number < len(program.steps) else None
        if (true & ~own).any():
            missed.append(step.name if step else "value at the end")
        if step is not None:
            if all(exact[k] for k in step.reads):
                old = over.get(step.name, (0, 0))
                over[step.name] = old[0] + int((own & ~true).sum()), old[1] + int(own.sum())
            exact.append(bool((own == true).all()))
    return Found(program, missed, over, unruled)


def _moves(program: Program, base: Sequence[Tensor]) -> Tensor:
    start = flat(program(*[t.clone() for t in base]))
    columns: list[Tensor] = []
    for which, t in enumerate(base):
        for place in range(t.numel()):
            seen = torch.zeros(len(start), dtype=torch.bool)
            for other in CHOICES:
                moved = [s.clone() for s in base]
                moved[which].view(-1)[place] = other
                seen |= different(start, flat(program(*moved)), NOISE)
            columns.append(seen)
    return torch.stack(columns, 1)


def main(count: int, first: int = 0) -> int:
    """Runs programs and prints what they showed; the number of those with a miss."""
    over: dict[str, list[int]] = {name: [0, 0] for name in OPERATORS}
    missed = 0
    for seed in range(first, first + count):
        found = examine(seed)
        for name, (more, total) in found.over.items():
            over[name][0] += more
            over[name][1] += total
        if found.missed or found.unruled:
            missed += 1
            print(f"program {seed}: missed at {found.missed}, {found.unruled} operators without a rule")
            print("   " + "; ".join(f"{k}={s.name}{list(s.reads)}" for k, s in enumerate(found.program.steps)))
    print(f"{count} programs, {missed} with a miss")
    for name, (more, total) in sorted(over.items(), key=lambda item: -item[1][0] / max(1, item[1][1])):
        print(f"{name:20} {more:6} of {total:7}  {more / max(1, total):7.2%}")
    return missed


if __name__ == "__main__":
    sys.exit(bool(main(*(int(word) for word in sys.argv[1:]))))
