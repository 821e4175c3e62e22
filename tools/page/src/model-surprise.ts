// How surprising each variable of an example is, in bits: as a map over the picture, the sound or the text.

import type { Facts, ScoredFacts } from "./facts.ts"
import { number } from "./field.ts"
import { ramp } from "./field-looks.ts"
import { colourBar } from "./grid-bar.ts"
import { DataGrid, variableName } from "./grid-data.ts"
import { colour, paintStrip, pen, type Look } from "./grid-paint.ts"
import { pieces, picture, readable, shownAs, sound } from "./model-show.ts"
import { h } from "./shell/dom.ts"
import { arrayOf } from "./walk-facts.ts"

const COLOURS = 28
const MOST = 0.995 // of the numbers are within the scale; what is beyond has its last colour
const NAMED = 8 // most surprising variables that are named
const HEATS = ["--heat-0", "--heat-1", "--heat-2", "--heat-3", "--heat-4", "--heat-5", "--heat-6", "--heat-7"]

/** The bits that have the last colour: nearly the most that occur in any of the examples. */
export function scaleOf(bits: readonly Int32Array[]): number {
  const all = bits.flatMap((b) => [...b]).sort((a, b) => a - b)
  return Math.max((all[Math.min(Math.floor(MOST * all.length), all.length - 1)] ?? 1000) / 1000, 0.001)
}

/** The numbers of the colours of some thousandths of a bit. */
export function heatKeys(bits: ArrayLike<number>, scale: number): Uint8Array {
  return Uint8Array.from(bits, (b) => Math.min(Math.floor((Math.max(b, 0) / 1000 / scale) * COLOURS), COLOURS - 1))
}

/** The variables by how surprising they are, the most first. */
export function mostSurprising(bits: Int32Array, count = NAMED): number[] {
  return [...bits.keys()].sort((a, b) => bits[b]! - bits[a]! || a - b).slice(0, count)
}

export function bitsText(thousandths: number): string {
  return `${(thousandths / 1000).toFixed(2)} bits`
}

/** The map of one example. Kept between examples, so that the keys go on from where they were. */
export class SurpriseMap {
  readonly element = h("div", { class: "surprise" })
  private readonly grid: DataGrid
  private readonly said = h("p", { class: "said", role: "status" })
  private facts!: Facts
  private bits!: Int32Array
  private values!: Int32Array
  private variable: number | null = null
  private again = (): void => {}

  constructor() {
    this.grid = new DataGrid((site) => ((this.variable = site), this.again()), (site) => this.words(site))
  }

  show(facts: Facts, scored: ScoredFacts, scale: number): void {
    this.again = () => this.show(facts, scored, scale)
    this.facts = facts
    this.bits = arrayOf(facts, scored.surprise)
    this.values = arrayOf(facts, scored.values)
    const looks = ramp(COLOURS, ...HEATS)
    const keys = heatKeys(this.bits, scale)
    const chosen = this.variable ?? mostSurprising(this.bits, 1)[0] ?? 0
    const bar = colourBar(looks, ["0", `${(scale / 2).toFixed(1)}`, `${scale.toFixed(1)} or more`], "bits of surprise, of each variable")
    const whole = h("p", { class: "hint" }, `${scored.bits.toFixed(3)} bits a dimension, over the whole example.`)
    const list = h("ol", { class: "most" }, ...mostSurprising(this.bits).map((v) =>
      h("li", {}, h("button", { type: "button", class: "link", onclick: () => ((this.variable = v), this.again()) }, variableName(facts, v)), h("span", {}, this.level(v)), h("b", {}, bitsText(this.bits[v]!)))))
    const side = h("div", { class: "surprise-side" }, bar, whole, h("h3", {}, "Most surprising"), list)
    this.element.replaceChildren(...this.pictures(facts, scored, keys, looks, chosen), side)
  }

  private pictures(facts: Facts, scored: ScoredFacts, keys: Uint8Array, looks: readonly Look[], chosen: number): HTMLElement[] {
    const shown = shownAs(facts)
    if (shown === "picture") {
      this.grid.label(`Surprise of each variable of ${scored.name}. ${this.words(chosen)}`)
      queueMicrotask(() => this.grid.show(facts, keys, looks, chosen, [{ site: chosen, colour: colour("--accent") }]))
      this.said.textContent = this.words(chosen)
      return [h("div", { class: "surprise-example" }, picture(facts, this.values, 0, 220, scored.name)), h("div", { class: "surprise-map" }, this.grid.element, this.said)]
    }
    if (shown === "wave") {
      const canvas = h("canvas", { role: "img", "aria-label": `Surprise over time. ${this.words(chosen)}` })
      const box = h("div", { class: "heat-line" }, canvas)
      new ResizeObserver(() => {
        const ctx = pen(canvas, box.clientWidth, 26)
        if (ctx) paintStrip(ctx, keys, 0, keys.length, looks, { x: 0, y: 0, width: ctx.canvas.width, height: ctx.canvas.height }, { at: null, wide: 1, whole: keys.length })
      }).observe(box)
      this.said.textContent = this.words(chosen)
      return [h("div", { class: "surprise-map" }, sound(facts, this.values, 0, 120, scored.name), box, this.said)]
    }
    const spans = pieces(facts, this.values, 0).map((piece, t) => {
      const key = keys[t] ?? 0
      return h("span", { class: t === chosen ? "chosen" : null, style: `background:${looks[key]!.fill};color:${dark(looks[key]!.fill) ? "#fff" : "#16191d"}`, title: this.words(t) }, readable(piece))
    })
    this.said.textContent = this.words(chosen)
    return [h("div", { class: "surprise-map" }, h("p", { class: `heat-text ${shown}`, onclick: (event: MouseEvent) => this.pressed(event) }, ...spans), this.said)]
  }

  private pressed(event: MouseEvent): void {
    const span = (event.target as Element).closest("span")
    if (!span?.parentElement) return
    this.variable = [...span.parentElement.children].indexOf(span)
    this.again()
  }

  private level(v: number): string {
    if (this.values.length !== this.bits.length) return ""
    const level = this.values[v]!
    const symbol = this.facts.data.symbols?.[level]
    return symbol === undefined ? `level ${number(level)}` : `“${readable(symbol).trim() || " "}”`
  }

  private words(v: number): string {
    const level = this.level(v)
    return `${variableName(this.facts, v)}: ${level ? `${level}, ` : ""}${bitsText(this.bits[v]!)}`
  }
}

/** Whether white letters are read better on it. */
function dark(fill: string): boolean {
  const [r, g, b] = (fill.match(/\d+/g) ?? ["255", "255", "255"]).map(Number)
  return 0.299 * r! + 0.587 * g! + 0.114 * b! < 140
}
