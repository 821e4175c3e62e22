// The page of a node.

import type { Facts, NodeFacts, NodeId } from "../facts.ts"
import { shapeOf } from "../graph/look.ts"
import { readersOf } from "../graph/wires.ts"
import type { Leaf } from "../graph/tree.ts"
import { count, h } from "../shell/dom.ts"
import { icon } from "../shell/icons.ts"
import type { State } from "../shell/state.ts"
import { arrayOf } from "../walk-facts.ts"
import { kind, links, type On, part, prose, strictness, table } from "./parts.ts"
import { reads } from "./reads.ts"
import { source } from "./source.ts"

export function nodePage(state: State, item: Leaf, on: On): Node[] {
  const { facts, member } = state
  const id = state.node !== null && item.nodes.includes(state.node) ? state.node : (item.nodes[0] ?? 0)
  const node = facts.nodes[id]
  if (node === undefined) return []
  const own = facts.members[member]?.nodes[id]
  const readers = readersOf(facts, id)
  const weights = node.weights.map((w) => h("li", {}, h("code", {}, w.name), ` ${w.shape.join(" × ") || "1"}`, w.trained ? null : h("small", {}, " not trained")))
  return [
    h("header", {}, h("h2", {}, node.short), path(node, item, id, on), kind(node.family, node.kind, node.text), strictness(own?.strict ?? "none"),
      own?.boundary === true ? h("p", { class: "note" }, "The graph becomes strict here.") : null),
    ...(node.doc === "" ? [] : [h("p", { class: "doc" }, ...prose(node.doc.split("\n\n")[0] ?? ""))]),
    table([
      ["Shape", shapeOf(node)],
      ["Grid", node.grid.length === 0 ? null : `${node.grid.map(count).join(" × ")}${placed(node)}`],
      ["Sites", node.sites === 0 ? null : count(node.sites)],
      ["Known", knownAt(facts, own?.known ?? null)],
      ["Mask", node.mask === null ? null : h("code", {}, node.mask)],
      ["Parameters", node.parameters === 0 ? null : `${count(node.parameters)}${share(node.parameters, facts.verdict.parameters)}`],
      ["Weights", weights.length === 0 ? null : h("ul", { class: "plain" }, ...weights)],
      ["Weights of", node.tied === null ? null : h("button", { type: "button", class: "link", onclick: () => on.node(node.tied ?? id) }, facts.nodes[node.tied]?.name ?? "")],
    ]),
    ...pictures(facts, member, id),
    ...(source(facts, node.place) === null ? [] : [part(facts.kind === "audit" ? "Source" : "In the spec", source(facts, node.place))]),
    ...(Object.keys(node.keys).length === 0 ? [] : [part("Settled", table(Object.entries(node.keys).map(([key, value]) => [key, h("code", {}, value)])))]),
    ...(node.inputs.length === 0 ? [] : [part("Reads", links(facts, node.inputs.map((i) => ({ id: i.node, port: i.port })), on))]),
    ...(readers.length === 0 ? [] : [part("Is read by", links(facts, readers.map((r) => ({ id: r, port: "" })), on))]),
  ].filter((n): n is HTMLElement => n !== null)
}

function pictures(facts: Facts, member: number, id: NodeId): HTMLElement[] {
  const all = reads(facts, member, id)
  return all.length === 0 ? [] : [part("What one site reads", ...all)]
}

/** The ranks at which the sites are known, in words. */
export function knownAt(facts: Facts, array: number | null): string | null {
  if (array === null) return null
  let [low, high] = [Infinity, -Infinity]
  for (const one of arrayOf(facts, array)) [low, high] = [Math.min(low, one), Math.max(high, one)]
  if (high < 0) return "before anything is generated"
  const from = low < 0 ? "the start" : `rank ${count(low)}`
  return low === high ? from : `from ${from} to rank ${count(high)}`
}

/** The whole name; of a node that stands for several, a stepper through them. */
function path(node: NodeFacts, item: Leaf, id: NodeId, on: On): HTMLElement {
  const at = item.nodes.indexOf(id)
  const step = (by: number, sign: "left" | "right", label: string): HTMLElement =>
    h("button", { type: "button", class: "round small", "aria-label": label, disabled: item.nodes[at + by] === undefined, onclick: () => on.node(item.nodes[at + by] ?? id) }, icon(sign))
  return h("p", { class: "path" }, h("span", {}, node.name), item.nodes.length < 2 ? null
    : h("span", { class: "stepper", role: "group", "aria-label": "Which repetition" }, step(-1, "left", "The one before"), `${at + 1} of ${item.nodes.length}`, step(1, "right", "The next")))
}

function placed(node: NodeFacts): string {
  const { kind: frame, stride, origin } = node.frame
  if (frame === "units") return ", hidden units"
  if (frame === "free") return ", stands for no data"
  const strides = stride.every((s) => s === 1) ? "" : `, every ${[...new Set(stride)].join(" × ")} of the data's`
  const moved = origin.every((o) => o === 0) ? "" : `, from (${origin.join(", ")})`
  return strides + moved
}

function share(part: number, whole: number): string {
  return whole > 0 ? ` (${((100 * part) / whole).toPrecision(2)}%)` : ""
}
