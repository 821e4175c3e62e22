// The view of an audit: what was asked and answered, the author's source with the operations of each line, and what each
// output depends on.

import type { Facts, NodeFacts } from "./facts.ts"
import { counted, fieldOf, number, summary } from "./field.ts"
import { PairsPicture } from "./field-pairs.ts"
import { sharesOf } from "./field-shares.ts"
import { DataGrid, variableName } from "./grid-data.ts"
import { colour } from "./grid-paint.ts"
import { stateLooks } from "./field-looks.ts"
import { firstVariable } from "./field-view.ts"
import { h } from "./shell/dom.ts"
import type { Shell, State, View } from "./shell/state.ts"
import { chosenMember } from "./walk-facts.ts"

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

class AuditView implements View {
  readonly id = "audit"
  readonly title = "Audit"
  readonly help = [["← → ↑ ↓", "another output, in the grid"]] as const
  private shell!: Shell
  private state!: State
  private shown: Facts | null = null
  private readonly root = h("div", { class: "cover audit" })
  private readonly code = h("div", { class: "py" })
  private readonly files = h("div", { class: "switch", role: "group", "aria-label": "Source" })
  private readonly operations = h("div", { class: "operations" })
  private readonly picked = h("p", { class: "picked" })
  private readonly which = h("h2", {})
  private readonly pairs = new PairsPicture((variable, pair) => this.shell.set({ variable, pair }))
  private readonly grid = new DataGrid((site, other) => this.shell.set(other ? { pair: site } : { variable: site }), (site) => variableName(this.state.facts, site))

  applies(facts: Facts): boolean {
    return facts.audit !== null
  }

  mount(root: HTMLElement, shell: Shell): void {
    this.shell = shell
    root.classList.add("grid-view")
    root.append(this.root)
  }

  update(state: State): void {
    this.state = state
    if (state.facts !== this.shown) this.build(state.facts)
    this.showCode()
    this.showOutput()
  }

  private build(facts: Facts): void {
    this.shown = facts
    const audit = facts.audit!
    const checks = audit.checks.map((check) =>
      h("tr", {}, h("th", { scope: "row" }, check.name), h("td", { class: tone(check.answer) }, check.answer), h("td", { class: "check-words" }, ...check.words.map((w) => h("div", {}, w)))))
    const sayings = facts.verdict.sayings.map((s) => h("li", {}, h("b", {}, s.code), " ", s.text, s.help ? h("div", { class: "hint" }, s.help) : ""))
    const member = facts.members[0]
    this.files.hidden = facts.sources.length < 2
    this.root.replaceChildren(
      h("section", { class: "audit-head" }, h("h2", {}, audit.target), h("p", { class: "said" }, facts.about), h("table", { class: "checks" }, h("caption", { class: "unseen" }, "What was asked"), h("tbody", {}, ...checks)),
        sayings.length ? h("ul", { class: "sayings" }, ...sayings) : "", ...facts.notes.map((n) => h("p", { class: "hint" }, n)), audit.command ? h("code", { class: "command" }, audit.command) : ""),
      ...(facts.sources.length ? [h("section", { class: "audit-source" }, h("div", { class: "cover-head" }, h("h2", {}, "The source, and its operations"), this.files), h("div", { class: "py-split" }, this.code, this.operations))] : []),
      ...(member?.contexts ? [h("section", {}, h("div", { class: "cover-head" }, this.which), this.picked, h("div", { class: "cover-columns", style: "--columns:2" }, this.grid.element, this.pairs.element))] : []))
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
    const line = Number.isInteger(asked) ? asked : chosen?.source === k ? chosen.line : (firstOf(by, leaks) ?? 0)
    const rows = facts.sources[k]!.text.replace(/\n$/, "").split("\n").map((text, at) => {
      const own = by.get(at + 1) ?? []
      const bad = own.some((n) => leaks.has(n))
      const words = `line ${at + 1}: ${counted(own.length, "operation")}${bad ? ", on the way of a leak" : ""}`
      const sign = own.length
        ? h("button", { type: "button", class: `ops${bad ? " bad" : ""}`, "aria-label": words, title: words, "aria-pressed": String(line === at + 1), onclick: () => this.pick(at + 1, own) }, number(own.length))
        : h("span", { class: "ops" })
      return h("div", { class: `row-of${bad ? " bad" : ""}${line === at + 1 ? " here" : ""}` }, h("span", { class: "at", "aria-hidden": "true" }, String(at + 1)), sign, h("code", {}, text || " "))
    })
    const top = this.code.scrollTop
    const same = this.code.dataset["source"] === String(k)
    this.code.dataset["source"] = String(k)
    this.code.replaceChildren(...rows)
    this.code.scrollTop = top
    const here = this.code.querySelector<HTMLElement>(".here")
    if (here && (!same || here.offsetTop < top || here.offsetTop > top + this.code.clientHeight)) this.code.scrollTop = Math.max(here.offsetTop - this.code.clientHeight / 3, 0)
    this.showOperations(line, by.get(line) ?? [], leaks)
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
  return /leak|differ|fail/i.test(answer) ? "bad" : /not|undecided|absent/i.test(answer) ? "unsure" : "good"
}

export function auditView(): View {
  return new AuditView()
}
