// Cells on canvas: sharp at every resolution, few calls, and told apart by pattern as well as by colour.

import type { Shape } from "./grid.ts"

export type Pattern = "hatch" | "dots" | "cross" | "sparse"

/** How a cell looks: a colour, and for those who tell no colours apart a pattern over it. */
export interface Look {
  readonly fill: string
  readonly pattern?: Pattern | undefined
  readonly ink?: string | undefined
}

/** A picture of positions at a place of the canvas, in pixels of the device. Position p shows the key of site base + p. */
export interface Panel {
  readonly shape: Shape
  readonly base: number
  readonly x: number
  readonly y: number
  readonly cell: number
  readonly gap: number
}

/** Draws the cells of a panel: key k in the look number k; a key without a look is left out. */
export function paint(ctx: CanvasRenderingContext2D, panel: Panel, keys: ArrayLike<number>, looks: readonly (Look | undefined)[]): void {
  const { shape, base, x, y, cell, gap } = panel
  const size = Math.max(cell - gap, 1)
  const paths: (Path2D | undefined)[] = []
  for (let p = 0; p < shape.positions; p++) {
    const key = keys[base + p]!
    if (!looks[key]) continue
    const path = (paths[key] ??= new Path2D())
    path.rect(x + (p % shape.columns) * cell, y + Math.floor(p / shape.columns) * cell, size, size)
  }
  fill(ctx, paths, looks, cell >= 5 * (devicePixelRatio || 1) ? { size: cell, x: x - gap / 2, y: y - gap / 2 } : undefined)
}

/** Draws a line of positions as wide as it is told: position p goes from at[p] to at[p] + wide, of `whole`. Where several
 * meet in one pixel the highest key is drawn. */
export function paintStrip(
  ctx: CanvasRenderingContext2D, keys: ArrayLike<number>, base: number, positions: number, looks: readonly (Look | undefined)[],
  box: { x: number; y: number; width: number; height: number }, lies: { at: ArrayLike<number> | null; wide: number; whole: number },
): void {
  const unit = box.width / lies.whole
  const gap = unit * lies.wide >= 5 ? 1 : 0
  const paths: (Path2D | undefined)[] = []
  if (unit * lies.wide >= 1) {
    for (let p = 0; p < positions; p++) {
      const at = lies.at ? lies.at[p]! : p * lies.wide
      const key = keys[base + p]!
      if (at < 0 || !looks[key]) continue
      const from = Math.round(at * unit)
      const to = Math.round(Math.min(at + lies.wide, lies.whole) * unit)
      const path = (paths[key] ??= new Path2D())
      path.rect(box.x + from, box.y, Math.max(to - from - gap, 1), box.height)
    }
  } else {
    const most = new Int16Array(Math.ceil(box.width) + 1).fill(-1)
    for (let p = 0; p < positions; p++) {
      const at = lies.at ? lies.at[p]! : p * lies.wide
      const column = Math.floor(at * unit)
      if (at >= 0 && keys[base + p]! > most[column]!) most[column] = keys[base + p]!
    }
    for (let c = 0; c < most.length; c++) {
      const key = most[c]!
      if (key < 0 || !looks[key]) continue
      const path = (paths[key] ??= new Path2D())
      path.rect(box.x + c, box.y, 1, box.height)
    }
  }
  fill(ctx, paths, looks)
}

/** `tile`: the size of the cells that patterns repeat with, and where they begin. */
function fill(
  ctx: CanvasRenderingContext2D, paths: readonly (Path2D | undefined)[], looks: readonly (Look | undefined)[],
  tile?: { size: number; x: number; y: number },
): void {
  paths.forEach((path, key) => {
    const look = looks[key]
    if (!path || !look) return
    ctx.fillStyle = look.fill
    ctx.fill(path)
    if (!look.pattern) return
    const pattern = patternOf(ctx, look.pattern, look.ink ?? "#0006", tile?.size ?? 0)
    pattern.setTransform(new DOMMatrix().translate(tile?.x ?? 0, tile?.y ?? 0))
    ctx.fillStyle = pattern
    ctx.fill(path)
  })
}

const patterns = new Map<string, CanvasPattern>()

function patternOf(ctx: CanvasRenderingContext2D, kind: Pattern, ink: string, cell: number): CanvasPattern {
  const scale = Math.max(1, Math.round(devicePixelRatio))
  const size = cell || (kind === "sparse" ? 8 : 6) * scale
  const key = `${kind} ${ink} ${scale} ${size}`
  const known = patterns.get(key)
  if (known) return known
  const tile = document.createElement("canvas")
  tile.width = tile.height = size
  const pen = tile.getContext("2d")!
  pen.strokeStyle = pen.fillStyle = ink
  pen.lineWidth = kind === "sparse" ? scale : 1.3 * scale
  pen.beginPath()
  const slope = (up: boolean): void => {
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift - 1, up ? size + 1 : -1)
      pen.lineTo(shift + size + 1, up ? -1 : size + 1)
    }
  }
  if (kind === "dots") pen.arc(size / 2, size / 2, 1.15 * scale, 0, 7)
  else slope(true)
  if (kind === "cross") slope(false)
  if (kind === "dots") pen.fill()
  else pen.stroke()
  const made = ctx.createPattern(tile, "repeat")!
  patterns.set(key, made)
  return made
}

/** A canvas of so many pixels of the page, sharp on this screen; null where it has no size. */
export function pen(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const scale = devicePixelRatio || 1
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  if (w <= 0 || h <= 0) return null
  if (canvas.width !== w) canvas.width = w
  if (canvas.height !== h) canvas.height = h
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  const ctx = canvas.getContext("2d")!
  ctx.setTransform(1, 0, 0, 1, 0, 0)
  ctx.clearRect(0, 0, w, h)
  return ctx
}

/** A colour of the style sheet. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888"
}

/** Red, green and blue of a colour that is written as # and six digits. */
export function channelsOf(hex: string): [number, number, number] {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16) || 0) as [number, number, number]
}

/** Calls once a frame at most, however often it is asked. */
export function eachFrame(draw: () => void): () => void {
  let asked = 0
  return () => {
    if (!asked) asked = requestAnimationFrame(() => ((asked = 0), draw()))
  }
}

/** A small square that shows a look, for legends. */
export function swatch(look: Look): HTMLCanvasElement {
  const canvas = document.createElement("canvas")
  canvas.className = "look"
  canvas.setAttribute("aria-hidden", "true")
  const ctx = pen(canvas, 14, 14)
  if (ctx) paint(ctx, { shape: { rows: 1, columns: 1, positions: 1, real: true }, base: 0, x: 0, y: 0, cell: ctx.canvas.width, gap: 0 }, [0], [look])
  return canvas
}
