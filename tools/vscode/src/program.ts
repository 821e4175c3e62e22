/** Which program is run: the one that the settings name, the folder's own, or the one on the PATH. */

import * as path from "node:path"

/** A program with its first arguments, and where it was found, in words. */
export interface Program {
  command: string
  args: string[]
  from: string
}

/** What decides which program is run. */
export interface Situation {
  command: string
  python: string
  /** The folders that are open. */
  folders: readonly string[]
  /** Whether programs of these folders may be run. */
  trusted: boolean
  platform: NodeJS.Platform
  home: string
  exists: (file: string) => boolean
}

/** The program to run. A path may begin with `~` or `${workspaceFolder}`. */
export function program(here: Situation): Program {
  if (here.command.trim() !== "") {
    return { command: whole(here.command.trim(), here), args: [], from: "arspec.command" }
  }
  if (here.python.trim() !== "") {
    return { command: whole(here.python.trim(), here), args: ["-m", "arspec"], from: "arspec.python" }
  }
  const windows = here.platform === "win32"
  const own = windows ? ["Scripts", "arspec.exe"] : ["bin", "arspec"]
  for (const folder of here.trusted ? here.folders : []) {
    for (const environment of [".venv", "venv"]) {
      const file = path.join(folder, environment, ...own)
      if (here.exists(file)) {
        return { command: file, args: [], from: environment }
      }
    }
  }
  return { command: "arspec", args: [], from: "the PATH" }
}

function whole(named: string, here: Situation): string {
  const folder = here.folders[0]
  const told = folder === undefined ? named : named.replaceAll("${workspaceFolder}", folder)
  return told === "~" || told.startsWith("~/") ? path.join(here.home, told.slice(1)) : told
}
