import assert from "node:assert/strict"
import { test } from "node:test"
import { eased } from "../src/graph/camera.ts"
import { layout, planned } from "../src/graph/layout.ts"
import { flow, neighbours, path } from "../src/graph/marks.ts"
import { scene } from "../src/graph/scene.ts"
import { type Expansion, Hierarchy, leaves, opening, parsed, revealed, spelled, tree } from "../src/graph/tree.ts"
import { walk } from "../src/graph/walk.ts"
import { readersOf, wiring } from "../src/graph/wires.ts"
import type { Facts } from "../src/facts.ts"
import { node, small } from "./small.ts"

const shut: Expansion = { open: new Set(), unrolled: new Set() }
const opened: Expansion = { open: new Set(["body.*"]), unrolled: new Set() }
const unrolled: Expansion = { open: new Set(["body.0", "body.1", "body.2"]), unrolled: new Set(["body.*"]) }

function drawn(facts: Facts, expansion: Expansion) {
  const shown = tree(new Hierarchy(facts), expansion)
  const wires = wiring(facts, shown)
  const laid = layout(planned(shown, wires, () => ({ width: 100, height: 40 }), () => 120))
  return { shown, wires, laid, view: scene(shown, wires, laid) }
}

const keys = (facts: Facts, expansion: Expansion): string[] => leaves(tree(new Hierarchy(facts), expansion).root).map((i) => i.key)

test("a glide begins where it stands, also where a frame's time lies before it", () => {
  assert.deepEqual([-5000, 0, 260, 9000].map(eased), [0, 0, 1, 1])
  assert.ok(eased(100) > 0 && eased(100) < eased(200))
})

test("closed, folded open and unrolled boxes show what they hold", () => {
  assert.deepEqual(keys(small(), shut), ["x", "first", "sum", "body.*"])
  assert.deepEqual(keys(small(), opened), ["x", "first", "sum", "body.*.a", "body.*.b"])
  assert.deepEqual(keys(small(), unrolled), ["x", "first", "sum", "body.0.a", "body.0.b", "body.1.a", "body.1.b", "body.2.a", "body.2.b"])
})

test("every node is drawn once, whatever is open", () => {
  for (const expansion of [shut, opened, unrolled]) {
    const { of } = tree(new Hierarchy(small()), expansion)
    assert.equal(of.size, small().nodes.length)
  }
})

test("nodes that the head does not depend on are not drawn", () => {
  const facts = small()
  facts.nodes.push(node("dead", [0], null, { live: false }))
  assert.ok(!keys(facts, shut).includes("dead"))
})

test("from one repetition to the next goes a loop, and no wire within a closed box", () => {
  const { wires } = drawn(small(), opened)
  const loops = wires.wires.filter((w) => w.turn !== null).map((w) => `${w.source.key}>${w.target.key} at ${w.turn?.key}`)
  assert.deepEqual(loops.sort(), ["body.*.b>body.*.a at body.*", "body.*.b>body.*.b at body.*"])
  assert.ok(drawn(small(), shut).wires.wires.every((w) => w.source !== w.target))
  assert.ok(drawn(small(), unrolled).wires.wires.every((w) => w.turn === null))
})

test("inputs with the same sources share a port", () => {
  const inside = drawn(small(), opened).wires.inside.get("body.*")
  assert.deepEqual([inside?.ins.size, inside?.outs.size], [1, 1])
})

test("the sum reads every repetition by one wire", () => {
  const { wires } = drawn(small(), shut)
  assert.equal(wires.wires.find((w) => w.target.key === "sum")?.pairs.length, 3)
})

test("what reads lies below what it reads, inside its box, and nothing overlaps", () => {
  for (const expansion of [shut, opened, unrolled]) {
    const { wires, view } = drawn(small(), expansion)
    for (const wire of wires.wires) {
      const [a, b] = [view.at.get(wire.source.key), view.at.get(wire.target.key)]
      if (wire.turn === null && a !== undefined && b !== undefined) assert.ok(a.y + a.height < b.y, `${wire.source.key} > ${wire.target.key}`)
    }
    for (const a of view.leaves) {
      const box = a.item.parent === null ? undefined : view.at.get(a.item.parent.key)
      if (box !== undefined) assert.ok(a.x > box.x && a.y > box.y && a.x + a.width < box.x + box.width && a.y + a.height < box.y + box.height)
      for (const b of view.leaves) if (a !== b) assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y)
    }
  }
})

