// Small pickers that several views share: of a place by its numbers, and of the order of a family.

import type { Facts } from "./facts.ts"
import { cellOf } from "./grid.ts"
import { h } from "./shell/dom.ts"
import type { Shell, State } from "./shell/state.ts"
import { askedHead } from "./walk-facts.ts"

/** Numbers for row and column, or for a step, and a button for each channel. */
export function placePicker(facts: Facts, variable: number, pick: (site: number) => void): HTMLElement {
  const { data } = facts
  const group = Math.floor(variable / data.positions)
  const cell = cellOf(data.grid, variable % data.positions)
  const to = (axis: number, value: number): void => {
    const next = cell.map((old, k) => (k === axis ? Math.min(Math.max(Math.round(value), 0), data.grid[k]! - 1) : old))
    pick(group * data.positions + next.reduce((at, i, k) => at * data.grid[k]! + i, 0))
  }
  const numbers = cell.map((value, axis) =>
    h("label", { class: "number" }, data.axes[axis] ?? `axis ${axis}`,
      h("input", { type: "number", min: 0, max: data.grid[axis]! - 1, value, onchange: (event: Event) => to(axis, Number((event.target as HTMLInputElement).value)) })))
  const names = Array.from({ length: data.groups }, (_, g) => data.groupNames[g] ?? String(g))
  const own = variable % data.positions
  const groups = data.groups === 1 ? [] : data.groups <= 6
    ? [h("div", { class: "switch", role: "group", "aria-label": "Channel" }, ...names.map((name, g) =>
        h("button", { type: "button", "aria-pressed": String(g === group), onclick: () => pick(g * data.positions + own) }, name)))]
    : [h("label", { class: "number" }, "channel", h("select", { onchange: (event: Event) => pick(Number((event.target as HTMLSelectElement).value) * data.positions + own) },
        ...names.map((name, g) => h("option", { value: g, selected: g === group }, name))))]
  return h("div", { class: "place-picker" }, ...numbers, ...groups)
}

/** The head whose contexts are asked for; null where there is one alone. */
export function headPicker(state: State, shell: Shell): HTMLElement | null {
  const { heads } = state.facts
  if (heads.length < 2) return null
  const words = (ahead: number): string => (ahead ? `${ahead} step${ahead > 1 ? "s" : ""} ahead` : "drawn from")
  const at = askedHead(state)
  return h("label", { class: "number" }, `head, of ${heads.length}`,
    h("select", { onchange: (event: Event) => shell.set({ more: { "field.head": (event.target as HTMLSelectElement).value } }) },
      ...heads.map((head, k) => h("option", { value: k, selected: k === at }, `${head.name}: ${words(head.ahead)}`))))
}

/** The order of a family; null where there is one alone. */
export function memberPicker(state: State, shell: Shell): HTMLElement | null {
  const { members } = state.facts
  if (members.length < 2) return null
  return h("label", { class: "number" }, `order, of ${members.length}`,
    h("select", { onchange: (event: Event) => shell.set({ member: Number((event.target as HTMLSelectElement).value) }) },
      ...members.map((m, k) => h("option", { value: k, selected: k === state.member }, `${k}: ${m.name}`))))
}
