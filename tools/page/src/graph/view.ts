// The view of the graph: what is open and chosen, and how that is shown.

import type { LeakFacts, NodeId } from "../facts.ts"
import { panel } from "../panel/panel.ts"
import { count, h, s } from "../shell/dom.ts"
import { icon } from "../shell/icons.ts"
import type { Help, Shell, State, View } from "../shell/state.ts"
import { wayNodes } from "../walk-facts.ts"
import { Camera, fitted, type Frame } from "./camera.ts"
import { type Drawing, draw } from "./draw.ts"
import { type Layout, planned } from "./layout.ts"
import { Layouter } from "./layouter.ts"
import { legend } from "./legend.ts"
import { sizeOf, titleWidth } from "./look.ts"
import { flow, inside, type Lit, neighbours, path } from "./marks.ts"
import { Map as Overview } from "./overview.ts"
import { ruler } from "./measure.ts"
import { type Scene, scene, type Spot } from "./scene.ts"
import { around, type Box, type Expansion, Hierarchy, type Item, opening, parsed, revealed, spelled, type Tree, tree } from "./tree.ts"
import { type Direction, walk } from "./walk.ts"
import { type Wiring, wiring } from "./wires.ts"

const HELP: readonly Help[] = [
  ["↑ ↓", "along the edges"],
  ["← →", "to what stands beside"],
  ["Enter", "open a block, or the node's panel"],
  ["Esc", "close the panel, then the block"],
  ["u", "unroll or fold repetitions"],
  ["e or w", "open or close everything"],
  ["+ - 0", "zoom, fit"],
  ["l", "the leak, where there is one"],
]

const WAYS: Record<string, Direction> = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" }

export function graphView(): View {
  return new GraphView()
}

/** What is drawn of a graph. */
interface Shown {
  readonly tree: Tree
  readonly wires: Wiring
  readonly scene: Scene
  readonly drawing: Drawing
}

export class GraphView implements View {
  readonly id = "graph"
  readonly title = "Graph"
  readonly help = HELP
  private shell!: Shell
  private state!: State
  private hierarchy!: Hierarchy
  private expansion: Expansion = { open: new Set(), unrolled: new Set() }
  /** null until the first layout of these facts is there. */
  private shown: Shown | null = null
  private camera!: Camera
  private here: Item | null = null
  private leak: LeakFacts | null = null
  private readonly layouter = new Layouter()
  private readonly far = h("progress", {})
  private readonly work = h("span")
  private readonly busy = h("p", { class: "laying", role: "status", hidden: true }, this.work, this.far)
  private readonly measure = ruler()
  private readonly plane = s("g", { class: "frame" })
  private readonly picture = s("svg", { class: "graph", role: "group", "aria-label": "The graph; arrow keys walk along its edges" }, this.plane)
  private readonly crumbs = h("nav", { class: "crumbs", "aria-label": "Where" })
  private readonly overview = new Overview((x, y) => this.look(x, y))
  private readonly side = panel({
    node: (id) => this.show(id), close: () => this.close(), leak: (k) => this.showLeak(k), toggle: (item) => this.toggle(item), fold: (key) => this.fold(key),
    member: (number) => this.shell.set({ member: number }),
  })

  applies(): boolean {
    return true
  }

