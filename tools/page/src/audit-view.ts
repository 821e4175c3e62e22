// The view of an audit: what was asked and answered, the author's source with the operations of each line, and what each
// output depends on.

import type { Facts, NodeFacts } from "./facts.ts"
import { counted, fieldOf, number, summary } from "./field.ts"
import { PairsPicture } from "./field-pairs.ts"
import { sharesOf } from "./field-shares.ts"
import { DataGrid, variableName } from "./grid-data.ts"
import { channelsOf, colour, pen } from "./grid-paint.ts"
import { stateLooks } from "./field-looks.ts"
import { firstVariable } from "./field-view.ts"
import { h } from "./shell/dom.ts"
import type { State, View } from "./shell/state.ts"
import { ColumnView } from "./view-column.ts"
import { arrayOf, chosenMember, relationOf } from "./walk-facts.ts"
import type { Runs } from "./walk.ts"

/** Of each line of a source, counted from 1, the operations that stand there. */
export function operationsByLine(nodes: readonly NodeFacts[], source: number): Map<number, number[]> {
  const found = new Map<number, number[]>()
  nodes.forEach((node, n) => {
    if (node.place?.source !== source || node.role === "data") return
    found.set(node.place.line, [...(found.get(node.place.line) ?? []), n])
  })
  return found
}

const MATRIX = 116 // pixels of the picture of an operation

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

/** The nodes on the ways of leaks. */
export function leakingNodes(facts: Facts, member: number): Set<number> {
  return new Set(facts.members[member]?.leaks.flatMap((leak) => leak.path.map((step) => step.node)) ?? [])
}

class AuditView extends ColumnView {
  readonly id = "audit"
  readonly title = "Audit"
  readonly help = [["← → ↑ ↓", "another output, in the grid"]] as const
  private readonly code = h("div", { class: "py" })
  private readonly files = h("div", { class: "switch", role: "group", "aria-label": "Source" })
  private readonly operations = h("div", { class: "operations" })
  private readonly dependence = h("div", { class: "op-cards" })
  private readonly picked = h("p", { class: "picked" })
  private readonly which = h("h2", {})
  private readonly pairs = new PairsPicture((variable, pair) => this.shell.set({ variable, pair }))
  private readonly grid = new DataGrid((site, other) => this.shell.set(other ? { pair: site } : { variable: site }), (site) => variableName(this.state.facts, site))

  constructor() {
    super("audit")
  }

  applies(facts: Facts): boolean {
    return facts.audit !== null
  }

  protected show(): void {
    this.showCode()
    this.showOutput()
  }

  protected build({ facts }: State): void {
    const audit = facts.audit!
    const checks = audit.checks.map((check) =>
      h("tr", {}, h("th", { scope: "row" }, check.name), h("td", { class: tone(check.answer) }, check.answer), h("td", { class: "check-words" }, ...check.words.map((w) => h("div", {}, w)))))
    const sayings = facts.verdict.sayings.map((s) => h("li", {}, h("b", {}, s.code), " ", s.text, s.help ? h("pre", { class: "help-text" }, s.help) : ""))
    const member = facts.members[0]
    this.files.hidden = facts.sources.length < 2
    this.root.replaceChildren(
      h("section", { class: "audit-head" }, h("h2", {}, audit.target), h("p", { class: "said" }, facts.about), h("table", { class: "checks" }, h("caption", { class: "unseen" }, "What was asked"), h("tbody", {}, ...checks)),
        sayings.length ? h("ul", { class: "sayings" }, ...sayings) : "", ...facts.notes.map((n) => h("p", { class: "hint" }, n)), audit.command ? h("code", { class: "command" }, audit.command) : ""),
      ...(facts.sources.length ? [h("section", { class: "audit-source" }, h("div", { class: "cover-head" }, h("h2", {}, "The source, and its operations"), this.files), h("div", { class: "py-split" }, this.code, this.operations))] : []),
      ...(member?.contexts ? [h("section", {}, h("div", { class: "cover-head" }, this.which), this.picked, h("div", { class: "cover-columns", style: "--columns:2" }, this.grid.element, this.pairs.element))] : []),
      ...(this.matrices(facts).length ? [h("section", {}, h("div", { class: "cover-head" }, h("h2", {}, "Operation by operation"), h("p", { class: "hint" }, "A row for each of its sites, a column for each input, in the order: what the site depends on.")), this.dependence)] : []))
    this.dependence.replaceChildren(...this.matrices(facts).map((n) => this.matrixCard(facts, n)))
    this.themed = ""
  }

