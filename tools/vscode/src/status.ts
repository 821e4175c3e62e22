/** What the status bar says of a spec. */

/** What the language server tells after each look at a text. */
export interface Told {
  uri: string
  version: number | null
  stage: string
  verdict: string | null
  proven: boolean | null
}

/** The text of the status bar, and what it says where the pointer rests. */
export interface Shown {
  text: string
  tooltip: string
  /** Whether it is shown as a fault. */
  fault: boolean
}

/** What is shown of what was told last; nothing is said of a text that was given up. */
export function shown(told: Told | undefined): Shown | undefined {
  if (told === undefined || told.stage === "given up") {
    return undefined
  }
  if (told.verdict === null) {
    return { text: "$(circle-slash) arspec: does not load", tooltip: "The spec has faults: see the problems", fault: true }
  }
  const short = told.verdict.split(";")[0] ?? told.verdict
  const mark = told.proven === true ? "$(verified)" : "$(error)"
  return { text: `${mark} ${short}`, tooltip: told.verdict, fault: told.proven !== true }
}

/** What was told of each document, the newest alone. A text that was given up leaves what was told before. */
export class Verdicts {
  private readonly told = new Map<string, Told>()

  take(told: Told): void {
    if (told.stage !== "given up") {
      this.told.set(told.uri, told)
    }
  }

  forget(uri: string): void {
    this.told.delete(uri)
  }

  of(uri: string): Shown | undefined {
    return shown(this.told.get(uri))
  }
}
