/** How sites lie: the shape in which positions are drawn, and the names of places. */

/** Rows and columns of a picture of the positions, in the order of their numbers; the last row may be short. */
export interface Shape {
  readonly rows: number
  readonly columns: number
  readonly positions: number
  /** whether rows and columns are the grid's own, not lines of something wrapped */
  readonly real: boolean
}

const ROW = 64 // positions of a sequence up to which one line holds it

/** The shape of a grid. A sequence longer than a line is wrapped; a vector is shown as its `display`, else as a square
 * of lines. */
export function shapeOf(grid: readonly number[], kind: string, display: readonly number[] | null = null, line = 0): Shape {
  const positions = grid.reduce((a, b) => a * b, 1)
  if (grid.length === 2) return { rows: grid[0]!, columns: grid[1]!, positions, real: true }
  if (display && display[0]! * display[1]! === positions) return { rows: display[0]!, columns: display[1]!, positions, real: true }
  const columns = line || (kind === "sequence" ? (positions <= ROW ? positions : lineOf(positions)) : Math.ceil(Math.sqrt(positions)))
  return { rows: Math.max(1, Math.ceil(positions / Math.max(columns, 1))), columns: Math.max(columns, 1), positions, real: false }
}

/** Places of a line: a power of two or such, so that lines are a few times as wide as they are many. */
function lineOf(positions: number): number {
  const wish = Math.sqrt(positions * 4)
  return Math.max(32, Math.min(256, 1 << Math.round(Math.log2(wish))))
}

export interface Places {
  readonly kind: string // of the data: image, sequence, vector …
  readonly grid: readonly number[]
  readonly groups: number
  readonly groupNames: readonly string[]
  /** of data in several parts the part of each group, by which its name begins */
  readonly parts?: readonly string[]
  /** a word for each dimension of the grid, where it has its own */
  readonly axes?: readonly string[]
}

/** 'row 3, column 4, r', 'step 5' or 'entry 6': a site of the data or of a node, as arspec names it. */
export function nameOf(places: Places, site: number): string {
  const positions = places.grid.reduce((a, b) => a * b, 1)
  const position = site % positions
  const words = wordsOf(places)
  const cell = cellOf(places.grid, position)
  const name = cell.map((i, axis) => `${words[axis]} ${i}`).join(", ")
  if (places.groups <= 1) return name || "the only place"
  const group = Math.floor(site / positions)
  const part = places.parts?.[group] ?? ""
  const of = places.groupNames[group] ?? (places.groups === 3 ? "rgb"[group]! : `channel ${group}`)
  return [part, name, part ? of.slice(part.length + 2) : of].filter(Boolean).join(", ")
}

export function wordsOf(places: { readonly kind: string; readonly grid: readonly number[]; readonly axes?: readonly string[] }): readonly string[] {
  if (places.axes?.length === places.grid.length && places.axes.length) return places.axes
  if (places.grid.length === 2) return ["row", "column"]
  if (places.grid.length === 1) return [places.kind === "sequence" ? "step" : places.kind === "image" ? "unit" : "entry"]
  return places.grid.map((_, axis) => `axis ${axis}`)
}

const [APART, WRAPPED] = [15, 9] // pixels between the numbers of rows; those of lines cannot be guessed, so stand closer

/** The number that a row bears, with it: every row's, or every second and so on where cells of so many pixels are small.
 * A line of something wrapped bears its first position. */
export function rowTicks(shape: Shape, cell: number): [row: number, name: number][] {
  const least = shape.real ? APART : WRAPPED
  let every = 1
  while (every * cell < least && every < shape.rows) every *= 2
  return Array.from({ length: Math.ceil(shape.rows / every) }, (_, k) => [k * every, k * every * (shape.real ? 1 : shape.columns)])
}

/** The coordinates of a position, row-major. */
export function cellOf(grid: readonly number[], position: number): number[] {
  const cell: number[] = []
  for (let axis = grid.length - 1; axis >= 0; axis--) {
    cell.unshift(position % grid[axis]!)
    position = Math.floor(position / grid[axis]!)
  }
  return cell
}

/** The position that an arrow key leads to, within the picture. */
export function moved(shape: Shape, position: number, key: string): number {
  const { rows, columns, positions } = shape
  const row = Math.floor(position / columns)
  const column = position % columns
  const to = (r: number, c: number): number => Math.min(r * columns + c, positions - 1)
  switch (key) {
    case "ArrowLeft": return shape.real ? to(row, Math.max(column - 1, 0)) : Math.max(position - 1, 0)
    case "ArrowRight": return shape.real ? to(row, Math.min(column + 1, columns - 1)) : Math.min(position + 1, positions - 1)
    case "ArrowUp": return row > 0 ? to(row - 1, column) : position
    case "ArrowDown": return row < rows - 1 ? to(row + 1, column) : position
    case "Home": return to(row, 0)
    case "End": return to(row, columns - 1)
    case "PageUp": return to(0, column)
    case "PageDown": return to(rows - 1, column)
    default: return position
  }
}
