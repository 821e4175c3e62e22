// The data's grid, to look at and to pick from: by pointer, by arrow keys, and in words.

import { moved, rowTicks, type Shape } from "./grid.ts"
import { colour, eachFrame, paint, pen, type Look, type Panel } from "./grid-paint.ts"
import { h } from "./shell/dom.ts"

/** One picture of positions: the sites from `base` on. */
export interface Part {
  readonly caption: string
  readonly shape: Shape
  readonly base: number
}

/** A ring around a site. */
export interface Ring {
  readonly site: number
  readonly colour: string
  readonly dashed?: boolean
}

export interface Options {
  /** What a screen reader says of it. */
  readonly label: string
  /** A site was chosen. `other`: with Shift, or by a long press. */
  readonly pick?: (site: number, other: boolean) => void
  /** Words for the site under the pointer. */
  readonly hint?: (site: number) => string
  readonly largest?: number
  /** Numbers along the edges. */
  readonly ticks?: boolean
}

const LEAST = 5 // pixels of a cell, below which pictures stand below each other
const DIGIT = 6.4 // pixels of a digit at the left edge
const EDGE = 4 // pixels around the cells, for rings
const TOP = 17 // pixels of the numbers, or of the caption, above

export class GridCanvas {
  readonly element: HTMLElement
  private readonly canvas = h("canvas", {})
  private readonly tip = h("div", { class: "grid-tip", "aria-hidden": "true", hidden: true })
  private readonly options: Options
  private parts: readonly Part[] = []
  private panels: Panel[] = []
  private keys: ArrayLike<number> = []
  private looks: readonly (Look | undefined)[] = []
  private rings: readonly Ring[] = []
  private cursor = 0
  private readonly redraw = eachFrame(() => this.draw())

