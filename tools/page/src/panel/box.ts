// The page of a block.

import type { Box } from "../graph/tree.ts"
import { boxName } from "../graph/look.ts"
import { count, h } from "../shell/dom.ts"
import type { State } from "../shell/state.ts"
import { type On, part, table } from "./parts.ts"
import { source } from "./source.ts"

export function boxPage(state: State, item: Box, on: On): Node[] {
  const { facts } = state
  const cluster = facts.clusters[item.clusters[0] ?? -1]
  const parameters = item.nodes.reduce((sum, id) => sum + (facts.nodes[id]?.parameters ?? 0), 0)
  const kinds = new Map<string, number>()
  for (const id of item.nodes) {
    const name = facts.nodes[id]?.kind ?? ""
    kinds.set(name, (kinds.get(name) ?? 0) + 1)
  }
  const most = [...kinds].sort((a, b) => b[1] - a[1])
  const place = source(facts, cluster?.place ?? null)
  const { folds } = item
  return [
    h("header", {}, h("h2", {}, boxName(item.label), item.times > 1 ? h("span", { class: "times" }, ` ×${item.times}`) : null),
      h("p", { class: "kind" }, "block ", h("b", {}, cluster?.block ?? ""))),
    h("p", { class: "actions" },
      h("button", { type: "button", class: "button", onclick: () => on.toggle(item) }, item.open ? "Close" : "Open"),
      folds === null ? null : h("button", { type: "button", class: "button", onclick: () => on.fold(folds) }, item.label.endsWith("*") ? "Unroll" : "Fold")),
    table([
      ["Nodes", count(item.nodes.length)],
      ["Repetitions", item.times > 1 ? count(item.times) : null],
      ["Copies", (cluster?.count ?? 1) > 1 ? `${cluster?.count} with weights of their own` : null],
      ["Parameters", parameters === 0 ? null : count(parameters)],
      ["Each", parameters === 0 || item.times < 2 ? null : count(Math.round(parameters / item.times))],
      ["Kinds", most.map(([name, times]) => `${name} ${times}`).join(", ")],
    ]),
    ...(place === null ? [] : [part("In the spec", place)]),
  ]
}
