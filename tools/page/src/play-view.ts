// The view that plays the order of generation: which sites of which layer are computed, kept and dropped at each step.

import type { Facts } from "./facts.ts"
import { counted, number } from "./field.ts"
import { variableName } from "./grid-data.ts"
import { apartSwitch, aroundSwitch, inRows, layersOf, type Picture } from "./grid-layers.ts"
import { colour, eachFrame, pen, swatch, type Look } from "./grid-paint.ts"
import { memberPicker } from "./grid-pickers.ts"
import { DROPPED, HELD, NEVER, NOW, Player, SPEEDS, STAGE_MEANINGS, STAGES, stagesAt, tallyOf, timelineOf, TO_COME, type Life, type Tally, type Timeline } from "./play.ts"
import { h, s } from "./shell/dom.ts"
import type { Shell, State, View } from "./shell/state.ts"
import { LayersView } from "./view-layers.ts"
import { arrayOf, chosenMember, shownNode, type Member } from "./walk-facts.ts"

const CHART = 64 // pixels of the chart's height

/** Of each node with a schedule, when its sites are computed and dropped. */
export function livesOf(member: Member): Map<number, Life> {
  const steps = member.of.schedule?.steps ?? 0
  const found = new Map<number, Life>()
  member.facts.nodes.forEach((node, n) => {
    const own = member.of.nodes[n]
    if (own && own.first !== null && own.last !== null && node.inside === null) found.set(n, { first: arrayOf(member.facts, own.first), last: arrayOf(member.facts, own.last), steps })
  })
  return found
}

/** The totals of all layers; the data's own variables are drawn, not computed. */
export function totalsOf(member: Member, lives: Map<number, Life>): Timeline {
  const computed = [...lives].filter(([n]) => member.facts.nodes[n]!.role !== "data" && member.facts.nodes[n]!.role !== "condition")
  return timelineOf(computed.map(([, life]) => life), member.of.schedule?.steps ?? 0)
}

