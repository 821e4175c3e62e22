// The panel beside the graph: what is chosen, in full. On a narrow screen it is a sheet that comes up from below.

import type { Item } from "../graph/tree.ts"
import { h } from "../shell/dom.ts"
import { icon } from "../shell/icons.ts"
import type { State } from "../shell/state.ts"
import { boxPage } from "./box.ts"
import { nodePage } from "./node.ts"
import { overviewPage } from "./overview.ts"
import type { On } from "./parts.ts"

export interface Panel {
  readonly element: HTMLElement
  show(state: State, item: Item | null): void
  focus(): void
}

export function panel(on: On): Panel {
  const page = h("div", { class: "page", tabindex: -1 })
  const close = h("button", { type: "button", class: "round close", "aria-label": "Close", onclick: () => on.close() }, icon("close"))
  const element = h("aside", { class: "panel", "aria-label": "What is chosen" }, h("div", { class: "grip", "aria-hidden": "true" }), close, page)
  let told = ""
  return {
    element,
    show(state, item) {
      const about = state.more["graph.about"] === "1"
      element.classList.toggle("idle", item === null && !about)
      close.hidden = item === null && !about
      const now = [state.which, state.member, state.node, item?.key, item?.kind === "box" && item.open].join(" ")
      if (now === told) return
      told = now
      page.replaceChildren(...(item === null ? overviewPage(state, on) : item.kind === "box" ? boxPage(state, item, on) : nodePage(state, item, on)))
      page.scrollTop = 0
    },
    focus() {
      page.focus()
    },
  }
}
