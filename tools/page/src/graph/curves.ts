// Lines as paths: flowing downwards through their points, and loops with round corners.

import type { Point } from "./layout.ts"

const n = (value: number): string => String(Math.round(value * 10) / 10)

/** A curve that leaves and enters every point straight up and down. */
export function flow(points: readonly Point[]): string {
  const [first, ...rest] = thinned(points)
  if (first === undefined) return ""
  let at = first
  let path = `M${n(first.x)} ${n(first.y)}`
  for (const next of rest) {
    if (Math.abs(next.x - at.x) < 0.5) path += `L${n(next.x)} ${n(next.y)}`
    else {
      const middle = (at.y + next.y) / 2
      path += `C${n(at.x)} ${n(middle)} ${n(next.x)} ${n(middle)} ${n(next.x)} ${n(next.y)}`
    }
    at = next
  }
  return path
}

/** Without the points between which a line goes straight down: fewer bends read calmer. */
function thinned(points: readonly Point[]): Point[] {
  return points.filter((p, k) => {
    const [before, after] = [points[k - 1], points[k + 1]]
    if (before === undefined || after === undefined) return true
    return !(Math.abs(before.x - p.x) < 0.5 && Math.abs(after.x - p.x) < 0.5) && after.y - before.y > 1
  })
}

/** Straight pieces with corners of a radius. */
export function rounded(points: readonly Point[], radius = 8): string {
  const first = points[0]
  if (first === undefined) return ""
  let path = `M${n(first.x)} ${n(first.y)}`
  for (let k = 1; k < points.length; k++) {
    const [a, b, c] = [points[k - 1], points[k], points[k + 1]]
    if (a === undefined || b === undefined) continue
    if (c === undefined) {
      path += `L${n(b.x)} ${n(b.y)}`
      continue
    }
    const r = Math.min(radius, far(a, b) / 2, far(b, c) / 2)
    const [before, after] = [toward(b, a, r), toward(b, c, r)]
    path += `L${n(before.x)} ${n(before.y)}Q${n(b.x)} ${n(b.y)} ${n(after.x)} ${n(after.y)}`
  }
  return path
}

function far(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y)
}

function toward(from: Point, to: Point, length: number): Point {
  const d = far(from, to) || 1
  return { x: from.x + ((to.x - from.x) / d) * length, y: from.y + ((to.y - from.y) / d) * length }
}
