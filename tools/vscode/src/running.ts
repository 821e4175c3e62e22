/** Runs arspec beside the editor, and keeps what it says. */

import { spawn } from "node:child_process"

import type { Program } from "./program.ts"

/** What a run gave: its exit code (null where it could not be started), and its two outputs. */
export interface Ran {
  code: number | null
  out: string
  err: string
}

/** The most that is kept of an output, in characters. */
export const KEPT = 1 << 20

/** Runs a command of arspec to its end. It never rejects: what can't be started has no exit code, and says why. */
export function run(program: Program, args: readonly string[], folder: string | undefined): Promise<Ran> {
  return new Promise((resolve) => {
    const environment = { ...process.env, PYTHONIOENCODING: "utf-8", NO_COLOR: "1" }
    const child = spawn(program.command, [...program.args, ...args], {
      cwd: folder,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
    })
    let out = ""
    let err = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out = (out + text).slice(0, KEPT)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err = (err + text).slice(0, KEPT)
    })
    child.on("error", (error) => resolve({ code: null, out, err: error.message }))
    child.on("close", (code) => resolve({ code: code ?? 1, out, err }))
  })
}

/** The options of a command that set parameters: `--set width=64`. */
export function settings(params: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(params).flatMap(([name, value]) => ["--set", `${name}=${String(value)}`])
}
