// What is on show of a graph: boxes that are open or closed, repetitions folded onto one or unrolled, and the nodes in them.

import type { ClusterId, Facts, NodeId } from "../facts.ts"

/** Which boxes are open, and which repetitions stand one by one. Keys are of `Item`. */
export interface Expansion {
  readonly open: ReadonlySet<string>
  readonly unrolled: ReadonlySet<string>
}

interface Base {
  /** Its path: names between dots, a * for folded repetitions. */
  readonly key: string
  readonly label: string
  readonly parent: Box | null
}

/** A node, or nodes of several repetitions that are drawn as one. */
export interface Leaf extends Base {
  readonly kind: "leaf"
  readonly nodes: readonly NodeId[]
}

/** A block, or several repetitions of one. `children` is empty where it is closed. */
export interface Box extends Base {
  readonly kind: "box"
  readonly clusters: readonly ClusterId[]
  /** Every node in it, at any depth and of all repetitions. */
  readonly nodes: readonly NodeId[]
  readonly open: boolean
  /** How many repetitions are drawn as one; 1 where it is no repetition. */
  readonly times: number
  /** Where its repetitions may be folded or unrolled: the key of the folded box. */
  readonly folds: string | null
  readonly children: Item[]
}

export type Item = Leaf | Box

export interface Tree {
  readonly root: Box
  /** By key: every item on show. */
  readonly items: ReadonlyMap<string, Item>
  /** The item that stands for each node: a leaf, or the closed box around it. Nodes that are not drawn have none. */
  readonly of: ReadonlyMap<NodeId, Item>
}

/** The parts of each cluster, worked out once for the facts. */
export class Hierarchy {
  readonly facts: Facts
  private readonly nodesOf = new Map<ClusterId | null, NodeId[]>()
  private readonly clustersOf = new Map<ClusterId | null, ClusterId[]>()

  constructor(facts: Facts) {
    this.facts = facts
    facts.nodes.forEach((node, id) => {
      if (node.live || node.role === "data") put(this.nodesOf, node.cluster, id)
    })
    facts.clusters.forEach((cluster, id) => put(this.clustersOf, cluster.parent, id))
  }

  nodes(cluster: ClusterId | null): readonly NodeId[] {
    return this.nodesOf.get(cluster) ?? []
  }

  clusters(cluster: ClusterId | null): readonly ClusterId[] {
    return this.clustersOf.get(cluster) ?? []
  }

  /** Every node of a cluster, at any depth. */
  within(cluster: ClusterId): NodeId[] {
    return [...this.nodes(cluster), ...this.clusters(cluster).flatMap((c) => this.within(c))]
  }
}