  mount(root: HTMLElement, shell: Shell): void {
    this.shell = shell
    const button = (sign: Parameters<typeof icon>[0], label: string, press: () => void): HTMLElement =>
      h("button", { type: "button", class: "round", "aria-label": label, title: label, onclick: press }, icon(sign))
    const controls = h("div", { class: "controls", role: "group", "aria-label": "Zoom and blocks" },
      button("plus", "Zoom in (+)", () => this.camera.zoom(1.3)), button("minus", "Zoom out (-)", () => this.camera.zoom(1 / 1.3)),
      button("fit", "Fit (0)", () => this.fit(true)), h("hr"),
      button("all", "Open everything (e)", () => this.everything(true)), button("none", "Close everything (w)", () => this.everything(false)))
    const stage = h("div", { class: "stage" }, this.crumbs, this.picture, controls, this.overview.element, legend(), this.busy)
    root.append(stage, this.side.element)
    this.camera = new Camera(this.picture, (frame) => this.moved(frame), () => this.covered())
    this.picture.addEventListener("click", (event) => {
      if (event.target === this.picture && !this.camera.dragged) this.choose(null)
    })
    stage.addEventListener("focusin", (event) => this.focused(event.target as Element))
    addEventListener("beforeprint", () => this.print(true))
    addEventListener("afterprint", () => this.print(false))
    new ResizeObserver(() => this.overview.frame(this.camera.frame, this.camera.size())).observe(this.picture)
  }

  update(state: State, before: State | null): void {
    this.state = state
    if (before === null) return this.begin()
    const moved = state.node !== before.node
    const open = this.toOpen(before)
    if (open !== null) this.rebuild(open, null, () => this.tell(moved))
    else this.tell(moved)
  }

  /** Other facts, or another order of them. */
  private begin(): void {
    const { facts, node } = this.state
    const said = this.state.more[this.remembered(this.state)]
    this.hierarchy = new Hierarchy(facts)
    this.expansion = said === undefined ? opening(this.hierarchy) : parsed(said)
    if (node !== null) this.expansion = revealed(this.hierarchy, this.expansion, node)
    this.leak = null
    this.here = null
    this.shown = null
    this.plane.replaceChildren()
    this.side.show(this.state, null)
    this.build(() => {
      this.tell(false)
      if (node !== null) this.reveal(this.here, true)
    })
  }

  /** What the link, or a node that was chosen elsewhere, asks to be open; null where it is. */
  private toOpen(before: State): Expansion | null {
    const { state, expansion } = this
    const said = state.more[this.remembered(state)]
    if (said !== undefined && said !== before.more[this.remembered(before)] && said !== spelled(expansion)) return parsed(said)
    if (state.node === before.node || state.node === null) return null
    const opened = revealed(this.hierarchy, expansion, state.node)
    return opened.open.size === expansion.open.size ? null : opened
  }

  /** Shows what is chosen. */
  private tell(moved: boolean): void {
    const { state, shown } = this
    if (shown === null) return
    if (state.node !== null) this.here = shown.tree.of.get(state.node) ?? null
    else if (this.here?.kind === "leaf") this.here = null
    this.mark()
    if (moved) this.reveal(this.here, false)
  }

  private remembered(state: State): string {
    return `graph.open.${state.which}`
  }

  /** What is open stands in the link, from the first time that a person opens or closes something. */
  private remember(): void {
    this.shell.set({ more: { [this.remembered(this.state)]: spelled(this.expansion) } })
  }

  /** How much of the graph the panel lies over, where it is a sheet. */
  private covered(): number {
    const [below, sheet] = [this.picture.getBoundingClientRect(), this.side.element.getBoundingClientRect()]
    return sheet.height > 0 && sheet.left < below.right - 1 ? Math.max(0, below.bottom - sheet.top) : 0
  }

  // -- building -------------------------------------------------------------------------------------------------------

  /** Lays out and draws what is open, at once or as soon as the layout is there; what is on show stays until then. */
  private build(then: () => void): void {
    const { facts } = this.state
    performance.mark("graph")
    const now = tree(this.hierarchy, this.expansion)
    const wires = wiring(facts, now)
    performance.measure("wires", "graph")
    const plan = planned(now, wires, (item) => sizeOf(facts, item, this.measure), (item) => titleWidth(facts, item, this.measure))
    this.layouter.ask(plan, (laid) => {
      performance.measure("layout", "graph")
      this.draw(now, wires, laid)
      performance.measure("graph", "graph")
      then()
    }, (done, of) => this.waiting(done, of))
  }

