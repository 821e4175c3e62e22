"""The page of `arspec explore` in a browser: what it shows is held to what arspec itself finds."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arspec
from arspec.analysis.contexts import depends_on
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.data.symbols import pieces_of
from arspec.exploring.making import Made, facts_of_spec
from arspec.exploring.of_audit import facts_of_audit
from arspec.exploring.packing import Unpacked, unpacked
from arspec.exploring.serving import Watched, server
from arspec.language.load import Spec, from_text
from arspec.pictures.progress import Stage, progress_of
from arspec.pictures.states import Field, State
from tests.audit_modules.planted import ThroughDetach
from tests.browsing import PATIENCE, Opened, browser, go, opened
from tests.test_exploring_model import described
from tests.test_further import FORCED

__all__ = ["browser", "opened"]
ROOT = Path(__file__).parent


def chosen(shown: Any) -> str:
    """The name of the variable in the heading of the view."""
    return shown.locator(".view:not([hidden]) h2 em").first.inner_text()


FIELDS: dict[tuple[Spec, str], Field] = {}  # so that each is worked out once


def field_named(spec: Spec, name: str, member: int = 0) -> Field:
    """The field of the variable of this name."""
    if (spec, name) not in FIELDS:
        variables = range(len(spec.members[member].order.rank))
        FIELDS[spec, name] = next(f for f in (Field(spec, member, v) for v in variables) if f.name == name)
    return FIELDS[spec, name]


def whole(text: str) -> list[int]:
    """The whole numbers of a text."""
    return [int(word.replace(",", "")) for word in re.findall(r"\d[\d,]*", text)]


def cells(shown: Any, rows: str) -> list[list[str]]:
    """The texts of the cells of some rows of a table."""
    return shown.evaluate(
        "rows => [...document.querySelectorAll(rows)].map(r => [...r.cells].map(c => c.innerText))", rows
    )


# -- specs that are small, and differ in what they see -----------------------------------------------------------------

LEAK = """
arspec: 1
name: leak
data: {kind: image, height: 4, width: 5, channels: 3, levels: 4}
graph:
  scaled: {layer: scale, from: x}
  first: {layer: conv, from: scaled, kernel: 3, out: 6, mask: so_far}
  logits: {layer: conv, from: first, kernel: 1, out: $head, mask: so_far}
head: {kind: categorical, from: logits}
"""


def blind() -> Spec:
    """PixelCNN on few pixels of three channels: it has a blind spot, and what is out of reach at its depth."""
    return arspec.load(
        "pixelcnn", params={"height": 7, "width": 8, "levels": 4, "features": 6, "head_features": 6, "blocks": 1}
    )


SPECS: dict[str, Callable[[], Spec]] = {
    "blind": blind,
    "leak": lambda: from_text(LEAK, "leak.yaml"),
    "sequence": lambda: arspec.load(
        "wavenet", params={"length": 20, "levels": 4, "residual": 4, "skip": 4, "layers": 3, "cycle": 3}
    ),
    "parts": lambda: arspec.load(ROOT / "specs/err/ar701_a_leak_within_a_part.yaml"),
    "vector": lambda: arspec.load("made", params={"height": 3, "width": 4, "members": 2, "hidden": 6}),
}


Shown = Callable[[str], tuple[Spec, Any]]


@pytest.fixture(scope="module")
def shown_spec(opened: Opened) -> Shown:
    """A spec by its name, and its page, which all tests share."""
    known: dict[str, tuple[Spec, Any]] = {}

    def show(name: str) -> tuple[Spec, Any]:
        if name not in known:
            spec = SPECS[name]()
            known[name] = spec, opened(facts_of_spec(spec))
        return known[name]

    return show


# -- what a variable sees ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPECS)
def test_the_counts_of_a_picked_variable_are_those_of_its_field(name: str, shown_spec: Shown) -> None:
    spec, shown = shown_spec(name)
    go(shown, "view=field")
    grid = shown.locator(".view-field .grid-canvas canvas")
    box = grid.bounding_box()
    words: set[str] = set()
    for x, y in ((0.5, 0.55), (0.9, 0.93)):
        grid.click(position={"x": box["width"] * x, "y": box["height"] * y})
        check_field(shown, spec)
        words.add(chosen(shown))
    for key in ("ArrowLeft", "]", "End"):
        grid.press(key)
        check_field(shown, spec)
        words.add(chosen(shown))
    assert len(words) >= 2
    said = {s for f in (field_named(spec, w) for w in words) for s in State if f.count(s)}
    expected = {
        "blind": State.BLIND,
        "leak": State.LEAK,
        "sequence": State.OUT_OF_REACH,
        "parts": State.LEAK,
        "vector": State.SEEN,
    }
    assert expected[name] in said  # what the spec is here for was on show


def check_field(shown: Any, spec: Spec) -> None:
    """The words, the legend and the table say what arspec's own field says."""
    field = field_named(spec, chosen(shown))
    assert shown.locator(".view-field .said").inner_text() == f"Its distribution {field.summary()}."
    meanings = {
        State.LEAK: "not earlier, and seen", State.SEEN: "earlier, and seen", State.BLIND: "earlier, blind",
        State.OUT_OF_REACH: "earlier, out of reach", State.UNSEEN: "earlier, and unseen", State.LATER: "not generated",
    }  # fmt: skip
    legend = shown.locator(".view-field .keys li").all_inner_texts()
    for state, word in meanings.items():
        of = [line for line in legend if re.match(rf"[\d,]+\s+{word}", line)]
        assert [whole(line)[0] for line in of] == ([field.count(state)] if field.count(state) else [])


