// The layers of a spec as small pictures, each on its own grid; those of a sequence as lines under each other.

import type { Facts, NodeFacts } from "./facts.ts"
import { counted, number } from "./field.ts"
import { shapeOf, type Shape } from "./grid.ts"
import { colour, eachFrame, paint, paintStrip, pen, type Look } from "./grid-paint.ts"
import { h } from "./shell/dom.ts"
import { arrayOf, nodeWord, shownNode, type Member } from "./walk-facts.ts"
import { inPlace, type Runs } from "./walk.ts"

/** A layer's picture: the key of each of its sites, a few words, and sites that are marked. */
export interface Picture {
  readonly keys: ArrayLike<number>
  readonly words: string
  readonly marks?: readonly number[]
  readonly dim?: boolean
}

/** The nodes of the pictures, the data first. `around`: only those whose sites read places that are not their own. */
export function layersOf(member: Member, around: boolean): number[] {
  const { facts } = member
  const found: number[] = []
  facts.nodes.forEach((node, n) => {
    if (!shownNode(node)) return
    if (node.role !== "condition" && (!around || n === member.data || n === member.head || looksAround(member, n))) found.push(n)
  })
  return found
}

function looksAround(member: Member, n: number): boolean {
  const walked = member.nodes[n]!
  const { nodes } = member.facts
  return walked.scan !== null || walked.inputs.some(({ source, reads }) => nodes[source]!.role !== "condition" && moves(reads, nodes[source]!, nodes[n]!))
}

const moving = new WeakMap<Runs, boolean>()

/** Whether some site reads a position that is not its own; which channel groups it reads there does not matter. */
function moves(reads: Runs, from: NodeFacts, to: NodeFacts): boolean {
  if (inPlace(reads)) return false
  const positions = to.sites / to.groups
  if (from.sites / from.groups !== positions || reads.order) return true
  const known = moving.get(reads)
  if (known !== undefined) return known
  let found = false
  for (let s = 0; s < reads.outSites && !found; s++) {
    for (let k = reads.offsets[s]!; k < reads.offsets[s + 1]!; k++) {
      for (let i = reads.bounds[2 * k]!; i < reads.bounds[2 * k + 1]! && !found; i++) found = i % positions !== s % positions
    }
  }
  moving.set(reads, found)
  return found
}

/** Of every node that looks around, those behind it that work in place on what it has just computed, itself included:
 * they are computed at the same steps, site by site. */
export function inRows(member: Member, around: readonly number[]): Map<number, number[]> {
  const rows = new Map(around.map((n) => [n, [n]]))
  const row = new Map(around.map((n) => [n, n]))
  member.facts.nodes.forEach((node, n) => {
    if (row.has(n) || !shownNode(node)) return
    const below = node.inputs.map((i) => row.get(i.node)).filter((r) => r !== undefined)
    const last = below.sort((a, b) => b - a).find((r) => r !== member.data && r !== member.head && alike(member, r, n))
    if (last === undefined) return
    row.set(n, last)
    rows.get(last)!.push(n)
  })
  return rows
}

function alike(member: Member, a: number, b: number): boolean {
  const [one, other] = [member.facts.nodes[a]!, member.facts.nodes[b]!]
  return one.sites === other.sites && one.groups === other.groups && member.of.nodes[a]!.first === member.of.nodes[b]!.first
}

/** How wide a node's positions are and where they lie on the data's, for lines under each other. */
function lies(facts: Facts, node: NodeFacts): { at: Int32Array | null; wide: number; whole: number } {
  const positions = node.grid.reduce((a, b) => a * b, 1)
  const whole = facts.data.positions
  if (node.frame.kind === "cells" && node.frame.at !== null) return { at: arrayOf(facts, node.frame.at), wide: Math.max(node.frame.stride[0] ?? 1, 1), whole }
  return { at: null, wide: whole / Math.max(positions, 1), whole }
}

const SIDE = 180 // pixels of a small picture, at most
const LINE = 15 // pixels of a line
const MANY = 60 // pictures that are shown at first

interface Card {
  readonly node: number
  readonly element: HTMLButtonElement
  readonly canvas: HTMLCanvasElement
  readonly frame: HTMLElement
  readonly words: HTMLElement
  readonly shapes: readonly { shape: Shape; base: number }[]
  seen: boolean
}

