// A shortest way of sites through a graph, by counting reads node by node.

import { inPlace, orderOf, SHORT, siteOf, type Step, type Walked } from "./walk.ts"

/** Of every node, by how few reads each of its sites is reached from one site; FAR where it is not. */
type Hops = (Int32Array | null)[]
const FAR = 0x7fffffff

function hopsFrom(nodes: readonly Walked[], from: Step, last: number): Hops {
  const found: Hops = nodes.map(() => null)
  const least = nodes.map(() => new Map<Uint32Array | null, Least>())
  for (let n = from.node; n <= last; n++) {
    const node = nodes[n]!
    const hops = new Int32Array(node.sites).fill(FAR)
    let any = n === from.node
    if (any) hops[from.site] = 0
    for (const { source, reads } of node.inputs) {
      const below = found[source]
      if (!below) continue
      any = true
      const { offsets, bounds, order } = reads
      if (inPlace(reads)) {
        for (let s = 0; s < hops.length; s++) if (below[s]! < hops[s]! - 1) hops[s] = below[s]! + 1
        continue
      }
      const ranges = least[source]!.get(order) ?? new Least(below, order)
      least[source]!.set(order, ranges)
      for (let s = 0, k = 0; s < reads.outSites; s++) {
        for (const stop = offsets[s + 1]!; k < stop; k++) {
          const hop = ranges.of(bounds[2 * k]!, bounds[2 * k + 1]!)
          if (hop < hops[s]! - 1) hops[s] = hop + 1
        }
      }
    }
    if (!any) continue
    if (node.scan) {
      const { offsets, bounds } = node.scan
      for (const s of orderOf(node.scan)) {
        for (let k = offsets[s]!; k < offsets[s + 1]!; k++) {
          for (let i = bounds[2 * k]!; i < bounds[2 * k + 1]!; i++) {
            const hop = hops[siteOf(node.scan, i)]!
            if (hop < hops[s]! - 1) hops[s] = hop + 1
          }
        }
      }
    }
    found[n] = hops
  }
  return found
}

/** The least of any range of values: two ranges of a length that is a power of two, which lie in it and overlap. */
class Least {
  private readonly powers: Int32Array[]

  constructor(values: Int32Array, order: Uint32Array | null) {
    this.powers = [order ? Int32Array.from(order, (site) => values[site]!) : values]
  }

  of(start: number, stop: number): number {
    if (stop - start <= SHORT) {
      const values = this.powers[0]!
      let least = FAR
      for (let i = start; i < stop; i++) if (values[i]! < least) least = values[i]!
      return least
    }
    const power = 31 - Math.clz32(stop - start)
    const table = this.table(power)
    return Math.min(table[start]!, table[stop - (1 << power)]!)
  }

  private table(power: number): Int32Array {
    const known = this.powers[power]
    if (known) return known
    const half = this.table(power - 1)
    const step = 1 << (power - 1)
    const made = half.slice(0, half.length - step)
    for (let i = 0; i < made.length; i++) if (half[i + step]! < made[i]!) made[i] = half[i + step]!
    return (this.powers[power] = made)
  }
}

/** A shortest way of sites from one site of a node to one site of a later node, the first of them first; null where
 * none leads there. */
export function way(nodes: readonly Walked[], from: Step, to: Step): Step[] | null {
  const hops = hopsFrom(nodes, from, to.node)
  if ((hops[to.node]?.[to.site] ?? FAR) === FAR) return null
  const found = [to]
  for (let at = to; at.node !== from.node || at.site !== from.site; found.push(at)) at = before(nodes, hops, at)
  return found.reverse()
}

/** A site that this one reads, and that is nearer by one. */
function before(nodes: readonly Walked[], hops: Hops, { node: n, site }: Step): Step {
  const { inputs, scan } = nodes[n]!
  const wanted = hops[n]![site]! - 1
  for (const { source, reads } of scan ? [...inputs, { source: n, reads: scan }] : inputs) {
    const below = hops[source]
    if (!below) continue
    for (let k = reads.offsets[site]!; k < reads.offsets[site + 1]!; k++) {
      for (let i = reads.bounds[2 * k]!; i < reads.bounds[2 * k + 1]!; i++) {
        const read = siteOf(reads, i)
        if (below[read] === wanted) return { node: source, site: read }
      }
    }
  }
  throw new Error("a site is reached, and none that it reads is")
}
