// How states of variables look: colours of the style sheet, and patterns for what matters.

import { BLIND, LATER, LEAK, MEANINGS, REACH, SEEN, STATES, UNSEEN } from "./field.ts"
import { colour, type Look, type Pattern } from "./grid-paint.ts"

export const SHADES = 8

const PATTERNS: Partial<Record<number, Pattern>> = { [UNSEEN]: "sparse", [REACH]: "dots", [BLIND]: "hatch", [LEAK]: "cross" }

/** The looks of the states, by their numbers; behind them SHADES shades of what is seen, by how many paths. */
export function stateLooks(): Look[] {
  const ink = colour("--pattern")
  const plain = STATES.map((state, k) => ({ fill: colour(`--state-${state}`), pattern: PATTERNS[k], ink }))
  return [...plain, ...shades()]
}

/** Shades of what is seen, from few paths to most. */
export function shades(): Look[] {
  const [low, high] = [rgb(colour("--shade-low")), rgb(colour("--shade-high"))]
  return Array.from({ length: SHADES }, (_, k) => ({ fill: mixed(low, high, k / (SHADES - 1)) }))
}

/** The shade of each count: 0 where there is none, else 1 to SHADES, by the logarithm between the least and the most. */
export function shaded(counts: Float64Array | null, sites: number): Uint8Array {
  const found = new Uint8Array(sites)
  if (!counts) return found
  let [low, high] = [Infinity, 0]
  for (let s = 0; s < counts.length; s++) {
    const count = counts[s]!
    if (count > 0 && count < low) low = count
    if (count > high) high = count
  }
  const span = Math.log(high / low)
  for (let s = 0; s < counts.length; s++) {
    if (counts[s]! > 0) found[s] = span > 0 ? 1 + Math.round((Math.log(counts[s]! / low) / span) * (SHADES - 1)) : SHADES - 2
  }
  return found
}

/** States as looks, with what is seen and legal shaded by its counts. */
export function stateKeys(state: Uint8Array, counts: Float64Array | null): Uint8Array {
  const shade = shaded(counts, state.length)
  return state.map((s, v) => (s === SEEN && shade[v] ? STATES.length + shade[v] - 1 : s))
}

/** The legend of states, those that matter most first. */
export const LEGEND = [LEAK, SEEN, BLIND, REACH, UNSEEN, LATER].map((k) => [k, MEANINGS[STATES[k]!]] as const)

/** A colour ramp of n looks for amounts: `from` and `to` are colours of the style sheet, by way of `over`. */
export function ramp(n: number, ...names: string[]): Look[] {
  const stops = names.map((name) => rgb(colour(name)))
  return Array.from({ length: n }, (_, k) => {
    const at = (k / Math.max(n - 1, 1)) * (stops.length - 1)
    const i = Math.min(Math.floor(at), stops.length - 2)
    return { fill: mixed(stops[i]!, stops[i + 1]!, at - i) }
  })
}

type Rgb = readonly [number, number, number]

function rgb(text: string): Rgb {
  const hex = /^#([0-9a-f]{6})$/i.exec(text)?.[1] ?? /^#([0-9a-f]{3})$/i.exec(text)?.[1]?.replace(/./g, "$&$&") ?? "888888"
  return [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16)) as unknown as Rgb
}

/** Between two colours, evenly for the eye: in linear light both ends would look too near the bright one. */
function mixed(a: Rgb, b: Rgb, share: number): string {
  return `rgb(${a.map((x, k) => Math.round(x + (b[k]! - x) * share)).join(" ")})`
}