export class LayerBoard {
  readonly element = h("div", { class: "layers" })
  private readonly pick: (node: number) => void
  private readonly more = h("button", { type: "button", class: "quiet more", hidden: true, onclick: () => this.all() })
  private cards: Card[] = []
  private nodes: readonly number[] = []
  private member: Member | null = null
  private whole = false
  private strips = false
  private apart = false
  private picture: (node: number) => Picture = () => ({ keys: [], words: "" })
  private looks: readonly (Look | undefined)[] = []
  private readonly redraw = eachFrame(() => this.draw())
  private readonly watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const card = this.cards.find((c) => c.element === entry.target)
      if (card) card.seen = entry.isIntersecting
    }
    this.redraw()
  }, { rootMargin: "200px" })

  constructor(pick: (node: number) => void) {
    this.pick = pick
    new ResizeObserver(this.redraw).observe(this.element)
  }

  /** Which layers are shown, in this order; `apart`: each channel group in a picture of its own. */
  arrange(member: Member, nodes: readonly number[], apart = false): void {
    if (this.member === member && this.apart === apart && nodes.length === this.nodes.length && nodes.every((n, k) => n === this.nodes[k])) return
    this.member = member
    this.nodes = nodes
    this.apart = apart
    this.whole = nodes.length <= MANY + 12
    this.build()
  }

  show(picture: (node: number) => Picture, looks: readonly (Look | undefined)[], chosen: number | null): void {
    this.picture = picture
    this.looks = looks
    for (const card of this.cards) card.element.setAttribute("aria-pressed", String(card.node === chosen))
    this.redraw()
  }

  /** A line for each layer: its name, and the words of its picture. */
  table(): string[][] {
    return this.nodes.map((n) => [this.member!.facts.nodes[n]!.name, this.picture(n).words])
  }

  private all(): void {
    this.whole = true
    this.build()
    this.redraw()
  }

  private build(): void {
    const member = this.member!
    this.watch.disconnect()
    this.strips = member.facts.data.kind === "sequence"
    this.element.classList.toggle("strips", this.strips)
    this.element.classList.toggle("apart", this.apart && !this.strips)
    const shown = this.whole ? this.nodes : [...this.nodes.slice(0, MANY - 1), this.nodes[this.nodes.length - 1]!]
    this.cards = shown.map((n) => this.card(member.facts, n))
    this.more.hidden = this.whole
    this.more.textContent = `Show all ${number(this.nodes.length)} pictures`
    this.element.replaceChildren(...this.cards.map((c) => c.element), axis(member.facts.data.positions), this.more)
    for (const card of this.cards) this.watch.observe(card.element)
  }

  private card(facts: Facts, n: number): Card {
    const node = facts.nodes[n]!
    const canvas = h("canvas", { "aria-hidden": "true" })
    const frame = h("span", { class: "frame" }, canvas)
    const words = h("span", { class: "words" })
    const kind = node.role === "data" ? "data" : n === this.member!.head ? "the distributions" : [node.kind, node.text].filter(Boolean).join(" ")
    const name = h("span", { class: "name" }, h("bdi", { dir: "ltr" }, node.name))
    const element = h("button", { type: "button", class: "layer", title: node.name, "aria-pressed": "false", onclick: () => this.pick(n) },
      h("span", { class: "head" }, name, h("span", { class: "kind" }, kind)), frame, words)
    const positions = node.grid.reduce((a, b) => a * b, 1)
    const display = node.frame.kind === "cells" ? facts.data.display : null
    const shape = shapeOf(node.grid, facts.data.kind === "sequence" ? "sequence" : "vector", display)
    const groups = this.strips || this.apart ? node.groups : 1
    const shapes = Array.from({ length: groups }, (_, g) => ({ shape, base: g * positions }))
    return { node: n, element, canvas, frame, words, shapes, seen: true }
  }

  private draw(): void {
    if (!this.member || !this.element.clientWidth) return
    for (const card of this.cards) {
      if (!card.seen) continue
      const node = this.member.facts.nodes[card.node]!
      const picture = this.picture(card.node)
      card.words.textContent = picture.words
      card.element.setAttribute("aria-label", `${node.name}: ${picture.words}`)
      card.element.classList.toggle("dim", Boolean(picture.dim))
      if (this.strips) this.strip(card, node, picture)
      else this.small(card, node, picture)
    }
  }

  private small(card: Card, node: NodeFacts, picture: Picture): void {
    const { columns, rows } = card.shapes[0]!.shape
    const scale = devicePixelRatio || 1
    const count = card.shapes.length
    const side = Math.min((card.frame.clientWidth - (count - 1) * 5) / count, SIDE)
    const cell = Math.max(1, Math.floor((side * scale) / Math.max(columns, rows)))
    const [wide, tall] = [(columns * cell) / scale, (rows * cell) / scale]
    const ctx = pen(card.canvas, card.shapes.length * wide + (card.shapes.length - 1) * 5, tall)
    if (!ctx) return
    const gap = cell >= 5 * scale ? Math.round(scale) : 0
    const keys = card.shapes.length === 1 && node.groups > 1 ? most(picture.keys, node.groups) : picture.keys
    card.shapes.forEach(({ shape, base }, k) => {
      const panel = { shape, base, x: Math.round(k * (wide + 5) * scale), y: 0, cell, gap }
      paint(ctx, panel, keys, this.looks)
      this.marked(ctx, picture, shape, base, (p) => [panel.x + ((p % shape.columns) + 0.5) * cell, (Math.floor(p / shape.columns) + 0.5) * cell, Math.max(cell / 2, 2.5 * scale)])
    })
  }

  private strip(card: Card, node: NodeFacts, picture: Picture): void {
    const place = lies(this.member!.facts, node)
    const scale = devicePixelRatio || 1
    const tall = Math.max(LINE / Math.min(node.groups, 3), 5)
    const ctx = pen(card.canvas, card.frame.clientWidth, node.groups * tall + (node.groups - 1))
    if (!ctx) return
    card.shapes.forEach(({ shape, base }, g) => {
      const y = Math.round(g * (tall + 1) * scale)
      const box = { x: 0, y, width: ctx.canvas.width, height: Math.round(tall * scale) }
      paintStrip(ctx, picture.keys, base, shape.positions, this.looks, box, place)
      const unit = box.width / place.whole
      this.marked(ctx, picture, shape, base, (p) => [((place.at ? place.at[p]! : p * place.wide) + place.wide / 2) * unit, y + box.height / 2, Math.min(Math.max((unit * place.wide) / 2, 3 * scale), box.height / 2)])
    })
  }

  private marked(ctx: CanvasRenderingContext2D, picture: Picture, shape: Shape, base: number, where: (p: number) => [number, number, number]): void {
    const scale = devicePixelRatio || 1
    for (const site of picture.marks ?? []) {
      const p = site - base
      if (p < 0 || p >= shape.positions) continue
      const [x, y, r] = where(p)
      ctx.beginPath()
      ctx.arc(x, y, Math.max(Math.min(r, 6 * scale) * 0.62, 2 * scale), 0, 7)
      ctx.fillStyle = colour("--state-way")
      ctx.strokeStyle = colour("--paper")
      ctx.lineWidth = 1.5 * scale
      ctx.fill()
      ctx.stroke()
    }
  }
}

