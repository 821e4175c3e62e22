// The picture of an operation of an audit: a row for each of its sites, a column for each input, in the order.

import type { Facts } from "./facts.ts"
import { channelsOf, colour, pen } from "./grid-paint.ts"
import { arrayOf, relationOf } from "./walk-facts.ts"
import type { Runs } from "./walk.ts"

const SIDE = 116 // pixels

/** Of a square of pixels, row by row, of two sites a row at most: the share of the pairs of a site (from above) and a variable (from the left, by its
 * place in the order) in which the site depends on the variable. `place`: the variable at each place. */
export function dependence(runs: Runs, place: ArrayLike<number>, size: number): Float32Array {
  const { outSites, inSites, offsets, bounds, order } = runs
  const at = new Uint32Array(inSites)
  for (let p = 0; p < place.length; p++) at[place[p]!] = p
  const found = new Float32Array(size * size)
  const held = new Float32Array(size * size) // pairs that fall into each pixel
  const [across, down] = [spread(inSites, size), spread(outSites, size)]
  const step = Math.max(1, Math.floor(outSites / (2 * size))) // two sites a line of pixels are enough
  for (let s = 0; s < outSites; s += step) {
    const row = new Uint8Array(inSites)
    for (let k = offsets[s]!; k < offsets[s + 1]!; k++) for (let i = bounds[2 * k]!; i < bounds[2 * k + 1]!; i++) row[at[order ? order[i]! : i]!] = 1
    for (let y = down[s]![0]; y < down[s]![1]; y++) {
      for (let v = 0; v < inSites; v++) {
        for (let x = across[v]![0]; x < across[v]![1]; x++) {
          found[y * size + x]! += row[v]!
          held[y * size + x]!++
        }
      }
    }
  }
  return found.map((sum, k) => sum / Math.max(held[k]!, 1))
}

/** The pixels that each of `count` things covers, of `size`: from the first to before the second; one at least. */
function spread(count: number, size: number): [number, number][] {
  return Array.from({ length: count }, (_, k) => {
    const from = Math.floor((k * size) / count)
    return [from, Math.max(Math.floor(((k + 1) * size) / count), from + 1)]
  })
}

/** Draws what the sites of an operation depend on. */
export function drawDependence(canvas: HTMLCanvasElement, facts: Facts, node: number): void {
  const member = facts.members[0]!
  const ctx = pen(canvas, SIDE, SIDE)
  if (!ctx) return
  const [none, all] = [colour("--state-later"), colour("--state-seen")].map(channelsOf)
  const shares = dependence(relationOf(facts, member.nodes[node]!.context!), arrayOf(facts, member.place), ctx.canvas.width)
  const image = ctx.createImageData(ctx.canvas.width, ctx.canvas.height)
  shares.forEach((share, k) => {
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = none![c]! + (all![c]! - none![c]!) * share
    image.data[4 * k + 3] = 255
  })
  ctx.putImageData(image, 0, 0)
}
