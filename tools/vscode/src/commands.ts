/** The commands: draw, explore, prove. */

import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import * as path from "node:path"

import * as vscode from "vscode"

import { drawingPage } from "./page.ts"
import type { Program } from "./program.ts"
import { type Ran, run, settings } from "./running.ts"

/** How the commands find the program, and where they say what came. */
export interface Means {
  program: () => Program
  output: vscode.OutputChannel
}

/** The commands of one window. What they write lies in a folder of its own, which goes with them. */
export class Commands {
  private readonly means: Means
  private readonly panels = new Map<string, vscode.WebviewPanel>()
  private folder: Promise<string> | undefined

  constructor(means: Means) {
    this.means = means
  }

  /** Registers the commands, and draws again what is shown when its file is saved. */
  register(): vscode.Disposable[] {
    return [
      vscode.commands.registerCommand("arspec.draw", () => this.withSpec((document) => this.draw(document))),
      vscode.commands.registerCommand("arspec.explore", () => this.withSpec((document) => this.explore(document))),
      vscode.commands.registerCommand("arspec.prove", () => this.withSpec((document) => this.prove(document))),
      vscode.workspace.onDidSaveTextDocument(async (document) => {
        if (this.panels.has(document.uri.toString())) {
          await this.draw(document)
        }
      }),
      { dispose: () => this.end() },
    ]
  }

  /** Takes away what the commands have written. */
  async end(): Promise<void> {
    if (this.folder !== undefined) {
      await rm(await this.folder, { recursive: true, force: true })
    }
  }

  /** Goes on with the spec of the active editor, as it is saved. */
  private async withSpec(act: (document: vscode.TextDocument) => Promise<void>): Promise<void> {
    const document = vscode.window.activeTextEditor?.document
    if (document === undefined || document.uri.scheme !== "file") {
      void vscode.window.showInformationMessage("arspec: open a spec that is a file first")
      return
    }
    if (document.isDirty && !(await document.save())) {
      return
    }
    await act(document)
  }

  private async draw(document: vscode.TextDocument): Promise<void> {
    const file = await this.written(document, ".svg")
    const ran = await this.arspec(document, "drawing", ["render", document.uri.fsPath, "-o", file])
    if (ran.code !== 0) {
      return this.failed("could not be drawn", ran)
    }
    const key = document.uri.toString()
    const title = `${path.basename(document.uri.fsPath)}: graph`
    let panel = this.panels.get(key)
    if (panel === undefined) {
      const roots = [vscode.Uri.file(path.dirname(file))]
      const where = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true }
      panel = vscode.window.createWebviewPanel("arspec.drawing", title, where, {
        enableScripts: true,
        localResourceRoots: roots,
      })
      this.panels.set(key, panel)
      panel.onDidDispose(() => this.panels.delete(key))
    }
    const nonce = randomBytes(16).toString("hex")
    const picture = `${panel.webview.asWebviewUri(vscode.Uri.file(file)).toString()}?${nonce}`
    panel.webview.html = drawingPage(title, picture, panel.webview.cspSource, nonce)
  }

  private async explore(document: vscode.TextDocument): Promise<void> {
    const file = await this.written(document, ".html")
    const ran = await this.arspec(document, "making the page", ["explore", document.uri.fsPath, "-o", file])
    if (ran.code !== 0) {
      return this.failed("could not be explored", ran)
    }
    await vscode.env.openExternal(vscode.Uri.file(file))
  }

  private async prove(document: vscode.TextDocument): Promise<void> {
    const ran = await this.arspec(document, "proving", ["verify", "--static", document.uri.fsPath])
    if (ran.code !== 0 && ran.code !== 1) {
      return this.failed("could not be proven", ran)
    }
    this.means.output.replace(`${ran.out}${ran.err}`)
    this.means.output.show(true)
    const name = path.basename(document.uri.fsPath)
    if (ran.code === 0) {
      void vscode.window.showInformationMessage(`arspec: ${name} is proven`)
    } else {
      void vscode.window.showWarningMessage(`arspec: ${name} does not hold: the output says why`)
    }
  }

  /** Runs a command for a document, with a note in the status bar, and the parameters that the settings give. */
  private async arspec(document: vscode.TextDocument, doing: string, args: string[]): Promise<Ran> {
    const params = vscode.workspace.getConfiguration("arspec", document.uri).get<Record<string, unknown>>("params", {})
    const folder = path.dirname(document.uri.fsPath)
    const said = { location: vscode.ProgressLocation.Window, title: `arspec: ${doing}` }
    return await vscode.window.withProgress(said, () =>
      run(this.means.program(), [...args, ...settings(params)], folder),
    )
  }

  private async failed(what: string, ran: Ran): Promise<void> {
    this.means.output.replace(`${ran.out}${ran.err}`)
    const choice = await vscode.window.showErrorMessage(`arspec: the spec ${what}`, "Show why")
    if (choice !== undefined) {
      this.means.output.show()
    }
  }

  private async written(document: vscode.TextDocument, ending: string): Promise<string> {
    this.folder ??= mkdtemp(path.join(tmpdir(), "arspec-"))
    return path.join(await this.folder, path.basename(document.uri.fsPath).replace(/\.ya?ml$/, "") + ending)
  }
}
