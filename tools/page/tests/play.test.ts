import assert from "node:assert/strict"
import { test } from "node:test"

import { DROPPED, HELD, NEVER, NOW, Player, stagesAt, tallyOf, timelineOf, TO_COME, type Life } from "../src/play.ts"

const life = (first: number[], last: number[]): Life => ({ first: Int32Array.from(first), last: Int32Array.from(last), steps: 4 })

test("a site is to come, computed, kept and dropped", () => {
  const one = life([0, 1, 2, 4, 1, -1], [2, 4, 2, 4, 1, 1])
  assert.deepEqual([...stagesAt(one, 0)], [NOW, TO_COME, TO_COME, NEVER, TO_COME, HELD])
  assert.deepEqual([...stagesAt(one, 2)], [HELD, HELD, NOW, NEVER, DROPPED, DROPPED])
  assert.deepEqual([...stagesAt(one, 3)], [DROPPED, HELD, DROPPED, NEVER, DROPPED, DROPPED])
  assert.deepEqual(tallyOf(stagesAt(one, 2)), { now: 1, held: 2, dropped: 2, later: 0, never: 1 })
})

test("totals of a timeline are those of its stages, step by step", () => {
  const lives = [life([0, 1, 2, 4, 1], [2, 4, 2, 4, 1]), life([0, 0, 3, 3], [0, 3, 3, 4])]
  const line = timelineOf(lives, 4)
  for (let t = 0; t < 4; t++) {
    const tallies = lives.map((l) => tallyOf(stagesAt(l, t)))
    assert.equal(line.computed[t], tallies.reduce((n, x) => n + x.now, 0))
    assert.equal(line.live[t], tallies.reduce((n, x) => n + x.now + x.held, 0))
  }
  assert.equal(line.total, 8)
  assert.equal(line.total, line.computed.reduce((a, b) => a + b, 0))
  assert.deepEqual([...line.live], [3, 4, 4, 4])
  assert.equal(line.peak, 1)
})

test("the player goes on by its speed, stops at the end, and begins again", () => {
  const player = new Player(10, 10)
  assert.equal(player.advance(1), false)
  player.toggle()
  assert.equal(player.advance(0.05), false)
  assert.equal(player.advance(0.05), true)
  assert.equal(player.step, 1)
  player.advance(0.35)
  assert.equal(player.step, 4)
  player.advance(9) // a page that slept does not rush through what it missed
  assert.equal(player.step, 9)
  assert.equal(player.playing, false)
  player.toggle()
  assert.deepEqual([player.step, player.playing], [0, true])
  player.seek(99)
  assert.deepEqual([player.step, player.playing], [9, false])
  player.seek(-5)
  assert.equal(player.step, 0)
})

test("a single step is no play", () => {
  const player = new Player(1)
  player.toggle()
  assert.equal(player.playing, false)
})