test("lines end at the upper sides of items and start at the lower ones", () => {
  const { view } = drawn(small(), opened)
  for (const line of view.lines.filter((l) => l.ends && !l.piece.loop)) {
    const [from, to] = [line.piece.from, line.piece.to]
    const end = view.at.get(to.child?.key ?? "")
    assert.equal(line.points.at(-1)?.y, end?.y)
    assert.ok((line.points.at(-1)?.x ?? 0) > (end?.x ?? 0))
    for (let k = 1; k < line.points.length; k++) assert.ok(line.points[k]!.x === line.points[k - 1]!.x || line.points[k]!.y === line.points[k - 1]!.y, "no line slants")
    if (from.child !== null && from.port === "") assert.equal(line.points[0]?.y, (view.at.get(from.child.key)?.y ?? 0) + 40)
  }
})

test("equal boxes are laid out once", () => {
  assert.equal(drawn(small(), unrolled).laid.laid, 2)
})

test("a fresh page opens what is small enough", () => {
  assert.deepEqual([...opening(new Hierarchy(small())).open], ["body.*"])
  assert.deepEqual([...opening(new Hierarchy(small()), 4).open], [])
})

test("what hides a node is opened", () => {
  assert.deepEqual([...revealed(new Hierarchy(small()), shut, 5).open], ["body.*"])
})

test("arrow keys walk along edges and into boxes", () => {
  const { shown, wires, view } = drawn(small(), opened)
  const at = (key: string) => shown.items.get(key)!
  assert.equal(walk(view, wires, at("x"), "down")?.key, "first")
  assert.equal(walk(view, wires, at("sum"), "up")?.key, "body.*.b")
  assert.equal(walk(view, wires, at("body.*"), "down")?.key, "body.*.a")
  assert.equal(walk(view, wires, at("x"), "up"), null)
})

test("neighbours are what an item reads and what reads it", () => {
  const { shown, wires } = drawn(small(), shut)
  const { items } = neighbours(wires, shown.items.get("body.*")!)
  assert.deepEqual([...items].map((i) => i.key).sort(), ["body.*", "first", "sum"])
  assert.deepEqual(readersOf(small(), 1), [2, 3])
})

test("a path lights the wires from each node to the next, and only these", () => {
  const { shown, wires } = drawn(small(), unrolled)
  const lit = path(shown, wires, [0, 1, 3, 8])
  assert.equal(lit.wires.size, 3) // x > first > body.0.b > sum
  const all = path(shown, wires, [0, 1, 2, 3])
  assert.deepEqual(wires.wires.filter((w) => all.wires.has(w.id)).map((w) => `${w.source.key}>${w.target.key}`), ["x>first", "first>body.0.a", "body.0.a>body.0.b"])
  assert.equal(flow(shown, wires, new Set([1, 2, 3])).wires.size, 3)
})

test("a graph inside a node stands between the node and what it reads", () => {
  const facts = small()
  const nodes = [facts.nodes[0]!, node("route.inner", [0], null, { role: "inner", inside: 2 }), node("route", [0], null)]
  const inner = { ...facts, nodes, clusters: [], members: [{ ...facts.members[0]!, nodes: facts.members[0]!.nodes.slice(0, 3) }] }
  const { wires } = drawn(inner, shut)
  assert.deepEqual(wires.wires.map((w) => `${w.source.key}>${w.target.key}`), ["x>route.inner", "route.inner>route"])
})

test("a block and a node of one name are two items", () => {
  const facts = small()
  facts.clusters.push({ ...facts.clusters[0]!, name: "sum", short: "sum", fold: "sum", repetition: null, repetitions: 1 })
  facts.nodes.push(node("sum.inner", [0], 3), node("after", [8, 9]))
  facts.members[0]!.nodes.push({ ...facts.members[0]!.nodes[0]! }, { ...facts.members[0]!.nodes[0]! })
  const { wires, shown } = drawn(facts, { open: new Set(["sum/"]), unrolled: new Set() })
  assert.deepEqual([shown.of.get(8)?.key, shown.of.get(9)?.key], ["sum", "sum/.inner"])
  assert.ok(wires.wires.some((w) => w.source.key === "sum/.inner" && w.target.key === "after"))
})

test("what is open comes back from its text", () => {
  for (const expansion of [shut, opened, unrolled]) assert.deepEqual(parsed(spelled(expansion)), expansion)
})
