// What a site in the middle of a node reads of its inputs: a small picture of the relation that arspec packed.

import type { Facts, NodeFacts, NodeId } from "../facts.ts"
import { count, h, s } from "../shell/dom.ts"
import { arrayOf, relationOf } from "../walk-facts.ts"

const MOST = 33 // cells a side that are drawn
const SIDE = 132 // of a picture, in pixels

export interface Seen {
  /** Rows and columns of the input's grid; one row for a length. */
  readonly size: readonly [number, number]
  /** The site's own position there; null where it has none. */
  readonly own: number | null
  /** [group of the site][group of the input]: the positions that are read. */
  readonly groups: readonly (readonly ReadonlySet<number>[])[]
}

/** What the site in the middle of a node reads of one of its inputs, or of its own earlier sites ("scan"); null where neither lies on a grid. */
export function middle(facts: Facts, member: number, id: NodeId, input: number | "scan"): Seen | null {
  const node = facts.nodes[id]
  const own = facts.members[member]?.nodes[id]
  const source = input === "scan" ? node : facts.nodes[node?.inputs[input]?.node ?? -1]
  const relation = input === "scan" ? own?.scan : own?.reads[input]
  if (node === undefined || source === undefined || relation === undefined || relation === null || node.grid.length === 0 || source.grid.length === 0) return null
  const runs = relationOf(facts, relation)
  const positions = node.sites / node.groups
  const inside = source.sites / source.groups
  const at = node.grid.reduce((sum, n) => sum * n + Math.floor(n / 2), 0)
  const groups = Array.from({ length: node.groups }, (_, g) => {
    const found = Array.from({ length: source.groups }, () => new Set<number>())
    const site = g * positions + at
    for (let r = runs.offsets[site] ?? 0; r < (runs.offsets[site + 1] ?? 0); r++) {
      for (let k = runs.bounds[2 * r] ?? 0; k < (runs.bounds[2 * r + 1] ?? 0); k++) {
        const from = runs.order === null ? k : (runs.order[k] ?? 0)
        found[Math.floor(from / inside)]?.add(from % inside)
      }
    }
    return found
  })
  const [rows, columns] = source.grid.length > 1 ? [source.grid[0] ?? 1, source.grid[1] ?? 1] : [1, source.grid[0] ?? 1]
  return { size: [rows, columns], own: place(facts, node, source, at), groups }
}

/** The position of an input that stands for the same place of the data as a position of a node. */
function place(facts: Facts, node: NodeFacts, source: NodeFacts, at: number): number | null {
  if (node.frame.kind !== "cells" || source.frame.kind !== "cells") return null
  const data = node.frame.at === null ? at : (arrayOf(facts, node.frame.at)[at] ?? -1)
  if (data < 0) return null
  if (source.frame.at === null) return data
  const found = arrayOf(facts, source.frame.at).indexOf(data)
  return found < 0 ? null : found
}

/** Whether a picture says more than "its own position". */
export function telling(seen: Seen): boolean {
  const all = seen.groups.flat()
  return all.some((set) => set.size > 1 || (set.size === 1 && seen.own !== null && !set.has(seen.own))) || (seen.groups.length > 1 && all.some((set) => set.size === 0))
}

/** The part of the grid that is drawn: [top, left, rows, columns]. */
export function window(seen: Seen): [number, number, number, number] {
  const [rows, columns] = seen.size
  const cells = [...new Set(seen.groups.flatMap((g) => g.flatMap((set) => [...set])))]
  if (seen.own !== null) cells.push(seen.own)
  if (cells.length === 0) return [0, 0, Math.min(rows, MOST), Math.min(columns, MOST)]
  const cut = (all: number[], own: number | null, size: number): [number, number] => {
    let [low, high] = [Math.max(0, Math.min(...all) - 1), Math.min(size - 1, Math.max(...all) + 1)]
    if (high - low >= MOST) {
      const end = Math.min(high, Math.max(low + MOST - 1, (own ?? low) + 2))
      ;[low, high] = [end - MOST + 1, end]
    }
    return [low, high - low + 1]
  }
  const [top, height] = cut(cells.map((p) => Math.floor(p / columns)), seen.own === null ? null : Math.floor(seen.own / columns), rows)
  const [left, width] = cut(cells.map((p) => p % columns), seen.own === null ? null : seen.own % columns, columns)
  return [top, left, height, width]
}

