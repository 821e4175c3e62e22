// Examples as people know them: pictures, wave forms, characters.

import type { Facts, ModelFacts } from "./facts.ts"
import { colour, pen } from "./grid-paint.ts"
import { h } from "./shell/dom.ts"

/** How an example is shown. */
export type Shown = "picture" | "wave" | "text" | "numbers"

export function shownAs(facts: Facts): Shown {
  const { data } = facts
  if (data.kind === "image" || (data.display !== null && data.groups === 1)) return "picture"
  if (data.kind === "sequence" && data.content === "audio") return "wave"
  if (data.kind === "sequence" && data.symbols !== null) return "text"
  return data.kind === "sequence" ? "numbers" : "picture"
}

/** Numbers of one example. */
export function numbersOf(model: ModelFacts): number {
  return model.shape.reduce((a, b) => a * b, 1)
}

/** Channels, rows and columns of the picture of an example. */
export function pictureShape(facts: Facts): { channels: number; rows: number; columns: number } {
  const shape = facts.model!.shape
  if (shape.length === 3) return { channels: shape[0]!, rows: shape[1]!, columns: shape[2]! }
  const length = numbersOf(facts.model!)
  const display = facts.data.display
  if (display && display[0]! * display[1]! === length) return { channels: 1, rows: display[0]!, columns: display[1]! }
  const columns = Math.ceil(Math.sqrt(length))
  return { channels: 1, rows: Math.ceil(length / columns), columns }
}

/** A level as a grey, or a part of a colour: 0 to 255. */
export function byte(level: number, levels: number): number {
  return Math.round((255 * Math.min(Math.max(level, 0), levels - 1)) / Math.max(levels - 1, 1))
}

/** Red, green, blue and opacity of the pixels of an example, row by row; three channels are colours, else the first is
 * grey. */
export function pixelsOf(facts: Facts, values: ArrayLike<number>, from: number): Uint8ClampedArray<ArrayBuffer> {
  const { channels, rows, columns } = pictureShape(facts)
  const size = rows * columns
  const length = numbersOf(facts.model!)
  const levels = facts.data.levels || 256
  const found = new Uint8ClampedArray(4 * size)
  for (let p = 0; p < size; p++) {
    for (let c = 0; c < 3; c++) {
      const at = (channels >= 3 ? c : 0) * size + p
      found[4 * p + c] = at < length ? byte(values[from + at]!, levels) : 0
    }
    found[4 * p + 3] = p < length ? 255 : 0
  }
  return found
}

/** A picture of so many pixels of the page on its longer side, in whole pixels of the screen for each of its own. */
export function picture(facts: Facts, values: ArrayLike<number>, from: number, side: number, label: string): HTMLCanvasElement {
  const { rows, columns } = pictureShape(facts)
  const canvas = h("canvas", { role: "img", "aria-label": label, class: "pixels" })
  canvas.width = columns
  canvas.height = rows
  canvas.getContext("2d")!.putImageData(new ImageData(pixelsOf(facts, values, from), columns, rows), 0, 0)
  const unit = side / Math.max(rows, columns)
  canvas.style.width = `${Math.round(columns * unit)}px`
  canvas.style.height = `${Math.round(rows * unit)}px`
  return canvas
}

/** The amplitude of each level, -1 to 1: as arspec says, else in even steps. */
export function amplitudes(facts: Facts): readonly number[] {
  const levels = facts.data.levels || 256
  return facts.model?.wave ?? Array.from({ length: levels }, (_, level) => (2 * level) / Math.max(levels - 1, 1) - 1)
}

/** Least and most of the amplitudes that fall into each of some columns. */
export function envelope(values: ArrayLike<number>, from: number, length: number, amplitude: readonly number[], columns: number): Float32Array {
  const found = new Float32Array(2 * columns)
  for (let c = 0; c < columns; c++) {
    const [a, b] = [Math.floor((c * length) / columns), Math.max(Math.floor(((c + 1) * length) / columns), Math.floor((c * length) / columns) + 1)]
    let [low, high] = [1, -1]
    for (let t = a; t < Math.min(b, length); t++) {
      const x = amplitude[values[from + t]!] ?? 0
      low = Math.min(low, x)
      high = Math.max(high, x)
    }
    found[2 * c] = low
    found[2 * c + 1] = high
  }
  return found
}

/** A wave form as wide as its place. */
export function wave(facts: Facts, values: ArrayLike<number>, from: number, height: number, label: string): HTMLElement {
  const canvas = h("canvas", { role: "img", "aria-label": label })
  const box = h("div", { class: "wave" }, canvas)
  const draw = (): void => {
    const ctx = pen(canvas, box.clientWidth, height)
    if (!ctx) return
    const [w, tall] = [ctx.canvas.width, ctx.canvas.height]
    const edges = envelope(values, from, numbersOf(facts.model!), amplitudes(facts), w)
    ctx.fillStyle = colour("--line")
    ctx.fillRect(0, Math.floor(tall / 2), w, 1)
    ctx.fillStyle = colour("--accent")
    for (let c = 0; c < w; c++) {
      // a column reaches to the one before it, so that the line has no gaps
      const low = c ? Math.min(edges[2 * c]!, edges[2 * c - 1]!) : edges[0]!
      const high = c ? Math.max(edges[2 * c + 1]!, edges[2 * c - 2]!) : edges[1]!
      const [top, bottom] = [((1 - high) / 2) * tall, ((1 - low) / 2) * tall]
      ctx.fillRect(c, Math.min(top, tall - 1), 1, Math.max(bottom - top, 1.5))
    }
  }
  new ResizeObserver(draw).observe(box)
  return box
}

/** A wave form that can be heard, where its rate is known. */
export function sound(facts: Facts, values: ArrayLike<number>, from: number, height: number, label: string): HTMLElement {
  const rate = facts.model!.rate
  const shown = wave(facts, values, from, height, label)
  if (!rate) return shown
  const button = h("button", { type: "button", class: "round", "aria-label": `Play ${label}`, title: "Play", onclick: () => void hear(facts, values, from, rate) }, "▶")
  return h("div", { class: "sound" }, button, shown)
}

async function hear(facts: Facts, values: ArrayLike<number>, from: number, rate: number): Promise<void> {
  const context = new AudioContext()
  const amplitude = amplitudes(facts)
  const buffer = context.createBuffer(1, numbersOf(facts.model!), rate)
  buffer.copyToChannel(Float32Array.from({ length: buffer.length }, (_, t) => amplitude[values[from + t]!] ?? 0), 0)
  const source = context.createBufferSource()
  source.buffer = buffer
  source.connect(context.destination)
  source.onended = () => void context.close()
  source.start()
}

/** The text of each level: characters of text, else the numbers with a space between. */
export function pieces(facts: Facts, values: ArrayLike<number>, from: number): string[] {
  const { symbols } = facts.data
  return Array.from({ length: numbersOf(facts.model!) }, (_, t) => {
    const level = values[from + t]!
    return symbols ? (symbols[level] ?? "�") : `${level} `
  })
}

/** Text as it is read: what ends a line does so, and other signs that do not show have a sign of their own. */
export function readable(piece: string): string {
  return piece.replace(/\n/g, "⏎\n").replace(/\t/g, "⇥\t").replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) => String.fromCharCode(0x2400 + (c === "\u007f" ? 33 : c.charCodeAt(0))))
}
