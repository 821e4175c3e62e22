/** Walks over the reads of a spec. What reads what is data: nothing here knows a kind of layer.
 *
 * A relation lists, for every site of a node's output, the input sites that it is computed from, as runs [start, stop).
 * Nodes stand in an order in which inputs come before their readers. A walk costs about as many steps as there are
 * sites and runs, however long the runs are: prefixes, as attention reads them, are added to a tree of ranges. */

/** Runs of input sites, site by site: those of site s are `bounds[2k]` to before `bounds[2k + 1]`, for k from
 * `offsets[s]` to before `offsets[s + 1]`. With an `order` they are runs of places in this list of input sites. */
export interface Runs {
  readonly outSites: number
  readonly inSites: number
  readonly offsets: Uint32Array
  readonly bounds: Uint32Array
  readonly order: Uint32Array | null
}

export interface Edge {
  readonly source: number
  readonly reads: Runs
}

export interface Walked {
  readonly sites: number
  readonly inputs: readonly Edge[]
  /** the own earlier sites that a recurrent node reads, in one step */
  readonly scan: Runs | null
}

/** Of every node, in their order: marks or counts of its sites, or null where it has none. */
export type Marks = (Uint8Array | null)[]
export type Counts = (Float64Array | null)[]

export interface Step {
  readonly node: number
  readonly site: number
}

export const SHORT = 12 // sites of a run up to which each is touched by itself
const MOST = 1e300 // paths, as numbers go

const identities = new WeakMap<Runs, boolean>()

/** Whether every site reads the site of the same number and no other. */
export function inPlace(reads: Runs): boolean {
  const known = identities.get(reads)
  if (known !== undefined) return known
  const { outSites, inSites, offsets, bounds, order } = reads
  let same = !order && outSites === inSites && bounds.length === 2 * outSites
  for (let s = 0; same && s < outSites; s++) same = offsets[s] === s && bounds[2 * s] === s && bounds[2 * s + 1] === s + 1
  identities.set(reads, same)
  return same
}

/** What a walk back gathers at the sites of one node: values of single sites, and of ranges of them. */
interface Gathered<T> {
  add(site: number, value: number): void
  range(start: number, stop: number, value: number): void
  /** The values of all sites, with those of the ranges. */
  settled(): T
}

/** Marks of some sites of one node, and the ranges of sites that are to be marked with them. */
class Touched implements Gathered<Uint8Array> {
  private readonly marks: Uint8Array
  private ends: Int32Array | null = null

  constructor(sites: number) {
    this.marks = new Uint8Array(sites)
  }

  add(site: number): void {
    this.marks[site] = 1
  }

  range(start: number, stop: number): void {
    if (stop - start <= SHORT) {
      for (let i = start; i < stop; i++) this.marks[i] = 1
      return
    }
    this.ends ??= new Int32Array(this.marks.length + 1)
    this.ends[start]!++
    this.ends[stop]!--
  }

  settled(): Uint8Array {
    const { marks, ends } = this
    if (ends) {
      for (let i = 0, open = 0; i < marks.length; i++) {
        open += ends[i]!
        if (open > 0) marks[i] = 1
      }
      this.ends = null
    }
    return marks
  }
}

/** Counts of some sites of one node, MOST at most. Ranges go to a binary tree, so that nothing is ever subtracted: small
 * counts stay beside counts of 1e300. */
class Added implements Gathered<Float64Array> {
  private readonly counts: Float64Array
  private tree: Float64Array | null = null
  private leaves = 1

  constructor(sites: number) {
    this.counts = new Float64Array(sites)
  }

  add(site: number, count: number): void {
    this.counts[site] = Math.min(this.counts[site]! + count, MOST)
  }

  range(start: number, stop: number, count: number): void {
    if (stop - start <= SHORT) {
      for (let i = start; i < stop; i++) this.counts[i]! += count
      return
    }
    if (!this.tree) {
      while (this.leaves < this.counts.length) this.leaves *= 2
      this.tree = new Float64Array(2 * this.leaves)
    }
    for (let a = start + this.leaves, b = stop + this.leaves; a < b; a >>= 1, b >>= 1) {
      if (a & 1) this.tree[a++]! += count
      if (b & 1) this.tree[--b]! += count
    }
  }

