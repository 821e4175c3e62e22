// The views of the page, in the order of their tabs.

import { graphView } from "./graph/view.ts"
import type { View } from "./shell/state.ts"

export function VIEWS(): View[] {
  return [graphView()]
}
