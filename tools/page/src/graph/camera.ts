// What of the plane is seen: zoom by wheel, pinch and keys, pan by dragging, moves that glide.

import type { Rect } from "./scene.ts"

export interface Frame { x: number; y: number; k: number }

const [LEAST, MOST] = [0.06, 3]
const GLIDE = 260 // milliseconds

/** The frame in which a rectangle is seen whole, no larger than `most`. */
export function fitted(rect: Rect, width: number, height: number, margin = 32, most = 1.15): Frame {
  const k = Math.max(LEAST, Math.min(most, (width - 2 * margin) / rect.width, (height - 2 * margin) / rect.height))
  return { k, x: width / 2 - k * (rect.x + rect.width / 2), y: height / 2 - k * (rect.y + rect.height / 2) }
}

/** The frame after a zoom by a factor, with the point (x, y) of the screen held. */
export function zoomed(frame: Frame, factor: number, x: number, y: number): Frame {
  const k = Math.max(LEAST, Math.min(MOST, frame.k * factor))
  const real = k / frame.k
  return { k, x: x - (x - frame.x) * real, y: y - (y - frame.y) * real }
}

/** How far a glide of some milliseconds has come, from 0 to 1. The time of a frame may lie before the glide began. */
export function eased(passed: number): number {
  const t = Math.max(0, Math.min(1, passed / GLIDE))
  return 1 - (1 - t) ** 3
}

export class Camera {
  frame: Frame = { x: 0, y: 0, k: 1 }
  /** Whether a drag moved it since the last press: a click then chooses nothing. */
  dragged = false
  private readonly target: Element
  private readonly changed: (frame: Frame) => void
  private readonly covered: () => number
  private readonly touches = new Map<number, { x: number; y: number }>()
  private gliding = 0

  /** covered: how much a sheet covers from below. */
  constructor(target: HTMLElement | SVGElement, changed: (frame: Frame) => void, covered: () => number) {
    this.target = target
    this.changed = changed
    this.covered = covered
    target.addEventListener("wheel", (event) => this.wheel(event as WheelEvent), { passive: false })
    target.addEventListener("pointerdown", (event) => this.down(event as PointerEvent))
    target.addEventListener("pointermove", (event) => this.move(event as PointerEvent))
    for (const name of ["pointerup", "pointercancel"]) target.addEventListener(name, (event) => this.up(event as PointerEvent))
  }

  /** What of it is seen, above a sheet that covers some. */
  size(): { width: number; height: number } {
    const { width, height } = this.target.getBoundingClientRect()
    return { width, height: height - this.covered() }
  }

  /** Moves at once. */
  set(frame: Frame): void {
    cancelAnimationFrame(this.gliding)
    this.frame = frame
    this.changed(frame)
  }

  /** Moves gliding, unless a person asked for less motion. */
  glide(to: Frame): void {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.set(to)
    cancelAnimationFrame(this.gliding)
    const from = this.frame
    const start = performance.now()
    const step = (now: number): void => {
      const e = eased(now - start)
      this.frame = { x: from.x + (to.x - from.x) * e, y: from.y + (to.y - from.y) * e, k: from.k * (to.k / from.k) ** e }
      this.changed(this.frame)
      if (e < 1) this.gliding = requestAnimationFrame(step)
    }
    this.gliding = requestAnimationFrame(step)
  }

  zoom(factor: number): void {
    const { width, height } = this.size()
    this.glide(zoomed(this.frame, factor, width / 2, height / 2))
  }

  /** Glides so far that a rectangle is seen, with the size kept. */
  reveal(rect: Rect, margin = 48): void {
    const { width, height } = this.size()
    const { x, y, k } = this.frame
    const shift = (low: number, high: number, end: number): number =>
      high - low > end - 2 * margin ? (end - low - high) / 2 : low < margin ? margin - low : high > end - margin ? end - margin - high : 0
    const dx = shift(x + k * rect.x, x + k * (rect.x + rect.width), width)
    const dy = shift(y + k * rect.y, y + k * (rect.y + rect.height), height)
    if (dx !== 0 || dy !== 0) this.glide({ x: x + dx, y: y + dy, k })
  }

  private local(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.target.getBoundingClientRect()
    return { x: event.clientX - left, y: event.clientY - top }
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault()
    const { x, y } = this.local(event)
    const size = event.deltaMode === 1 ? 20 : 1
    if (event.shiftKey) this.set({ ...this.frame, x: this.frame.x - (event.deltaX || event.deltaY) * size })
    else this.set(zoomed(this.frame, Math.exp(-event.deltaY * size * (event.ctrlKey ? 0.01 : 0.0016)), x, y))
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return
    this.touches.set(event.pointerId, this.local(event))
    if (this.touches.size === 1) this.dragged = false
  }

  private move(event: PointerEvent): void {
    const before = this.touches.get(event.pointerId)
    if (before === undefined) return
    const now = this.local(event)
    if (!this.dragged && Math.hypot(now.x - before.x, now.y - before.y) < 4 && this.touches.size === 1) return
    if (!this.dragged) this.target.setPointerCapture(event.pointerId)
    this.dragged = true
    const other = [...this.touches].find(([id]) => id !== event.pointerId)?.[1]
    this.touches.set(event.pointerId, now)
    if (other === undefined) return this.set({ ...this.frame, x: this.frame.x + now.x - before.x, y: this.frame.y + now.y - before.y })
    const factor = Math.hypot(now.x - other.x, now.y - other.y) / (Math.hypot(before.x - other.x, before.y - other.y) || 1)
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }
    const moved = { x: (now.x - before.x) / 2, y: (now.y - before.y) / 2 }
    const at = zoomed(this.frame, factor, middle.x, middle.y)
    this.set({ ...at, x: at.x + moved.x, y: at.y + moved.y })
  }

  private up(event: PointerEvent): void {
    this.touches.delete(event.pointerId)
  }
}
