// The text that something stands in: its lines marked, a few around them, the whole on request.

import type { Facts, PlaceFacts } from "../facts.ts"
import { h } from "../shell/dom.ts"

const AROUND = 3

/** Lines of a source with those of a place marked; null where there is no place. */
export function source(facts: Facts, place: PlaceFacts | null): HTMLElement | null {
  const file = place === null ? undefined : facts.sources[place.source]
  if (place === null || file === undefined) return null
  const lines = file.text.replace(/\n$/, "").split("\n")
  const code = h("div", { class: "code", role: "group", tabindex: 0, "aria-label": `${file.name}, line ${place.line}` })
  const show = (first: number, last: number): void => {
    const shared = Math.min(...lines.slice(first - 1, last).filter((l) => l.trim() !== "").map((l) => l.length - l.trimStart().length))
    code.replaceChildren(...lines.slice(first - 1, last).map((text, k) => {
      const number = first + k
      const here = number >= place.line && number <= Math.max(place.line, place.endLine)
      return h("div", { class: here ? "line here" : "line", "data-line": number }, ...coloured(text.slice(shared), file.language))
    }))
  }
  show(Math.max(1, place.line - AROUND), Math.min(lines.length, Math.max(place.line, place.endLine) + AROUND))
  const whole = h("button", { type: "button", class: "more", onclick: () => {
    show(1, lines.length)
    code.classList.add("whole")
    whole.remove()
    const at = code.querySelector<HTMLElement>(".here")
    if (at !== null) code.scrollTop = at.offsetTop - code.clientHeight / 3
  } }, "whole file")
  return h("figure", { class: "source" }, h("figcaption", {}, h("span", { title: file.name }, `${file.name.split("/").at(-1)}:${place.line}`), whole), code)
}

const PARTS = {
  yaml: /(?<comment>(?:^|\s)#.*$)|(?<key>[\w.+-]+)(?=:(?:\s|$))|(?<value>\$[\w.]+|"[^"]*"|'[^']*')/g,
  python: /(?<comment>#.*$)|(?<key>\b(?:def|class|return|if|elif|else|for|while|in|not|and|or|with|as|import|from|lambda|None|True|False|self)\b)|(?<value>"[^"]*"|'[^']*')/g,
} as const

/** A line with comments, keys and references told apart. */
export function coloured(text: string, language: keyof typeof PARTS): (Node | string)[] {
  const out: (Node | string)[] = []
  let from = 0
  for (const found of text.matchAll(PARTS[language])) {
    if (found.index > from) out.push(text.slice(from, found.index))
    const kind = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined)?.[0] ?? ""
    out.push(h("span", { class: `c-${kind}` }, found[0]))
    from = found.index + found[0].length
  }
  if (from < text.length) out.push(text.slice(from))
  return out
}
