"""Is what a module samples what it scores?

Samples are scored by the module's own distribution. If they are drawn from it, then the randomised probability integral
transform F(x_v - 1) + U p(x_v) of every variable, given those before it in the sample, is uniform on [0, 1] and
independent of all that came before (Rosenblatt 1952; Czado, Gneiting and Held 2009 for discrete variables), exactly and
for any sharpness of the distributions. F runs over the levels once by value and once from the least to the most
likely, where samples that are too likely or too unlikely show in the mean. Each is tested over all variables and
for each, the mean by a normal, the counts by a chi-square; the level is shared out among all tests (Bonferroni).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.layout import Layout
from arspec.auditing.values import slots
from arspec.diagnostics import InputError, did_you_mean

LEVEL = 1e-4  # chance of a false alarm of the whole check
BINS = 16
CHUNK = 128  # samples that are scored at once, at the least
HEADS = ("categorical", "bernoulli")


@dataclass(frozen=True)
class SamplerCheck:
    """`scored`: nats of a sample under the module, on average; `expected`: what samples of its own would have."""

    ok: bool
    method: str
    samples: int
    scored: float = math.nan
    expected: float = math.nan
    p_value: float = 0.0
    finding: str = ""
    draw: int = 0  # of the weights

    def json(self) -> dict[str, Any]:
        """The check as `arspec audit --json` prints it; numbers that there are not are null."""
        numbers = {"scored_nats": self.scored, "expected_nats": self.expected, "p_value": self.p_value}
        plain = {name: None if math.isnan(value) else value for name, value in numbers.items()}
        return {"ok": self.ok, "method": self.method, "samples": self.samples, **plain, "finding": self.finding}

    def __str__(self) -> str:
        if math.isnan(self.scored):
            return f"{self.method}() {self.finding}"
        verdict = "draws what the module scores" if self.ok else f"does NOT draw what the module scores: {self.finding}"
        return (
            f"{self.method}() {verdict}; {self.samples:,} samples cost {self.scored:.3f} nats each, "
            f"{self.expected:.3f} expected, smallest p {self.p_value:.2g} (level {LEVEL:g}, all tests together)"
        )


def find_sampler(module: torch.nn.Module, method: str) -> Callable[[int], Any]:
    """The method, which must be callable with the number of samples alone."""
    sampler = getattr(module, method, None)
    if not callable(sampler):
        public = [
            name
            for name in dir(type(module))
            if not name.startswith("_") and name not in dir(torch.nn.Module) and callable(getattr(type(module), name))
        ]
        raise InputError(
            "AR808",
            f"the module has no method {method!r} to sample with",
            help=did_you_mean(method, public, what="it has"),
        )
    try:
        inspect.signature(sampler).bind(1)
    except TypeError as error:
        raise InputError(
            "AR808",
            f"{method} cannot be called with the number of samples alone: {error}",
            help="give the other arguments defaults, or add a method sample(n)",
        ) from error
    return sampler


def check_sampler(
    subject: Borrowed,
    layout: Layout,
    alphabet: Tensor,
    modelled: Tensor,
    *,
    method: str,
    head: str,
    samples: int,
    draws: int,
    seed: int,
) -> SamplerCheck:
    """Samples at each of `draws` of the weights (the module's own, then redrawn ones), until a test fails; the worst is
    told."""
    if head not in HEADS:
        raise InputError("AR808", f"the heads are {' and '.join(HEADS)}, not {head!r}")
    if layout.joint and layout.channels > 1:
        raise InputError(
            "AR808",
            "a sampler is checked where every variable is one number: here the output speaks for whole pixels",
        )
    sampler = find_sampler(subject.module, method)
    subject.evaluate()
    checks: list[SamplerCheck] = []
    for draw in range(draws):
        subject.redraw(2 * draw)  # even draws have the larger weights, whose distributions are far from even
        try:
            with subject.quiet(), torch.no_grad():
                drawn = sampler(samples)
        except (Exception, SystemExit) as error:
            raise InputError("AR808", f"{method}({samples}) fails: {type(error).__name__}: {error}") from error
        digits, finding = _digits(drawn, layout, alphabet, samples)
        if digits is None:
            checks.append(SamplerCheck(False, method, samples, finding=finding, draw=2 * draw))
            break
        # Not the seed of the sampler itself, whose noise must be independent of what the transforms add.
        generator = torch.Generator().manual_seed((seed + 1) * 1_000_003 + draw)
        scores: list[_Scores] = []
        chunk = max(CHUNK, slots(layout.entries))
        for start in range(0, samples, chunk):
            part = digits[start : start + chunk]
            with torch.no_grad():
                parameters = subject(alphabet[part].reshape(-1, *layout.shape))
            logs = _log_probabilities(parameters, head, len(alphabet))[:, modelled]
            scores.append(_score(logs, part[:, modelled], generator))
        checks.append(replace(_test(scores, method, draws), draw=2 * draw))
        if not checks[-1].ok:
            break
    subject.redraw(0)
    return min(checks, key=lambda check: (check.ok, check.p_value))


def scored(
    subject: Borrowed, layout: Layout, alphabet: Tensor, rank: Tensor, modelled: Tensor, head: str, drawn: Tensor
) -> Tensor | None:
    """The probabilities [V, L] of one sample's variables, in the order of their ranks [V], as the module scores them;
    None where its values are none of the alphabet."""
    digits, _ = _digits(drawn, layout, alphabet, 1)
    if digits is None:
        return None
    parameters = subject(alphabet[digits].reshape(-1, *layout.shape))
    order = rank.argsort(stable=True)
    return _log_probabilities(parameters, head, len(alphabet))[0].exp()[order[modelled[order]]]


def _digits(drawn: Any, layout: Layout, alphabet: Tensor, samples: int) -> tuple[Tensor | None, str]:
    """Samples as numbers [n, V] of the alphabet, or what is wrong with them."""
    if not isinstance(drawn, Tensor):
        raise InputError("AR808", f"the sampler gives a {type(drawn).__name__}, not a tensor")
    x = layout.from_module(drawn).reshape(-1, layout.variables)
    if len(x) != samples:
        raise InputError("AR808", f"the sampler was asked for {samples} samples and gave {len(x)}")
    if not x.is_floating_point() and alphabet.is_floating_point():
        inside = (x >= 0) & (x < len(alphabet))  # numbers of levels, where the module reads scaled ones
        digits = x.long().clamp(0, len(alphabet) - 1)
    else:
        x, values = x.double(), alphabet.double()
        step = float(values[1] - values[0]) if len(values) > 1 else 1.0
        digits = ((x - values[0]) / step).nan_to_num().round().clamp(0, len(values) - 1).long()
        inside = (values[digits] - x).abs() <= 1e-3 * step
    if bool(inside.all()):
        return digits, ""
    stranger = float(x[~inside][0])
    return None, f"gives values that are not of the alphabet, such as {stranger:.6g}"


def _log_probabilities(parameters: Tensor, head: str, levels: int) -> Tensor:
    """Parameters [n, V, K] -> log probabilities [n, V, L]."""
    expected = levels if head == "categorical" else 1
    if parameters.shape[-1] != expected or (head == "bernoulli" and levels != 2):
        raise InputError(
            "AR808",
            f"a {head} head over {levels} levels has {expected} parameters a variable, "
            f"the output has {parameters.shape[-1]}",
            help="state --levels and --head as the module has them",
        )
    logits = parameters.double()
    if head == "bernoulli":
        return torch.cat([torch.nn.functional.logsigmoid(-logits), torch.nn.functional.logsigmoid(logits)], -1)
    return logits.log_softmax(-1)


@dataclass(frozen=True)
class _Scores:
    """Of samples: the transforms by value and by likelihood [n, V], and nats, had and expected, in all."""

    by_value: Tensor
    likely: Tensor
    scored: float
    expected: float


def _score(logs: Tensor, digits: Tensor, generator: torch.Generator) -> _Scores:
    """Log probabilities [n, V, L] of samples [n, V]."""
    p = logs.exp()
    ascending = p.argsort(-1)
    places = ascending.argsort(-1).gather(-1, digits[..., None])[..., 0]
    safe = logs.clamp_min(-1e4)  # a level of probability 0 adds nothing to an entropy
    return _Scores(
        by_value=_transformed(p, digits, generator),
        likely=_transformed(p.gather(-1, ascending), places, generator),
        scored=-float(safe.gather(-1, digits[..., None]).sum()),
        expected=-float((p * safe).sum()),
    )


def _test(scores: list[_Scores], method: str, draws: int) -> SamplerCheck:
    by_value = torch.cat([part.by_value for part in scores])
    likely = torch.cat([part.likely for part in scores])
    n = len(likely)
    each = torch.stack([_mean(likely), _chi_square(likely), _chi_square(by_value)])
    whole = torch.stack([test(part.flatten()) for test, part in ((_mean, likely), (_chi_square, likely))])
    smallest = torch.cat([each.flatten(), whole, _chi_square(by_value.flatten())[None]])
    p_value = min(1.0, float(smallest.min()) * len(smallest) * draws)
    finding = ""
    if p_value < LEVEL:
        finding = "its samples are not spread as the probabilities say"
        if float(whole[0]) * len(smallest) * draws < LEVEL:
            finding = f"its samples are {'less' if float(likely.mean()) < 0.5 else 'more'} likely than they should be"
    return SamplerCheck(
        ok=p_value >= LEVEL,
        method=method,
        samples=n,
        scored=sum(part.scored for part in scores) / n,
        expected=sum(part.expected for part in scores) / n,
        p_value=p_value,
        finding=finding,
    )


def _transformed(p: Tensor, digits: Tensor, generator: torch.Generator) -> Tensor:
    """Randomised probability integral transform [n, V] of digits under p [n, V, L]."""
    below = torch.where(torch.arange(p.shape[-1]) < digits[..., None], p, 0.0).sum(-1)
    here = p.gather(-1, digits[..., None])[..., 0]
    return below + here * torch.rand(digits.shape, generator=generator, dtype=torch.float64)


def _mean(uniform: Tensor) -> Tensor:
    """Two-sided p-values, over the first axis, of the mean of numbers that should be uniform on [0, 1]."""
    z = (uniform.mean(0) - 0.5).abs() * math.sqrt(12 * len(uniform))
    return torch.erfc(z / math.sqrt(2))


def _chi_square(uniform: Tensor) -> Tensor:
    """p-values, over the first axis, of the counts in equal bins."""
    bins = (uniform * BINS).long().clamp(0, BINS - 1)
    counts = torch.stack([(bins == b).sum(0) for b in range(BINS)]).double()
    expected = len(uniform) / BINS
    statistic = ((counts - expected) ** 2 / expected).sum(0)
    half_degrees = torch.tensor((BINS - 1) / 2, dtype=torch.float64)
    return cast("Tensor", torch.special.gammaincc(half_degrees, statistic / 2))
