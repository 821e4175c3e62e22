// The way of a pair, from a variable to the distribution of another, in words: through how much it flows, and a shortest
// way of reads, step by step.

import { counted } from "./field.ts"
import { nameOf } from "./grid.ts"
import { h } from "./shell/dom.ts"
import type { Member } from "./walk-facts.ts"
import { count, type Step } from "./walk.ts"

/** chosen: the node that is marked. pick: one of the steps was pressed. */
export function wayOfPair(member: Member, from: number, to: number, chosen: number | null, pick: (node: number) => void): HTMLElement[] {
  const { facts } = member
  const way = member.way(from, to)
  if (!way) return [h("p", {}, "No path of reads leads from the one to the other.")]
  const flow = member.flow(from, to)
  const behind = flow.flatMap((marks, n) => (marks && facts.nodes[n]!.role !== "data" ? [count(marks)] : []))
  const word = facts.kind === "audit" ? "operation" : "node"
  return [
    h("p", {}, `It flows through ${counted(behind.length, word)}, by ${counted(behind.reduce((a, b) => a + b, 0), "site")}. A shortest way of ${counted(way.length - 1, "read")}:`),
    h("ol", { class: "way-steps" }, ...way.map((step) => h("li", {},
      h("button", { type: "button", class: "link", "aria-pressed": String(step.node === chosen), onclick: () => pick(step.node) }, facts.nodes[step.node]!.name),
      h("span", { class: "place" }, placeOf(member, step))))),
  ]
}

/** A site by its place on its grid; of an audit with the line that computes it. */
function placeOf(member: Member, { node, site }: Step): string {
  const { data, sources, nodes, kind } = member.facts
  const of = nodes[node]!
  const names = of.groups === data.groups ? { groupNames: data.groupNames, parts: data.parts } : { groupNames: [] }
  const line = kind === "audit" && of.place !== null ? `${sources[of.place.source]?.name.split("/").at(-1) ?? ""}:${of.place.line}` : ""
  const place = of.sites > 1 ? nameOf({ kind: data.kind, grid: of.grid, groups: of.groups, ...names }, site) : ""
  return [place, line].filter(Boolean).join(", ")
}
