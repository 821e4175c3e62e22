// A colour bar: what a scale's colours stand for, with its unit.

import { pen, type Look } from "./grid-paint.ts"
import { h } from "./shell/dom.ts"

const WIDTH = 168
const HEIGHT = 10

/** The looks from left to right; `ends`: words at even distances below; `unit`: what they are of. */
export function colourBar(looks: readonly Look[], ends: readonly string[], unit: string): HTMLElement {
  const canvas = h("canvas", { "aria-hidden": "true" })
  const ctx = pen(canvas, WIDTH, HEIGHT)
  if (ctx) {
    const step = ctx.canvas.width / looks.length
    looks.forEach((look, k) => {
      ctx.fillStyle = look.fill
      ctx.fillRect(Math.floor(k * step), 0, Math.ceil(step) + 1, ctx.canvas.height)
    })
  }
  return h("figure", { class: "colour-bar", role: "img", "aria-label": `Colours from ${ends[0]} to ${ends[ends.length - 1]} ${unit}` },
    canvas, h("div", { class: "ends" }, ...ends.map((e) => h("span", {}, e))), h("figcaption", {}, unit))
}
