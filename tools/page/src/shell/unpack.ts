// The facts of the page: in <script class="facts"> elements, in base64, deflated: the length of the JSON, the JSON, and
// the bytes of its arrays (arspec/exploring/packing.py).

import { type Facts, VERSION } from "../facts.ts"

const blocks = new WeakMap<Facts, Uint8Array>()

/** The bytes of the arrays of some facts. */
export function blockOf(facts: Facts): Uint8Array {
  const block = blocks.get(facts)
  if (block === undefined) throw new Error("these facts were not unpacked from a block")
  return block
}

/** The bytes that a base64 text stands for. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text.trim())
  const out = new Uint8Array(raw.length)
  for (let k = 0; k < raw.length; k++) out[k] = raw.charCodeAt(k)
  return out
}

/** The facts of one packed text. Throws an Error that says, for people, what is wrong with it. */
export async function unpack(text: string): Promise<Facts> {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"))
  const block = new Uint8Array(await new Response(stream).arrayBuffer())
  const from = 4 + new DataView(block.buffer).getUint32(0, true)
  const facts = JSON.parse(new TextDecoder().decode(block.subarray(4, from))) as Facts
  if (facts.version !== VERSION) throw new Error(`its facts are of version ${facts.version}, and it reads version ${VERSION}`)
  blocks.set(facts, block.subarray(from))
  return facts
}
