"""The contract of a layer, over every kind and variant in `layer_cases`: what it says that it reads is what it reads,
all sites at once and a few at a time give the same, and its relations agree with each other."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.diagnostics import InputError
from arspec.language.load import from_text
from arspec.layers import KINDS
from arspec.layers.dense import between
from arspec.layers.geometry import centre
from arspec.model import build
from arspec.reads import Matrix, Pointwise, Ranked, Reads, Scan, Union, Whole, Window
from arspec.runs import Runs
from arspec.sampler.drive.sampler import sampler_of
from arspec.types import Bools
from arspec.verification.dependencies import gradient_pattern, perturb
from arspec.verification.subject import random_conditions, subject_of
from tests.layer_cases import CASES, CHOOSING, LEAKING, case
from tests.small import both_worths, fixed, random_data, randomised

every_case = pytest.mark.parametrize("name", CASES)


def test_every_kind_has_a_row():
    made = {"part", "parts", "experts"}  # for data with auxiliary images and entries with experts, by no line of a spec
    assert {node.layer.layer for name in CASES for node in case(name).graph().nodes} == set(KINDS) | made


@every_case
def test_the_proof_knows_what_leaks(name: str):
    report = prove(case(name), contexts=False)
    assert all(len(m.leaking) for m in report.members) == (name in LEAKING)
    assert report.proven == (name not in LEAKING and "batch" not in name), "batch statistics leak in training alone"


@both_worths
@every_case
def test_a_few_sites_at_a_time_are_all_sites_at_once(name: str, worth: int):
    if name in LEAKING:
        return
    model = randomised(case(name), worth=worth)
    for batch in (1, 3):
        x, given = random_data(model, batch), random_conditions(model, 0, batch)
        for member in range(model.members):
            got, wanted = sampler_of(model, member).replay(x, given), model(x, member, **given)
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-9)


@every_case
def test_what_moves_is_what_is_read(name: str):
    """Gradients of what the head says, and perturbations, lie inside the proven contexts, and reach all of them."""
    spec = case(name)
    for member in range(len(spec.members)):
        subject = subject_of(build(spec).double().eval(), member)
        proven = seen(Relations(spec.graph(), spec.members[member])).matrix()
        pattern = np.zeros_like(proven)
        for seed in range(30):
            pattern |= gradient_pattern(fixed(subject, seed), draws=1, bases=1, seed=seed)
            if np.array_equal(pattern, proven):
                break
        if name in CHOOSING:
            assert not (pattern & ~proven).any()
            for seed in range(30):
                pattern |= perturb(fixed(subject, seed), draws=1, bases=2, seed=seed).seen
                if np.array_equal(pattern, proven):
                    break
        np.testing.assert_array_equal(pattern, proven)
        assert not (perturb(subject, draws=1, bases=1).seen & ~proven).any()


@every_case
def test_its_relations_agree_with_each_other(name: str):
    spec = case(name)
    for member in spec.members:
        relations = Relations(spec.graph(), member)
        for node in spec.graph().nodes:
            for read, source in zip(relations.reads(node), node.inputs, strict=True):
                if source.out.grid:
                    check_relation(read, node.out.sites, source.out.sites)
            scan = relations.scan(node)
            if scan is not None:
                check_relation(scan.own, node.out.sites, node.out.sites)
                check_scan(scan, node.out.sites)


def test_relations_of_every_class_are_checked():
    found: set[type] = set()
    for name in CASES:
        graph = case(name).graph()
        found |= {type(r) for n in graph.nodes for r in n.layer.reads(n, graph.members[0])}
    assert found >= {Pointwise, Window, Whole, Ranked, Matrix, Runs}


def test_a_union_is_the_union_of_its_parts():
    spec = case("conv")
    graph, member = spec.graph(), spec.members[0]
    node = graph.head_node
    parts = [node.layer.reads(node, member)[0], centre(node.ins[0], node.out, False, member)]
    union = Union(parts)
    check_relation(union, node.out.sites, node.ins[0].sites)
    both = [dense(part, node.out.sites, node.ins[0].sites) for part in parts]
    np.testing.assert_array_equal(dense(union, node.out.sites, node.ins[0].sites), both[0] | both[1])


@pytest.mark.parametrize("name", ["attention", "attention inclusive", "dense", "dense entries"])
def test_ranks_and_their_matrix_are_one_relation(name: str):
    spec = case(name)
    for node in spec.graph().nodes:
        if node.layer.layer in ("attention", "dense"):
            source = node.ins[1] if node.layer.layer == "attention" else node.ins[0]
            read = between(node.out, source, node.mask, spec.members[0])
            assert isinstance(read, Ranked)
            np.testing.assert_array_equal(read.matrix(), dense(read, node.out.sites, source.sites))
            np.testing.assert_array_equal(read.matrix(), Matrix(read.matrix()).matrix())


ATTRIBUTES = sorted(
    {*dir(nn.Module()), *vars(nn.Module())} | {"keys", "values", "items", "weight", "child", "of", "_where"}
)


def test_a_node_may_have_the_name_of_any_attribute_of_a_module():
    names = [name for name in ATTRIBUTES if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name)]
    assert {"train", "type", "half", "keys", "forward", "_parameters", "__dict__"} <= set(names)
    lines = [f"  {name}: {{layer: conv, kernel: 1, out: 2, mask: so_far}}" for name in names]
    block = "\n".join(f"    {line}" for line in lines)
    text = f"""arspec: 1
