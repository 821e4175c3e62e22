/** What stands for the module `vscode` in tests: it keeps what it is asked for, and answers as a test says. */

export interface Asked {
  kind: string
  said: string
  choices: string[]
}

interface Panel {
  title: string
  webview: { html: string; cspSource: string; asWebviewUri: (uri: Uri) => Uri }
  dispose: () => void
  onDidDispose: (listener: () => void) => Disposable
}

type Listener = (argument: any) => unknown

export class Disposable {
  readonly dispose: () => void
  constructor(dispose: () => void) {
    this.dispose = dispose
  }
}

export class Uri {
  readonly scheme: string
  readonly fsPath: string
  constructor(scheme: string, fsPath: string) {
    this.scheme = scheme
    this.fsPath = fsPath
  }
  static file(path: string): Uri {
    return new Uri("file", path)
  }
  toString(): string {
    return `${this.scheme}://${this.fsPath}`
  }
}

export class ThemeColor {
  readonly id: string
  constructor(id: string) {
    this.id = id
  }
}

export const StatusBarAlignment = { Left: 1, Right: 2 }
export const ViewColumn = { Beside: -2 }
export const ProgressLocation = { Window: 10 }

/** A document of a test. */
export class Document {
  readonly uri: Uri
  languageId: string
  isDirty = false
  saved = 0
  private readonly text: string
  constructor(path: string, text = "", languageId = "arspec", scheme = "file") {
    this.uri = new Uri(scheme, path)
    this.text = text
    this.languageId = languageId
  }
  getText(): string {
    return this.text
  }
  async save(): Promise<boolean> {
    this.saved += 1
    this.isDirty = false
    return true
  }
}

/** All that the extension did, and what a test gives it. */
export const state = {
  settings: {} as Record<string, unknown>,
  commands: new Map<string, Listener>(),
  listeners: new Map<string, Listener[]>(),
  asked: [] as Asked[],
  answer: undefined as string | undefined,
  opened: [] as string[],
  executed: [] as unknown[][],
  panels: [] as Panel[],
  output: "",
  outputShown: 0,
  bars: [] as { text: string; tooltip: string; shown: boolean; backgroundColor: ThemeColor | undefined }[],
}

/** Everything as it is when a window opens. */
export function reset(): void {
  state.settings = {}
  state.commands.clear()
  state.listeners.clear()
  Object.assign(state, { asked: [], answer: undefined, opened: [], executed: [], panels: [], output: "", outputShown: 0, bars: [] })
  window.activeTextEditor = undefined
  workspace.textDocuments = []
  workspace.workspaceFolders = undefined
  workspace.isTrusted = true
}

function on(event: string): (listener: Listener) => Disposable {
  return (listener) => {
    state.listeners.set(event, [...(state.listeners.get(event) ?? []), listener])
    return new Disposable(() => undefined)
  }
}

/** Tells the extension of an event. */
export async function fire(event: string, argument?: unknown): Promise<void> {
  for (const listener of state.listeners.get(event) ?? []) {
    await listener(argument)
  }
}

/** Runs a command as a person would. */
export async function execute(command: string): Promise<void> {
  const run = state.commands.get(command)
  if (run === undefined) throw new Error(`there is no command ${command}`)
  await run(undefined)
}

function ask(kind: string): (said: string, ...choices: unknown[]) => Promise<string | undefined> {
  return async (said, ...choices) => {
    state.asked.push({ kind, said, choices: choices.filter((choice) => typeof choice === "string") })
    const answer = state.answer
    state.answer = undefined
    return answer
  }
}

export const window = {
  activeTextEditor: undefined as { document: Document } | undefined,
  showInformationMessage: ask("information"),
  showWarningMessage: ask("warning"),
  showErrorMessage: ask("error"),
  onDidChangeActiveTextEditor: on("editor"),
  createOutputChannel: (_name: string) => ({
    replace: (text: string) => void (state.output = text),
    show: () => void (state.outputShown += 1),
    dispose: () => undefined,
  }),
  createStatusBarItem: () => {
    const bar = {
      text: "", tooltip: "", name: "", command: "", shown: false,
      backgroundColor: undefined as ThemeColor | undefined,
      show: () => void (bar.shown = true),
      hide: () => void (bar.shown = false),
      dispose: () => undefined,
    }
    state.bars.push(bar)
    return bar
  },
  createWebviewPanel: (_type: string, title: string): Panel => {
    const gone: (() => void)[] = []
    const panel: Panel = {
      title,
      webview: { html: "", cspSource: "https://csp", asWebviewUri: (uri) => new Uri("webview", uri.fsPath) },
      dispose: () => gone.forEach((listener) => listener()),
      onDidDispose: (listener) => {
        gone.push(listener)
        return new Disposable(() => undefined)
      },
    }
    state.panels.push(panel)
    return panel
  },
  withProgress: async <T>(_options: unknown, task: () => Promise<T>): Promise<T> => await task(),
}

export const workspace = {
  textDocuments: [] as Document[],
  workspaceFolders: undefined as { uri: Uri }[] | undefined,
  isTrusted: true,
  getConfiguration: (_section: string) => ({
    get: <T>(key: string, otherwise?: T): T | undefined => (state.settings[key] as T | undefined) ?? otherwise,
  }),
  onDidSaveTextDocument: on("save"),
  onDidOpenTextDocument: on("open"),
  onDidCloseTextDocument: on("close"),
  onDidChangeConfiguration: on("configuration"),
  onDidGrantWorkspaceTrust: on("trust"),
}

export const commands = {
  registerCommand: (name: string, run: Listener): Disposable => {
    state.commands.set(name, run)
    return new Disposable(() => void state.commands.delete(name))
  },
  executeCommand: async (...given: unknown[]): Promise<void> => void state.executed.push(given),
}

export const languages = {
  setTextDocumentLanguage: async (document: Document, language: string): Promise<Document> => {
    document.languageId = language
    return document
  },
}

export const env = {
  openExternal: async (uri: Uri): Promise<boolean> => {
    state.opened.push(uri.fsPath)
    return true
  },
}
