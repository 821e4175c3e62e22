// The numbers behind the facts, unpacked when they are asked for, and what the walks make of them.

import type { Facts, MemberFacts, NodeFacts } from "./facts.ts"
import { blockOf } from "./shell/unpack.ts"
import { backward, between, forward, paths, type Counts, type Marks, type Runs, type Step, type Walked } from "./walk.ts"
import { way } from "./walk-way.ts"

/** The numbers of an array of the facts. Do not change them: they are shared. */
export function arrayOf(facts: Facts, id: number): Int32Array {
  const known = cacheOf(facts)
  return (known.arrays[id] ??= arrayIn(facts, blockOf(facts), id))
}

/** The numbers of an array, read from the block of bytes behind the facts. */
export function arrayIn(facts: Facts, block: Uint8Array, id: number): Int32Array {
  const shape = facts.arrays[id]
  if (!shape) throw new Error(`the facts have no array ${id}`)
  const { type, at, length, delta } = shape
  const from = block.byteOffset + at
  const stored = type === "i8" ? new Int8Array(block.buffer, from, length)
    : type === "i16" ? new Int16Array(block.buffer.slice(from, from + 2 * length))
    : new Int32Array(block.buffer.slice(from, from + 4 * length))
  const found = Int32Array.from(stored)
  if (delta) for (let k = 1; k < found.length; k++) found[k]! += found[k - 1]!
  return found
}

/** A relation of the facts. */
export function relationOf(facts: Facts, id: number): Runs {
  const known = cacheOf(facts)
  return (known.relations[id] ??= relationIn(facts, (array) => arrayOf(facts, array), id))
}

/** A relation, given its arrays: runs stand there by column, as differences from the same column of the site before. */
export function relationIn(facts: Facts, array: (id: number) => Int32Array, id: number): Runs {
  const shape = facts.relations[id]
  if (!shape) throw new Error(`the facts have no relation ${id}`)
  const counts = array(shape.counts)
  const starts = array(shape.starts)
  const lengths = array(shape.lengths)
  const offsets = new Uint32Array(shape.outSites + 1)
  const bounds = new Uint32Array(2 * starts.length)
  const sizes = new Uint32Array(starts.length)
  for (let s = 0; s < shape.outSites; s++) {
    const own = offsets[s]!
    const before = s ? offsets[s - 1]! : 0
    const had = own - before
    for (let k = 0; k < counts[s]!; k++) {
      const at = own + k
      const start = starts[at]! + (k < had ? bounds[2 * (before + k)]! : 0)
      sizes[at] = lengths[at]! + (k < had ? sizes[before + k]! : 0)
      bounds[2 * at] = start
      bounds[2 * at + 1] = start + sizes[at]!
    }
    offsets[s + 1] = own + counts[s]!
  }
  const order = shape.order === null ? null : Uint32Array.from(array(shape.order))
  return { outSites: shape.outSites, inSites: shape.inSites, offsets, bounds, order }
}

/** What holds under one order of a family, with its numbers unpacked. */
export class Member {
  readonly facts: Facts
  readonly of: MemberFacts
  readonly rank: Int32Array
  readonly time: Int32Array
  /** the node of the head that is asked for: the site for each variable has the variable's number */
  readonly head: number
  /** its number: 0 is drawn from */
  private readonly which: number
  readonly data: number
  private graph: Walked[] | null = null
  private row: Map<number, number> | null = null
  private readonly walks = new Map<string, unknown>()

  constructor(facts: Facts, index: number, which = 0) {
    const of = facts.members[index]
    if (!of) throw new Error(`the facts have no order ${index}`)
    this.facts = facts
    this.of = of
    this.rank = arrayOf(facts, of.rank)
    this.time = arrayOf(facts, of.time)
    this.which = which
    this.head = facts.heads[which]?.node ?? facts.nodes.length - 1
    this.data = Math.max(facts.nodes.findIndex((n) => n.role === "data"), 0)
  }

  /** Whether the facts say what reads what, so that one can walk. */
  get walkable(): boolean {
    const own = this.of.nodes[this.head]
    return own !== undefined && own.reads.length === this.facts.nodes[this.head]!.inputs.length && this.nodes[this.head]!.sites > 0
  }

  /** The nodes as the walks take them; those that nothing depends on have neither sites nor inputs. */
  get nodes(): readonly Walked[] {
    return (this.graph ??= this.facts.nodes.map((node, n) => {
      const own = this.of.nodes[n]
      if (node.inside !== null || !own || own.reads.length !== node.inputs.length) return { sites: node.inside === null ? node.sites : 0, inputs: [], scan: null }
      const inputs = node.inputs.map((input, k) => ({ source: input.node, reads: relationOf(this.facts, own.reads[k]!) }))
      return { sites: node.sites, inputs, scan: own.scan === null ? null : relationOf(this.facts, own.scan) }
    }))
  }

  /** How many steps, from that of a variable on, the head may see at its place. */
  get beyond(): number {
    return this.facts.heads[this.which]?.beyond ?? 0
  }

  /** The variable that the head predicts at the place of another; null where there is none. */
  predicted(variable: number): number | null {
    const ahead = this.facts.heads[this.which]?.ahead ?? 0
    if (ahead === 0) return variable
    return this.time[variable]! < 0 ? null : arrayOf(this.facts, this.of.place)[this.rank[variable]! + ahead] ?? null
  }

