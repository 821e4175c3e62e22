// Where the arrow keys lead: down and up along edges, left and right to what stands beside.

import type { Scene, Spot } from "./scene.ts"
import type { Box, Item } from "./tree.ts"
import type { Wiring } from "./wires.ts"

export type Direction = "up" | "down" | "left" | "right"

/** The item that an arrow key leads to from another; null where there is none. */
export function walk(view: Scene, wires: Wiring, from: Item, way: Direction): Item | null {
  const here = view.at.get(from.key)
  if (here === undefined) return null
  if (way === "left" || way === "right") return beside(view, here, way)
  if (from.kind === "box" && from.open) return way === "down" ? first(view, from) : up(view, here)
  const next = wires.wires
    .filter((w) => w.turn === null && (way === "down" ? w.source === from : w.target === from))
    .map((w) => (way === "down" ? w.target : w.source))
  return nearest(here, spots(view, next), way)?.item ?? (way === "up" ? up(view, here) : null)
}

function spots(view: Scene, items: readonly Item[]): Spot[] {
  return items.flatMap((item) => view.at.get(item.key) ?? [])
}

/** The uppermost item in an open box. */
function first(view: Scene, box: Box): Item | null {
  return spots(view, box.children).sort((a, b) => a.y - b.y || a.x - b.x)[0]?.item ?? null
}

function up(view: Scene, here: Spot): Item | null {
  const box = here.item.parent
  return box !== null && view.at.has(box.key) ? box : null
}

const middle = (s: Spot): number => s.x + s.width / 2

function nearest(here: Spot, among: readonly Spot[], way: Direction): Spot | null {
  const far = (s: Spot): number => Math.abs(middle(s) - middle(here)) + Math.abs(way === "down" ? s.y - here.y - here.height : here.y - s.y - s.height)
  return [...among].sort((a, b) => far(a) - far(b))[0] ?? null
}

function beside(view: Scene, here: Spot, way: "left" | "right"): Item | null {
  const sign = way === "right" ? 1 : -1
  const level = here.y + here.height / 2
  const others = [...view.leaves].filter((s) => s.item !== here.item && sign * (middle(s) - middle(here)) > 1)
  const far = (s: Spot): number => Math.abs(middle(s) - middle(here)) + 4 * Math.abs(s.y + s.height / 2 - level)
  const near = others.filter((s) => Math.abs(s.y + s.height / 2 - level) < 60).sort((a, b) => far(a) - far(b))[0]
  return near?.item ?? null
}
