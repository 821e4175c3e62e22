"""What comes in where values have moved away: learned starts, class tokens, prefix tokens."""

from __future__ import annotations

import torch

from arspec.codec.identity import spec_hash
from arspec.language.load import from_text
from arspec.model import Model
from tests.small import randomised

SPEC = """
arspec: 1
data: {kind: sequence, length: 6, levels: 5}
order: ORDER
condition: {label: {kind: class, classes: 3}, text: {kind: tokens, length: 2, levels: 4}}
graph:
  start: {layer: learned, from: label, out: 4}
  token: {layer: condition, by: label}
  words: {layer: embedding, from: text, out: 4}
  tokens: {layer: embedding, from: x, out: 4}
  moved: {MOVED}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
UNDER = {"label": torch.tensor([2, 0]), "text": torch.tensor([[3, 1], [0, 0]])}


def made(moved: str, order: str = "natural") -> Model:
    return randomised(from_text(SPEC.replace("MOVED", moved).replace("ORDER", order)), 0)


def values(model: Model, x: torch.Tensor, member: int = 0) -> dict[str, torch.Tensor]:
    """What every node gives, [B, C, *grid]."""
    found: dict[str, torch.Tensor] = {}
    model.last(x, member, UNDER, lambda node, value: found.setdefault(node.name, value))
    return found


def test_what_comes_in_is_what_is_stated() -> None:
    x = torch.randint(5, (2, 6), generator=torch.Generator().manual_seed(0))
    model = made("layer: shift, from: tokens, steps: 2, fill: learned")
    found = values(model, x)
    learned = dict(model.named_parameters())["nodes.moved.fill.weight"]
    torch.testing.assert_close(found["moved"][:, :, :2], learned.expand(2, 4, 2))
    torch.testing.assert_close(found["moved"][:, :, 2:], found["tokens"][:, :, :4])

    found = values(made("layer: shift, from: tokens, steps: 2, fill: token"), x)  # one class token for both steps
    torch.testing.assert_close(found["moved"][:, :, :2], found["token"].expand(2, 4, 2))
    assert (found["token"][0] != found["token"][1]).all()

    found = values(made("layer: shift, from: tokens, steps: -2, fill: words"), x)
    torch.testing.assert_close(found["moved"], torch.cat([found["tokens"][:, :, 2:], found["words"]], 2))

    found = values(made("layer: pad, from: tokens, before: 2, fill: words}\n  cut: {layer: crop, before: 2"), x)
    torch.testing.assert_close(found["moved"], torch.cat([found["words"], found["tokens"]], 2))


def test_a_start_belongs_to_the_first_steps_of_the_order() -> None:
    """The k-th vector to the k-th step that is generated, under every member of a family."""
    x = torch.randint(5, (2, 6), generator=torch.Generator().manual_seed(0))
    model = made("layer: previous, from: tokens, steps: 2, fill: learned", "[reversed, {scan: random, members: 2}]")
    learned = dict(model.named_parameters())["nodes.moved.fill.weight"]
    for number, member in enumerate(model.graph.members):
        moved, place = values(model, x, number)["moved"], member.order.rank.argsort()
        for k in range(2):
            torch.testing.assert_close(moved[:, :, place[k]], learned[:, k].expand(2, 4))


def test_a_key_that_came_later_counts_where_it_says_something() -> None:
    """Zeros, as ever, leave the hash of a spec what it was before there was anything else."""
    plain, zeros, other = (
        spec_hash(made(f"layer: shift, from: tokens, steps: 1{fill}"))
        for fill in ("", ", fill: zeros", ", fill: token")
    )
    assert plain == zeros != other
