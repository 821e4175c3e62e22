"""What numbers a module takes: the best precision that it runs in, and the kind of its input."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from arspec.auditing.borrowed import Borrowed, Meter
from arspec.auditing.layout import Layout
from arspec.auditing.reasons import reason
from arspec.diagnostics import InputError


def settle(
    module: nn.Module,
    layout: Layout,
    *,
    levels: int,
    range: tuple[float, float],
    kind: str,
    condition: Mapping[str, Any],
    take: str | int | None,
    seed: int,
    arrange: Callable[[Tensor], Tensor],
    again: str | None = None,
    precision: str = "auto",
    meter: Meter | None = None,
) -> tuple[Borrowed, Tensor]:
    """The module in the best precision that it takes, and the alphabet [L] in the kind of number that it takes.

    Doubles are tried before its own floats, and floats before integers, unless `kind` is 'float' or 'int'. Where the
    first weights of the module are those of an embedding, integers come first. Outputs that are not numbers are none.
    InputError with what the module says where it takes none of them.
    """
    own = next((weight.dtype for weight in module.parameters()), torch.float32)
    if kind not in ("auto", "float", "int"):
        raise InputError("AR808", f"the input is float, int or auto, not {kind!r}")
    first = next((part for part in module.modules() if any(True for _ in part.parameters(recurse=False))), None)
    both = ("int", "float") if isinstance(first, nn.Embedding) else ("float", "int")
    kinds = {"auto": both, "float": ("float",), "int": ("int",)}[kind if layout.hot is None else "int"]
    failures: list[str] = []
    asked: list[tuple[int, int]] = []
    for number in kinds:
        unknown: InputError | None = None
        for dtype in _precisions(precision, own):
            alphabet = torch.arange(levels) if number == "int" else torch.linspace(*range, levels, dtype=dtype)
            subject = Borrowed(
                module,
                layout,
                dtype=dtype,
                condition=condition,
                take=take,
                seed=seed,
                arrange=arrange,
                again=again,
                meter=meter,
            )
            generator = torch.Generator().manual_seed(seed)
            some = alphabet[torch.randint(levels, (1, *layout.shape), generator=generator)]
            x = torch.cat([some, alphabet[:1].expand_as(some), alphabet[-1:].expand_as(some)])
            try:
                with torch.no_grad():
                    out = subject(x.clone())  # which the module may write to
            except InputError:
                raise
            except (Exception, SystemExit) as error:  # whatever the user's code raises is told
                failures.append(f"{number} input: {reason(error)}")
                with torch.no_grad(), suppress(Exception, SystemExit), _beyond(module, asked):
                    subject(x.clone())
                continue
            unknown = _unknown(out, layout)
            if unknown is None:
                subject.settled, subject.own = (x, out), own
                return subject, alphabet
        if unknown is not None:
            raise unknown
    message = "the module takes no input of the shape " + " x ".join(map(str, (3, *layout.shape)))
    if asked:
        rows, row = asked[0]
        message += f" with {levels} levels: an embedding has {rows} rows"
        failures = [failure for failure in failures if failure.startswith("int")] or failures
        if row == levels - 1:
            failures.insert(0, f"--levels {rows} gives it as many values, and levels={rows} in Python")
        else:
            failures.insert(0, f"its row {row} was asked for, as of a position: --size names a shorter input")
    raise InputError("AR812", message, help="\n".join(dict.fromkeys(failures)))


@contextmanager
def _beyond(module: nn.Module, asked: list[tuple[int, int]]) -> Generator[None]:
    """Inside, `asked` takes the rows of each embedding that is asked for one that it does not have, and that one."""

    def look(part: nn.Module, given: tuple[Any, ...]) -> None:
        ids = given[0] if given else None
        if isinstance(part, nn.Embedding) and isinstance(ids, Tensor) and ids.numel() and not ids.is_floating_point():
            row = int(ids.max())
            if row >= part.num_embeddings:
                asked.append((part.num_embeddings, row))

    hooks = [part.register_forward_pre_hook(look) for part in module.modules() if isinstance(part, nn.Embedding)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _precisions(precision: str, own: torch.dtype) -> tuple[torch.dtype, ...]:
    """The kinds of floats to try, best first."""
    chosen = {"float64": torch.float64, "float32": torch.float32}.get(precision)
    if chosen is not None:
        return (chosen,)
    if precision != "auto":
        raise InputError("AR808", f"the precision is float64, float32 or auto, not {precision!r}")
    return tuple(dict.fromkeys((torch.float64, own, torch.float32)))


def _unknown(out: Tensor, layout: Layout) -> InputError | None:
    """The refusal of outputs that are not numbers, which they may be in another precision: a mask that is the lowest
    of doubles is infinite in a softmax of floats."""
    if not out.is_floating_point():
        raise InputError("AR812", f"the output is of {out.dtype}: parameters are floats")
    lost = out.isnan().any(-1).any(0)
    if not bool(lost.any()):
        return None
    name = layout.name(int(lost.nonzero()[0, 0]))
    return InputError(
        "AR812",
        f"the output for {name} is not a number (NaN), so that nothing can be compared",
        help="a softmax over a row that is masked everywhere gives NaN",
    )
