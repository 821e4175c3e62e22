// The keys of the page, in a dialog.

import { h } from "./dom.ts"
import { icon } from "./icons.ts"
import type { Help, View } from "./state.ts"

const ALWAYS: readonly Help[] = [
  ["/", "search nodes, kinds, masks"],
  ["1 … 9", "the views"],
  ["t", "light or dark"],
  ["?", "these keys"],
  ["Esc", "close"],
]

/** A dialog that closes by Escape, by its cross and by a press beside it. It is gone once closed. */
export function dialog(kind: string, label: string, ...inside: Node[]): HTMLDialogElement {
  const box = h("dialog", { class: `dialog ${kind}`, "aria-label": label }, ...inside)
  box.addEventListener("close", () => box.remove())
  box.addEventListener("pointerdown", (event) => {
    if (event.target === box) box.close()
  })
  document.body.append(box)
  box.showModal()
  return box
}

export function showHelp(views: readonly View[]): void {
  const table = (title: string, lines: readonly Help[]): HTMLElement =>
    h("section", {}, h("h3", {}, title),
      h("dl", {}, ...lines.flatMap(([keys, what]) => [h("dt", {}, ...keys.split(" ").map((k) => (k === "…" || k === "or" ? ` ${k} ` : h("kbd", {}, k)))), h("dd", {}, what)])))
  const close = h("button", { type: "button", class: "round", "aria-label": "Close", onclick: () => box.close() }, icon("close"))
  const box = dialog("help", "Keys", h("header", {}, h("h2", {}, "Keys"), close),
    h("div", { class: "columns" }, table("Everywhere", ALWAYS), ...views.filter((v) => v.help.length > 0).map((v) => table(v.title, v.help))))
}
