import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, References, Scope } from "effect"
import { HttpServer } from "effect/http"
import * as net from "node:net"
import { Draining } from "../../src/http/Draining.ts"
import { JournalUnavailable } from "../../src/persistence/Journal.ts"
import type * as Server from "../../src/http/Server.ts"
import * as Shop from "./Shop.ts"
import { buy, call, outcome, person, product } from "./Shop.ts"

const portOf = Effect.map(HttpServer.HttpServer, ({ address }) => ("port" in address ? address.port : 0))

/** Writes to the server as no client would, and takes what it says until it, or `enough`, ends it. */
const wire = (text: string, enough: (said: string) => boolean = () => false) =>
  Effect.flatMap(portOf, (port) =>
    Effect.callback<string>((resume) => {
      let said = ""
      const socket = net.connect(port, "127.0.0.1", () => void socket.write(text))
      socket.setEncoding("utf8")
      socket.on("data", (chunk: string) => {
        said += chunk
        if (enough(said)) socket.destroy()
      })
      socket.on("error", () => {})
      socket.on("close", () => resume(Effect.succeed(said)))
      return Effect.sync(() => socket.destroy())
    })
  )

describe("The server", () => {
  layer(Shop.layer(), { excludeTestServices: true })((it_) => {
    it_.effect("knows no other routes", () =>
      Effect.gen(function* () {
        for (const path of [
          "/nothing",
          "/api/v1",
          "/api/v2/orders",
          "/api/v1/orders/1/2",
          "/api/v1/orders/%ff",
          "/docs/x"
        ]) {
          assert.strictEqual(yield* outcome("GET", `/api${path}`), "404 ROUTE_NOT_FOUND", path)
        }
      })
    )

    for (const [method, path, allowed] of [
      ["PUT", "/checkout", "POST"],
      ["GET", "/checkout", "POST"],
      ["DELETE", "/products", "POST, GET, HEAD"],
      ["PUT", "/users/1", "GET, PATCH, DELETE, HEAD"],
      ["OPTIONS", "/orders", "POST, GET, HEAD"],
      ["POST", "/orders/1/cancel", "PUT"],
      ["GET", "/payments/process", "POST"],
      ["GET", "/refunds", "POST"],
      ["POST", "/health/ready", "GET, HEAD"],
      ["POST", "/docs", "GET, HEAD"]
    ] as const) {
      it_.effect(`does not do ${method} ${path}, and says what it does`, () =>
        Effect.gen(function* () {
          const { status, headers, body } = yield* call(method, path)
          assert.strictEqual(status, 405)
          assert.strictEqual(headers.get("allow"), allowed)
          assert.deepInclude(body, { code: "METHOD_NOT_ALLOWED", allowed: allowed.split(", ") })
        })
      )
    }

    it_.effect("speaks Korean, and English to whoever prefers it", () =>
      Effect.gen(function* () {
        for (const [accepted, language] of [
          [undefined, "ko"],
          ["*", "ko"],
          ["en", "en"],
          ["en-US,en;q=0.9,ko;q=0.8", "en"],
          ["ko-KR,ko;q=0.9,en;q=0.8", "ko"],
          ["fr, en;q=0.5", "en"],
          ["ko;q=0.2, en;q=0.7", "en"]
        ] as const) {
          const headers: Record<string, string> = accepted === undefined ? {} : { "accept-language": accepted }
          const answer = yield* call("GET", "/api/nothing", { headers })
          assert.strictEqual(answer.headers.get("content-language"), language, accepted)
          assert.strictEqual(answer.body["title"], language === "ko" ? "존재하지 않는 경로입니다" : "No such route")
        }
      })
    )

    it_.effect("answers under the caller's trace", () =>
      Effect.gen(function* () {
        const trace = "0af7651916cd43dd8448eb211c80319c"
        const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` }
        assert.strictEqual((yield* call("GET", "/api/nothing", { headers })).body["traceId"], trace)
        const nonsense = yield* call("GET", "/api/nothing", { headers: { traceparent: "<script>" } })
        assert.match(String(nonsense.body["traceId"]), /^[\da-f]{32}$/)
      })
    )

    it_.effect("is live, ready, and tells its numbers", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* call("GET", "/health/live")).body, { status: "live" })
        assert.deepStrictEqual((yield* call("GET", "/health/ready")).body, { status: "ready" })
        assert.strictEqual((yield* call("HEAD", "/health/ready")).status, 200)
        const { text, headers } = yield* call("GET", "/metrics")
        assert.include(text, "sluice_partitions_owned")
        assert.match(text, /sluice_http_requests\{route="GET \/health\/live",status="200"\} [1-9]/)
        assert.match(text, /sluice_http_request_seconds_count\{route="GET \/health\/live"\} [1-9]/)
        assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
      })
    )

    it_.effect("refuses headers of more than 16 KiB", () =>
      Effect.gen(function* () {
        const said = yield* wire(`GET /health/live HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(17_000)}\r\n\r\n`)
        assert.match(said, /^HTTP\/1\.1 431 /)
      })
    )

    it_.effect("refuses requests that can be read in two ways", () =>
      Effect.gen(function* () {
        for (const headers of [
          "Content-Length: 5\r\nTransfer-Encoding: chunked",
          "Content-Length: 5\r\nContent-Length: 6",
          "Transfer-Encoding: chunked, identity",
          "Content-Length: -1"
        ]) {
          const said = yield* wire(`POST /api/v1/checkout HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n0\r\n\r\n`)
          assert.match(said, /^HTTP\/1\.1 400 /, headers)
        }
      })
    )

    it_.effect("does not wait for the rest of a body that is too long", () =>
      Effect.gen(function* () {
        const head = "POST /api/v1/checkout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        const said = yield* wire(`${head}Content-Length: 1000000000\r\n\r\n{`, (text) => text.includes("PAYLOAD"))
        assert.match(said, /^HTTP\/1\.1 413 /)
      })
    )

    it_.effect("lets a client ask whether it may send its body", () =>
      Effect.gen(function* () {
        const body = '{"items":[]}'
        const head = `POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`
        const text = `${head}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        const said = yield* wire(text, (so) => so.includes("VALIDATION_FAILED"))
        assert.match(said, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 422 /)
      })
    )

    it_.effect("does not read on and on behind the refusal of a body that is too long", () =>
      Effect.gen(function* () {
        const port = yield* portOf
        const head = "POST /api/v1/checkout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`
        const cutOff = yield* Effect.callback<boolean>((resume) => {
          const socket = net.connect(port, "127.0.0.1", () => socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`))
          const more = () => {
            if (socket.bytesWritten > 256 * 1024 * 1024) return resume(Effect.succeed(false))
            if (!socket.destroyed) socket.write(chunk, more)
          }
          socket
            .resume()
            .once("connect", more)
            .on("error", () => {})
          socket.on("close", () => resume(Effect.succeed(true)))
          return Effect.sync(() => socket.destroy())
        })
        assert.isTrue(cutOff)
      })
    )

    it_.effect("does not tell clients of HTTP/1.0 to go on with their body", () =>
      Effect.gen(function* () {
        for (const path of ["checkout", "auth/login"]) {
          const head = `POST /api/v1/${path} HTTP/1.0\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n`
          assert.match(yield* wire(`${head}Content-Length: 2\r\n\r\n{}`), /^HTTP\/1\.1 4/)
        }
      })
    )

    it_.effect("goes on when clients hang up in the middle of a body", () =>
      Effect.gen(function* () {
        const head = "POST /api/v1/checkout HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        const port = yield* portOf
        yield* Effect.forEach(
          Array.from({ length: 20 }),
          () =>
            Effect.callback<void>((resume) => {
              const socket = net.connect(port, "127.0.0.1", () =>
                socket.write(`${head}Content-Length: 100\r\n\r\n{`, () => socket.destroy())
              )
              socket.on("close", () => resume(Effect.void))
            }),
          { concurrency: 20 }
        )
        assert.strictEqual(yield* outcome("GET", "/health/live"), "200")
      })
    )
  })
})

/** A shop whose engine cannot do what it should, and the problem that is. */
describe("When the engine cannot, the answer", () => {
  const body = { amount: 1000 }
  const charge = Effect.flatMap(person(), ({ token }) => call("POST", "/balances/charge", { token, key: "k", body }))

  const isRetryable = (answer: Shop.Answer, code: string) => {
    assert.deepInclude(answer.body, { status: 503, code, retryable: true })
    assert.strictEqual(answer.headers.get("retry-after"), "1")
  }

  it.live("is OVERLOADED with too much under way", () =>
    Effect.gen(function* () {
      isRetryable(yield* charge, "OVERLOADED")
    }).pipe(Effect.provide(Shop.layer({ stepsMost: 0 })))
  )

  it.live("is UNAVAILABLE without a database", () =>
    Effect.gen(function* () {
      isRetryable(yield* charge, "UNAVAILABLE")
      const { token, userId } = yield* person()
      isRetryable(yield* call("GET", `/balances/${userId}`, { token }), "UNAVAILABLE")
    }).pipe(
      Effect.provide(
        Shop.layer({
          journal: (disk) => ({ ...disk, load: () => Effect.fail(new JournalUnavailable({ cause: "ECONNREFUSED" })) })
        })
      )
    )
  )

  it.live("is TIMED_OUT when the commit does not come", () =>
    Effect.gen(function* () {
      isRetryable(yield* charge, "TIMED_OUT")
    }).pipe(
      Effect.provide(
        Shop.layer({ requestTimeoutMs: 100, journal: (disk) => ({ ...disk, commit: () => Effect.never }) })
      )
    )
  )

  it.live("is REQUEST_IN_PROGRESS while the original runs", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const commit = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      yield* Effect.gen(function* () {
        const { token } = yield* person()
        const send = call("POST", "/balances/charge", { token, key: "k", body })
        yield* Effect.forkChild(Effect.exit(send))
        yield* Deferred.await(begun)
        const { status, headers, body: refusal } = yield* send
        assert.strictEqual(status, 409)
        assert.deepInclude(refusal, { code: "REQUEST_IN_PROGRESS", retryable: true })
        assert.strictEqual(headers.get("retry-after"), "1")
      }).pipe(Effect.provide(Shop.layer({ drainWithin: 0, journal: (disk) => ({ ...disk, commit }) })))
    })
  )

  it.live("is INTERNAL for a bug, whose cause is in the log and nowhere else", () => {
    const logged: Array<unknown> = []
    const log = Logger.make(({ message, fiber, cause }) => {
      logged.push({ message, cause: String(cause), ...fiber.getRef(References.CurrentLogAnnotations) })
    })
    return Effect.gen(function* () {
      const answer = yield* charge
      assert.deepInclude(answer.body, { status: 500, code: "INTERNAL", retryable: false })
      assert.notInclude(answer.text, "password")
      const [entry] = logged
      const text = JSON.stringify(entry)
      assert.include(text, String(answer.body["traceId"]))
      assert.include(text, "SELECT password FROM users")
      assert.include(text, '"path":"/api/v1/balances/charge"')
    }).pipe(
      Effect.provide(
        Shop.layer({
          journal: (disk) => ({
            ...disk,
            load: () => Effect.die(new Error("SELECT password FROM users: syntax error"))
          })
        })
      ),
      Effect.provide(Logger.layer([log]))
    )
  })

  it.live("of readiness is NOT_READY, with the database gone or the node about to stop", () =>
    Effect.gen(function* () {
      const { begin } = yield* Draining
      assert.strictEqual(yield* outcome("GET", "/health/ready"), "200")
      yield* begin
      const { body: refusal, headers } = yield* call("GET", "/health/ready")
      assert.deepInclude(refusal, { status: 503, code: "NOT_READY" })
      assert.strictEqual(headers.get("connection"), "close")
      assert.strictEqual(yield* outcome("GET", "/health/live"), "200")
    }).pipe(Effect.provide(Shop.layer()))
  )
})

describe("A server that stops", () => {
  /** A shop whose commits wait for a word, in a scope of its own. */
  const slowShop = (drainWithin: Server.Options["drainWithin"]) =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const word = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      let slow = false
      const services = yield* Layer.buildWithScope(
        Shop.layer({
          drainWithin,
          journal: (disk) => ({
            ...disk,
            commit: (batch) =>
              slow
                ? Deferred.succeed(begun, undefined).pipe(
                    Effect.andThen(Deferred.await(word)),
                    Effect.andThen(disk.commit(batch))
                  )
                : disk.commit(batch)
          })
        }),
        scope
      )
      const slowDown = Effect.sync(() => void (slow = true))
      return { services, begun, word, slowDown, stop: Scope.close(scope, Exit.void) }
    })

  it.live("finishes the request under way, takes no other, and lets nobody keep a connection", () =>
    Effect.gen(function* () {
      const { services, begun, word, slowDown, stop } = yield* slowShop("5 seconds")
      yield* Effect.gen(function* () {
        const id = yield* product(yield* person("SELLER"))
        const buyer = yield* person("BUYER", 10_000)
        const port = yield* portOf
        yield* slowDown
        const buying = yield* Effect.forkChild(buy(buyer, id))
        yield* Deferred.await(begun)
        const stopping = yield* Effect.forkChild(stop)
        const refused = yield* Effect.callback<string>((resume) => {
          const attempt = () => {
            const socket = net.connect(port, "127.0.0.1")
            socket.on("connect", () => {
              socket.destroy()
              setImmediate(attempt)
            })
            socket.on("error", () => resume(Effect.succeed("refused")))
          }
          attempt()
        })
        assert.strictEqual(refused, "refused")
        yield* Deferred.succeed(word, undefined)
        const answer = yield* Fiber.join(buying)
        assert.strictEqual(answer.status, 201)
        assert.strictEqual(answer.headers.get("connection"), "close")
        yield* Fiber.join(stopping)
      }).pipe(Effect.provide(services))
    })
  )

  it.live("cuts off what does not end in time, also a client that says nothing", () =>
    Effect.gen(function* () {
      const { services, begun, word, slowDown, stop } = yield* slowShop("200 millis")
      yield* Effect.gen(function* () {
        const { token } = yield* person()
        const idle = yield* Effect.forkChild(wire("GET /health/live HTTP/1.1\r\nHost"))
        yield* slowDown
        const charging = yield* Effect.forkChild(
          Effect.exit(call("POST", "/balances/charge", { token, key: "k", body: { amount: 1000 } }))
        )
        yield* Deferred.await(begun)
        const stopping = yield* Effect.forkChild(stop)
        assert.strictEqual(yield* Fiber.join(idle), "")
        yield* Fiber.join(charging)
        yield* Deferred.succeed(word, undefined)
        yield* Fiber.join(stopping)
      }).pipe(Effect.provide(services))
    })
  )
})
