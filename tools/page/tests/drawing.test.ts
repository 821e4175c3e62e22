import assert from "node:assert/strict"
import { test } from "node:test"
import { rows } from "../src/compare/rows.ts"
import { spanned } from "../src/graph/look.ts"
import { routed, type Run } from "../src/graph/route.ts"
import { small } from "./small.ts"

test("texts that differ in numbers become one", () => {
  assert.equal(spanned(["2, dilation 1", "2, dilation 512", "2, dilation 8"]), "2, dilation 1…512")
  assert.equal(spanned(["tanh", "relu"]), "tanh")
})

test("the table leaves out what no spec has, and measures against the greatest", () => {
  const deep = small()
  deep.verdict.parameters = 320
  const lines = rows([small(), deep])
  assert.ok(!lines.some((l) => l.name === "Leaks" || l.name === "Work a step"))
  assert.deepEqual(lines.find((l) => l.name === "Parameters")?.cells.map((c) => [c.text, c.share]), [["80", 0.25], ["320", 1]])
})

const item = (left: number) => ({ item: left, left, right: left + 100 })
const gap = { top: 50, bottom: 80 }
const run = (from: number, to: number): Run => ({ xs: [from + 50, to + 50], gaps: [gap], top: 40, bottom: 90, from: item(from), to: item(to) })

test("a line goes straight down where it can", () => {
  assert.deepEqual(routed([run(0, 20)])[0], [{ x: 70, y: 40 }, { x: 70, y: 90 }])
})

test("lines that arrive at one side are apart, in the order in which they come", () => {
  const ends = routed([run(300, 150), run(0, 150)]).map((p) => p.at(-1)?.x ?? 0)
  assert.ok((ends[0] ?? 0) - (ends[1] ?? 0) >= 14)
})

test("lines that go across one gap lie on tracks of their own", () => {
  const levels = routed([run(0, 300), run(120, 420)]).map((p) => p[1]?.y ?? 0)
  assert.notEqual(levels[0], levels[1])
  assert.ok(levels.every((y) => y > gap.top && y < gap.bottom))
})
