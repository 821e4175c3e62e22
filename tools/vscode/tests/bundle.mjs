// The bundle as it ships, with the real language client and the real server: in the place of the editor stands a module
// whose every part is there and does nothing, and tells which of its functions were called.
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { Module, createRequire } from "node:module"
import * as path from "node:path"
import { test } from "node:test"

const here = import.meta.dirname
const root = path.resolve(here, "../../..")
process.env.PYTHONPATH = root

const called = new Set()
const refused = []
const given = {
  "workspace.isTrusted": true,
  "workspace.workspaceFolders": [],
  "workspace.textDocuments": [],
  "workspace.notebookDocuments": [],
  "window.visibleTextEditors": [],
  "env.appName": "a test",
  "env.language": "en",
  version: "1.91.0",
}
const answers = {
  "workspace.getConfiguration": () => ({
    get: (key, otherwise) => (key === "python" ? path.join(root, ".venv/bin/python") : otherwise),
    has: () => false,
    inspect: () => undefined,
  }),
  "window.showErrorMessage": async (said) => void refused.push(said),
}

/** Something of the editor: an object, a function and a class at once. */
const part = (name) => new Proxy(function () {}, {
  get: (target, key) => {
    if (key === Symbol.toPrimitive) return () => name
    if (key === Symbol.iterator) return [][Symbol.iterator].bind([])
    if (key === "then") return undefined
    if (key === "prototype") return target.prototype
    const inner = `${name}.${String(key)}`
    return inner in given ? given[inner] : part(inner)
  },
  set: () => true,
  apply: (_target, _self, args) => {
    called.add(name)
    return answers[name]?.(...args) ?? part(name)
  },
  construct: () => part(name),
})

const types = readFileSync(path.join(here, "../node_modules/@types/vscode/index.d.ts"), "utf8")
const names = [...types.matchAll(/export (?:abstract )?(?:class|namespace|enum|const|function) (\w+)/g)].map((one) => one[1])
const vscode = Object.fromEntries(names.map((name) => [name, given[name] ?? part(name)]))
const load = Module._load
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest))

const REGISTERED = [
  "CodeActionsProvider", "CodeLensProvider", "CompletionItemProvider", "DefinitionProvider",
  "DocumentFormattingEditProvider", "DocumentHighlightProvider", "DocumentSemanticTokensProvider",
  "DocumentSymbolProvider", "FoldingRangeProvider", "HoverProvider", "InlayHintsProvider", "ReferenceProvider",
  "RenameProvider",
]

test("the bundle starts the server, and registers with the editor all that the server can", async () => {
  const { activate, deactivate } = createRequire(import.meta.url)("../dist/extension.cjs")
  await activate({ subscriptions: [] })
  assert.deepEqual(refused, [])
  const begins = "languages.register"
  const found = [...called].filter((name) => name.startsWith(begins)).map((name) => name.slice(begins.length))
  assert.deepEqual(REGISTERED.filter((name) => !found.includes(name)), [])
  await deactivate()
})
