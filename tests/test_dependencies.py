"""The dependency tests on small functions whose dependence is known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.verification.dependencies import (
    Findings,
    Leaf,
    Subject,
    Traced,
    examine,
    find_leaves,
    gradient_pattern,
    leaks,
    mixes_examples,
    perturb,
)

T = 6
LATER = np.triu(np.ones((T, T), dtype=bool))  # row: output, column: what it may not read, itself included
FLOATS = torch.linspace(-1, 1, 8, dtype=torch.float64)


def subject(run, alphabet: Tensor = FLOATS, *, rank=None, variable=None, shape=(T,), **more) -> Subject:
    variable = np.arange(int(np.prod(shape))) if variable is None else np.asarray(variable)
    rank = np.arange(int(variable.max()) + 1) if rank is None else np.asarray(rank)
    trace = find_leaves(run, shape, variable, alphabet, torch.Generator().manual_seed(0))
    return Subject(run, shape, rank, variable, alphabet, trace, **more)


def shifted_sum(x: Tensor) -> Tensor:
    """Strictly causal: the sum of all earlier values, twice with opposite signs."""
    total = F.pad(x.double().cumsum(-1), (1, -1))
    return torch.stack([total, -total], -1)


def later(x: Tensor) -> Tensor:
    return F.pad(x.double(), (0, 1))[:, 1:]


def test_gradients_give_the_exact_pattern_though_parameters_cancel():
    pattern = gradient_pattern(subject(shifted_sum))
    np.testing.assert_array_equal(pattern, ~LATER)


def test_rows_can_be_chosen_and_batches_do_not_matter():
    whole = gradient_pattern(subject(shifted_sum), draws=1, batch=64)
    np.testing.assert_array_equal(gradient_pattern(subject(shifted_sum), [4, 1], draws=1, batch=1), whole[[4, 1]])


@pytest.mark.parametrize("batch", [2, 5, 64])
def test_perturbation_gives_the_same_pattern_and_is_silent(batch: int):
    found = perturb(subject(shifted_sum), batch=batch)
    np.testing.assert_array_equal(found.seen, ~LATER)
    assert found.ok
    assert found.violations == []


def test_a_leak_is_told_with_the_values_that_show_it():
    def run(x: Tensor) -> Tensor:
        return shifted_sum(x) + torch.sign(later(x))[..., None]

    case = subject(run)
    found = perturb(case)
    assert np.argwhere(found.leaks).tolist() == [[t, t + 1] for t in range(T - 1)]
    first = found.violations[0]
    assert first.inputs == (first.output + 1,)
    assert np.sign(first.before[0]) != np.sign(first.after[0])
    assert first.moved[0] != first.moved[1]
    assert not gradient_pattern(case)[LATER].any(), "a sign has no gradient"


def test_a_leak_of_several_variables_together_is_narrowed_to_them():
    def run(x: Tensor) -> Tensor:
        both = (x[:, 3:4] == 1) & (x[:, 5:6] == 1)
        return shifted_sum(x) + F.pad(both.double(), (1, T - 2))[..., None]

    found = perturb(subject(run), bases=1, seed=3)
    assert [violation.inputs for violation in found.violations] == [(3, 5)]
    assert found.violations[0].output == 1
    assert found.leaks.sum() == 2


def test_whether_there_is_a_leak_takes_less_than_where():
    """Of one variable, of two together, beyond the alphabet, and none."""
    calls = 0

    def counted(leak: Callable[[Tensor], Tensor]) -> Subject:
        def run(x: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return shifted_sum(x) + leak(x)[..., None]

        return subject(run)

    def both(x: Tensor) -> Tensor:
        return F.pad(((x[:, 3:4] == 1) & (x[:, 5:6] == 1)).double(), (1, T - 2))

    for leak in (lambda x: torch.sign(later(x)), both, lambda x: F.relu(later(x) - 6)):
        case = counted(leak)
        calls = 0
        assert leaks(case, bases=4, batch=8)
        first, calls = calls, 0
        assert not perturb(case, bases=4, batch=8).ok
        assert first * 2 < calls
    assert not leaks(subject(shifted_sum))
    assert not leaks(subject(lambda x: shifted_sum(x) + F.relu(later(x) - 6)[..., None]), outside=False)


def test_beyond_the_alphabet_is_marked_and_counts_for_nothing_else():
    def run(x: Tensor) -> Tensor:
        return shifted_sum(x) + F.relu(later(x) - 6)[..., None]

    found = perturb(subject(run))
    assert found.leaks.sum() == T - 1
    assert all(violation.outside for violation in found.violations)
    assert not found.seen[LATER].any()
    assert perturb(subject(run), outside=False).ok


def test_cuts_and_variables_restrict_what_is_changed():
    found = perturb(subject(shifted_sum), variables=[2], cuts=[5])
    assert np.flatnonzero(found.seen.any(0)).tolist() == [2]


def test_a_masked_weight_raises_no_alarm_where_numbers_overflow():
    mask = torch.ones(T, T, dtype=torch.float64).tril(-1)

    def run(x: Tensor) -> Tensor:
        return torch.exp((x * 6) ** 3)[:, None, :].mul(mask).sum(-1)[..., None]

    found = examine(subject(run), draws=1)
    assert found.ok
    np.testing.assert_array_equal(found.seen, ~LATER)


def test_integer_inputs_are_differentiated_behind_what_makes_them_floats():
    table = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    inside = {
        "embedding": lambda x: F.embedding(x, table).sum(-1),
        "one-hot": lambda x: (F.one_hot(x, 4).double() @ table).sum(-1),
        "division": lambda x: x / 3,
        "indexing": lambda x: table[x].sum(-1),
        "time first": lambda x: F.embedding(x.t(), table).sum(-1).t(),
        "offset levels": lambda x: F.embedding(x + 0 * torch.arange(T), table).sum(-1),
        "with places": lambda x: F.embedding(x, table).sum(-1) + F.embedding(torch.arange(T) % 4, table).sum(-1),
    }
    for name, form in inside.items():
        case = subject(lambda x, form=form: shifted_sum(form(x)), torch.arange(4))
        assert case.trace is not None, name
        np.testing.assert_array_equal(gradient_pattern(case, draws=1), ~LATER, err_msg=name)


def test_integers_that_never_become_floats_have_no_leaf():
    def run(x: Tensor) -> Tensor:
        return torch.from_numpy((np.cumsum(x.numpy(), -1) - x.numpy()).astype(np.float64))[..., None]

    case = subject(run, torch.arange(4))
    assert case.trace is None
    with pytest.raises(InputError, match="float leaf"):
        gradient_pattern(case)
    np.testing.assert_array_equal(perturb(case).seen, ~LATER)


def test_an_entry_that_mixes_variables_is_no_leaf():
    def run(x: Tensor) -> Tensor:
        return F.pad((x + x.flip(-1)) / 2, (1, -1))[..., None]

    assert subject(run, torch.arange(4)).trace is None


def test_leaves_of_ones_own():
    def trace(x: Tensor) -> Traced:
        hot = F.one_hot(x, 3).double().requires_grad_()
        out = shifted_sum((hot * torch.arange(3)).sum(-1))
        return Traced(out, [Leaf(hot, np.repeat(np.arange(T), 3))])

    case = Subject(lambda x: trace(x).parameters, (T,), np.arange(T), np.arange(T), torch.arange(3), trace)
    np.testing.assert_array_equal(gradient_pattern(case), ~LATER)


def test_variables_of_several_scalars_and_equal_ranks():
    """Three pixels of two joint channels, the last two generated together."""

    def run(x: Tensor) -> Tensor:
        pixels = x.sum(1)
        return torch.stack([torch.zeros_like(pixels[:, 0]), pixels[:, 0], pixels[:, 1]], 1)[..., None]

    case = subject(run, shape=(2, 3), variable=[0, 1, 2, 0, 1, 2], rank=[0, 1, 1])
    found = examine(case, draws=1)
    assert np.argwhere(found.seen).tolist() == [[1, 0], [2, 1]]
    assert np.argwhere(found.leaks).tolist() == [[2, 1]]
    assert len(found.violations[0].before) == 2


def test_weights_are_drawn_anew():
    weight = [0.0]
    draws: list[int] = []

    def run(x: Tensor) -> Tensor:
        return weight[0] * later(x)[..., None]

    def redraw(draw: int) -> None:
        draws.append(draw)
        weight[0] = (0.0, 1.0, float("nan"))[draw]

    found = examine(subject(run, redraw=redraw), draws=3, bases=1)
    assert draws == [0, 1, 2]
    assert found.leaks.sum() == T - 1
    assert found.draws == 2
    assert {violation.draw for violation in found.violations} == {1}


def test_examples_that_read_one_another_are_tested_one_at_a_time():
    def run(x: Tensor) -> Tensor:
        return (shifted_sum(x) - shifted_sum(x).mean(0))[..., :1]

    case = subject(run)
    assert mixes_examples(case, torch.Generator().manual_seed(0))
    found = examine(case, draws=1)
    assert found.mixes
    assert found.ok
    np.testing.assert_array_equal(found.seen, ~LATER)


def test_a_function_with_a_state_is_refused():
    calls: list[int] = []

    def run(x: Tensor) -> Tensor:
        calls.append(1)
        return x[..., None] + len(calls)

    with pytest.raises(InputError, match="different outputs for the same input"):
        perturb(Subject(run, (T,), np.arange(T), np.arange(T), FLOATS))


def test_legal_pairs_leave_out_what_is_not_modelled():
    case = subject(shifted_sum, modelled=np.arange(T) > 0)
    assert case.legal.sum() == T * (T - 1) // 2
    assert not Findings.none(T).leaks.any()
