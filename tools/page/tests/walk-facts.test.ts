import assert from "node:assert/strict"
import { test } from "node:test"

import { fieldOf, summary } from "../src/field.ts"
import { chosenIn, spanOf } from "../src/field-coverage.ts"
import { figuresOf, matrixOf, scaleFrom, shareKeys, sharesOf } from "../src/field-shares.ts"
import { countsOf, layersOf } from "../src/grid-layers.ts"
import { livesOf, totalsOf } from "../src/play-view.ts"
import { arrayOf, askedHead, askedMember, memberOf, relationOf, wayNodes, type Member } from "../src/walk-facts.ts"
import { chain, Store } from "./packing.ts"
import { small } from "./small.ts"

test("arrays of every width come back, as they are and as differences", async () => {
  const store = new Store()
  const values = [3, -4, 100, 7]
  const ids = (["i8", "i16", "i32"] as const).flatMap((type) => [store.array(values, true, type), store.array(values, false, type)])
  const facts = await store.unpacked(small())
  for (const id of ids) assert.deepEqual([...arrayOf(facts, id)], values)
})

test("relations come back: runs by column, some sites without any, in an order of their own", async () => {
  const store = new Store()
  const id = store.relation(9, [[[1, 3], [5, 9]], [], [[0, 1]], [[2, 4], [6, 7]], [[2, 5], [7, 8], [8, 9]]], [8, 7, 6, 5, 4, 3, 2, 1, 0])
  const runs = relationOf(await store.unpacked(small()), id)
  assert.deepEqual([...runs.offsets], [0, 2, 2, 3, 5, 8])
  assert.deepEqual([...runs.bounds], [1, 3, 5, 9, 0, 1, 2, 4, 6, 7, 2, 5, 7, 8, 8, 9])
  assert.deepEqual([...runs.order!], [8, 7, 6, 5, 4, 3, 2, 1, 0])
})

test("what arspec found and what a walk finds is the same, in both directions", async () => {
  for (const backwards of [false, true]) {
    const member = memberOf(await chain(backwards), 0)
    for (let v = 0; v < 8; v++) {
      const walked = member.behind(v)[0] ?? new Uint8Array(8)
      assert.deepEqual([...member.seen(v)], [...walked], `variable ${v}, backwards ${backwards}`)
      const counted = member.counts(v)[0]
      assert.deepEqual([...member.seen(v)], [...(counted ?? new Float64Array(8))].map((c) => Number(c > 0)))
    }
    const v = backwards ? 2 : 5
    assert.equal(summary(fieldOf(member.rank, v, member.seen(v), member.deep(v))), "sees 2 of 5, 3 out of reach")
  }
})

test("the way of a pair, and the nodes on it", async () => {
  const facts = await chain()
  const member = memberOf(facts, 0)
  assert.deepEqual(member.way(2, 5), [{ node: 0, site: 2 }, { node: 1, site: 2 }, { node: 2, site: 3 }, { node: 3, site: 5 }])
  assert.equal(member.way(3, 5), null)
  assert.deepEqual([...wayNodes({ facts, member: 0, variable: 5, pair: 2 })], [0, 1, 2, 3])
  assert.deepEqual([...wayNodes({ facts, member: 0, variable: 5, pair: 3 })], [])
  assert.deepEqual([...wayNodes({ facts, member: 0, variable: null, pair: 3 })], [])
})

