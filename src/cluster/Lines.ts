/**
 * Calls over a socket, as lines: `id what text` one way and `id ok text` or `id no` the other, where a text is JSON and so
 * has no line breaks. Calls overlap, and answers come in any order. An own page instead of `effect/rpc`, which spent as
 * much processor time on a message as everything else that a message is for.
 */
import type { Duplex } from "node:stream"

/** `undefined`: refused, or lost. */
export type Answered = (answer: string | undefined) => void

/** Longer than any message of ours. */
const longestLine = 16 * 1024 * 1024
/** The most calls of one socket under way; then it is not read any further. */
const servedAtOnce = 256

const words = (line: string): readonly [id: string, what: string, text: string] => {
  const first = line.indexOf(" ")
  const second = line.indexOf(" ", first + 1)
  return [line.slice(0, first), line.slice(first + 1, second), line.slice(second + 1)]
}

const read = (socket: Duplex, take: (line: string) => void) => {
  let rest = ""
  socket.setEncoding("utf8").on("data", (text: string) => {
    // Only what is new is looked through: a long line comes in many pieces.
    const lines = text.split("\n")
    const begun = lines.pop() ?? ""
    for (const line of lines) {
      take(rest + line)
      rest = ""
    }
    rest += begun
    if (rest.length > longestLine) socket.destroy()
  })
}

/** Answers what comes. */
export const serve = (socket: Duplex, served: (what: string, text: string, answered: Answered) => void): void => {
  let underWay = 0
  read(socket, (line) => {
    const [id, what, text] = words(line)
    if (++underWay === servedAtOnce) socket.pause()
    served(what, text, (answer) => {
      if (underWay-- === servedAtOnce) socket.resume()
      if (socket.writable) socket.write(answer === undefined ? `${id} no \n` : `${id} ok ${answer}\n`)
    })
  })
}

/** The asking end. */
export class Caller {
  readonly #socket: Duplex
  readonly #calls = new Map<string, Answered>()
  #count = 0

  constructor(socket: Duplex) {
    this.#socket = socket
    read(socket, (line) => {
      const [id, how, text] = words(line)
      const answered = this.#calls.get(id)
      this.#calls.delete(id)
      answered?.(how === "ok" ? text : undefined)
    })
    socket.on("close", () => {
      const lost = [...this.#calls.values()]
      this.#calls.clear()
      for (const answered of lost) answered(undefined)
    })
  }

  /** Returns how not to wait for the answer any longer. */
  call(what: string, text: string, answered: Answered): () => void {
    const id = String(this.#count++)
    if (!this.#socket.writable) {
      answered(undefined)
      return () => undefined
    }
    this.#calls.set(id, answered)
    this.#socket.write(`${id} ${what} ${text}\n`)
    return () => this.#calls.delete(id)
  }
}
