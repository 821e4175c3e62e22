"""What an audit is given and cannot be: told before anything runs, in Python, in a test and on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arspec.auditing import audit
from arspec.auditing.verdicts import Verdict
from arspec.cli.audit import add_arguments, run
from arspec.diagnostics import InputError
from arspec.testing import NotCausal, assert_causal
from tests.audit_modules import planted

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"levels": "x"}, "levels is a whole number, not 'x'"),
    ({"levels": 4.0}, "levels is a whole number"),
    ({"levels": True}, "levels is a whole number"),
    ({"lengths": 7}, "lengths is a list of whole numbers"),
    ({"lengths": [7, "8"]}, "lengths is a list of whole numbers"),
    ({"lengths": [0]}, "a length is 1 or more"),
    ({"range": (1,)}, "range is two numbers"),
    ({"range": 1}, "range is two numbers"),
    ({"range": (None, 1)}, "range is two numbers"),
    ({"input": None}, "input is a pattern of axes"),
    ({"output": 3}, "output is a pattern of axes"),
    ({"cache": 3}, "cache is a keyword of the call"),
    ({"size": ["t"]}, "size is sizes by the names of axes"),
    ({"size": {"t": "8"}}, "size is sizes by the names of axes"),
    ({"size": "t=x"}, "t=x"),
    ({"variants": [planted.Causal()]}, "variants is torch modules by name"),
    ({"channels": "x"}, "channels is 'sequential' or 'joint', not 'x'"),
    ({"channels": np.zeros(2)}, "channels is 'sequential' or 'joint'"),
    ({"last": 99}, "the output speaks of at most 8 last positions, not of 99"),
    ({"last": 0}, "last is a whole number above 0"),
    ({"order": 3}, "order is the name of a scan"),
    ({"flip": 3}, "flip is names of axes"),
    ({"transpose": "yes"}, "transpose is True or False"),
    ({"offset": "1"}, "offset is a whole number"),
    ({"take": 1.5}, "take is the name or the number of an entry"),
    ({"condition": [1]}, "condition is arguments of the call by name"),
    ({"modes": 3}, "modes is names of modes"),
    ({"modes": [None]}, "modes is names of modes"),
    ({"padding": None}, "padding is sides"),
    ({"seed": -1}, "seed is a whole number, 0 or more"),
    ({"samples": 0}, "samples is a whole number above 0"),
    ({"draws": None}, "draws is a whole number"),
    ({"precision": "half"}, "precision is float64, float32 or auto"),
    ({"name": 3}, "name is a text"),
    ({"witness": 1}, "witness is True or False"),
]


@pytest.mark.parametrize(("options", "text"), WRONG, ids=[f"{k}={v!r}"[:30] for o, _ in WRONG for k, v in o.items()])
def test_a_wrong_argument_is_told(options: dict[str, Any], text: str) -> None:
    given: dict[str, Any] = {"input": "b t", "output": "b t k", "size": {"t": 8}, "levels": 4, **options}
    with pytest.raises(InputError) as refused:
        audit(planted.Causal(), **given)
    assert text in str(refused.value)
    with pytest.raises(InputError):
        assert_causal(planted.Causal(), **given)


def test_sizes_may_be_one_text() -> None:
    assert audit(planted.Causal(), size="t=4", levels=4, modes=["evaluation"]).layout.sizes["t"] == 4


@pytest.mark.parametrize("accept", [None, 3, [None], "everything", ["given-route", "x"]])
def test_what_cannot_be_accepted_is_told(accept: Any) -> None:
    with pytest.raises(InputError, match="accept"):
        assert_causal(planted.Causal(), size={"t": 4}, levels=4, accept=accept)


# The command


class Routed(planted.Causal):
    """Takes the rows of a step apart by sorting them, which is proven with the route given."""

    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        order = found.sum(-1).argsort(1)[..., None].expand_as(found)
        return torch.zeros_like(found).scatter(1, order, found.gather(1, order))


class Undecided(planted.Causal):
    """Labels allow what values never show."""

    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        later = found.roll(-1, 1)
        return found + (later - later)


def command(*arguments: str, name: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    target = f"{Path(__file__)}:{name}"
    return run(parser.parse_args([target, "--size", "t=6", "--levels", "4", "--modes", "evaluation", *arguments]))


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("Routed", (), 0),
        ("Routed", ("--strict",), 3),
        ("Routed", ("--strict", "--accept", "given-route"), 0),
        ("Undecided", (), 3),
        ("Undecided", ("--accept", "not-decided"), 0),
        ("Undecided", ("--strict", "--accept", "given-route,not-decided"), 0),
    ],
)
def test_the_command_accepts_as_a_test_does(name: str, arguments: tuple[str, ...], code: int) -> None:
    assert command(*arguments, name=name) == code


@pytest.mark.parametrize(
    "arguments", [("--accept", "all"), ("--last", "99"), ("--lengths", "0"), ("--levels", "1"), ("--cache", "nothing")]
)
def test_the_command_refuses_what_python_refuses(arguments: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        command(*arguments, "--modes", "evaluation,cache", name="Routed")


def test_forbid_takes_a_file_or_a_function_and_says_so() -> None:
    with pytest.raises(
        InputError, match=r"AR962.*--forbid is pairs.npy .* or file.py:function of V, not 'that > this'"
    ):
        command("--forbid", "that > this", name="Routed")


# Modes that fail, and modes that differ


class Cached(nn.Module):
    """A sum over steps whose cache loses something, or raises; `attention_mask` is not heeded."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens, self.out, self.fault = nn.Embedding(4, 3), nn.Linear(3, 4), fault

    def forward(self, x: Tensor, past_key_values: Tensor | None = None, use_cache: bool = False) -> Any:
        if use_cache and self.fault == "raises":
            raise RuntimeError("no cache here")
        h = self.tokens(x)
        total = h.cumsum(1) + (0 if past_key_values is None else past_key_values)
        kept = total[:, -1:] * (0.5 if self.fault == "loses" else 1.0)
        out = self.out(total)
        return ((out,) if self.fault == "gives none" else (out, kept)) if use_cache else out


