/** What one variable's distribution sees of all variables: the words and counts of `arspec render --field`. */

/** A variable as another one's distribution has it, by how much attention it asks for. */
export const STATES = ["later", "seen", "unseen", "reach", "blind", "leak"] as const
export type State = (typeof STATES)[number]
export const LATER = 0, SEEN = 1, UNSEEN = 2, REACH = 3, BLIND = 4, LEAK = 5

export const MEANINGS: Record<State, string> = {
  later: "not generated before it",
  seen: "earlier, and seen",
  unseen: "earlier, and unseen",
  reach: "earlier, out of reach at this depth",
  blind: "earlier, blind at any depth",
  leak: "not earlier, and seen: a leak",
}

export interface Field {
  readonly variable: number
  /** of every variable the number of its state */
  readonly state: Uint8Array
  /** how many variables are in each state */
  readonly counts: readonly number[]
  readonly legal: number
}

/** rank: of every variable, when it is generated. seen: whether the distribution depends on each. deep: likewise at any
 * depth, where that is known. beyond: how many steps from its own on it may see. */
export function fieldOf(rank: ArrayLike<number>, variable: number, seen: ArrayLike<number>, deep: ArrayLike<number> | null, beyond = 0): Field {
  const state = new Uint8Array(rank.length)
  const counts = STATES.map(() => 0)
  const own = rank[variable]! + beyond
  let legal = 0
  for (let v = 0; v < rank.length; v++) {
    const earlier = rank[v]! < own
    legal += Number(earlier)
    if (seen[v]) state[v] = earlier ? SEEN : LEAK
    else if (earlier) state[v] = !deep ? UNSEEN : deep[v] ? REACH : BLIND
    counts[state[v]!]!++
  }
  return { variable, state, counts, legal }
}

/** 'sees 511 of 527, 16 blind': the words that arspec itself has for it. */
export function summary(field: Field): string {
  const said = [`sees ${number(field.counts[SEEN]!)} of ${number(field.legal)}`]
  for (const [state, word] of [[UNSEEN, "unseen"], [REACH, "out of reach"], [BLIND, "blind"], [LEAK, "leaked"]] as const) {
    if (field.counts[state]) said.push(`${number(field.counts[state]!)} ${word}`)
  }
  return said.join(", ")
}

const plain = new Intl.NumberFormat("en-US")

/** 12,345 */
export function number(value: number): string {
  return plain.format(value)
}

/** 12,345 sites; 1 site */
export function counted(value: number, word: string, words: string = word + "s"): string {
  return `${number(value)} ${value === 1 ? word : words}`
}

/** 99.1234%, 100%: never rounded up to all, nor down to none. */
export function share(part: number, of: number): string {
  if (!of) return "none"
  if (part === of) return "100%"
  const rounded = Math.min(Math.max((100 * part) / of, 0.0001), 99.9999)
  return `${rounded < 99 && rounded > 1 ? rounded.toFixed(1) : rounded.toFixed(4).replace(/0+$/, "").replace(/\.$/, "")}%`
}
