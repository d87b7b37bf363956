import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { createServer, type Server, type Socket } from "node:net"
import { Buyer } from "../../bench/load/Buyer.ts"

const request = Buffer.from("token=TTT key=000")
const answerTo = (body: string) => `HTTP/1.1 201 Created\r\nDate: now\r\nContent-Length: ${body.length}\r\n\r\n${body}`

/** Answers each order as its number says. */
const serve = (socket: Socket) => {
  socket.setNoDelay(true)
  socket.on("data", (bytes) => {
    const text = bytes.toString()
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

describe("a buyer", () => {
  it.live("orders one after the other, whole answers or in pieces, and reconnects when one is lost", () =>
    Effect.gen(function* () {
      const server = yield* listen
      const heard: Array<string> = []
      let order = 0
      let buyer: Buyer | undefined
      yield* Effect.callback<void>((resume) => {
        buyer = new Buyer({
          host: "127.0.0.1",
          port: portOf(server),
          template: () => ({
            bytes: request,
            fill: (number, bytes) => void bytes.write(`token=T${number}T key=00${number}`)
          }),
          next: () => (order < 4 ? order++ : undefined),
          answered: (status, micros, body) => {
            assert.isAbove(micros, 0)
            heard.push(`${status} ${body.toString()}`)
          },
          broken: (why, outstanding) => void heard.push(`${why}: ${outstanding}`),
          mayReconnect: () => true,
          left: () => resume(Effect.void)
        })
        buyer.buy()
      })
      buyer?.abandon()
      assert.deepStrictEqual(heard, [
        "201 token=T0T key=000",
        "201 token=T1T key=001",
        "closed by the server: true",
        "503 "
      ])
    })
  )
})
