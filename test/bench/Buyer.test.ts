import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer, type Server, type Socket } from "node:net"
import { Buyer, type Template } from "../../bench/load/Buyer.ts"

const request = Buffer.from("token=TTT key=000")
const answerTo = (body: string) => `HTTP/1.1 201 Created\r\nDate: now\r\nContent-Length: ${body.length}\r\n\r\n${body}`

/** Answers each order as its number says. */
const serve = (socket: Socket) => {
  socket.setNoDelay(true)
  socket.on("data", (bytes) => {
    const text = bytes.toString()
    if (text.startsWith("then")) {
      socket.write(answerTo(text).replace("201 Created", "200 OK"))
      return
    }
    if (text.endsWith("0")) socket.write(answerTo(text))
    if (text.endsWith("1")) {
      const answer = answerTo(text)
      socket.write(answer.slice(0, 30), () => setImmediate(() => socket.write(answer.slice(30))))
    }
    if (text.endsWith("2")) socket.end()
    if (text.endsWith("3")) socket.write("HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n")
  })
}

const listen = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer(serve).listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => server.close())
)

const portOf = (server: Server) => {
  const address = server.address()
  return typeof address === "object" ? (address?.port ?? 0) : 0
}

/** What a buyer of so many orders, each made by these requests, hears. */
const buying = Effect.fnUntraced(function* (orders: number, steps: ReadonlyArray<Template>) {
  const server = yield* listen
  const heard: Array<string> = []
  let order = 0
  let buyer: Buyer | undefined
  yield* Effect.callback<void>((resume) => {
    buyer = new Buyer({
      host: "127.0.0.1",
      port: portOf(server),
      steps: () => steps,
      next: () => (order < orders ? order++ : undefined),
      answered: (step, status, micros, body) => {
        assert.isAbove(micros, 0)
        heard.push(`${step}: ${status} ${body.toString()}`)
      },
      over: (isBought, micros, body) => {
        assert.isAbove(micros, 0)
        heard.push(`${isBought ? "bought" : "not bought"}: ${body.toString()}`)
      },
      broken: (why, outstanding) => void heard.push(`${why}: ${outstanding}`),
      mayReconnect: () => true,
      left: () => resume(Effect.void)
    })
    buyer.buy()
  })
  buyer?.abandon()
  return heard
})

const ordering: Template = {
  bytes: request,
  hoped: 201,
  fill: (number, bytes) => void bytes.write(`token=T${number}T key=00${number}`)
}
/** Has what it was told, without its token. */
const paying: Template = {
  bytes: Buffer.from("then pay for 000"),
  hoped: 200,
  fill: (_, bytes, told) => void told.copy(bytes, bytes.length - 3, told.length - 3)
}

describe("a buyer", () => {
  it.live("orders one after the other, whole answers or in pieces, and reconnects when one is lost", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* buying(4, [ordering]), [
        "0: 201 token=T0T key=000",
        "bought: token=T0T key=000",
        "0: 201 token=T1T key=001",
        "bought: token=T1T key=001",
        "closed by the server: true",
        "0: 503 ",
        "not bought: "
      ])
    })
  )

  it.live("asks the next thing about an order only when the answer before was as hoped", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* buying(4, [ordering, paying]), [
        "0: 201 token=T0T key=000",
        "1: 200 then pay for 000",
        "bought: then pay for 000",
        "0: 201 token=T1T key=001",
        "1: 200 then pay for 001",
        "bought: then pay for 001",
        "closed by the server: true",
        "0: 503 ",
        "not bought: "
      ])
    })
  )
})
