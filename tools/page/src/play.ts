/** The order of generation, step by step: which sites of which node are computed, held, dropped. All of it is read from
 * the schedule that arspec made; nothing is scheduled here. */

/** A site at a step. */
export const STAGES = ["never", "later", "dropped", "held", "now"] as const
export type Stage = (typeof STAGES)[number]
export const NEVER = 0, TO_COME = 1, DROPPED = 2, HELD = 3, NOW = 4

export const STAGE_MEANINGS: Record<Stage, string> = {
  never: "never needed",
  later: "still to be computed",
  dropped: "computed before, no longer kept",
  held: "computed before, kept",
  now: "computed at this step",
}

/** Of one node: the step in which each of its sites is computed (-1: before the first; `steps`: never), and the last step
 * in which it can be read (`steps`: to the end). */
export interface Life {
  readonly first: Int32Array
  readonly last: Int32Array
  readonly steps: number
}

export interface Tally {
  readonly now: number
  readonly held: number
  readonly dropped: number
  readonly later: number
  readonly never: number
}

export function stageOf(life: Life, site: number, step: number): number {
  const first = life.first[site]!
  if (first >= life.steps) return NEVER
  if (first > step) return TO_COME
  if (first === step) return NOW
  return life.last[site]! >= step ? HELD : DROPPED
}

/** The stage of every site of a node at a step. */
export function stagesAt(life: Life, step: number): Uint8Array {
  const found = new Uint8Array(life.first.length)
  for (let s = 0; s < found.length; s++) found[s] = stageOf(life, s, step)
  return found
}

/** How many sites of a node are at each stage at a step. */
export function tallyOf(stages: Uint8Array): Tally {
  const counts = [0, 0, 0, 0, 0]
  for (let s = 0; s < stages.length; s++) counts[stages[s]!]!++
  return { never: counts[NEVER]!, later: counts[TO_COME]!, dropped: counts[DROPPED]!, held: counts[HELD]!, now: counts[NOW]! }
}

/** Totals over nodes, step by step, without what is computed before the first step. */
export interface Timeline {
  readonly steps: number
  /** sites that are computed at each step */
  readonly computed: Uint32Array
  /** sites that are there at each step: those that are kept, and those of the step itself */
  readonly live: Uint32Array
  /** sites that a whole sample computes */
  readonly total: number
  /** the first step at which most sites are there */
  readonly peak: number
}

export function timelineOf(lives: readonly Life[], steps: number): Timeline {
  const computed = new Uint32Array(steps)
  const change = new Int32Array(steps + 1)
  let total = 0
  for (const { first, last } of lives) {
    for (let s = 0; s < first.length; s++) {
      const begins = first[s]!
      if (begins < 0 || begins >= steps) continue
      total++
      computed[begins]!++
      change[begins]!++
      const ends = Math.min(Math.max(last[s]!, begins) + 1, steps)
      change[ends]!--
    }
  }
  const live = new Uint32Array(steps)
  let [open, peak] = [0, 0]
  for (let t = 0; t < steps; t++) {
    open += change[t]!
    live[t] = open
    if (open > live[peak]!) peak = t
  }
  return { steps, computed, live, total, peak }
}

export const SPEEDS = [1, 2, 5, 10, 30, 100] as const // steps a second

/** The player's clock: at which step it is, given how long it has played. It holds no timer, so that it can be tested. */
export class Player {
  step = 0
  playing = false
  perSecond: number
  readonly steps: number
  private owed = 0

  constructor(steps: number, perSecond = 5) {
    this.steps = steps
    this.perSecond = perSecond
  }

  seek(step: number): void {
    this.step = Math.min(Math.max(Math.round(step), 0), Math.max(this.steps - 1, 0))
    this.owed = 0
    if (this.step === this.steps - 1) this.playing = false
  }

  /** From the last step it begins again. */
  toggle(): void {
    if (!this.playing && this.step >= this.steps - 1) this.seek(0)
    this.playing = !this.playing && this.steps > 1
    this.owed = 0
  }

  /** Goes on by so many seconds; says whether the step is another. */
  advance(seconds: number): boolean {
    if (!this.playing) return false
    this.owed += Math.min(seconds, 0.5) * this.perSecond
    const whole = Math.floor(this.owed)
    if (!whole) return false
    const rest = this.owed - whole
    this.seek(this.step + whole)
    this.owed = this.playing ? rest : 0
    return true
  }
}