  settled(): Float64Array {
    const { counts, tree, leaves } = this
    if (tree) {
      for (let k = 1; k < leaves; k++) {
        tree[2 * k]! += tree[k]!
        tree[2 * k + 1]! += tree[k]!
      }
      for (let i = 0; i < counts.length; i++) counts[i]! += tree[leaves + i]!
      this.tree = null
    }
    for (let i = 0; i < counts.length; i++) if (counts[i]! > MOST) counts[i] = MOST
    return counts
  }
}

/** The site at a place of a relation's input. */
export function siteOf(reads: Runs, place: number): number {
  return reads.order ? reads.order[place]! : place
}

const orders = new WeakMap<Runs, Uint32Array | null>()

/** The sites of a scan in an order in which each comes after those that it reads; null where they form a circle. */
export function scanOrder(own: Runs): Uint32Array | null {
  const known = orders.get(own)
  if (known !== undefined) return known
  const { outSites, offsets, bounds } = own
  const waiting = new Uint32Array(outSites)
  const readers = new Uint32Array(outSites + 1)
  const each = (s: number, visit: (read: number) => void): void => {
    for (let k = offsets[s]!; k < offsets[s + 1]!; k++) for (let i = bounds[2 * k]!; i < bounds[2 * k + 1]!; i++) visit(siteOf(own, i))
  }
  for (let s = 0; s < outSites; s++) each(s, (i) => (readers[i + 1]!++, waiting[s]!++))
  for (let s = 0; s < outSites; s++) readers[s + 1]! += readers[s]!
  const by = new Uint32Array(readers[outSites]!)
  const filled = readers.slice()
  for (let s = 0; s < outSites; s++) each(s, (i) => (by[filled[i]!++] = s))
  const order = new Uint32Array(outSites)
  let found = 0
  for (let s = 0; s < outSites; s++) if (!waiting[s]) order[found++] = s
  for (let at = 0; at < found; at++) {
    const s = order[at]!
    for (let k = readers[s]!; k < readers[s + 1]!; k++) if (--waiting[by[k]!]! === 0) order[found++] = by[k]!
  }
  const result = found === outSites ? order : null
  orders.set(own, result)
  return result
}

/** As `scanOrder`; an Error where there is none. */
export function orderOf(own: Runs): Uint32Array {
  const order = scanOrder(own)
  if (!order) throw new Error("a recurrent node reads its own sites in a circle")
  return order
}

/** The sites that depend on the given sites of a node, themselves included. */
export function forward(nodes: readonly Walked[], start: number, sites: readonly number[]): Marks {
  const found: Marks = nodes.map(() => null)
  const sums = nodes.map(() => new Map<Uint32Array | null, Int32Array>())
  for (let n = start; n < nodes.length; n++) {
    const node = nodes[n]!
    let marks: Uint8Array | null = null
    let any = false
    if (n === start) {
      marks = new Uint8Array(node.sites)
      for (const s of sites) marks[s] = 1
      any = sites.length > 0
    }
    for (const { source, reads } of node.inputs) {
      const from = found[source]
      if (!from) continue
      marks ??= new Uint8Array(node.sites)
      if (inPlace(reads)) {
        for (let s = 0; s < from.length; s++) if (from[s]) (marks[s] = 1), (any = true)
        continue
      }
      const { offsets, bounds, order } = reads
      const before = sums[source]!.get(order) ?? summed(from, order)
      sums[source]!.set(order, before)
      for (let s = 0, k = 0; s < reads.outSites; s++) {
        for (const stop = offsets[s + 1]!; k < stop; k++) {
          if (before[bounds[2 * k + 1]!]! > before[bounds[2 * k]!]!) (marks[s] = 1), (any = true)
        }
      }
    }
    if (any && marks && node.scan) forwardInScan(node.scan, marks)
    found[n] = any ? marks : null
  }
  return found
}

/** Marks the sites of a recurrent node that read a marked one of their own, the first computed first. */
function forwardInScan(own: Runs, marks: Uint8Array): void {
  const { offsets, bounds } = own
  for (const s of orderOf(own)) {
    for (let k = offsets[s]!; !marks[s] && k < offsets[s + 1]!; k++) {
      for (let i = bounds[2 * k]!; i < bounds[2 * k + 1]!; i++) if (marks[siteOf(own, i)]) marks[s] = 1
    }
  }
}

function summed(marks: Uint8Array, order: Uint32Array | null): Int32Array {
  const sums = new Int32Array(marks.length + 1)
  for (let i = 0; i < marks.length; i++) sums[i + 1] = sums[i]! + marks[order ? order[i]! : i]!
  return sums
}

