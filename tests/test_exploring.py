"""The facts of a spec are what its analyses find, and a page holds them, whatever stands in the text of a spec."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache, cached_property
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arspec
from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations, known_at
from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.exploring.facts import Facts, MemberNode
from arspec.exploring.making import MAX_PACKED, Made, facts_of_spec
from arspec.exploring.of_audit import facts_of_audit
from arspec.exploring.packing import Store, Unpacked, unpacked
from arspec.exploring.page import page
from arspec.exploring.serving import Watched, server
from arspec.language.load import from_text, load
from arspec.language.titles import apart
from arspec.pictures.field import field_caption, fields_of
from arspec.runs import Listing
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.timing import STEPS
from tests.audit_modules import images, planted
from tests.audit_modules.planted import ThroughDetach
from tests.small import ROOT, every_spec, small

LEAK = """
arspec: 1
name: leaks
data: {kind: image, height: 5, width: 4, levels: 2}
graph:
  scaled: {layer: scale}
  first: {layer: conv, kernel: 3, out: 4, mask: so_far}
  body: {layer: conv, kernel: 3, out: 4, mask: so_far}
  last: {layer: conv, kernel: 1, out: $head}
head: {kind: bernoulli, from: last}
"""


@cache
def made(path: Path) -> Made:
    return facts_of_spec(small(path))


@cache
def opened(path: Path) -> Unpacked:
    return unpacked(made(path).packed)


@dataclass
class Walk:
    """What follows from the packed relations of one order alone, in plain Python: a set of variables is a number, bit k
    of which is the variable at place k of the order."""

    of: Unpacked
    member: int

    def __post_init__(self) -> None:
        self.facts: Facts = self.of.facts
        self.mine = self.facts["members"][self.member]
        self.nodes: list[MemberNode] = self.mine["nodes"]
        self._lists: dict[int, list[list[int]]] = {}
        self.place = self.of.array(self.mine["place"]).tolist()
        self.single = [1 << k for k in np.argsort(self.place).tolist()]

    def reads(self, relation: int) -> list[list[int]]:
        """For each site the input sites that it reads."""
        if relation not in self._lists:
            told = self.of.relation(relation)
            ends = np.cumsum(told.counts).tolist()
            starts, stops = told.starts.tolist(), told.stops.tolist()
            order = None if told.order is None else told.order.tolist()
            lists: list[list[int]] = []
            for end, count in zip(ends, told.counts.tolist(), strict=True):
                places = [at for i in range(end - count, end) for at in range(starts[i], stops[i])]
                lists.append(places if order is None else [order[at] for at in places])
            self._lists[relation] = lists
        return self._lists[relation]

    def inputs(self, node: int) -> list[tuple[int, int]]:
        """(relation, node) for each input."""
        return [(r, i["node"]) for r, i in zip(self.nodes[node]["reads"], self.facts["nodes"][node]["inputs"],
                                               strict=True)]  # fmt: skip

    @cached_property
    def sets(self) -> dict[int, list[int]]:
        """For each site of each node the variables that it depends on."""
        found: dict[int, list[int]] = {}
        for k, (node, own) in enumerate(zip(self.facts["nodes"], self.nodes, strict=True)):
            if own["known"] is None:
                continue
            sites = self.single if node["role"] == "data" else [0] * node["sites"]
            for relation, source in self.inputs(k):
                below, lists = found[source], self.reads(relation)
                if len(self.inputs(k)) == 1 and all(len(read) == 1 for read in lists):
                    sites = [below[at] for (at,) in lists]
                    continue
                for site, read in enumerate(lists):
                    for at in read:
                        sites[site] |= below[at]
            if own["scan"] is not None:
                _close(sites, self.reads(own["scan"]))
            found[k] = sites
        return found

    @cached_property
    def needed(self) -> dict[int, set[int]]:
        """The sites that the head's sites of what is drawn depend on."""
        found: dict[int, set[int]] = {k: set() for k in range(len(self.nodes))}
        head = self.facts["heads"][0]["node"]
        found[head] = {v for v, t in enumerate(self.of.array(self.mine["time"]).tolist()) if t >= 0}
        for k in reversed(range(len(self.nodes))):
            scan = self.nodes[k]["scan"]
            waiting = list(found[k]) if scan is not None else []
            while waiting:
                more = [s for s in self.reads(scan or 0)[waiting.pop()] if s not in found[k]]
                found[k].update(more)
                waiting += more
            for relation, source in self.inputs(k) if found[k] else ():
                lists = self.reads(relation)
                found[source].update(at for site in found[k] for at in lists[site])
        return found


