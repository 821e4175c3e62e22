import assert from "node:assert/strict"
import { test } from "node:test"
import { layout, planned } from "../src/graph/layout.ts"
import { long } from "../src/graph/lanes.ts"
import { scene } from "../src/graph/scene.ts"
import { Hierarchy, tree } from "../src/graph/tree.ts"
import { wiring } from "../src/graph/wires.ts"
import type { Facts } from "../src/facts.ts"
import { node, small } from "./small.ts"

/** A chain of n nodes whose last one reads each of the others too. */
function skips(n: number): [number, number][] {
  const chain = Array.from({ length: n - 1 }, (_, k): [number, number] => [k, k + 1])
  return [...chain, ...Array.from({ length: n - 2 }, (_, k): [number, number] => [k, n - 1])]
}

test("few edges stay, whatever their length", () => {
  assert.equal(long(30, skips(30)).size, 0)
})

test("of many the longest are taken out, and never those that alone hold their ends in order", () => {
  const edges = skips(60)
  const out = long(60, edges)
  assert.ok(out.size > 10 && [...out].every((k) => k >= 59), "an edge of the chain is none of them")
  assert.equal(long(3, [[0, 1], [1, 2]]).size, 0)
  const bridge: [number, number][] = [...edges, [0, 60]] // the only edge to node 60
  assert.ok(!long(61, bridge).has(bridge.length - 1))
})

test("a circle does not hang the ranks", () => {
  assert.equal(long(3, [[0, 1], [1, 2], [2, 0]]).size, 0)
})

test("lines in lanes run beside everything, and on the way they cross no node", () => {
  const facts: Facts = { ...small(), clusters: [] }
  const n = 60
  const edges = skips(n)
  facts.nodes = Array.from({ length: n }, (_, k) => node(`n${k}`, edges.filter(([, b]) => b === k).map(([a]) => a)))
  const shown = tree(new Hierarchy(facts), { open: new Set(), unrolled: new Set() })
  const wires = wiring(facts, shown)
  const view = scene(shown, wires, layout(planned(shown, wires, () => ({ width: 100, height: 40 }), () => 0)))
  assert.equal(view.lines.length, edges.length)
  for (const line of view.lines) {
    for (let k = 1; k < line.points.length; k++) {
      const [a, b] = [line.points[k - 1]!, line.points[k]!]
      const [x0, x1, y0, y1] = [Math.min(a.x, b.x), Math.max(a.x, b.x), Math.min(a.y, b.y), Math.max(a.y, b.y)]
      const through = view.leaves.filter((s) => x1 > s.x && x0 < s.x + s.width && y1 > s.y + 0.01 && y0 < s.y + s.height - 0.01)
      assert.deepEqual(through.map((s) => s.item.key), [], `${line.piece.from.child?.key} > ${line.piece.to.child?.key}`)
    }
    assert.ok(line.points.every((p) => p.x >= 0 && p.x <= view.width))
  }
})
