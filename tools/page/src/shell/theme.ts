// Light and dark: as the machine has it, until a person says otherwise.

export type Theme = "light" | "dark"

const KEY = "arspec-theme"
const machine = (): MediaQueryList => matchMedia("(prefers-color-scheme: dark)")

let printing = false

/** The theme on show; on paper it is the light one. */
export function theme(): Theme {
  if (printing) return "light"
  const said = stored()
  return said ?? (machine().matches ? "dark" : "light")
}

/** Shows the theme, and calls `changed` whenever the machine's own changes. */
export function follow(changed: () => void): void {
  show()
  machine().addEventListener("change", () => {
    show()
    changed()
  })
  for (const [name, paper] of [["beforeprint", true], ["afterprint", false]] as const) {
    addEventListener(name, () => {
      printing = paper
      show()
      changed()
    })
  }
}

/** Turns to the other theme. */
export function turn(): void {
  const next: Theme = theme() === "dark" ? "light" : "dark"
  try {
    localStorage.setItem(KEY, next)
  } catch {
    told = next // a page from a file may have no storage
  }
  show()
}

let told: Theme | null = null

function stored(): Theme | null {
  if (told !== null) return told
  try {
    const said = localStorage.getItem(KEY)
    return said === "light" || said === "dark" ? said : null
  } catch {
    return null
  }
}

function show(): void {
  document.documentElement.dataset["theme"] = theme()
}
