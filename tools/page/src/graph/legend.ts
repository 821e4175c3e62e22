// The legend: what the colours, lines and signs say.

import { h, s } from "../shell/dom.ts"
import { sign } from "./draw.ts"
import { STRICT, type Strict } from "./look.ts"

export function legend(): HTMLElement {
  const line = (strict: Strict): HTMLElement =>
    h("li", { class: `s-${strict}` }, s("svg", { width: 44, height: 14, viewBox: "0 0 44 14", "aria-hidden": "true" }, sign(strict, 7, 7), s("g", { class: `wire s-${strict}` }, s("path", { class: "stroke", d: "M17 7H43" }))),
      h("b", {}, STRICT[strict].word), ` ${STRICT[strict].meaning}`)
  return h("details", { class: "legend" }, h("summary", {}, "Legend"), h("ul", {}, ...(["strict", "inclusive", "ahead", "free"] as const).map(line)),
    h("p", {}, "A thick border: the graph becomes strict here. Dashed: from one repetition to the next."))
}
