"""What `arspec audit` says of LeakBench: `python -m tests.leakbench.audits [NAME ...]` prints it."""

from __future__ import annotations

import functools
import math
import sys
import time
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arspec.auditing import AuditReport, audit
from tests.leakbench.cases import CASES, Case, Twin

PASSES = 30  # of a module, at most


@dataclass(frozen=True)
class Audited:
    """A report, and how many forward passes of the module it took: a call on a part of the length is a part of one."""

    report: AuditReport
    passes: float
    seconds: float


def audited(case: Case, twin: Twin, *, witness: bool = False) -> Audited:
    """The audit of one twin, in all modes that it offers; where pairs are given, in their mode alone. `witness`: the
    line that leaks is looked for, by more passes."""
    counter = _Counter(case)

    options: dict[str, Any] = {}
    if case.mode == "variants":
        options["variants"] = {name: counter.of(case.build(twin, **given)) for name, given in case.variants.items()}
    if case.mode == "documents":
        options["documents"] = case.convention
    if case.mode == "sampler":
        options["sampler"] = case.convention
    if case.forbid is not None:
        options |= {"forbid": np.asarray(case.forbid(case.size["t"])), "modes": ["forbid"]}
    module = counter.of(case.build(twin))
    start = time.perf_counter()
    report = audit(
        module,
        case.input,
        case.output,
        dict(case.size),
        levels=case.levels,
        order=None if case.order is None else list(case.order),
        offset=case.offset,
        take=case.take,
        input_kind=case.kind,
        witness=witness,
        name=f"{case.name}/{twin}",
        **options,
    )
    return Audited(report, counter.passes, time.perf_counter() - start)


class _Counter:
    """Counts the calls of modules, each by the share of the case's length that it is given.

    The count is kept where an audit does not put it back with what else the code of a module keeps."""

    def __init__(self, case: Case) -> None:
        self._passes = ContextVar("passes", default=0.0)
        self._size = math.prod(case.size.values())
        self._inside = False

    def of(self, module: nn.Module) -> nn.Module:
        """The module, whose calls count from now on, and those of its copies."""
        kind = type(module)
        own = () if kind.__module__.startswith("torch.") else vars(kind)  # torch's classes are everybody's
        for name in ("forward", "step"):
            if name in own:
                setattr(kind, name, self._counted(getattr(kind, name)))
        if "forward" not in own:
            module.register_forward_pre_hook(lambda _, given: self._count(given[0]))
        return module

    @property
    def passes(self) -> float:
        """How many there were."""
        return self._passes.get()

    def _count(self, x: Tensor) -> None:
        self._passes.set(self._passes.get() + x[0].numel() / self._size)

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def wrapper(module: nn.Module, x: Tensor, *args: Any, **named: Any) -> Any:
            if self._inside:
                return method(module, x, *args, **named)
            self._count(x)
            self._inside = True
            try:
                return method(module, x, *args, **named)
            finally:
                self._inside = False

        return wrapper


def main(names: list[str]) -> int:
    """Prints a line for each audit, and what is not as the table says. Gives 1 where something is not."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    wrong = 0
    for case in CASES:
        if names and case.name not in names:
            continue
        for twin in ("faulty", "mended"):
            try:
                result = audited(case, twin)
            except Exception as error:
                print(f"{case.name:28} {twin}  {type(error).__name__}: {' '.join(str(error).split())[:160]}")
                wrong += 1
                continue
            modes = ", ".join(f"{mode.mode}: {mode.verdict}" for mode in result.report.modes)
            fits = failures(case, twin, result)
            wrong += bool(fits)
            print(f"{case.name:28} {twin}  {result.passes:5.1f} passes {result.seconds:5.2f} s  {modes}")
            for failure in fits:
                print(f"    !! {failure}")
            if names:
                print(result.report)
    print(f"{wrong} of {2 * len(names or CASES)} audits are not as expected")
    return 1 if wrong else 0


def failures(case: Case, twin: Twin, result: Audited) -> list[str]:
    """What is not as the table says; nothing where all is."""
    told = {mode.mode: str(mode.verdict) for mode in result.report.modes}
    found: list[str] = []
    if twin == "faulty":
        if told.get(case.mode) != ("differs" if case.mode in ("cache", "padding", "sampler") else "leaks"):
            found.append(f"in {case.mode} mode: {told.get(case.mode, 'not run')}, not leaks")
    else:
        if case.mode not in told and case.mode != "training":  # where training does what evaluation does
            found.append(f"{case.mode} mode is not run")
        may = ("proven", "agrees") + ("proven, given the route",) * case.given_route
        found += [f"in {mode} mode: {verdict}" for mode, verdict in told.items() if verdict not in may]
    if result.passes > PASSES:
        found.append(f"{result.passes:.1f} forward passes, more than {PASSES}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