  private draw(now: Tree, wires: Wiring, laid: Layout): void {
    const { facts, member } = this.state
    const fresh = this.shown === null
    const held = this.plane.contains(document.activeElement)
    const view = scene(now, wires, laid)
    const drawing = draw(facts, member, view, this.measure, {
      chosen: (item) => {
        if (!this.camera.dragged) this.choose(item)
      },
      toggled: (item) => this.toggle(item),
      folded: (key) => this.fold(key),
    })
    this.shown = { tree: now, wires, scene: view, drawing }
    this.busy.hidden = true
    this.here = this.here === null ? null : (now.items.get(this.here.key) ?? null)
    this.overview.show(view)
    if (fresh) this.fit(false)
    else this.overview.frame(this.camera.frame, this.camera.size())
    this.plane.replaceChildren(drawing.layer) // the last, since what is measured behind it waits for all of it
    if (held) this.focus()
  }

  /** Says that a layout is on its way; with a bar where it is known how far. */
  private waiting(done: number, of: number): void {
    this.busy.hidden = false
    if (done > 0) this.far.value = done / of
    else {
      this.work.textContent = `Laying out ${count(of)} nodes and blocks`
      this.far.removeAttribute("value")
    }
  }

  /** Builds anew, and holds what was chosen at its place on the screen. */
  private rebuild(expansion: Expansion, hold: string | null, then: () => void = () => this.mark()): void {
    const before = hold === null ? undefined : this.spot(hold)
    this.expansion = expansion
    this.build(() => {
      if (hold !== null) this.hold(before, this.spot(hold))
      then()
    })
  }

  private spot(key: string): Spot | undefined {
    return this.shown?.scene.at.get(key)
  }

  /** Moves so that what stood at one place of the plane, and stands at another now, stays where it was on the screen. */
  private hold(before: Spot | undefined, after: Spot | undefined): void {
    if (before === undefined || after === undefined) return
    const { x, y, k } = this.camera.frame
    this.camera.set({ k, x: x + k * (before.x + before.width / 2 - after.x - after.width / 2), y: y + k * (before.y - after.y) })
    this.camera.reveal(after)
  }

  private toggle(item: Item): void {
    if (item.kind === "leaf") return
    const open = new Set(this.expansion.open)
    if (item.open) open.delete(item.key)
    else open.add(item.key)
    this.here = item
    this.rebuild({ open, unrolled: this.expansion.unrolled }, item.key, () => {
      this.mark()
      this.focus()
    })
    this.remember()
    this.shell.announce(`${item.label} is ${item.open ? "closed" : "open"}`)
  }

  private fold(key: string): void {
    const { open, unrolled } = this.expansion
    const [nextOpen, nextUnrolled] = [new Set(open), new Set(unrolled)]
    if (!nextUnrolled.delete(key)) {
      nextUnrolled.add(key)
      nextOpen.add(`${key.slice(0, -1)}0`)
    } else nextOpen.add(key)
    this.rebuild({ open: nextOpen, unrolled: nextUnrolled }, this.here?.key ?? null)
    this.remember()
  }

  private everything(open: boolean): void {
    let now: Expansion = { open: new Set(), unrolled: open ? this.expansion.unrolled : new Set() }
    for (;;) {
      if (!open) break
      const closed = [...tree(this.hierarchy, now).items.values()].filter((i): i is Box => i.kind === "box" && !i.open)
      if (closed.length === 0) break
      now = { open: new Set([...now.open, ...closed.map((b) => b.key)]), unrolled: now.unrolled }
    }
    this.rebuild(now, null, () => {
      this.mark()
      this.fit(!open)
    })
    this.remember()
  }

  // -- choosing -------------------------------------------------------------------------------------------------------

  private choose(item: Item | null): void {
    if (item === null) this.leak = null
    this.here = item
    const node = item === null || item.kind === "box" ? null : (item.nodes.includes(this.state.node ?? -1) ? this.state.node : (item.nodes[0] ?? null))
    this.shell.set({ node })
    this.mark()
    this.focus()
  }

