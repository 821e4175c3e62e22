import assert from "node:assert/strict"
import { test } from "node:test"

import { type Situation, program } from "../src/program.ts"

const here: Situation = {
  command: "", python: "", folders: ["/projects/a"], trusted: true, platform: "linux", home: "/projects/own", exists: () => false,
}

test("the command of the settings is run before anything else", () => {
  const found = program({ ...here, command: " /opt/arspec ", python: "/usr/bin/python3", exists: () => true })
  assert.deepEqual(found, { command: "/opt/arspec", args: [], from: "arspec.command" })
})

test("the Python of the settings runs the package", () => {
  const found = program({ ...here, python: "~/env/bin/python" })
  assert.deepEqual(found, { command: "/projects/own/env/bin/python", args: ["-m", "arspec"], from: "arspec.python" })
})

test("a path may begin at the folder", () => {
  assert.equal(program({ ...here, command: "${workspaceFolder}/bin/arspec" }).command, "/projects/a/bin/arspec")
  assert.equal(program({ ...here, folders: [], command: "${workspaceFolder}/arspec" }).command, "${workspaceFolder}/arspec")
})

test("the environment of a folder is found, in the order of the folders", () => {
  const there = new Set(["/projects/b/venv/bin/arspec", "/projects/c/.venv/bin/arspec"])
  const found = program({ ...here, folders: ["/projects/a", "/projects/b", "/projects/c"], exists: (file) => there.has(file) })
  assert.deepEqual(found, { command: "/projects/b/venv/bin/arspec", args: [], from: "venv" })
  const windows = program({ ...here, platform: "win32", exists: (file) => file.endsWith("arspec.exe") })
  assert.match(windows.command, /\.venv.Scripts.arspec\.exe$/)
})

test("nothing of a folder is run that is not trusted", () => {
  const found = program({ ...here, trusted: false, exists: () => true })
  assert.deepEqual(found, { command: "arspec", args: [], from: "the PATH" })
})
