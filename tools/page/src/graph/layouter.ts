// The layout off the page's own thread: a large graph takes dagre seconds, in which the page goes on to answer. The worker
// is this very script, begun once more; where a browser refuses workers, the page lays out by itself.

import { itemsIn, layout, type Layout, type Plan } from "./layout.ts"

const AT_ONCE = 120 // items that are laid out before a worker would have begun

/** What the worker says: how many items have their place, or the layout. */
type Said = { readonly done: number } | { readonly laid: Layout }

/** The text of this script, where it stands in the page; empty where it does not. */
const OWN = typeof document === "undefined" ? "" : (document.currentScript?.textContent ?? "")

export class Layouter {
  private worker: Worker | null = null

  /** Lays out, and gives up what it was asked for before. `then` is called at once where that is quick. told: how many
   * items have their place, of how many. */
  ask(plan: Plan, then: (laid: Layout) => void, told: (done: number, of: number) => void): void {
    this.stop()
    const items = itemsIn(plan)
    const worker = items > AT_ONCE ? begun() : null
    if (worker === null) return then(layout(plan))
    this.worker = worker
    told(0, items)
    worker.onmessage = ({ data }: MessageEvent<Said>) => {
      if (worker !== this.worker) return
      if ("done" in data) return told(data.done, items)
      this.stop()
      then(data.laid)
    }
    worker.onerror = (event) => {
      event.preventDefault()
      if (worker !== this.worker) return
      this.stop()
      then(layout(plan))
    }
    worker.postMessage(plan)
  }

  /** Whether it is at work. */
  get busy(): boolean {
    return this.worker !== null
  }

  private stop(): void {
    this.worker?.terminate()
    this.worker = null
  }
}

function begun(): Worker | null {
  if (OWN === "") return null
  const address = URL.createObjectURL(new Blob([OWN], { type: "text/javascript" }))
  try {
    return new Worker(address)
  } catch {
    return null
  } finally {
    setTimeout(() => URL.revokeObjectURL(address), 10_000)
  }
}

/** What the worker does: it lays out what it is sent. */
export function serve(): void {
  const say = postMessage as (said: Said) => void
  onmessage = ({ data }: MessageEvent<Plan>) => say({ laid: layout(data, (done) => say({ done })) })
}
