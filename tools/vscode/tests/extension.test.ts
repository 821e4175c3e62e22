import assert from "node:assert/strict"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { after, afterEach, beforeEach, test } from "node:test"

import type * as real from "vscode"

import { activate, deactivate } from "../src/extension.ts"
import { LanguageClient } from "./client.ts"
import { Document, execute, fire, reset, state, window, workspace } from "./vscode.ts"

// A program in the place of arspec: it writes down what it was asked, and ends as its file `code` says.
const folder = mkdtempSync(path.join(tmpdir(), "arspec-test-"))
const fake = path.join(folder, "arspec")
writeFileSync(fake, `#!${process.execPath}
const fs = require("node:fs")
const asked = process.argv.slice(2)
fs.appendFileSync(${JSON.stringify(path.join(folder, "asked"))}, JSON.stringify(asked) + "\\n")
const out = asked.indexOf("-o")
if (out >= 0) fs.writeFileSync(asked[out + 1], "made")
console.log("said by arspec")
const code = ${JSON.stringify(path.join(folder, "code"))}
process.exit(asked[0] !== "--version" && fs.existsSync(code) ? Number(fs.readFileSync(code, "utf8")) : 0)
`)
chmodSync(fake, 0o755)
after(() => rmSync(folder, { recursive: true }))

const asked = (): string[][] =>
  readFileSync(path.join(folder, "asked"), "utf8").trim().split("\n").map((line) => JSON.parse(line) as string[])

let context: { subscriptions: { dispose: () => unknown }[] }

const start = async (): Promise<void> => {
  await activate(context as unknown as real.ExtensionContext)
}

beforeEach(() => {
  reset()
  LanguageClient.made = []
  context = { subscriptions: [] }
  writeFileSync(path.join(folder, "asked"), "")
  rmSync(path.join(folder, "code"), { force: true })
  state.settings = { command: fake }
})

afterEach(async () => {
  await deactivate()
  for (const one of context.subscriptions) await one.dispose()
})

const open = (name = "a.arspec.yaml"): Document => {
  const document = new Document(path.join(folder, name), "arspec: 1\n")
  window.activeTextEditor = { document }
  return document
}

test("the server is started with what the settings say", async () => {
  Object.assign(state.settings, { params: { width: 8 }, delay: 20, contexts: false })
  await start()
  assert.equal(LanguageClient.made.length, 1)
  const client = LanguageClient.made[0]
  assert.deepEqual(client?.server, { command: fake, args: ["lsp"] })
  assert.deepEqual(client?.options.initializationOptions, {
    params: { width: 8 }, delay: 20, contexts: false, lens: undefined, status: true,
  })
  assert.deepEqual(client?.options.documentSelector, [{ language: "arspec" }])
  assert.deepEqual(asked(), [["--version"]])
})

test("where there is no arspec, that is told with what helps", async () => {
  state.settings = { command: path.join(folder, "nowhere") }
  state.answer = "Settings"
  await start()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(LanguageClient.made.length, 0)
  assert.match(state.asked[0]?.said ?? "", /was not found \(arspec\.command: .*nowhere\).*pip install 'arspec\[lsp\]'/)
  assert.deepEqual(state.executed, [["workbench.action.openSettings", "@ext:arspec.arspec"]])
})

test("a new command in the settings starts the server anew, and so does the command for it", async () => {
  await start()
  await fire("configuration", { affectsConfiguration: (key: string) => key === "arspec.command" })
  await execute("arspec.restart")
  await fire("configuration", { affectsConfiguration: () => false })
  assert.deepEqual(LanguageClient.made.map((one) => one.state), ["disposed", "disposed", "started"])
})

test("files of YAML that are specs become so, and others stay", async () => {
  const spec = new Document("/a.yaml", "# of mine\narspec: 1\n", "yaml")
  const other = new Document("/b.yaml", "services: 1\n", "yaml")
  workspace.textDocuments = [spec]
  await start()
  await fire("open", other)
  assert.deepEqual([spec.languageId, other.languageId], ["arspec", "yaml"])
  state.settings["recognise"] = false
  const kept = new Document("/c.yaml", "arspec: 1\n", "yaml")
  await fire("open", kept)
  assert.equal(kept.languageId, "yaml")
})