def _close(sites: list[int], own: list[list[int]]) -> None:
    """Joins each site with those of its own node that it reads, and those with theirs."""
    changed = True
    while changed:
        changed = False
        for site, read in enumerate(own):
            joined = sites[site]
            for at in read:
                joined |= sites[at]
            changed |= joined != sites[site]
            sites[site] = joined


@every_spec
def test_a_walk_of_the_packed_relations_finds_what_the_analyses_do(path: Path) -> None:
    spec, of = small(path), opened(path)
    graph = spec.graph()
    names = {node["name"]: k for k, node in enumerate(of.facts["nodes"]) if node["role"] != "inner"}
    number = len(of.facts["members"]) - 1
    walk, member = Walk(of, number), graph.members[number]
    rank = of.array(walk.mine["rank"]).tolist()
    relations, drawn = Relations(graph, member), member.order.modelled
    latest = [-1, *(rank[v] if drawn[v] else -1 for v in walk.place)]  # what is given is known before all
    for node, known in known_at(relations).items():
        own, sets = walk.nodes[names[node.name]], walk.sets[names[node.name]]
        assert own["known"] is not None
        assert np.array_equal(of.array(own["known"]), known), node.name
        assert known.tolist() == [latest[s.bit_length()] for s in sets]
    head = walk.sets[of.facts["heads"][0]["node"]]
    contexts = walk.mine["contexts"]
    assert contexts is not None
    rows, table, place = of.array(contexts["rows"]).tolist(), of.relation(contexts["relation"]), np.array(walk.place)
    matrix = seen(relations).matrix()
    modelled = np.flatnonzero(member.order.modelled).tolist()
    for row, variable in enumerate(rows):
        places = table.sites(row)
        assert sum(1 << k for k in places.tolist()) == head[variable]
        assert np.array_equal(np.sort(place[places]), np.flatnonzero(matrix[modelled.index(variable)]))


@every_spec
def test_each_site_is_computed_when_the_sampler_computes_it_and_kept_until_it_is_last_read(path: Path) -> None:
    spec, of = small(path), opened(path)
    graph = spec.graph()
    walk = Walk(of, 0)
    state = through(asked(graph, graph.members[0], sums=False), STEPS, keep=True)
    schedule = walk.mine["schedule"]
    assert schedule is not None and schedule["steps"] == state.steps
    named = {node.name: node for node in graph.live}
    first: dict[int, list[int]] = {}
    last: dict[int, list[int]] = {}
    computed = 0
    for k, (node, own) in enumerate(zip(of.facts["nodes"], walk.nodes, strict=True)):
        if own["first"] is None or own["last"] is None:
            continue
        first[k], last[k] = of.array(own["first"]).tolist(), of.array(own["last"]).tolist()
        if node["role"] == "data":
            assert first[k] == state.time.tolist()
            continue
        if set(first[k]) <= {-1}:  # no variable influences it
            assert not any(walk.sets[k])
            continue
        needed = walk.needed[k]
        computed += len(needed)
        when = state.when.get(named[node["name"]])
        for site, step in enumerate(first[k]):
            assert (step < state.steps) == (site in needed), node["name"]
            if site in needed:
                assert when is not None and step == when[site]
        reads = [*walk.inputs(k), *([(own["scan"], k)] if own["scan"] is not None else [])]
        for relation, source in reads:
            lists, drawn = walk.reads(relation), of.facts["nodes"][source]["role"] == "data"
            for site in needed:
                step = first[k][site]
                for at in lists[site]:
                    assert first[source][at] < step + (not drawn), (node["name"], site)
                    assert last[source][at] >= step, (node["name"], site)
    assert schedule["sites"] == computed


