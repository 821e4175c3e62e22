// The view of the data's grid: what one variable's distribution sees, layer by layer, and the way of a pair.

import type { Facts } from "./facts.ts"
import { fieldOf, LEAK, MEANINGS, number, SEEN, STATES, summary, type Field } from "./field.ts"
import { LEGEND, shaded, shades, stateKeys, stateLooks } from "./field-looks.ts"
import { wayOfPair } from "./field-way.ts"
import type { Ring } from "./grid-canvas.ts"
import { dataParts, variableName } from "./grid-data.ts"
import { apartSwitch, aroundSwitch, layersOf, type Picture } from "./grid-layers.ts"
import { colour, swatch, type Look } from "./grid-paint.ts"
import { headPicker, memberPicker, placePicker } from "./grid-pickers.ts"
import { h } from "./shell/dom.ts"
import type { Shell, State, View } from "./shell/state.ts"
import { LayersView } from "./view-layers.ts"
import { askedMember, memberOf, nodeWord, type Member } from "./walk-facts.ts"
import { count } from "./walk.ts"

/** The variable whose distribution is shown where none is chosen: one that leaks; of an image one in the lower middle,
 * of a sequence the last, of others the middle of the order. */
export function firstVariable(member: Member): number {
  const { data } = member.facts
  const leak = member.of.leaks[0]
  if (leak) return leak.variable
  if (data.kind === "image" && data.grid.length === 2) {
    const position = Math.floor((data.grid[0]! * 5) / 8) * data.grid[1]! + Math.floor(data.grid[1]! / 2)
    const drawn = Array.from({ length: data.groups }, (_, g) => g * data.positions + position).filter((v) => member.time[v]! >= 0)
    return drawn[0] ?? position
  }
  const by = [...member.rank.keys()].sort((a, b) => member.rank[a]! - member.rank[b]! || a - b)
  return by[data.kind === "sequence" ? by.length - 1 : Math.floor(by.length / 2)]!
}

/** Whose distribution it is that sees: that of the variable, or of a later one that a further head predicts at its place. */
export function predictedWords(member: Member, variable: number): string {
  const other = member.predicted(variable)
  if (other === variable) return "Its distribution"
  return other === null ? "The head predicts nothing at its place, which" : `The head predicts ${variableName(member.facts, other)} at its place, and`
}

class FieldView extends LayersView implements View {
  readonly id = "field"
  readonly title = "Context"
  readonly help = [
    ["← → ↑ ↓", "another variable"],
    ["[ ]", "another channel"],
    ["Shift or p", "with a click or an arrow: the other variable of a pair"],
    ["x", "no pair"],
    ["a", "all layers, or those that look around"],
  ] as const
  private pairing = false
  private readonly pair = h("div", { class: "pair" })
  private field!: Field

  constructor() {
    super("counts")
  }

  applies(facts: Facts): boolean {
    return facts.members.length > 0 && facts.data.variables > 0 && memberOf(facts, 0).walkable
  }

  mount(root: HTMLElement, shell: Shell): void {
    this.lay(root, shell, this.pair)
  }

  update(state: State): void {
    this.state = state
    const member = askedMember(state)
    const variable = state.variable ?? firstVariable(member)
    this.field = fieldOf(member.rank, variable, member.seen(variable), member.deep(variable), member.beyond)
    this.showSide(member, variable)
    this.showLayers(member, variable)
    this.tell()
  }

  key(event: KeyboardEvent): boolean {
    if (event.key === "p") this.pairing = !this.pairing
    else if (event.key === "x") this.shell.set({ pair: null })
    else if (event.key === "a") this.around(this.state.more["field.all"] === "1")
    else return false
    this.update(this.state)
    return true
  }

  // -- the data's grid ------------------------------------------------------------------------------------------------

  protected pick(site: number, other: boolean): void {
    if (other || this.pairing) {
      this.pairing = false
      const variable = this.state.variable ?? firstVariable(askedMember(this.state))
      this.shell.set({ variable, pair: site })
      this.shell.announce(this.pair.textContent ?? "")
    } else {
      this.shell.set({ variable: site })
      this.shell.announce(`${variableName(this.state.facts, site)}: ${summary(this.field)}`)
    }
  }

