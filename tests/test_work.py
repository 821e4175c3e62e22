"""What reading a spec costs: every kind of work is counted, refused by its limit before it is done, and the counts
bound all that is really done."""

from __future__ import annotations

import cProfile
import pstats
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from frame import framed

from arspec.diagnostics import InputError
from arspec.diagnostics.work import KINDS, Work
from arspec.language.counting import Counting
from arspec.language.load import from_text, load
from arspec.reads import Matrix, Pointwise, Ranked, Reads, Whole, Window
from arspec.runs import Runs
from tests.layer_cases import CASES, case
from tests.small import every_spec

RING = "layer: {inputs: [h], nodes: {c: {layer: relu, from: h}}, outputs: {h: c}}"


def read(text: str, work: Work | None = None) -> str:
    """Loads and expands a spec: 'fine', or what is told."""
    try:
        from_text(text, work=work).graph()
    except InputError as error:
        return str(error)
    return "fine"


# -- nodes -----------------------------------------------------------------------------------------------------------


def nested(*repeats: str) -> str:
    """Blocks within blocks, each repeated."""
    blocks = [RING.replace("layer:", "b0:", 1)]
    for k, repeat in enumerate(repeats[1:]):
        blocks.append(
            f"b{k + 1}: {{inputs: [h], nodes: {{c: {{block: b{k}, from: h, repeat: {repeat}}}}}, outputs: {{h: c.h}}}}"
        )
    inside = "\n  ".join(blocks)
    return framed(
        f"blocks:\n  {inside}\ngraph:\n  rest: {{block: b{len(repeats) - 1}, from: first, repeat: {repeats[0]}}}"
    )


@pytest.mark.parametrize(("repeats", "count"), [
    (("1000", "1000"), "2,001,002"),
    (("10000", "10000", "10000", "10000"), "20,001,000,100,010,002"),
    (("5000", "1 + $i"), "more than 20,"),
])  # fmt: skip
def test_the_number_of_nodes_is_known_before_any_is_made(repeats: tuple[str, ...], count: str) -> None:
    work = Work()
    told = read(nested(*repeats), work)
    assert "AR211" in told and f"with 'rest' the graph has {count}" in told and "MAX_NODES" in told
    assert work.counts["nodes"] == 3, "the scaled input, the first convolution and the logits"
    assert work.steps < 100_000


def test_what_fits_is_made() -> None:
    work = Work()
    assert read(nested("3", "1 + $i", "1 + $i"), work) == "fine"
    # three outer instances with 1, 2 and 3 inner ones, which hold 1, 2 and 3 rings of a node each
    assert work.counts["nodes"] == 3 + 3 + (1 + 2 + 3) + 2 * (1 + (1 + 2) + (1 + 2 + 3))


@every_spec
def test_nodes_are_counted_as_they_are_made(path) -> None:
    spec = load(path)
    graph = spec.graph()
    outer = {**spec.params, "head": 1, "levels": 2, "channels": spec.data.channels, "groups": spec.groups}
    counting = Counting(spec.blocks, outer, 1, 1 << 30, Work())
    counted = sum(counting.entry(entry, outer) for _, entry in spec.nodes.entries.values())
    written = [one for node in graph.nodes if not node.unwritten for one in (*node.layer.inner(node), node)]
    assert counted == len(written) + len(graph.clusters) == spec.work.counts["nodes"]


# -- limits ----------------------------------------------------------------------------------------------------------

