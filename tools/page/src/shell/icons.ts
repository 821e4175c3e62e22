// The few signs of the page, as lines of 1.6 in a square of 20.

import { s } from "./dom.ts"

const PATHS = {
  search: "M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3M13.4 13.4 17 17",
  theme: "M10 3a7 7 0 1 0 0 14M10 3a7 7 0 0 1 0 14M10 3v14M13 5v10M15.5 7.2v5.6",
  help: "M7.2 7.4a2.8 2.8 0 1 1 4.2 2.4c-1 .6-1.4 1-1.4 2.2M10 15.2v.1",
  good: "M4.5 10.5 8.5 14.5 15.5 6",
  bad: "M10 4v7.5M10 15v.2",
  close: "M5 5 15 15M15 5 5 15",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  left: "M12 5 7 10l5 5",
  right: "M8 5l5 5-5 5",
  open: "M5 8l5 5 5-5",
  all: "M5 4.5l5 4.5 5-4.5M5 11l5 4.5 5-4.5",
  none: "M5 9l5-4.5L15 9M5 15.5 10 11l5 4.5",
  leak: "M10 3.5c3 3.7 4.5 6 4.5 8a4.5 4.5 0 0 1-9 0c0-2 1.500-4.300 4.500-8Z",
} as const

export type Icon = keyof typeof PATHS

export function icon(name: Icon): SVGSVGElement {
  return s("svg", { class: "icon", viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": "true", focusable: "false" }, s("path", { d: PATHS[name] }))
}
