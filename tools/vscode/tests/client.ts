/** What stands for the language client in tests: it keeps what it was made with, and passes notifications on. */

type Told = (params: unknown) => void

export class LanguageClient {
  static made: LanguageClient[] = []
  readonly server: { command: string; args: string[] }
  readonly options: { documentSelector: unknown; initializationOptions: Record<string, unknown>; synchronize: unknown }
  state = "made"
  private readonly listeners = new Map<string, Told>()

  constructor(_id: string, _name: string, server: LanguageClient["server"], options: LanguageClient["options"]) {
    this.server = server
    this.options = options
    LanguageClient.made.push(this)
  }

  onNotification(method: string, listener: Told): void {
    this.listeners.set(method, listener)
  }

  notify(method: string, params: unknown): void {
    this.listeners.get(method)?.(params)
  }

  async start(): Promise<void> {
    this.state = "started"
  }

  async dispose(): Promise<void> {
    this.state = "disposed"
  }
}
