import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import * as Balancer from "../../../dev/cluster/Balancer.ts"
import { freePort } from "../../../dev/services/Machine.ts"

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const answering =
  (name: string): Handler =>
  (_, response) =>
    void response.end(name)
const hangingUp: Handler = ({ socket }) => void socket.destroy()
const hangUpAtTheEnd: Handler = (incoming) => void incoming.on("end", () => incoming.socket.destroy())

/** What calls itself a node: ready from the start, and does with requests what it is told to. */
const node = Effect.fnUntraced(function* (name: string, handler: Handler = answering(name)) {
  const port = yield* freePort
  const self = { name, port, handler, ready: true, silent: false, asked: 0, bodies: new Array<string>() }
  const server = createServer((incoming, response) => {
    if (incoming.url === "/health/ready") return self.silent || response.writeHead(self.ready ? 200 : 503).end()
    self.asked++
    let body = ""
    incoming.setEncoding("utf8").on("data", (text) => (body += text))
    incoming.on("end", () => self.bodies.push(body))
    return self.handler(incoming, response)
  })
  const close = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void))),
    () => close
  )
  return Object.assign(self, { close })
})

const balancer = Effect.fnUntraced(function* (targets: ReadonlyArray<Balancer.Target>) {
  const port = yield* freePort
  const { healthOf } = yield* Balancer.make({ port, targets, onChange: () => {} })
  const becomes = (name: string, health: Balancer.Health) =>
    Effect.sync(() => healthOf(name)).pipe(
      Effect.repeat({ until: (now) => now === health, schedule: Schedule.spaced("5 millis") }),
      Effect.timeout("10 seconds")
    )
  for (const { name } of targets) yield* becomes(name, "Ready")
  return { port, origin: `http://127.0.0.1:${port}`, becomes }
})

interface Question extends RequestInit {
  readonly key?: string
}
const call = (url: string, { key, ...init }: Question = {}) =>
  Effect.promise(async (signal) => {
    const headers = key === undefined ? {} : { "idempotency-key": key }
    const response = await fetch(url, { ...init, signal, headers })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }).pipe(Effect.timeout("10 seconds"))

const post = { method: "POST", body: "once" }
const times = (count: number) => Array.from({ length: count }, (_, n) => n)