  // -- the source -----------------------------------------------------------------------------------------------------

  private source(): number {
    const asked = Number(this.state.more["audit.source"] ?? NaN)
    const { facts, node } = this.state
    if (node !== null && facts.nodes[node]?.place && !Number.isInteger(asked)) return facts.nodes[node].place.source
    return asked in facts.sources ? asked : 0
  }

  private showCode(): void {
    const { facts } = this.state
    if (!facts.sources.length) return
    const k = this.source()
    this.files.replaceChildren(...facts.sources.map((s, n) => h("button", { type: "button", "aria-pressed": String(n === k), title: s.name, onclick: () => this.shell.set({ more: { "audit.source": String(n) } }) }, s.name.split("/").at(-1) ?? s.name)))
    const by = operationsByLine(facts.nodes, k)
    const leaks = leakingNodes(facts, this.state.member)
    const chosen = this.state.node === null ? null : facts.nodes[this.state.node]!.place
    const asked = Number(this.state.more["audit.line"] ?? NaN)
    const culprit = facts.members[this.state.member]?.leaks.find((l) => l.culprit !== null && facts.nodes[l.culprit]!.place?.source === k)?.culprit ?? null
    const line = Number.isInteger(asked) ? asked : chosen?.source === k ? chosen.line : culprit !== null ? facts.nodes[culprit]!.place!.line : (firstOf(by, leaks) ?? 0)
    const rows = facts.sources[k]!.text.replace(/\n$/, "").split("\n").map((text, at) => {
      const own = by.get(at + 1) ?? []
      const bad = own.some((n) => leaks.has(n))
      const worst = culprit !== null && own.includes(culprit)
      const words = `line ${at + 1}: ${counted(own.length, "operation")}${worst ? ", where a leak comes in" : bad ? ", on the way of a leak" : ""}`
      const sign = own.length
        ? h("button", { type: "button", class: `ops${bad ? " bad" : ""}`, "aria-label": words, title: words, "aria-pressed": String(line === at + 1), onclick: () => this.pick(at + 1, own) }, number(own.length))
        : h("span", { class: "ops" })
      return h("div", { class: `row-of${worst ? " bad" : ""}${line === at + 1 ? " here" : ""}` }, h("span", { class: "at", "aria-hidden": "true" }, String(at + 1)), sign, h("code", {}, text || " "))
    })
    const top = this.code.scrollTop
    const same = this.code.dataset["source"] === String(k)
    this.code.dataset["source"] = String(k)
    this.code.replaceChildren(...rows)
    this.code.scrollTop = top
    const here = this.code.querySelector<HTMLElement>(".here")
    if (here && (!same || here.offsetTop < top || here.offsetTop > top + this.code.clientHeight)) this.code.scrollTop = Math.max(here.offsetTop - this.code.clientHeight / 3, 0)
    this.showOperations(line, by.get(line) ?? [], leaks)
    ;[...this.dependence.children].forEach((card) => card.setAttribute("aria-pressed", String((card as HTMLElement).dataset["node"] === String(this.state.node))))
    if (this.themed !== this.state.theme) {
      this.themed = this.state.theme
      this.drawnCards = new WeakSet()
      this.watch.disconnect()
      for (const card of this.dependence.children) this.watch.observe(card)
    }
  }

  // -- what the sites of each operation depend on -----------------------------------------------------------------------

