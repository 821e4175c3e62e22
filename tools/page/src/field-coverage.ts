// The view of coverage: how much of its past each variable's distribution sees; one spec, or several side by side.

import type { Facts } from "./facts.ts"
import { counted, fieldOf, MEANINGS, number, share, STATES, summary } from "./field.ts"
import { ramp, stateLooks } from "./field-looks.ts"
import { PairsPicture } from "./field-pairs.ts"
import { figuresOf, scaleFrom, shareKeys, sharesOf, type Shares } from "./field-shares.ts"
import { firstVariable } from "./field-view.ts"
import { colourBar } from "./grid-bar.ts"
import { DataGrid, dataParts, variableName } from "./grid-data.ts"
import { colour, type Look } from "./grid-paint.ts"
import { placePicker } from "./grid-pickers.ts"
import { h } from "./shell/dom.ts"
import type { State, View } from "./shell/state.ts"
import { ColumnView } from "./view-column.ts"
import { memberOf, type Member } from "./walk-facts.ts"

const STEPS = 24 // colours of the scale

/** A spec on show: its maps, and the variable that is chosen in it. */
class Column {
  readonly title = h("h2", {})
  readonly said = h("p", { class: "said" })
  readonly picked = h("p", { class: "picked" })
  readonly map: DataGrid
  readonly field: DataGrid
  readonly pairs: PairsPicture
  readonly table = h("div", { class: "as-table" })
  readonly details = h("details", { class: "in-words", ontoggle: () => this.lines() }, h("summary", {}, "In words"), this.table)
  member!: Member
  shares!: Shares
  variable = 0

  constructor(pick: (site: number) => void, pickPair: (site: number, other: number) => void, words: (column: Column, site: number) => string) {
    this.pairs = new PairsPicture(pickPair)
    this.map = new DataGrid(pick, (site) => words(this, site))
    this.field = new DataGrid(pick, (site) => `${variableName(this.member.facts, site)}: ${MEANINGS[STATES[this.states()[site]!]!]}`)
  }

  choose(member: Member, variable: number): void {
    this.member = member
    this.shares = sharesOf(member)
    this.variable = variable
  }

  /** Of every line of the grid the least and the most that its variables see. */
  lines(): void {
    if (!this.details.open) return
    const { facts } = this.member
    const rows = dataParts(facts).flatMap(({ caption, shape, base }) => Array.from({ length: shape.rows }, (_, r) => {
      const [from, to] = [r * shape.columns, Math.min((r + 1) * shape.columns, shape.positions)]
      const said = spanOf(this.shares, base + from, base + to)
      const name = shape.real ? `row ${r}` : `${from}–${to - 1}`
      return h("tr", {}, h("th", { scope: "row" }, caption ? `${caption}, ${name}` : name), h("td", {}, said))
    }))
    this.table.replaceChildren(h("table", {}, h("caption", {}, `Of their past, the variables of ${facts.title} see`), h("tbody", {}, ...rows)))
  }

  states(): Uint8Array {
    const { member, variable } = this
    return fieldOf(member.rank, variable, member.seen(variable), member.deep(variable)).state
  }
}

class CoverageView extends ColumnView {
  readonly id = "coverage"
  readonly title = "Coverage"
  readonly help = [["← → ↑ ↓", "another variable, in a map"], ["[ ]", "another channel"]] as const
  private columns: Column[] = []

  applies(_: Facts, all: readonly Facts[]): boolean {
    return all.every((f) => f.members.length > 0 && f.data.variables > 0 && f.members[0]!.contexts !== null)
  }

  protected override about({ all }: State): unknown {
    return all
  }

  protected build({ all }: State): void {
    this.columns = all.map((_, k) => new Column((site) => this.pick(k, site), (site, other) => this.pickPair(k, site, other), (column, site) => sharedWords(column, site)))
    this.root.style.setProperty("--columns", String(all.length))
    this.root.classList.toggle("alone", all.length === 1)
    this.root.replaceChildren(
      ...(all.length === 1 ? [h("div", { class: "cover-figures" })] : []), // of several they stand in the view that compares
      h("section", { class: "cover-maps" }, h("div", { class: "cover-head" }, h("h2", {}, "How much of its past each variable sees"), h("div", { class: "scale" })),
        h("div", { class: "cover-columns" }, ...this.columns.map((c) => h("div", {}, all.length > 1 ? c.title : "", c.said, c.map.element, c.details)))),
      h("section", { class: "cover-maps" }, h("div", { class: "cover-head" }, h("h2", { class: "which" }), h("div", { class: "pickers" })),
        h("div", { class: "cover-columns" }, ...this.columns.map((c) => h("div", {}, c.picked, c.field.element)))),
      h("section", { class: "cover-maps" }, h("div", { class: "cover-head" }, h("h2", {}, "Every pair"), h("p", { class: "hint" }, "A row for each distribution, a column for each variable, both in the order of generation.")),
        h("div", { class: "cover-columns" }, ...this.columns.map((c) => c.pairs.element))))
  }

  private pickPair(k: number, site: number, other: number): void {
    if (k === this.state.which) this.shell.set({ variable: site, pair: other })
    else this.pick(k, site)
  }

