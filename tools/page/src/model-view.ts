// The view of a trained model: what it draws at some temperatures, and what surprises it.

import type { Facts, SampleFacts } from "./facts.ts"
import { counted, number } from "./field.ts"
import { numbersOf, picture, pieces, readable, shownAs, sound, wave } from "./model-show.ts"
import { scaleOf, SurpriseMap } from "./model-surprise.ts"
import { h } from "./shell/dom.ts"
import type { State, View } from "./shell/state.ts"
import { ColumnView } from "./view-column.ts"
import { arrayOf } from "./walk-facts.ts"

/** The temperatures at which samples are stored, the lowest first. */
export function temperaturesOf(samples: readonly SampleFacts[]): number[] {
  return [...new Set(samples.map((s) => s.temperature))].sort((a, b) => a - b)
}

class ModelView extends ColumnView {
  readonly id = "model"
  readonly title = "Model"
  readonly help = [["− +", "a lower or a higher temperature"], [", .", "the example before, or the next"]] as const
  private drawn = ""
  private readonly samples = h("div", { class: "samples" })
  private readonly slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Temperature", oninput: () => this.shell.set({ more: { "model.t": String(this.slider.value) } }) })
  private readonly degree = h("output", { class: "degree" })
  private readonly heat = h("label", { class: "heat" }, h("span", {}, "temperature"), this.slider, this.degree)
  private readonly examples = h("div", { class: "examples", role: "group", "aria-label": "Examples" })
  private readonly map = new SurpriseMap()
  private readonly which = h("h2", {})

  constructor() {
    super("model")
  }

  applies(facts: Facts): boolean {
    return facts.model !== null
  }

  protected show(): void {
    this.showSamples()
    this.showSurprise()
  }

  key(event: KeyboardEvent): boolean {
    const { model } = this.state.facts
    const step = event.key === "." ? 1 : event.key === "," ? -1 : 0
    const warmer = ["+", "="].includes(event.key) ? 1 : ["-", "−"].includes(event.key) ? -1 : 0
    if (step && model!.scored.length) this.choose(Math.min(Math.max(this.example() + step, 0), model!.scored.length - 1))
    else if (warmer) this.shell.set({ more: { "model.t": String(Math.min(Math.max(this.temperature() + warmer, 0), temperaturesOf(model!.samples).length - 1)) } })
    else return false
    return true
  }

  protected build({ facts }: State): void {
    this.drawn = ""
    const model = facts.model!
    const card = h("section", { class: "card-of-model" }, h("h2", {}, model.name), h("dl", { class: "figures" }, ...model.card.flatMap(([name, value]) => [h("dt", {}, name ?? ""), h("dd", {}, value ?? "")])))
    const drawn = h("section", {}, h("div", { class: "cover-head" }, h("h2", {}, "What it draws"), this.heat), this.samples)
    const scored = h("section", {}, h("div", { class: "cover-head" }, this.which, h("p", { class: "hint" }, model.data)), this.examples, this.map.element)
    this.root.replaceChildren(card, ...(model.samples.length ? [drawn] : []), ...(model.scored.length ? [scored] : []))
    this.examples.replaceChildren(...model.scored.map((one, k) => {
      const values = arrayOf(facts, one.values)
      const shown = shownAs(facts)
      const sign = shown === "picture" ? picture(facts, values, 0, 54, one.name) : shown === "wave" ? wave(facts, values, 0, 30, one.name) : h("span", { class: "start" }, readable(pieces(facts, values, 0).join("").slice(0, 18)))
      return h("button", { type: "button", title: one.name, onclick: () => this.choose(k) }, sign, h("span", {}, one.name), h("b", {}, one.bits.toFixed(2)))
    }))
  }

  // -- samples --------------------------------------------------------------------------------------------------------

  private temperature(): number {
    const all = temperaturesOf(this.state.facts.model!.samples)
    const asked = Number(this.state.more["model.t"] ?? NaN)
    if (Number.isInteger(asked) && asked >= 0 && asked < all.length) return asked
    const plain = all.indexOf(1)
    return plain < 0 ? Math.floor(all.length / 2) : plain
  }

  private showSamples(): void {
    const { facts } = this.state
    const model = facts.model!
    if (!model.samples.length) return
    const all = temperaturesOf(model.samples)
    const at = this.temperature()
    this.heat.hidden = all.length < 2
    this.slider.max = String(all.length - 1)
    this.slider.value = String(at)
    this.slider.setAttribute("aria-valuetext", String(all[at]))
    this.degree.textContent = String(all[at])
    const key = `${at} ${this.state.theme}`
    if (key === this.drawn) return
    this.drawn = key
    const shown = shownAs(facts)
    this.samples.className = `samples ${shown}`
    this.samples.replaceChildren(...model.samples.filter((s) => s.temperature === all[at]).map((one) => {
      const values = arrayOf(facts, one.values)
      const size = numbersOf(model)
      const name = (k: number): string => `sample ${k + 1} of ${one.count}${one.condition ? `, ${one.condition}` : ""}, temperature ${one.temperature}`
      const items = Array.from({ length: one.count }, (_, k) =>
        shown === "picture" ? picture(facts, values, k * size, 76, name(k)) : shown === "wave" ? sound(facts, values, k * size, 64, name(k)) : h("p", { class: "drawn-text" }, readable(pieces(facts, values, k * size).join(""))))
      return h("div", { class: "samples-row" }, one.condition ? h("h3", {}, one.condition) : "", h("div", { class: "samples-of" }, ...items))
    }))
  }

  // -- surprise -------------------------------------------------------------------------------------------------------

  private example(): number {
    const asked = Number(this.state.more["model.example"] ?? 0)
    return asked in this.state.facts.model!.scored ? asked : 0
  }

  private choose(k: number): void {
    this.shell.set({ more: { "model.example": k ? String(k) : "" } })
    const one = this.state.facts.model!.scored[k]!
    this.shell.announce(`${one.name}: ${one.bits.toFixed(3)} bits a dimension`)
  }

  private showSurprise(): void {
    const { facts } = this.state
    const { scored } = facts.model!
    if (!scored.length) return
    const k = this.example()
    this.which.replaceChildren("What surprises it in ", h("em", {}, scored[k]!.name))
    ;[...this.examples.children].forEach((button, n) => button.setAttribute("aria-pressed", String(n === k)))
    this.examples.setAttribute("aria-label", `${counted(scored.length, "example")}, with bits a dimension; ${number(facts.data.variables)} variables each`)
    this.map.show(facts, scored[k]!, scaleOf(scored.map((s) => arrayOf(facts, s.surprise))))
  }
}

export function modelView(): View {
  return new ModelView()
}