def of_cache(fault: str, **options: Any):
    return audit(Cached(fault), size={"t": 8}, levels=4, offset=1, **options)


def test_what_differs_is_no_leak() -> None:
    report = of_cache("loses")
    assert report.verdict == Verdict.DIFFERS and report.verdict.exit_code == 1 and not report.ok
    text = str(report)
    assert text.startswith("Cached: DIFFERS in cache: decoding with a cache is not the full pass")
    assert "LEAKS" not in text
    with pytest.raises(NotCausal, match="does not compute one thing in two ways"):
        assert_causal(Cached("loses"), size={"t": 8}, levels=4, offset=1)


@pytest.mark.parametrize(("fault", "told"), [("raises", "no cache here"), ("gives none", "no past_key_values")])
def test_a_mode_that_fails_is_told_and_the_others_go_on(fault: str, told: str) -> None:
    report = of_cache(fault)
    assert told in report.absent["cache"]
    assert {"evaluation", "batch", "lengths"} <= {mode.mode for mode in report.modes}
    assert report.ok
    asked = of_cache(fault, modes="cache,lengths")
    assert {mode.mode: mode.verdict for mode in asked.modes}["cache"] == Verdict.NOT_DECIDED
    assert told in str(asked) and len(asked.modes) == 2
    with pytest.raises(InputError, match=told):
        of_cache(fault, modes="cache")


class Remembering(Cached):
    """The same, whose call knows its memory by another name, gives it every time, and asks for no switch."""

    def forward(self, x: Tensor, cache: Tensor | None = None) -> Any:  # type: ignore[override]
        return super().forward(x, cache, use_cache=True)


class Placed(Remembering):
    """The same, which must be told where its steps stand."""

    def forward(self, x: Tensor, cache: Tensor | None = None, start_pos: int = 0) -> Any:  # type: ignore[override]
        return super().forward(x, cache)


@pytest.mark.parametrize(("fault", "verdict"), [("", Verdict.AGREES), ("loses", Verdict.DIFFERS)])
def test_a_cache_by_another_name_is_found(fault: str, verdict: Verdict) -> None:
    report = audit(Remembering(fault), size={"t": 8}, levels=4, offset=1, take=0)
    (found,) = [mode for mode in report.modes if mode.mode == "cache"]
    assert found.verdict == verdict
    assert verdict == Verdict.DIFFERS or found.why == "by cache"


def test_a_cache_beside_a_position_is_not_guessed() -> None:
    report = audit(Placed(), size={"t": 8}, levels=4, offset=1, take=0)
    assert "start_pos beside it" in report.absent["cache"]
    asked = audit(Placed(), size={"t": 8}, levels=4, offset=1, take=0, cache="cache", modes="cache")
    assert asked.ok


