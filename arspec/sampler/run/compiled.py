"""Steps compiled by torch's Inductor: the operations of a class of steps become one function of row,
caches and weights.

It needs a C++ compiler on a CPU, and pays where many steps are alike. Sums are rounded in another order than in the
plain path, so results agree up to rounding only (1e-5 of the parameters in float32).
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.heads.truncation import Truncation
from arspec.layers.base import Weights
from arspec.sampler.run.cut import Cut
from arspec.sampler.run.executor import Executor, State
from arspec.sampler.run.kernel import compiler

# (row, noise [B, v, U], state) -> the values [B, v, C] that were drawn, and the parameters [B, v,
# K] they were drawn from.
Step = Callable[[Tensor, Tensor, State], tuple[Tensor, Tensor]]
FEWEST = 2000  # steps below which nothing is compiled
TRIED = 5  # plain steps that are timed
SAVED = 0.5  # of a plain step's time
SECONDS = 0.4  # for each operation, the first time on a machine


def can_compile(device: torch.device) -> bool:
    """Whether Inductor has what it needs for a device: on a CPU a C++ compiler."""
    return device.type != "cpu" or compiler() is not None


def need_compiler(device: torch.device) -> None:
    """InputError where what is asked for can't be compiled."""
    if not can_compile(device):
        raise InputError("AR815", "torch.compile needs a C++ compiler, and there is none here",
                         "install g++ or clang++, set CXX, or leave out --compile")  # fmt: skip


def instructions() -> dict[str, Any]:
    """Inductor's option for the instructions that ATEN_CPU_CAPABILITY restricts torch to. Without it Inductor takes
    code out of its cache that was written for others, and does not compile under these."""
    width = {"default": 1, "avx2": 256}.get(os.environ.get("ATEN_CPU_CAPABILITY", "").lower())
    return {} if width is None else {"cpp.simdlen": width}


def pays(executor: Executor, cut: Cut, state: State, row: Tensor, steps: int, wanted: bool | None) -> bool:
    """Whether to compile a class of which so many steps are to come. wanted: yes, no, or (None) where it saves time: a
    compiled step takes about a half of the plain one, measured here, and compiling a fixed time for each operation.
    InputError where it is wanted and there is no compiler."""
    if wanted is not None:
        if wanted:
            need_compiler(row.device)
        return wanted
    if steps < FEWEST or not can_compile(row.device):
        return False
    begun = time.perf_counter()
    for _ in range(TRIED):
        executor.step(row, cut, state, None)  # again and again the same step: it writes what it has written
    each = (time.perf_counter() - begun) / TRIED
    return steps * each * SAVED > SECONDS * len(cut.calls)


def compiled_step(
    executor: Executor, cut: Cut, state: State, row: Tensor, noise: Tensor, temperature: float = 1.0,
    truncation: Truncation | None = None, guidance: float | None = None,
) -> Step:  # fmt: skip
    """A class of steps as one compiled function, which draws as well. `state`, `row` and `noise` [B, v, U] are
    examples: shapes are fixed from here on. guidance: the state is of 2B examples, B under their conditions and the
    same without (`arspec.sampler.drive.guidance`); the values are drawn once for both."""
    from torch._inductor import compile as compile_graph
    from torch.fx.experimental.proxy_tensor import make_fx  # pyright: ignore[reportUnknownVariableType]

    head, support = executor.model.graph.head, executor.model.graph.support
    prepared = [executor.weights(n) for n in range(len(executor.parts))]
    names = [list(w) for w in prepared]
    weights = [w[name] for w in prepared for name in w]

    def step(row: Tensor, noise: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        left = iter(tensors)
        caches, hoisted = [[next(left) for _ in own] for own in (state.caches, state.hoisted)]
        folded: list[Weights] = [{name: next(left) for name in own} for own in names]
        inner = executor.with_tensors(state, caches, hoisted, folded)
        parameters = executor.step(row, cut, inner, None)
        if guidance is not None:
            conditioned, free = parameters.chunk(2)
            parameters = head.guided(conditioned, free, guidance)
        values = head.draw(support, parameters, noise, temperature, truncation)
        written = values.to(parameters.dtype)
        executor.write(cut, inner, written if guidance is None else torch.cat([written, written]))
        return values, parameters

    spare = [cache.clone() for cache in state.caches.values()]  # tracing runs the step
    example: list[Any] = [row, noise, *spare, *state.hoisted.values(), *weights]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = make_fx(step, _SUMS, "fake", _allow_non_fake_inputs=True)(*example)
        options = {"size_asserts": False, "cpp_wrapper": row.device.type == "cpu", **_APART, **instructions()}
        run: Any = compile_graph(traced, example, options=options)

    def call(row: Tensor, noise: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return run(row, noise, *state.caches.values(), *state.hoisted.values(), *weights)

    return call


def _row_times(x: Tensor, weight: Tensor) -> Tensor:
    """x [1, K] times weight [K, N] as sums, which Inductor writes out as one pass over memory: two to four times as
    fast as a call of BLAS, whose products of one row run at a third of the memory's speed once the weights fill the
    caches. Of several rows BLAS is faster."""
    return (x * weight.t()).sum(-1).unsqueeze(0) if len(x) == 1 else NotImplemented


def _row_times_and(bias: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    product = _row_times(x, weight)
    return product if product is NotImplemented else bias + product


# What products are traced as; and that their inputs are stored: taken into the sums,
# they'd be computed for every output.
_SUMS: Any = {torch.ops.aten.mm.default: _row_times, torch.ops.aten.addmm.default: _row_times_and}
_APART = {"realize_opcount_threshold": 0, "realize_reads_threshold": 0}
