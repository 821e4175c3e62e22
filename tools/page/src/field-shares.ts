// Numbers of coverage: per variable, of a spec as a whole, and of all pairs as a picture.

import { number, share } from "./field.ts"
import { arrayOf, relationOf, type Member } from "./walk-facts.ts"

export interface Shares {
  /** of every variable the share of its past that it sees; NaN where there is none, or where it was not computed */
  readonly share: Float64Array
  readonly legal: Int32Array
  readonly within: Int32Array
  /** of a variable, its number in `legal` and `within` */
  readonly row: ReadonlyMap<number, number>
  readonly lowest: number
}

const known = new WeakMap<Member, Shares>()

export function sharesOf(member: Member): Shares {
  const before = known.get(member)
  if (before) return before
  const { contexts } = member.of
  const share = new Float64Array(member.rank.length).fill(NaN)
  const rows = contexts ? arrayOf(member.facts, contexts.rows) : new Int32Array()
  const legal = contexts ? arrayOf(member.facts, contexts.legal) : new Int32Array()
  const within = contexts ? arrayOf(member.facts, contexts.within) : new Int32Array()
  const row = new Map<number, number>()
  let lowest = 1
  rows.forEach((v, k) => {
    row.set(v, k)
    if (legal[k]! > 0) share[v] = within[k]! / legal[k]!
    if (share[v]! < lowest) lowest = share[v]!
  })
  const found = { share, legal, within, row, lowest }
  known.set(member, found)
  return found
}

const NARROWEST = 0.1 // of a scale of shares

/** Where a scale of shares begins that ends at all of them, by the lowest: a round number, and never the end itself. */
export function scaleFrom(lowest: number): number {
  return Math.min(Math.floor(lowest * 10) / 10, 1 - NARROWEST)
}

/** The number of the colour of a share among so many from `from` to 1, the first being 1; 0 where there is none. */
export function shareKeys(shares: ArrayLike<number>, from: number, colours: number): Uint8Array {
  return Uint8Array.from(shares, (s) => (Number.isNaN(s) ? 0 : 1 + Math.round(((s - from) / (1 - from)) * (colours - 1))))
}

/** The figures of a spec, as (name, value), for a table. */
export function figuresOf(member: Member): [string, string][] {
  const { facts, of } = member
  const { verdict } = facts
  const { schedule } = of
  const found: [string, string][] = [["parameters", number(verdict.parameters)], ["nodes", number(verdict.nodes)], ["variables", number(facts.data.variables)]]
  if (verdict.pairs !== null) found.push([facts.members.length > 1 ? "legal pairs seen, in all orders" : "legal pairs seen", share(verdict.pairs - (verdict.unseen ?? 0), verdict.pairs)])
  if (verdict.blind !== null) found.push(["blind pairs", number(verdict.blind)])
  if (verdict.outOfReach !== null) found.push(["pairs out of reach", number(verdict.outOfReach)])
  if (verdict.leaks) found.push(["leaks", number(verdict.leaks)])
  if (schedule) {
    found.push(["steps of a sample", number(schedule.steps)], ["sites computed in all", number(schedule.sites)],
      ["sites a step", (schedule.sites / schedule.steps).toLocaleString("en", { maximumFractionDigits: 1 })],
      ["calls of layers a step", (schedule.calls / schedule.steps).toLocaleString("en", { maximumFractionDigits: 1 })],
      ["rows of the caches", number(schedule.cached)])
  }
  return found
}

export interface Pairs {
  readonly size: number
  /** of every pixel, which share of its pairs is legal, and is legal and seen; and whether any is a leak */
  readonly legal: Float32Array
  readonly seen: Float32Array
  readonly leaks: Uint8Array
}

/** All pairs as a square picture, row by row in the order of generation; null where contexts are of some variables. */
export function matrixOf(member: Member, largest: number): Pairs | null {
  const { contexts } = member.of
  if (!contexts) return null
  const rows = arrayOf(member.facts, contexts.rows)
  const legal = arrayOf(member.facts, contexts.legal)
  const all = member.rank.length
  if (rows.length < all || largest < 1) return null
  const runs = relationOf(member.facts, contexts.relation)
  const pixels = Math.max(1, Math.min(Math.floor(largest), all))
  const scale = pixels / all
  const magnified = Math.max(1, Math.floor(largest / pixels))
  const size = pixels * magnified
  const found = { legal: new Float32Array(pixels * pixels), seen: new Float32Array(pixels * pixels), leaks: new Uint8Array(pixels * pixels) }
  const lines = Uint32Array.from({ length: rows.length }, (_, r) => Math.min(Math.floor(r * scale), pixels - 1))
  const height = new Uint32Array(pixels)
  for (const line of lines) height[line]!++
  const add = (into: Float32Array, line: number, start: number, stop: number): void => {
    // each pixel gets the share of its pairs that the run from `start` to `stop` covers
    for (let c = Math.floor(start * scale); c < pixels && c < stop * scale; c++) {
      const [a, b] = [Math.max(c, start * scale), Math.min(c + 1, stop * scale)]
      if (b > a) into[line * pixels + c]! += (b - a) / height[line]!
    }
  }
  for (let r = 0; r < rows.length; r++) {
    const line = lines[r]!
    const before = legal[r]!
    add(found.legal, line, 0, before)
    for (let k = runs.offsets[r]!; k < runs.offsets[r + 1]!; k++) {
      const [start, stop] = [runs.bounds[2 * k]!, runs.bounds[2 * k + 1]!]
      if (start < before) add(found.seen, line, start, Math.min(stop, before))
      if (stop > before) {
        const [a, b] = [Math.max(start, before), stop]
        for (let c = Math.floor(a * scale); c < pixels && c < b * scale; c++) found.leaks[line * pixels + c] = 1
      }
    }
  }
  return magnified === 1 ? { size, ...found } : { size, legal: grown(found.legal, pixels, magnified), seen: grown(found.seen, pixels, magnified), leaks: grown(found.leaks, pixels, magnified) }
}

function grown<T extends Float32Array | Uint8Array>(values: T, pixels: number, by: number): T {
  const size = pixels * by
  const found = new (values.constructor as new (n: number) => T)(size * size)
  for (let k = 0; k < size * size; k++) found[k] = values[Math.floor(Math.floor(k / size) / by) * pixels + Math.floor((k % size) / by)]!
  return found
}
