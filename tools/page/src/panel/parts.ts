// The parts that pages of the panel are made of.

import type { Facts, NodeId } from "../facts.ts"
import { h, s, type Child } from "../shell/dom.ts"
import { sign } from "../graph/draw.ts"
import { STRICT, type Strict } from "../graph/look.ts"
import type { Item } from "../graph/tree.ts"

/** What the panel asks of the graph. */
export interface On {
  node(id: NodeId): void
  close(): void
  leak(number: number): void
  toggle(item: Item): void
  fold(key: string): void
  member(number: number): void
}

/** A heading with what stands below it. */
export function part(title: string, ...inside: Child[]): HTMLElement {
  return h("section", {}, h("h3", {}, title), ...inside)
}

/** Words and what they are, one a line; lines whose value is null are left out. */
export function table(lines: readonly (readonly [string, Child])[]): HTMLElement {
  return h("dl", { class: "table" }, ...lines.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([word, value]) => [h("dt", {}, word), h("dd", {}, value)]))
}

/** How strict a node is, as sign and words. */
export function strictness(strict: Strict): HTMLElement | null {
  if (strict === "none") return null
  return h("p", { class: `strict s-${strict}` }, s("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, sign(strict, 7, 7)), h("span", {}, h("b", {}, STRICT[strict].word), `: ${STRICT[strict].meaning}`))
}

/** The family's colour and the kind's name. */
export function kind(family: string, name: string, text: string): HTMLElement {
  return h("p", { class: "kind" }, h("span", { class: `swatch f-${family}`, "aria-hidden": "true" }), h("b", {}, name), text === "" ? null : ` ${text}`)
}

/** Links to nodes. */
export function links(facts: Facts, nodes: readonly { readonly id: NodeId; readonly port: string }[], on: On, most = 12): HTMLElement {
  const list = h("ul", { class: "links" })
  const add = (some: typeof nodes): void => list.append(...some.map(({ id, port }) => {
    const node = facts.nodes[id]
    return h("li", {}, h("button", { type: "button", onclick: () => on.node(id) }, node?.name ?? "?"), h("span", {}, port === "" || port === "from" ? (node?.kind ?? "") : port))
  }))
  add(nodes.slice(0, most))
  if (nodes.length > most) {
    const more = h("li", {}, h("button", { type: "button", class: "more", onclick: () => {
      more.remove()
      add(nodes.slice(most))
    } }, `${nodes.length - most} more`))
    list.append(more)
  }
  return list
}

/** A sentence in which `words` stand for code. */
export function prose(text: string): (Node | string)[] {
  return text.split(/`([^`]+)`/).map((piece, k) => (k % 2 === 1 ? h("code", {}, piece) : piece))
}
