// The scene as SVG. Strictness stands three times: as colour, as line, and as a sign.

import type { Facts } from "../facts.ts"
import { s } from "../shell/dom.ts"
import { rounded } from "./curves.ts"
import { boxName, copies, type Measure, shapeOf, type Strict, STRICT, strictOf, times, words } from "./look.ts"
import type { Line, Scene, Spot } from "./scene.ts"
import type { Item } from "./tree.ts"
import type { Wire } from "./wires.ts"

export interface Handlers {
  chosen(item: Item): void
  toggled(item: Item): void
  folded(key: string): void
}

export interface Drawing {
  readonly layer: SVGGElement
  readonly items: Map<string, SVGGElement>
  readonly lines: { readonly line: Line; readonly element: SVGGElement }[]
}

/** Draws a scene. */
export function draw(facts: Facts, member: number, view: Scene, measure: Measure, on: Handlers): Drawing {
  const items = new Map<string, SVGGElement>()
  const lines: Drawing["lines"] = []
  const [boxes, wires, titles, cards] = [s("g", { class: "boxes" }), s("g", { class: "wires", "aria-hidden": "true" }), s("g", { class: "titles" }), s("g", { class: "cards" })]
  for (const spot of view.boxes) {
    const element = openBox(facts, spot, on)
    items.set(spot.item.key, element)
    boxes.append(element)
    titles.append(boxTitle(facts, spot, on, view.ports.filter((p) => p.y === spot.y && p.x > spot.x && p.x < spot.x + spot.width).map((p) => p.x - spot.x), measure))
  }
  for (const line of view.lines) {
    const element = wire(facts, member, line)
    lines.push({ line, element })
    wires.append(element)
  }
  for (const dot of view.ports) {
    const strict = strictest(facts, member, dot.wires)
    wires.append(s("circle", { class: `port s-${strict}`, cx: dot.x, cy: dot.y, r: 3.2 }))
  }
  for (const spot of [...view.leaves].sort((a, b) => a.y - b.y || a.x - b.x)) {
    const element = card(facts, member, spot, on)
    items.set(spot.item.key, element)
    cards.append(element)
  }
  return { layer: s("g", { class: "plane" }, boxes, wires, titles, cards), items, lines }
}

function strictest(facts: Facts, member: number, wires: readonly Wire[]): Strict {
  const order: readonly Strict[] = ["none", "free", "strict", "inclusive", "ahead"]
  const all = wires.map((w) => strictOf(facts, member, w.source))
  return all.sort((a, b) => order.indexOf(b) - order.indexOf(a))[0] ?? "none"
}

function wire(facts: Facts, member: number, line: Line): SVGGElement {
  const strict = strictest(facts, member, line.piece.wires)
  const d = rounded(line.points, 9)
  const last = line.points.at(-1)
  const head = line.ends && last !== undefined ? s("path", { class: "head", d: `M${last.x - 4} ${last.y - 7}L${last.x} ${last.y - 0.5}L${last.x + 4} ${last.y - 7}Z` }) : null
  return s("g", { class: `wire s-${strict}${line.piece.loop ? " loop" : ""}` }, s("path", { class: "halo", d }), s("path", { class: "stroke", d }), head, s("title", {}, told(facts, line)))
}

/** What goes along a line: from where to where, and its shape. */
function told(facts: Facts, line: Line): string {
  const all = line.piece.wires.map((w) => {
    const pair = w.pairs[0]
    const [to, from] = [facts.nodes[pair?.[0] ?? -1], facts.nodes[pair?.[1] ?? -1]]
    const port = to?.inputs.find((i) => i.node === pair?.[1])?.port ?? "from"
    const more = w.pairs.length > 1 ? `, and ${w.pairs.length - 1} more` : ""
    return `${from?.name ?? ""} → ${to?.name ?? ""}${port === "from" ? "" : ` (${port})`}: ${shapeOf(from)}${more}`
  })
  return [...all.slice(0, 6), ...(all.length > 6 ? [`and ${all.length - 6} more`] : [])].join("\n")
}

// -- leaves and closed boxes -------------------------------------------------------------------------------------------

function card(facts: Facts, member: number, spot: Spot, on: Handlers): SVGGElement {
  const { item, width, height } = spot
  const { name, below, family } = words(facts, item)
  const strict = strictOf(facts, member, item)
  const bold = item.nodes.some((id) => facts.members[member]?.nodes[id]?.boundary ?? false) && item.kind === "leaf"
  const round = facts.nodes[item.nodes[0] ?? -1]?.role === "data" || family === "condition"
  const many = times(item)
  const line = below === "" ? height / 2 : 19
  const said = `${name}, ${below}${many > 1 ? `, ${many} times` : ""}${strict === "none" ? "" : `, ${STRICT[strict].word}: ${STRICT[strict].meaning}`}`
  const element = s("g", {
    class: `item card f-${family} s-${strict}${bold ? " bold" : ""}${item.kind === "box" ? " closed" : ""}`, transform: `translate(${spot.x} ${spot.y})`,
    role: "button", tabindex: -1, "aria-label": said, "data-key": item.key, "aria-expanded": item.kind === "box" ? "false" : null,
    onclick: () => on.chosen(item), ondblclick: () => on.toggled(item),
  })
  const radius = round ? height / 2 : 8
  if (many > 1) element.append(s("rect", { class: "behind", x: 5, y: 5, width, height, rx: radius }))
  element.append(s("rect", { class: "shape", width, height, rx: radius }))
  element.append(sign(strict, 15, line))
  element.append(s("text", { class: "name", x: 27, y: line + 4.5 }, name))
  if (below !== "") element.append(s("text", { class: "below", x: 14, y: 37 }, below))
  if (many > 1) element.append(s("text", { class: "times", x: item.kind === "box" ? width - 30 : width - 11, y: line + 4.5 }, `×${many}`))
  if (item.kind === "box") element.append(knob(width - 17, line, "M-3.5 0H3.5M0 -3.5V3.5", "Open", () => on.toggled(item)))
  element.append(s("title", {}, said))
  return element
}

