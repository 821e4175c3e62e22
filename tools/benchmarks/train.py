"""`train`: a whole training step (loss, gradients, AdamW) against modules by hand, as the field writes them.

The modules are those of tests/reference: masks multiplied into the weights at every call, full kernels, a window that
is unfolded where its mask differs from position to position. Before anything is timed, the two are trained side by side
with the same weights in float64, at a small size: 50 steps whose losses agree to 1e-5.

Each case is timed in a process of its own, as a training is: after a large model the allocator keeps its memory, and
short steps take other times.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arspec.diagnostics import InputError, did_you_mean
from tools.benchmarks.measure import Options, Row, alone, interleaved, medians, row, seconds, spec_path

AGREE, CURVE = 1e-5, 50  # nats per variable, steps
Reference = Callable[[Any, int], tuple[nn.Module, dict[str, Any]]]
PAIRS, WHOLE = (3, 12), 20.0  # of modules, each with tensors of its own: at least, at most, in so many seconds
MOST, BUDGET, TURN = 200, 1.5, 0.1  # turns of each pair, in so many seconds, and seconds of a turn


@dataclass(frozen=True)
class Case:
    """A spec, the sizes at which it is timed and at which its loss curve is held to the module by hand, and an order
    that it takes in place of its own."""

    spec: str
    reference: str
    batch: int
    params: dict[str, Any] = field(default_factory=dict)
    small: dict[str, Any] = field(default_factory=dict)
    order: str | None = None
    note: str = ""


IMAGE = {"height": 8, "width": 8, "levels": 4}
DEEP = {"resnets": 1, "dropout": 0.0}
CASES = (
    Case("pixelcnn", "pixelcnn", 4, {}, {**IMAGE, "features": 6, "head_features": 9, "blocks": 2}),
    Case("gated_pixelcnn", "gated", 4, {}, {**IMAGE, "features": 6, "layers": 2}),
    Case("made", "made", 100, {"members": 1, "scan": "natural"},
         {"height": 4, "width": 4, "hidden": 20, "members": 1, "scan": "natural"}),
    Case("wavenet", "wavenet", 1, {},
         {"length": 40, "levels": 8, "residual": 6, "skip": 5, "layers": 5, "cycle": 3, "speakers": 4}),
    Case("gpt", "gpt", 12, {}, {"length": 12, "levels": 7, "width": 8, "heads": 2, "layers": 2}),
    Case("pixelcnn_pp", "pixelcnn_pp", 4, DEEP, {**DEEP, "height": 8, "width": 8, "filters": 4, "components": 2},
         note="1 of 5 layers at each resolution, without dropout"),
    Case("lmconv", "lmconv", 4, DEEP, {**DEEP, "height": 6, "width": 6, "levels": 3, "filters": 4}, "zigzag",
         "1 of 5 layers at each stage; by hand unfolded"),
    Case("lmconv", "lmconv", 4, DEEP, {**DEEP, "height": 6, "width": 6, "levels": 3, "filters": 4}, "serpentine",
         "1 of 5 layers at each stage; by hand unfolded"),
    Case("lmconv", "lmconv", 4, {**DEEP, "height": 32, "width": 32},
         {**DEEP, "height": 8, "width": 8, "levels": 3, "filters": 4}, "hilbert",
         "1 of 5 layers at each stage; by hand unfolded"),
)  # fmt: skip


def run(options: Options) -> list[Row]:
    """A row for each case, or for those whose spec is named; seconds of one step. `small`: at the size of the curves,
    all in this process."""
    names = [case.spec for case in CASES]
    for name in options.specs:
        if name not in names:
            raise InputError("AR808", f"no training of '{name}' is timed", did_you_mean(name, names, "specs"))
    rows: list[Row] = []
    for number, case in enumerate(CASES):
        if options.specs and case.spec not in options.specs:
            continue
        options.say(f"{case.spec}{f' {case.order}' if case.order else ''}")
        if options.small:
            rows.append(measured(case, options))
        else:
            rows.append(alone("train", case=number, batches=options.batches, repeat=options.repeat))
    return rows


def measured(case: Case, options: Options) -> Row:
    """The row of a case, whose losses agree."""
    apart = curves(case, CURVE)
    if not apart <= AGREE:
        raise AssertionError(f"the losses of {case.spec} and of the module by hand differ by {apart}")
    return timed(case, options, apart)


def curves(case: Case, steps: int) -> float:
    """The greatest difference between the two losses over so many steps, in nats per variable, in float64."""
    ours, by_hand = pair(case, case.small, 4, torch.float64)
    return max(abs(ours() - by_hand()) for _ in range(steps))


def timed(case: Case, options: Options, apart: float) -> Row:
    """Medians over several pairs of modules, as a short step takes a tenth more or less by where its tensors lie. The
    two take turns of `TURN` seconds: a single short step would find its caches full of the other's."""
    batch = options.batches[0] if options.batches else case.batch
    found: dict[str, list[float]] = {"spec": [], "by hand": []}
    fewest, most = (1, 1) if options.small else PAIRS
    begun = time.perf_counter()
    for number in range(most):
        if number >= fewest and time.perf_counter() - begun > WHOLE:
            break
        ours, by_hand = pair(case, case.small if options.small else case.params, batch, torch.float32)
        ours(), by_hand()
        steps = max(1, int(TURN / seconds(by_hand)))
        rounds, budget = (options.repeat, math.inf) if options.small else (MOST, BUDGET)
        runs = {name: partial(_steps, step, steps) for name, step in (("spec", ours), ("by hand", by_hand))}
        for name, times in interleaved(runs, rounds, budget).items():
            found[name] += [taken / steps for taken in times]
    taken = medians(found)
    size = "small" if options.small else case.note or "at its full size"
    setting = f"batch {batch}, {f'{case.order} order, ' if case.order else ''}{size}"
    return row(case.spec, setting, taken["spec"], "module by hand", taken["by hand"], loss_difference=apart,
               runs=len(found["spec"]))  # fmt: skip


