// The panel beside the graph: what is chosen, in full.

import type { NodeId } from "../facts.ts"
import type { Item } from "../graph/tree.ts"
import { h } from "../shell/dom.ts"
import type { State } from "../shell/state.ts"

export interface On {
  node(id: NodeId): void
  repetition(id: NodeId): void
  close(): void
  leak(): void
}

export interface Panel {
  readonly element: HTMLElement
  show(state: State, item: Item | null): void
  focus(): void
}

export function panel(_on: On): Panel {
  const element = h("aside", { class: "panel", tabindex: -1, "aria-label": "What is chosen" })
  return {
    element,
    show(state, item) {
      element.replaceChildren(h("h2", {}, item?.label ?? state.facts.title))
    },
    focus() {
      element.focus()
    },
  }
}
