import assert from "node:assert/strict"
import { test } from "node:test"
import { nothing, read, written } from "../src/shell/hash.ts"
import { small } from "./small.ts"

const all = [small(), small()]

test("a choice comes back from its link", () => {
  const choice = { ...nothing("graph"), which: 1, node: 3, variable: 5, pair: 2, step: 7, more: { "grid.layer": "a & b" } }
  assert.deepEqual(read(`#${written(choice, all)}`, all, ["graph", "grid"]), choice)
})

test("nodes stand in a link by name", () => {
  assert.match(written({ ...nothing("graph"), node: 2 }, all), /node=body\.0\.a/)
})

test("what a link names and the facts lack is not chosen", () => {
  const choice = read("#view=gone&spec=7&node=nobody&variable=16&with=-1&step=99&order=4", all, ["graph", "grid"])
  assert.deepEqual(choice, nothing("graph"))
})