test("the verdict on the spec of the active editor stands in the status bar", async () => {
  const document = open()
  await start()
  const bar = state.bars[0]
  const told = { uri: document.uri.toString(), version: 1, stage: "proof", verdict: "leaks: 3 variables; 2 nodes", proven: false }
  LanguageClient.made[0]?.notify("arspec/status", told)
  assert.deepEqual([bar?.text, bar?.shown, bar?.backgroundColor?.id],
    ["$(error) leaks: 3 variables", true, "statusBarItem.warningBackground"])
  LanguageClient.made[0]?.notify("arspec/status", { ...told, verdict: "proven: 3 variables", proven: true })
  assert.deepEqual([bar?.text, bar?.backgroundColor], ["$(verified) proven: 3 variables", undefined])
  window.activeTextEditor = { document: new Document("/b.py", "", "python") }
  await fire("editor")
  assert.equal(bar?.shown, false)
})

test("draw shows the diagram in a panel, and again when the file is saved", async () => {
  const document = open()
  document.isDirty = true
  state.settings["params"] = { width: 8 }
  await start()
  await execute("arspec.draw")
  assert.equal(document.saved, 1)
  const run = asked().at(-1) ?? []
  assert.deepEqual([run[0], run[1], ...run.slice(-2)], ["render", document.uri.fsPath, "--set", "width=8"])
  assert.ok(run[3]?.endsWith("a.arspec.svg"))
  assert.equal(state.panels.length, 1)
  const first = state.panels[0]?.webview.html
  assert.ok(first?.includes(`webview://${run[3]}`))
  await fire("save", document)
  assert.equal(state.panels.length, 1)
  assert.notEqual(state.panels[0]?.webview.html, first)
  state.panels[0]?.dispose()
  const before = asked().length
  await fire("save", document)
  assert.equal(asked().length, before)
})

test("explore opens the page in the browser, and what was written goes with the window", async () => {
  open()
  await start()
  await execute("arspec.explore")
  const [page] = state.opened
  assert.ok(page !== undefined && page.endsWith("a.arspec.html") && existsSync(page))
  for (const one of context.subscriptions) await one.dispose()
  assert.ok(!existsSync(page))
})

test("prove tells whether a spec holds, and shows what arspec says", async () => {
  open()
  await start()
  await execute("arspec.prove")
  assert.deepEqual(asked().at(-1)?.slice(0, 2), ["verify", "--static"])
  assert.match(state.output, /said by arspec/)
  assert.deepEqual(state.asked.map((one) => one.kind), ["information"])
  writeFileSync(path.join(folder, "code"), "1")
  await execute("arspec.prove")
  assert.match(state.asked[1]?.said ?? "", /does not hold/)
  assert.equal(state.asked[1]?.kind, "warning")
})

test("what arspec refuses is told with its words", async () => {
  open()
  await start()
  writeFileSync(path.join(folder, "code"), "2")
  for (const command of ["arspec.draw", "arspec.explore", "arspec.prove"]) {
    state.answer = "Show why"
    await execute(command)
  }
  assert.deepEqual(state.asked.map((one) => one.kind), ["error", "error", "error"])
  assert.equal(state.outputShown, 3)
  assert.match(state.output, /said by arspec/)
  assert.deepEqual([state.panels, state.opened], [[], []])
})

test("without a file there is nothing to draw", async () => {
  await start()
  await execute("arspec.draw")
  window.activeTextEditor = { document: new Document("Untitled-1", "arspec: 1\n", "arspec", "untitled") }
  await execute("arspec.draw")
  assert.deepEqual(state.asked.map((one) => one.kind), ["information", "information"])
  assert.equal(asked().length, 1)
})