def test_the_field_of_a_further_head_is_what_it_sees(opened: Opened) -> None:
    """Each head can be chosen: the words say which variable it predicts at a place, and what it sees."""
    forced = FORCED.replace("STEPS", "1").replace("weight: 0.3", "weight: 0.3, teacher_forcing: true")
    spec = from_text(forced.replace(" GIVEN", "").replace("ORDER", "natural").replace("MASK", "so_far"))
    shown = opened(facts_of_spec(spec), at="view=field&variable=5")
    said = shown.locator(".view-field .said")
    assert said.inner_text() == f"Its distribution {Field(spec, 0, 5).summary()}."
    report = prove(spec).members[0]
    for one in spec.graph().further:
        shown.get_by_label("head, of 3").select_option(label=f"{one.name}: {one.section.ahead} step"
                                                              f"{'s' * (one.section.ahead > 1)} ahead")  # fmt: skip
        own = report.seen_by[one.name]
        row = own.rows.tolist().index(5)
        target = int(one.targets(spec.members[0])[one.sites(spec.members[0]).tolist().index(5)])
        begins = f"The head predicts step {target} at its place, and sees {own.within[row]} of {own.legal[row]}"
        assert re.match(begins + r"\b", said.inner_text()), (begins, said.inner_text())
    go(shown, "view=field&variable=8&field.head=2")
    assert said.inner_text().startswith("The head predicts nothing at its place")


def test_a_further_head_that_leaks_is_the_one_whose_field_is_shown(opened: Opened) -> None:
    leaking = FORCED.replace("STEPS", "0").replace(" GIVEN", "").replace("ORDER", "natural").replace("MASK", "so_far")
    shown = opened(facts_of_spec(from_text(leaking)), at="view=field")
    assert re.search(
        r"predicts step 1 at its place, and sees 0 of 0, 1 leaked", shown.locator(".view-field .said").inner_text()
    )


def test_the_table_of_a_field_names_the_state_of_every_variable(shown_spec: Shown) -> None:
    spec, shown = shown_spec("blind")
    variable = 56 + 44  # row 5, column 4, g
    go(shown, f"view=field&variable={variable}")
    shown.locator(".view-field summary").click()
    shown.locator(".view-field .as-table table").first.wait_for()
    field = Field(spec, 0, variable)
    words = {"not earlier": State.LATER, "seen": State.SEEN, "out of reach": State.OUT_OF_REACH, "blind": State.BLIND}
    state = np.full((3, 7, 8), -1)
    for place, runs in cells(shown, ".view-field .as-table table:first-child tr"):
        group, row = "rgb".index(place[0]), whole(place)[0]
        for run in runs.split("; "):
            between = whole(run)
            state[group, row, between[0] : between[-1] + 1] = words[re.sub(r"^[\d–]+ ", "", run)]
    assert np.array_equal(state.ravel(), field.state)
    relations = field.relations
    needed = {node.name: int(sites.sum()) for node, sites in depends_on(relations, np.array([variable])).items()}
    layers = cells(shown, ".view-field .as-table table:nth-child(2) tr")
    assert len(layers) > 2
    for name, said in layers:
        assert whole(said)[0] == needed[name], name