@every_spec
def test_nodes_clusters_and_places_hang_together(path: Path) -> None:
    spec, facts = small(path), made(path).facts
    graph = spec.graph()
    assert {n["name"] for n in facts["nodes"] if n["role"] != "inner"} == {
        n.name for n in [*graph.sources, *graph.nodes]
    }
    written = {n.name for n in graph.nodes if not n.unwritten}
    assert sum(n["parameters"] for n in facts["nodes"] if n["role"] != "inner") == graph.parameters
    for k, node in enumerate(facts["nodes"]):
        assert all(one["node"] < k for one in node["inputs"])
        assert node["cluster"] is None or node["name"].startswith(facts["clusters"][node["cluster"]]["name"] + ".")
        if node["place"] is not None:
            lines = facts["sources"][node["place"]["source"]]["text"].splitlines()
            assert 1 <= node["place"]["line"] <= node["place"]["endLine"] <= len(lines) + 1
            if node["name"] in written:
                text = "\n".join(lines[node["place"]["line"] - 1 : node["place"]["endLine"]])
                assert re.search(rf"layer: *({node['kind']}\b|\$)|experts:", text), node["name"]
    for cluster in facts["clusters"]:
        assert cluster["parent"] is None or cluster["name"].startswith(
            facts["clusters"][cluster["parent"]]["name"] + "."
        )
    assert facts["verdict"]["state"] == "proven"


# -- packing -----------------------------------------------------------------------------------------------------------