/** The pictures of what a node reads: one for each input that is read elsewhere than at the own position. */
export function reads(facts: Facts, member: number, id: NodeId): HTMLElement[] {
  const node = facts.nodes[id]
  if (node === undefined) return []
  const inputs = [...node.inputs.slice(0, 4).keys(), "scan" as const]
  return inputs.flatMap((input) => {
    const seen = middle(facts, member, id, input)
    if (seen === null || !telling(seen)) return []
    const name = input === "scan" ? "its own, which were computed before" : (facts.nodes[node.inputs[input]?.node ?? -1]?.short ?? "")
    const total = seen.groups.at(-1)?.reduce((sum, set) => sum + set.size, 0) ?? 0
    const where = node.grid.map((n, axis) => `${node.grid.length === facts.data.axes.length ? facts.data.axes[axis] : "position"} ${Math.floor(n / 2)}`).join(", ")
    const many = seen.groups.length > 1
    const group = many ? `, ${facts.data.groupNames[seen.groups.length - 1] ?? `group ${seen.groups.length - 1}`}` : ""
    const words = `${where}${group} reads ${count(total)} site${total === 1 ? "" : "s"} of ${name}`
    return [h("figure", { class: "reads" }, grids(facts, seen, words), h("figcaption", {}, `${words}${many ? "; a row for each channel group that reads, a column for each that is read" : ""}`))]
  })
}

function grids(facts: Facts, seen: Seen, words: string): HTMLElement {
  const [top, left, rows, columns] = window(seen)
  const many = seen.groups.length > 1 || (seen.groups[0]?.length ?? 1) > 1
  const few = seen.groups.length <= 3 && (seen.groups[0]?.length ?? 1) <= 3
  const cell = Math.max(3, Math.min(18, Math.floor((many && few ? SIDE * 0.62 : SIDE) / Math.max(rows, Math.min(columns, 12)))))
  const name = (k: number): string => facts.data.groupNames[k] ?? String(k)
  const picture = (set: ReadonlySet<number>): SVGSVGElement => grid(seen, set, [top, left, rows, columns], cell)
  const all = h("div", { class: "grids", role: "img", "aria-label": words, style: `grid-template-columns: repeat(${many && few ? (seen.groups[0]?.length ?? 1) + 1 : 1}, auto)` })
  if (!many || !few) {
    all.append(picture(seen.groups.at(-1)?.[0] ?? new Set()))
    return all
  }
  all.append(h("span"), ...(seen.groups[0] ?? []).map((_, k) => h("span", { class: "of" }, name(k))))
  seen.groups.forEach((sets, g) => all.append(h("span", { class: "for" }, name(g)), ...sets.map(picture)))
  return all
}

function grid(seen: Seen, set: ReadonlySet<number>, [top, left, rows, columns]: [number, number, number, number], cell: number): SVGSVGElement {
  const box = (r: number, c: number): string => `M${c * cell + 0.5} ${r * cell + 0.5}h${cell - 1}v${cell - 1}h${1 - cell}z`
  let [on, off] = ["", ""]
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (set.has((top + r) * seen.size[1] + left + c)) on += box(r, c)
      else off += box(r, c)
    }
  }
  const own = seen.own === null ? null : [Math.floor(seen.own / seen.size[1]) - top, (seen.own % seen.size[1]) - left] as const
  return s("svg", { width: columns * cell, height: rows * cell, viewBox: `0 0 ${columns * cell} ${rows * cell}`, "aria-hidden": "true" },
    s("path", { class: "off", d: off }), s("path", { class: "on", d: on }),
    own === null ? null : s("rect", { class: "own", x: own[1] * cell + 0.75, y: own[0] * cell + 0.75, width: cell - 1.5, height: cell - 1.5 }))
}