function put<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** What is on show. */
export function tree(hierarchy: Hierarchy, expansion: Expansion): Tree {
  const items = new Map<string, Item>()
  const of = new Map<NodeId, Item>()
  const root: Box = { kind: "box", key: "", label: "", parent: null, clusters: [], nodes: [], open: true, times: 1, folds: null, children: [] }
  fill(root, null)
  return { root, items, of }

  function fill(box: Box, clusters: readonly ClusterId[] | null): void {
    const { nodes: all, clusters: named } = hierarchy.facts
    const around = clusters ?? [null]
    const leaves = new Map<string, NodeId[]>()
    for (const cluster of around) for (const id of hierarchy.nodes(cluster)) put(leaves, all[id]?.fold ?? "", id)
    const boxes = new Map<string, ClusterId[]>()
    for (const cluster of around) for (const id of hierarchy.clusters(cluster)) put(boxes, named[id]?.fold ?? "", id)
    const outer = clusters === null ? "" : (named[clusters[0] ?? -1]?.fold ?? "")
    for (const [fold, ids] of leaves) {
      const own = last(fold, outer)
      for (const [name, group] of parted(own, ids, (id) => Number(/\.(\d+)$/.exec(all[id]?.name ?? "")?.[1] ?? -1))) {
        const leaf: Leaf = { kind: "leaf", key: under(box.key, name), label: name, parent: box, nodes: group }
        add(leaf)
        for (const id of group) of.set(id, leaf)
      }
    }
    for (const [fold, ids] of boxes) {
      const own = last(fold, outer)
      const folded = free(under(box.key, own))
      const repeated = own.endsWith("*")
      for (const [name, group] of parted(own, ids, (id) => named[id]?.repetition ?? -1)) {
        const key = free(under(box.key, name))
        const many = (named[group[0] ?? -1]?.repetitions ?? 1) > 1
        const inside: Box = {
          kind: "box", key, label: name, parent: box, clusters: group, nodes: group.flatMap((c) => hierarchy.within(c)),
          open: expansion.open.has(key), times: name.endsWith("*") ? (named[group[0] ?? -1]?.repetitions ?? 1) : 1,
          folds: repeated && many ? folded : null, children: [],
        }
        if (inside.nodes.length === 0) continue
        add(inside)
        if (inside.open) fill(inside, group)
        else for (const id of inside.nodes) of.set(id, inside)
      }
    }

    /** A block may be called as a node beside it is. */
    function free(key: string): string {
      return items.get(key)?.kind === "leaf" ? `${key}/` : key
    }

    function add(item: Item): void {
      box.children.push(item)
      items.set(item.key, item)
    }

    /** One group under the folded name, or one for each repetition where these are unrolled. */
    function parted(own: string, ids: readonly number[], number: (id: number) => number): [string, number[]][] {
      if (!own.endsWith("*") || !expansion.unrolled.has(under(box.key, own))) return [[own, [...ids]]]
      const each = new Map<number, number[]>()
      for (const id of ids) put(each, number(id), id)
      return [...each].map(([k, group]) => [own.slice(0, -1) + String(k), group])
    }
  }
}

function under(key: string, name: string): string {
  return key === "" ? name : `${key}.${name}`
}

/** The part of a folded name that its own block gave it. */
function last(fold: string, outer: string): string {
  return outer !== "" && fold.startsWith(`${outer}.`) ? fold.slice(outer.length + 1) : fold
}

/** What a fresh page opens: level by level, as long as no more than `most` boxes and nodes are on show. */
export function opening(hierarchy: Hierarchy, most = 48): Expansion {
  let best: Expansion = { open: new Set(), unrolled: new Set() }
  for (;;) {
    const closed = leaves(tree(hierarchy, best).root).filter((item) => item.kind === "box")
    if (closed.length === 0) return best
    const wider: Expansion = { open: new Set([...best.open, ...closed.map((item) => item.key)]), unrolled: best.unrolled }
    if (leaves(tree(hierarchy, wider).root).length > most) return best
    best = wider
  }
}

/** The leaves and closed boxes on show. */
export function leaves(box: Box): Item[] {
  return box.children.flatMap((item) => (item.kind === "box" && item.open ? leaves(item) : [item]))
}

export function depth(item: Item): number {
  return item.parent === null ? 0 : 1 + depth(item.parent)
}

/** The boxes around an item, the outermost first, without the root. */
export function around(item: Item): Box[] {
  const out: Box[] = []
  for (let box = item.parent; box !== null && box.parent !== null; box = box.parent) out.unshift(box)
  return out
}

/** Opens whatever hides a node. */
export function revealed(hierarchy: Hierarchy, expansion: Expansion, node: NodeId): Expansion {
  let now = expansion
  for (;;) {
    const item = tree(hierarchy, now).of.get(node)
    if (item === undefined || item.kind === "leaf") return now
    now = { open: new Set([...now.open, item.key]), unrolled: now.unrolled }
  }
}

/** What is open and unrolled as text, for a link; and back. */
export function spelled(expansion: Expansion): string {
  return `${[...expansion.open].sort().join(" ")}|${[...expansion.unrolled].sort().join(" ")}`
}

export function parsed(text: string): Expansion {
  const [open, unrolled] = text.split("|").map((part) => new Set(part.split(" ").filter(Boolean)))
  return { open: open ?? new Set(), unrolled: unrolled ?? new Set() }
}