@pytest.mark.parametrize("name", ["blind", "leak", "sequence"])
def test_the_way_of_a_pair_goes_through_the_nodes_that_lie_between(name: str, shown_spec: Shown) -> None:
    spec, shown = shown_spec(name)
    variable = {"blind": 36, "leak": 7, "sequence": 15}[name]
    field = Field(spec, 0, variable)
    go(shown, f"view=field&variable={variable}")
    found = set[bool]()
    others = [*np.flatnonzero(field.seen)[:2], *np.flatnonzero(~field.seen & (field.rank < field.rank[variable]))[:1]]
    for other in others:
        go(shown, f"view=field&variable={variable}&with={other}")
        shown.locator(".view-field .pair h3", has_text=f"{Field(spec, 0, int(other)).name} →").wait_for()
        said = shown.locator(".view-field .pair").inner_text()
        nodes, sites = between(field.relations, int(other), variable)
        found.add(nodes > 0)
        if nodes == 0:
            assert "No path of reads leads from the one to the other" in said
            continue
        flow = whole(next(line for line in said.splitlines() if line.startswith("It flows")))
        assert flow[:2] == [nodes, sites]
        steps = shown.locator(".way-steps li").all_inner_texts()
        assert len(steps) == flow[2] + 1
        assert steps[0].split("\n")[0] == "x"
    assert True in found


def between(relations: Relations, other: int, variable: int) -> tuple[int, int]:
    """Nodes and sites behind the data through which one variable flows to the distribution of another."""
    graph = relations.graph
    behind = depends_on(relations, np.array([variable]))
    ahead = {node: np.zeros((node.out.sites, 1), np.uint64) for node in graph.sources}
    ahead[graph.data][other] = 1
    for node in graph.live:
        marks = np.zeros((node.out.sites, 1), np.uint64)
        for read, source in zip(relations.reads(node), node.inputs, strict=True):
            marks |= read.context(ahead[source])
        scan = relations.scan(node)
        ahead[node] = marks if scan is None else scan.context(marks)
    both = [int((ahead[node][:, 0].astype(bool) & behind[node]).sum()) for node in graph.live]
    return sum(n > 0 for n in both) if behind[graph.data][other] else 0, sum(both)


# -- the order of generation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["blind", "sequence", "vector"])
def test_what_is_computed_at_a_step_is_what_the_sampler_computes(name: str, shown_spec: Shown) -> None:
    spec, shown = shown_spec(name)
    go(shown, "view=play&step=3")
    if shown.locator(".view-play details").get_attribute("open") is None:
        shown.locator(".view-play summary").click()
    shown.locator(".view-play .as-table table").wait_for()
    for step in (3, 5):
        while whole(shown.locator(".view-play .where").inner_text())[0] < step:
            shown.keyboard.press("ArrowRight")
        progress = progress_of(spec, step)
        drawn = [Field(spec, 0, int(v)).name for v in progress.drawn]
        assert chosen(shown) == drawn[0]
        assert whole(shown.locator(".view-play .said").inner_text())[0] == progress.computed
        now = {name: whole(computed)[0] for name, computed, *_ in cells(shown, ".view-play tbody tr")}
        for row in progress.rows[1:]:
            for node in row.nodes:
                assert now[node.name] == row.count(Stage.NOW), (step, node.name)
    assert whole(shown.locator(".view-play .figures dd").first.inner_text())[1] == progress.total


def test_it_plays_by_the_keyboard_and_stops_at_the_end(shown_spec: Shown) -> None:
    spec, shown = shown_spec("sequence")
    go(shown, "view=play&step=0")
    last = spec.members[0].order.drawn - 1
    shown.evaluate("document.activeElement.blur()")
    for _ in range(9):
        shown.keyboard.press("+")
    assert shown.get_by_label("Speed").input_value() == "100"
    assert shown.get_by_role("button", name="Play", exact=True).is_visible()
    shown.keyboard.press("Space")
    shown.locator(".where", has_text=f"step {last}, of 0 to {last}").wait_for()
    shown.get_by_role("button", name="Play", exact=True).wait_for()
    assert f"step={last}" in shown.evaluate("location.hash")
    shown.keyboard.press("Home")
    assert whole(shown.locator(".where").inner_text())[0] == 0
    shown.get_by_role("slider", name="Step").focus()
    shown.keyboard.press("ArrowRight")
    assert whole(shown.locator(".where").inner_text())[0] == 1
    for _ in range(9):
        shown.keyboard.press("-")  # so that it plays for a while
    shown.keyboard.press("Space")
    shown.get_by_role("button", name="Pause", exact=True).wait_for()
    shown.keyboard.press("Space")
    shown.get_by_role("button", name="Play", exact=True).wait_for()


