// The shell: title, verdict, tabs, search, theme, help; and the one state that every view shares.

import type { Facts } from "../facts.ts"
import { openSearch } from "../search/dialog.ts"
import { h } from "./dom.ts"
import { read, written } from "./hash.ts"
import { showHelp } from "./help.ts"
import { icon } from "./icons.ts"
import type { Choice, Shell, State, View } from "./state.ts"
import { follow, theme, turn } from "./theme.ts"

/** Opens the page in `root`. */
export function open(root: HTMLElement, all: readonly Facts[], views: readonly View[]): void {
  if (all.length === 0) throw new Error("it holds no facts")
  new Page(root, all, views)
}

const VERDICTS = { proven: "proven", proven_given_the_route: "proven, given the route", leaks: "leaks", differs: "differs", undecided: "not decided" } as const

class Page implements Shell {
  state: State
  private readonly all: readonly Facts[]
  private readonly shown: readonly View[]
  private readonly mounted = new Map<string, HTMLElement>()
  private readonly told = new Map<string, State>()
  private readonly live = h("div", { class: "unseen", role: "status", "aria-live": "polite" })
  private readonly main = h("main", { id: "main" })
  private readonly tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Views" })
  private readonly heading = h("div", { class: "heading" })
  private written = ""

  constructor(root: HTMLElement, all: readonly Facts[], views: readonly View[]) {
    this.all = all
    this.shown = views.filter((v) => all.some((f) => v.applies(f, all)))
    this.state = this.stateOf(this.fromLink())
    follow(() => this.set({}))
    root.replaceChildren(this.header(), this.main, this.live)
    document.title = `${all.map((f) => f.title).join(" and ")} · arspec`
    addEventListener("hashchange", () => {
      if (location.hash.replace(/^#/, "") !== this.written) this.set(this.fromLink())
    })
    addEventListener("keydown", (event) => this.key(event))
    this.set({})
  }

  set(change: Partial<Choice>): void {
    const more = { ...this.state.more, ...change.more }
    for (const name of Object.keys(more)) if (more[name] === "") delete more[name]
    const other = change.which !== undefined && change.which !== this.state.which
    const reset = other ? { member: 0, node: null, variable: null, pair: null, step: null } : {}
    const before = this.state
    this.state = this.stateOf({ ...this.state, ...reset, ...change, more })
    this.written = written(this.state, this.all)
    try {
      history.replaceState(null, "", `#${this.written}`)
    } catch {
      // a page inside another may have no history of its own
    }
    if (other || this.heading.childElementCount === 0) this.showHeading()
    if (before.view !== this.state.view || this.tabs.childElementCount === 0 || other) this.showTabs()
    this.showView()
  }

  announce(sentence: string): void {
    this.live.textContent = sentence
  }

  // -- what is on show ------------------------------------------------------------------------------------------------

  private fromLink(): Choice {
    return read(location.hash, this.all, this.shown.map((v) => v.id))
  }

  private stateOf(choice: Choice): State {
    const facts = this.all[choice.which]
    if (facts === undefined) throw new Error(`there are no facts number ${choice.which}`)
    const view = this.shown.find((v) => v.id === choice.view && v.applies(facts, this.all))
    const first = this.shown.find((v) => v.applies(facts, this.all))
    return { ...choice, view: (view ?? first)?.id ?? "", facts, all: this.all, theme: theme() }
  }

  private showView(): void {
    for (const view of this.shown) {
      const here = view.id === this.state.view
      let root = this.mounted.get(view.id)
      if (here && root === undefined) {
        root = h("section", { class: `view view-${view.id}`, role: "tabpanel", id: `view-${view.id}`, "aria-labelledby": `tab-${view.id}` })
        this.main.append(root)
        this.mounted.set(view.id, root)
        view.mount(root, this)
      }
      if (root === undefined) continue
      if (root.hidden === here) {
        root.hidden = !here
        view.hidden?.(!here)
      }
      if (!here) continue
      const told = this.told.get(view.id)
      this.told.set(view.id, this.state)
      view.update(this.state, told !== undefined && told.which === this.state.which && told.member === this.state.member ? told : null)
    }
  }

  // -- the header -----------------------------------------------------------------------------------------------------

  private header(): HTMLElement {
    const search = h("button", { class: "search-button", type: "button", "aria-keyshortcuts": "/", onclick: () => this.search() },
      icon("search"), h("span", { class: "wide" }, "Search"), h("kbd", { class: "wide" }, "/"))
    const light = h("button", { class: "round", type: "button", "aria-label": "Light or dark", title: "Light or dark (t)", onclick: () => this.turn() }, icon("theme"))
    const help = h("button", { class: "round", type: "button", "aria-label": "Keys", title: "Keys (?)", "aria-keyshortcuts": "?", onclick: () => this.help() }, icon("help"))
    return h("header", { class: "bar" }, this.heading, this.tabs, h("div", { class: "tools" }, search, light, help))
  }

  private showHeading(): void {
    const { facts, all, which } = this.state
    const good = facts.verdict.state === "proven" || facts.verdict.state === "proven_given_the_route"
    const said = VERDICTS[facts.verdict.state]
    const verdict = h("button", {
      type: "button", class: `verdict ${good ? "good" : "bad"}`, title: facts.verdict.words.join("\n"), "aria-label": `${said}: what was found`,
      onclick: () => this.set({ view: "graph", node: null, more: { "graph.about": "1" } }),
    }, icon(good ? "good" : "bad"), said)
    const names = all.map((f, k) =>
      h("button", { type: "button", class: "spec", "aria-pressed": String(k === which), onclick: () => this.set({ which: k }) }, f.title))
    this.heading.replaceChildren(all.length > 1 ? h("div", { class: "specs", role: "group", "aria-label": "Which is shown" }, ...names) : h("h1", {}, facts.title), verdict)
  }

  private showTabs(): void {
    const views = this.shown.filter((v) => v.applies(this.state.facts, this.all))
    this.tabs.hidden = views.length < 2
    const focused = this.tabs.contains(document.activeElement)
    this.tabs.replaceChildren(...views.map((view) => {
      const here = view.id === this.state.view
      return h("button", {
        type: "button", role: "tab", id: `tab-${view.id}`, "aria-selected": String(here), "aria-controls": `view-${view.id}`,
        tabindex: here ? 0 : -1, onclick: () => this.set({ view: view.id }), onkeydown: (event: KeyboardEvent) => this.tabKey(event, views),
      }, view.title)
    }))
    if (focused) this.tabs.querySelector<HTMLElement>('[aria-selected="true"]')?.focus()
  }

  private tabKey(event: KeyboardEvent, views: readonly View[]): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    event.stopPropagation()
    const here = views.findIndex((v) => v.id === this.state.view)
    const next = views[(here + step + views.length) % views.length]
    if (next !== undefined) this.set({ view: next.id })
  }

  private turn(): void {
    turn()
    this.set({})
  }

  private help(): void {
    showHelp(this.shown.filter((v) => v.applies(this.state.facts, this.all)))
  }

  private search(): void {
    openSearch(this.state, (node) => this.set({ view: "graph", node }))
  }

  // -- keys -----------------------------------------------------------------------------------------------------------

  private key(event: KeyboardEvent): void {
    const at = event.target
    const typing = at instanceof HTMLElement && at.closest("input:not([type=range]):not([type=checkbox]), textarea, select, dialog") !== null
    const pressed = (event.key === "Enter" || event.key === " ") && at instanceof HTMLElement && at.closest("button, summary, a, select, input") !== null
    if (pressed || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing) return
    if (this.own(event.key) || this.shown.find((v) => v.id === this.state.view)?.key?.(event) === true) event.preventDefault()
  }

  private own(key: string): boolean {
    if (key === "/") this.search()
    else if (key === "?") this.help()
    else if (key === "t") this.turn()
    else if (/^[1-9]$/.test(key)) {
      const view = this.shown.filter((v) => v.applies(this.state.facts, this.all))[Number(key) - 1]
      if (view === undefined) return false
      this.set({ view: view.id })
    } else return false
    return true
  }
}
