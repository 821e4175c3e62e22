// Where everything stands: each open box is laid out by itself by dagre, from the inside out; equal ones are laid out once.

import { Graph, layout as dagre } from "@dagrejs/dagre"
import { lanes, long } from "./lanes.ts"
import type { Gap } from "./route.ts"
import type { Box, Item, Tree } from "./tree.ts"
import type { End, Wiring } from "./wires.ts"

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

/** A box to be laid out, by numbers alone, so that a worker can be given it. `c3`, `i0` and `o1` are the fourth child, the
 * first port that comes in and the second that goes out. */
export interface Plan {
  readonly key: string
  readonly root: boolean
  /** How wide it is at least, for its title. */
  readonly wide: number
  readonly children: readonly (Size | Plan)[]
  readonly ins: number
  readonly outs: number
  readonly pieces: readonly PlannedPiece[]
}

export interface PlannedPiece {
  readonly from: string
  readonly to: string
  readonly loop: boolean
}

/** What is to be laid out of a tree, given how large its leaves and closed boxes are, and how wide an open box must be for
 * its title. */
export function planned(shown: Tree, wires: Wiring, size: (item: Item) => Size, title: (item: Item) => number): Plan {
  return of(shown.root)

  function of(box: Box): Plan {
    const inside = wires.inside.get(box.key)
    if (inside === undefined) throw new Error(`no wires of ${box.key}`)
    const [ins, outs] = [[...inside.ins.keys()], [...inside.outs.keys()]]
    const end = (e: End): string => (e.child !== null ? `c${box.children.indexOf(e.child)}` : e.port.startsWith("in:") ? `i${ins.indexOf(e.port.slice(3))}` : `o${outs.indexOf(e.port.slice(4))}`)
    return {
      key: box.key, root: box.parent === null, wide: box.parent === null ? 0 : title(box), ins: ins.length, outs: outs.length,
      children: box.children.map((child) => (child.kind === "box" && child.open ? of(child) : size(child))),
      pieces: [...inside.pieces.values()].map((p) => ({ from: end(p.from), to: end(p.to), loop: p.loop })),
    }
  }
}

const isPlan = (child: Size | Plan): child is Plan => "children" in child

/** How many items stand in a box, at any depth. */
export function itemsIn(plan: Plan): number {
  return plan.children.reduce((sum, child) => sum + 1 + (isPlan(child) ? itemsIn(child) : 0), 0)
}

/** The layout of a plan. told: how many of its items have their place, whenever a box is done. */
export function layout(plan: Plan, told: (done: number) => void = () => {}): Layout {
  const boxes = new Map<string, Laid>()
  const known = new Map<string, Laid>()
  let done = 0
  inner(plan)
  return { boxes, laid: known.size }

  function inner(box: Plan): Laid {
    const sizes = box.children.map((child) => (isPlan(child) ? inner(child) : child))
    const form = JSON.stringify([box.root, box.wide, sizes.map((s, k) => [s.width, s.height, isPlan(box.children[k] ?? s)]), box.ins, box.outs, box.pieces])
    const laid = known.get(form) ?? laidOut(box, sizes)
    known.set(form, laid)
    boxes.set(box.key, laid)
    told((done += sizes.length))
    return laid
  }
}

/** A box without its long edges is dagre's; these run in lanes beside it. */
function laidOut(box: Plan, sizes: readonly Size[]): Laid {
  const within = box.pieces.flatMap(({ from, to, loop }, k) => (loop || !from.startsWith("c") || !to.startsWith("c") ? [] : [{ piece: k, edge: [Number(from.slice(1)), Number(to.slice(1))] as const }]))
  const edges = within.map((one) => one.edge)
  const taken = long(sizes.length, edges)
  const numberOf = (edge: number): number => within[edge]?.piece ?? -1
  const beside = new Set([...taken].map(numberOf))
  const graph = graphOf(box, sizes, beside)
  dagre(graph)
  const placed = sizes.map((_, k) => graph.node(`c${k}`) as Placed)
  const lines = box.pieces.map((piece, k) => (piece.loop || beside.has(k) ? [] : (graph.edge(piece.from, piece.to, `p${k}`) as { points: Point[] }).points))
  const aside = new Map([...lanes(edges, taken, placed, gapBelow, RANKS)].map(([edge, lane]) => [numberOf(edge), lane]))
  const ports = (sign: string, count: number): number[] => Array.from({ length: count }, (_, k) => (graph.node(`${sign}${k}`) as Placed).x)
  return cutOut(box, sizes, placed, { ins: ports("i", box.ins), outs: ports("o", box.outs) }, lines, aside)
}