# -- coverage, and two specs -------------------------------------------------------------------------------------------


def test_two_specs_side_by_side_say_what_each_sees(opened: Opened) -> None:
    one = blind()
    other = arspec.load("gated_pixelcnn", params={"height": 7, "width": 8, "levels": 4, "features": 6, "layers": 4})
    shown = opened(facts_of_spec(one), facts_of_spec(other), at="view=coverage")
    reports = [prove(one), prove(other)]
    first = chosen_of_coverage(shown)  # one variable on both sides, before any is chosen
    for spec, text in zip((one, other), shown.locator(".cover .picked").all_inner_texts(), strict=True):
        assert field_named(spec, first).summary() in text
    said = shown.locator(".cover-columns .said").all_inner_texts()
    for text, report in zip(said, reports, strict=True):
        assert whole(text)[-1] == report.pairs
        assert ("100% of" in text) == (report.unseen == 0)
    box = shown.locator(".cover .data-grid canvas").first.bounding_box()
    shown.locator(".cover .data-grid canvas").first.click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.85})
    name = chosen_of_coverage(shown)
    fields = [field_named(spec, name) for spec in (one, other)]
    assert fields[0].summary() != fields[1].summary()
    for text, field in zip(shown.locator(".cover .picked").all_inner_texts(), fields, strict=True):
        assert text == f"In {field.spec.name} its distribution {field.summary()}."


def chosen_of_coverage(shown: Any) -> str:
    return shown.locator(".cover .which em").inner_text()


# -- for everyone ------------------------------------------------------------------------------------------------------


def test_every_picture_has_words_and_every_view_fits_a_phone(opened: Opened) -> None:
    shown = opened(
        facts_of_spec(blind()), width=390, height=780, color_scheme="dark", reduced_motion="reduce", has_touch=True
    )
    for view in ("field", "play", "coverage"):
        go(shown, f"view={view}")
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert shown.evaluate(f"""[...document.querySelectorAll('.view-{view} canvas')].every((c) =>
            c.ariaLabel || (c.closest('[aria-hidden=true]') && c.closest('button, li, figure, .as-table')))""")


# -- a trained model ---------------------------------------------------------------------------------------------------


def test_a_model_shows_its_samples_and_what_surprises_it(opened: Opened) -> None:
    made = described("by class")[2]
    read = unpacked(made.packed)
    model: Any = read.facts["model"]
    shown = opened(made, at="view=model")
    assert shown.get_by_role("slider", name="Temperature").get_attribute("aria-valuetext") == "1"
    check_samples(shown, read, 1.0)
    shown.keyboard.press("-")
    assert shown.locator(".degree").inner_text() == "0.5"
    check_samples(shown, read, 0.5)
    for k in (0, 3):
        one = model["scored"][k]
        shown.locator(".examples button").nth(k).click()
        bits = read.array(one["surprise"])
        said = shown.locator(".surprise .most .link").all_inner_texts()
        told = shown.locator(".surprise .most b").all_inner_texts()
        order = np.argsort(-bits, kind="stable")[:8]
        names = [Field(described("by class")[0].spec, 0, int(v)).name for v in order]
        assert said == names
        assert told == [f"{bits[v] / 1000:.2f} bits" for v in order]
        assert f"{one['bits']:.3f} bits a dimension" in shown.locator(".surprise-side").inner_text()
        assert "bits of surprise" in shown.locator(".surprise .colour-bar").inner_text()


PIXELS = """all => all.map(c => [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data])"""


def check_samples(shown: Any, read: Unpacked, temperature: float) -> None:
    """The pictures of the samples have the colours of their levels."""
    model: Any = read.facts["model"]
    samples = [s for s in model["samples"] if s["temperature"] == temperature]
    pictures = shown.locator(".samples canvas").evaluate_all(PIXELS)
    channels, height, width = model["shape"]
    expected = np.concatenate([read.array(s["values"]).reshape(-1, channels, height * width) for s in samples])
    colours = np.array(pictures).reshape(len(expected), height * width, 4)[..., :3]
    levels = read.facts["data"]["levels"]
    assert np.array_equal(colours, np.floor(255 * expected.transpose(0, 2, 1) / (levels - 1) + 0.5))
    assert shown.locator(".samples h3").all_inner_texts() == [s["condition"] for s in samples]


