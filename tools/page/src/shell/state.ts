// What the page shows: the state that its views share, and what a view is.

import type { Facts } from "../facts.ts"

/** What a person has chosen; it stands in location.hash, so that a link opens the same. */
export interface Choice {
  /** The view's id. */
  view: string
  /** Which of the facts, where the page compares several. */
  which: number
  /** Which order of a family. */
  member: number
  /** The chosen node of `facts.nodes`. */
  node: number | null
  /** The chosen variable (by its site on the data), and the other one of a pair. */
  variable: number | null
  pair: number | null
  /** The step of the order of generation. */
  step: number | null
  /** What a view keeps in the link beside these, as text: take names with the view's id before them ("grid.layer"). */
  more: Readonly<Record<string, string>>
}

export interface State extends Readonly<Choice> {
  readonly facts: Facts
  /** All that the page holds: one, or several to compare. */
  readonly all: readonly Facts[]
  readonly theme: "light" | "dark"
}

/** What the shell does for a view. */
export interface Shell {
  readonly state: State
  /** Changes the choice: every view on show is updated, and the link. `more` is merged; an empty text removes a name. */
  set(change: Partial<Choice>): void
  /** Says a sentence to those who do not see the page (an ARIA live region). */
  announce(sentence: string): void
}

/** A line of the help: the keys, and what they do. */
export type Help = readonly [keys: string, what: string]

/** One way to look at the facts: a tab of the page. It is mounted when it is first shown, and told of every change while it
 * is on show. */
export interface View {
  readonly id: string
  readonly title: string
  readonly help: readonly Help[]
  /** Whether these facts have anything to show here; the tab is left out where not. */
  applies(facts: Facts, all: readonly Facts[]): boolean
  mount(root: HTMLElement, shell: Shell): void
  /** `before` is null at first, and after other facts were chosen. */
  update(state: State, before: State | null): void
  /** The view is hidden (true) or shown again: stop what runs by itself. */
  hidden?(hidden: boolean): void
  /** A key that no field of text had; true where it did something. */
  key?(event: KeyboardEvent): boolean
}