data: {{kind: image, height: 2, width: 2, levels: 2}}
blocks:
  train:
    inputs: [inside]
    nodes:
{block}
    outputs: {{inside: {names[-1]}}}
graph:
  first: {{layer: conv, kernel: 3, out: 2, mask: earlier}}
{chr(10).join(lines)}
  half_: {{layer: conv, kernel: 1, out: 2, mask: so_far}}
  modules_: {{block: train, repeat: 2}}
  logits: {{layer: conv, from: modules_.inside, kernel: 1, out: $head, mask: so_far}}
head: {{kind: categorical, from: logits}}
"""
    model = randomised(from_text(text))
    assert len(list(model.parameters())) == 2 * (3 * len(names) + 3)
    x = random_data(model, 2)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)
    other = build(model.spec, seed=5).double()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))
    assert model.half().dtype == torch.float16


@pytest.mark.parametrize(("levels", "dtype", "held"),
                         [(257, torch.bfloat16, True), (258, torch.bfloat16, False), (2049, torch.float16, True),
                          (2050, torch.float16, False)])  # fmt: skip
def test_weights_of_16_bits_hold_every_level_or_are_refused(levels: int, dtype: torch.dtype, held: bool) -> None:
    text = f"""
arspec: 1
name: tokens
data: {{kind: sequence, length: 4, levels: {levels}}}
graph:
  vectors: {{layer: embedding, from: x, out: 8}}
  before: {{layer: shift, steps: 1}}
  logits: {{layer: conv, out: $head}}