MANY = {
    "characters": framed(""),
    "values": framed("params: {a: [1, 2, 3], b: [$a, $a, $a, $a, $a, $a], width: 24}"),
    "expressions": framed("params: {a: 1, b: $a + $a + $a, width: 24}"),
    "names": framed(
        f"params: {{a: 1, b: 2}}\nblocks: {{{RING}}}\ngraph:\n  rest: {{block: layer, from: first, repeat: 4}}"
    ),
    "nodes": framed(f"blocks: {{{RING}}}\ngraph:\n  rest: {{block: layer, from: first, repeat: 4}}"),
    "references": framed(
        f"blocks: {{{RING}}}\ngraph:\n  rest: {{block: layer, from: first, repeat: 4}}\n"
        "  sums: {layer: add, from: [rest.*.h, rest.*.h]}"
    ),
    "sites": framed(""),
    "reads": framed(""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_exceeds_a_limit_is_refused_before_it_is_made(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Work()
    assert read(MANY[kind], whole) == "fine"
    needed = whole.counts[kind]
    monkeypatch.setitem(KINDS, kind, replace(KINDS[kind], most=needed))
    assert read(MANY[kind]) == "fine"
    for most in (needed - 1, needed // 2):
        work = Work()
        monkeypatch.setitem(KINDS, kind, replace(KINDS[kind], most=most))
        told = read(MANY[kind], work)
        assert KINDS[kind].code in told and KINDS[kind].limit in told and f"{most:,}" in told
        assert work.counts[kind] <= most


@pytest.mark.parametrize("name", CASES)
def test_relations_are_no_larger_than_was_counted(name: str) -> None:
    graph = case(name).graph()
    for node in graph.nodes:
        made = sum(size(r) for r in node.layer.reads(node, graph.members[0]))
        scan = node.layer.scan(node, graph.members[0])
        made += 0 if scan is None else size(scan.own)
        assert made <= node.layer.reads_work(node) + node.out.sites + sum(source.sites for source in node.ins), node


def size(relation: Reads) -> int:
    """The numbers that a relation is kept in."""
    match relation:
        case Pointwise() | Whole():
            return 0
        case Window():
            return sum(tap.source.size for tap in relation.taps)
        case Ranked():
            return relation.out_rank.size + relation.in_rank.size
        case Matrix():
            return relation.allowed.size
        case Runs():
            return relation.start.size + relation.stop.size
        case _:
            raise TypeError(relation)


def test_one_file_after_another_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a chain of specs may be as long as one may be; together they may not."""
    monkeypatch.setitem(KINDS, "characters", replace(KINDS["characters"], most=3500))
    for k in range(4):
        sections = f"arspec: 1\nextends: {k - 1}.yaml\n" if k else framed("")
        (tmp_path / f"{k}.yaml").write_text(sections + "#" * (1000 - len(sections)))
    with pytest.raises(InputError, match="MAX_TEXT"):
        load(tmp_path / "3.yaml")
    assert load(tmp_path / "2.yaml").work.counts["characters"] == 3000


# -- the counts bound what is done -----------------------------------------------------------------------------------

CALLS, BEGINNING = 25, 100_000  # of functions: for each step, and before the first


def hostile(n: int) -> dict[str, str]:
    """Specs in which something grows with n, or with its square or more."""

    def listed(form: str, numbers: range) -> str:
        return ", ".join(form.format(k=k, before=k - 1, after=k + 1) for k in numbers)

    every, later = range(n), range(1, n)
    rest = f"  rest: {{block: layer, from: first, repeat: {n}}}"

    def block(nodes: str, outputs: str = "h: c", inputs: str = "[h]", params: str = "{}") -> str:
        form = f"{{inputs: {inputs}, params: {params}, nodes: {{{nodes}}}, outputs: {{{outputs}}}}}"
        return f"blocks: {{layer: {form}}}\ngraph:\n{rest}"

    relu = "c: {layer: relu, from: h}"
    return {
        "parameters in every instance": f"params: {{{listed('p{k}: {k}', every)}}}\n" + block(relu),
        "parameters of parameters": f"params: {{p0: 1, {listed('p{k}: $p{before} + 1', later)}}}",
        "parameters in the wrong order": f"params: {{{listed('p{k}: $p{after}', every)}}}",
        "lists doubled": f"params: {{p0: [1, 1], {listed('p{k}: [$p{before}, $p{before}]', later)}}}\norder: {{ranks: "
                         f"$p{n - 1}}}",
        "masks of the next": f"masks: {{{listed('m{k}: m{after}', every)}, m{n}: left}}",
        "masks of the one before": f"masks: {{m0: left, {listed('m{k}: m{before} and m{before}', later)}}}",
        "outputs": block(relu, listed("o{k}: c", every) + ", h: c"),
        "inputs": block("c: {layer: relu, from: i0}", inputs=f"[{listed('i{k}', every)}]").replace(
            "from: first, repeat", f"from: {{{listed('i{k}: first', every)}}}, repeat"),
        "nodes that are left out": block(listed("n{k}: {{layer: relu, from: h, when: false}}", every) + ", " + relu),
        "a list in every instance": block("c: {layer: relu, from: h, when: $i < $k}",
                                          params=f"{{k: {n}, l: [{listed('1', every)}]}}"),
        "a list collected": block("c: {layer: relu, from: x}", f"o: [{listed('c', every)}], h: c")
        + "\n  sums: {layer: add, from: rest.*.o}",
        "nothing collected": block("d: {layer: relu, when: false}, " + relu, "o: d, h: c")
        + f"\n  sums: {{layer: add, from: [first, {listed('rest.*.o', every)}]}}",
        "unknown nodes": "\n".join(f"u{k}: {{layer: relu, from: nothing{k}}}" for k in every),
        "unknown parameters": f"params: {{{listed('p{k}: {k}', every)}}}\ngraph:\n"
        + "\n".join(f"  u{k}: {{layer: relu, from: first, when: $nothing{k}}}" for k in every),
        "other windows in every instance": block("c: {layer: conv, from: h, out: 24, kernel: 3, dilation: 1 + $i, "
                                                 "mask: so_far}"),
        "attention by many masks": "\n".join(
            f"a{k}: {{layer: attention, from: first, keys: first, values: first, mask: that.position < this.position - "
            f"{k}}}" for k in every
        ).replace("position", "row"),
        "large kernels": "\n".join(f"n{k}: {{layer: conv, from: scaled, kernel: [{1 + k % 20}, 9], out: 24, mask: "
                                   "earlier}" for k in every),
        "conditions": f"condition: {{{listed('c{k}: {{kind: class, classes: 3}}', every)}}}\n" + block(relu),
    }  # fmt: skip


@pytest.mark.parametrize("name", hostile(2))
def test_the_counts_bound_what_is_done(name: str) -> None:
    """The functions that are called, which no machine makes more or fewer, against the steps that were counted. Were
    something not counted, twice the size would soon leave the bound."""
    text = framed(hostile(80)[name])
    read(framed(""))
    work, profile = Work(), cProfile.Profile()
    profile.enable()
    read(text, work)
    profile.disable()
    calls: int = vars(pstats.Stats(profile))["total_calls"]
    assert calls < BEGINNING + CALLS * work.steps, (name, work.counts)


# -- what is kept from instance to instance --------------------------------------------------------------------------


def test_instances_that_differ_are_not_confused() -> None:
    text = framed("""
params: {reach: 2, mine: left}
masks: {near: earlier and that.column >= this.column - $reach}
blocks:
  layer:
    inputs: [h]
    params: {reach: 1 + $i, own: $mine, kernel: [[1, 0], [$i, 0]]}
    nodes:
      wide: {layer: conv, from: h, kernel: 3, dilation: 2 ** $i, out: 24, mask: near}
      text: {layer: conv, kernel: 3, out: 24, mask: $own}
      one: {layer: conv, kernel: 2, out: 24, mask: $kernel}
    outputs: {h: one}
graph:
  rest: {block: layer, from: first, repeat: 2}
""")
    mine = {"mine": "that.column >= this.column - $reach"}
    nodes: dict[str, Any] = {node.name: node for node in from_text(text, params=mine).graph().nodes}
    assert [nodes[f"rest.{i}.wide"].layer.dilation for i in range(2)] == [1, 2]
    assert [str(nodes[f"rest.{i}.wide"].mask.predicate).count(f"- {i + 1}") for i in range(2)] == [1, 1]
    assert [nodes[f"rest.{i}.text"].mask.predicate.right.right.value for i in range(2)] == [1, 2]
    assert [nodes[f"rest.{i}.one"].mask.kernel for i in range(2)] == [((1, 0), (0, 0)), ((1, 0), (1, 0))]


def test_names_without_use_cost_no_more_than_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is read once for all of them, and few are compared with those in use."""
    from arspec.language import unused

    compared: list[int] = []
    real = unused.difflib.get_close_matches
    monkeypatch.setattr(unused.difflib, "get_close_matches",
                        lambda word, others, **how: compared.append(len(others)) or real(word, others,
                                                                                         **how))  # fmt: skip
    read: list[object] = []
    monkeypatch.setattr(unused, "base_sections", lambda *_: read.append(_) or {})
    monkeypatch.setattr(unused, "replaced_sections", lambda *_: read.append(_) or ())
    idle, busy = [f"aa{k}: 1" for k in range(600)], [f"zz{k}: 1" for k in range(600)]
    nodes = "".join(f"  n{k}: {{layer: relu, from: x, when: $zz{k} > 0}}\n" for k in range(600))
    spec = from_text(
        f"arspec: 1\ndata: {{kind: vector, size: 2, levels: 2}}\nparams: {{{', '.join(idle + busy)}}}\ngraph:\n"
        + nodes
        + "  logits: {layer: dense, from: x, out: $head, mask: earlier}\nhead: {kind: bernoulli, from: logits}\n"
    )
    assert len([note for note in spec.notes if note.code == "AR224"]) == 600
    assert sum(compared) <= unused.MAX_PAIRS and not read


def test_a_map_is_no_larger_than_data_may_be() -> None:
    with pytest.raises(InputError, match=r"AR505.*16,777,216 positions.*MAX_CELLS"):
        from_text(
            "arspec: 1\ndata: {kind: image, height: 2, width: 2, levels: 2}\n"
            "condition: {m: {kind: map, height: 4096, width: 4096}}\n"
            "graph:\n  logits: {layer: conv, from: x, out: $head, mask: earlier}\nhead: {kind: bernoulli, from: "
            "logits}\n"
        )
