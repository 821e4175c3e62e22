// Elements in one call: text is always text, never markup.

export type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>
export type Child = Node | string | number | null | undefined | false

const SVG = "http://www.w3.org/2000/svg"

/** An element of HTML. `onclick` and the like are listeners; true is an attribute without value; null and false are none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children)
}

/** An element of SVG, as `h`. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), attributes, children)
}

function filled<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener)
    else element.setAttribute(name, value === true ? "" : String(value))
  }
  element.append(...children.filter((c) => c !== null && c !== undefined && c !== false).map((c) => (typeof c === "number" ? String(c) : c)))
  return element
}

/** 1234567 as 1,234,567; parts of less than one with four digits. */
export function count(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toLocaleString("en", { maximumSignificantDigits: 4 })
}

/** 53659080 as 53.7 M. */
export function short(value: number): string {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (value >= size) return `${(value / size).toPrecision(3).replace(/\.0+$/, "")} ${unit}`
  }
  return count(value)
}