  private pick(k: number, site: number): void {
    if (alike(this.state.all[k]!, this.state.facts)) this.shell.set({ variable: site })
    else this.shell.set({ more: { [`coverage.${k}`]: String(site) } })
    this.shell.announce(this.columns.map((c) => c.picked.textContent).join(" "))
  }

  protected show(): void {
    const { all, facts, which } = this.state
    const members = all.map((one, k) => memberOf(one, k === which ? this.state.member : 0))
    const variables = chosenIn(members, which, this.state.variable, (k) => Number(this.state.more[`coverage.${k}`] ?? NaN))
    this.columns.forEach((column, k) => column.choose(members[k]!, variables[k]!))
    this.root.querySelector(".cover-figures")?.replaceChildren(figureTable(this.columns[0]!.member))
    const from = scaleFrom(Math.min(...this.columns.map((c) => c.shares.lowest)))
    const looks: (Look | undefined)[] = [{ fill: colour("--state-later") }, ...ramp(STEPS, "--cover-0", "--cover-1", "--cover-2", "--cover-3")]
    this.root.querySelector(".scale")!.replaceChildren(colourBar(looks.slice(1) as Look[], [`${Math.round(from * 100)}%`, `${Math.round(from * 50 + 50)}%`, "100%"], "of its earlier variables"))
    for (const column of this.columns) {
      const { shares, member } = column
      const keys = shareKeys(shares.share, from, STEPS)
      column.title.textContent = member.facts.title
      column.said.textContent = coverageWords(member)
      const rings = [{ site: column.variable, colour: colour("--ink") }]
      column.map.label(`How much of its past each variable of ${member.facts.title} sees. ${coverageWords(member)} ${sharedWords(column, column.variable)}.`)
      column.map.show(member.facts, keys, looks, column.variable, rings)
      column.lines()
      const field = fieldOf(member.rank, column.variable, member.seen(column.variable), member.deep(column.variable))
      column.picked.textContent = `${all.length > 1 ? `In ${member.facts.title} its` : "Its"} distribution ${summary(field)}.`
      column.field.label(`What ${variableName(member.facts, column.variable)} sees in ${member.facts.title}: ${summary(field)}`)
      column.field.show(member.facts, field.state, stateLooks(), column.variable, rings)
    }
    const own = this.columns[this.state.which]!
    this.root.querySelector(".which")!.replaceChildren("What ", h("em", {}, variableName(facts, own.variable)), " sees")
    this.root.querySelector(".pickers")!.replaceChildren(placePicker(facts, own.variable, (site) => this.pick(this.state.which, site)))
    this.matrices()
  }

  private matrices(): void {
    for (const { member, pairs } of this.columns) pairs.show(member, coverageWords(member))
  }
}

/** The variable that is looked at in each spec: one on all whose grid is that of the spec on show, else what was asked for. */
export function chosenIn(members: readonly Member[], which: number, variable: number | null, asked: (k: number) => number): number[] {
  const shown = members[which]!
  const own = variable ?? firstVariable(shown)
  return members.map((member, k) => {
    const chosen = alike(member.facts, shown.facts) ? own : asked(k)
    return chosen < member.facts.data.variables ? chosen : firstVariable(member)
  })
}

/** '45.2% to 67.8%' of the variables from one to before another; what was not computed is left out. */
export function spanOf(shares: Shares, from: number, to: number): string {
  const rows = Array.from({ length: to - from }, (_, k) => shares.row.get(from + k)).filter((r) => r !== undefined && shares.legal[r]! > 0) as number[]
  if (!rows.length) return "nothing comes before them, or it was not computed"
  const by = rows.sort((a, b) => shares.within[a]! / shares.legal[a]! - shares.within[b]! / shares.legal[b]!)
  const [least, most] = [by[0]!, by[by.length - 1]!].map((r) => share(shares.within[r]!, shares.legal[r]!))
  return least === most ? least! : `${least} to ${most}`
}

function alike(one: Facts, other: Facts): boolean {
  return one.data.groups === other.data.groups && one.data.grid.length === other.data.grid.length && one.data.grid.every((n, k) => n === other.data.grid[k])
}

function sharedWords(column: Column, site: number): string {
  const row = column.shares.row.get(site)
  const name = variableName(column.member.facts, site)
  if (row === undefined) return `${name}: its context was not computed`
  const [legal, within] = [column.shares.legal[row]!, column.shares.within[row]!]
  return legal ? `${name}: sees ${number(within)} of ${number(legal)}, ${share(within, legal)}` : `${name}: nothing comes before it`
}

function coverageWords(member: Member): string {
  const { legal, within, share: shares } = sharesOf(member)
  const [all, seen] = [legal, within].map((x) => x.reduce((a, b) => a + b, 0))
  const sampled = legal.length < shares.length ? ` of the ${counted(legal.length, "variable")} whose contexts were computed` : ""
  return `${share(seen!, all!)} of ${counted(all!, "legal pair")}${sampled} ${all === 1 ? "is" : "are"} seen.`
}

function figureTable(member: Member): HTMLElement {
  const rows = figuresOf(member).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))
  return h("table", { class: "numbers" }, h("caption", { class: "unseen" }, "Figures"), h("tbody", {}, ...rows))
}

export function coverageView(): View {
  return new CoverageView()
}