/** Numbers of positions below lines. */
function axis(positions: number): HTMLElement {
  const marks = [...new Set([0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * (positions - 1))))]
  return h("div", { class: "axis", "aria-hidden": "true" }, ...marks.map((p) => h("span", {}, number(p))))
}

/** Of several groups at a position the highest key. */
function most(keys: ArrayLike<number>, groups: number): Uint8Array {
  const positions = keys.length / groups
  const found = new Uint8Array(positions)
  for (let s = 0; s < keys.length; s++) if (keys[s]! > found[s % positions]!) found[s % positions] = keys[s]!
  return found
}

/** How many layers look around, and how many there are: the data is none, though it has a picture. */
export function countsOf(member: Member): { some: number; all: number } {
  const layers = layersOf(member, false).filter((n) => n !== member.data)
  return { some: layers.filter((n) => looksAround(member, n)).length, all: layers.length }
}

/** 'layers that look around' against all of them: a switch. */
export function aroundSwitch(member: Member, on: boolean, change: (on: boolean) => void): HTMLElement {
  const { some, all } = countsOf(member)
  const button = (pressed: boolean, text: string, value: boolean): HTMLElement =>
    h("button", { type: "button", "aria-pressed": String(pressed), onclick: () => change(value) }, text)
  return h("div", { class: "switch", role: "group", "aria-label": "Which layers are shown" },
    button(on, `${number(some)} that look around`, true), button(!on, `all ${counted(all, nodeWord(member.facts))}`, false))
}

/** Channels in one picture, or in one each: a switch; null where there are no two, or too many. */
export function apartSwitch(facts: Facts, apart: boolean, change: (apart: boolean) => void): HTMLElement | null {
  if (facts.data.groups < 2 || facts.data.groups > 4 || facts.data.kind === "sequence") return null
  const button = (pressed: boolean, text: string, value: boolean): HTMLElement =>
    h("button", { type: "button", "aria-pressed": String(pressed), onclick: () => change(value) }, text)
  return h("div", { class: "switch", role: "group", "aria-label": "Channels" }, button(!apart, "channels together", false), button(apart, "apart", true))
}
