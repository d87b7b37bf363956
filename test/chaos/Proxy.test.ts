import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { once } from "node:events"
import { connect, createServer } from "node:net"
import { freePort } from "../../dev/services/Machine.ts"
import { Link, proxy } from "./Proxy.ts"

/** A server that says what it heard, behind a link, and a connection to it that has been heard. */
const wire = Effect.gen(function* () {
  const heard: Array<string> = []
  const port = yield* freePort
  const server = createServer((socket) => {
    socket
      .on("error", () => undefined)
      .on("data", (bytes) => {
        heard.push(String(bytes))
        socket.write(bytes)
      })
  }).listen(port, "127.0.0.1")
  yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
  const at = yield* freePort
  const link = new Link("test")
  yield* proxy(at, port, () => link)
  const answers: Array<string> = []
  const socket = connect(at, "127.0.0.1")
  socket.on("error", () => undefined).on("data", (bytes) => answers.push(String(bytes)))
  yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
  socket.write("hello")
  yield* eventually(() => answers.join() === "hello")
  return { link, socket, heard, answers }
})

const eventually = (holds: () => boolean) =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.retry(Schedule.spaced("2 millis")),
    Effect.timeout("5 seconds")
  )

describe("A link", () => {
  it.live("that is cut breaks", () =>
    Effect.gen(function* () {
      const { link, socket } = yield* wire
      const closed = once(socket, "close")
      link.cut()
      yield* Effect.promise(() => closed)
    })
  )

  it.live("that is cut after some bytes carries no more", () =>
    Effect.gen(function* () {
      const { link, socket, heard } = yield* wire
      const closed = once(socket, "close")
      link.cutAfter(3)
      socket.write("abcdef")
      yield* Effect.promise(() => closed)
      assert.strictEqual(heard.join("").replace("hello", ""), "abc")
    })
  )

  for (const way of ["there", "back"] as const) {
    it.live(`that is silent ${way} holds back until it is healed, and says nothing`, () =>
      Effect.gen(function* () {
        const { link, socket, heard, answers } = yield* wire
        link.silence(way)
        socket.write("more")
        if (way === "back") yield* eventually(() => heard.join("") === "hellomore")
        yield* Effect.sleep("50 millis")
        assert.deepStrictEqual(heard, way === "back" ? ["hello", "more"] : ["hello"])
        assert.deepStrictEqual(answers, ["hello"])
        assert.isFalse(socket.closed)
        link.heal()
        yield* eventually(() => answers.join("") === "hellomore")
      })
    )
  }

  it.live("that is slow keeps the order, also when it is healed", () =>
    Effect.gen(function* () {
      const { link, socket, heard, answers } = yield* wire
      link.delay(60)
      const begun = performance.now()
      socket.write("1")
      yield* Effect.sleep("20 millis")
      link.heal()
      socket.write("2")
      yield* eventually(() => answers.join("") === "hello12")
      assert.strictEqual(heard.join(""), "hello12")
      assert.isAbove(performance.now() - begun, 55)
    })
  )
})
