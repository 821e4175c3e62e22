// The page of `arspec explore`: unpacks its facts and opens the shell with its views. In a worker, which has no document,
// the same script lays out graphs.

import { serve } from "./graph/layouter.ts"
import { live } from "./live.ts"
import { h } from "./shell/dom.ts"
import { open } from "./shell/shell.ts"
import { unpack } from "./shell/unpack.ts"
import { VIEWS } from "./views.ts"

async function start(): Promise<void> {
  live()
  const root = document.getElementById("app") ?? document.body.appendChild(h("div", { id: "app" }))
  try {
    const packed = [...document.querySelectorAll("script.facts")].map((e) => e.textContent ?? "")
    if (packed.length) open(root, await Promise.all(packed.map(unpack)), VIEWS())
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    root.replaceChildren(h("p", { role: "alert", class: "broken" }, `This page cannot be shown: ${said}.`))
    throw error
  }
}

if (typeof document === "undefined") serve()
else void start()
