import assert from "node:assert/strict"
import { test } from "node:test"
import { middle, telling, window } from "../src/panel/reads.ts"
import { chain } from "./packing.ts"

test("the site in the middle reads what its relation says", async () => {
  const facts = await chain()
  const first = middle(facts, 0, 2, 0)
  assert.deepEqual(first?.groups.map((g) => g.map((set) => [...set])), [[[3]]])
  assert.deepEqual([first?.own, first?.size], [4, [1, 8]])
  assert.deepEqual(middle(facts, 0, 3, 0)?.groups.map((g) => g.map((set) => [...set])), [[[2, 4]]])
})

test("a picture is drawn only where a site reads elsewhere than at its own position", async () => {
  const facts = await chain()
  assert.deepEqual([1, 2, 3].map((id) => telling(middle(facts, 0, id, 0)!)), [false, true, true])
})

test("the window holds what is read and the own position, within the grid", () => {
  const seen = (own: number, ...read: number[]) => ({ size: [40, 100] as const, own, groups: [[new Set(read)]] })
  assert.deepEqual(window(seen(505, 404, 505)), [3, 3, 4, 4])
  assert.deepEqual(window(seen(0, 0)), [0, 0, 2, 2])
  const [, left, , columns] = window(seen(90, ...Array.from({ length: 91 }, (_, k) => k)))
  assert.ok(columns === 33 && left <= 90 && left + columns > 90)
})
