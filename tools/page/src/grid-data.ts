// The data's own grid: one channel large, and all of them small below, to choose from.

import type { Facts } from "./facts.ts"
import { GridCanvas, type Part, type Ring } from "./grid-canvas.ts"
import { paint, pen, type Look } from "./grid-paint.ts"
import { nameOf, shapeOf } from "./grid.ts"
import { h } from "./shell/dom.ts"

/** The pictures of the data: one for each channel group. `line`: places of a line of a sequence. */
export function dataParts(facts: Facts, line = 0): Part[] {
  const { data } = facts
  const shape = shapeOf(data.grid, data.kind, data.display, line)
  return Array.from({ length: data.groups }, (_, g) => ({ caption: data.groups > 1 ? channelName(facts, g) : "", shape, base: g * data.positions }))
}

export function channelName(facts: Facts, group: number): string {
  return facts.data.groupNames[group] ?? `channel ${group}`
}

export function variableName(facts: Facts, variable: number): string {
  return nameOf(facts.data, variable)
}

/** Places of a line of a sequence: a power of two, so that cells can be hit and all lines fit a square. */
function lineFor(facts: Facts, width: number): number {
  if (facts.data.kind !== "sequence") return 0
  const { positions } = facts.data
  let line = 8
  while (line < positions && (line * 2 * 11 <= width || (line * line < positions && line * 2 * 2.5 <= width))) line *= 2
  return Math.min(line, Math.max(positions, 1))
}

const SMALL = 74 // pixels of a small picture
const CHANNELS = 8 // channels up to which each has a small picture

export class DataGrid {
  readonly element = h("div", { class: "data-grid" })
  private readonly large: GridCanvas
  private readonly small = h("div", { class: "channels", role: "group", "aria-label": "The channel that is shown" })
  private readonly pick: (site: number, other: boolean) => void
  private facts: Facts | null = null
  private channel = 0
  private focus = -1
  private again = (): void => {}

  /** pick: a variable was chosen; `other` with Shift. */
  constructor(pick: (site: number, other: boolean) => void, hint: (site: number) => string) {
    this.pick = pick
    this.large = new GridCanvas({ label: "", pick, hint })
    this.element.append(this.large.element, this.small)
    this.element.addEventListener("keydown", (event) => this.key(event))
  }

  label(text: string): void {
    this.large.label(text)
  }

  /** focus: the variable that the arrow keys go on from; its channel is shown until another is asked for. */
  show(facts: Facts, keys: ArrayLike<number>, looks: readonly (Look | undefined)[], focus: number, rings: readonly Ring[] = []): void {
    const own = Math.floor(focus / facts.data.positions)
    if (facts !== this.facts || focus !== this.focus) this.channel = own
    this.facts = facts
    this.focus = focus
    this.again = () => this.show(facts, keys, looks, focus, rings)
    const parts = dataParts(facts, lineFor(facts, this.large.element.clientWidth))
    this.large.at(this.channel * facts.data.positions + (focus % facts.data.positions))
    this.large.show(parts.length > 1 ? [{ ...parts[this.channel]!, caption: "" }] : parts, keys, looks, rings)
    this.channels(parts, keys, looks)
  }

  private channels(parts: readonly Part[], keys: ArrayLike<number>, looks: readonly (Look | undefined)[]): void {
    this.small.hidden = parts.length < 2
    if (parts.length < 2) return
    if (parts.length > CHANNELS) {
      const change = (event: Event): void => this.turn(Number((event.target as HTMLSelectElement).value))
      this.small.replaceChildren(h("label", { class: "number" }, "channel", h("select", { onchange: change }, ...parts.map((p, g) => h("option", { value: g, selected: g === this.channel }, p.caption)))))
      return
    }
    if (this.small.childElementCount !== parts.length || this.small.querySelector("select")) {
      this.small.replaceChildren(...parts.map((part, g) => h("button", { type: "button", onclick: () => this.turn(g) }, h("canvas", { "aria-hidden": "true" }), h("span", {}, part.caption))))
    }
    ;[...this.small.children].forEach((button, g) => {
      button.setAttribute("aria-pressed", String(g === this.channel))
      const { shape, base } = parts[g]!
      const scale = devicePixelRatio || 1
      const cell = Math.max(1, Math.floor((SMALL * scale) / Math.max(shape.columns, shape.rows)))
      const ctx = pen(button.querySelector("canvas")!, (shape.columns * cell) / scale, (shape.rows * cell) / scale)
      if (ctx) paint(ctx, { shape, base, x: 0, y: 0, cell, gap: cell >= 5 * scale ? Math.round(scale) : 0 }, keys, looks)
    })
  }

  private turn(channel: number): void {
    this.channel = channel
    this.again()
  }

  private key(event: KeyboardEvent): void {
    const beside = event.key === "[" ? -1 : event.key === "]" ? 1 : 0
    if (!beside || !this.facts || this.facts.data.groups < 2) return
    event.preventDefault()
    event.stopPropagation()
    const { groups, positions } = this.facts.data
    const next = (Math.floor(this.focus / positions) + beside + groups) % groups
    this.pick(next * positions + (this.focus % positions), event.shiftKey)
  }
}
