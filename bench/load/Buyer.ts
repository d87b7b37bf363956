/**
 * One keep-alive connection that orders in a closed loop: the next request goes out when the answer to the last one is
 * in. The generator shares the machine with what it measures, so this is raw TCP: one request buffer in which only
 * what is an order's own changes, and no more of an answer is read than its status, its length and its body.
 */
import { connect, type Socket } from "node:net"

/** What a buyer sends: a request of which some places change. */
export interface Template {
  readonly bytes: Buffer
  /** The status to be answered with; after any other, the rest of an order's requests is not sent. */
  readonly hoped: number
  /** Writes what is an order's own into the request; `told` is the answer to the order's request before, or empty. */
  readonly fill: (order: number, request: Buffer, told: Buffer) => void
}

export interface Sale {
  readonly host: string
  readonly port: number
  /** The requests of an order, each sent when the one before was answered as hoped. */
  readonly steps: () => ReadonlyArray<Template>
  /** The number of the next order, `undefined` when there is none. */
  readonly next: () => number | undefined
  /** An answer to the `step`-th request of an order came. The body is only valid during the call. */
  readonly answered: (step: number, status: number, micros: number, body: Buffer) => void
  /** The last answer to an order came: whether all were as hoped, and what the last one said. As long valid. */
  readonly over: (isBought: boolean, micros: number, body: Buffer) => void
  /** The connection ended. With an answer outstanding, nobody knows whether the order was placed. */
  readonly broken: (why: string, outstanding: boolean) => void
  /** Whether a broken connection may be opened again. */
  readonly mayReconnect: () => boolean
  /** This buyer has nothing more to do. */
  readonly left: () => void
}

const lineFeed = 10
const carriageReturn = 13
const colon = 58
const zero = 48

const nothing = Buffer.alloc(0)

/** A template, and one buyer's request of it. */
interface Step {
  readonly template: Template
  readonly request: Buffer
}

export class Buyer {
  readonly #sale: Sale
  #steps: ReadonlyArray<Step> = []
  /** Whose request is under way. */
  #at = 0
  #socket: Socket | undefined
  #order = 0
  #beganAt = 0
  #sentAt = 0
  /** Ordering, or trying to. */
  #busy = false
  /** For an answer. */
  #waiting = false
  /** The beginning of an answer that came in pieces. */
  #partial: Buffer | undefined

  constructor(sale: Sale) {
    this.#sale = sale
  }

  /** Connects if need be, and buys until there is nothing left to order. */
  buy(): void {
    this.#busy = true
    this.#steps = this.#sale.steps().map((template) => ({ template, request: Buffer.from(template.bytes) }))
    if (this.#socket === undefined) this.#connect()
    else this.#next()
  }

  /** Ends at once, whatever is under way. */
  abandon(): void {
    this.#socket?.destroy()
  }

  #connect(): void {
    const { host, port } = this.#sale
    let why = "closed by the server"
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(16 * 1024),
        callback: (length, bytes) => {
          this.#read(Buffer.from(bytes.buffer, bytes.byteOffset, length))
          return true
        }
      }
    })
    this.#socket = socket
    socket.on("connect", () => this.#next())
    socket.on("error", (error) => (why = error.message))
    socket.on("close", () => this.#closed(why))
  }

  #closed(why: string): void {
    this.#socket = undefined
    this.#partial = undefined
    if (!this.#busy) return
    this.#sale.broken(why, this.#waiting)
    this.#waiting = false
    if (this.#sale.mayReconnect()) this.#connect()
    else this.#leave()
  }

  #leave(): void {
    this.#busy = false
    this.#sale.left()
  }

  #next(): void {
    const order = this.#sale.next()
    const [first] = this.#steps
    if (order === undefined || first === undefined || this.#socket === undefined) {
      this.#leave()
      return
    }
    this.#order = order
    this.#at = 0
    this.#send(first, this.#socket, nothing)
    this.#beganAt = this.#sentAt
  }

  #send({ template, request }: Step, socket: Socket, told: Buffer): void {
    template.fill(this.#order, request, told)
    this.#waiting = true
    this.#sentAt = performance.now()
    // The answer to this request of the order before is in, so its bytes have long left the buffer.
    socket.write(request)
  }

  #read(bytes: Buffer): void {
    const all = this.#partial === undefined ? bytes : Buffer.concat([this.#partial, bytes])
    const bodyAt = endOfHead(all)
    const end = bodyAt === 0 ? Infinity : bodyAt + contentLength(all, bodyAt)
    if (all.length < end) {
      // What was read is overwritten by the next read.
      this.#partial = all === bytes ? Buffer.from(bytes) : all
      return
    }
    this.#partial = undefined
    const now = performance.now()
    const status = ((all[9] ?? zero) - zero) * 100 + ((all[10] ?? zero) - zero) * 10 + ((all[11] ?? zero) - zero)
    const body = all.subarray(bodyAt, end)
    this.#waiting = false
    const at = this.#at
    this.#sale.answered(at, status, (now - this.#sentAt) * 1000, body)
    const isHoped = status === this.#steps[at]?.template.hoped
    const more = isHoped ? this.#steps[at + 1] : undefined
    if (more !== undefined && this.#socket !== undefined) {
      this.#at++
      this.#send(more, this.#socket, body)
      return
    }
    this.#sale.over(isHoped, (now - this.#beganAt) * 1000, body)
    this.#next()
  }
}

/** Where the body begins; 0 when the head is not complete. */
const endOfHead = (bytes: Buffer): number => {
  for (let at = 15; at < bytes.length; at++) {
    if (
      bytes[at] === lineFeed &&
      bytes[at - 1] === carriageReturn &&
      bytes[at - 2] === lineFeed &&
      bytes[at - 3] === carriageReturn
    ) {
      return at + 1
    }
  }
  return 0
}

const name = "content-length"

/** Zero when there is no such header: an answer of this API always has one, or no body. */
const contentLength = (bytes: Buffer, headEnd: number): number => {
  for (let at = 15; at < headEnd; at++) {
    const line = at + 1
    if (bytes[at] !== lineFeed || bytes[line + name.length] !== colon) continue
    if (bytes.toString("latin1", line, line + name.length).toLowerCase() !== name) continue
    return Number(bytes.toString("latin1", line + name.length + 1, bytes.indexOf(carriageReturn, line)))
  }
  return 0
}
