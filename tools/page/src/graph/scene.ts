// The scene: everything that is drawn, at its place on the one plane of the page.

import type { Layout, Point } from "./layout.ts"
import type { Box, Item, Tree } from "./tree.ts"
import type { Piece, Wire, Wiring } from "./wires.ts"

export interface Rect { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

export interface Spot extends Rect { readonly item: Item }

export interface Dot extends Point { readonly wires: readonly Wire[] }

export interface Line {
  readonly points: readonly Point[]
  readonly piece: Piece
  /** Whether it ends at an item, and so has a head. */
  readonly ends: boolean
}

export interface Scene {
  readonly width: number
  readonly height: number
  /** Open boxes, the outer ones first. */
  readonly boxes: readonly Spot[]
  /** Leaves and closed boxes. */
  readonly leaves: readonly Spot[]
  readonly lines: readonly Line[]
  readonly ports: readonly Dot[]
  readonly at: ReadonlyMap<string, Spot>
}

const LOOP = 14

/** The scene of a layout. */
export function scene(shown: Tree, wires: Wiring, laid: Layout): Scene {
  const boxes: Spot[] = []
  const leaves: Spot[] = []
  const lines: Line[] = []
  const ports: Dot[] = []
  const at = new Map<string, Spot>()
  const whole = laid.boxes.get("")
  if (whole === undefined) throw new Error("the root has no layout")
  place(shown.root, 0, 0)
  return { width: whole.width, height: whole.height, boxes, leaves, lines, ports, at }

  function place(box: Box, x: number, y: number): void {
    const here = laid.boxes.get(box.key)
    const inside = wires.inside.get(box.key)
    if (here === undefined || inside === undefined) throw new Error(`no layout of ${box.key}`)
    box.children.forEach((item, k) => {
      const spot = here.children[k]
      if (spot === undefined) return
      const rect: Spot = { item, x: x + spot.x - spot.width / 2, y: y + spot.y - spot.height / 2, width: spot.width, height: spot.height }
      at.set(item.key, rect)
      if (item.kind === "box" && item.open) {
        boxes.push(rect)
        place(item, rect.x, rect.y)
      } else leaves.push(rect)
    })
    if (box.parent !== null) {
      ;[...inside.ins.values()].forEach((p, k) => ports.push({ x: x + (here.ins[k] ?? 0), y, wires: p.wires }))
      ;[...inside.outs.values()].forEach((p, k) => ports.push({ x: x + (here.outs[k] ?? 0), y: y + here.height, wires: p.wires }))
    }
    ;[...inside.pieces.values()].forEach((piece, k) => {
      const [start, end] = [port(piece, "from"), port(piece, "to")]
      if (piece.loop && piece.from.child !== null && piece.from.child === piece.to.child) {
        const spot = at.get(piece.from.child.key)
        if (spot !== undefined) lines.push({ points: loop(spot, start?.x ?? spot.x + spot.width * 0.75, end?.x ?? spot.x + spot.width * 0.75), piece, ends: start === null })
        return
      }
      const points = (here.lines[k] ?? []).map((p) => ({ x: x + p.x, y: y + p.y }))
      if (points.length < 2) return
      if (start !== null) points[0] = start
      if (end !== null) points[points.length - 1] = end
      lines.push({ points, piece, ends: piece.to.child !== null && end === null })
    })
  }

  /** Where a piece leaves or enters an open box among the children: at its port. */
  function port(piece: Piece, side: "from" | "to"): Point | null {
    const { child, port: key } = piece[side]
    if (child === null || key === "") return null
    const spot = at.get(child.key)
    const here = laid.boxes.get(child.key)
    const inside = wires.inside.get(child.key)
    if (spot === undefined || here === undefined || inside === undefined) return null
    if (side === "to") return { x: spot.x + (here.ins[[...inside.ins.keys()].indexOf(key.slice(3))] ?? 0), y: spot.y }
    return { x: spot.x + (here.outs[[...inside.outs.keys()].indexOf(key.slice(4))] ?? 0), y: spot.y + spot.height }
  }
}

/** From below a box along its right side to above it. */
function loop(spot: Rect, from: number, to: number): Point[] {
  const right = spot.x + spot.width + LOOP
  const [bottom, top] = [spot.y + spot.height, spot.y]
  return [
    { x: from, y: bottom }, { x: from, y: bottom + LOOP }, { x: right, y: bottom + LOOP },
    { x: right, y: top - LOOP }, { x: to, y: top - LOOP }, { x: to, y: top },
  ]
}

/** The smallest rectangle around some. */
export function around(rects: readonly Rect[]): Rect | null {
  if (rects.length === 0) return null
  const x = Math.min(...rects.map((r) => r.x))
  const y = Math.min(...rects.map((r) => r.y))
  return { x, y, width: Math.max(...rects.map((r) => r.x + r.width)) - x, height: Math.max(...rects.map((r) => r.y + r.height)) - y }
}
