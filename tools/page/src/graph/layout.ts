// Where everything stands: each open box is laid out by itself by dagre, from the inside out; equal ones are laid out once.

import { Graph, layout as dagre } from "@dagrejs/dagre"
import { lanes, long } from "./lanes.ts"
import type { Gap } from "./route.ts"
import type { Item, Tree } from "./tree.ts"
import type { End, Inside, Wiring } from "./wires.ts"

export interface Point { readonly x: number; readonly y: number }
export interface Size { readonly width: number; readonly height: number }

/** Where a child lies in its box (its middle), and how large it is. */
export interface Placed extends Point, Size {}

/** A box from the inside: its size, where its children stand, where its ports are, and the lines between them. */
export interface Laid extends Size {
  readonly children: readonly Placed[]
  readonly ins: readonly number[]
  readonly outs: readonly number[]
  /** For each piece: where it goes down, and the gaps between (see `Run`); empty for loops. */
  readonly lines: readonly { readonly xs: readonly number[]; readonly gaps: readonly Gap[] }[]
}

export interface Layout {
  /** By key of the open box. */
  readonly boxes: ReadonlyMap<string, Laid>
  /** How many boxes dagre laid out; equal ones count once. */
  readonly laid: number
}

const TITLE = 36 // of an open box, above its first line
const UNDER = 12 // more, where lines come in below the title
const MARGIN = 18
const PORT = 2
const RANKS = 40 // between ranks
const LOOP = 22 // beside a box with a loop

/** The layout of a tree, given how large its leaves and closed boxes are, and how wide an open box must be for its title. */
export function layout(shown: Tree, wires: Wiring, size: (item: Item) => Size, title: (item: Item) => number): Layout {
  const boxes = new Map<string, Laid>()
  const known = new Map<string, Laid>()
  inner(shown.root)
  return { boxes, laid: known.size }

  function inner(box: Item): Laid {
    if (box.kind === "leaf") throw new Error("a leaf has no inside")
    const sizes = box.children.map((child) => (child.kind === "box" && child.open ? inner(child) : size(child)))
    const inside = wires.inside.get(box.key)
    if (inside === undefined) throw new Error(`no wires of ${box.key}`)
    const root = box.parent === null
    const wide = root ? 0 : title(box)
    const form = JSON.stringify([root, wide, sizes.map((s, k) => [s.width, s.height, boxes.get(box.children[k]?.key ?? "") !== undefined ? 1 : 0]), shape(box.children, inside)])
    let laid = known.get(form)
    if (laid === undefined) {
      laid = laidOut(box.children, inside, sizes, root, wide)
      known.set(form, laid)
    }
    boxes.set(box.key, laid)
    return laid
  }
}

/** The pieces of a box by numbers alone. */
function shape(children: readonly Item[], inside: Inside): (string | number)[] {
  const [ins, outs] = [[...inside.ins.keys()], [...inside.outs.keys()]]
  const end = (e: End): string => (e.child === null ? (e.port.startsWith("in:") ? `i${ins.indexOf(e.port.slice(3))}` : `o${outs.indexOf(e.port.slice(4))}`) : `c${children.indexOf(e.child)}`)
  return [ins.length, outs.length, ...[...inside.pieces.values()].map((p) => `${end(p.from)}>${end(p.to)}${p.loop ? "~" : ""}`)]
}

