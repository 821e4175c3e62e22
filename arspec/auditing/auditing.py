"""The audit of a hand-written module: which variables does the output for each variable read?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arspec.auditing.borrowed import Borrowed, borrowed, settle, training_differs
from arspec.auditing.layout import Layout, lay_out
from arspec.auditing.report import AuditReport, ModeReport
from arspec.auditing.sampler import check_sampler
from arspec.diagnostics import InputError
from arspec.orders import Order
from arspec.orders import order as make_order
from arspec.verification.dependencies import Findings, Subject, examine, find_leaves

MAX_VARIABLES = 4096


def audit(
    module: nn.Module,
    input: str,
    output: str,
    size: Mapping[str, int],
    *,
    levels: int = 256,
    range: tuple[float, float] = (-1.0, 1.0),
    order: str | Sequence[int] | None = None,
    flip: Sequence[str] = (),
    transpose: bool = False,
    channels: Literal["sequential", "joint"] | None = None,
    offset: int = 0,
    input_kind: Literal["auto", "float", "int"] = "auto",
    take: str | int | None = None,
    condition: Mapping[str, Any] | None = None,
    deeper: nn.Module | None = None,
    sampler: str | None = None,
    head: str = "categorical",
    samples: int = 1024,
    draws: int = 3,
    bases: int = 2,
    seed: int = 0,
    name: str | None = None,
) -> AuditReport:
    """Tests at the given size which pairs of variables depend on each other, by gradients and by perturbation.

    `input` and `output` are axis patterns (`b c h w`, `b (k c) h w`) with the sizes of the input's axes in `size`.
    An output axis that the input does not have is a parameter of the distribution; without an axis c the output speaks
    for whole pixels. `offset` 1: the output at rank t speaks of the variable of rank t + 1. Float inputs lie evenly in
    `range`, integers in 0 .. levels - 1. `order` is the name of a scan or a list of ranks; raster for images and
    natural for sequences by default. The first of the `draws` of the weights is the module's own. `deeper`: the same
    module with more layers, to tell what is blind from what is out of reach. `sampler`: a method that is called with
    a number of samples. The module is given back as it was.

    Raises InputError where the module cannot be run as stated.
    """
    start = time.perf_counter()
    layout = lay_out(input, output, dict(size), channels)
    _check_numbers(layout, levels, range, offset, draws, bases)
    generation = _order(layout, order, flip, transpose)
    source = _speaking(generation, offset)
    arrange = _arrange(source)

    def tested(some: nn.Module, deep: bool) -> tuple[list[ModeReport], list[str], str, str, Any]:
        with borrowed(some):
            subject, alphabet = settle(
                some.eval(),
                layout,
                levels=levels,
                range=range,
                kind=input_kind,
                condition=condition or {},
                take=take,
                seed=seed,
                arrange=arrange,
            )
            subject.redraw(0)
            modes, notes = _modes(
                subject, layout, generation, alphabet, source, draws=draws, bases=bases, seed=seed, evaluate_only=deep
            )
            checked = None
            if sampler is not None and not deep:
                checked = check_sampler(
                    subject,
                    layout,
                    alphabet,
                    torch.from_numpy(source >= 0),
                    method=sampler,
                    head=head,
                    samples=samples,
                    draws=2,
                    seed=seed,
                )
        kind = f"float input {range[0]:g} .. {range[1]:g}" if alphabet.is_floating_point() else "integer input"
        return modes, notes, f"{kind}, {levels} levels", str(subject.dtype).removeprefix("torch."), checked

    modes, notes, kind, precision, checked = tested(module, False)
    beneath = None if deeper is None else tested(deeper, True)[0][0].findings.seen
    legal = (generation.rank[:, None] > generation.rank[None, :]) & (source >= 0)[:, None]
    leaked = np.logical_or.reduce([report.findings.leaks for report in modes])
    return AuditReport(
        name=name or type(module).__name__,
        layout=layout,
        order=generation.name,
        rank=generation.rank,
        input_kind=kind,
        precision=precision,
        modes=modes,
        seen=modes[0].findings.seen,
        legal=legal,
        leaked=leaked,
        deeper=beneath,
        sampler=checked,
        notes=notes,
        seconds=time.perf_counter() - start,
    )


def _modes(
    subject: Borrowed,
    layout: Layout,
    generation: Order,
    alphabet: Tensor,
    source: NDArray[np.int64],
    *,
    draws: int,
    bases: int,
    seed: int,
    evaluate_only: bool,
) -> tuple[list[ModeReport], list[str]]:
    """Evaluation first; training, with fewer draws, where it gives other outputs."""
    notes: list[str] = []
    subject.module.eval()
    modes = [ModeReport("evaluation", _examine(subject, layout, generation, alphabet, source, draws, bases, seed))]
    subject.redraw(0)
    if not evaluate_only:
        generator = torch.Generator().manual_seed(seed)
        x = alphabet[torch.randint(len(alphabet), (4, *layout.shape), generator=generator)]
        try:
            if training_differs(subject, x, draws):
                found = _examine(subject, layout, generation, alphabet, source, min(draws, 2), 1, seed)
                modes.append(ModeReport("training", found))
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # whatever the user's code raises is told
            notes.append(f"training mode cannot be run ({type(error).__name__}: {' '.join(str(error).split())[:160]})")
        subject.redraw(0)
        subject.module.eval()
    found = modes[0].findings
    if not found.gradients:
        notes.append("no gradient could be taken at the input: these findings rest on perturbations alone")
    if found.draws < draws:
        notes.append(f"{draws - found.draws} of {draws} draws of the weights gave outputs that are no numbers")
    if not found.seen.any() and generation.variables > 1:
        notes.append("no output moved at all, whatever was changed: is the input read?")
    for report in modes:
        if report.findings.mixes:
            notes.append(f"in {report.mode} mode the examples of a batch read one another, as under batch statistics")
    return modes, notes


def _examine(
    subject: Borrowed,
    layout: Layout,
    generation: Order,
    alphabet: Tensor,
    source: NDArray[np.int64],
    draws: int,
    bases: int,
    seed: int,
) -> Findings:
    trace = find_leaves(subject, layout.shape, layout.variable, alphabet, torch.Generator().manual_seed(seed))
    described = Subject(
        run=subject,
        shape=layout.shape,
        rank=generation.rank,
        variable=layout.variable,
        alphabet=alphabet,
        trace=trace,
        redraw=subject.redraw,
        modelled=source >= 0,
    )
    return examine(described, draws=draws, bases=bases, seed=seed)


def _order(layout: Layout, order: str | Sequence[int] | None, flip: Sequence[str], transpose: bool) -> Order:
    scan = order if order is not None else "raster" if len(layout.grid) == 2 else "natural"
    channels = "joint" if layout.joint else "sequential"
    if isinstance(scan, str):
        return make_order(scan, layout.grid_shape, channels, layout.channels, flip=flip, transpose=transpose)
    return make_order(
        "explicit", layout.grid_shape, channels, layout.channels, ranks=scan, flip=flip, transpose=transpose
    )


def _speaking(generation: Order, offset: int) -> NDArray[np.int64]:
    """[V]: the place of the output that speaks of each variable, -1 where none does."""
    if offset == 0:
        return np.arange(generation.variables)
    if generation.steps != generation.variables:
        raise InputError("AR808", f"an offset needs an order without equal ranks, unlike {generation.name}")
    at_rank = np.argsort(generation.rank)
    earlier = generation.rank - offset
    return np.where(earlier >= 0, at_rank[np.maximum(earlier, 0)], -1)


def _arrange(source: NDArray[np.int64]) -> Callable[[Tensor], Tensor]:
    """Rows of the output [B, V, K] to the variables that they speak of; zeros where nothing is said."""
    rows, silent = torch.from_numpy(np.maximum(source, 0)), torch.from_numpy(source < 0)
    if np.array_equal(source, np.arange(len(source))):
        return lambda out: out
    return lambda out: out[:, rows].masked_fill(silent[None, :, None], 0.0)


def _check_numbers(
    layout: Layout, levels: int, range: tuple[float, float], offset: int, draws: int, bases: int
) -> None:
    if levels < 2:
        raise InputError("AR813", f"data has at least 2 levels, not {levels}")
    if not range[0] < range[1] or not np.isfinite(range).all():
        raise InputError("AR813", f"the range must rise, unlike {range[0]:g} .. {range[1]:g}")
    if not 0 <= offset < layout.variables:
        raise InputError("AR808", f"an offset lies in 0 .. {layout.variables - 1}, unlike {offset}")
    if draws < 1 or bases < 1:
        raise InputError("AR813", "at least one draw of the weights and one input are needed")
    if layout.variables > MAX_VARIABLES:
        raise InputError(
            "AR813",
            f"{layout.variables:,} variables are more than an audit tests exhaustively ({MAX_VARIABLES:,})",
            help="audit at a smaller --size: what a module reads hardly depends on it",
        )
