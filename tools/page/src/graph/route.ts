// How lines run: straight down through the ranks, and across only in the gaps between them, each on a track of its own.

import type { Point } from "./layout.ts"

/** A line between two places. `xs` has one number more than `gaps`: where it goes down, before, between and behind these. */
export interface Run {
  readonly xs: number[]
  readonly gaps: readonly Gap[]
  top: number
  bottom: number
  /** Where it starts or ends at an item's side it may move along it; at a port it may not. */
  readonly from: Side | null
  readonly to: Side | null
}

export interface Gap { readonly top: number; readonly bottom: number }

/** The lower or upper side of an item. */
export interface Side { readonly item: unknown; readonly left: number; readonly right: number }

const CORNER = 11 // of an item's side that is kept free
const APART = 14
const CLEAR = 7

/** Settles where lines leave and arrive, and gives the points of each. */
export function routed(runs: readonly Run[]): Point[][] {
  for (const run of runs) if (run.from !== null) run.xs[0] = clamp(run.xs[1] ?? run.xs[0] ?? 0, run.from)
  const arriving = new Map<unknown, Run[]>()
  for (const run of runs) if (run.to !== null) arriving.set(run.to.item, [...(arriving.get(run.to.item) ?? []), run])
  for (const group of arriving.values()) spread(group)
  const tracks = tracked(runs)
  return runs.map((run, k) => points(run, tracks[k] ?? []))
}

function clamp(x: number, side: Side): number {
  const corner = Math.min(CORNER, (side.right - side.left) / 2)
  return Math.min(side.right - corner, Math.max(side.left + corner, x))
}

/** Lines that arrive at one side: in the order in which they come, apart from each other. */
function spread(group: readonly Run[]): void {
  const side = group[0]?.to
  if (side === null || side === undefined) return
  const before = (run: Run): number => run.xs.at(-2) ?? 0
  const sorted = [...group].sort((a, b) => before(a) - before(b))
  const [low, high] = [clamp(-Infinity, side), clamp(Infinity, side)]
  const step = Math.min(APART, (high - low) / Math.max(1, sorted.length - 1))
  const places = sorted.map((run) => clamp(before(run), side))
  for (let k = 1; k < places.length; k++) places[k] = Math.max(places[k] ?? 0, (places[k - 1] ?? 0) + step)
  for (let k = places.length - 1; k >= 0; k--) places[k] = Math.min(places[k] ?? 0, (places[k + 1] ?? high + step) - step)
  sorted.forEach((run, k) => {
    run.xs[run.xs.length - 1] = places[k] ?? low
  })
}

interface Across { readonly run: number; readonly gap: number; readonly from: number; readonly to: number; track: number }

/** For each run and gap: how far down the gap it crosses, from 0 to 1. Lines that would meet lie on tracks of their own, so
 * ordered that lines of one direction do not cross. */
function tracked(runs: readonly Run[]): number[][] {
  const out = runs.map((run) => run.gaps.map(() => 0.5))
  const gaps = new Map<number, Across[]>()
  runs.forEach((run, r) => run.gaps.forEach((gap, g) => {
    const [from, to] = [run.xs[g] ?? 0, run.xs[g + 1] ?? 0]
    if (Math.abs(from - to) < 1) return
    const key = Math.round(gap.top)
    gaps.set(key, [...(gaps.get(key) ?? []), { run: r, gap: g, from, to, track: 0 }])
  }))
  for (const all of gaps.values()) {
    const right = all.filter((a) => a.to > a.from).sort((a, b) => b.from - a.from || b.to - a.to)
    const left = all.filter((a) => a.to < a.from).sort((a, b) => a.from - b.from || a.to - b.to)
    const placed: Across[] = []
    for (const one of [...right, ...left]) {
      for (const other of placed) if (meet(one, other)) one.track = Math.max(one.track, other.track + 1)
      placed.push(one)
    }
    const most = Math.max(...placed.map((p) => p.track)) + 1
    for (const one of placed) (out[one.run] ?? [])[one.gap] = (one.track + 0.5) / most
  }
  return out
}

function meet(a: Across, b: Across): boolean {
  if (Math.abs(a.from - b.from) < 1) return false // lines from one place may run together
  return Math.min(a.from, a.to) - CLEAR < Math.max(b.from, b.to) && Math.min(b.from, b.to) - CLEAR < Math.max(a.from, a.to)
}

function points(run: Run, tracks: readonly number[]): Point[] {
  const out: Point[] = [{ x: run.xs[0] ?? 0, y: run.top }]
  run.gaps.forEach((gap, g) => {
    const [from, to] = [run.xs[g] ?? 0, run.xs[g + 1] ?? 0]
    if (Math.abs(from - to) < 1) return
    const y = gap.top + (gap.bottom - gap.top) * (tracks[g] ?? 0.5)
    out.push({ x: from, y }, { x: to, y })
  })
  out.push({ x: run.xs.at(-1) ?? 0, y: run.bottom })
  for (let k = out.length - 2; k >= 0; k--) {
    const [here, next] = [out[k], out[k + 1]]
    if (here !== undefined && next !== undefined && Math.abs(here.x - next.x) < 1) out[k] = { x: next.x, y: here.y } // no slant
  }
  return out
}
