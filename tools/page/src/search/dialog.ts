// The search as a dialog: a field, and a list that the arrow keys walk.

import { h } from "../shell/dom.ts"
import { dialog } from "../shell/help.ts"
import { icon } from "../shell/icons.ts"
import type { State } from "../shell/state.ts"
import { type Found, search } from "./fuzzy.ts"

/** Opens the search; `chosen` is told which node was taken. */
export function openSearch(state: State, chosen: (node: number) => void): void {
  let found: Found[] = []
  let here = 0
  const list = h("ul", { role: "listbox", id: "found", "aria-label": "Found" })
  const none = h("p", { class: "none", role: "status" })
  const field = h("input", {
    type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "found", "aria-autocomplete": "list", "aria-label": "Search nodes, kinds, masks",
    placeholder: "A node, a kind, a mask", autocomplete: "off", spellcheck: "false",
  })
  const box = dialog("search", "Search", h("div", { class: "field" }, icon("search"), field), list, none)

  const take = (k: number): void => {
    const one = found[k]
    if (one === undefined) return
    box.close()
    chosen(one.node)
  }
  const mark = (): void => {
    for (const [k, item] of [...list.children].entries()) {
      item.setAttribute("aria-selected", String(k === here))
      if (k === here) item.scrollIntoView({ block: "nearest" })
    }
    if (found.length > 0) field.setAttribute("aria-activedescendant", `found-${here}`)
    else field.removeAttribute("aria-activedescendant")
  }
  const look = (): void => {
    found = search(state.facts, field.value)
    here = 0
    list.replaceChildren(...found.map((one, k) => {
      const node = state.facts.nodes[one.node]
      const words = [node?.kind ?? "", node?.text.includes(node.mask ?? "") === true ? "" : (node?.mask ?? ""), node?.text ?? ""].filter((w, at, all) => w !== "" && all.indexOf(w) === at)
      return h("li", { role: "option", id: `found-${k}`, "aria-selected": "false", onclick: () => take(k) },
        h("span", { class: "name" }, ...marked(one)), one.count > 1 ? h("span", { class: "times" }, `×${one.count}`) : null,
        h("span", { class: "words" }, words.join(" · ")))
    }))
    none.textContent = found.length === 0 ? `No node, kind or mask has “${field.value.trim()}”.` : ""
    mark()
  }
  field.addEventListener("input", look)
  field.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0
    if (event.key === "Enter") take(here)
    else if (step !== 0 && found.length > 0) {
      here = (here + step + found.length) % found.length
      mark()
    } else return
    event.preventDefault()
  })
  look()
  field.focus()
}

function marked(one: Found): Node[] {
  const marks = new Set(one.marks)
  return Array.from(one.name, (letter, k) => (marks.has(k) ? h("mark", {}, letter) : document.createTextNode(letter)))
}