@pytest.mark.parametrize("name", ["sound", "text"])
def test_sound_and_text_are_shown_as_such(name: str, opened: Opened) -> None:
    model, _, made, read = described(name)
    shown = opened(made, at="view=model")
    facts: Any = read.facts["model"]
    own = [s for s in facts["samples"] if s["temperature"] == 1.0]
    if name == "sound":
        assert shown.locator(".samples .wave canvas").count() == 2 * len(own)
        assert shown.get_by_role("button", name="Play sample 1 of 2").count() == len(own)
        return
    text = pieces_of(read.array(own[0]["values"])[: model.spec.data.variables], model.spec.data)
    signs = {chr(0x2400 + k) for k in range(34)} | {"⏎", "⇥"}
    said = [c for c in shown.locator(".drawn-text").first.inner_text() if c not in signs]
    plain = [c for c in "".join(text) if c.isprintable()]
    assert [c for c in said if c.isprintable() and not c.isspace()] == [c for c in plain if not c.isspace()]
    shown.locator(".heat-text span").nth(3).click()
    bits = read.array(facts["scored"][0]["surprise"])
    assert shown.locator(".surprise .said").inner_text().endswith(f"{bits[3] / 1000:.2f} bits")


# -- an audit ----------------------------------------------------------------------------------------------------------


def test_an_audit_shows_the_line_where_a_leak_comes_in(opened: Opened) -> None:
    report = arspec.audit(ThroughDetach(), size={"t": 8}, levels=16, modes="evaluation", operations=True)
    made = facts_of_audit(report, "planted.py:ThroughDetach")
    facts, (leak,) = made.facts, made.facts["members"][0]["leaks"]
    assert leak["culprit"] is not None
    place = facts["nodes"][leak["culprit"]]["place"]
    assert place is not None
    shown = opened(made, at="view=audit")
    assert cells(shown, ".checks tr")[0][:2] == ["evaluation", "leaks"]
    assert shown.locator(".row-of.here .at").inner_text() == str(place["line"])
    line = facts["sources"][place["source"]]["text"].splitlines()[place["line"] - 1]
    assert shown.locator(".row-of.here code").inner_text().rstrip() == line.rstrip()
    made_there = [n["name"] for n in facts["nodes"] if n["place"] and n["place"]["line"] == place["line"]]
    assert shown.locator(".operations .link").all_inner_texts() == made_there
    assert shown.locator(".op-cards .bad .name").inner_text() == facts["nodes"][leak["culprit"]]["name"]
    for variable in (2, 6):
        go(shown, f"view=audit&variable={variable}")
        seen, legal = report.seen[variable], report.legal[variable]
        leaked = f", {int((seen & ~legal).sum())} leaked" if (seen & ~legal).any() else ""
        unseen = f", {int((legal & ~seen).sum())} unseen" if (legal & ~seen).any() else ""
        said = f"It sees {int((seen & legal).sum())} of {int(legal.sum())}{unseen}{leaked}."
        assert shown.locator(".audit .picked").inner_text() == said
    shown.locator(".op-cards .layer").first.click()
    first = next(n for n in facts["nodes"] if n["role"] == "layer")
    assert first["place"] is not None
    assert shown.locator(".row-of.here .at").inner_text() == str(first["place"]["line"])


def test_one_walks_through_an_audit_from_operation_to_operation(opened: Opened) -> None:
    report = arspec.audit(ThroughDetach(), size={"t": 8}, levels=16, modes="evaluation", operations=True)
    made = facts_of_audit(report, "planted.py:ThroughDetach")
    nodes = made.facts["nodes"]
    inputs = [[i["node"] for i in node["inputs"]] for node in nodes]
    readers = [[k for k, read in enumerate(inputs) if n in read] for n in range(len(nodes))]
    shown = opened(made, at=f"view=audit&node={nodes[1]['name']}")
    at, walked = 1, [1]
    while readers[at]:  # down to the output, by what reads what
        place = nodes[at]["place"]
        assert shown.locator(".op-about h3").inner_text() == nodes[at]["name"]
        if place is not None:
            assert shown.locator(".row-of.here .at").inner_text() == str(place["line"])
        reads, read_by = shown.locator(".op-about section").all()
        assert reads.locator(".step").all_inner_texts() == [nodes[i["node"]]["name"] for i in nodes[at]["inputs"]]
        assert read_by.locator(".step").all_inner_texts() == [nodes[k]["name"] for k in readers[at]]
        at = readers[at][0]
        line = nodes[at]["place"]
        assert (f"line {line['line']};" if line else "output") in read_by.locator(".hint").first.inner_text()
        read_by.locator(".step").first.click()
        walked.append(at)
    assert at == made.facts["heads"][0]["node"] and len(walked) > 4
    shown.locator(".op-about .step").first.click()
    assert shown.locator(".op-about h3").inner_text() == nodes[nodes[at]["inputs"][0]["node"]]["name"], "and back"


