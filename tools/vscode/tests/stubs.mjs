// Tests run the extension's sources as they are; `vscode` and its language client stand in tests/.
import { registerHooks } from "node:module"

const stubs = { vscode: "./vscode.ts", "vscode-languageclient/node": "./client.ts" }

registerHooks({
  resolve(name, context, next) {
    const stub = stubs[name]
    return stub === undefined ? next(name, context) : next(new URL(stub, import.meta.url).href, context)
  },
})
