// Browsers refuse workers to pages that are opened from files. There the script of the search runs in a frame instead, in
// which a worker's names mean what they do in a worker. mkdocs-material asks whether there is an `IFrameWorker`.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      const loaded = (address) => new Promise((done, failed) => {
        const script = inside.document.createElement("script")
        Object.assign(script, { src: address, async: false, onload: done, onerror: failed })
        inside.document.body.append(script)
      })
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...addresses) => Promise.all(addresses.map((one) => loaded(new URL(one, url))))
      this.ready = loaded(url)
      this.ready.catch(() => this.dispatchEvent(new ErrorEvent("error", { message: `${url} cannot be loaded` })))
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })))
    }

    terminate() {
      this.frame.remove()
    }
  }
}
