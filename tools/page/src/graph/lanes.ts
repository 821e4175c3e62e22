// Edges that pass many ranks cost dagre dearly, a place in every rank. Where there are many, the longest run in lanes beside
// everything instead.

import type { Gap } from "./route.ts"

/** Edges between numbered nodes. */
export type Edges = readonly (readonly [from: number, to: number])[]

const MOST = 600 // ranks that edges pass in all
const SHORT = 6 // ranks of an edge that is never taken out
const APART = 9

/** Which of the edges to take out of a graph of so many nodes: none that alone holds its ends in order. */
export function long(nodes: number, edges: Edges): Set<number> {
  const rank = ranks(nodes, edges)
  const spans = edges.map(([a, b]) => (rank[b] ?? 0) - (rank[a] ?? 0))
  let total = spans.reduce((sum, s) => sum + s, 0)
  const out = new Set<number>()
  const next: number[][] = Array.from({ length: nodes }, () => [])
  edges.forEach(([a], k) => next[a]?.push(k))
  const order = spans.map((_, k) => k).sort((a, b) => (spans[b] ?? 0) - (spans[a] ?? 0))
  for (const k of order) {
    if (total <= MOST || (spans[k] ?? 0) <= SHORT) break
    out.add(k)
    if (reaches(edges, next, out, rank, k)) total -= spans[k] ?? 0
    else out.delete(k)
  }
  return out
}

/** How many edges the longest path to each node has. Edges that close a circle are left out of account. */
function ranks(nodes: number, edges: Edges): number[] {
  const before: number[][] = Array.from({ length: nodes }, () => [])
  for (const [a, b] of edges) before[b]?.push(a)
  const rank = new Array<number>(nodes).fill(-1)
  for (let start = 0; start < nodes; start++) {
    const stack = [start]
    const open = new Set<number>()
    while (stack.length > 0) {
      const at = stack.at(-1) ?? 0
      const waiting = rank[at] === -1 && !open.has(at) ? (before[at] ?? []).filter((b) => rank[b] === -1 && !open.has(b)) : []
      open.add(at)
      if (waiting.length > 0) {
        stack.push(...waiting)
        continue
      }
      stack.pop()
      if (rank[at] === -1) rank[at] = 1 + Math.max(-1, ...(before[at] ?? []).map((b) => rank[b] ?? -1))
    }
  }
  return rank
}

/** Whether there is still a path between the ends of an edge, without those that are taken out. */
function reaches(edges: Edges, next: readonly number[][], out: ReadonlySet<number>, rank: readonly number[], edge: number): boolean {
  const [from, to] = edges[edge] ?? [0, 0]
  const seen = new Set([from])
  const queue = [from]
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const k of next[at] ?? []) {
      const b = edges[k]?.[1] ?? 0
      if (out.has(k) || seen.has(b)) continue
      if (b === to) return true
      if ((rank[b] ?? 0) >= (rank[to] ?? 0)) continue
      seen.add(b)
      queue.push(b)
    }
  }
  return false
}

interface Placed { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

/** A line for each edge that was taken out: across below its source, down a lane, across above its target. */
export function lanes(edges: Edges, out: ReadonlySet<number>, placed: readonly Placed[], gap: (bottom: number) => Gap, height: number): Map<number, { xs: number[]; gaps: Gap[] }> {
  const lines = new Map<number, { xs: number[]; gaps: Gap[] }>()
  if (out.size === 0) return lines
  const half = new Map<number, number>() // of the tallest of each rank
  for (const p of placed) half.set(Math.round(p.y), Math.max(half.get(Math.round(p.y)) ?? 0, p.height / 2))
  const left = Math.min(...placed.map((p) => p.x - p.width / 2))
  const right = Math.max(...placed.map((p) => p.x + p.width / 2))
  const taken: { side: number; lane: number; from: number; to: number }[] = []
  const runs = [...out].flatMap((k) => {
    const [a, b] = [placed[edges[k]?.[0] ?? -1], placed[edges[k]?.[1] ?? -1]]
    if (a === undefined || b === undefined) return []
    const [from, to] = [gap(a.y + (half.get(Math.round(a.y)) ?? 0)), gap(b.y - (half.get(Math.round(b.y)) ?? 0) - height)]
    return [{ k, a, b, from, to, side: (a.x + b.x) / 2 < (left + right) / 2 ? -1 : 1 }]
  })
  runs.sort((a, b) => a.to.top - a.from.top - (b.to.top - b.from.top))
  for (const { k, a, b, from, to, side } of runs) {
    let lane = 0
    while (taken.some((t) => t.side === side && t.lane === lane && t.from < to.bottom && from.top < t.to)) lane += 1
    taken.push({ side, lane, from: from.top, to: to.bottom })
    const x = side < 0 ? left - 2 * APART - APART * lane : right + 2 * APART + APART * lane
    lines.set(k, { xs: [a.x, x, b.x], gaps: [from, to] })
  }
  return lines
}
