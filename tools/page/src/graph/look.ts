// What a node says of itself in the graph: its words, how strict it is, how large it is drawn.

import type { Facts, MemberNode, NodeFacts } from "../facts.ts"
import { count, short } from "../shell/dom.ts"
import type { Size } from "./layout.ts"
import type { Item } from "./tree.ts"

export type Strict = MemberNode["strict"]

/** From the least to the most that a node knows of its own variables; a folded node shows the most of its repetitions. */
const ORDER: readonly Strict[] = ["none", "free", "strict", "inclusive", "ahead"]

export const STRICT: Record<Strict, { word: string; meaning: string }> = {
  none: { word: "", meaning: "stands for no variable" },
  free: { word: "free", meaning: "depends on no data" },
  strict: { word: "strict", meaning: "known before its own variable" },
  inclusive: { word: "inclusive", meaning: "known with its own variable" },
  ahead: { word: "ahead", meaning: "known only after its own variable" },
}

const settled = new WeakMap<Item, Strict>()

/** How strict what an item stands for is. An item belongs to one tree, and so to one order. */
export function strictOf(facts: Facts, member: number, item: Item): Strict {
  const known = settled.get(item)
  if (known !== undefined) return known
  let most: Strict = "none"
  for (const id of shown(facts, item)) {
    const one = facts.members[member]?.nodes[facts.nodes[id]?.inside ?? id]?.strict ?? "none" // a graph inside a node is known when the node is
    if (ORDER.indexOf(one) > ORDER.indexOf(most)) most = one
  }
  settled.set(item, most)
  return most
}

/** The nodes whose strictness an item shows: its own, or of a box what leaves it. */
function shown(facts: Facts, item: Item): readonly number[] {
  if (item.kind === "leaf") return item.nodes
  const inside = new Set(item.nodes)
  const read = new Set<number>()
  facts.nodes.forEach((node, id) => {
    if (!inside.has(id)) for (const input of node.inputs) if (inside.has(input.node)) read.add(input.node)
  })
  return read.size > 0 ? [...read] : item.nodes
}

/** How many copies of a block there are, each with weights of its own, as of experts: "8 copies"; empty for one. */
export function copies(facts: Facts, item: Item): string {
  const count = item.kind === "box" ? (facts.clusters[item.clusters[0] ?? -1]?.count ?? 1) : 1
  return count > 1 ? `${count} copies` : ""
}

/** How often an item stands in the box around it. */
export function times(item: Item): number {
  if (item.kind === "box") return item.times
  return Math.round(item.nodes.length / Math.max(1, item.parent?.clusters.length ?? 1))
}

export interface Words { readonly name: string; readonly below: string; readonly family: string }

/** The words of a leaf or a closed box. */
export function words(facts: Facts, item: Item): Words {
  const node = facts.nodes[item.nodes[0] ?? -1]
  if (item.kind === "leaf") {
    if (node === undefined) return { name: item.label, below: "", family: "" }
    const texts = new Set(item.nodes.map((id) => facts.nodes[id]?.text ?? ""))
    const text = texts.size === 1 ? node.text : spanned([...texts])
    return { name: clipped(item.nodes.length > 1 ? item.label.replace(/\.\*$/, "") : item.label, 26), below: clipped(`${node.kind === item.label || node.role === "data" || node.role === "condition" ? "" : node.kind} ${text}`.trim(), 34), family: node.family }
  }
  const cluster = facts.clusters[item.clusters[0] ?? -1]
  const each = item.nodes.slice(0, Math.round(item.nodes.length / item.clusters.length))
  const parameters = each.reduce((sum, id) => sum + (facts.nodes[id]?.parameters ?? 0), 0)
  const below = [cluster?.block === item.label ? "" : (cluster?.block ?? ""), `${each.length} nodes`, copies(facts, item), parameters > 0 ? short(parameters) : ""]
  return { name: clipped(boxName(item.label), 26), below: below.filter(Boolean).join(" · "), family: "box" }
}

/** "body" for "body.*". */
export function boxName(label: string): string {
  return label.replace(/\.\*$/, "")
}

/** Texts that differ in their numbers as one: "dilation 1…512". */
export function spanned(texts: readonly string[]): string {
  const form = (text: string): string => text.replace(/\d+(\.\d+)?/g, "#")
  const first = texts[0] ?? ""
  if (!texts.every((t) => form(t) === form(first))) return first
  const columns = texts.map((t) => t.match(/\d+(\.\d+)?/g) ?? [])
  let k = 0
  return first.replace(/\d+(\.\d+)?/g, (own) => {
    const all = columns.map((c) => Number(c[k]))
    k += 1
    const [low, high] = [Math.min(...all), Math.max(...all)]
    return low === high ? own : `${low}…${high}`
  })
}

export function clipped(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

export type Measure = (text: string, font: "name" | "below") => number

/** How large a leaf or a closed box is drawn. */
export function sizeOf(facts: Facts, item: Item, measure: Measure): Size {
  const { name, below } = words(facts, item)
  const many = times(item) > 1 ? measure(`×${times(item)}`, "name") + 8 : 0
  const wide = Math.max(measure(name, "name") + 20 + many + (item.kind === "box" ? 22 : 0), measure(below, "below") + 4)
  return { width: Math.max(88, Math.ceil(wide + 26)), height: below === "" ? 34 : 48 }
}

/** How wide an open box is at least: its title and what stands beside it. */
export function titleWidth(facts: Facts, item: Item, measure: Measure): number {
  if (item.kind === "leaf") return 0
  const block = facts.clusters[item.clusters[0] ?? -1]?.block ?? ""
  return measure(boxName(item.label), "name") + (block === item.label ? 0 : measure(block, "below") + 8) + (copies(facts, item) === "" ? 0 : measure(copies(facts, item), "below") + 8) + (item.times > 1 ? 40 : 0) + (item.folds === null ? 0 : 26) + 70
}

/** "3 groups × 120 channels × 32 × 32"; empty where a node has no sites. */
export function shapeOf(node: NodeFacts | undefined): string {
  if (node === undefined || node.sites === 0) return ""
  const parts = [node.groups > 1 ? `${node.groups} groups` : "", `${count(node.channels)} channel${node.channels === 1 ? "" : "s"}`, ...node.grid.map(count)]
  return parts.filter(Boolean).join(" × ")
}
