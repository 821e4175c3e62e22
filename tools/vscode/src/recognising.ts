/** Tells specs among files of YAML. */

/** The lines at the beginning of a file that are looked at. */
export const LOOKED_AT = 40

/** Whether a text begins as a spec does: with `arspec: 1`, comments and blank lines aside. */
export function isSpec(text: string): boolean {
  for (const line of text.split(/\r\n|\n|\r/, LOOKED_AT)) {
    const said = line.replace(/^\ufeff/, "").trim()
    if (said === "" || said.startsWith("#") || said === "---" || said.startsWith("%")) {
      continue
    }
    return /^arspec\s*:\s*1\s*(#.*)?$/.test(line.replace(/^\ufeff/, "").trimEnd())
  }
  return false
}