  private themed = ""
  private drawnCards = new WeakSet<Element>()
  private readonly watch = new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && this.drawMatrix(e.target as HTMLElement)), { rootMargin: "300px" })

  private matrices(facts: Facts): number[] {
    return facts.members[0]?.nodes.flatMap((own, n) => (own.context !== null && facts.nodes[n]!.role !== "data" ? [n] : [])) ?? []
  }

  private matrixCard(facts: Facts, n: number): HTMLElement {
    const node = facts.nodes[n]!
    const ahead = facts.members[0]!.nodes[n]!.strict === "ahead"
    const bad = facts.members[0]!.leaks.some((l) => l.culprit === n)
    return h("button", { type: "button", class: `layer${bad ? " bad" : ""}`, "data-node": n, title: node.name, onclick: () => this.shell.set({ node: n, more: { "audit.line": node.place ? String(node.place.line) : "", "audit.source": node.place ? String(node.place.source) : "" } }) },
      h("span", { class: "head" }, h("span", { class: "name" }, h("bdi", { dir: "ltr" }, node.name)), h("span", { class: "kind" }, [node.kind, node.text].filter(Boolean).join(" "))),
      h("span", { class: "frame" }, h("canvas", { "aria-hidden": "true" })),
      h("span", { class: "words" }, bad ? "the leak comes in here" : ahead ? "depends on later inputs" : counted(node.sites, "site")))
  }

  private drawMatrix(card: HTMLElement): void {
    if (this.drawnCards.has(card)) return
    this.drawnCards.add(card)
    const { facts } = this.state
    const own = facts.members[0]!.nodes[Number(card.dataset["node"])]!
    const ctx = pen(card.querySelector("canvas")!, MATRIX, MATRIX)
    if (!ctx) return
    const [none, all] = [colour("--state-later"), colour("--state-seen")].map(channelsOf)
    const shares = dependence(relationOf(facts, own.context!), arrayOf(facts, facts.members[0]!.place), ctx.canvas.width)
    const image = ctx.createImageData(ctx.canvas.width, ctx.canvas.height)
    shares.forEach((share, k) => {
      for (let c = 0; c < 3; c++) image.data[4 * k + c] = none![c]! + (all![c]! - none![c]!) * share
      image.data[4 * k + 3] = 255
    })
    ctx.putImageData(image, 0, 0)
  }

  private pick(line: number, own: readonly number[]): void {
    this.shell.set({ node: own[0] ?? null, more: { "audit.line": String(line), "audit.source": String(this.source()) } })
    this.shell.announce(`line ${line}: ${own.map((n) => this.state.facts.nodes[n]!.name).join(", ")}`)
  }

  private showOperations(line: number, own: readonly number[], leaks: ReadonlySet<number>): void {
    const { facts, member } = this.state
    const items = own.map((n) => {
      const node = facts.nodes[n]!
      const strict = facts.members[member]?.nodes[n]?.strict ?? "none"
      return h("li", { class: leaks.has(n) ? "bad" : null },
        h("button", { type: "button", class: "link", "aria-pressed": String(n === this.state.node), onclick: () => this.shell.set({ view: "graph", node: n }) }, node.name),
        h("span", { class: "hint" }, [node.kind, node.text].filter(Boolean).join(" ")), h("span", { class: "hint" }, leaks.has(n) ? "on the way of a leak" : STRICT[strict]))
    })
    this.operations.replaceChildren(h("h3", {}, own.length ? `Line ${line}` : "A number beside a line is how many operations it made"), h("ul", {}, ...items))
  }

  // -- what an output depends on --------------------------------------------------------------------------------------

  private showOutput(): void {
    const { facts } = this.state
    const member = chosenMember(this.state)
    if (!member.of.contexts) return
    const variable = this.state.variable ?? firstVariable(member)
    const field = fieldOf(member.rank, variable, member.seen(variable), member.deep(variable))
    this.which.replaceChildren("What the output for ", h("em", {}, variableName(facts, variable)), " depends on")
    this.picked.textContent = `It ${summary(field)}.`
    const rings = [{ site: variable, colour: colour("--ink") }, ...(this.state.pair === null ? [] : [{ site: this.state.pair, colour: colour("--state-way") }])]
    this.grid.label(`The inputs as a grid. ${variableName(facts, variable)}: its output ${summary(field)}.`)
    this.grid.show(facts, field.state, stateLooks(), variable, rings)
    const { legal, within } = sharesOf(member)
    const [all, seen] = [legal, within].map((x) => x.reduce((a, b) => a + b, 0))
    this.pairs.show(member, `${number(seen!)} of ${counted(all!, "legal pair")} depend.`)
  }
}

const STRICT: Record<string, string> = {
  free: "depends on no input", strict: "depends on earlier inputs alone", inclusive: "depends on inputs up to its own", ahead: "depends on later inputs", none: "",
}

function firstOf(by: ReadonlyMap<number, readonly number[]>, leaks: ReadonlySet<number>): number | null {
  const lines = [...by.keys()].sort((a, b) => a - b)
  return lines.find((line) => by.get(line)!.some((n) => leaks.has(n))) ?? lines[0] ?? null
}

function tone(answer: string): string {
  return /leak|differ|fail/i.test(answer) ? "bad" : /not run/i.test(answer) ? "none" : /not|undecided/i.test(answer) ? "unsure" : "good"
}

export function auditView(): View {
  return new AuditView()
}