def test_numbers_and_line_speak_of_the_same_pair() -> None:
    class Later(planted.Causal):
        def features(self, x: Tensor) -> Tensor:
            found = super().features(x)
            return found + found.roll(-3, 1)

    for length in (8, 40):
        report = audit(Later(), size={"t": length}, levels=16, modes=["evaluation"])
        (witness,) = report.places
        first = next(line for line in str(report).splitlines() if line.startswith("  the output for"))
        assert f"the output for ({witness.output}) moves with ({witness.input})" in first


class Sums(nn.Module):
    """Sums of embeddings up to each step, or of all, and what else it gives beside them."""

    def __init__(self, beside: Callable[[Tensor, Tensor], Any], whole: bool = False) -> None:
        super().__init__()
        self.tokens, self.out, self.beside, self.whole = nn.Embedding(4, 6), nn.Linear(6, 4), beside, whole

    def forward(self, x: Tensor) -> Any:
        h = self.tokens(x)
        h = h.cumsum(1) + (h.sum(1, keepdim=True) if self.whole else 0)
        return self.beside(self.out(h), h)


class Named(NamedTuple):
    logits: Tensor
    hidden: Tensor


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    "beside",
    [
        lambda out, h: (out, h[:, -1:].transpose(0, 1)),  # the last state of a recurrent layer: [1, B, D]
        lambda out, h: (h[:, -3:], out),  # as a memory of three steps, which other lengths are too
        lambda out, h: Named(out, h),
        lambda out, h: {"hidden": h, "logits": out},
    ],
)
def test_the_entry_that_fits_is_taken(beside: Callable[[Tensor, Tensor], Any], whole: bool) -> None:
    report = audit(Sums(beside, whole), size={"t": 8}, levels=4, offset=1, lengths=[3, 4, 7])
    assert report.verdict == (Verdict.LEAKS if whole else Verdict.PROVEN), str(report)
    assert {"evaluation", "batch", "lengths"} <= {mode.mode for mode in report.modes}


def test_entries_that_fit_alike_are_named() -> None:
    with pytest.raises(InputError, match="0 and 2 have the axes of 'b t k': --take 0"):
        audit(Sums(lambda out, h: (out, h.sum(), h)), size={"t": 8}, levels=4)


def test_an_output_that_speaks_of_nothing_is_no_proof() -> None:
    with pytest.raises(InputError, match="no output speaks of a variable") as refused:
        audit(planted.Causal(), size={"t": 8}, levels=4, offset=1, last=1)
    assert "--last 2" in str(refused.value)
    assert audit(Sums(lambda out, h: out[:, -2:]), size={"t": 8}, levels=4, offset=1, last=2).ok


def test_weights_without_numbers_are_told() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4))
    with pytest.raises(InputError, match="on the device meta"):
        audit(module, size={"t": 8}, levels=4)


def test_an_option_that_there_is_not_is_told() -> None:
    with pytest.raises(InputError, match="did you mean 'levels'"):
        assert_causal(planted.Causal(), size={"t": 4}, levls=4)


class Stepping(nn.Module):
    """An average that decays, and one step of it, which takes a step with the axis of time or without, and gives it so.
    `fault`: the step from which on the state is lost."""

    def __init__(self, takes: bool, gives: bool, fault: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens, self.out, self.cell = nn.Embedding(4, 3), nn.Linear(3, 4), nn.GRUCell(3, 3)
        self.takes, self.gives, self.fault = takes, gives, fault

    def forward(self, x: Tensor) -> Tensor:
        state, rows = None, []
        for h in self.tokens(x).unbind(1):
            state = self.cell(h, state)
            rows.append(self.out(state))
        return torch.stack(rows, 1)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        assert x.dim() == 1 + self.takes and x.numel() == len(x), "one step, of this shape"
        count, kept = (0, None) if state is None else state
        kept = self.cell(self.tokens(x.reshape(-1)), None if count == self.fault else kept)
        row = self.out(kept)
        return (row[:, None] if self.gives else row), (count + 1, kept)


@pytest.mark.parametrize("fault", [None, 28])
@pytest.mark.parametrize(("takes", "gives"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_step_takes_one_token_in_long_rows_too(takes: bool, gives: bool, fault: int | None) -> None:
    report = audit(Stepping(takes, gives, fault), size={"t": 40}, levels=4, offset=1, modes="cache")
    assert report.verdict == (Verdict.AGREES if fault is None else Verdict.DIFFERS), str(report)
    assert fault is None or f"from t {fault} on" in report.modes[0].why
