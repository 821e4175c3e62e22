"""The shadow of a forward pass: labels follow memory, nothing is left behind, and what is not seen is named."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from arspec.shadow import Trace, trace


def ranks(run: Callable[[Tensor], Tensor], n: int = 6, *, route_given: bool = False) -> tuple[list[int], Trace]:
    """The highest variable that each element of a result reads (-2: constant); element i of the input is variable i."""
    x = torch.linspace(0.5, 2.0, n)
    found = trace(lambda: run(x), [(x, torch.arange(n))], route_given=route_given)
    return (found.labels(found.output).reshape(-1) - 2).tolist(), found


def test_views_and_writes_in_place_need_no_rule() -> None:
    """A slice of a view of a buffer is written to; labels are found at the right places of the buffer."""

    def run(x: Tensor) -> Tensor:
        buffer = torch.zeros(3, 4)
        buffer.t()[1:3, 0].add_(x[2:4])
        buffer[2].mul_(0).add_(x[5])
        return buffer

    assert ranks(run)[0] == [-2, 2, 3, -2, -2, -2, -2, -2, 5, 5, 5, 5]


def test_the_paths_of_modules_are_those_of_the_author() -> None:
    """The module that runs an operator without a rule is named by its path, and hooks are gone afterwards."""

    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.matrix_exp(x.diag()).diag()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Identity(), Inner()])

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    module = Outer()
    _, found = ranks(module)
    place = next(one.place for one in found.opaque if "matrix_exp" in one.operator)
    assert (place.module, place.function, place.file) == ("layers.1", "forward", __file__)
    assert not torch.nn.modules.module._global_forward_hooks  # pyright: ignore[reportPrivateUsage]
    assert not torch.nn.modules.module._global_forward_pre_hooks  # pyright: ignore[reportPrivateUsage]


def test_what_python_reads_labels_all_that_runs_later() -> None:
    """The branch could have gone another way, for which nothing is known."""

    def run(x: Tensor) -> Tensor:
        return x + 1 if x[0] > 0 else x.flip(0)

    got, found = ranks(run)
    assert got == [5] * 6
    assert [(read.how, read.label, read.given) for read in found.reads] == [("_local_scalar_dense", 2, False)]
    assert ranks(run, route_given=True)[0] == [0, 1, 2, 3, 4, 5]


def test_the_random_state_is_as_an_ordinary_pass_leaves_it() -> None:
    """Tracing draws nothing."""
    torch.manual_seed(0)
    plain = nn.functional.dropout(torch.ones(6)) + torch.rand(6)
    after = torch.rand(3)
    torch.manual_seed(0)
    _, found = ranks(lambda x: nn.functional.dropout(torch.ones(6)) + torch.rand(6))
    assert torch.equal(found.output, plain)
    assert torch.equal(torch.rand(3), after)
