// The bundle loads where there is a module `vscode`, and gives what an editor calls.
import assert from "node:assert/strict"
import { Module, createRequire } from "node:module"
import { test } from "node:test"

const anything = new Proxy(class {}, { get: (target, name) => (name === "prototype" ? target.prototype : anything) })
const load = Module._load
Module._load = (name, ...rest) => (name === "vscode" ? anything : load(name, ...rest))

test("the bundle gives activate and deactivate", () => {
  const { activate, deactivate } = createRequire(import.meta.url)("../dist/extension.cjs")
  assert.equal(typeof activate, "function")
  assert.equal(typeof deactivate, "function")
})
