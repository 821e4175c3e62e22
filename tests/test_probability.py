"""Probabilities over all inputs sum to one, and samples are drawn by them: tiny specs of every head."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.heads import HEADS
from arspec.language.load import from_text
from arspec.model import Model
from arspec.network.ranks import scalar_ranks
from tests.small import randomised

CONVOLUTIONS = """
  scaled: {{layer: scale}}
  first: {{layer: conv, kernel: 3, out: 12, mask: earlier}}
  bent: {{layer: elu}}
  logits: {{layer: conv, kernel: 1, out: $head, mask: so_far}}
"""
DENSE = """
  hidden: {{layer: dense, from: x, units: 12, mask: so_far}}
  bent: {{layer: tanh}}
  logits: {{layer: dense, out: $head, mask: earlier}}
"""
STEPS = """
  hot: {{layer: one_hot}}
  past: {{layer: shift, steps: 1}}
  first: {{layer: conv, kernel: 3, padding: causal, out: 8}}
  bent: {{layer: tanh}}
  logits: {{layer: conv, kernel: 1, out: $head}}
"""
VIEWED = """
  view: {{layer: conv, from: luma, kernel: 3, out: 3, mask: earlier}}
  seen: {{layer: conv, from: luma, kernel: 3, out: 12, groups: $groups}}
  own: {{layer: conv, from: x, kernel: 3, out: 12, mask: earlier}}
  both: {{layer: add, from: [seen, own]}}
  bent: {{layer: elu}}
  logits: {{layer: conv, kernel: 1, out: $head, mask: so_far}}
"""
SPEC = "arspec: 1\ndata: {data}\norder: {order}\ngraph: {graph}\nhead: {{{head}, from: logits}}\n"
GREY, RGB = "kind: image, height: 2, width: 2", "kind: image, height: 1, width: 2, channels: 3"
TWO = "kind: image, height: 2, width: 2, channels: 2, levels: 2"
VIEW = "kind: image, height: 1, width: 2, channels: 2, levels: 2, auxiliary: {luma: {view: grey, levels: 3}}"
MIXTURE = "kind: logistic_mixture, components: 3"

# name: (data, order, graph, head)
TINY = {
    "bernoulli image": (f"{GREY}, levels: 2", "scan: raster", CONVOLUTIONS, "kind: bernoulli"),
    "bernoulli joint channels": (TWO, "channels: joint", CONVOLUTIONS, "kind: bernoulli"),
    "bernoulli vector": ("kind: vector, size: 4", "scan: natural", DENSE, "kind: bernoulli"),
    "bernoulli family": ("kind: vector, size: 4", "scan: random, members: 3", DENSE, "kind: bernoulli"),
    "bernoulli sequence": ("kind: sequence, length: 4, levels: 2", "scan: natural", STEPS, "kind: bernoulli"),
    "categorical image": (f"{GREY}, levels: 3", "scan: spiral", CONVOLUTIONS, "kind: categorical"),
    "categorical channels": (TWO, "scan: zigzag, channels: sequential", CONVOLUTIONS, "kind: categorical"),
    "categorical joint channels": (TWO, "channels: joint", CONVOLUTIONS, "kind: categorical"),
    "categorical equal ranks": (TWO, "scan: checkerboard", CONVOLUTIONS, "kind: categorical"),
    "categorical vector": ("kind: vector, size: 4, levels: 3", "scan: reversed", DENSE, "kind: categorical"),
    "categorical family": ("kind: vector, size: 4, levels: 3", "scan: random, members: 2", DENSE, "kind: categorical"),
    "categorical sequence": ("kind: sequence, length: 4, levels: 3", "scan: natural", STEPS, "kind: categorical"),
    "mixture image": (f"{GREY}, levels: 4", "scan: raster", CONVOLUTIONS, MIXTURE),
    "mixture sequential channels": (f"{RGB}, levels: 3", "channels: sequential", CONVOLUTIONS, MIXTURE),
    "mixture joint channels": (f"{RGB}, levels: 3", "channels: joint", CONVOLUTIONS, MIXTURE),
    "parts categorical": (VIEW, "channels: sequential", VIEWED, "kind: categorical"),
    "parts joint mixture": (VIEW, "channels: joint", VIEWED, MIXTURE),
    "mixture sequence": ("kind: sequence, length: 4, levels: 4", "scan: natural", STEPS, MIXTURE),
}
every_tiny = pytest.mark.parametrize("name", TINY)
SAMPLES = 4000


def tiny(name: str) -> Model:
    data, order, graph, head = TINY[name]
    text = SPEC.format(data=f"{{{data}}}", order=f"{{{order}}}", graph=graph.format(), head=head)
    if "auxiliary" in data:
        text = text.replace("head: {", "head: {luma: {kind: categorical, from: view}, x: {").rstrip() + "}\n"
    return randomised(from_text(text), seed=1)


def everything(model: Model) -> Tensor:
    """Every example that there is."""
    data = model.spec.data
    places = int(np.prod(data.shape)) // len(data.channel_levels)
    values = itertools.product(*(range(levels) for levels in data.channel_levels for _ in range(places)))
    return torch.tensor(list(values)).view(-1, *data.shape)


def counted(drawn: Tensor, every: Tensor) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How often each of `every` example was drawn."""
    number = {tuple(row): k for k, row in enumerate(every.flatten(1).tolist())}
    return np.bincount([number[tuple(row)] for row in drawn.flatten(1).tolist()], minlength=len(every))


