// What is lit in the graph: what stands next to a chosen item, the way of a leak, the way of a pair.

import type { NodeId } from "../facts.ts"
import { around, type Item, type Tree } from "./tree.ts"
import type { Wiring } from "./wires.ts"

/** Items and wires (by id) that are lit. */
export interface Lit { readonly items: ReadonlySet<Item>; readonly wires: ReadonlySet<number> }

/** An item, what it reads and what reads it, with the boxes around. */
export function neighbours(wires: Wiring, here: Item): Lit {
  const [items, lit] = [new Set<Item>([here]), new Set<number>()]
  for (const wire of wires.wires) {
    if (!inside(wire.source, here) && !inside(wire.target, here)) continue
    lit.add(wire.id)
    items.add(wire.source).add(wire.target)
  }
  for (const item of [...items]) for (const box of around(item)) items.add(box)
  return { items, wires: lit }
}

/** A path of nodes: its items, and the wires from each to the next. */
export function path(shown: Tree, wires: Wiring, nodes: readonly NodeId[]): Lit {
  const [items, lit] = [new Set<Item>(), new Set<number>()]
  nodes.forEach((node, k) => {
    const [a, b] = [shown.of.get(nodes[k - 1] ?? -1), shown.of.get(node)]
    if (b !== undefined) items.add(b)
    for (const wire of wires.wires) if (wire.source === a && wire.target === b) lit.add(wire.id)
  })
  return { items, wires: lit }
}

/** Nodes through which something flows: their items, and every wire between two of them. */
export function flow(shown: Tree, wires: Wiring, nodes: ReadonlySet<NodeId>): Lit {
  const items = new Set([...nodes].flatMap((id) => shown.of.get(id) ?? []))
  return { items, wires: new Set(wires.wires.filter((w) => w.pairs.some(([to, from]) => nodes.has(to) && nodes.has(from))).map((w) => w.id)) }
}

/** Whether an item is another, or lies in it. */
export function inside(item: Item, outer: Item): boolean {
  for (let at: Item | null = item; at !== null; at = at.parent) if (at === outer) return true
  return false
}
