// The edges of what is on show, cut where they cross the border of an open box: each box is then laid out by itself.

import type { Facts, InputFacts, NodeId } from "../facts.ts"
import { around, type Box, type Item, type Tree } from "./tree.ts"

/** An edge between two items that hide no further one. */
export interface Wire {
  readonly id: number
  readonly source: Item
  readonly target: Item
  /** Where it goes from one repetition to another that is drawn as the same: that box or node. */
  readonly turn: Item | null
  /** (node, input node) of the graph. */
  readonly pairs: (readonly [target: NodeId, source: NodeId])[]
}

/** Where an edge crosses the border of an open box. */
export interface Port {
  readonly key: string
  readonly wires: Wire[]
}

/** An end of a piece: a child and its port (empty for leaves and closed boxes), or a port of the box itself (child null). */
export interface End {
  readonly child: Item | null
  readonly port: string
}

/** The part of edges that lies in one box, between two of its children or its ports. */
export interface Piece {
  readonly from: End
  readonly to: End
  readonly loop: boolean
  readonly wires: Wire[]
}

export interface Inside {
  readonly ins: Map<string, Port>
  readonly outs: Map<string, Port>
  readonly pieces: Map<string, Piece>
}

export interface Wiring {
  readonly wires: readonly Wire[]
  /** By key of the open box ("" is the root). */
  readonly inside: ReadonlyMap<string, Inside>
}

/** The edges of a tree. */
export function wiring(facts: Facts, shown: Tree): Wiring {
  const wires = new Map<string, Wire>()
  const slots = new Map<string, Set<string>>() // the sources of an input of a drawn node, over its repetitions
  const slotsOf = new Map<Wire, string[]>()
  facts.nodes.forEach((_, id) => {
    const target = shown.of.get(id)
    if (target === undefined) return
    drawnInputs(facts, id).forEach((input, k) => {
      const source = shown.of.get(input.node)
      if (source === undefined) return
      if (source === target && source.kind === "box") return // inside a closed box
      const at = turn(facts, shown, input.node, id)
      const key = `${source.key}>${target.key}${at === null ? "" : `~${at.key}`}`
      let wire = wires.get(key)
      if (wire === undefined) {
        wire = { id: wires.size, source, target, turn: at, pairs: [] }
        wires.set(key, wire)
        slotsOf.set(wire, [])
      }
      wire.pairs.push([id, input.node])
      const slot = `${target.key}:${target.kind === "leaf" ? k : source.key}`
      slotsOf.get(wire)?.push(slot)
      const sources = slots.get(slot) ?? new Set()
      slots.set(slot, sources.add(source.key))
    })
  })
  const inside = new Map<string, Inside>()
  const of = (box: Box): Inside => {
    let found = inside.get(box.key)
    if (found === undefined) {
      found = { ins: new Map(), outs: new Map(), pieces: new Map() }
      inside.set(box.key, found)
    }
    return found
  }
  of(shown.root)
  for (const item of shown.items.values()) if (item.kind === "box" && item.open) of(item)
  for (const wire of wires.values()) {
    const entry = signature(slotsOf.get(wire) ?? [], slots)
    lay(shown.root, wire, entry, of)
  }
  return { wires: [...wires.values()], inside }
}

/** The inputs of a node as they are drawn: what a graph inside it reads goes there, and only its output to the node. */
export function drawnInputs(facts: Facts, id: NodeId): readonly InputFacts[] {
  const inputs = facts.nodes[id]?.inputs ?? []
  if (facts.nodes[id - 1]?.inside !== id) return inputs // a graph inside a node stands just before it
  return [{ port: "from", node: id - 1 }, ...inputs.filter((input) => input.port !== "from")]
}

/** The nodes that read a node. */
export function readersOf(facts: Facts, id: NodeId): NodeId[] {
  const found: NodeId[] = []
  facts.nodes.forEach((node, k) => {
    if (node.live && node.inputs.some((input) => input.node === id)) found.push(k)
  })
  return found
}

/** Ports are shared by inputs that have the same sources. */
function signature(own: readonly string[], slots: ReadonlyMap<string, ReadonlySet<string>>): string {
  const sources = new Set<string>()
  for (const slot of own) for (const source of slots.get(slot) ?? []) sources.add(source)
  return [...sources].sort().join("|")
}

/** The outermost item whose repetitions, drawn as one, an edge goes between; null where there is none. */
function turn(facts: Facts, shown: Tree, source: NodeId, target: NodeId): Item | null {
  const [a, b] = [shown.of.get(source), shown.of.get(target)]
  if (a === undefined || b === undefined) return null
  const second = boxes(b)
  for (const box of boxes(a)) {
    if (!second.includes(box)) break
    if (box.clusters.length > 1 && owner(facts, box, source) !== owner(facts, box, target)) return box
  }
  return a === b && a.kind === "leaf" ? a : null
}

/** An item's open boxes, and itself where it is a closed one. */
function boxes(item: Item): Box[] {
  return item.kind === "box" ? [...around(item), item] : around(item)
}

/** Which of the clusters of a box a node lies in. */
function owner(facts: Facts, box: Box, node: NodeId): number | null {
  for (let at = facts.nodes[node]?.cluster ?? null; at !== null; at = facts.clusters[at]?.parent ?? null) {
    if (box.clusters.includes(at)) return at
  }
  return null
}

/** Lays the pieces of one wire: out of the boxes around its source, across, and into those around its target. */
function lay(root: Box, wire: Wire, entry: string, of: (box: Box) => Inside): void {
  const up = [root, ...around(wire.source)]
  const down = [root, ...around(wire.target)]
  let shared = 0
  while (shared < up.length && shared < down.length && up[shared] === down[shared]) shared += 1
  const at = wire.turn === null ? -1 : up.indexOf(wire.turn as Box)
  if (at > 0) shared = at // out of the folded box, and in again
  const meet = up[shared - 1] ?? root
  const from = exit(up.slice(shared), wire, of)
  const to = enter(down.slice(shared), wire, entry, of)
  piece(of(meet), from, to, wire.turn !== null, wire)
}

function exit(out: readonly Box[], wire: Wire, of: (box: Box) => Inside): End {
  let end: End = { child: wire.source, port: "" }
  for (const box of [...out].reverse()) {
    const here = of(box)
    const key = wire.source.key
    port(here.outs, key, wire)
    piece(here, end, { child: null, port: `out:${key}` }, false, wire)
    end = { child: box, port: `out:${key}` }
  }
  return end
}

function enter(into: readonly Box[], wire: Wire, key: string, of: (box: Box) => Inside): End {
  let end: End = { child: wire.target, port: "" }
  for (const box of [...into].reverse()) {
    const here = of(box)
    port(here.ins, key, wire)
    piece(here, { child: null, port: `in:${key}` }, end, false, wire)
    end = { child: box, port: `in:${key}` }
  }
  return end
}

function port(ports: Map<string, Port>, key: string, wire: Wire): void {
  const found = ports.get(key)
  if (found === undefined) ports.set(key, { key, wires: [wire] })
  else if (!found.wires.includes(wire)) found.wires.push(wire)
}

function piece(inside: Inside, from: End, to: End, loop: boolean, wire: Wire): void {
  const key = `${from.child?.key ?? ""}#${from.port}>${to.child?.key ?? ""}#${to.port}${loop ? "~" : ""}`
  const found = inside.pieces.get(key)
  if (found === undefined) inside.pieces.set(key, { from, to, loop, wires: [wire] })
  else if (!found.wires.includes(wire)) found.wires.push(wire)
}