head: {{kind: categorical, from: logits}}
"""
    model = build(from_text(text))
    x = torch.tensor([[levels - 1, 3, levels - 2, 0]])
    wanted = model(x)
    model.to(dtype)
    if held:
        torch.testing.assert_close(model(x).float(), wanted, rtol=0, atol=0.1)
        return
    for call in (lambda: model(x), lambda: model.sample(1), lambda: model.log_prob(x)):
        with pytest.raises(InputError, match=f"go up to {levels - 1:,}, and would be rounded"):
            call()


# -- brute force -----------------------------------------------------------------------------------------------------


def dense(read: Reads, out: int, into: int) -> Bools:
    """[S_out, S_in] from the table alone."""
    table = read.table(np.arange(out))
    found = np.zeros((out, into + 1), bool)
    found[np.arange(out)[:, None], table] = True  # -1 is the column behind the last
    return found[:, :-1]


def check_relation(read: Reads, out: int, into: int) -> None:
    random = np.random.default_rng(0)
    reads = dense(read, out, into)
    known = random.integers(-1, 50, into)
    np.testing.assert_array_equal(read.known_at(known), np.where(reads, known, -1).max(1, initial=-1))
    context = random.integers(0, 1 << 62, (into, 2)).astype(np.uint64)
    union = [np.bitwise_or.reduce(context[row], axis=0) for row in reads]
    np.testing.assert_array_equal(read.context(context), np.stack(union))
    for share in (0.0, 0.2, 1.0):
        sites = random.random(out) < share
        np.testing.assert_array_equal(read.back(sites), reads[sites].any(0))
        words = np.where(sites, random.integers(0, 1 << 62, out), 0).astype(np.uint64)
        np.testing.assert_array_equal(read.back(words), [np.bitwise_or.reduce(words[column]) for column in reads.T])
    some = random.permutation(out)[: out // 2]
    table, whole = read.table(some), np.zeros((len(some), into + 1), bool)
    whole[np.arange(len(some))[:, None], table] = True
    np.testing.assert_array_equal(whole[:, :-1], reads[some])
    limits = random.integers(0, 50, len(some))
    pairs = [(row, i) for row, of in enumerate(table.tolist()) for i in of if i >= 0 and known[i] >= limits[row]]
    assert [*zip(*map(np.ndarray.tolist, read.late(some, known, limits)), strict=True)] == pairs


def check_scan(scan: Scan, sites: int) -> None:
    """With own reads followed to their ends, and every wave after those that it reads."""
    random = np.random.default_rng(0)
    own = dense(scan.own, sites, sites)
    reach = np.eye(sites, dtype=bool)
    for _ in range(sites):
        reach = reach | (own @ reach)
    known = random.integers(-1, 50, sites)
    np.testing.assert_array_equal(scan.known_at(known), np.where(reach, known, -1).max(1))
    context = random.integers(0, 1 << 62, (sites, 2)).astype(np.uint64)
    np.testing.assert_array_equal(scan.context(context), [np.bitwise_or.reduce(context[row], axis=0) for row in reach])
    wanted = random.random(sites) < 0.1
    np.testing.assert_array_equal(scan.back(wanted), reach[wanted].any(0))
    words = np.where(wanted, random.integers(0, 1 << 62, sites), 0).astype(np.uint64)
    np.testing.assert_array_equal(scan.back(words), [np.bitwise_or.reduce(words[column]) for column in reach.T])
    assert np.array_equal(np.sort(np.concatenate(scan.waves)), np.arange(sites))
    this, that = np.nonzero(own)
    assert (scan.wave[that] < scan.wave[this]).all()


def test_what_a_wave_gathers_is_not_all_that_a_step_gathers():
    """Four waves of a scan in one step, and a layer that reads the same sites of the same input at once."""
    spec = from_text("""
arspec: 1
data: {kind: image, height: 3, width: 4, channels: 1, levels: 3}
order: {ranks: [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]}
graph:
  above: {layer: conv, from: x, kernel: 3, out: 4, mask: rows_above}
  scan: {layer: rnn, state: [[0, -1]]}
  also: {layer: conv, from: above, out: 4}
  sum: {layer: add, from: [scan, also]}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
""")
    model = randomised(spec)
    x = random_data(model, 2)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)


def test_groups_that_read_nothing_have_their_own_number_of_sites():
    """Both groups of `first` find nothing in their windows; of one all sites are computed, of the other one less."""
    spec = from_text("""
arspec: 1
data: {kind: image, height: 4, width: 4, channels: 2, levels: 2}
order: {scan: raster, channels: sequential}
graph:
  scaled: {layer: scale, from: x}
  first: {layer: conv, kernel: 1, out: 24, mask: before}
  scan: {layer: lstm, state: [[0, -1], [-1, 0]], start: zero}
  logits: {layer: conv, kernel: 1, out: $head, mask: earlier}
head: {kind: categorical, from: logits}
""")
    model = randomised(spec)
    x = random_data(model, 2)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)


@pytest.mark.parametrize("data", ["{kind: sequence, length: 1, levels: 4}", "{kind: image, height: 1, width: 1}"])
def test_a_single_site_that_sees_nothing_is_zero(data: str):
    """Attention to what is earlier, of data with one variable, of which nothing is."""
    model = randomised(
        from_text(f"""
arspec: 1
data: {data}
graph:
  scaled: {{layer: scale}}
  place: {{layer: background, from: scaled, channels: [one]}}
  q: {{layer: conv, out: 4}}
  k: {{layer: conv, from: scaled, out: 2}}
  seen: {{layer: attention, from: q, keys: k, values: k, heads: 4, kv_heads: 2, mask: earlier}}
  logits: {{layer: conv, out: $head}}
head: {{kind: categorical, from: logits}}
""")
    )
    x = random_data(model, 3)
    assert torch.equal(model(x), model(1 - x.clamp(max=1)))
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)
