"""The thin twin of a spec: the same graph, masks and order, with few channels and levels on a small grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arspec.analysis.offsets import lost, reached
from arspec.diagnostics import InputError
from arspec.language.built_in import BUILT_IN
from arspec.language.load import Spec

SIDES = (6, 8, 12, 16, 24, 32, 48, 64)  # rows and columns, smallest first
STEPS = (24, 32, 48, 64, 96, 128, 256, 512, 1024)  # steps of a sequence
ENTRIES = (12, 16, 24, 32, 48, 64, 128)  # entries of a vector
LEVELS = 4
VARIABLES = 2048  # up to which a twin grows to keep its offsets
REPEATS = 3  # of a shallow twin
PER_GROUP = (4, 6, 8, 12, 16, 24, 32)  # channels of a group: norms want three at least, gates an even number


def thin(spec: Spec, *, keep_grid: bool = False, shallow: bool = False, offsets: bool = True) -> Spec:
    """The thinnest variant that still fits together. The spec itself where none does. `shallow`: with REPEATS
    repetitions of what is repeated more often, where that fits together too. `offsets`: on the smallest grid on which
    every offset that reaches something in the spec still does; where no grid of up to VARIABLES does,
    on the one that loses fewest.

    A parameter that numbers of channels are computed from becomes small, in proportion to the others; a size of the
    data that is a parameter is set by that parameter, so that whatever else depends on it follows."""
    whole = reached(spec) if offsets and not keep_grid else {}
    for few in [_few(spec), {}] if shallow else [{}]:
        best: tuple[int, Spec] | None = None
        for grid in [{}] if keep_grid else _grids(spec):
            twin = _fitting(spec, grid, few)
            if twin is None or (best is not None and twin.data.variables > VARIABLES):
                continue
            missing = len(lost(whole, reached(twin))) if whole else 0
            if best is None or missing < best[0]:
                best = missing, twin
            if not missing:
                break
        if best is not None:
            return best[1]
    return spec if keep_grid else thin(spec, keep_grid=True)


def _fitting(spec: Spec, grid: dict[str, int], few: dict[str, int]) -> Spec | None:
    """The thinnest variant on a grid that fits together."""
    for params in _widths(spec):
        try:
            twin = spec.variant(**_overrides(spec, grid, {**params, **few}))
            twin.graph()
        except InputError:
            continue
        return twin
    return None


def _few(spec: Spec) -> dict[str, int]:
    names = [n for n in spec.graph().repeat_params if isinstance(spec.params.get(n), int)]
    return {n: REPEATS for n in names if spec.params[n] > REPEATS}


def _grids(spec: Spec) -> Iterator[dict[str, int]]:
    data = spec.data
    if data.kind == "image":
        for side in SIDES:
            if side < max(data.height, data.width):
                yield {"height": min(side, data.height), "width": min(side, data.width)}
    else:
        key, sizes = ("length", STEPS) if data.kind == "sequence" else ("size", ENTRIES)
        for size in sizes:
            if size < data.variables:
                yield {key: size}


def _widths(spec: Spec) -> Iterator[dict[str, int]]:
    graph = spec.graph()
    names = sorted(n for n in graph.width_params if n not in BUILT_IN and isinstance(spec.params.get(n), int))
    names = [n for n in names if n not in graph.repeat_params]
    if not names:
        yield {}
        return
    least = min(spec.params[n] for n in names)
    for channels in PER_GROUP:
        unit = channels * spec.groups
        small = {n: unit * max(1, min(4, round(spec.params[n] / least))) for n in names}
        if all(small[n] <= spec.params[n] for n in names):
            yield small
    yield {}


def _overrides(spec: Spec, grid: dict[str, int], params: dict[str, int]) -> dict[str, Any]:
    """Sizes of the data as parameters where they are parameters, else as keys of the data section."""
    data: dict[str, Any] = {}
    chosen: dict[str, Any] = dict(params)
    if spec.data.levels > LEVELS:
        grid = {**grid, "levels": LEVELS}
        if spec.data.kind == "sequence":
            data["alphabet"] = None  # of more characters than the twin has levels
            data["start"] = None if spec.data.start is None else min(spec.data.start, LEVELS - 1)
    for key, value in grid.items():
        name = spec.data_params.get(key)
        if name is not None:
            chosen[name] = value
        else:
            data[key] = value
    if "display" in type(spec.data).model_fields and spec.data.kind == "vector":
        data["display"] = None
    return {"params": chosen, "data": data}
