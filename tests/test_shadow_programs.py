"""Random torch programs: labels miss nothing that exhaustive perturbation shows. `python -m tests.shadow_programs N`
runs more, and prints how much each operator's rule reads too much."""

import pytest
import torch
from torch import Tensor

from arspec.shadow.call import Call
from arspec.shadow.rules import table
from tests.shadow_programs import OPERATORS, examine

BLOCK = 50


def check(first: int, count: int) -> set[str]:
    """Runs programs; the names of the operators in them."""
    met: set[str] = set()
    for seed in range(first, first + count):
        found = examine(seed)
        assert not found.missed, (seed, found.missed, [(s.name, s.reads) for s in found.program.steps])
        assert not found.unruled, seed
        met |= {step.name for step in found.program.steps}
    return met


@pytest.mark.parametrize("block", range(6))
def test_nothing_is_missed(block: int) -> None:
    """Fifty programs."""
    met = check(block * BLOCK, BLOCK)
    assert len(met) > len(OPERATORS) // 2, "most operators are met"


@pytest.mark.long
@pytest.mark.parametrize("block", range(6, 46))
def test_nothing_is_missed_by_many(block: int) -> None:
    """Two thousand more, fifty at a time."""
    check(block * BLOCK, BLOCK)


def test_a_rule_that_misses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is no idle one: each of some rules, made blind, is found within some programs."""

    def blind(call: Call) -> Tensor:
        return call.labels(call["self"]) * 0

    for name in ("cumsum", "mm", "sort", "index"):
        with monkeypatch.context() as patch:
            patch.setitem(table._RULES, name, blind)  # pyright: ignore[reportPrivateUsage]
            assert any(examine(seed).missed for seed in range(60)), name


def test_programs_are_the_same_by_seed() -> None:
    """A seed says everything of a program."""
    one, other = (examine(7).program for _ in range(2))
    assert [s.name for s in one.steps] == [s.name for s in other.steps]
    torch.testing.assert_close(one(*[t.clone() for t in one.inputs]), other(*[t.clone() for t in other.inputs]))