function laidOut(children: readonly Item[], inside: Inside, sizes: readonly Size[], root: boolean, wide: number): Laid {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: "TB", nodesep: 26, ranksep: RANKS, edgesep: 14, marginx: 0, marginy: 0 })
  graph.setDefaultEdgeLabel(() => ({}))
  const [ins, outs] = [[...inside.ins.keys()], [...inside.outs.keys()]]
  const pieces = [...inside.pieces.values()]
  const looped = new Set(pieces.filter((p) => p.loop && p.from.child === p.to.child).map((p) => p.from.child))
  children.forEach((child, k) => {
    const at = sizes[k] ?? { width: 0, height: 0 }
    graph.setNode(`c${k}`, { width: at.width + (looped.has(child) ? 2 * LOOP : 0), height: at.height })
  })
  ins.forEach((_, k) => graph.setNode(`i${k}`, { width: PORT, height: PORT }))
  outs.forEach((_, k) => graph.setNode(`o${k}`, { width: PORT, height: PORT }))
  // ports stand on the border: heavy edges from one end to all of a side keep them in the first and the last rank
  if (ins.length > 0) graph.setNode("top", { width: 0, height: 0 })
  if (outs.length > 0) graph.setNode("end", { width: 0, height: 0 })
  ins.forEach((_, k) => graph.setEdge("top", `i${k}`, { weight: 1000, minlen: 1 }, "port"))
  outs.forEach((_, k) => graph.setEdge(`o${k}`, "end", { weight: 1000, minlen: 1 }, "port"))
  const name = (e: End): string => (e.child === null ? (e.port.startsWith("in:") ? `i${ins.indexOf(e.port.slice(3))}` : `o${outs.indexOf(e.port.slice(4))}`) : `c${children.indexOf(e.child)}`)
  const within = pieces.map((p) => (p.loop || p.from.child === null || p.to.child === null ? null : ([children.indexOf(p.from.child), children.indexOf(p.to.child)] as const)))
  const [number, edges] = [within.flatMap((e, k) => (e === null ? [] : [k])), within.filter((e) => e !== null)]
  const taken = long(children.length, edges)
  const beside = new Set([...taken].map((e) => number[e]))
  pieces.forEach((piece, k) => {
    if (!piece.loop && !beside.has(k)) graph.setEdge(name(piece.from), name(piece.to), { weight: 1, minlen: 1 }, `p${k}`)
  })
  dagre(graph)

  const where = (id: string): Placed => graph.node(id) as Placed
  const placed = children.map((_, k) => where(`c${k}`))
  const ends = [...ins.map((_, k) => where(`i${k}`)), ...outs.map((_, k) => where(`o${k}`))]
  const aside = lanes(edges, taken, placed, gapBelow, RANKS)
  const asideOf = new Map([...aside].map(([e, line]) => [number[e], line]))
  const lines = pieces.map((piece, k) => (piece.loop || beside.has(k) ? [] : (graph.edge(name(piece.from), name(piece.to), `p${k}`) as { points: Point[] }).points))
  const every = [...placed.flatMap((p) => [p.x - p.width / 2, p.x + p.width / 2]), ...ends.map((p) => p.x), ...lines.flatMap((l) => l.map((p) => p.x)), ...[...aside.values()].flatMap((l) => l.xs)]
  const tops = placed.map((p) => p.y - p.height / 2)
  const bottoms = placed.map((p) => p.y + p.height / 2)
  const margin = root ? 0 : MARGIN
  const left = Math.min(...every) - margin
  const top = Math.min(...tops) - (root ? 0 : TITLE + (ins.length > 0 ? UNDER : 0))
  const right = Math.max(...every) + margin
  const bottom = Math.max(...bottoms) + margin
  const width = Math.max(right - left, wide)
  const dx = (width - (right - left)) / 2 - left
  const move = (p: Point): Point => ({ x: p.x + dx, y: p.y - top })
  const height = bottom - top
  return {
    width, height,
    children: placed.map((p, k) => ({ ...move(p), width: sizes[k]?.width ?? 0, height: sizes[k]?.height ?? 0 })),
    ins: ins.map((_, k) => where(`i${k}`).x + dx),
    outs: outs.map((_, k) => where(`o${k}`).x + dx),
    lines: lines.map((line, k) => {
      const lane = asideOf.get(k)
      if (lane === undefined) return cut(line.map(move), !root && pieces[k]?.from.child === null)
      return { xs: lane.xs.map((x) => x + dx), gaps: lane.gaps.map((g) => ({ top: g.top - top, bottom: g.bottom - top })) }
    }),
  }
}

/** The part of the space below a rank in which lines go across. */
function gapBelow(bottom: number): Gap {
  return { top: bottom + 3, bottom: bottom + RANKS - 9 }
}

/** A line of dagre, whose inner points lie in gaps and ranks by turns. Lines that come into a box
 * keep below its title. */
function cut(line: readonly Point[], under: boolean): { xs: number[]; gaps: Gap[] } {
  const inner = line.slice(1, -1)
  const middle = inner.filter((_, k) => k % 2 === 1).map((p) => p.x)
  const gaps = inner.filter((_, k) => k % 2 === 0).map((p, k) => ({ ...gapBelow(p.y - RANKS / 2), ...(under && k === 0 ? { top: p.y - 2 } : {}) }))
  return { xs: line.length < 2 ? [] : [line[0]?.x ?? 0, ...middle, line.at(-1)?.x ?? 0], gaps }
}
