"""Acts of the machine whose form depends on sizes that no small spec has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional as F

from arspec.runtime import acts
from arspec.runtime.acts import FEW, LARGE, Linear


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 3), (2, 2), (5, 1)])
@pytest.mark.parametrize("biased", [True, False])
def test_products_by_columns_are_products(
    shape: tuple[int, int], biased: bool, threads: int, monkeypatch: pytest.MonkeyPatch
):
    taken: list[torch.Size] = []
    by_columns = acts._by_columns  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(acts, "_by_columns", lambda x, *more: taken.append(x.shape) or by_columns(x, *more))
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(LARGE // 256, 300, generator=generator, dtype=torch.float64)
    weights = {"weight": weight, **({"bias": torch.randn(len(weight), generator=generator).double()} if biased else {})}
    wide = torch.randn(*shape, 320, generator=generator, dtype=torch.float64)
    for x in (wide[..., :300].contiguous(), wide[..., 10:310]):  # as several layers' share of one product lies
        for step in (0, None):  # a step that is traced has products as they stand
            registers = [weights, x, step, None]
            Linear(3, 0, 1, 2)(registers)
            torch.testing.assert_close(registers[3], F.linear(x, weight, weights.get("bias")), rtol=0, atol=1e-12)
    rows = shape[0] * shape[1]
    assert len(taken) == (2 if threads > 1 and rows <= FEW else 0)