describe("The balancer", () => {
  it.live("asks nodes in turn", () =>
    Effect.gen(function* () {
      const nodes = [yield* node("a"), yield* node("b"), yield* node("c")]
      const { origin } = yield* balancer(nodes)
      yield* Effect.forEach(times(30), () => call(origin))
      assert.deepStrictEqual(
        nodes.map(({ asked }) => asked),
        [10, 10, 10]
      )
    })
  )

  it.live("passes on what is said, both ways, and nothing that is between two ends only", () =>
    Effect.gen(function* () {
      const seen = yield* Deferred.make<IncomingMessage>()
      const a = yield* node("a", (incoming, response) => {
        Deferred.doneUnsafe(seen, Effect.succeed(incoming))
        incoming.resume().on("end", () => response.writeHead(201, { "x-said": "yes", connection: "close" }).end("made"))
      })
      const { origin } = yield* balancer([a])
      const answer = yield* call(`${origin}/things?q=1`, { ...post, key: "k" })
      assert.deepStrictEqual([answer.status, answer.text, answer.headers.get("x-said")], [201, "made", "yes"])
      assert.strictEqual(answer.headers.get("connection"), "keep-alive")
      const { method, url, headers } = yield* Deferred.await(seen)
      assert.deepStrictEqual([method, url, headers["idempotency-key"]], ["POST", "/things?q=1", "k"])
      assert.deepStrictEqual(a.bodies, ["once"])
    })
  )

  it.live("streams: what a node has said is heard before it has said all", () =>
    Effect.gen(function* () {
      const saying = yield* Deferred.make<ServerResponse>()
      const a = yield* node("a", (_, response) => {
        response.write("first")
        Deferred.doneUnsafe(saying, Effect.succeed(response))
      })
      const { origin } = yield* balancer([a])
      const { body } = yield* Effect.promise((signal) => fetch(origin, { signal }))
      const reader = (yield* Effect.fromNullishOr(body)).pipeThrough(new TextDecoderStream()).getReader()
      const next = Effect.map(
        Effect.promise(() => reader.read()),
        ({ value }) => value
      )
      assert.strictEqual(yield* next, "first")
      const response = yield* Deferred.await(saying)
      response.end("last")
      assert.strictEqual(yield* next, "last")
      assert.isUndefined(yield* next)
    })
  )

  it.live("passes on what is long", () =>
    Effect.gen(function* () {
      const a = yield* node("a", (incoming, response) => incoming.pipe(response))
      const { origin } = yield* balancer([a])
      const body = "0123456789abcdef".repeat(65_536)
      assert.isTrue((yield* call(origin, { method: "POST", body })).text === body)
    })
  )

  it.live("sends a request to another node if the first refuses the connection, whatever it is", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* node("a"), yield* node("b")]
      const { origin } = yield* balancer([a, b])
      yield* a.close
      yield* Effect.forEach(times(3), () => call(origin, post))
      assert.deepStrictEqual(b.bodies, ["once", "once", "once"])
    })
  )

  it.live("never repeats what a node may have carried out, and says so", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* node("a", hangingUp), yield* node("b")]
      const { origin } = yield* balancer([a, b])
      const { status, headers, text } = yield* call(origin, post)
      assert.strictEqual(status, 502)
      assert.include(headers.get("content-type"), "application/problem+json")
      assert.isNull(headers.get("retry-after"))
      assert.deepInclude(JSON.parse(text), { code: "NODE_LOST", retryable: false })
      assert.deepStrictEqual([a.asked, b.asked], [1, 0])
    })
  )

  for (const [what, question, bodies] of [
    ["a request with a key", { ...post, key: "k" }, ["once"]],
    ["a question", {}, [""]]
  ] as const) {
    it.live(`repeats ${what} that a node took and did not answer`, () =>
      Effect.gen(function* () {
        const [a, b] = [yield* node("a", hangUpAtTheEnd), yield* node("b")]
        const { origin } = yield* balancer([a, b])
        assert.strictEqual((yield* call(origin, question)).text, "b")
        assert.deepStrictEqual([a.asked, a.bodies], [1, [...bodies]])
        assert.deepStrictEqual([b.asked, b.bodies], [1, [...bodies]])
      })
    )
  }

  it.live("asks its client to repeat what was too long to keep", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* node("a", hangUpAtTheEnd), yield* node("b")]
      const { origin } = yield* balancer([a, b])
      const { status, headers } = yield* call(origin, { method: "POST", body: "x".repeat(100_000), key: "k" })
      assert.deepStrictEqual([status, headers.get("retry-after")], [503, "1"])
      assert.deepStrictEqual([a.asked, b.asked], [1, 0])
    })
  )

  it.live("never makes a whole answer of half of one", () =>
    Effect.gen(function* () {
      const [a, b] = [
        yield* node("a", (_, response) => {
          response.writeHead(200, { "content-length": 100 })
          response.write("half", () => response.destroy())
        }),
        yield* node("b")
      ]
      const { origin } = yield* balancer([a, b])
      const exit = yield* Effect.exit(call(origin, { ...post, key: "k" }))
      assert.strictEqual(exit._tag, "Failure")
      assert.deepStrictEqual([a.asked, b.asked], [1, 0])
    })
  )

  it.live("leaves out a node that is not ready, and comes back to it", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* node("a"), yield* node("b")]
      const { origin, becomes } = yield* balancer([a, b])
      a.ready = false
      yield* becomes("a", "NotReady")
      yield* Effect.forEach(times(6), () => call(origin))
      assert.deepStrictEqual([a.asked, b.asked], [0, 6])
      a.ready = true
      yield* becomes("a", "Ready")
      yield* Effect.forEach(times(6), () => call(origin))
      assert.deepStrictEqual([a.asked, b.asked], [3, 9])
    })
  )

  it.live("gives up a node that falls silent: what has a key goes elsewhere, what has none is not repeated", () =>
    Effect.gen(function* () {
      const both = yield* Deferred.make<void>()
      const a = yield* node("a", () => void (a.asked === 2 && Deferred.doneUnsafe(both, Effect.void)))
      const b = yield* node("b")
      const { origin, becomes } = yield* balancer([a, b])
      b.ready = false
      yield* becomes("b", "NotReady")
      const waiting = yield* Effect.forkChild(
        Effect.all([call(origin, { ...post, key: "k" }), call(origin, post)], { concurrency: 2 })
      )
      yield* Deferred.await(both)
      b.ready = true
      yield* becomes("b", "Ready")
      a.silent = true
      const [keyed, other] = yield* Fiber.join(waiting)
      assert.deepStrictEqual([keyed.status, keyed.text, other.status], [200, "b", 502])
      assert.strictEqual(b.asked, 1)
    })
  )

  it.live("says when there is nobody to ask", () =>
    Effect.gen(function* () {
      const a = yield* node("a")
      const { origin } = yield* balancer([a])
      yield* a.close
      const { status, headers, text } = yield* call(origin, post)
      assert.deepStrictEqual([status, headers.get("retry-after")], [503, "1"])
      assert.include(headers.get("content-type"), "application/problem+json")
      assert.deepInclude(JSON.parse(text), { code: "UNAVAILABLE", status: 503, retryable: true })
    })
  )

  it.live("lets a node know that a client has hung up", () =>
    Effect.gen(function* () {
      const [asked, left] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const a = yield* node("a", (_, response) => {
        response.once("close", () => Deferred.doneUnsafe(left, Effect.void))
        Deferred.doneUnsafe(asked, Effect.void)
      })
      const { origin } = yield* balancer([a])
      const waiting = yield* Effect.forkChild(call(origin, post))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(waiting)
      yield* Effect.timeout(Deferred.await(left), "10 seconds")
      assert.strictEqual(a.asked, 1)
    })
  )
})
