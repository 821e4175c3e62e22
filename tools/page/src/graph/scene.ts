// The scene: everything that is drawn, at its place on the one plane of the page.

import type { Layout, Point } from "./layout.ts"
import { type Run, routed } from "./route.ts"
import type { Box, Item, Tree } from "./tree.ts"
import type { End, Piece, Port, Wire, Wiring } from "./wires.ts"

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
    const pieces = [...inside.pieces.values()]
    let loops = 0
    const runs: { run: Run; piece: Piece }[] = []
    pieces.forEach((piece, k) => {
      const [start, end] = [port(piece, "from"), port(piece, "to")]
      const [from, to] = [piece.from.child === null ? undefined : at.get(piece.from.child.key), piece.to.child === null ? undefined : at.get(piece.to.child.key)]
      if (piece.loop && from !== undefined && from === to) {
        const beside = from.x + from.width * 0.75
        lines.push({ points: loop(from, start?.x ?? beside, end?.x ?? beside, loops), piece, ends: end === null })
        loops += 1
        return
      }
      const line = here.lines[k]
      if (line === undefined || line.xs.length < 2) return
      const xs = line.xs.map((one) => x + one)
      const [first, last] = [start?.x ?? border(piece.from, inside.ins, here.ins, x), end?.x ?? border(piece.to, inside.outs, here.outs, x)]
      if (first !== null) xs[0] = first
      if (last !== null) xs[xs.length - 1] = last
      runs.push({
        piece, run: {
          xs, gaps: line.gaps.map((g) => ({ top: y + g.top, bottom: y + g.bottom })),
          top: from === undefined ? y : from.y + from.height, bottom: to === undefined ? y + here.height : to.y,
          from: start === null && from !== undefined ? side(from) : null, to: end === null && to !== undefined ? side(to) : null,
        },
      })
    })
    routed(runs.map((r) => r.run)).forEach((points, k) => {
      const piece = runs[k]?.piece
      if (piece !== undefined) lines.push({ points, piece, ends: runs[k]?.run.to !== null })
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

/** Where a port of the box itself is; null for another end. */
function border(end: End, ports: ReadonlyMap<string, Port>, at: readonly number[], x: number): number | null {
  if (end.child !== null) return null
  const k = [...ports.keys()].indexOf(end.port.slice(end.port.indexOf(":") + 1))
  return k < 0 ? null : x + (at[k] ?? 0)
}

function side(spot: Spot): { item: unknown; left: number; right: number } {
  return { item: spot.item, left: spot.x, right: spot.x + spot.width }
}

/** From below a box along its right side to above it. */
function loop(spot: Rect, from: number, to: number, before: number): Point[] {
  const away = LOOP + 5 * before
  const right = spot.x + spot.width + away
  const [bottom, top] = [spot.y + spot.height, spot.y]
  return [
    { x: from, y: bottom }, { x: from, y: bottom + away - 4 }, { x: right, y: bottom + away - 4 },
    { x: right, y: top - away + 4 }, { x: to, y: top - away + 4 }, { x: to, y: top },
  ]
}

/** The smallest rectangle around some. */
export function around(rects: readonly Rect[]): Rect | null {
  if (rects.length === 0) return null
  const x = Math.min(...rects.map((r) => r.x))
  const y = Math.min(...rects.map((r) => r.y))
  return { x, y, width: Math.max(...rects.map((r) => r.x + r.width)) - x, height: Math.max(...rects.map((r) => r.y + r.height)) - y }
}