@pytest.mark.parametrize("view", ["audit", "field"])
def test_the_way_of_a_pair_goes_through_the_operations_of_an_audit(opened: Opened, view: str) -> None:
    report = arspec.audit(ThroughDetach(), size={"t": 8}, levels=16, modes="evaluation", operations=True)
    told = report.operations
    assert told is not None and told.links is not None
    made = facts_of_audit(report, "planted.py:ThroughDetach")
    nodes = made.facts["nodes"]
    shown = opened(made, at=f"view={view}")
    pairs = [(0, 7), (5, 3), *[(int(v), 6) for v in np.flatnonzero(~report.seen[6])[:1]]]
    for other, variable in pairs:
        go(shown, f"view={view}&variable={variable}&with={other}")
        pair = shown.locator(f".view-{view} .pair")
        pair.locator("h3", has_text=f"{report.layout.name(other)} →").wait_for()
        if not report.seen[variable, other]:
            assert "No path of reads leads from the one to the other" in pair.inner_text()
            continue
        steps = pair.locator(".way-steps li")
        names = steps.locator(".link").all_inner_texts()
        way = [next(k for k, node in enumerate(nodes) if node["name"] == name) for name in names]
        assert way[0] == 0 and way[-1] == made.facts["heads"][0]["node"]
        sites = {int(other)}
        for before, after in pairwise(way):  # each step reads the one before, at the sites that lead on
            read = told.links[after - 1][before - 1]
            sites = {int(s) for s in np.flatnonzero(read[:, sorted(sites)].any(1))}
        assert variable in sites
        for k, n in enumerate(way):
            place = nodes[n]["place"]
            assert place is None or f":{place['line']}" in steps.nth(k).inner_text()


def test_many_sources_of_an_audit_fit_a_phone(opened: Opened) -> None:
    report = arspec.audit(ThroughDetach(), size={"t": 8}, levels=16, modes="evaluation", operations=True)
    made = facts_of_audit(report, "planted.py:ThroughDetach")
    own = made.facts["sources"]
    own += [{"name": f"another_source_{k}.py", "text": "x = 1", "language": "python"} for k in range(5)]
    shown = opened(Made(made.facts, made.store), at="view=audit", width=390, height=780)
    switch = shown.locator(".audit-source .switch").bounding_box()
    assert shown.locator(".audit-source .switch button").count() == 6
    assert switch["x"] >= 0 and switch["x"] + switch["width"] <= 390


# -- a served page -----------------------------------------------------------------------------------------------------


def test_a_served_page_shows_what_is_wrong_and_loads_itself_again(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "served.yaml"
    path.write_text(LEAK)
    watched = Watched([str(path)], arspec.load)
    http = server(watched, 0)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    context = browser.new_context()
    try:
        faults: list[str] = []
        shown = context.new_page()
        shown.set_default_timeout(PATIENCE)
        shown.on("pageerror", lambda error: faults.append(str(error)))
        shown.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        shown.goto(f"http://127.0.0.1:{http.server_port}/#view=coverage")
        shown.locator(".tabs [aria-selected=true]").wait_for()
        path.write_text(LEAK.replace("layer: scale", "layer: <b>scal</b>"))
        assert watched.look()
        wrong = shown.locator(".live-error")
        wrong.wait_for()
        assert "AR107" in wrong.inner_text() and "<b>scal</b>" in wrong.inner_text()
        assert wrong.locator("b").count() == 0
        path.write_text(LEAK.replace("name: leak", "name: mended"))
        assert watched.look()
        shown.get_by_text("mended").first.wait_for()
        assert wrong.count() == 0 and "view=coverage" in shown.url
        assert not faults
    finally:
        context.close()
        http.shutdown()
        http.server_close()
