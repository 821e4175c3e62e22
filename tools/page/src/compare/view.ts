// Two specs side by side: a table of what was found and what it costs, and both graphs.

import type { Facts } from "../facts.ts"
import { GraphView } from "../graph/view.ts"
import { h } from "../shell/dom.ts"
import { nothing } from "../shell/hash.ts"
import type { Choice, Help, Shell, State, View } from "../shell/state.ts"
import { rows } from "./rows.ts"

const HELP: readonly Help[] = [
  ["Tab", "from one graph to the other"],
  ["Enter", "open a block"],
]

export function compareView(): View {
  return new CompareView()
}

class CompareView implements View {
  readonly id = "compare"
  readonly title = "Compare"
  readonly help = HELP
  private shell!: Shell
  private panes: Pane[] = []
  private here = 0
  private root!: HTMLElement

  applies(_facts: Facts, all: readonly Facts[]): boolean {
    return all.length > 1
  }

  mount(root: HTMLElement, shell: Shell): void {
    this.root = root
    this.shell = shell
  }

  update(state: State): void {
    if (this.panes.length === 0) {
      this.panes = state.all.map((facts, k) => new Pane(facts, k, this.shell, (name) => this.chosen(k, name)))
      this.root.append(table(state.all), h("div", { class: "panes" }, ...this.panes.map((p) => p.element)))
      this.panes.forEach((pane, k) => pane.element.addEventListener("focusin", () => {
        this.here = k
      }))
    }
    for (const pane of this.panes) pane.update(state)
  }

  key(event: KeyboardEvent): boolean {
    return this.panes[this.here]?.graph.key(event) ?? false
  }

  /** What is chosen in one graph is chosen in the others too, where they have a node of that name. */
  private chosen(from: number, fold: string | null): void {
    this.here = from
    this.panes.forEach((pane, k) => {
      if (k !== from) pane.follow(fold)
    })
  }
}

/** One of the graphs, with a shell of its own: what is chosen in it is not the page's choice. */
class Pane implements Shell {
  readonly graph = new GraphView()
  readonly element: HTMLElement
  state: State
  private readonly outer: Shell
  private readonly open = h("button", { type: "button", class: "button" }, "Open")
  private readonly tell: (fold: string | null) => void

  constructor(facts: Facts, which: number, outer: Shell, tell: (fold: string | null) => void) {
    this.outer = outer
    this.tell = tell
    this.state = { ...outer.state, ...nothing("graph"), which, facts }
    const stage = h("div", { class: "view-graph" })
    this.open.addEventListener("click", () => outer.set({ view: "graph", which, node: this.state.node }))
    this.element = h("section", { "aria-label": facts.title }, h("header", {}, h("h3", {}, facts.title), this.open), stage)
    queueMicrotask(() => {
      this.graph.mount(stage, this)
      this.graph.update(this.state, null)
    })
  }

  update(state: State): void {
    this.state = { ...this.state, theme: state.theme }
  }

  set(change: Partial<Choice>): void {
    const before = this.state
    this.state = { ...before, ...change, more: {} }
    this.graph.update(this.state, before)
    if (change.node !== undefined && change.node !== before.node) {
      this.tell(change.node === null ? null : (this.state.facts.nodes[change.node]?.fold ?? null))
    }
  }

  announce(sentence: string): void {
    this.outer.announce(sentence)
  }

  follow(fold: string | null): void {
    const node = fold === null ? -1 : this.state.facts.nodes.findIndex((n) => n.fold === fold && n.live)
    const before = this.state
    this.state = { ...before, node: node < 0 ? null : node }
    this.graph.update(this.state, before)
  }
}

function table(all: readonly Facts[]): HTMLElement {
  return h("div", { class: "figures" }, h("table", {},
    h("thead", {}, h("tr", {}, h("td"), ...all.map((f) => h("th", { scope: "col" }, f.title)))),
    h("tbody", {}, ...rows(all).map((row) => h("tr", {}, h("th", { scope: "row" }, row.name, h("small", {}, row.unit)), ...row.cells.map((cell) =>
      h("td", {}, h("span", { class: "value" }, cell.text), cell.share === null ? null : h("span", { class: "bar-of", "aria-hidden": "true", style: `--share: ${cell.share.toFixed(3)}` }))))))))
}
