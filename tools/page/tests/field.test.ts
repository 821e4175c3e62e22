import assert from "node:assert/strict"
import { test } from "node:test"

import { BLIND, fieldOf, LATER, LEAK, REACH, SEEN, share, summary, UNSEEN } from "../src/field.ts"

test("a field sorts variables by what is earlier, seen, and seen at any depth", () => {
  const rank = [0, 1, 2, 3, 3, 4]
  const field = fieldOf(rank, 3, [1, 0, 0, 0, 1, 0], [1, 1, 0, 0, 1, 0])
  assert.deepEqual([...field.state], [SEEN, REACH, BLIND, LATER, LEAK, LATER])
  assert.equal(summary(field), "sees 1 of 3, 1 out of reach, 1 blind, 1 leaked")
  assert.deepEqual([...fieldOf(rank, 3, [1, 0, 0, 0, 0, 0], null).state], [SEEN, UNSEEN, UNSEEN, LATER, LATER, LATER])
})

test("a share is never rounded up to all nor down to none", () => {
  assert.equal(share(999_999_999, 1_000_000_000), "99.9999%")
  assert.equal(share(1, 1_000_000_000), "0.0001%")
  assert.equal(share(1, 3), "33.3%")
  assert.equal(share(5, 5), "100%")
})
