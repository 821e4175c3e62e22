// The views of the page, in the order of their tabs.

import { auditView } from "./audit-view.ts"
import { compareView } from "./compare/view.ts"
import { coverageView } from "./field-coverage.ts"
import { fieldView } from "./field-view.ts"
import { graphView } from "./graph/view.ts"
import { modelView } from "./model-view.ts"
import { playView } from "./play-view.ts"
import type { View } from "./shell/state.ts"

export function VIEWS(): View[] {
  return [graphView(), fieldView(), playView(), coverageView(), compareView(), modelView(), auditView()]
}