  private close(): void {
    this.shell.set({ more: { "graph.about": "" } })
    this.choose(null)
  }

  private show(id: NodeId): void {
    this.shell.set({ node: id })
    this.focus()
  }

  private reveal(item: Item | null, at: boolean): void {
    const spot = item === null ? undefined : this.spot(item.key)
    if (spot === undefined) return
    if (!at) return this.camera.reveal(spot)
    const k = Math.max(0.8, this.camera.frame.k)
    const { width, height } = this.camera.size()
    this.camera.set({ k, x: width / 2 - k * (spot.x + spot.width / 2), y: height / 2 - k * (spot.y + spot.height / 2) })
  }

  private showLeak(number: number): void {
    const leak = this.state.facts.members[this.state.member]?.leaks[number]
    if (leak === undefined) return
    this.leak = leak
    this.here = null
    let now = this.expansion
    for (const step of leak.path) now = revealed(this.hierarchy, now, step.node)
    this.rebuild(now, null, () => {
      this.mark()
      this.fit(true)
    })
  }

  /** Classes of everything by what is chosen; the panel and the crumbs. */
  private mark(): void {
    const { here } = this
    if (this.shown === null) return
    const { tree: shown, wires, scene: view, drawing } = this.shown
    const near = here === null ? null : neighbours(wires, here)
    const leak = this.leak === null || here !== null ? null : path(shown, wires, this.leak.path.map((step) => step.node))
    const pair = this.state.pair === null || here !== null || leak !== null ? null : flow(shown, wires, wayNodes(this.state))
    this.picture.classList.toggle("choosing", near !== null || pair !== null)
    this.picture.classList.toggle("leaking", leak !== null)
    for (const [key, element] of drawing.items) {
      const item = view.at.get(key)?.item
      if (item === undefined) continue
      element.classList.toggle("chosen", item === here)
      element.classList.toggle("on-leak", leak?.items.has(item) ?? false)
      element.classList.toggle("near", (near?.items.has(item) ?? false) || (pair?.items.has(item) ?? false) || (here !== null && inside(item, here)))
      element.setAttribute("aria-pressed", String(item === here))
      element.setAttribute("tabindex", "-1")
    }
    for (const { line, element } of drawing.lines) {
      const any = (lit: Lit | null): boolean => lit !== null && line.piece.wires.some((w) => lit.wires.has(w.id))
      element.classList.toggle("lit", any(near) || any(pair))
      element.classList.toggle("leak", any(leak))
    }
    const first = here === null ? [...drawing.items.values()].find((e) => e.classList.contains("card")) : drawing.items.get(here.key)
    first?.setAttribute("tabindex", "0")
    this.crumb()
    this.side.show(this.state, here)
  }

  private crumb(): void {
    const { here } = this
    const boxes = here === null ? [] : around(here)
    const step = (label: string, press: (() => void) | null): HTMLElement =>
      press === null ? h("span", { "aria-current": "true" }, label) : h("button", { type: "button", onclick: press }, label)
    const parts = [step(this.state.facts.title, here === null ? null : () => {
      this.choose(null)
      this.fit(true)
    }), ...boxes.map((box) => step(box.label.replace(".*", ` ×${box.times}`), () => {
      this.choose(box)
      this.reveal(box, false)
    }))]
    if (here !== null) parts.push(step(here.label.replace(".*", ""), null))
    if (here === null && this.leak !== null) parts.push(this.said("the way of a leak", () => this.choose(null)))
    else if (here === null && this.state.pair !== null) parts.push(this.said("the way of a pair", () => this.shell.set({ pair: null })))
    this.crumbs.replaceChildren(h("ol", {}, ...parts.map((p) => h("li", {}, p))))
  }