test("shares of the past, and all pairs as a picture", async () => {
  const member = memberOf(await chain(), 0)
  const shares = sharesOf(member)
  assert.ok(Number.isNaN(shares.share[0]))
  assert.equal(shares.share[4], 0.5)
  assert.equal(shares.lowest, 2 / 7)
  assert.equal(spanOf(shares, 0, 1), "nothing comes before them, or it was not computed")
  assert.equal(spanOf(shares, 1, 8), "28.6% to 100%")
  assert.equal(spanOf(shares, 4, 5), "50.0%")
  const whole = matrixOf(member, 8)!
  assert.equal(whole.size, 8)
  for (let r = 0; r < 8; r++) {
    for (let c = 0; c < 8; c++) {
      assert.equal(whole.legal[8 * r + c], Number(c < r))
      assert.equal(whole.seen[8 * r + c], member.seen(r)[c])
      assert.equal(whole.leaks[8 * r + c], 0)
    }
  }
  const coarse = matrixOf(member, 4)!
  assert.equal(coarse.size, 4)
  assert.equal(coarse.legal.reduce((a, b) => a + b, 0), 28 / 4)
  assert.equal(coarse.seen.reduce((a, b) => a + b, 0), shares.within.reduce((a, b) => a + b, 0) / 4)
  assert.equal(matrixOf(member, 17)!.size, 16)
  assert.equal(figuresOf(member).find(([name]) => name === "sites a step")![1], "3")
})

test("layers that look around are those that read other places", async () => {
  const member = memberOf(await chain(), 0)
  assert.deepEqual(layersOf(member, true), [0, 2, 3])
  assert.deepEqual(layersOf(member, false), [0, 1, 2, 3])
})

test("totals of the schedule leave out what is drawn", async () => {
  const member = memberOf(await chain(), 0)
  const line = totalsOf(member, livesOf(member))
  assert.equal(line.total, 24)
  assert.deepEqual([...line.computed], [3, 3, 3, 3, 3, 3, 3, 3])
  assert.deepEqual([...line.live], [3, 6, 7, 7, 7, 7, 7, 7])
})

test("the data is no layer, though it has a picture", async () => {
  assert.deepEqual(countsOf(memberOf(await chain(), 0)), { some: 2, all: 3 })
})

test("where every variable sees all that is earlier, all have the last colour of a scale that is no point", () => {
  assert.equal(scaleFrom(1), 0.9)
  assert.equal(scaleFrom(0.57), 0.5)
  assert.deepEqual([...shareKeys([1, NaN, 0.9, 1], scaleFrom(1), 24)], [24, 0, 1, 24])
  assert.deepEqual([...shareKeys([0.5, 1], scaleFrom(0.57), 24)], [1, 24])
})

test("specs on one grid show one variable, also where one of them leaks", async () => {
  const plain = memberOf(await chain(), 0)
  const other = memberOf(await chain(), 0)
  const leaking: Member = Object.assign(Object.create(other) as Member, { of: { ...other.of, leaks: [{ code: "AR301", variable: 2, seen: 3, text: "", culprit: null, path: [] }] } })
  const none = (): number => NaN
  const [first] = chosenIn([plain], 0, null, none)
  assert.notEqual(first, 2)
  assert.deepEqual(chosenIn([plain, leaking], 0, null, none), [first, first])
  assert.deepEqual(chosenIn([plain, leaking], 1, null, none), [2, 2])
  assert.deepEqual(chosenIn([plain, leaking], 0, 4, none), [4, 4])
})

test("a further head has its own field: what it predicts, and what it may see there", async () => {
  const facts = await chain()
  facts.heads.push({ name: "next", node: 2, kind: "categorical", title: "", ahead: 2, beyond: 1 })
  const [first, next] = [memberOf(facts, 0), memberOf(facts, 0, 1)]
  assert.deepEqual([0, 5, 6].map((v) => next.predicted(v)), [2, 7, null])
  assert.equal(first.predicted(6), 6)
  for (let v = 0; v < 8; v++) assert.deepEqual([...next.seen(v)], [...(next.behind(v)[0] ?? new Uint8Array(8))])
  assert.notDeepEqual([...next.seen(4)], [...first.seen(4)])
  assert.equal(fieldOf(next.rank, 4, next.seen(4), next.deep(4), next.beyond).legal, 5)
  const state = { facts, member: 0, variable: null, pair: null }
  assert.equal(askedHead(state), 0)
  assert.equal(askedMember({ ...state, more: { "field.head": "1" } }), next)
  assert.equal(askedMember({ ...state, more: { "field.head": "9" } }), first)
})
