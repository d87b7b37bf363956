/**
 * Links that can be broken: a proxy stands before a server, and tells by the first bytes of a connection which link it
 * is of. What is held back is neither lost nor answered, as on a network whose packets do not arrive.
 */
import { Effect } from "effect"
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

type Way = "there" | "back"

/** Two sockets, one of each end, and what is on its way between them: in order, however long each part takes. */
interface Pair {
  readonly near: Socket
  readonly far: Socket
  readonly onTheWay: { [way in Way]: Promise<unknown> }
}

export class Link {
  readonly name: string
  readonly #pairs = new Set<Pair>()
  #delayMs = 0
  #silent: ReadonlySet<Way> = new Set()
  #cut = false
  /** How many more bytes go there until it is cut, once. */
  #bytesLeft = Infinity

  constructor(name: string) {
    this.name = name
  }

  /** Every connection breaks, and no other is made. */
  cut(): void {
    this.#cut = true
    this.#break()
  }

  /** Breaks in the middle of what is sent there; new connections are made. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes
  }

  /** Nothing arrives, and nobody is told. */
  silence(...ways: ReadonlyArray<Way>): void {
    this.#silent = new Set(ways)
    for (const { near, far } of this.#pairs) {
      if (this.#silent.has("there")) near.pause()
      if (this.#silent.has("back")) far.pause()
    }
  }

  /** What is sent arrives later. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  heal(): void {
    this.#cut = false
    this.#delayMs = 0
    this.#bytesLeft = Infinity
    this.#silent = new Set()
    for (const pair of this.#pairs) {
      pair.near.resume()
      pair.far.resume()
      if (pair.near.destroyed || pair.far.destroyed) this.#end(pair)
    }
  }

  /** Takes a connection, with what was read of it. */
  open(near: Socket, first: Buffer | string, port: number): void {
    if (this.#cut) return void near.destroy()
    const far = connect({ port, host: "127.0.0.1", noDelay: true })
    const pair: Pair = { near, far, onTheWay: { there: Promise.resolve(), back: Promise.resolve() } }
    this.#pairs.add(pair)
    for (const socket of [near, far]) {
      socket.on("error", () => undefined).on("close", () => this.#closed(pair))
    }
    this.#carry(pair, "there", first)
    near.on("data", (bytes) => this.#carry(pair, "there", bytes))
    far.on("data", (bytes) => this.#carry(pair, "back", bytes))
    near.resume()
    this.silence(...this.#silent)
  }

  #carry(pair: Pair, way: Way, bytes: Buffer | string): void {
    const [to, left] = way === "there" ? [pair.far, bytes.slice(0, this.#bytesLeft)] : [pair.near, bytes]
    const due = performance.now() + this.#delayMs
    const before = pair.onTheWay[way]
    const arrival = async () => {
      await before
      const early = due - performance.now()
      if (early > 0) await new Promise((arrive) => setTimeout(arrive, early))
      to.write(left)
    }
    pair.onTheWay[way] = arrival()
    if (way === "there" && (this.#bytesLeft -= left.length) <= 0) {
      this.#bytesLeft = Infinity
      void pair.onTheWay.there.finally(() => this.#break())
    }
  }

  #closed(pair: Pair): void {
    // Nor does word of an end arrive.
    if (this.#silent.size === 0) this.#end(pair)
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair)
    pair.near.destroy()
    pair.far.destroy()
  }

  #break(): void {
    for (const pair of this.#pairs) this.#end(pair)
  }
}

/** Stands before the server at `port`, at `at`, until the scope closes or it is told to stop. */
export const proxy = Effect.fnUntraced(function* (at: number, port: number, linkOf: (first: Buffer | string) => Link) {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)))
    socket.once("data", (first) => {
      socket.pause()
      linkOf(first).open(socket, first, port)
    })
  })
  const stop = Effect.sync(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const start = Effect.suspend(() =>
    server.listening ? Effect.void : Effect.promise(() => once(server.listen(at, "127.0.0.1"), "listening"))
  )
  yield* Effect.acquireRelease(start, () => stop)
  return { start, stop }
})
