// A page that `arspec explore --serve` serves: it asks the server it came from whether the text has changed, and loads
// itself again. What is wrong with a text is shown over the last page that held.

import { h } from "./shell/dom.ts"

/** What the server says: the number of the page that it has, and what is wrong with the text as it is now. */
export interface State {
  version: number
  error: string | null
}

const EVERY = 700 // milliseconds

/** Shows what is wrong, or nothing; text is text. */
export function tell(error: string | null, root: HTMLElement = document.body): void {
  root.querySelector(".live-error")?.remove()
  if (error === null) return
  root.append(
    h("aside", { class: "live-error", role: "alert", "aria-label": "what is wrong with the text" },
      h("strong", {}, "The text as it is now does not hold together; shown is the last that did."),
      h("pre", { tabindex: 0 }, error)),
  )
}

/** Asks again and again; a server that is gone is waited for. */
export function follow(version: number, ask: () => Promise<State>, reload: () => void, every = EVERY): void {
  let said: string | null | undefined
  const look = async (): Promise<void> => {
    try {
      const state = await ask()
      if (state.version !== version) return reload()
      if (state.error !== said) tell((said = state.error))
    } catch {
      // the server is gone, or starts anew
    }
    setTimeout(() => void look(), every)
  }
  void look()
}

/** Follows the server where the page is a served one. */
export function live(): void {
  const version = document.documentElement.dataset["live"]
  if (version === undefined) return
  const ask = async (): Promise<State> => (await (await fetch("state")).json()) as State
  follow(Number(version), ask, () => location.reload())
}
