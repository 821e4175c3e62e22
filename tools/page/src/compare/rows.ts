// The lines of the table that compares specs.

import type { Facts } from "../facts.ts"
import { count } from "../shell/dom.ts"

export interface Cell { readonly text: string; /** Of the greatest in its line, 0 to 1; null where there is no number. */ readonly share: number | null }
export interface Row { readonly name: string; readonly unit: string; readonly cells: readonly Cell[] }

const LINES: readonly (readonly [name: string, unit: string, value: (facts: Facts) => number | null, text?: (value: number) => string])[] = [
  ["Coverage", "of the legal pairs", (f) => f.verdict.coverage, (v) => `${(100 * v).toFixed(2)}%`],
  ["Out of reach", "pairs that a deeper one sees", (f) => f.verdict.outOfReach],
  ["Blind", "pairs at any depth", (f) => f.verdict.blind],
  ["Leaks", "pairs", (f) => f.verdict.leaks],
  ["Parameters", "", (f) => f.verdict.parameters],
  ["Nodes", "", (f) => f.verdict.nodes],
  ["Steps", "of a sample", (f) => f.members[0]?.steps ?? null],
  ["Work a step", "sites, on average", (f) => per(f, (s) => s.sites)],
  ["Calls a step", "of layers, on average", (f) => per(f, (s) => s.calls)],
  ["Cached", "rows that a sample keeps", (f) => f.members[0]?.schedule?.cached ?? null],
]

function per(facts: Facts, of: (schedule: { sites: number; calls: number }) => number): number | null {
  const schedule = facts.members[0]?.schedule ?? null
  return schedule === null || schedule.steps === 0 ? null : of(schedule) / schedule.steps
}

/** The lines in which any of the facts has a number. */
export function rows(all: readonly Facts[]): Row[] {
  return LINES.flatMap(([name, unit, value, text]) => {
    const values = all.map(value)
    const most = Math.max(...values.map((v) => v ?? 0))
    if (values.every((v) => v === null || (v === 0 && most === 0))) return []
    return [{ name, unit, cells: values.map((v) => (v === null ? { text: "–", share: null } : { text: (text ?? rounded)(v), share: most > 0 ? v / most : 0 })) }]
  })
}

function rounded(value: number): string {
  return count(Number.isInteger(value) ? value : Number(value.toPrecision(4)))
}
