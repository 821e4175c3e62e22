import assert from "node:assert/strict"
import { test } from "node:test"

import { moved, nameOf, rowTicks, shapeOf } from "../src/grid.ts"

test("places are named as arspec names them", () => {
  const image = { kind: "image", grid: [4, 5], groups: 3, groupNames: ["r", "g", "b"] }
  assert.equal(nameOf(image, 20 + 13), "row 2, column 3, g")
  assert.equal(nameOf({ ...image, groups: 1 }, 13), "row 2, column 3")
  assert.equal(nameOf({ kind: "sequence", grid: [9], groups: 1, groupNames: [] }, 5), "step 5")
  const parts = { kind: "image", grid: [4, 5], groups: 4, groupNames: ["luma", "x, r", "x, g", "x, b"], parts: ["luma", "x", "x", "x"] }
  assert.equal(nameOf(parts, 13), "luma, row 2, column 3")
  assert.equal(nameOf(parts, 40 + 13), "x, row 2, column 3, g")
  assert.equal(nameOf({ kind: "sequence", grid: [9], groups: 1, groupNames: [], axes: ["t"] }, 5), "t 5")
  assert.equal(nameOf({ kind: "vector", grid: [9], groups: 1, groupNames: [] }, 5), "entry 5")
})

test("an image keeps its grid, a long sequence is wrapped, a vector takes its display", () => {
  assert.deepEqual(shapeOf([4, 5], "image"), { rows: 4, columns: 5, positions: 20, real: true })
  assert.deepEqual(shapeOf([24], "sequence"), { rows: 1, columns: 24, positions: 24, real: false })
  const long = shapeOf([1000], "sequence")
  assert.equal(long.columns, 64)
  assert.equal(long.rows, 16)
  assert.deepEqual(shapeOf([784], "vector", [28, 28]), { rows: 28, columns: 28, positions: 784, real: true })
  assert.deepEqual(shapeOf([10], "vector"), { rows: 3, columns: 4, positions: 10, real: false })
  assert.deepEqual(shapeOf([], "vector"), { rows: 1, columns: 1, positions: 1, real: false })
})

test("every line of what is wrapped bears its first position, where there is room", () => {
  assert.deepEqual(rowTicks(shapeOf([48], "sequence", null, 32), 10), [[0, 0], [1, 32]])
  assert.deepEqual(rowTicks(shapeOf([48], "sequence", null, 16), 5), [[0, 0], [2, 32]])
  assert.deepEqual(rowTicks(shapeOf([4, 5], "image"), 10), [[0, 0], [2, 2]])
  assert.deepEqual(rowTicks(shapeOf([2, 5], "image"), 1), [[0, 0]])
})

test("arrows stay in the picture, and go on to the next line of what is wrapped", () => {
  const image = shapeOf([3, 4], "image")
  assert.equal(moved(image, 4, "ArrowLeft"), 4)
  assert.equal(moved(image, 7, "ArrowRight"), 7)
  assert.equal(moved(image, 5, "ArrowUp"), 1)
  assert.equal(moved(image, 9, "ArrowDown"), 9)
  assert.equal(moved(image, 6, "Home"), 4)
  const vector = shapeOf([10], "vector")
  assert.equal(moved(vector, 3, "ArrowRight"), 4)
  assert.equal(moved(vector, 7, "ArrowDown"), 9)
  assert.equal(moved(vector, 9, "ArrowRight"), 9)
})
