"""What three common tests for leaks say of LeakBench: one by gradients, one by a changed end, one by NaN.

Each is written as people write it in their own tests: the module as it is built, in evaluation mode, one length, the
plain call. `python -m tests.leakbench.peers` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tests.leakbench.cases import CASES, Case, Twin
from tests.leakbench.values import forbidden, inputs, ranks, rows

Say = Literal["found", "missed", "false alarm", "no answer"]
NAMES = ("gradient", "suffix", "NaN")
EXAMPLES = 4  # that the changed end is tried on


@dataclass(frozen=True)
class Peers:
    """What each of the tests says of a case."""

    gradient: Say
    suffix: Say
    nan: Say


def measure(case: Case) -> Peers:
    """Runs the three tests on both twins."""
    return Peers(_say(case, by_gradient), _say(case, by_suffix), _say(case, by_nan))


def by_gradient(case: Case, module: nn.Module) -> bool:
    """Whether the gradient of some output is not zero at an input that it may not read."""
    wrong = torch.from_numpy(forbidden(case))
    x = inputs(case, 1, _generator())
    with _features(case, module, x) as taken:
        out = rows(case, module, taken.x)
        probe = torch.randn(out.shape, generator=_generator())
        for place in range(out.shape[1]):
            total = (out[:, place] * probe[:, place]).sum()
            gradient = torch.autograd.grad(total, taken.leaf, retain_graph=True, allow_unused=True)[0]
            if gradient is not None:
                size = gradient.abs().reshape(wrong.shape[1], -1).amax(-1)
                if bool((size[wrong[place]] > 0).any()):
                    return True
    return False


def by_suffix(case: Case, module: nn.Module) -> bool:
    """Whether outputs move where all that comes after one of three steps is changed."""
    rank, wrong = torch.from_numpy(ranks(case)), torch.from_numpy(forbidden(case))
    generator = _generator()
    x, other = inputs(case, EXAMPLES, generator), inputs(case, EXAMPLES, generator)
    with torch.no_grad():
        out = rows(case, module, x)
        for last in (len(rank) // 4, len(rank) // 2, 3 * len(rank) // 4):
            after = rank > last
            moved = torch.where(after.reshape(x.shape[1:]), other, x)
            still = wrong[:, after].all(1)  # outputs that may read nothing of what was changed
            if bool(((rows(case, module, moved) - out).abs().amax((0, 2)) > 1e-6)[still].any()):
                return True
    return False


def by_nan(case: Case, module: nn.Module) -> bool:
    """Whether a NaN at one of three steps comes to an output that may not read the step."""
    rank, wrong = torch.from_numpy(ranks(case)), torch.from_numpy(forbidden(case))
    for step in (len(rank) // 4, len(rank) // 2, 3 * len(rank) // 4):
        place = int((rank == step).nonzero()[0, 0])
        with torch.no_grad(), _features(case, module, inputs(case, 1, _generator()), place) as taken:
            struck = rows(case, module, taken.x).isnan().any(-1)[0]
            if bool(struck[wrong[:, place]].any()):
                return True
    return False


@dataclass
class _Taken:
    """The input of the call, and the floats [1, V, ...] in which its places stand."""

    x: Tensor
    leaf: Tensor


@contextmanager
def _features(case: Case, module: nn.Module, x: Tensor, struck: int | None = None) -> Generator[_Taken]:
    """The input itself where it is made of floats, else the output of the first embedding; NaN at a place."""
    if case.kind == "float":
        if struck is not None:
            x.view(-1)[struck] = float("nan")
        x.requires_grad_(struck is None)
        yield _Taken(x, x)
        return
    first = next(part for part in module.modules() if isinstance(part, nn.Embedding))
    taken = _Taken(x, first.weight)

    def replace(_module: nn.Module, _arguments: Any, out: Tensor) -> Tensor:
        if taken.leaf is not first.weight:
            return out
        taken.leaf = out.detach().clone().requires_grad_(struck is None)
        if struck is not None:
            taken.leaf[:, struck] = float("nan")
        return taken.leaf

    handle = first.register_forward_hook(replace)
    try:
        yield taken
    finally:
        handle.remove()


def _say(case: Case, test: Callable[[Case, nn.Module], bool]) -> Say:
    def run(twin: Twin) -> bool | None:
        torch.manual_seed(0)
        try:
            return test(case, case.build(twin).eval())
        except Exception:  # a test that cannot be run says nothing
            return None

    faulty, mended = run("faulty"), run("mended")
    if mended:
        return "false alarm"
    if faulty is None or mended is None:
        return "no answer"
    return "found" if faulty else "missed"


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


if __name__ == "__main__":
    results = {case.name: measure(case) for case in CASES}
    for name, peers in results.items():
        print(f"{name:28} {peers.gradient:12} {peers.suffix:12} {peers.nan}")
    for position, name in enumerate(NAMES):
        said = [(peers.gradient, peers.suffix, peers.nan)[position] for peers in results.values()]
        print(f"{name}: " + ", ".join(f"{said.count(word)} {word}" for word in dict.fromkeys(said)))
