// Facts with arrays and relations behind them, for tests: packed as arspec/exploring/packing.py packs them.

import { deflateSync } from "node:zlib"

import type { Facts, MemberNode } from "../src/facts.ts"
import { unpack } from "../src/shell/unpack.ts"
import { node, small } from "./small.ts"

/** Arrays and relations in one block of bytes. */
export class Store {
  readonly arrays: Facts["arrays"] = []
  readonly relations: Facts["relations"] = []
  private block = new Uint8Array(0)

  array(values: readonly number[], delta = true, type: "i8" | "i16" | "i32" = "i16"): number {
    const stored = delta ? values.map((v, k) => v - (k ? values[k - 1]! : 0)) : values
    const made = { i8: Int8Array, i16: Int16Array, i32: Int32Array }[type].from(stored)
    const at = this.block.length
    const grown = new Uint8Array(at + Math.ceil(made.byteLength / 4) * 4)
    grown.set(this.block)
    grown.set(new Uint8Array(made.buffer), at)
    this.block = grown
    return this.arrays.push({ type, at, length: values.length, delta }) - 1
  }

  /** A relation by its runs [start, stop), site by site. */
  relation(inSites: number, runs: readonly (readonly (readonly [number, number])[])[], order: readonly number[] | null = null): number {
    const column = (value: (run: readonly [number, number]) => number): number[] =>
      runs.flatMap((own, s) => own.map((run, k) => value(run) - (s && runs[s - 1]![k] ? value(runs[s - 1]![k]!) : 0)))
    return this.relations.push({
      outSites: runs.length, inSites, counts: this.array(runs.map((own) => own.length)), starts: this.array(column(([a]) => a), false),
      lengths: this.array(column(([a, b]) => b - a), false), order: order && this.array(order),
    }) - 1
  }

  /** The facts with this block behind them, as the page unpacks them. */
  async unpacked(facts: Facts): Promise<Facts> {
    const text = JSON.stringify({ ...facts, arrays: this.arrays, relations: this.relations })
    const padded = new TextEncoder().encode(text + " ".repeat((4 - (text.length % 4)) % 4))
    const whole = new Uint8Array(4 + padded.length + this.block.length)
    new DataView(whole.buffer).setUint32(0, padded.length, true)
    whole.set(padded, 4)
    whole.set(this.block, 4 + padded.length)
    return unpack(deflateSync(whole).toString("base64"))
  }
}

/** A sequence of 8 steps, scaled, under two causal convolutions, of the step before and of the one two before that; its order
 * runs backwards where it is told to. Its contexts are those that the walk must find. */
export async function chain(backwards = false): Promise<Facts> {
  const steps = 8
  const store = new Store()
  const before = (by: number, also: boolean): (readonly [number, number])[][] => Array.from({ length: steps }, (_, t) => {
    const reads = backwards ? [...(also ? [t] : []), t + by] : [t - by, ...(also ? [t] : [])]
    return reads.filter((i) => i >= 0 && i < steps).map((i) => [i, i + 1] as const)
  })
  const time = Array.from({ length: steps }, (_, t) => (backwards ? steps - 1 - t : t))
  const same = store.relation(steps, time.map((_, t) => [[t, t + 1]]))
  const first = store.relation(steps, before(1, false))
  const second = store.relation(steps, before(2, true))
  const rows = time.map((_, place) => time.indexOf(place))
  const legal = rows.map((_, place) => place)
  const seenPlaces = rows.map((_, place) => [place - 3, place - 1].filter((i) => i >= 0))
  const relation = store.relation(steps, seenPlaces.map((p) => p.map((i) => [i, i + 1] as const)))
  const deep = store.relation(steps, rows.map((_, place) => (place > 1 ? [[0, place] as const] : place ? [[0, 1] as const] : [])))
  const facts = small()
  const layer = { grid: [steps], sites: steps }
  return store.unpacked({
    ...facts,
    data: { ...facts.data, kind: "sequence", grid: [steps], axes: ["step"], positions: steps, variables: steps },
    nodes: [
      node("x", [], null, { ...layer, role: "data", kind: "data" }), node("scaled", [0], null, layer), node("first", [1], null, layer), node("second", [2], null, layer),
    ],
    clusters: [],
    heads: [{ name: "head", node: 3, kind: "categorical", title: "", ahead: 0, beyond: 0 }],
    members: [{
      ...facts.members[0]!, steps, rank: store.array(time), place: store.array(rows), time: store.array(time), leaking: store.array([]),
      nodes: [[], [same], [first], [second]].map((reads): MemberNode => ({
        reads, scan: null, context: null, known: null, strict: "strict", boundary: false,
        first: store.array(time), last: store.array(time.map((t) => Math.min(t + (reads[0] === first ? 2 : 1), steps))),
      })),
      contexts: { rows: store.array(rows), relation, deep, legal: store.array(legal), within: store.array(seenPlaces.map((p) => p.length)) },
      schedule: { steps, calls: 24, sites: 24, cached: 4, every: 16 },
    }],
  })
}
