// The choice as the text after # in the page's address, and back. Nodes stand by name, so that a link outlives an edit.

import type { Facts } from "../facts.ts"
import type { Choice } from "./state.ts"

const OWN = ["view", "spec", "order", "node", "variable", "with", "step"]

/** What a fresh page shows. */
export function nothing(view: string): Choice {
  return { view, which: 0, member: 0, node: null, variable: null, pair: null, step: null, more: {} }
}

/** The choice as text; what is not chosen is left out. */
export function written(choice: Choice, all: readonly Facts[]): string {
  const words = new URLSearchParams()
  words.set("view", choice.view)
  if (choice.which > 0) words.set("spec", String(choice.which))
  if (choice.member > 0) words.set("order", String(choice.member))
  const node = choice.node === null ? undefined : all[choice.which]?.nodes[choice.node]
  if (node !== undefined) words.set("node", node.name)
  if (choice.variable !== null) words.set("variable", String(choice.variable))
  if (choice.pair !== null) words.set("with", String(choice.pair))
  if (choice.step !== null) words.set("step", String(choice.step))
  for (const [name, value] of Object.entries(choice.more)) if (value !== "") words.set(name, value)
  return words.toString()
}

/** The choice that a text stands for. What it names and these facts lack is not chosen. */
export function read(text: string, all: readonly Facts[], views: readonly string[]): Choice {
  const words = new URLSearchParams(text.replace(/^#/, ""))
  const view = words.get("view")
  const choice = nothing(view !== null && views.includes(view) ? view : (views[0] ?? ""))
  choice.which = below(words.get("spec"), all.length) ?? 0
  const facts = all[choice.which]
  if (facts === undefined) return choice
  choice.member = below(words.get("order"), facts.members.length) ?? 0
  const name = words.get("node")
  const node = name === null ? -1 : facts.nodes.findIndex((n) => n.name === name)
  choice.node = node < 0 ? null : node
  choice.variable = below(words.get("variable"), facts.data.variables)
  choice.pair = below(words.get("with"), facts.data.variables)
  choice.step = below(words.get("step"), (facts.members[choice.member]?.steps ?? 0) + 1)
  choice.more = Object.fromEntries([...words].filter(([key]) => !OWN.includes(key)))
  return choice
}

function below(text: string | null, end: number): number | null {
  if (text === null || !/^\d+$/.test(text)) return null
  const number = Number(text)
  return number < end ? number : null
}
