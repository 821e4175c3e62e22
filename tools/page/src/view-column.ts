// What the views that stand in one column have in common: they are built once for the facts they are about, and then
// told of every choice.

import type { Facts } from "./facts.ts"
import { h } from "./shell/dom.ts"
import type { Help, Shell, State, View } from "./shell/state.ts"

export abstract class ColumnView implements View {
  abstract readonly id: string
  abstract readonly title: string
  abstract readonly help: readonly Help[]
  protected shell!: Shell
  protected state!: State
  protected readonly root: HTMLElement
  private built: unknown = null

  /** kind: a class of the column. */
  constructor(kind = "") {
    this.root = h("div", { class: `cover ${kind}`.trim() })
  }

  abstract applies(facts: Facts, all: readonly Facts[]): boolean

  mount(root: HTMLElement, shell: Shell): void {
    this.shell = shell
    root.classList.add("grid-view")
    root.append(this.root)
  }

  update(state: State): void {
    this.state = state
    const about = this.about(state)
    if (about !== this.built) this.build(state)
    this.built = about
    this.show()
  }

  /** What it is built for: it is built anew where this is another. */
  protected about(state: State): unknown {
    return state.facts
  }

  protected abstract build(state: State): void
  protected abstract show(): void
}