  /** A step of the crumbs that says what is lit, and a cross to end it. */
  private said(what: string, end: () => void): HTMLElement {
    return h("span", { class: "said" }, what, h("button", { type: "button", "aria-label": "No longer", onclick: end }, icon("close")))
  }

  // -- the camera -----------------------------------------------------------------------------------------------------

  private moved(frame: Frame): void {
    this.plane.setAttribute("transform", `translate(${frame.x} ${frame.y}) scale(${frame.k})`)
    this.picture.classList.toggle("far", frame.k < 0.42)
    this.overview.frame(frame, this.camera.size())
  }

  private fit(glide: boolean): void {
    if (this.shown === null) return
    const { width, height } = this.camera.size()
    const { scene: view } = this.shown
    const whole = { x: 0, y: 0, width: view.width, height: view.height }
    let frame = fitted(whole, width, height, 40)
    if (!glide && frame.k < 0.62) {
      // too small to read: as wide as it goes, from the top
      const k = Math.max(0.62, Math.min(0.9, (width - 80) / view.width))
      frame = { k, x: width / 2 - (k * view.width) / 2, y: 56 }
    }
    if (glide) this.camera.glide(frame)
    else this.camera.set(frame)
  }

  /** On paper the whole graph is seen, whatever is on the screen. */
  private print(paper: boolean): void {
    if (this.shown === null) return
    const { width, height } = this.shown.scene
    if (!paper) {
      this.picture.removeAttribute("viewBox")
      return this.moved(this.camera.frame)
    }
    this.picture.setAttribute("viewBox", `-24 -24 ${width + 48} ${height + 48}`)
    this.plane.removeAttribute("transform")
    this.picture.classList.remove("far")
  }

  private look(x: number, y: number): void {
    const { width, height } = this.camera.size()
    const { k } = this.camera.frame
    this.camera.set({ k, x: width / 2 - k * x, y: height / 2 - k * y })
  }

  // -- keys -----------------------------------------------------------------------------------------------------------

  key(event: KeyboardEvent): boolean {
    const reading = event.target instanceof Element && event.target.closest(".panel") !== null
    const way = WAYS[event.key]
    if (reading && way !== undefined) return false // they scroll what is read
    if (reading && event.key === "Escape") {
      this.focus()
      return true
    }
    if (way !== undefined) {
      if (this.shown === null) return false
      const { scene: view, wires } = this.shown
      const next = this.here === null ? (view.leaves[0]?.item ?? null) : walk(view, wires, this.here, way)
      if (next !== null) {
        this.choose(next)
        this.reveal(next, false)
      }
      return true
    }
    switch (event.key) {
      case "Enter":
      case " ":
        if (this.here === null) return false
        if (this.here.kind === "box") this.toggle(this.here)
        else this.side.focus()
        return true
      case "Escape":
        if (this.here === null) return false
        if (this.here.kind === "leaf" || !this.here.open) this.choose(this.here.parent?.parent === null ? null : this.here.parent)
        else this.toggle(this.here)
        return true
      case "u": {
        const box = this.here === null ? undefined : [this.here, ...around(this.here).reverse()].find((b): b is Box => b.kind === "box" && b.folds !== null)
        if (box?.folds !== null && box?.folds !== undefined) this.fold(box.folds)
        return true
      }
      case "e": this.everything(true); return true
      case "w": this.everything(false); return true
      case "+": case "=": this.camera.zoom(1.3); return true
      case "-": this.camera.zoom(1 / 1.3); return true
      case "0": this.fit(true); return true
      case "l": this.showLeak(0); return true
      default: return false
    }
  }

  private focus(): void {
    if (this.here !== null) this.shown?.drawing.items.get(this.here.key)?.focus({ preventScroll: true })
  }

  private focused(target: Element): void {
    const key = target.closest("[data-key]")?.getAttribute("data-key")
    const item = key === null || key === undefined ? undefined : this.shown?.tree.items.get(key)
    if (item !== undefined && target.matches(":focus-visible")) this.reveal(item, false)
  }
}
