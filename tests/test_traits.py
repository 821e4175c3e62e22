"""What layers state of themselves (`Traits`) is held to their computation, over every kind and variant in
`layer_cases`. Nothing else knows a kind by its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import arspec
from arspec.heads import HEADS
from arspec.layers import ALL, KINDS, Node, Traits
from arspec.layers.helpers import sites_last
from arspec.model import Model
from arspec.runs import Listed, read_whole
from arspec.sampler.drive.sampler import sampler_of
from arspec.types import Ints, Member
from arspec.verification.subject import random_conditions
from tests.layer_cases import CASES, LEAKING, case
from tests.small import random_data, randomised

every_case = pytest.mark.parametrize("name", CASES)
BATCH = 2


@dataclass
class Computed:
    """A node, the values of its inputs and its own, [B, G * C, *grid], under one member of its family."""

    model: Model
    member: Member
    node: Node
    xs: list[Tensor]
    y: Tensor

    @property
    def weights(self) -> dict[str, Tensor]:
        return self.model.nodes.of(self.node)

    @property
    def constants(self) -> dict[str, Any]:
        return self.model.constants.of(self.node, self.member.index)

    def forward(self, xs: list[Tensor], weights: dict[str, Tensor] | None = None) -> Tensor:
        layer, constants = self.node.layer, self.constants
        w = layer.prepare(self.node, self.weights if weights is None else weights, constants)
        return layer.forward(self.node, w, constants, xs, False)

    def at(
        self, group: int, sites: Ints, told: bool = True, gather: bool = False, known: int | None = None
    ) -> Tensor:  # fmt: skip
        """Some sites [n] of a group, [B, n, C], as a sampler computes them. told: their numbers are given; gather: what
        they read by a matrix is gathered; known: how many sites of what they read by a matrix there are."""
        layer, node = self.node.layer, self.node
        xs, columns = list[Tensor](), list[Ints]()
        numbers = torch.from_numpy(sites)
        for port, (read, x, source) in enumerate(zip(self.reads, self.xs, node.inputs, strict=True)):
            rows, table = sites_last(x, source.out.groups), read.table(sites)
            if read_whole(read) and not gather:
                xs.append(layer.view_context(node, port, rows[:, :known]))
                columns.append(np.empty(0, np.int64))
                continue
            if isinstance(read, Listed):
                numbers = torch.from_numpy((table >= 0).sum(1))
                if node.traits.tell_gathered:
                    kept, own = table[:, (table >= 0).any(0)], sites[:, None]
                    told_of = np.concatenate([numbers[:, None], own, np.where(kept < 0, own, kept)], 1)
                    numbers = torch.from_numpy(told_of.ravel())
            columns.append(np.flatnonzero((table >= 0).any(0)))
            xs.append(gathered(rows, table[:, columns[-1]]))
        w = layer.prepare_sites(node, self.weights, self.constants, group, columns)
        if node.traits.is_linear:
            product = xs[0] @ w["weight"].T
            return product + w["bias"] if "bias" in w else product
        xs = [layer.hoist(node, w, k, x) if k in node.traits.hoisted else x for k, x in enumerate(xs)]
        return layer.forward_sites(node, w, xs, numbers if told else None)  # pyright: ignore[reportArgumentType]

    @property
    def reads(self) -> list[Any]:
        return self.node.layer.reads(self.node, self.member)

    def groups(self) -> Iterator[tuple[int, Ints, Tensor]]:
        """Each group, its sites in any order, and their values, [B, n, C]."""
        out = self.node.out
        for g in range(out.groups):
            sites = g * out.positions + np.random.default_rng(g).permutation(out.positions)
            yield g, sites, sites_last(self.y, out.groups)[:, sites]


def gathered(rows: Tensor, table: Ints) -> Tensor:
    """rows [B, S, C], table [n, M] -> [B, n, M * C], with zeros for -1."""
    return torch.nn.functional.pad(rows, (0, 0, 0, 1))[:, torch.from_numpy(table)].flatten(2)


def values_of(model: Model, member: Member, x: Tensor, given: dict[str, Any]) -> dict[Node, Tensor]:
    """The value of every node in one pass."""
    values: dict[Node, Tensor] = {}
    with torch.no_grad():
        model.last(x, member.index, given, values.setdefault)
    return values


@cache
def computed(name: str) -> list[Computed]:
    """Every live node of a case that has inputs, under every member."""
    model, found = randomised(case(name)), list[Computed]()
    x, given = random_data(model, BATCH), random_conditions(model, 0, BATCH)
    for member in model.graph.members:
        values = values_of(model, member, x, given)
        found += [
            Computed(model, member, node, [values[i] for i in node.inputs], values[node])
            for node in model.graph.live
            if node.inputs
        ]
    return found


def stated(name: str, trait: str) -> list[Computed]:
    default = getattr(Traits(), trait)
    return [one for one in computed(name) if getattr(one.node.traits, trait) is not default]


def close(got: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-9)


@torch.no_grad()
@every_case
def test_a_state_that_advances_is_computed_as_any_other(name: str):
    """Into memory of its own, and over the state that it reads."""
    for one in stated(name, "advances"):
        layer, node = one.node.layer, one.node
        for group in range(node.out.groups):
            site = group * node.out.positions + node.out.positions // 2
            w = layer.prepare_sites(node, one.weights, one.constants, group, [])
            xs = [sites_last(x, node.out.groups)[:, site : site + 1] for x in one.xs]
            state = torch.randn(BATCH, layer.cached_channels(node), dtype=torch.float64)
            wanted = layer.forward_sites(node, w, [*xs, state[:, None]], torch.empty(0, dtype=torch.int64))
            apart, over = torch.full_like(state, torch.nan), state.clone()
            for before, after in ((state, apart), (over, over)):
                y = layer.advance(node, w, xs, before, after)
                close(y, wanted[:, :, : node.out.channels])
                close(after, wanted[:, 0])


@torch.no_grad()
@every_case
def test_states_of_all_sites_are_those_of_one_after_another(name: str):
    for one in stated(name, "gives_states"):
        layer, node, constants = one.node.layer, one.node, one.constants
        every = torch.arange(node.out.sites)
        w = layer.prepare(node, one.weights, constants)
        kept = layer.kept_states(node, w, constants, one.xs, every)
        assert kept.shape == (BATCH, node.out.sites, layer.cached_channels(node))
        close(kept[..., : node.out.channels], sites_last(one.y, node.out.groups))
        close(layer.kept_states(node, w, constants, one.xs, every.flip(0)[:3]), kept.flip(1)[:, :3])
        before = torch.cat([kept, torch.zeros_like(kept[:, :1])], 1)[:, constants["table"][:, 0]]
        for group in range(node.out.groups):
            own = slice(group * node.out.positions, (group + 1) * node.out.positions)
            prepared = layer.prepare_sites(node, one.weights, constants, group, [])
            tables = [read.table(every[own].numpy()) for read in one.reads]
            tables = [table[:, (table >= 0).any(0)] for table in tables]
            xs = [gathered(sites_last(x, node.out.groups), table) for x, table in zip(one.xs, tables, strict=True)]
            close(layer.forward_sites(node, prepared, [*xs, before[:, own]], every[own]), kept[:, own])


@pytest.mark.parametrize("trait", [field.name for field in fields(Traits)])
def test_every_statement_is_made_by_some_kind(trait: str):
    assert any(stated(name, trait) for name in CASES)


# -- algebra ---------------------------------------------------------------------------------------------------------


@every_case
def test_an_identity_is_the_one_site_that_it_reads(name: str):
    for one in stated(name, "is_identity"):
        (read,), (x,) = one.reads, one.xs
        table = read.table(np.arange(one.node.out.sites))
        assert ((table >= 0).sum(1) <= 1).all()
        own = gathered(sites_last(x, one.node.ins[0].groups), table.max(1, keepdims=True, initial=-1))
        close(sites_last(one.y, one.node.out.groups), own)


@every_case
def test_an_identity_without_noise_is_one_in_training_too(name: str):
    for one in stated(name, "is_identity"):
        layer, node = one.node.layer, one.node
        w = layer.prepare(node, one.weights, one.constants)
        torch.manual_seed(0)
        y = layer.forward(node, w, one.constants, one.xs, True)
        assert torch.equal(y, one.y) != node.traits.noise


@every_case
def test_a_sum_is_the_sum_of_its_inputs(name: str):
    for one in stated(name, "is_sum"):
        close(one.y, torch.stack(one.xs).sum(0))


@every_case
def test_a_concat_has_the_channels_of_its_inputs_side_by_side(name: str):
    for one in stated(name, "is_concat"):
        groups = one.node.out.groups
        close(sites_last(one.y, groups), torch.cat([sites_last(x, groups) for x in one.xs], 2))


@every_case
def test_a_linear_layer_is_the_product_with_its_weight_and_its_bias(name: str):
    for one in stated(name, "is_linear"):
        for group, sites, wanted in one.groups():
            close(one.at(group, sites), wanted)


@every_case
def test_by_channel_every_channel_is_a_function_of_one(name: str):
    """On fewer channels the layer gives fewer, each what it was."""
    for one in stated(name, "by_channel"):
        (source,), of = one.node.inputs, one.node.traits.by_channel
        assert of is not None and len(of) == one.node.out.channels
        kept = np.arange(source.out.channels)[::2]
        node, less = copy(one.node), copy(source)
        less.out = replace(source.out, channels=len(kept))
        node.inputs = (less,)
        node.out = node.layer.infer(node)
        some = one.xs[0].unflatten(1, (source.out.groups, -1))[:, :, kept].flatten(1, 2)
        whole = one.y.unflatten(1, (one.node.out.groups, -1))
        got = node.layer.forward(node, one.weights, one.constants, [some], False)
        close(got, whole[:, :, torch.from_numpy(np.isin(of, kept))].flatten(1, 2))


# -- gradients and memory --------------------------------------------------------------------------------------------


def leaves(one: Computed) -> tuple[list[Tensor], dict[str, Tensor]]:
    return (
        [x.clone().requires_grad_() for x in one.xs],
        {key: w.detach().clone().requires_grad_(w.requires_grad) for key, w in one.weights.items()},
    )


def gradients(y: Tensor, of: list[Tensor]) -> list[Tensor | None]:
    if not y.requires_grad:
        return [None] * len(of)
    seed = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    return list(torch.autograd.grad(y, of, seed, allow_unused=True))


@every_case
def test_an_output_that_is_unsaved_may_be_written_over(name: str):
    for one in stated(name, "output_unsaved"):
        found: list[list[Tensor | None]] = []
        for over in (False, True):
            xs, w = leaves(one)
            y = one.forward(xs, w)
            found.append(gradients(y.mul_(2) if over else y * 2, [*xs, *w.values()]))
        assert all(a is not None and b is not None and torch.equal(a, b) for a, b in zip(*found, strict=True))


@every_case
def test_what_is_computed_in_place_is_what_is_computed_elsewhere(name: str):
    for one in stated(name, "in_place"):
        for k, source in enumerate(one.node.ins):
            if source.width != one.node.out.width:
                continue
            assert not one.weights
            xs, _ = leaves(one)
            wanted = one.forward([x * 1 for x in xs])
            again, _ = leaves(one)
            inner = [x * 1 for x in again]
            got = one.node.layer.overwrite(one.node, inner, k)
            assert got.data_ptr() == inner[k].data_ptr()
            close(got, wanted)
            for a, b in zip(gradients(got, again), gradients(wanted, xs), strict=True):
                assert a is not None and b is not None
                close(a, b)


@every_case
def test_gradients_begin_where_a_layer_says_so_and_nowhere_else(name: str):
    for one in computed(name):
        if any((read.table(np.arange(one.node.out.sites)) >= 0).any() for read in one.reads):
            xs, w = leaves(one)
            passes = any(g is not None for g in gradients(one.forward(xs, w), xs))
            assert passes != one.node.traits.float_leaf, one.node


# -- needs -----------------------------------------------------------------------------------------------------------


@every_case
def test_sites_are_what_they_are_among_all_and_need_no_number_unless_they_say_so(name: str):
    for one in computed(name):
        if one.node.layer.scan(one.node, one.member) is None:  # these are held to it by the sampler as a whole
            for group, sites, wanted in one.groups():
                close(one.at(group, sites, told=one.node.traits.needs_sites), wanted)
                close(one.at(group, sites[:1], told=one.node.traits.needs_sites), wanted[:, :1])


@every_case
def test_a_full_context_needs_no_sites(name: str):
    for one in stated(name, "full_context"):
        relations = [read for read in one.reads if read_whole(read)]
        compared = 0
        for group, sites, _ in one.groups() if relations else ():
            for site in sites[:, None]:
                for known in range(1, one.node.ins[-1].sites + 1):
                    if all(read.reads_all(site, known) for read in relations):
                        compared += 1
                        close(one.at(group, site, False, known=known), one.at(group, site, known=known))
        assert compared or not any((read.table(np.arange(one.node.out.sites)) >= 0).any() for read in relations)


@every_case
def test_a_context_may_be_gathered(name: str):
    for one in stated(name, "gathered_context"):
        if any(isinstance(read, Listed) for read in one.reads):
            for group, sites, wanted in one.groups():
                close(one.at(group, sites, gather=True), wanted)


@every_case
def test_rows_are_hoisted_one_by_one(name: str):
    for one in stated(name, "hoisted"):
        for group, sites, _ in one.groups():
            tables = [read.table(sites) for read in one.reads]
            w = one.node.layer.prepare_sites(
                one.node, one.weights, one.constants, group, [np.arange(t.shape[1]) for t in tables]
            )
            for port in one.node.traits.hoisted & set(range(len(one.xs))):
                x = gathered(sites_last(one.xs[port], one.node.ins[port].groups), tables[port])
                every = one.node.layer.hoist(one.node, w, port, x)
                close(every[:, 1:3], one.node.layer.hoist(one.node, w, port, x[:, 1:3]))


@every_case
def test_what_a_layer_may_leave_unsaid_changes_no_number(name: str, monkeypatch: pytest.MonkeyPatch):
    """A kind that knows nothing of all this states nothing. (Linear and hoisted layers, and those that count
    by what is gathered, have no other computation.)"""
    if name in LEAKING:
        return

    def least(node: Node) -> Traits:
        own = node.layer.traits(node)
        return Traits(is_linear=own.is_linear, hoisted=own.hoisted, tell_gathered=own.tell_gathered)

    monkeypatch.setattr(Node, "traits", property(least))
    model = randomised(case(name))
    x, given = random_data(model, BATCH), random_conditions(model, 0, BATCH)
    close(sampler_of(model, 0).replay(x, given), model(x, 0, **given))


# -- the start of training -------------------------------------------------------------------------------------------


@every_case
def test_gain_and_bias_scale_and_shift_what_is_initialised_from_data(name: str):
    for one in stated(name, "initialised_from_data"):
        w = dict(one.weights)
        close(one.forward(one.xs, {**w, "gain": 2 * w["gain"], "bias": 2 * w["bias"]}), 2 * one.y)
        close(one.forward(one.xs, {**w, "bias": w["bias"] + 1}), one.y + 1)


# -- no kind is known by name ----------------------------------------------------------------------------------------

SOURCE = Path(arspec.__file__).parent
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.parent.name not in ("layers", "heads"))
CLASSES = {kind.__name__ for kind in ALL} | {"Part", "Parts", "Recurrent", "Translate"}
HEAD_KINDS = {kind.__name__ for kind in HEADS.values()} | {"Parts"}
MODULES = {kind.__module__ for kind in (*ALL, *HEADS.values())} | {"arspec.heads.parts"} | {
    f"arspec.layers.{name}" for name in ("parts", "recurrent", "translate")
}  # fmt: skip


def known_by_name(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a file names a kind of layer or head: imports it or its file, asks for its class, or compares its name."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("arspec.layers"):
                if module in MODULES or {name.name for name in names} & CLASSES:
                    yield node.lineno, ast.unparse(node)
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("arspec.heads"):
                if module in MODULES or {name.name for name in names} & HEAD_KINDS:
                    yield node.lineno, ast.unparse(node)
            case ast.Import(names=names) if {name.name for name in names} & MODULES:
                yield node.lineno, ast.unparse(node)
            case ast.Call(
                func=ast.Name(id="isinstance" | "getattr" | "hasattr"), args=[ast.Attribute(attr="layer"), *_]
            ):
                yield node.lineno, ast.unparse(node)
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
                words = {c.value for side in sides for c in ast.walk(side) if isinstance(c, ast.Constant)}
                if any(isinstance(s, ast.Attribute) and s.attr == "layer" for s in sides) and words & set(KINDS):
                    yield node.lineno, ast.unparse(node)
            case ast.Subscript(value=ast.Name(id="KINDS"), slice=ast.Constant()):
                yield node.lineno, ast.unparse(node)
            case _:
                pass


def test_no_kind_is_known_by_name_outside_its_file():
    found = [(path.name, *place) for path in FILES for place in known_by_name(ast.parse(path.read_text()))]
    assert FILES and not found


@pytest.mark.parametrize(
    "text",
    [
        "from arspec.layers.elementwise import Elementwise", "from arspec.layers import KINDS, Conv",
        "import arspec.layers.conv",
        "isinstance(node.layer, Kind)", "getattr(node.layer, 'weight_norm', False)", "node.layer.layer == 'add'",
        "layer.layer in ('conv', 'dense')", "KINDS['conv']", "from arspec.heads import Categorical",
        "from arspec.heads.parts import Parts",
    ],
)  # fmt: skip
def test_a_kind_that_is_known_by_name_is_found(text: str):
    assert [*known_by_name(ast.parse(text))]