  constructor(options: Options) {
    this.options = options
    this.element = h("div", { class: "grid-canvas" }, this.canvas, this.tip)
    this.canvas.setAttribute("role", options.pick ? "application" : "img")
    this.canvas.setAttribute("aria-label", options.label)
    if (options.pick) {
      this.canvas.tabIndex = 0
      this.canvas.addEventListener("click", (event) => this.picked(event))
      this.canvas.addEventListener("keydown", (event) => this.key(event))
    }
    if (options.hint) {
      this.canvas.addEventListener("pointermove", (event) => this.point(event))
      this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true))
    }
    new ResizeObserver(this.redraw).observe(this.element)
  }

  /** Words for those who do not see it. */
  label(text: string): void {
    this.canvas.setAttribute("aria-label", text)
  }

  show(parts: readonly Part[], keys: ArrayLike<number>, looks: readonly (Look | undefined)[], rings: readonly Ring[] = []): void {
    this.parts = parts
    this.keys = keys
    this.looks = looks
    this.rings = rings
    this.draw()
  }

  /** Where the arrow keys go on from. */
  at(site: number): void {
    this.cursor = site
  }

  focus(): void {
    this.canvas.focus()
  }

  private draw(): void {
    const width = Math.floor(this.element.clientWidth)
    if (!width || !this.parts.length) return
    const scale = devicePixelRatio || 1
    const ticks = this.options.ticks !== false
    const captions = this.parts.some((p) => p.caption)
    const highest = Math.max(...this.parts.map(({ shape }) => (shape.real ? shape.rows - 1 : (shape.rows - 1) * shape.columns)))
    const left = ticks ? Math.max(2, String(highest).length) * DIGIT + 9 : EDGE
    const top = (ticks ? TOP : EDGE) + (captions ? TOP : 0)
    const between = 14
    const columns = Math.max(...this.parts.map((p) => p.shape.columns))
    const rows = Math.max(...this.parts.map((p) => p.shape.rows))
    let beside = this.parts.length
    const sized = (n: number): number => (width - n * left - (n - 1) * between - EDGE) / (n * columns)
    while (beside > 1 && sized(beside) < LEAST) beside--
    const cell = Math.max(1, Math.floor(Math.min(sized(beside), this.options.largest ?? (columns <= 12 ? 40 : 26)) * scale))
    const gap = cell >= 6 * scale ? Math.max(1, Math.round(scale)) : 0
    const lines = Math.ceil(this.parts.length / beside)
    const tall = top + (rows * cell) / scale + EDGE
    const ctx = pen(this.canvas, width, lines * tall + (lines - 1) * 10)
    if (!ctx) return
    this.panels = this.parts.map((part, k) => ({
      shape: part.shape,
      base: part.base,
      x: Math.round((left + (k % beside) * (left + (columns * cell) / scale + between)) * scale),
      y: Math.round((top + Math.floor(k / beside) * (tall + 10)) * scale),
      cell,
      gap,
    }))
    for (const panel of this.panels) paint(ctx, panel, this.keys, this.looks)
    ctx.font = `${10.5 * scale}px system-ui, sans-serif`
    ctx.fillStyle = colour("--faint")
    this.panels.forEach((panel, k) => {
      if (ticks) this.ticks(ctx, panel, scale)
      if (captions) {
        ctx.textAlign = "left"
        ctx.textBaseline = "alphabetic"
        ctx.fillText(this.parts[k]!.caption, panel.x, panel.y - (ticks ? TOP + 3 : 6) * scale)
      }
    })
    for (const ring of this.rings) this.ring(ctx, ring, scale)
  }

  private ticks(ctx: CanvasRenderingContext2D, { shape, x, y, cell, gap }: Panel, scale: number): void {
    ctx.textBaseline = "middle"
    ctx.textAlign = "right"
    for (const [r, name] of rowTicks(shape, cell / scale)) ctx.fillText(String(name), x - 5 * scale, y + r * cell + (cell - gap) / 2)
    ctx.textAlign = "center"
    ctx.textBaseline = "alphabetic"
    const column = [1, 2, 4, 8, 16, 32, 64, 128, 256].find((n) => n * cell >= 24 * scale || n >= shape.columns) ?? shape.columns
    for (let c = 0; c < shape.columns; c += column) ctx.fillText(String(c), x + c * cell + (cell - gap) / 2, y - 5 * scale)
  }

  private ring(ctx: CanvasRenderingContext2D, ring: Ring, scale: number): void {
    const panel = this.panelOf(ring.site)
    if (!panel) return
    const p = ring.site - panel.base
    const out = 1.5 * scale
    const size = Math.max(panel.cell - panel.gap, 4 * scale)
    const spare = (size - (panel.cell - panel.gap)) / 2
    const x = panel.x + (p % panel.shape.columns) * panel.cell - spare
    const y = panel.y + Math.floor(p / panel.shape.columns) * panel.cell - spare
    const box = (grow: number): void => {
      ctx.beginPath()
      ctx.roundRect(x - grow, y - grow, size + 2 * grow, size + 2 * grow, 2 * scale)
      ctx.stroke()
    }
    ctx.strokeStyle = colour("--paper")
    ctx.lineWidth = 4.5 * scale
    box(out)
    ctx.strokeStyle = ring.colour
    ctx.lineWidth = 2 * scale
    if (ring.dashed) ctx.setLineDash([3 * scale, 2 * scale])
    box(out)
    ctx.setLineDash([])
  }

  private panelOf(site: number): Panel | undefined {
    return this.panels.find((p) => site >= p.base && site < p.base + p.shape.positions)
  }

  private siteAt(event: MouseEvent): number | null {
    const box = this.canvas.getBoundingClientRect()
    const scale = devicePixelRatio || 1
    const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale]
    for (const { shape, base, x, y, cell } of this.panels) {
      const [c, r] = [Math.floor((px - x) / cell), Math.floor((py - y) / cell)]
      const p = r * shape.columns + c
      if (c >= 0 && r >= 0 && c < shape.columns && r < shape.rows && p < shape.positions) return base + p
    }
    return null
  }

  private picked(event: MouseEvent): void {
    const site = this.siteAt(event)
    if (site === null) return
    this.cursor = site
    this.options.pick?.(site, event.shiftKey)
  }

  private point(event: PointerEvent): void {
    const site = this.siteAt(event)
    this.tip.hidden = site === null
    this.canvas.style.cursor = site !== null && this.options.pick ? "pointer" : ""
    if (site === null) return
    this.tip.textContent = this.options.hint!(site)
    const box = this.element.getBoundingClientRect()
    const x = event.clientX - box.left
    this.tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - this.tip.offsetWidth - 4))}px`
    this.tip.style.top = `${event.clientY - box.top + 18}px`
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const k = this.parts.findIndex((p) => this.cursor >= p.base && this.cursor < p.base + p.shape.positions)
    const part = this.parts[k]
    if (!part) return
    let site = part.base + moved(part.shape, this.cursor - part.base, event.key)
    const beside = event.key === "[" ? -1 : event.key === "]" ? 1 : 0
    const next = this.parts[(k + beside + this.parts.length) % this.parts.length]!
    if (beside) site = next.base + Math.min(this.cursor - part.base, next.shape.positions - 1)
    if (site === this.cursor) {
      if (event.key.startsWith("Arrow")) event.preventDefault()
      return
    }
    event.preventDefault()
    event.stopPropagation()
    this.cursor = site
    this.options.pick?.(site, event.shiftKey)
  }
}
