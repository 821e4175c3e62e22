"""Labels as sets of variables: the laws of an algebra, slices, memory, and exact contexts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arspec.shadow.algebra import CONSTANT, LOOSE
from arspec.shadow.contexts import contexts
from arspec.shadow.sets import Sets, TooMany

V = 150  # more than two words


def some(algebra: Sets, generator: torch.Generator, *shape: int) -> Tensor:
    """Labels of random unions, some constant or loose."""
    labels = algebra.of(torch.randint(0, V, shape, generator=generator))
    labels = algebra.join(labels, algebra.of(torch.randint(0, V, shape, generator=generator)))
    kind = torch.rand(shape, generator=generator)
    return torch.where(kind < 0.2, CONSTANT, torch.where(kind < 0.3, LOOSE, labels)).to(torch.int32)


def test_operations_are_those_of_sets() -> None:
    """Each beside numpy's or of truth values."""
    algebra, g = Sets(V), torch.Generator().manual_seed(0)
    a, b = some(algebra, g, 6, 5), some(algebra, g, 5)
    one, other = algebra.members(a), algebra.members(b)
    assert (algebra.members(algebra.join(a, b)) == (one | other)).all()
    assert (algebra.members(algebra.reduce(a, [0], keepdim=False)) == one.any(0)).all()
    assert (algebra.members(algebra.reduce(a, [0, 1])) == one.any((0, 1))).all()
    assert (algebra.members(algebra.running(a, 0)) == np.logical_or.accumulate(one, 0)).all()
    keep = torch.rand(4, 5, generator=g) < 0.5
    expected = (keep.numpy()[None, :, :, None] & one[:, None]).any(2)
    assert (algebra.members(algebra.within(a, keep)) == expected).all()
    index = torch.randint(0, 6, (6, 5), generator=g)
    wanted = algebra.members(a).copy()
    source = some(algebra, g, 6, 5)
    for (i, j), place in np.ndenumerate(index.numpy()):
        wanted[place, j] |= algebra.members(source[i, j][None])[0]
    assert (algebra.members(algebra.scatter(a, 0, index, source)) == wanted).all()


def test_constant_and_loose_are_no_variables() -> None:
    """A union with a constant changes nothing; a loose number stays loose."""
    algebra = Sets(V)
    labels = torch.tensor([CONSTANT, LOOSE, int(algebra.of(torch.tensor([3])))], dtype=torch.int32)
    assert algebra.join(labels, torch.tensor(CONSTANT, dtype=torch.int32)).tolist() == labels.tolist()
    assert algebra.join(labels, torch.tensor(LOOSE, dtype=torch.int32)).tolist() == [LOOSE, LOOSE, int(labels[2])]
    keep = torch.ones(1, 2, dtype=torch.bool)
    assert algebra.within(labels[:2], keep).tolist() == [LOOSE]


def test_equal_sets_have_one_label() -> None:
    """A union has the same label whichever way it came about."""
    algebra = Sets(V)
    a, b, c = (algebra.of(torch.tensor([k])) for k in (0, 64, 149))
    assert algebra.join(algebra.join(a, b), c).equal(algebra.join(b, algebra.join(c, a)))
    known = len(algebra)
    algebra.join(c, b, a)
    assert len(algebra) <= known + 1


def test_the_table_has_a_bound() -> None:
    """Beyond it the pass is refused, and contexts divide the variables."""
    algebra = Sets(V, budget=1 << 12)
    with pytest.raises(TooMany, match="sets of 150 variables"):
        for k in range(V - 1):
            algebra.join(algebra.of(torch.arange(V)), algebra.of(torch.arange(V).roll(k)))


def decoder() -> tuple[nn.Module, Tensor]:
    """Two causal convolutions, the first of which is blind to two places before."""
    torch.manual_seed(0)
    first, second = nn.Conv1d(1, 4, 3), nn.Conv1d(4, 2, 2)
    with torch.no_grad():
        first.weight[:, :, 0] = 0

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            h = first(F.pad(x[:, None], (3, -1))).relu()
            return second(F.pad(h, (1, 0)))

    return Net(), torch.randn(1, 200)


def test_contexts_in_slices_are_those_of_one_pass() -> None:
    """Both are the exact sets: each output reads three places before it, and nothing else."""
    net, x = decoder()
    variables = torch.arange(200)[None]
    outputs = torch.arange(200)
    once = contexts(lambda: net(x), [(x, variables)], 200, outputs)
    sliced = contexts(lambda: net(x), [(x, variables)], 200, outputs, budget=1 << 15)
    assert once.passes == 1
    assert sliced.passes > 2
    assert (once.reads == sliced.reads).all()
    for t in range(200):
        assert np.flatnonzero(once.reads[t]).tolist() == [k for k in range(t - 3, t) if k >= 0]
    assert not once.opaque


def test_outputs_may_be_left_out() -> None:
    """Elements that belong to no output are not looked at, and by default each is one."""
    net, x = decoder()
    variables, chosen = torch.arange(200)[None], torch.full((200,), -1)
    chosen[5] = 0
    some_ = contexts(lambda: net(x), [(x, variables)], 200, chosen)
    assert some_.reads.shape == (1, 200)
    assert np.flatnonzero(some_.reads[0]).tolist() == [2, 3, 4]
    each = contexts(lambda: {"logits": net(x)}, [(x, variables)], 200, pick=lambda y: y["logits"])
    assert each.reads.shape == (400, 200)


def test_two_sets_of_one_code_stay_two() -> None:
    """Sets are found by a code of 64 bits; where two have the same, another code is drawn."""
    algebra = Sets(V)
    algebra._mix[:] = 0  # pyright: ignore[reportPrivateUsage]
    algebra._rows = type(algebra._rows)()  # pyright: ignore[reportPrivateUsage]
    pairs = algebra.join(algebra.of(torch.arange(V)), algebra.of(torch.arange(V).roll(1)))
    wanted = np.eye(V, dtype=bool) | np.roll(np.eye(V, dtype=bool), 1, 0)
    assert (algebra.members(pairs) == wanted).all()
