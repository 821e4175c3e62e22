import assert from "node:assert/strict"
import { test } from "node:test"
import { fuzzy, search } from "../src/search/fuzzy.ts"
import { small } from "./small.ts"

test("letters are found in their order, and only so", () => {
  assert.deepEqual(fuzzy("hcv", "body.0.h_conv")?.marks, [7, 9, 12])
  assert.equal(fuzzy("vch", "body.0.h_conv"), null)
})

test("a whole word counts for more than scattered letters", () => {
  assert.ok((fuzzy("conv", "h_conv")?.score ?? 0) > (fuzzy("conv", "content_over")?.score ?? 0))
})

test("repetitions are found once, unless a number is asked for", () => {
  const found = search(small(), "a")
  assert.deepEqual(found.filter((f) => f.name === "body.*.a").map((f) => f.count), [3])
  assert.deepEqual(search(small(), "body.1.a").map((f) => f.name), ["body.1.a"])
})

test("nodes are found by mask and by kind, and by both", () => {
  assert.deepEqual(search(small(), "earlier").map((f) => f.name), ["body.*.a"])
  assert.deepEqual(search(small(), "add b").map((f) => f.name), ["body.*.b"])
  assert.deepEqual(search(small(), "nothing of the kind"), [])
})
