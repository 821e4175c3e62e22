// The page of the whole: what it is, what was found, what it costs.

import type { LeakFacts, Saying } from "../facts.ts"
import { count, h } from "../shell/dom.ts"
import type { State } from "../shell/state.ts"
import { type On, part, prose, table } from "./parts.ts"
import { source } from "./source.ts"

export function overviewPage(state: State, on: On): Node[] {
  const { facts } = state
  const { verdict, data } = facts
  const member = facts.members[state.member]
  const schedule = member?.schedule ?? null
  const leaks = member?.leaks ?? []
  const percent = verdict.coverage === null ? null : `${(100 * verdict.coverage).toFixed(verdict.coverage === 1 ? 0 : 2)}% of ${count(verdict.pairs ?? 0)} legal pairs`
  return [
    h("header", {}, h("h2", {}, facts.title), facts.about === "" ? null : h("p", { class: "doc" }, ...prose(facts.about))),
    ...facts.notes.map((note) => h("p", { class: "note shown" }, ...prose(note))),
    table([
      ["Data", `${data.kind}, ${[data.groups > 1 || data.channels > 1 ? String(data.groups * data.channels) : "", ...data.grid.map(String)].filter(Boolean).join(" × ")}${data.levels > 0 ? `, ${count(data.levels)} levels` : ""}`],
      ["Order", orders(state, on)],
      ["Variables", count(data.variables)],
      ["Parameters", verdict.parameters === 0 ? null : count(verdict.parameters)],
      ["Nodes", count(verdict.nodes)],
    ]),
    part("Found", table([
      ["Sees", percent],
      ["Unseen", verdict.unseen === null || verdict.unseen === 0 ? null : `${count(verdict.unseen)} pairs`],
      ["Out of reach", verdict.outOfReach === null || verdict.outOfReach === 0 ? null : `${count(verdict.outOfReach)} pairs, seen by a deeper network`],
      ["Blind", verdict.blind === null || verdict.blind === 0 ? null : `${count(verdict.blind)} pairs, at any depth`],
      ["Steps", member === undefined ? null : count(member.steps)],
      ["Work", schedule === null ? null : `${count(schedule.sites)} sites, each once; ${count(schedule.cached)} rows cached`],
    ]), h("details", { class: "report" }, h("summary", {}, "The whole report"), h("pre", {}, verdict.words.join("\n")))),
    ...(leaks.length === 0 ? [] : [part("Leaks", ...leaks.slice(0, FEW).map((leak, k) => one(state, leak, k, on)), leaks.length <= FEW ? null
      : h("details", { class: "report" }, h("summary", {}, `${leaks.length - FEW} more`), ...leaks.slice(FEW).map((leak, k) => one(state, leak, FEW + k, on))))]),
    ...(verdict.sayings.length === 0 ? [] : [part("Said", ...verdict.sayings.map((one) => saying(state, one)))]),
  ]
}

/** The order; of a family, a list to choose from. */
function orders({ facts, member }: State, on: On): HTMLElement | string | null {
  if (facts.members.length < 2) return facts.members[member]?.name ?? null
  const list = h("select", { "aria-label": "Order", onchange: () => on.member(Number(list.value)) },
    ...facts.members.map((one, k) => h("option", { value: k, selected: k === member }, facts.members.every((m) => m.name === one.name) ? `${one.name}, member ${k}` : one.name)))
  return list
}

const FEW = 3 // leaks that are shown at once

/** A leak, and its way from site to site. */
function one({ facts }: State, leak: LeakFacts, number: number, on: On): HTMLElement {
  const steps = leak.path.map((step) => h("li", {}, h("button", { type: "button", class: "link", onclick: () => on.node(step.node) }, facts.nodes[step.node]?.name ?? ""),
    h("span", {}, step.text, step.node === leak.culprit ? h("b", {}, " lets it through") : null)))
  return h("div", { class: "leak" }, h("p", {}, leak.text), h("button", { type: "button", class: "button", onclick: () => on.leak(number) }, "Show its way"),
    h("details", {}, h("summary", {}, `${steps.length} sites`), h("ol", {}, ...steps)))
}

function saying(state: State, one: Saying): HTMLElement {
  return h("div", { class: `saying ${one.severity}` }, h("p", {}, h("code", {}, one.code), " ", ...prose(one.text)), one.help === null ? null : h("p", { class: "note" }, ...prose(one.help)), source(state.facts, one.place))
}