  protected hint(site: number): string {
    const own = site === this.field.variable ? "its own place" : MEANINGS[STATES[this.field.state[site]!]!]
    return `${variableName(this.state.facts, site)}: ${own}`
  }

  private showSide(member: Member, variable: number): void {
    const { facts } = member
    const name = variableName(facts, variable)
    this.heading.replaceChildren("What ", h("em", {}, name), " sees")
    this.said.textContent = `${predictedWords(member, variable)} ${summary(this.field)}.`
    this.pickers.replaceChildren(...[
      headPicker(this.state, this.shell),
      memberPicker(this.state, this.shell),
      placePicker(facts, variable, (site) => this.pick(site, false)),
    ].filter((e) => e !== null))
    const looks = stateLooks()
    const rings: Ring[] = [{ site: variable, colour: colour("--ink") }]
    if (this.state.pair !== null) rings.push({ site: this.state.pair, colour: colour("--state-way") })
    const counts = member.walkable ? member.counts(variable)[member.data]! : null
    this.grid.label(`The variables as a grid: pick one with the arrow keys. ${name}: its distribution ${summary(this.field)}.`)
    this.grid.show(facts, stateKeys(this.field.state, counts), looks, this.pairing && this.state.pair !== null ? this.state.pair : variable, rings)
    this.showLegend(looks, member.walkable)
    this.showPair(member, variable)
  }

  private showLegend(looks: readonly Look[], walked: boolean): void {
    const lines = LEGEND.filter(([k]) => this.field.counts[k]).map(([k, meaning]) => {
      const of = k === SEEN && walked ? shades() : [looks[k]!]
      const signs = of.length > 1 ? [of[0]!, of[3]!, of[7]!].map(swatch) : of.map(swatch)
      return h("li", {}, h("span", { class: "signs" }, ...signs), h("b", {}, number(this.field.counts[k]!)), ` ${meaning}${of.length > 1 ? " (stronger: by more paths)" : ""}`)
    })
    this.legend.replaceChildren(...lines)
  }

  // -- the way of a pair ----------------------------------------------------------------------------------------------

  private showPair(member: Member, variable: number): void {
    const { facts } = member
    const other = this.state.pair
    const ask = h("button", { type: "button", class: "quiet", "aria-pressed": String(this.pairing), onclick: () => ((this.pairing = !this.pairing), this.update(this.state)) },
      this.pairing ? "Now pick the other variable" : "Does it see a certain variable?")
    const leak = member.of.leaks.find((l) => l.variable === variable)
    if (other === null) {
      const shown = leak ? [h("p", {}, leak.text), h("button", { type: "button", class: "quiet", onclick: () => this.shell.set({ variable, pair: leak.seen }) }, "Show the way of this leak")] : []
      this.pair.replaceChildren(...shown, ask, h("p", { class: "hint" }, this.pairing ? "A click or an arrow on the grid picks it." : "Or pick one with Shift."))
      return
    }
    const [from, to] = [variableName(facts, other), variableName(facts, variable)]
    const clear = h("button", { type: "button", class: "quiet", onclick: () => this.shell.set({ pair: null }) }, "Clear")
    const title = h("h3", {}, h("span", { class: "dot way" }), from, " → ", to)
    this.pair.replaceChildren(title, ...this.pairWords(member, other, variable, from, to), h("div", { class: "row" }, ask, clear))
  }

  private pairWords(member: Member, other: number, variable: number, from: string, to: string): HTMLElement[] {
    const state = STATES[this.field.state[other]!]!
    const meaning = h("p", {}, `For the distribution of ${to}, ${from} is ${MEANINGS[state]}.`)
    if (!member.walkable) return [meaning]
    const way = wayOfPair(member, other, variable, this.state.node, (node) => this.shell.set({ node }))
    if (way.length === 1) return [meaning, ...way]
    return [meaning, ...way, h("button", { type: "button", class: "quiet", onclick: () => this.shell.set({ view: "graph" }) }, "Show it in the graph")]
  }

  // -- layer by layer -------------------------------------------------------------------------------------------------

  private around(on: boolean): void {
    this.shell.set({ more: { "field.all": on ? "" : "1" } })
  }

