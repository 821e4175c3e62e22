// The view of an audit: what was asked and answered, the author's source with the operations of each line, and what each
// output depends on.

import { drawDependence } from "./audit-dependence.ts"
import type { Facts, NodeFacts } from "./facts.ts"
import { counted, fieldOf, number, summary } from "./field.ts"
import { PairsPicture } from "./field-pairs.ts"
import { sharesOf } from "./field-shares.ts"
import { DataGrid, variableName } from "./grid-data.ts"
import { colour } from "./grid-paint.ts"
import { stateLooks } from "./field-looks.ts"
import { wayOfPair } from "./field-way.ts"
import { readersOf } from "./graph/wires.ts"
import { knownAt } from "./panel/node.ts"
import { firstVariable } from "./field-view.ts"
import { h } from "./shell/dom.ts"
import type { State, View } from "./shell/state.ts"
import { ColumnView } from "./view-column.ts"
import { chosenMember, type Member } from "./walk-facts.ts"

/** Of each line of a source, counted from 1, the operations that stand there. */
export function operationsByLine(nodes: readonly NodeFacts[], source: number): Map<number, number[]> {
  const found = new Map<number, number[]>()
  nodes.forEach((node, n) => {
    if (node.place?.source !== source || node.role === "data") return
    found.set(node.place.line, [...(found.get(node.place.line) ?? []), n])
  })
  return found
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
  private readonly chosen = h("div", { class: "op-about" })
  private readonly way = h("div", { class: "pair" })
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
      ...(facts.sources.length ? [h("section", { class: "audit-source" }, h("div", { class: "cover-head" }, h("h2", {}, "The source, and its operations"), this.files), h("div", { class: "py-split" }, this.code, h("div", { class: "op-side" }, this.operations, this.chosen)))] : []),
      ...(member?.contexts ? [h("section", {}, h("div", { class: "cover-head" }, this.which), this.picked, h("div", { class: "cover-columns", style: "--columns:2" }, h("div", {}, this.grid.element, this.way), this.pairs.element))] : []),
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
    return h("button", { type: "button", class: `layer${bad ? " bad" : ""}`, "data-node": n, title: node.name, onclick: () => this.open(n) },
      h("span", { class: "head" }, h("span", { class: "name" }, h("bdi", { dir: "ltr" }, node.name)), h("span", { class: "kind" }, kindOf(node))),
      h("span", { class: "frame" }, h("canvas", { "aria-hidden": "true" })),
      h("span", { class: "words" }, bad ? "the leak comes in here" : ahead ? "depends on later inputs" : counted(node.sites, "site")))
  }

  private drawMatrix(card: HTMLElement): void {
    if (this.drawnCards.has(card)) return
    this.drawnCards.add(card)
    drawDependence(card.querySelector("canvas")!, this.state.facts, Number(card.dataset["node"]))
  }

  /** Chooses an operation, and shows its line. */
  private open(n: number): void {
    const { place, name } = this.state.facts.nodes[n]!
    this.shell.set({ node: n, more: { "audit.line": place ? String(place.line) : "", "audit.source": place ? String(place.source) : "" } })
    this.shell.announce(place ? `${name}, line ${place.line}` : name)
  }

  private pick(line: number, own: readonly number[]): void {
    this.shell.set({ node: own[0] ?? null, more: { "audit.line": String(line), "audit.source": String(this.source()) } })
    this.shell.announce(`line ${line}: ${own.map((n) => this.state.facts.nodes[n]!.name).join(", ")}`)
  }

  private showOperations(line: number, own: readonly number[], leaks: ReadonlySet<number>): void {
    const { facts, node } = this.state
    const shown = node ?? own[0] ?? null
    const items = own.map((n) => h("li", { class: leaks.has(n) ? "bad" : null },
      h("button", { type: "button", class: "link", "aria-pressed": String(n === shown), onclick: () => this.open(n) }, facts.nodes[n]!.name),
      h("span", { class: "hint" }, kindOf(facts.nodes[n]!)), h("span", { class: "hint" }, leaks.has(n) ? "on the way of a leak" : this.strict(n))))
    this.operations.replaceChildren(h("h3", {}, own.length ? `Line ${line}` : "A number beside a line is how many operations it made"), h("ul", {}, ...items))
    this.chosen.replaceChildren(...(shown === null ? [] : this.aboutOf(shown)))
  }

  private strict(n: number): string {
    return STRICT[this.state.facts.members[this.state.member]?.nodes[n]?.strict ?? "none"] ?? ""
  }

  /** An operation, and the walk from it: to what it reads, and to what reads it. */
  private aboutOf(n: number): HTMLElement[] {
    const { facts, member } = this.state
    const node = facts.nodes[n]!
    const known = knownAt(facts, facts.members[member]?.nodes[n]?.known ?? null)
    const near = (title: string, nodes: readonly number[]): HTMLElement =>
      h("section", {}, h("h4", {}, title), nodes.length ? h("ul", {}, ...[...new Set(nodes)].map((k) => this.neighbour(k))) : h("p", { class: "hint" }, "nothing"))
    return [
      h("h3", {}, node.name), h("p", { class: "hint" }, [kindOf(node), this.strict(n), known === null ? "" : `known ${known}`].filter(Boolean).join("; ")),
      near("Reads", node.inputs.map((input) => input.node)), near("Is read by", readersOf(facts, n)),
      h("button", { type: "button", class: "quiet", onclick: () => this.shell.set({ view: "graph", node: n }) }, "Show it in the graph"),
    ]
  }

  private neighbour(n: number): HTMLElement {
    const { facts } = this.state
    const { name, place } = facts.nodes[n]!
    return h("li", {}, h("button", { type: "button", class: "step", onclick: () => this.open(n) }, name),
      h("span", { class: "hint" }, [place ? `line ${place.line}` : "", kindOf(facts.nodes[n]!), this.strict(n)].filter(Boolean).join("; ")))
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
    this.showWay(member, variable)
  }

  /** The way of the chosen pair, from operation to operation. */
  private showWay(member: Member, variable: number): void {
    const { facts, pair, node } = this.state
    if (!member.walkable) return this.way.replaceChildren()
    if (pair === null) return this.way.replaceChildren(h("p", { class: "hint" }, "An input that is picked with Shift, or a pair that is picked on the right, shows its way through the operations."))
    this.way.replaceChildren(
      h("h3", {}, h("span", { class: "dot way" }), variableName(facts, pair), " → the output for ", variableName(facts, variable)),
      ...wayOfPair(member, pair, variable, node, (n) => this.open(n)),
      h("div", { class: "row" }, h("button", { type: "button", class: "quiet", onclick: () => this.shell.set({ variable, view: "graph", node: null }) }, "Show it in the graph"),
        h("button", { type: "button", class: "quiet", onclick: () => this.shell.set({ pair: null }) }, "Clear")))
  }
}

const STRICT: Record<string, string> = {
  free: "depends on no input", strict: "depends on earlier inputs alone", inclusive: "depends on inputs up to its own", ahead: "depends on later inputs", none: "",
}

function kindOf(node: NodeFacts): string {
  return [node.kind, node.text].filter(Boolean).join(" ")
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