  /** What a variable's distribution depends on, and by how many paths. */
  counts(variable: number): Counts {
    return this.once(`counts ${variable}`, () => paths(this.nodes, this.head, variable))
  }

  /** What depends on a variable. */
  ahead(variable: number): Marks {
    return this.once(`ahead ${variable}`, () => forward(this.nodes, this.data, [variable]))
  }

  /** What a variable's distribution depends on. */
  behind(variable: number): Marks {
    return this.once(`behind ${variable}`, () => backward(this.nodes, this.head, [variable]))
  }

  /** The sites through which a variable flows to the distribution of another. */
  flow(from: number, to: number): Marks {
    return this.once(`flow ${from} ${to}`, () => between(this.ahead(from), this.counts(to)))
  }

  /** A shortest way from a variable to the distribution of another; null where there is none. */
  way(from: number, to: number): Step[] | null {
    return this.once(`way ${from} ${to}`, () => way(this.nodes, { node: this.data, site: from }, { node: this.head, site: to }))
  }

  /** Whether a variable's distribution sees each variable: as arspec found it, or else by a walk. */
  seen(variable: number): Uint8Array {
    return this.once(`seen ${variable}`, () => {
      const row = this.rowOf(variable)
      if (row !== null) return this.marked(this.of.contexts!.relation, row)
      return this.behind(variable)[this.data] ?? new Uint8Array(this.rank.length)
    })
  }

  /** Likewise at any depth; null where that is not known. */
  deep(variable: number): Uint8Array | null {
    const row = this.rowOf(variable)
    const deep = this.of.contexts?.deep ?? null
    return row === null || deep === null ? null : this.once(`deep ${variable}`, () => this.marked(deep, row))
  }

  /** The row of the contexts that is a variable's; null where they hold none of it. */
  rowOf(variable: number): number | null {
    const contexts = this.of.contexts
    if (!contexts || this.which) return null
    this.row ??= new Map([...arrayOf(this.facts, contexts.rows)].map((v, k) => [v, k]))
    return this.row.get(variable) ?? null
  }

  private marked(relation: number, row: number): Uint8Array {
    const runs = relationOf(this.facts, relation)
    const at = arrayOf(this.facts, this.of.place)
    const found = new Uint8Array(this.rank.length)
    for (let k = runs.offsets[row]!; k < runs.offsets[row + 1]!; k++) {
      for (let place = runs.bounds[2 * k]!; place < runs.bounds[2 * k + 1]!; place++) found[at[runs.order ? runs.order[place]! : place]!] = 1
    }
    return found
  }

  /** The last few walks are kept: pictures of one choice ask for them many times. */
  private once<T>(key: string, walk: () => T): T {
    if (this.walks.has(key)) return this.walks.get(key) as T
    if (this.walks.size > KEPT) this.walks.clear()
    const found = walk()
    this.walks.set(key, found)
    return found
  }
}

const KEPT = 12 // walks of a member

interface Cache {
  arrays: (Int32Array | undefined)[]
  relations: (Runs | undefined)[]
  /** by order, then by head */
  members: (Member[] | undefined)[]
}

const caches = new WeakMap<Facts, Cache>()

function cacheOf(facts: Facts): Cache {
  const known = caches.get(facts) ?? { arrays: [], relations: [], members: [] }
  caches.set(facts, known)
  return known
}

/** What holds under one order of a family at one of the heads; what there is not is the first. */
export function memberOf(facts: Facts, index: number, head = 0): Member {
  const at = index in facts.members ? index : 0
  const which = head in facts.heads ? head : 0
  const own = (cacheOf(facts).members[at] ??= [])
  return (own[which] ??= new Member(facts, at, which))
}

/** The order that is chosen, at the head that is drawn from. */
export function chosenMember(state: { readonly facts: Facts; readonly member: number }): Member {
  return memberOf(state.facts, state.member)
}

/** What is chosen, as far as it says what is asked of whom. */
interface Asked {
  readonly facts: Facts
  readonly member: number
  readonly more?: Readonly<Record<string, string>>
}

/** The number of the head whose contexts are asked for: the chosen one, else one that leaks. */
export function askedHead(state: Asked): number {
  const chosen = state.more?.["field.head"]
  if (chosen) return Number(chosen) in state.facts.heads ? Number(chosen) : 0
  const end = chosenMember(state).of.leaks[0]?.path.at(-1)?.node
  return Math.max(state.facts.heads.findIndex((head) => head.node === end), 0)
}

/** The order that is chosen, at the head whose contexts are asked for. */
export function askedMember(state: Asked): Member {
  return memberOf(state.facts, state.member, askedHead(state))
}

/** The nodes through which the chosen pair flows; empty where none is chosen, or where nothing flows. */
export function wayNodes(state: Asked & { readonly variable: number | null; readonly pair: number | null }): Set<number> {
  const found = new Set<number>()
  if (state.variable === null || state.pair === null) return found
  const member = askedMember(state)
  if (member.walkable) member.flow(state.pair, state.variable).forEach((marks, n) => marks && found.add(n))
  return found
}

/** What the nodes of the facts are called. */
export function nodeWord(facts: Facts): string {
  return facts.kind === "audit" ? "operation" : "layer"
}

/** Whether a node's sites are shown at all: inner nodes and what nothing depends on have none. */
export function shownNode(node: NodeFacts): boolean {
  return node.inside === null && node.live && node.sites > 0
}