function knob(x: number, y: number, d: string, what: string, press: () => void): SVGGElement {
  return s("g", {
    class: "knob", transform: `translate(${x} ${y})`, onclick: (event: Event) => {
      event.stopPropagation()
      press()
    }, ondblclick: (event: Event) => event.stopPropagation(),
  }, s("circle", { class: "reach", r: 13 }), s("circle", { class: "round-it", r: 9 }), s("path", { d }), s("title", {}, what))
}

/** The sign of how strict: a disc before, half a disc with, a triangle after, a ring without data. */
export function sign(strict: Strict, x: number, y: number): SVGGElement {
  const shapes: Record<Strict, string> = {
    none: "M-4 0H4",
    free: "M0 -4A4 4 0 1 1 -.01 -4",
    strict: "M0 -4.500A4.500 4.500 0 1 1 -.01 -4.500Z",
    inclusive: "M0 -4.500A4.500 4.500 0 1 1 -.01 -4.500ZM0 -4.500A4.500 4.500 0 0 1 0 4.500Z",
    ahead: "M0 -4.500L4.800 4H-4.800Z",
  }
  return s("g", { class: `sign g-${strict}`, transform: `translate(${x} ${y})` }, ...shapes[strict].split("ZM").map((d, k) => s("path", { d: k === 0 ? d : `M${d}`, class: k === 0 ? "outer" : "inner" })))
}

// -- open boxes --------------------------------------------------------------------------------------------------------

function openBox(facts: Facts, spot: Spot, on: Handlers): SVGGElement {
  const { item, width, height } = spot
  if (item.kind === "leaf") throw new Error("a leaf is no box")
  const block = facts.clusters[item.clusters[0] ?? -1]?.block ?? ""
  const name = boxName(item.label)
  const said = `${name}, block ${block}${item.times > 1 ? `, ${item.times} times` : ""}, open`
  const element = s("g", {
    class: `item box${item.times > 1 ? " repeated" : ""}`, transform: `translate(${spot.x} ${spot.y})`, role: "button", tabindex: -1,
    "aria-label": said, "aria-expanded": "true", "data-key": item.key, onclick: () => on.chosen(item), ondblclick: () => on.toggled(item),
  })
  if (item.times > 1) element.append(s("rect", { class: "behind", x: 5, y: 5, width, height, rx: 12 }))
  element.append(s("rect", { class: "shape", width, height, rx: 12 }))
  return element
}

/** The title of an open box, which lies above the lines, and beside those that come in through it where there is room. */
function boxTitle(facts: Facts, spot: Spot, on: Handlers, ports: readonly number[], measure: Measure): SVGGElement {
  const { item, width } = spot
  if (item.kind === "leaf") throw new Error("a leaf is no box")
  const block = facts.clusters[item.clusters[0] ?? -1]?.block ?? ""
  const name = boxName(item.label)
  const wide = measure(name, "name") + (block === name ? 0 : 7 + measure(block, "below")) + (item.times > 1 ? 8 + measure(`×${item.times}`, "name") : 0)
  const starts = [14, ...ports.map((x) => x + 12)].filter((x) => x + wide < width - 52)
  const free = starts.find((x) => ports.every((p) => p < x - 8 || p > x + wide + 8)) ?? 14
  const text = s("text", { class: "name", x: free, y: 22 }, name)
  if (block !== name) text.append(s("tspan", { class: "block", dx: 7 }, block))
  if (item.times > 1) text.append(s("tspan", { class: "times", dx: 8 }, `×${item.times}`))
  if (copies(facts, item) !== "") text.append(s("tspan", { class: "block", dx: 8 }, copies(facts, item)))
  const title = s("g", { class: "title", "aria-hidden": "true", transform: `translate(${spot.x} ${spot.y})`, onclick: () => on.chosen(item), ondblclick: () => on.toggled(item) }, text)
  title.append(knob(width - 18, 18, "M-3.5 0H3.5", "Close", () => on.toggled(item)))
  const { folds } = item
  if (folds !== null) {
    const unroll = item.label.endsWith("*")
    title.append(knob(width - 40, 18, unroll ? "M-3.5 -3H3.5M-3.5 0H3.5M-3.5 3H3.5" : "M-3.500 -2.500H3.500V2.500H-3.500Z", unroll ? "Unroll: every repetition by itself" : "Fold: repetitions as one", () => on.folded(folds)))
  }
  return title
}