def chance_of(observed: Any, wanted: Any) -> float:
    """How likely counts are to lie so far from the wanted ones, or farther (Pearson's chi-square)."""
    from scipy.special import chdtrc  # scipy.stats, which has the whole test, takes a second to import

    return float(chdtrc(len(observed) - 1, ((observed - wanted) ** 2 / wanted).sum()))


def check_drawn_by(probability: Tensor, drawn: Tensor, every: Tensor, least: float = 1e-3) -> None:
    """A chi-square test of draws against the probabilities of `every` example, rare ones taken together."""
    counts, expected = counted(drawn, every), probability.numpy() * len(drawn)
    often = expected >= 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum())
    kept = wanted > 0
    assert often.sum() > 1, "too few examples are likely to tell anything"
    assert observed[~kept].sum() == 0
    assert chance_of(observed[kept], wanted[kept] * observed.sum() / wanted[kept].sum()) > least


def test_every_head_has_its_tiny_specs():
    assert {tiny(name).graph.head.kind for name in TINY} == set(HEADS) | {"parts"}


@every_tiny
def test_probabilities_sum_to_one(name: str):
    model = tiny(name)
    every = everything(model)
    with torch.no_grad():
        for member in range(model.members):
            assert float(model.log_prob(every, member).exp().sum()) == pytest.approx(1, abs=1e-9)
        assert float(model.mean_log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-9)


@every_tiny
def test_samples_are_drawn_by_them(name: str):
    model = tiny(name)
    every = everything(model)
    for member in range(model.members):
        with torch.no_grad():
            probability = model.log_prob(every, member).exp()
        check_drawn_by(probability, model.sample(SAMPLES, seed=7, member=member), every)


@every_tiny
def test_completions_are_drawn_by_the_conditional(name: str):
    model = tiny(name)
    every, rank = everything(model), scalar_ranks(model, 0)
    known = torch.from_numpy(rank < (int(rank.max()) + 1) // 2).view(model.spec.data.shape)
    given = model.sample(1, seed=3)
    fitting = every[(every == given)[:, known].all(1)]
    with torch.no_grad():
        probability = model.log_prob(fitting).softmax(0)
    drawn = model.complete(given.expand(SAMPLES, *given.shape[1:]), known, seed=5, member=0)
    check_drawn_by(probability, drawn, fitting)


@pytest.mark.parametrize("name", ["bernoulli sequence", "categorical sequence"])
def test_a_temperature_divides_the_logits(name: str):
    model = tiny(name)
    every, support = everything(model), model.graph.support
    with torch.no_grad():
        sharp = model.graph.head.log_prob(support, model(every) / 0.5, model.by_variable(every)).sum(1).exp()
    check_drawn_by(sharp, model.sample(SAMPLES, seed=2, temperature=0.5), every)
