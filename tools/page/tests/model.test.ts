import assert from "node:assert/strict"
import { test } from "node:test"

import { dependence } from "../src/audit-dependence.ts"
import { operationsByLine } from "../src/audit-view.ts"
import type { Facts, ModelFacts } from "../src/facts.ts"
import { amplitudes, byte, envelope, pictureShape, pieces, pixelsOf, readable, shownAs } from "../src/model-show.ts"
import { bitsText, heatKeys, mostSurprising, scaleOf } from "../src/model-surprise.ts"
import { temperaturesOf } from "../src/model-view.ts"
import { runsOf } from "../src/walk.ts"
import { node, small } from "./small.ts"

const model = (shape: number[], data: Partial<Facts["data"]> = {}): Facts => {
  const facts = small()
  const made: ModelFacts = { name: "m", card: [], shape, samples: [], scored: [], data: "", rate: null, wave: null }
  return { ...facts, kind: "model", data: { ...facts.data, ...data }, model: made }
}

test("levels are greys from black to white, and channels are colours", () => {
  assert.deepEqual([0, 8, 16, 99].map((l) => byte(l, 17)), [0, 128, 255, 255])
  const grey = pixelsOf(model([1, 2, 2], { levels: 2 }), [9, 9, 0, 1, 1, 0], 2)
  assert.deepEqual([...grey], [0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 255])
  const colours = pixelsOf(model([3, 1, 2], { levels: 256 }), [1, 2, 3, 4, 5, 6], 0)
  assert.deepEqual([...colours], [1, 3, 5, 255, 2, 4, 6, 255])
})

test("a vector is a picture by its display, or a square with nothing in what is left", () => {
  assert.deepEqual(pictureShape(model([6], { display: [2, 3] })), { channels: 1, rows: 2, columns: 3 })
  const facts = model([3], { kind: "vector", levels: 2 })
  assert.deepEqual(pictureShape(facts), { channels: 1, rows: 2, columns: 2 })
  assert.deepEqual([...pixelsOf(facts, [1, 0, 1], 0)].slice(12), [0, 0, 0, 0])
})

test("examples are shown as what they are", () => {
  assert.equal(shownAs(model([1, 4, 4])), "picture")
  assert.equal(shownAs(model([9], { kind: "sequence", content: "audio" })), "wave")
  assert.equal(shownAs(model([9], { kind: "sequence", content: "text", symbols: ["a"] })), "text")
  assert.equal(shownAs(model([9], { kind: "sequence", content: "tokens" })), "numbers")
})

test("a wave form's columns hold the least and the most of their levels", () => {
  const even = amplitudes(model([9], { levels: 3 }))
  assert.deepEqual(even, [-1, 0, 1])
  assert.deepEqual([...envelope([7, 0, 1, 2, 1, 0, 2], 1, 6, even, 2)], [-1, 1, -1, 1])
  assert.deepEqual([...envelope([0, 2], 0, 2, even, 4)], [-1, -1, -1, -1, 1, 1, 1, 1])
  assert.deepEqual([...envelope([0, 1], 0, 2, [-0.5, 0.25], 1)], [-0.5, 0.25])
})

test("text is read as it is, and signs that do not show have one of their own", () => {
  const facts = model([3], { kind: "sequence", symbols: ["a", "\n", "\u0000"] })
  assert.deepEqual(pieces(facts, [0, 0, 1, 2], 1), ["a", "\n", "\u0000"])
  assert.equal(readable("a\n\t\u0000\u007f"), "a⏎\n⇥\t\u2400\u2421")
  assert.deepEqual(pieces(model([2], { kind: "sequence" }), [5, 12], 0), ["5 ", "12 "])
})

test("the scale of surprise leaves out the one in two hundred that is beyond", () => {
  const bits = Int32Array.from({ length: 1000 }, (_, k) => (k < 996 ? k : 1_000_000))
  assert.equal(scaleOf([bits]), 0.995)
  assert.equal(scaleOf([Int32Array.of(0, 0)]), 0.001)
  assert.deepEqual([...heatKeys([0, 500, 995, 5000, -3], 1)], [0, 14, 27, 27, 0])
  assert.deepEqual(mostSurprising(Int32Array.of(3, 9, 1, 9), 3), [1, 3, 0])
  assert.equal(bitsText(6104), "6.10 bits")
})

test("temperatures are those that are stored, once each", () => {
  const of = (temperature: number) => ({ temperature, condition: "", values: 0, count: 1 })
  assert.deepEqual(temperaturesOf([of(1), of(0.5), of(1), of(1.5)]), [0.5, 1, 1.5])
})

test("what sites depend on is drawn by place in the order, each pixel as the share of its pairs", () => {
  const runs = runsOf(4, [[0, 1], [3], []])
  assert.deepEqual([...dependence(runs, [3, 2, 1, 0], 4)].map((x) => Math.round(4 * x)), [0, 0, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual([...dependence(runsOf(4, [[0], [0, 1, 2, 3]]), [0, 1, 2, 3], 1)], [5 / 8])
})

test("operations stand at their lines, of one source", () => {
  const place = (source: number, line: number) => ({ place: { source, line, column: 1, endLine: line } })
  const nodes = [node("x", [], null, { ...place(0, 3), role: "data" }), node("a", [0], null, place(0, 3)), node("b", [1], null, place(0, 3)), node("c", [2], null, place(1, 3)), node("d", [3])]
  assert.deepEqual([...operationsByLine(nodes, 0)], [[3, [1, 2]]])
})
