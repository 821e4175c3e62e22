"""What `arspec audit` says of LeakBench: `python -m tests.leakbench.audits [NAME ...]` prints it."""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from arspec.auditing import AuditReport, audit
from tests.leakbench.cases import CASES, Case, Twin

PASSES = 30  # of a module, at most


@dataclass(frozen=True)
class Audited:
    """A report, and how often the module was called for it."""

    report: AuditReport
    passes: int
    seconds: float


def audited(case: Case, twin: Twin) -> Audited:
    """The audit of one twin, in all modes that it offers; where pairs are given, in their mode alone."""
    calls: list[None] = []

    def counted(module: nn.Module) -> nn.Module:
        module.register_forward_pre_hook(lambda *_: calls.append(None))
        return module

    options: dict[str, Any] = {}
    if case.mode == "variants":
        options["variants"] = {name: counted(case.build(twin, **given)) for name, given in case.variants.items()}
    if case.mode == "documents":
        options["documents"] = case.convention
    if case.mode == "sampler":
        options["sampler"] = case.convention
    if case.forbid is not None:
        options |= {"forbid": np.asarray(case.forbid(case.size["t"])), "modes": ["forbid"]}
    module = counted(case.build(twin))
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
        name=f"{case.name}/{twin}",
        **options,
    )
    return Audited(report, len(calls), time.perf_counter() - start)


def main(names: list[str]) -> None:
    """Prints a line for each audit, and what it says where that is not what is expected."""
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
            print(f"{case.name:28} {twin}  {result.passes:3} passes {result.seconds:5.2f} s  {modes}")
            for failure in fits:
                print(f"    !! {failure}")
            if names:
                print(result.report)
    print(f"{wrong} of {2 * len(names or CASES)} are not as expected")


def failures(case: Case, twin: Twin, result: Audited) -> list[str]:
    """What is not as the table says; nothing where all is."""
    told = {mode.mode: str(mode.verdict) for mode in result.report.modes}
    found: list[str] = []
    if twin == "faulty":
        if told.get(case.mode) != "leaks":
            found.append(f"in {case.mode} mode: {told.get(case.mode, 'not run')}, not leaks")
        found += [
            f"in {mode} mode: leaks" for mode, verdict in told.items() if verdict == "leaks" and not _also(case, mode)
        ]
    else:
        if case.mode not in told and case.mode != "training":  # where training does what evaluation does
            found.append(f"{case.mode} mode is not run")
        may = ("proven", "agrees") + ("proven, given the route",) * case.given_route
        found += [f"in {mode} mode: {verdict}" for mode, verdict in told.items() if verdict not in may]
    if result.passes > PASSES:
        found.append(f"{result.passes} forward passes, more than {PASSES}")
    return found


def _also(case: Case, mode: str) -> bool:
    """Whether a leak in this mode is no surprise: what leaks in evaluation may do so in every mode."""
    return mode == case.mode or case.mode in ("evaluation", "forbid")


if __name__ == "__main__":
    main(sys.argv[1:])
