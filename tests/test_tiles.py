"""Tiles of dense layers: they hold everything that a mask leaves, and their products are the masked product, forward
and backward. In a family of one the units lie in the order of their degrees, so that there are any."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from arspec.language.load import from_text
from arspec.layers import products
from arspec.layers import tiles as cutting
from arspec.layers.dense import between
from arspec.layers.helpers import repeated
from arspec.layers.tiles import Tile, tiles
from arspec.model import Model
from arspec.reads import Whole
from arspec.types import ranks
from tests.small import randomised


@pytest.fixture(autouse=True)
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "LARGE", 1)
    monkeypatch.setattr(cutting, "TILE", 1 << 5)


def spec(order: str, bias: str = "true", members: int = 1, degrees: str = "random") -> str:
    unit = f"units: 19, mask: so_far, bias: {bias}, degrees: {degrees}"
    return f"""
arspec: 1
name: tested
data: {{kind: vector, size: 13, levels: 3}}
order: {{{order}, members: {members}}}
graph:
  first: {{layer: dense, {unit}}}
  relu: {{layer: relu}}
  second: {{layer: dense, {unit}}}
  tanh: {{layer: tanh}}
  out: {{layer: dense, out: $head, mask: earlier, bias: {bias}}}
  through: {{layer: dense, from: x, out: $head, mask: earlier, bias: {bias}}}
  logits: {{layer: add, from: [out, through]}}
head: {{kind: categorical, from: logits}}
"""


def with_tiles(model: Model) -> set[str]:
    return {n.name for n in model.graph.nodes if "tiles" in n.layer.constants(n, model.graph.members[0])}


@pytest.mark.parametrize("degrees", ["random", "cyclic"])
@pytest.mark.parametrize("bias", ["true", "false"])
@pytest.mark.parametrize("order", ["scan: natural", "scan: reversed"])
def test_products_of_tiles_are_masked_products(order: str, bias: str, degrees: str) -> None:
    model = randomised(from_text(spec(order, bias, degrees=degrees)))
    assert with_tiles(model) == {"first", "second", "out", "through"}
    generator = torch.Generator().manual_seed(0)
    for name in with_tiles(model):
        node = next(n for n in model.graph.nodes if n.name == name)
        weights, constants = model.nodes.of(node), model.constants.of(node, 0)
        x = torch.randn(5, node.ins[0].width, *node.ins[0].grid, generator=generator, dtype=torch.float64)
        x.requires_grad_()
        ready = node.layer.prepare(node, weights, constants)
        assert "unmasked" in ready
        y = node.layer.forward(node, ready, constants, [x], True)

        relation = between(node.out, node.ins[0], node.mask, model.graph.members[0])
        assert not isinstance(relation, Whole)
        mask = torch.from_numpy(repeated(relation.matrix(), node.out.channels, node.ins[0].channels))
        flat = x.transpose(1, 2).flatten(1)
        wanted = F.linear(flat, weights["weight"] * mask, weights.get("bias"))
        wanted = wanted.view(5, node.out.positions, node.out.channels).transpose(1, 2)
        for got, other in zip(
            gradients(y, [x, *weights.values()]), gradients(wanted, [x, *weights.values()]), strict=True
        ):
            torch.testing.assert_close(got, other, rtol=0, atol=1e-12)


def gradients(y: Tensor, of: list[Tensor]) -> list[Tensor]:
    seed = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    return [y, *torch.autograd.grad(y, of, seed)]


def test_only_what_is_wanted_gets_a_gradient() -> None:
    model = randomised(from_text(spec("scan: natural")))
    node = next(n for n in model.graph.nodes if n.name == "second")
    weights, constants = model.nodes.of(node), model.constants.of(node, 0)
    weights["bias"].requires_grad_(False)
    y = node.layer.forward(
        node, node.layer.prepare(node, weights, constants), constants, [torch.ones(2, 1, 19).double()], True
    )
    y.sum().backward()
    assert weights["weight"].grad is not None and weights["bias"].grad is None


def test_units_of_a_family_of_one_lie_in_order() -> None:
    for members in (1, 2):
        graph = randomised(from_text(spec("scan: natural", members=members))).graph
        node = next(n for n in graph.nodes if n.name == "second")
        for member in graph.members:
            degrees = ranks(node.out, member).first[0]
            assert (np.diff(degrees) >= 0).all() == (members == 1)


def at(tile: Tile) -> tuple[slice, slice]:
    (row, rows), (column, columns) = tile.rows, tile.columns
    return slice(row, row + rows), slice(column, column + columns)


@pytest.mark.parametrize("seed", range(40))
def test_tiles_hold_what_a_mask_leaves(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "WORTH", 1.0)
    random = np.random.default_rng(seed)
    rows, columns = random.integers(1, 40, 2)
    mask = np.less(np.sort(random.integers(0, 12, columns)), np.sort(random.integers(0, 13, rows))[:, None])
    mask = [mask, mask[:, ::-1], mask & (random.random(mask.shape) < 0.9), np.zeros_like(mask)][seed % 4]
    found = tiles(mask)
    if found is None:
        assert mask.size < 1.5 * cutting.TILE
        return
    held, each = np.zeros_like(mask), np.zeros(rows, int)
    for tile in found.read:
        part = mask[at(tile)]
        assert tile.mixed or part.all()
        assert not held[at(tile)].any()
        held[at(tile)] = True
        each[at(tile)[0]] += 1
    for tile in found.hidden:
        assert not held[at(tile)].any()
        held[at(tile)] = True
    assert held.all()
    assert (each >= 1).all() and (each <= 2).all()
    assert [t.rows[0] for t in found.read] == sorted(t.rows[0] for t in found.read)


def test_a_mask_that_lies_anyhow_is_not_cut() -> None:
    mask = np.random.default_rng(0).random((40, 40)) < 0.5
    assert tiles(mask) is None