/** The sites that the given sites of a node depend on, themselves included. */
export function backward(nodes: readonly Walked[], start: number, sites: readonly number[]): Marks {
  return back(nodes, start, sites, (count) => new Touched(count))
}

/** By how many paths of sites each site leads to one site of a node: how strongly, if all weights were 1. */
export function paths(nodes: readonly Walked[], start: number, site: number): Counts {
  return back(nodes, start, [site], (count) => new Added(count))
}

/** Goes from some sites of a node back along what is read, and hands on the value of each site. */
function back<T extends Uint8Array | Float64Array>(nodes: readonly Walked[], start: number, sites: readonly number[], fresh: (sites: number) => Gathered<T>): (T | null)[] {
  const gathered: (Gathered<T> | null)[] = nodes.map(() => null)
  const found: (T | null)[] = nodes.map(() => null)
  gathered[start] = fresh(nodes[start]!.sites)
  for (const s of sites) gathered[start].add(s, 1)
  for (let n = start; n >= 0; n--) {
    const here = gathered[n]
    if (!here) continue
    gathered[n] = null
    const node = nodes[n]!
    const values = here.settled()
    if (node.scan) backInScan(node.scan, here, values)
    if (!values.some((value) => value > 0)) continue
    found[n] = values
    for (const { source, reads } of node.inputs) handOn(reads, values, (gathered[source] ??= fresh(nodes[source]!.sites)), fresh)
  }
  return found
}

/** Hands the values of a recurrent node on to the own sites that each reads, the last computed first. */
function backInScan<T extends Uint8Array | Float64Array>(own: Runs, here: Gathered<T>, values: T): void {
  const order = orderOf(own)
  const { offsets, bounds } = own
  for (let at = order.length - 1; at >= 0; at--) {
    const s = order[at]!
    const value = values[s]!
    if (!value) continue
    for (let k = offsets[s]!; k < offsets[s + 1]!; k++) for (let i = bounds[2 * k]!; i < bounds[2 * k + 1]!; i++) here.add(siteOf(own, i), value)
  }
}

/** Hands the values of a node's sites on to what each reads of one input. */
function handOn<T extends Uint8Array | Float64Array>(reads: Runs, values: T, source: Gathered<T>, fresh: (sites: number) => Gathered<T>): void {
  const same = inPlace(reads)
  const { offsets, bounds, order } = reads
  const into = order ? fresh(reads.inSites) : source
  for (let s = 0; s < values.length; s++) {
    const value = values[s]!
    if (!value) continue
    if (same) into.add(s, value)
    else for (let k = offsets[s]!; k < offsets[s + 1]!; k++) into.range(bounds[2 * k]!, bounds[2 * k + 1]!, value)
  }
  if (order) into.settled().forEach((value, place) => value && source.add(order[place]!, value))
}

/** Of every node the sites that depend on the one and lead to the other, by marks or counts: through them the value
 * flows. */
export function between(ahead: Marks, behind: Marks | Counts): Marks {
  return ahead.map((marks, n) => {
    const other = behind[n]
    if (!marks || !other) return null
    const both = new Uint8Array(marks.length)
    let any = false
    for (let s = 0; s < both.length; s++) if (marks[s] && other[s]! > 0) (both[s] = 1), (any = true)
    return any ? both : null
  })
}

/** How many sites are marked. */
export function count(marks: Uint8Array | null | undefined): number {
  let found = 0
  if (marks) for (let s = 0; s < marks.length; s++) found += marks[s]!
  return found
}

/** A relation from lists of the sites, or of the places in an order, that each site reads, sorted or not. */
export function runsOf(inSites: number, reads: readonly (readonly number[])[], order: Uint32Array | null = null): Runs {
  const offsets = new Uint32Array(reads.length + 1)
  const bounds: number[] = []
  reads.forEach((own, s) => {
    for (const i of [...new Set(own)].sort((a, b) => a - b)) {
      if (bounds.length > 2 * offsets[s]! && bounds[bounds.length - 1] === i) bounds[bounds.length - 1] = i + 1
      else bounds.push(i, i + 1)
    }
    offsets[s + 1] = bounds.length / 2
  })
  return { outSites: reads.length, inSites, offsets, bounds: Uint32Array.from(bounds), order }
}
