// Lines as paths: straight pieces with round corners.


import type { Point } from "./layout.ts"

const n = (value: number): string => String(Math.round(value * 10) / 10)

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
