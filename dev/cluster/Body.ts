import type { ClientRequest, IncomingMessage } from "node:http"

const keptMost = 64 * 1024

/** The body of a request, which is streamed, and kept for another node as long as it is short. */
export class Body {
  readonly #from: IncomingMessage
  #kept: ReadonlyArray<Buffer> | undefined
  #size = 0

  constructor(from: IncomingMessage) {
    this.#from = from
  }

  /** Whether all of it that was sent can be sent again. */
  get canRepeat(): boolean {
    return this.#size <= keptMost
  }

  sendTo(node: ClientRequest): void {
    if (this.#kept === undefined) {
      this.#kept = []
      this.#from.on("data", this.#keep)
    }
    for (const chunk of this.#kept) node.write(chunk)
    if (this.#from.readableEnded) node.end()
    else this.#from.pipe(node)
  }

  stop(node: ClientRequest): void {
    this.#from.unpipe(node)
  }

  readonly #keep = (chunk: Buffer) => {
    this.#size += chunk.length
    this.#kept = this.canRepeat ? [...(this.#kept ?? []), chunk] : []
  }
}
