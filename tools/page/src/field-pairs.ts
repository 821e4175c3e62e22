// All pairs in one picture: a row for each distribution, a column for each variable, both in the order of generation.

import { fieldOf, MEANINGS, number, STATES } from "./field.ts"
import { stateLooks } from "./field-looks.ts"
import { matrixOf } from "./field-shares.ts"
import { variableName } from "./grid-data.ts"
import { eachFrame, pen } from "./grid-paint.ts"
import { h } from "./shell/dom.ts"
import { arrayOf, type Member } from "./walk-facts.ts"

const LARGEST = 520 // pixels

export class PairsPicture {
  readonly element: HTMLElement
  private readonly canvas = h("canvas", { role: "img" })
  private readonly box = h("div", { class: "matrix" }, this.canvas)
  private readonly words = h("p", { class: "hint" })
  private readonly under = h("p", { class: "hint under", "aria-hidden": "true" }, "\u00a0")
  private member: Member | null = null
  private said = ""
  private size = 0
  private readonly redraw = eachFrame(() => this.draw())

  /** pick: the pair of a distribution and a variable was pressed. */
  constructor(pick: (variable: number, other: number) => void) {
    this.element = h("div", { class: "pairs" }, this.box, this.words, this.under)
    this.canvas.addEventListener("click", (event) => {
      const pair = this.pairAt(event)
      if (pair) pick(...pair)
    })
    this.canvas.addEventListener("pointermove", (event) => this.point(event))
    this.canvas.addEventListener("pointerleave", () => (this.under.textContent = "\u00a0"))
    new ResizeObserver(this.redraw).observe(this.box)
  }

  show(member: Member, said: string): void {
    this.member = member
    this.said = said
    this.draw()
  }

  private draw(): void {
    const { member } = this
    if (!member || !this.box.clientWidth) return
    const scale = devicePixelRatio || 1
    const found = matrixOf(member, Math.min(LARGEST, this.box.clientWidth) * scale)
    this.box.hidden = this.under.hidden = found === null
    if (!found) {
      this.words.textContent = "Contexts are of sampled variables here, not of all pairs."
      return
    }
    const ctx = pen(this.canvas, found.size / scale, found.size / scale)
    if (!ctx) return
    this.size = found.size / scale
    const looks = stateLooks()
    const [later, seen, unseen, leak] = [0, 1, 2, 5].map((k) => rgb(ctx, looks[k]!.fill))
    const image = ctx.createImageData(found.size, found.size)
    for (let k = 0; k < found.size * found.size; k++) {
      const legal = found.legal[k]!
      const of = mixed(later!, mixed(unseen!, seen!, legal > 0 ? found.seen[k]! / legal : 0), legal)
      image.data.set(found.leaks[k] ? leak! : of, 4 * k)
      image.data[4 * k + 3] = 255
    }
    ctx.putImageData(image, 0, 0)
    const count = number(member.rank.length)
    this.words.textContent = `${count} × ${count} pairs: blue is seen, yellow is earlier and unseen${found.leaks.includes(1) ? ", red is a leak" : ""}. ${this.said}`
    this.canvas.setAttribute("aria-label", this.words.textContent)
  }

  private pairAt(event: MouseEvent): [number, number] | null {
    const { member } = this
    if (!member || !this.size) return null
    const box = this.canvas.getBoundingClientRect()
    const count = member.rank.length
    const at = (pixels: number): number => Math.min(Math.max(Math.floor((pixels / this.size) * count), 0), count - 1)
    const order = arrayOf(member.facts, member.of.place)
    return [order[at(event.clientY - box.top)]!, order[at(event.clientX - box.left)]!]
  }

  private point(event: PointerEvent): void {
    const pair = this.pairAt(event)
    if (!pair || !this.member) return
    const [variable, other] = pair
    const { facts, rank } = this.member
    const state = fieldOf(rank, variable, this.member.seen(variable), this.member.deep(variable)).state[other]!
    this.under.textContent = `For ${variableName(facts, variable)}, ${variableName(facts, other)} is ${MEANINGS[STATES[state]!]}.`
  }
}

function rgb(ctx: CanvasRenderingContext2D, fill: string): number[] {
  ctx.fillStyle = fill
  const hex = String(ctx.fillStyle).slice(1)
  return [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16))
}

function mixed(a: readonly number[], b: readonly number[], share: number): number[] {
  return a.map((x, k) => x + (b[k]! - x) * share)
}