  private showLayers(member: Member, variable: number): void {
    this.tools.hidden = this.board.element.hidden = !member.walkable
    if (!member.walkable) return
    const around = this.state.more["field.all"] !== "1"
    const apart = this.state.more["field.apart"] === "1"
    const nodes = layersOf(member, around).reverse()
    const counts = member.counts(variable)
    const flow = this.state.pair === null ? null : member.flow(this.state.pair, variable)
    const way = new Map<number, number[]>()
    if (this.state.pair !== null) for (const { node, site } of member.way(this.state.pair, variable) ?? []) way.set(node, [...(way.get(node) ?? []), site])
    const chosen = this.state.node === null ? null : member.facts.nodes[this.state.node]!
    this.tools.replaceChildren(
      h("h2", {}, `${nodeWord(member.facts).replace(/^./, (c) => c.toUpperCase())} by ${nodeWord(member.facts)}`),
      aroundSwitch(member, around, (on) => this.around(on)),
      apartSwitch(member.facts, apart, (on) => this.shell.set({ more: { "field.apart": on ? "1" : "" } })) ?? "",
      h("p", { class: "hint" }, "From its distribution back to the data: the sites that it is computed from."),
      chosen ? h("button", { type: "button", class: "quiet", onclick: () => this.shell.set({ view: "graph" }) }, `Show ${chosen.name} in the graph`) : "")
    const looks: Look[] = [{ fill: colour("--state-later") }, ...shades(), { fill: colour("--state-leak"), pattern: "cross", ink: colour("--pattern") }, { fill: colour("--state-way") }]
    const leaked = looks.length - 2
    const picture = (n: number): Picture => {
      const sites = member.facts.nodes[n]!.sites
      const keys = shaded(counts[n]!, sites)
      const seen = counts[n] ? keys.reduce((sum, k) => sum + Number(k > 0), 0) : 0
      if (n === member.data) this.field.state.forEach((s, v) => s === LEAK && (keys[v] = leaked))
      const on = flow?.[n]
      if (on) on.forEach((mark, s) => mark && (keys[s] = looks.length - 1))
      const words = flow ? `${number(count(on))} of ${number(seen)} on the way` : `${number(seen)} of ${number(sites)}`
      return { keys, words, marks: way.get(n) ?? [], dim: flow !== null && !on }
    }
    this.board.arrange(member, nodes, apart)
    this.board.show(picture, looks, this.state.node)
  }

  // -- in words -------------------------------------------------------------------------------------------------------

  protected words(): void {
    const member = askedMember(this.state)
    const { facts } = member
    const parts = dataParts(facts)
    const lines: HTMLElement[] = []
    for (const { caption, shape, base } of parts) {
      for (let r = 0; r < shape.rows; r++) {
        const said: string[] = []
        const end = Math.min((r + 1) * shape.columns, shape.positions)
        for (let p = r * shape.columns; p < end; ) {
          const state = this.field.state[base + p]!
          let q = p
          while (q + 1 < end && this.field.state[base + q + 1] === state) q++
          const [a, b] = shape.real ? [p % shape.columns, q % shape.columns] : [p, q]
          said.push(`${a === b ? a : `${a}–${b}`} ${STATE_WORDS[state]}`)
          p = q + 1
        }
        const name = shape.real ? `row ${r}` : `${r * shape.columns}–${end - 1}`
        lines.push(h("tr", {}, h("th", { scope: "row" }, caption ? `${caption}, ${name}` : name), h("td", {}, said.join("; "))))
      }
    }
    const layers = member.walkable ? this.board.table() : []
    this.table.replaceChildren(
      h("table", {}, h("caption", {}, `What ${variableName(facts, this.field.variable)} sees, line by line`), h("tbody", {}, ...lines)),
      ...(layers.length ? [h("table", {}, h("caption", {}, "Sites that it is computed from"), h("tbody", {}, ...layers.map(([name, words]) => h("tr", {}, h("th", { scope: "row" }, name ?? ""), h("td", {}, words ?? "")))))] : []))
  }
}

const STATE_WORDS = ["not earlier", "seen", "unseen", "out of reach", "blind", "leaked"]

export function fieldView(): View {
  return new FieldView()
}
