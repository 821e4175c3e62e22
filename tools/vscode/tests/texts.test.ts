import assert from "node:assert/strict"
import { test } from "node:test"

import { drawingPage, escaped } from "../src/page.ts"
import { isSpec } from "../src/recognising.ts"
import { settings } from "../src/running.ts"
import { Verdicts, shown } from "../src/status.ts"

test("a spec begins with its version, comments aside", () => {
  assert.ok(isSpec("arspec: 1\nname: a"))
  assert.ok(isSpec("# yaml-language-server: $schema=./arspec.schema.json\n\narspec: 1   # the language\n"))
  assert.ok(isSpec("\ufeffarspec: 1\r\nname: a"))
  assert.ok(!isSpec("version: 3\narspec: 1"))
  assert.ok(!isSpec("arspec: 12"))
  assert.ok(!isSpec("  arspec: 1"))
  assert.ok(!isSpec(""))
  assert.ok(!isSpec(`${"#\n".repeat(100)}arspec: 1`))
})

test("the status bar tells a verdict in short, and all of it where the pointer rests", () => {
  const told = { uri: "file:///a", version: 1, stage: "proof", verdict: "proven: 64 variables; 12 parameters", proven: true }
  assert.deepEqual(shown(told), {
    text: "$(verified) proven: 64 variables", tooltip: "proven: 64 variables; 12 parameters", fault: false,
  })
  assert.equal(shown({ ...told, verdict: "leaks: 3 variables; 1 node", proven: false })?.fault, true)
  assert.match(shown({ ...told, verdict: null, proven: null })?.text ?? "", /does not load/)
  assert.equal(shown({ ...told, stage: "given up" }), undefined)
  assert.equal(shown(undefined), undefined)
})

test("what was given up leaves what was told before", () => {
  const verdicts = new Verdicts()
  const told = { uri: "a", version: 1, stage: "proof", verdict: "proven: 1 variables", proven: true }
  verdicts.take(told)
  verdicts.take({ ...told, version: 2, stage: "given up", verdict: null, proven: null })
  assert.match(verdicts.of("a")?.text ?? "", /proven/)
  verdicts.forget("a")
  assert.equal(verdicts.of("a"), undefined)
})

test("parameters are set as the command line sets them", () => {
  assert.deepEqual(settings({ width: 8, small: true }), ["--set", "width=8", "--set", "small=true"])
  assert.deepEqual(settings({}), [])
})

test("the page of a drawing loads its picture and nothing else, whatever the file is called", () => {
  const page = drawingPage('a"><script>.yaml', "webview:/a b.svg?1", "https://csp", "abc")
  assert.ok(page.includes("default-src &#39;none&#39;; img-src https://csp; style-src &#39;nonce-abc&#39;"))
  assert.ok(page.includes("a&quot;&gt;&lt;script&gt;.yaml"))
  assert.equal(page.match(/<script/g)?.length, 1)
  assert.equal(escaped("<&>"), "&lt;&amp;&gt;")
})
