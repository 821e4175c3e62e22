import assert from "node:assert/strict"
import { test } from "node:test"
import { deflateSync } from "node:zlib"
import { blockOf, unpack } from "../src/shell/unpack.ts"
import { VERSION } from "../src/facts.ts"

function packed(facts: object, block: number[] = []): string {
  const text = Buffer.from(JSON.stringify(facts))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return deflateSync(Buffer.concat([length, text, Buffer.from(block)])).toString("base64")
}

test("facts and their block come out as they went in", async () => {
  const facts = await unpack(`\n${packed({ version: VERSION, title: "é" }, [1, 2, 250])}\n`)
  assert.equal(facts.title, "é")
  assert.deepEqual([...blockOf(facts)], [1, 2, 250])
})

test("facts of another version are refused in words", async () => {
  await assert.rejects(unpack(packed({ version: VERSION + 1 })), /version/)
})

test("what is no packed text is refused", async () => {
  await assert.rejects(unpack("bm90aGluZw=="))
})
