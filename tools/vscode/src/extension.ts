/** Specs of arspec in VS Code: the language server, the commands, the verdict in the status bar. */

import { existsSync } from "node:fs"
import { homedir } from "node:os"

import * as vscode from "vscode"
import { LanguageClient, type LanguageClientOptions, type ServerOptions } from "vscode-languageclient/node"

import { Commands } from "./commands.ts"
import { type Program, program } from "./program.ts"
import { isSpec } from "./recognising.ts"
import { run } from "./running.ts"
import { type Told, Verdicts } from "./status.ts"

const INSTALL = "pip install 'arspec[lsp]'"

let server: Server | undefined

/** Starts the language server for the first spec that is opened. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel("arspec")
  const commands = new Commands({ program: chosen, output })
  const verdicts = new Verdicts()
  const bar = vscode.window.createStatusBarItem("arspec.verdict", vscode.StatusBarAlignment.Left, 10)
  bar.command = "arspec.prove"
  bar.name = "arspec"
  server = new Server(verdicts, () => show(bar, verdicts))
  context.subscriptions.push(
    output,
    bar,
    ...commands.register(),
    vscode.commands.registerCommand("arspec.restart", () => server?.restart()),
    vscode.workspace.onDidOpenTextDocument((document) => recognise(document)),
    vscode.workspace.onDidCloseTextDocument((document) => verdicts.forget(document.uri.toString())),
    vscode.window.onDidChangeActiveTextEditor(() => show(bar, verdicts)),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("arspec.command") || change.affectsConfiguration("arspec.python")) {
        await server?.restart()
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => server?.restart()),
  )
  await Promise.all(vscode.workspace.textDocuments.map((document) => recognise(document)))
  await server.start()
}

/** Ends the language server. */
export async function deactivate(): Promise<void> {
  await server?.stop()
  server = undefined
}

/** The program that the settings and the open folders give. */
function chosen(): Program {
  const settings = vscode.workspace.getConfiguration("arspec")
  return program({
    command: settings.get<string>("command", ""),
    python: settings.get<string>("python", ""),
    folders: (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
    trusted: vscode.workspace.isTrusted,
    platform: process.platform,
    home: homedir(),
    exists: existsSync,
  })
}

/** Makes a YAML file that is a spec one of the language arspec. */
async function recognise(document: vscode.TextDocument): Promise<void> {
  const wanted = vscode.workspace.getConfiguration("arspec", document.uri).get<boolean>("recognise", true)
  if (wanted && document.languageId === "yaml" && isSpec(document.getText())) {
    await vscode.languages.setTextDocumentLanguage(document, "arspec")
  }
}

/** Shows the verdict on the spec of the active editor. */
function show(bar: vscode.StatusBarItem, verdicts: Verdicts): void {
  const document = vscode.window.activeTextEditor?.document
  const shown = document?.languageId === "arspec" ? verdicts.of(document.uri.toString()) : undefined
  if (shown === undefined) {
    bar.hide()
    return
  }
  bar.text = shown.text
  bar.tooltip = shown.tooltip
  bar.backgroundColor = shown.fault ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined
  bar.show()
}

/** The language server: one at a time. */
class Server {
  private client: LanguageClient | undefined
  private readonly verdicts: Verdicts
  private readonly told: () => void

  constructor(verdicts: Verdicts, told: () => void) {
    this.verdicts = verdicts
    this.told = told
  }

  async start(): Promise<void> {
    const found = chosen()
    const version = await run(found, ["--version"], undefined)
    if (version.code !== 0) {
      void this.missing(found, version.err)
      return
    }
    const options: ServerOptions = { command: found.command, args: [...found.args, "lsp"] }
    this.client = new LanguageClient("arspec", "arspec", options, this.clientOptions())
    this.client.onNotification("arspec/status", (told: Told) => {
      this.verdicts.take(told)
      this.told()
    })
    await this.client.start()
  }

  async stop(): Promise<void> {
    const client = this.client
    this.client = undefined
    await client?.dispose()
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  private clientOptions(): LanguageClientOptions {
    const settings = vscode.workspace.getConfiguration("arspec")
    const given = Object.fromEntries(["params", "delay", "contexts", "lens"].map((key) => [key, settings.get(key)]))
    return {
      documentSelector: [{ language: "arspec" }],
      initializationOptions: { ...given, status: true },
      synchronize: { configurationSection: "arspec" },
    }
  }

  private async missing(found: Program, why: string): Promise<void> {
    const said = `arspec was not found (${found.from}: ${found.command}). Install it by ${INSTALL}, or name it in the settings.`
    const choice = await vscode.window.showErrorMessage(said, { detail: why }, "Settings", "Try again")
    if (choice === "Settings") {
      await vscode.commands.executeCommand("workbench.action.openSettings", "@ext:arspec.arspec")
    } else if (choice === "Try again") {
      await this.start()
    }
  }
}
