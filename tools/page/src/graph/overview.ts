// A small map of the whole plane, with what is seen of it.

import { s } from "../shell/dom.ts"
import type { Frame } from "./camera.ts"
import type { Scene } from "./scene.ts"

const [WIDE, HIGH] = [132, 150]

export class Map {
  readonly element = s("svg", { class: "overview", "aria-hidden": "true" })
  private readonly marks = s("g")
  private readonly seen = s("rect", { class: "seen", rx: 2 })
  private whole: { width: number; height: number } = { width: 1, height: 1 }

  constructor(look: (x: number, y: number) => void) {
    this.element.append(this.marks, this.seen)
    const to = (event: PointerEvent): void => {
      if (event.buttons === 0) return
      const { left, top } = this.element.getBoundingClientRect()
      look((event.clientX - left) / this.k, (event.clientY - top) / this.k)
    }
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId)
      to(event)
    })
    this.element.addEventListener("pointermove", to)
  }

  show(view: Scene): void {
    this.whole = { width: view.width || 1, height: view.height || 1 }
    this.element.setAttribute("width", String(Math.ceil(this.whole.width * this.k)))
    this.element.setAttribute("height", String(Math.ceil(this.whole.height * this.k)))
    const rect = (x: number, y: number, width: number, height: number, kind: string): SVGRectElement => s("rect", { x, y, width, height, rx: 6, class: kind })
    this.marks.setAttribute("transform", `scale(${this.k})`)
    this.marks.replaceChildren(...view.boxes.map((b) => rect(b.x, b.y, b.width, b.height, "box")), ...view.leaves.map((b) => rect(b.x, b.y, b.width, b.height, "leaf")))
  }

  frame(frame: Frame, size: { width: number; height: number }): void {
    const [x, y, width, height] = [-frame.x / frame.k, -frame.y / frame.k, size.width / frame.k, size.height / frame.k]
    this.element.classList.toggle("needless", x <= 0 && y <= 0 && x + width >= this.whole.width && y + height >= this.whole.height)
    for (const [name, value] of Object.entries({ x, y, width, height })) this.seen.setAttribute(name, String(Math.max(value * this.k, name.length > 1 ? 0 : -Infinity)))
  }

  private get k(): number {
    return Math.min(WIDE / this.whole.width, HIGH / this.whole.height)
  }
}
