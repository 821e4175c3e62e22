"""The graph of the page of `arspec explore` in a browser: what is drawn is held to the spec's own graph and proof."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import arspec
from arspec.analysis.report import prove
from arspec.exploring.making import Made, facts_of_spec
from arspec.language.load import Spec, from_text
from arspec.pictures.palette import FAMILIES, LEAK, STROKES
from tests.browsing import Opened, browser, go, opened

__all__ = ["browser", "opened"]
THEME = Path(__file__).parents[1] / "tools/page/src/style/theme.css"
LEAKY = """
arspec: 1
name: leaky
data: {kind: image, height: 4, width: 4, levels: 4}
graph:
  scaled: {layer: scale, from: x}
  aside: {layer: conv, from: scaled, kernel: 3, out: 4, mask: earlier}
  wide: {layer: conv, from: scaled, kernel: 3, out: 4, mask: so_far}
  sum: {layer: add, from: [aside, wide]}
  logits: {layer: conv, from: sum, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""


@pytest.fixture(scope="module")
def gated() -> tuple[Spec, Made]:
    spec = arspec.load("gated_pixelcnn", params={"height": 5, "width": 5, "levels": 4, "features": 6, "layers": 4})
    return spec, facts_of_spec(spec)


@pytest.fixture(scope="module")
def page(gated: tuple[Spec, Made], opened: Opened) -> Any:
    """One page for the tests that choose, and open or close nothing."""
    return opened(gated[1])


@pytest.fixture
def shown(page: Any) -> Any:
    go(page, "view=graph")
    return page


def cards(shown: Any) -> list[str]:
    """The keys of what is drawn, without open boxes."""
    return sorted(shown.locator(".card").evaluate_all("all => all.map(e => e.dataset.key)"))


def chosen(shown: Any) -> str | None:
    """The key of what is chosen."""
    found = shown.locator(".item.chosen")
    return found.get_attribute("data-key") if found.count() else None


def test_the_graph_is_drawn_at_once_with_repetitions_folded(shown: Any, gated: tuple[Spec, Made]) -> None:
    spec = gated[0]
    names = [spec.graph().data.name, *(node.name for node in spec.graph().live)]
    assert cards(shown) == sorted({re.sub(r"\.\d+(?=\.|$)", ".*", name) for name in names})
    assert shown.locator(".verdict").inner_text() == "proven"


def test_opening_closing_and_unrolling(opened: Opened, gated: tuple[Spec, Made]) -> None:
    shown = opened(gated[1])
    live = {gated[0].graph().data.name, *(node.name for node in gated[0].graph().live)}
    shown.keyboard.press("w")
    assert cards(shown) == sorted([*(name for name in live if "." not in name), "first", "body.*"])
    box = shown.locator("[data-key='body.*']")
    assert box.get_attribute("aria-expanded") == "false"
    box.click()
    shown.keyboard.press("Enter")
    assert shown.locator("[data-key='body.*']").get_attribute("aria-expanded") == "true"
    shown.keyboard.press("u")
    shown.keyboard.press("e")
    assert cards(shown) == sorted(live), "unrolled and open, every node is drawn once"
    shown.reload()
    shown.locator(".card").first.wait_for()
    assert cards(shown) == sorted(live), "a page that is loaded again shows the same"


def test_search_chooses_a_node_and_its_lines_are_marked(shown: Any, gated: tuple[Spec, Made]) -> None:
    shown.keyboard.press("/")
    shown.keyboard.type("body vconv")
    shown.locator("#found [role=option]").first.wait_for()
    shown.keyboard.press("Enter")
    panel = shown.locator(".panel")
    assert panel.locator("h2").inner_text() == "v_conv" and chosen(shown) == "body.*.v_conv"
    node = next(n for n in gated[0].graph().live if n.name == "body.0.v_conv")
    assert panel.locator(".path span").first.inner_text() == node.name
    assert panel.locator(".line.here").first.inner_text().strip().startswith("v_conv:")
    table = dict(zip(panel.locator("dt").all_inner_texts(), panel.locator("dd").all_inner_texts()))
    assert table["Mask"] == str(node.mask) and table["Parameters"].startswith(
        f"{facts(gated, node.name)['parameters']:,}"
    )


def facts(gated: tuple[Spec, Made], name: str) -> Any:
    return next(n for n in gated[1].facts["nodes"] if n["name"] == name)


def test_the_picture_of_what_a_site_reads_is_its_mask(shown: Any, gated: tuple[Spec, Made]) -> None:
    """A kernel of 5 x 5 under `rows_so_far` reads 3 rows of 5, in each of the three channel groups."""
    shown.keyboard.press("/")
    shown.keyboard.type("body.1.v_conv")
    shown.keyboard.press("Enter")
    drawn = shown.locator(".reads .on").evaluate_all(
        "all => all.map(e => (e.getAttribute('d').match(/M/g) ?? []).length)"
    )
    assert drawn == [15] * 9


def test_arrow_keys_walk_along_the_edges(shown: Any, gated: tuple[Spec, Made]) -> None:
    shown.keyboard.press("ArrowDown")
    assert chosen(shown) == "x"
    walked = []
    for _ in range(3):
        shown.keyboard.press("ArrowDown")
        walked.append(chosen(shown))
    assert walked[0] == "scaled" and walked[1] in ("first.v_conv", "first.h_conv") and walked[2] != walked[1]
    focused = shown.evaluate("document.activeElement.dataset.key")
    assert focused == walked[2], "the focus goes along"
    for _ in range(9):
        shown.keyboard.press("Escape")
    assert chosen(shown) is None


def test_the_panel_is_read_and_pressed_by_keys(shown: Any, gated: tuple[Spec, Made]) -> None:
    go(shown, "view=graph&node=scaled")
    shown.locator("[data-key='scaled']").focus()
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.activeElement.className") == "page"
    shown.keyboard.press("ArrowDown")
    assert chosen(shown) == "scaled", "arrow keys scroll what is read"
    before = shown.locator(".panel .line").count()
    shown.get_by_role("button", name="whole file").focus()
    shown.keyboard.press("Enter")
    assert shown.locator(".panel .line").count() > before
    shown.locator(".panel .page").focus()
    shown.keyboard.press("Escape")
    assert chosen(shown) == "scaled" and shown.evaluate("document.activeElement.dataset.key") == "scaled"


def test_a_link_opens_what_it_names(shown: Any, gated: tuple[Spec, Made]) -> None:
    go(shown, "view=graph&node=body.2.h_conv")
    assert chosen(shown) == "body.*.h_conv"
    assert shown.locator(".stepper").inner_text().strip() == "3 of 4"
    shown.get_by_label("The next").click()
    assert "node=body.3.h_conv" in shown.url and shown.locator(".path span").first.inner_text() == "body.3.h_conv"


def test_neighbours_of_what_is_chosen_are_lit(shown: Any, gated: tuple[Spec, Made]) -> None:
    go(shown, "view=graph&node=first.h_sum")
    lit = set(shown.locator(".card.near").evaluate_all("all => all.map(e => e.dataset.key)"))
    graph = gated[0].graph()
    node = next(n for n in graph.live if n.name == "first.h_sum")
    around = {i.name for i in node.inputs} | {n.name for n in graph.live if node in n.inputs} | {node.name}
    assert lit == around


def test_a_leak_is_a_path_in_the_graph(opened: Opened) -> None:
    spec = from_text(LEAKY, "leaky.yaml")
    shown = opened(facts_of_spec(spec))
    assert shown.locator(".verdict").inner_text() == "leaks"
    shown.get_by_role("button", name="Show its way").first.click()
    red = set(shown.locator(".on-leak").evaluate_all("all => all.map(e => e.dataset.key)"))
    assert red == {step.node.name for step in prove(spec).witnesses[0].path} and "aside" not in red
    assert shown.locator(".wire.leak").count() == len(red) - 1
    shown.get_by_label("No longer").click()
    assert not shown.locator(".on-leak").count()


def test_two_specs_side_by_side(opened: Opened, gated: tuple[Spec, Made]) -> None:
    other = arspec.load(
        "pixelcnn", params={"height": 5, "width": 5, "levels": 4, "features": 6, "head_features": 6, "blocks": 2}
    )
    shown = opened(facts_of_spec(other), gated[1], at="view=compare")
    assert shown.locator(".panes .graph .card").count() > 10
    lines = {
        row.locator("th").evaluate("e => e.firstChild.textContent"): row.locator(".value").all_inner_texts()
        for row in shown.locator(".figures tbody tr").all()
    }
    reports = [prove(other), prove(gated[0])]
    assert lines["Coverage"] == [f"{100 * (r.coverage or 0):.2f}%" for r in reports]
    assert lines["Parameters"] == [f"{s.graph().parameters:,}" for s in (other, gated[0])]
    assert lines["Blind"] == [f"{r.blind_spots:,}" for r in reports]
    shown.locator(".panes > section").nth(1).locator("[data-key='scaled']").click()
    both = shown.locator(".panes .card.chosen")
    assert both.count() == 2, "the same node is chosen in both"
    for card, pane in zip(both.all(), shown.locator(".panes .graph").all()):
        inner, outer = card.bounding_box(), pane.bounding_box()
        assert outer["y"] <= inner["y"] and inner["y"] + inner["height"] <= outer["y"] + outer["height"], "and seen"


def test_a_narrow_screen_has_the_panel_as_a_sheet(opened: Opened, gated: tuple[Spec, Made]) -> None:
    shown = opened(gated[1], width=390, height=844, color_scheme="dark", reduced_motion="reduce")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390
    assert shown.evaluate("document.documentElement.dataset.theme") == "dark"
    assert not shown.locator(".panel").is_visible()
    shown.locator("[data-key='scaled']").click()
    sheet, card = shown.locator(".panel").bounding_box(), shown.locator("[data-key='scaled']").bounding_box()
    assert card["y"] + card["height"] <= sheet["y"], "what is chosen is not covered"
    shown.locator(".panel .close").click()
    assert not shown.locator(".panel").is_visible()


def test_themes_and_keys(opened: Opened, gated: tuple[Spec, Made]) -> None:
    shown = opened(gated[1])
    before = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    shown.keyboard.press("t")
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != before
    shown.keyboard.press("?")
    assert shown.get_by_role("dialog", name="Keys").is_visible()
    shown.keyboard.press("Escape")
    assert not shown.get_by_role("dialog").count()


# -- a layout that takes long ------------------------------------------------------------------------------------------

LONG = """
arspec: 1
name: long
data: {kind: image, height: 3, width: 3, levels: 3}
blocks:
  step:
    inputs: {h: what comes in}
    nodes: {first: {layer: relu, from: h}, second: {layer: relu}}
    outputs: {h: second}
graph:
  scaled: {layer: scale, from: x}
  body: {block: step, from: scaled, repeat: 2}
  begun: {layer: conv, from: body, kernel: 3, out: 4, mask: earlier}
MANY
  logits: {layer: conv, from: last, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""
HOLDING = """
window.held = []
const Own = window.Worker
window.Worker = class extends Own {
  set onmessage(told) {
    super.onmessage = (said) => {
      if (!("laid" in said.data)) return told(said)
      document.documentElement.dataset.held = window.held.push(() => told(said))
    }
  }
}"""
REFUSING = {
    "the browser refuses workers": "window.Worker = class { constructor() { throw new Error('refused') } }",
    "the worker cannot begin": "window.Worker = class { postMessage() { "
    "setTimeout(() => this.onerror(new Event('error', { cancelable: true }))) } terminate() {} }",
}
LAID = "all => Object.fromEntries(all.map((e) => [e.dataset.key, e.getAttribute('transform')]))"


@pytest.fixture(scope="module")
def long() -> Made:
    """More nodes beside each other than are laid out at once."""
    many = "\n".join(f"  n{k}: {{layer: relu}}" for k in range(130))
    return facts_of_spec(from_text(LONG.replace("MANY", f"{many}\n  last: {{layer: relu}}"), "long.yaml"))


def held(shown: Any, count: int) -> None:
    """Waits until the worker has given so many layouts."""
    shown.locator(f"html[data-held='{count}']").wait_for()


def test_the_page_answers_while_a_graph_is_laid_out(opened: Opened, long: Made) -> None:
    """A worker lays out; its answer is held back here, and meanwhile the page is used."""
    shown = opened(long, before=HOLDING)
    held(shown, 1)
    status = shown.locator(".laying")
    assert re.fullmatch(r"Laying out \d+ nodes and blocks", status.inner_text()) and not cards(shown)
    shown.keyboard.press("2")
    assert shown.locator("#view-field h2").first.is_visible() and not shown.locator("#view-graph").is_visible()
    shown.get_by_role("tab", name="Graph").click()
    assert status.is_visible() and shown.locator(".panel h2").inner_text() == "long"
    for key in ("ArrowDown", "Enter", "0", "+", "l", "u"):
        shown.keyboard.press(key)
    shown.keyboard.press("/")
    shown.keyboard.type("n7")
    shown.locator("#found [role=option]").first.wait_for()
    shown.keyboard.press("Escape")
    assert not cards(shown), "nothing was laid out on the page's own thread"
    shown.evaluate("held[0]()")
    assert len(cards(shown)) > 120 and not status.is_visible()


def test_a_layout_that_is_no_longer_asked_for_is_given_up(opened: Opened, long: Made) -> None:
    shown = opened(long, before=HOLDING)
    held(shown, 1)
    shown.keyboard.press("w")
    held(shown, 2)
    shown.evaluate("held[0]()")
    assert not cards(shown) and shown.locator(".laying").is_visible()
    shown.evaluate("held[1]()")
    assert "body.*" in cards(shown) and not shown.locator(".laying").is_visible()
    before = cards(shown)
    shown.locator("[data-key='body.*']").dblclick()
    held(shown, 3)
    assert cards(shown) == before, "what is on show stays until the next is there"
    shown.locator("[data-key='n0']").click()
    assert chosen(shown) == "n0"
    shown.evaluate("held.at(-1)()")
    assert "body.*.first" in cards(shown) and chosen(shown) == "n0"


@pytest.mark.parametrize("why", REFUSING)
def test_without_workers_the_page_lays_out_by_itself(opened: Opened, long: Made, why: str) -> None:
    told = opened(long)
    told.locator(".card").first.wait_for()
    shown = opened(long, before=REFUSING[why])
    shown.locator(".card").first.wait_for()
    assert shown.locator(".card").evaluate_all(LAID) == told.locator(".card").evaluate_all(LAID)
    assert not shown.locator(".laying").is_visible()


def test_the_colours_are_those_of_the_diagrams() -> None:
    light = THEME.read_text("utf-8").partition('[data-theme="dark"]')[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    strokes = {kind.name.lower(): stroke.colour for kind, stroke in STROKES.items()}
    assert strokes == {name: colours[name] for name in strokes}
    assert {f"f-{name}": colour for name, colour in FAMILIES.items()}.items() <= colours.items()
    assert colours["leak"] == LEAK