def test_what_is_packed_comes_back_and_stands_once() -> None:
    random = np.random.default_rng(0)
    store = Store()
    arrays = [random.integers(-(1 << bits), 1 << bits, size) for bits, size in ((6, 9), (14, 1), (30, 5), (3, 0))]
    numbers = [store.array(a, delta) for a in arrays for delta in (True, False)]
    listings: list[Listing] = []
    for _ in range(5):
        table = random.random((7, 12)) < 0.4
        counts, starts, stops = [], [], []
        for row in table:
            edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]])))
            counts.append(len(edges) // 2)
            starts += edges[::2].tolist()
            stops += edges[1::2].tolist()
        order = random.permutation(12) if random.random() < 0.5 else None
        listings.append(Listing(12, np.array(counts), np.array(starts), np.array(stops), order))
    relations = [store.relation(one) for one in listings]
    assert relations == [store.relation(one) for one in listings]
    size = len(store.arrays)
    assert [store.array(a, delta) for a in arrays for delta in (True, False)] == numbers and len(store.arrays) == size
    facts: Any = {"arrays": store.arrays, "relations": store.relations}
    of = Unpacked(facts, bytes(store.block))
    for number, array in zip(numbers, [a for a in arrays for _ in range(2)], strict=True):
        assert np.array_equal(of.array(number), array)
    for number, told in zip(relations, listings, strict=True):
        back = of.relation(number)
        assert all(np.array_equal(back.sites(s), told.sites(s)) for s in range(7))
    with pytest.raises(OverflowError):
        store.array(np.array([1 << 40]))


@pytest.mark.parametrize("data", ["", "!!", base64.b64encode(b"no zlib").decode(), b"\x78\x9c\x03"])
def test_what_is_no_packed_facts_is_refused(data: bytes | str) -> None:
    with pytest.raises(ValueError):
        unpacked(data)


# -- pages -------------------------------------------------------------------------------------------------------------


class Read(HTMLParser):
    """The elements of a page, and the text in each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        self.scripts += [""] if tag == "script" else []

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def check_page(text: str, several: int = 1) -> list[Unpacked]:
    """A page loads nothing, allows its own script alone, and holds its facts. Gives these."""
    read = Read(text)
    assert {tag for tag, _ in read.elements} <= {
        "html", "head", "meta", "title", "style", "body", "div", "noscript", "p", "pre", "script"
    }  # fmt: skip
    assert not [a for _, a in read.elements if a.keys() & {"src", "href", "action", "srcdoc", "onload", "onerror"}]
    assert len(read.scripts) == several + 1
    policy = next(a["content"] or "" for _, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(read.scripts[-1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ") and f"script-src 'sha256-{digest}';" in policy
    assert not re.search(r"https?:|\*|unsafe-eval", policy)
    bundle = read.scripts[-1] + "".join(re.findall(r"<style>.*?</style>", text, re.DOTALL))
    assert not re.findall(r"""(?:import\s*\(|url\(\s*['"]?(?!data:|#)|XMLHttpRequest|WebSocket|\beval\()""", bundle)
    return [unpacked(script) for script in read.scripts[:-1]]


HOSTILE = "</script><script>alert(1)</script><!--<img src=https://e.example/x onerror=alert(2)>"


def test_no_text_of_a_spec_gets_out_of_its_page(tmp_path: Path) -> None:
    text = LEAK.replace("name: leaks", f"name: '{HOSTILE}'\nabout: '{HOSTILE}'  # {HOSTILE}")
    text = text.replace("mask: so_far", "mask: before", 1).replace("  body:", f"  # {HOSTILE}\n  body:")
    spec = from_text(text, f"/projects/a/{HOSTILE.replace('/', '')}.yaml")
    path = arspec.explore(spec, tmp_path / "page.html")
    written = path.read_text("utf-8")
    assert HOSTILE not in written and "<script>alert" not in written and "onerror" not in str(Read(written).elements)
    (of,) = check_page(written)
    assert of.facts["title"] == HOSTILE and of.facts["sources"][0]["text"] == spec.source.text
    assert "/projects/a" not in json.dumps(of.facts)


def test_two_specs_stand_side_by_side_and_programs_read_their_facts(tmp_path: Path) -> None:
    first, second = (str(ROOT / f"specs/{name}.yaml") for name in ("made", "fast_generation_toy"))
    setting = ["--set", "members=2", "--set", "hidden=16"]
    assert main(["explore", first, "-o", str(tmp_path / "a.html"), *setting]) == 0
    arspec.explore(load(first, {"members": 2, "hidden": 16}), tmp_path / "b.html", second)
    (alone,), (one, other) = (check_page((tmp_path / f"{name}.html").read_text("utf-8"), k)
                              for name, k in (("a", 1), ("b", 2)))  # fmt: skip
    assert alone.facts == one.facts and one.block == alone.block
    assert other.facts["title"] == "fast-generation-toy" and len(one.facts["members"]) == 2
    assert main(["explore", second, "--facts", str(tmp_path / "x.json")]) == 0
    (told,) = json.loads((tmp_path / "x.json").read_text())
    assert told["facts"] == other.facts and base64.b64decode(told["block"]) == other.block


def test_specs_of_one_name_are_told_apart_by_their_files(tmp_path: Path) -> None:
    assert apart([("a", "x/p.yaml"), ("a", "x/q.yaml"), ("b", "")]) == ["p.yaml", "q.yaml", "b"]
    assert apart([("a", "x/p.yaml"), ("a", "y/p.yaml")]) == ["x/p.yaml", "y/p.yaml"]
    assert apart([("a", "p.yaml"), ("a", "p.yaml")]) == ["a (1)", "a (2)"]
    text = (ROOT / "specs/fast_generation_toy.yaml").read_text("utf-8")
    files = [tmp_path / name for name in ("one.yaml", "two.yaml")]
    for file in files:
        file.write_text(text, "utf-8")
    assert main(["explore", *map(str, files), "-o", str(tmp_path / "x.html")]) == 0
    page = (tmp_path / "x.html").read_text("utf-8")
    assert [of.facts["title"] for of in check_page(page, 2)] == ["one.yaml", "two.yaml"]
    assert "<title>one.yaml and two.yaml" in page
    caption = field_caption(fields_of([load(file) for file in files], None, None, 0, None))
    assert caption.startswith("one.yaml: (") and " two.yaml: (" in caption


def test_the_page_of_a_spec_that_leaks_has_the_way_of_the_leak(tmp_path: Path) -> None:
    (tmp_path / "leaks.yaml").write_text(LEAK)
    assert main(["explore", str(tmp_path / "leaks.yaml"), "-o", str(tmp_path / "x.html")]) == 0
    (of,) = check_page((tmp_path / "x.html").read_text("utf-8"))
    facts, member = of.facts, of.facts["members"][0]
    assert facts["verdict"]["state"] == "leaks" and member["schedule"] is None
    assert facts["verdict"]["sayings"][0]["code"] == "AR701"
    assert set(of.array(member["leaking"]).tolist()) == set(range(20))
    rank, walk = of.array(member["rank"]), Walk(of, 0)
    for leak in member["leaks"]:
        path = leak["path"]
        names = [facts["nodes"][step["node"]]["name"] for step in path]
        assert names[0] == "x" and names[-1] == "last"
        assert path[0]["site"] == leak["seen"] and path[-1]["site"] == leak["variable"]
        assert rank[leak["seen"]] >= rank[leak["variable"]]
        for below, above in itertools.pairwise(path):  # each site of the way reads the one before it
            relation = next(r for r, node in walk.inputs(above["node"]) if node == below["node"])
            assert below["site"] in walk.reads(relation)[above["site"]]


def test_what_does_not_fit_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load("made", {"members": 3, "hidden": 32}, {"size": 64, "display": None})
    whole = facts_of_spec(spec)
    assert len(whole.facts["members"]) == 3 and not whole.facts["notes"]
    one = facts_of_spec(spec, limit=len(whole.packed) - 1)
    assert len(one.facts["members"]) == 1 and one.facts["notes"] == ["the first 1 of 3 orders are shown"]
    bare = facts_of_spec(spec, limit=len(one.packed) - 1)
    assert (
        bare.facts["members"][0]["contexts"] is None
        and "contexts of all variables are left out" in bare.facts["notes"][1]
    )
    twin = facts_of_spec(spec, limit=len(bare.packed) - 1)
    assert "the thin twin of made" in twin.facts["notes"][0] and twin.facts["data"]["variables"] < 64
    monkeypatch.setattr("arspec.exploring.making.MAX_SITES", 100)
    assert "sites, and the page shows up to 100" in facts_of_spec(spec).facts["notes"][0]


@pytest.mark.parametrize("name", ["pixelcnn_pp", "mamba"])
def test_the_page_of_a_large_spec_is_small(name: str) -> None:
    of = facts_of_spec(load(name))
    assert not of.facts["notes"]
    assert len(of.packed) < MAX_PACKED / 8
    assert len(page([of])) < 1_000_000


def test_wrong_input_is_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.yaml").write_text(LEAK.replace("conv", "convv"))
    (tmp_path / "small.yaml").write_text(LEAK)
    wrong, small_spec, out, facts = (
        str(tmp_path / name) for name in ("wrong.yaml", "small.yaml", "x.html", "facts.json")
    )
    (folder := tmp_path / "folder.html").mkdir()
    for arguments, code in [
        ([wrong, "-o", out], "AR"), (["made", "-o", "x.svg"], "AR809"), (["made"], "AR808"),
        (["made", "made", "made", "-o", out], "AR808"), (["made", "--serve", "-o", out], "AR808"),
        (["mad", "-o", out], "AR900"), ([small_spec, "--serve", "99999999"], "AR951"),
        ([small_spec, "-o", out, "--facts", out], "AR808"), ([small_spec, "--serve", "--samples", "3"], "AR808"),
        ([wrong, "-o", str(folder)], "AR810"), ([wrong, "-o", out, "--facts", str(folder)], "AR810"),
        ([small_spec, "--facts", facts, "-o", str(folder)], "AR810"),
    ]:  # fmt: skip
        assert main(["explore", *arguments]) == 2
        assert f"error[{code}" in capsys.readouterr().err
    assert not Path(facts).exists()
    assert not (tmp_path / "x.html").exists()
    made: Any = arspec.load("made")
    for given, code in ((("x.png",), "AR809"), ((3,), "AR945"), ((out, "pixelcnn"), "AR945"), ((folder,), "AR810")):
        with pytest.raises(InputError) as caught:
            made.explore(*given)
        assert caught.value.code == code


def test_no_torch_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys; from arspec.cli.main import main; code = main(['explore', 'made', '--set', 'members=1', '-o', "
    )
    program += "sys.argv[1]]); sys.exit(code + 10 * ('torch' in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.html"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_facts_ts_is_generated_from_facts_py() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/page/facts", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# -- serving -----------------------------------------------------------------------------------------------------------


def test_a_served_page_follows_its_text_and_outlives_what_is_wrong_with_it(tmp_path: Path) -> None:
    base, own = tmp_path / "base.yaml", tmp_path / "own.yaml"
    base.write_text(LEAK)
    own.write_text("arspec: 1\nextends: base.yaml\nname: own\n")
    watched = Watched([str(own)], load)
    http = server(watched, 0)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{http.server_address[1]}/"

    def got(path: str = "", **headers: str) -> str:
        with urllib.request.urlopen(urllib.request.Request(address + path, headers=headers), timeout=20) as reply:
            return reply.read().decode()

    try:
        assert 'data-live="1"' in got() and "connect-src 'self'" in got()
        assert json.loads(got("state")) == {"version": 1, "error": None}
        assert not watched.look()
        base.write_text(LEAK.replace("so_far", "so_fra") + "\n")  # of the spec that is extended
        assert watched.look()
        said = json.loads(got("state"))
        assert said["version"] == 1 and "so_fra" in said["error"] and "base.yaml:" in said["error"]
        base.write_text(LEAK.replace("mask: so_far", "mask: before", 1) + "\n\n")
        assert watched.look()
        assert json.loads(got("state")) == {"version": 2, "error": None}
        own.unlink()
        assert watched.look() and "own.yaml" in json.loads(got("state"))["error"]
        for path, headers in (("other", {}), ("", {"Host": "elsewhere.example"})):
            with pytest.raises(urllib.error.HTTPError):
                got(path, **headers)
    finally:
        http.shutdown()
        http.server_close()


def test_a_page_is_served_of_a_text_that_never_held(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(LEAK.replace("so_far", "so_fra"))
    watched = Watched([str(path)], load)
    assert watched.version == 1 and watched.error is not None and "so_fra" in watched.error
    path.write_text(LEAK)
    assert watched.look() and watched.error is None and watched.version == 2
    with pytest.raises(InputError):
        Watched([str(tmp_path / "none.yaml")], load)


# -- audits ------------------------------------------------------------------------------------------------------------


def test_the_page_of_an_audit_has_operations_lines_and_what_each_depends_on(tmp_path: Path) -> None:
    target = f"{ROOT}/tests/audit_modules/planted.py:ThroughDetach"
    out = tmp_path / "x.html"
    arguments = ["audit", target, "--size", "t=8", "--levels", "16", "--modes", "evaluation", "--explore", str(out)]
    assert main(arguments) == 1
    (of,) = check_page(out.read_text("utf-8"))
    facts, member = of.facts, of.facts["members"][0]
    assert (facts["kind"], facts["verdict"]["state"]) == ("audit", "leaks")
    assert facts["audit"] is not None and facts["audit"]["checks"][0]["answer"] == "leaks"
    assert facts["audit"]["command"] == f"arspec audit {target} --size t=8 --levels 16 --modes evaluation"
    assert str(ROOT) not in json.dumps(facts["sources"][0]["name"])
    report = arspec.audit(ThroughDetach(), size={"t": 8}, levels=16, modes="evaluation", operations=True)
    head = facts["heads"][0]["node"]
    relation, contexts = member["nodes"][head]["context"], member["contexts"]
    assert relation is not None and contexts is not None
    reads = of.relation(relation)
    matrix = np.array([np.isin(np.arange(8), reads.sites(v)) for v in range(8)])
    assert np.array_equal(matrix, report.seen)
    seen_by = of.relation(contexts["relation"])
    assert [seen_by.sites(k).tolist() for k in range(8)] == [np.flatnonzero(row).tolist() for row in report.seen]
    assert of.array(member["leaking"]).tolist() == np.flatnonzero(report.leaked.any(1)).tolist()
    for k, (node, own) in enumerate(zip(facts["nodes"], member["nodes"], strict=True)):
        assert all(one["node"] < k for one in node["inputs"])
        if own["context"] is not None and own["known"] is not None:
            sites = [of.relation(own["context"]).sites(s) for s in range(node["sites"])]
            assert of.array(own["known"]).tolist() == [max(s.tolist(), default=-1) for s in sites]
    (leak,) = member["leaks"]
    assert leak["path"][0]["node"] == 0 and leak["path"][-1]["node"] == head
    assert leak["culprit"] is not None
    place = facts["nodes"][leak["culprit"]]["place"]
    assert place is not None
    line = facts["sources"][place["source"]]["text"].splitlines()[place["line"] - 1]
    assert "self.added(later(x).detach()[..., None])" in line or "F.pad(x, (0, steps))" in line
    strict = {node["name"]: own["strict"] for node, own in zip(facts["nodes"], member["nodes"], strict=True)}
    assert (strict["first"], strict["added"], strict["out.add"]) == ("strict", "ahead", "ahead")


AUDITED: dict[str, Any] = {
    "sets": lambda: (planted.Conjunction(), {"size": {"t": 8}}),
    "norms": lambda: (planted.NormOverTime(), {"size": {"t": 8}}),
    "a tensor written in place, in a loop": lambda: (
        images.DiagonalLSTM(), {"input": "b 1 h w", "output": "b k h w", "size": {"h": 4, "w": 5}}
    ),
    "channels and attention": lambda: (
        images.StemThenAttention(), {"input": "b 1 h w", "output": "b k h w", "size": {"h": 5, "w": 5}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AUDITED)
def test_operations_of_an_audit_read_each_other_as_their_contexts_say(name: str) -> None:
    """Going back from each output by what the operations read leads to the inputs that the audit found by itself."""
    module, asked = AUDITED[name]()
    report = arspec.audit(module, levels=4, modes="evaluation", operations=True, **asked)
    told = report.operations
    assert told is not None and told.links is not None
    of = unpacked(facts_of_audit(report, name).packed)
    walk = Walk(of, 0)
    for k, own in enumerate(walk.nodes[1:], 1):
        context = own["context"]
        assert context is not None
        for site, variables in enumerate(walk.reads(context)):
            assert walk.sets[k][site] == sum(walk.single[v] for v in variables), of.facts["nodes"][k]["name"]
    head = of.facts["heads"][0]["node"]
    assert head == len(walk.nodes) - 1 and of.facts["nodes"][head]["kind"] == "output"
    for variable, seen_here in enumerate(report.seen):
        assert walk.sets[head][variable] == sum(walk.single[v] for v in np.flatnonzero(seen_here))


def test_an_audit_whose_passes_differ_tells_no_walk() -> None:
    """Where the second pass is another, what operations read of each other is left out, and all else is told."""
    torch = pytest.importorskip("torch")

    class Unlike(torch.nn.Module):
        passes = 0

        def forward(self, x: Any) -> Any:
            self.passes += 1
            y = torch.nn.functional.pad(x, (1, -1))[..., None].repeat(1, 1, 4)
            return y + 1.0 if self.passes % 2 else torch.tanh(y)

    report = arspec.audit(Unlike(), size={"t": 5}, levels=4, modes="evaluation", operations=True)
    told = report.operations
    assert told is not None and told.links is None and told.output == len(told.found) - 1
    facts = facts_of_audit(report, "here").facts
    assert all(not own["reads"] for own in facts["members"][0]["nodes"]) and len(facts["nodes"]) > 1


def test_repeated_modules_of_an_audit_fold_and_others_do_not() -> None:
    torch = pytest.importorskip("torch")

    class Chain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList(
                torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh()) for _ in range(3)
            )
            self.first, self.last = torch.nn.Linear(1, 3), torch.nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            y = self.first(torch.nn.functional.pad(x, (1, -1))[..., None])
            for block in self.blocks:
                y = block(y)
            return self.last(y)

    report = arspec.audit(Chain(), size={"t": 5}, levels=4, modes="evaluation", operations=True)
    facts = facts_of_audit(report, "here").facts
    assert report.ok
    blocks = [c for c in facts["clusters"] if c["block"] == "Sequential"]
    assert [(c["fold"], c["repetition"], c["repetitions"]) for c in blocks] == [("blocks.*", k, 3) for k in range(3)]
    tanh = [n for n in facts["nodes"] if n["kind"] == "tanh"]
    assert [n["name"] for n in tanh] == [f"blocks.{k}.1" for k in range(3)]
    assert {n["fold"] for n in tanh} == {"blocks.*.1"}
    assert sum(n["parameters"] for n in facts["nodes"]) == facts["verdict"]["parameters"] == 6 + 3 * 12 + 8
    small_page = facts_of_audit(report, "here", limit=1).facts
    assert small_page["members"][0]["contexts"] is None and len(small_page["notes"]) == len(facts["notes"]) + 2


def test_the_way_of_a_leak_takes_the_operations_of_its_witness_and_all_between() -> None:
    torch = pytest.importorskip("torch")

    class Layer(torch.nn.Module):
        def __init__(self, leak: int) -> None:
            super().__init__()
            self.leak, self.qkv, self.out = leak, torch.nn.Linear(4, 12), torch.nn.Linear(4, 4)

        def forward(self, h: Any) -> Any:
            q, k, v = self.qkv(h).chunk(3, -1)
            mask = torch.ones(6, 6, dtype=torch.bool).tril(self.leak)  # the attention adds it, in the line of the sum
            return h + self.out(torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask))

    class Layers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.layers = torch.nn.Embedding(5, 4), torch.nn.Sequential(*map(Layer, (0, 1, 0)))
            self.last = torch.nn.Linear(4, 5)

        def forward(self, x: Any) -> Any:
            return self.last(self.layers(self.first(x)))

    report = arspec.audit(Layers(), size={"t": 6}, levels=5, offset=1, modes="evaluation", operations=True)
    facts = facts_of_audit(report, "here").facts
    (leak,) = facts["members"][0]["leaks"]
    path = [step["node"] for step in leak["path"]]
    assert path[0] == 0 and path[-1] == facts["heads"][0]["node"]
    for before, after in pairwise(path):  # nothing is jumped over
        assert before in [one["node"] for one in facts["nodes"][after]["inputs"]]
    on = [(facts["nodes"][n]["kind"], facts["nodes"][n]["text"]) for n in path]
    steps = [(s.operator, " × ".join(map(str, s.gives))) for s in report.places[0].chain.steps]
    some = iter(on)
    assert all(step in some for step in steps if step in on)  # in their order, each as it is told
    assert {step for step in steps if step[0] in ("add", "addmm", "bmm")} <= set(on)
    assert ("add", "1 × 6 × 4") in on[:3]  # not the mask's, which is before it in the same line
    assert leak["culprit"] in path