/** The graph that dagre lays out: children, ports, and the pieces that are not laid beside them. */
function graphOf(box: Plan, sizes: readonly Size[], beside: ReadonlySet<number>): Graph {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: "TB", nodesep: 26, ranksep: RANKS, edgesep: 14, marginx: 0, marginy: 0 })
  graph.setDefaultEdgeLabel(() => ({}))
  const looped = new Set(box.pieces.filter((p) => p.loop && p.from === p.to).map((p) => p.from))
  sizes.forEach((size, k) => graph.setNode(`c${k}`, { width: size.width + (looped.has(`c${k}`) ? 2 * LOOP : 0), height: size.height }))
  // ports stand on the border: heavy edges from one end to all of a side keep them in the first and the last rank
  const [ins, outs] = [Array.from({ length: box.ins }, (_, k) => `i${k}`), Array.from({ length: box.outs }, (_, k) => `o${k}`)]
  for (const port of [...ins, ...outs]) graph.setNode(port, { width: PORT, height: PORT })
  if (ins.length > 0) graph.setNode("top", { width: 0, height: 0 })
  if (outs.length > 0) graph.setNode("end", { width: 0, height: 0 })
  for (const port of ins) graph.setEdge("top", port, { weight: 1000, minlen: 1 }, "port")
  for (const port of outs) graph.setEdge(port, "end", { weight: 1000, minlen: 1 }, "port")
  box.pieces.forEach((piece, k) => {
    if (!piece.loop && !beside.has(k)) graph.setEdge(piece.from, piece.to, { weight: 1, minlen: 1 }, `p${k}`)
  })
  return graph
}

interface Lane { readonly xs: readonly number[]; readonly gaps: readonly Gap[] }

/** A box as large as what is in it, measured from its upper left corner. */
function cutOut(box: Plan, sizes: readonly Size[], placed: readonly Placed[], ports: { ins: number[]; outs: number[] }, lines: readonly (readonly Point[])[], aside: ReadonlyMap<number, Lane>): Laid {
  const every = [
    ...placed.flatMap((p) => [p.x - p.width / 2, p.x + p.width / 2]), ...ports.ins, ...ports.outs, ...lines.flatMap((l) => l.map((p) => p.x)), ...[...aside.values()].flatMap((l) => l.xs),
  ]
  const margin = box.root ? 0 : MARGIN
  const [left, right] = [least(every) - margin, -least(every.map((x) => -x)) + margin]
  const top = least(placed.map((p) => p.y - p.height / 2)) - (box.root ? 0 : TITLE + (box.ins > 0 ? UNDER : 0))
  const bottom = -least(placed.map((p) => -p.y - p.height / 2)) + margin
  const width = Math.max(right - left, box.wide)
  const dx = (width - (right - left)) / 2 - left
  const move = (p: Point): Point => ({ x: p.x + dx, y: p.y - top })
  return {
    width, height: bottom - top,
    children: placed.map((p, k) => ({ ...move(p), width: sizes[k]?.width ?? 0, height: sizes[k]?.height ?? 0 })),
    ins: ports.ins.map((x) => x + dx),
    outs: ports.outs.map((x) => x + dx),
    lines: lines.map((line, k) => {
      const lane = aside.get(k)
      if (lane === undefined) return cut(line.map(move), !box.root && box.pieces[k]?.from.startsWith("i") === true)
      return { xs: lane.xs.map((x) => x + dx), gaps: lane.gaps.map((g) => ({ top: g.top - top, bottom: g.bottom - top })) }
    }),
  }
}

/** The least of many numbers: as arguments of a function they would be too many. */
function least(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Infinity)
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
