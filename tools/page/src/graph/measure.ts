// How wide a text is on this machine, in the fonts of the graph.

import type { Measure } from "./look.ts"

export const FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif'
const FONTS = { name: `600 13px ${FONT}`, below: `400 11.500px ${FONT}` } as const

/** A ruler that remembers. */
export function ruler(): Measure {
  const pen = document.createElement("canvas").getContext("2d")
  const known = new Map<string, number>()
  return (text, font) => {
    const key = `${font} ${text}`
    let width = known.get(key)
    if (width === undefined) {
      if (pen !== null) pen.font = FONTS[font]
      width = pen?.measureText(text).width ?? text.length * 7
      known.set(key, width)
    }
    return width
  }
}
