// Search: the letters of what is typed stand in a name, in that order; the tighter and the nearer to starts of words, the
// better.

import type { Facts } from "../facts.ts"

export interface Found {
  /** The first of the nodes that are found as one: repetitions differ in their numbers alone. */
  node: number
  /** How many there are of it. */
  count: number
  /** Its name, the repetitions' numbers as *, where it stands for several. */
  name: string
  score: number
  /** Which letters of the name were found. */
  marks: number[]
}

/** How well the letters of `query` stand in `text`, with their places; null where they don't. Higher is better. */
export function fuzzy(query: string, text: string): { score: number; marks: number[] } | null {
  const wanted = query.toLowerCase()
  const lower = text.toLowerCase()
  const whole = lower.indexOf(wanted)
  if (whole >= 0) {
    const marks = Array.from(wanted, (_, k) => whole + k)
    return { score: 100 + (starts(text, whole) ? 40 : 0) + (whole + wanted.length === text.length ? 30 : 0) - text.length * 0.1, marks }
  }
  const marks: number[] = []
  let score = 0
  let from = 0
  for (const letter of wanted) {
    const at = lower.indexOf(letter, from)
    if (at < 0) return null
    score += at === from && marks.length > 0 ? 6 : starts(text, at) ? 5 : 1
    marks.push(at)
    from = at + 1
  }
  return { score: score - text.length * 0.1, marks }
}

function starts(text: string, at: number): boolean {
  return at === 0 || /[._\s]/.test(text[at - 1] ?? "")
}

/** The nodes whose name, kind, mask or words fit every word of the query, best first. Repetitions are found once, unless the
 * query has a digit. */
export function search(facts: Facts, query: string, most = 50): Found[] {
  const words = query.trim().split(/\s+/).filter(Boolean)
  const found = new Map<string, Found>()
  for (const [id, node] of facts.nodes.entries()) {
    if (!node.live && node.role !== "data") continue
    const name = /\d/.test(query) ? node.name : node.fold
    const known = found.get(name)
    if (known !== undefined) {
      known.count += 1
      continue
    }
    let score = 0
    const marks: number[] = []
    for (const word of words) {
      const own = fuzzy(word, name)
      const other = Math.max(...[node.kind, node.mask ?? "", node.text].map((t) => (t === "" ? -Infinity : (fuzzy(word, t)?.score ?? -Infinity) * 0.8)))
      if (own === null && other === -Infinity) {
        score = -Infinity
        break
      }
      score += Math.max(own?.score ?? -Infinity, other)
      if (own !== null) marks.push(...own.marks)
    }
    found.set(name, { node: id, count: 1, name, score, marks })
  }
  return [...found.values()].filter((f) => f.score > -Infinity).sort((a, b) => b.score - a.score || a.node - b.node).slice(0, most)
}