def pair(case: Case, params: dict[str, Any], batch: int, dtype: torch.dtype) -> tuple[Callable[[], float], ...]:
    """A step of the spec's module and one of the module by hand, with the same weights, data and optimiser. Each gives
    its loss in nats per variable."""
    from arspec.model import build
    from arspec.verification.subject import random_conditions
    from tests import test_reference, test_reference_systems

    reference: Reference = getattr(test_reference_systems, case.reference, None) or getattr(
        test_reference, case.reference
    )
    model = build(_spec(case, params)).double()
    by_hand, table = reference(model, 0)
    with torch.no_grad():
        test_reference.copy(model, table)
    for module in by_hand.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    model, by_hand = model.to(dtype).train(), by_hand.to(dtype).train()
    data, generator = model.spec.data, torch.Generator().manual_seed(0)
    x = torch.randint(data.levels, (batch, *data.shape), generator=generator)
    given = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in random_conditions(model, 0, batch).items()
    }
    loss_by_hand = _loss(model, x)
    ways = (
        (model, lambda: -model.log_prob(x, **given).mean() / data.variables),
        (by_hand, lambda: loss_by_hand(by_hand(x, *given.values()))),
    )
    return tuple(_step(module, loss) for module, loss in ways)


def _steps(step: Callable[[], float], count: int) -> None:
    for _ in range(count):
        step()


def _step(module: nn.Module, loss_of: Callable[[], Tensor]) -> Callable[[], float]:
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3, weight_decay=0.0)

    def step() -> float:
        loss = loss_of()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def _loss(model: Any, x: Tensor) -> Callable[[Tensor], Tensor]:
    """The loss as it is written by hand, of outputs [B, channels * levels, *grid]; of a mixture that of the library."""
    data, kind = model.spec.data, model.graph.head.kind
    if kind == "categorical":
        shape = (len(x), data.channels, data.levels, *x.shape[(data.kind == "image" and 2) or 1 :])
        target = x if data.kind == "image" else x.unsqueeze(1)
        return lambda y: F.cross_entropy(y.view(shape).transpose(1, 2), target)
    if kind == "bernoulli":
        return lambda y: F.binary_cross_entropy_with_logits(y.view(x.shape), x.to(y.dtype))
    head, value = model.graph.head, model.by_variable(x)
    return lambda y: -head.log_prob(model.graph.support, model.rows(y), value).sum(1).mean() / data.variables


def _spec(case: Case, params: dict[str, Any]) -> Any:
    from arspec.language.load import from_text, load

    path = spec_path(case.spec)
    if case.order is None:
        return load(path, params)
    text = path.read_text(encoding="utf-8")
    start, end = text.index("\norder:") + 1, text.index("\nparams:") + 1
    return from_text(f"{text[:start]}order: {{scan: {case.order}}}\n{text[end:]}", str(path), params)


def main() -> None:
    """One case, as JSON: `python -m tools.benchmarks.train JSON`."""
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given.pop("threads"))
    case = CASES[given.pop("case")]
    print(json.dumps(measured(case, Options(**given))))


if __name__ == "__main__":
    main()