class PlayView extends LayersView implements View {
  readonly id = "play"
  readonly title = "Generation"
  readonly help = [
    ["Space", "play or pause"],
    ["← →", "a step back or on"],
    ["Home End", "the first or the last step"],
    ["− +", "slower or faster"],
  ] as const
  private member: Member | null = null
  private lives = new Map<number, Life>()
  private rows: Map<number, number[]> | null = null
  private line!: Timeline
  private player = new Player(1)
  private then = 0
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)")
  private readonly chart = h("canvas", { role: "img" })
  private readonly slider = h("input", { type: "range", min: 0, value: 0, "aria-label": "Step", oninput: () => this.seek(Number(this.slider.value)), onkeydown: (event: KeyboardEvent) => this.space(event) })
  private readonly play = h("button", { type: "button", class: "play", onclick: () => this.toggle() })
  private readonly where = h("output", { class: "where" })
  private readonly figures = h("dl", { class: "figures" })
  private readonly speed = h("select", { "aria-label": "Speed", onchange: () => (this.player.perSecond = Number(this.speed.value)) },
    ...SPEEDS.map((n) => h("option", { value: n, selected: n === 5 }, `${n} a second`)))
  private readonly drawChart = eachFrame(() => this.showChart())

  applies(facts: Facts): boolean {
    return facts.members.some((m) => m.schedule !== null && m.schedule.steps > 0)
  }

  mount(root: HTMLElement, shell: Shell): void {
    this.chart.addEventListener("pointerdown", (event) => this.scrub(event))
    this.chart.addEventListener("pointermove", (event) => event.buttons && this.scrub(event))
    const transport = this.transport()
    new ResizeObserver(this.drawChart).observe(this.chart.parentElement ?? transport)
    this.lay(root, shell, this.figures, transport)
  }

  private transport(): HTMLElement {
    const round = (name: keyof typeof SIGNS, label: string, act: () => void): HTMLElement =>
      h("button", { type: "button", class: "round", "aria-label": label, title: label, onclick: act }, sign(SIGNS[name]))
    return h("div", { class: "transport" },
      h("div", { class: "buttons" }, round("first", "First step", () => this.seek(0)), round("back", "A step back", () => this.seek(this.player.step - 1)), this.play,
        round("on", "A step on", () => this.seek(this.player.step + 1)), round("last", "Last step", () => this.seek(this.player.steps))),
      h("div", { class: "track" }, h("div", { class: "chart" }, this.chart), this.slider),
      h("div", { class: "side-of-track" }, this.where, this.speed))
  }

  update(state: State): void {
    this.state = state
    const member = chosenMember(state)
    if (member !== this.member) {
      this.member = member
      this.lives = livesOf(member)
      this.rows = null
      this.line = totalsOf(member, this.lives)
      const speed = this.player.perSecond
      this.player = new Player(member.of.schedule?.steps ?? 1, this.member.of.steps > 200 && speed === 5 ? 30 : speed)
      this.speed.value = String(this.player.perSecond)
      this.slider.max = String(Math.max(this.player.steps - 1, 0))
    }
    const step = state.step ?? Math.floor(this.player.steps * 0.4)
    if (step !== this.player.step) this.player.seek(step)
    this.show()
  }

  hidden(hidden: boolean): void {
    if (hidden && this.player.playing) this.toggle()
  }

  key(event: KeyboardEvent): boolean {
    const faster = ["+", "=", "-", "−"].indexOf(event.key)
    if (event.key === " ") this.toggle()
    else if (event.key === "ArrowLeft") this.seek(this.player.step - (event.shiftKey ? 10 : 1))
    else if (event.key === "ArrowRight") this.seek(this.player.step + (event.shiftKey ? 10 : 1))
    else if (event.key === "Home") this.seek(0)
    else if (event.key === "End") this.seek(this.player.steps)
    else if (faster >= 0) this.faster(faster < 2 ? 1 : -1)
    else return false
    return true
  }

  // -- time -----------------------------------------------------------------------------------------------------------

  private seek(step: number): void {
    this.player.seek(step)
    this.shell.set({ step: this.player.step })
    if (!this.player.playing) this.shell.announce(`${this.where.textContent}: ${this.said.textContent}`)
  }

  /** The slider has no use for the space bar: it plays there too. */
  private space(event: KeyboardEvent): void {
    if (event.key !== " ") return
    event.preventDefault()
    this.toggle()
  }

  private faster(by: number): void {
    const at = SPEEDS.findIndex((n) => n >= this.player.perSecond)
    this.player.perSecond = SPEEDS[Math.min(Math.max(at + by, 0), SPEEDS.length - 1)]!
    this.speed.value = String(this.player.perSecond)
  }

  private toggle(): void {
    this.player.toggle()
    this.show()
    this.then = performance.now()
    if (this.player.playing) requestAnimationFrame((now) => this.frame(now))
    else this.shell.set({ step: this.player.step })
  }

  private frame(now: number): void {
    if (!this.player.playing) return
    // where motion is to be reduced, the picture changes twice a second at most
    if (!this.still.matches || now - this.then >= 500) {
      const before = this.player.step
      const moved = this.player.advance((now - this.then) / 1000)
      this.then = now
      if (moved || before !== this.player.step) this.show()
    }
    if (this.player.playing) requestAnimationFrame((next) => this.frame(next))
    else this.shell.set({ step: this.player.step })
  }

  private scrub(event: PointerEvent): void {
    const box = this.chart.getBoundingClientRect()
    this.seek(Math.floor(((event.clientX - box.left) / box.width) * this.player.steps))
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  private looks(): Look[] {
    const ink = colour("--pattern")
    return STAGES.map((stage, k) => ({ fill: colour(`--stage-${stage}`), ink, pattern: k === DROPPED ? "sparse" : undefined }))
  }

  private drawn(step: number): number[] {
    const found: number[] = []
    this.member!.time.forEach((t, v) => t === step && found.push(v))
    return found
  }

  protected pick(site: number): void {
    this.seek(this.member!.time[site]!)
  }

  protected hint(site: number): string {
    const t = this.member!.time[site]!
    return `${variableName(this.state.facts, site)}: ${t < 0 ? "given" : `drawn in step ${number(t)}`}`
  }

  private show(): void {
    const member = this.member!
    const { facts } = member
    const step = this.player.step
    const drawn = this.drawn(step)
    const looks = this.looks()
    this.slider.value = String(step)
    this.play.replaceChildren(sign(this.player.playing ? SIGNS.pause : SIGNS.play))
    this.play.setAttribute("aria-label", this.player.playing ? "Pause" : "Play")
    this.play.title = this.player.playing ? "Pause (space)" : "Play (space)"
    this.where.textContent = `step ${number(step)}, of 0 to ${number(this.player.steps - 1)}`
    const name = drawn.length === 1 ? variableName(facts, drawn[0]!) : counted(drawn.length, "variable") + " at once"
    this.heading.replaceChildren("To draw ", h("em", {}, name))
    this.said.textContent = `${counted(this.line.computed[step]!, "site")} of all layers ${this.line.computed[step] === 1 ? "is" : "are"} computed at this step; ${number(this.line.live[step]!)} are there.`
    this.pickers.replaceChildren(...[memberPicker(this.state, this.shell)].filter((e) => e !== null))
    const data = Uint8Array.from(member.time, (t) => (t === step ? NOW : t < step ? HELD : TO_COME))
    this.grid.label(`The variables as a grid: ${name} is drawn in step ${number(step)}. A pick goes to the step that draws it.`)
    this.grid.show(facts, data, looks, drawn[0] ?? 0)
    this.showLayers(member, step, looks)
    this.drawChart()
    this.showFigures(member, step)
    this.tell()
  }

  private showLayers(member: Member, step: number, looks: readonly Look[]): void {
    const around = this.state.more["field.all"] !== "1" && member.walkable
    const apart = this.state.more["field.apart"] === "1"
    const nodes = layersOf(member, around).filter((n) => this.lives.has(n))
    const rows = around ? (this.rows ??= inRows(member, nodes)) : null
    if (member.facts.data.kind === "sequence") nodes.reverse()
    if (this.tools.dataset["now"] !== `${around} ${apart} ${member.of.name}`) {
      this.tools.dataset["now"] = `${around} ${apart} ${member.of.name}`
      this.tools.replaceChildren(h("h2", {}, "Layer by layer"),
        member.walkable ? aroundSwitch(member, around, (on) => this.shell.set({ more: { "field.all": on ? "" : "1" } })) : "",
        apartSwitch(member.facts, apart, (on) => this.shell.set({ more: { "field.apart": on ? "1" : "" } })) ?? "",
        h("p", { class: "hint" }, "Every site that the distributions need is computed once." + (around ? " A picture also stands for the layers behind it that work in place." : "")))
    }
    this.legend.replaceChildren(...[NOW, HELD, DROPPED, TO_COME, NEVER].map((k) => h("li", {}, h("span", { class: "signs" }, swatch(looks[k]!)), STAGE_MEANINGS[STAGES[k]!])))
    const picture = (n: number): Picture => {
      const [keys, ...others] = (rows?.get(n) ?? [n]).map((each) => this.lives.get(each)).filter((l) => l !== undefined).map((life) => stagesAt(life, step))
      // of what is computed together, a place is kept where any of it is
      for (const other of others) for (let s = 0; s < keys!.length; s++) if (other[s]! > keys![s]!) keys![s] = other[s]!
      return { keys: keys!, words: tallyWords(tallyOf(keys!), n === member.data) }
    }
    this.board.arrange(member, nodes, apart)
    this.board.show(picture, looks, this.state.node)
  }

  private showFigures(member: Member, step: number): void {
    const { schedule } = member.of
    let done = 0
    for (let t = 0; t <= step; t++) done += this.line.computed[t]!
    const lines: [string, string][] = [
      ["computed so far", `${number(done)} of ${number(this.line.total)} sites`],
      ["there at once, at most", `${counted(this.line.live[this.line.peak]!, "site")}, in step ${number(this.line.peak)}`],
      ["calls of layers, in all", schedule ? number(schedule.calls) : ""],
      ["rows of the sampler's caches", schedule ? `${number(schedule.cached)} of ${number(schedule.every)}` : ""],
    ]
    this.figures.replaceChildren(...lines.filter(([, v]) => v).flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]))
  }

  private showChart(): void {
    if (!this.line) return
    const width = this.chart.parentElement!.clientWidth
    const ctx = pen(this.chart, width, CHART)
    if (!ctx) return
    const scale = devicePixelRatio || 1
    const [w, tall] = [ctx.canvas.width, ctx.canvas.height]
    const most = Math.max(this.line.live[this.line.peak] ?? 1, 1)
    const unit = w / this.line.steps
    const bars = (values: Uint32Array, fill: string): void => {
      ctx.fillStyle = fill
      const columns = Math.min(w, this.line.steps)
      for (let c = 0; c < columns; c++) {
        const [a, b] = [Math.floor((c * this.line.steps) / columns), Math.max(Math.floor(((c + 1) * this.line.steps) / columns), Math.floor((c * this.line.steps) / columns) + 1)]
        let high = 0
        for (let t = a; t < b; t++) high = Math.max(high, values[t]!)
        const size = (high / most) * (tall - 4 * scale)
        if (size > 0) ctx.fillRect(Math.round(a * unit), tall - Math.max(size, scale), Math.max(Math.round(b * unit) - Math.round(a * unit) - (unit >= 4 * scale ? scale : 0), 1), Math.max(size, scale))
      }
    }
    bars(this.line.live, colour("--stage-held"))
    bars(this.line.computed, colour("--stage-now"))
    const x = Math.round((this.player.step + 0.5) * unit)
    ctx.fillStyle = colour("--ink")
    ctx.fillRect(x - Math.round(0.75 * scale), 0, Math.round(1.5 * scale), tall)
    this.chart.setAttribute("aria-label", `Sites that are there at each step, at most ${number(most)}, in step ${number(this.line.peak)}; at step ${number(this.player.step)} ${number(this.line.live[this.player.step]!)}, of which ${number(this.line.computed[this.player.step]!)} are computed in it.`)
  }

  protected words(): void {
    const step = this.player.step
    const rows = [...this.lives].filter(([n]) => shownNode(this.member!.facts.nodes[n]!)).map(([n, life]) => {
      const tally = tallyOf(stagesAt(life, step))
      return h("tr", {}, h("th", { scope: "row" }, this.member!.facts.nodes[n]!.name), ...[tally.now, tally.held, tally.dropped, tally.later, tally.never].map((x) => h("td", {}, number(x))))
    })
    this.table.replaceChildren(h("table", { class: "numbers" }, h("caption", {}, `Sites of each node at step ${number(step)}`),
      h("thead", {}, h("tr", {}, ...["node", "computed now", "kept", "dropped", "to come", "never needed"].map((t) => h("th", { scope: "col" }, t)))), h("tbody", {}, ...rows)))
  }
}

function tallyWords(tally: Tally, data: boolean): string {
  const said = [tally.now ? `${number(tally.now)} now` : "", tally.held ? `${number(tally.held)} kept` : "", tally.dropped ? `${number(tally.dropped)} dropped` : ""].filter(Boolean)
  return said.join(", ") || (data ? "none drawn" : "none yet")
}

const sign = (d: string): SVGSVGElement => s("svg", { viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": "true" }, s("path", { d, fill: "currentColor" }))
const SIGNS = {
  play: "M6 3.6v12.8a.8.8 0 0 0 1.2.7l10.4-6.400a.8.8 0 0 0 0-1.400L7.200 2.900A.8.8 0 0 0 6 3.600Z",
  pause: "M5.500 3.500h3v13h-3zM11.500 3.500h3v13h-3z",
  first: "M4.500 4h2v12h-2zM15.500 4v12L7.500 10Z",
  back: "M13.500 4v12L5.500 10Z",
  on: "M6.500 4v12l8-6Z",
  last: "M13.500 4h2v12h-2zM4.500 4v12l8-6Z",
}

export function playView(): View {
  return new PlayView()
}
