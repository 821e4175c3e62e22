// What the views of the context and of generation have in common: the data's grid with its legend on one side, the
// pictures of the layers on the other, and all of it once more in words.

import { DataGrid } from "./grid-data.ts"
import { LayerBoard } from "./grid-layers.ts"
import { h } from "./shell/dom.ts"
import type { Shell, State } from "./shell/state.ts"

export abstract class LayersView {
  protected shell!: Shell
  protected state!: State
  protected readonly grid: DataGrid
  protected readonly board = new LayerBoard((node) => this.shell.set({ node: node === this.state.node ? null : node }))
  protected readonly heading = h("h2", {})
  protected readonly said = h("p", { class: "said" })
  protected readonly pickers = h("div", { class: "pickers" })
  protected readonly legend: HTMLElement
  protected readonly tools = h("div", { class: "layer-tools" })
  protected readonly table = h("div", { class: "as-table" })
  private readonly details = h("details", { class: "in-words", ontoggle: () => this.tell() }, h("summary", {}, "In words"), this.table)

  /** kind: a class of the legend. */
  constructor(kind = "") {
    this.legend = h("ul", { class: `keys ${kind}`.trim() })
    this.grid = new DataGrid((site, other) => this.pick(site, other), (site) => this.hint(site))
  }

  protected abstract pick(site: number, other: boolean): void
  protected abstract hint(site: number): string
  /** Fills the table. */
  protected abstract words(): void

  /** Puts the parts on the page. below: what stands under the legend. */
  protected lay(root: HTMLElement, shell: Shell, below: HTMLElement, ...above: HTMLElement[]): void {
    this.shell = shell
    root.classList.add("grid-view")
    root.append(...above, h("div", { class: "split" },
      h("div", { class: "side" }, this.heading, this.said, this.pickers, this.grid.element, this.legend, below),
      h("div", { class: "main" }, this.tools, this.board.element, this.details)))
  }

  /** Tells it in words where a person opened them. */
  protected tell(): void {
    if (this.details.open) this.words()
  }
}
