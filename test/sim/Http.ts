/**
 * HTTP without sockets: the real router, middleware and handlers of a node, asked with values. A request's body arrives
 * as a task of the node; its answer is read as the handlers leave it.
 */
import { NodeFileSystem, NodeHttpPlatform, NodePath } from "@effect/platform-node"
import { Cause, Context, Effect, Inspectable, Layer, Logger, Option, Redacted, References, Stream } from "effect"
import {
  Etag,
  Headers,
  HttpEffect,
  HttpIncomingMessage,
  HttpRouter,
  HttpServerRequest,
  type HttpServerResponse
} from "effect/http"
import { createSigner } from "fast-jwt"
import { EventEmitter } from "node:events"
import type { Directory } from "../../src/actors/Directory.ts"
import { catalogue } from "../../src/http/api/Problems.ts"
import { Tokens } from "../../src/http/Auth.ts"
import { ClaimGuard } from "../../src/http/ClaimGuard.ts"
import { Draining } from "../../src/http/Draining.ts"
import { LoginGuard } from "../../src/http/LoginGuard.ts"
import { Passwords } from "../../src/http/Passwords.ts"
import * as Server from "../../src/http/Server.ts"
import type { Audit } from "../../src/persistence/Audit.ts"
import type { Managers } from "../../src/persistence/Managers.ts"
import type { Orders } from "../../src/persistence/Orders.ts"
import type { Users } from "../../src/persistence/Users.ts"
import type { Gateways } from "../../src/saga/gateways/Gateway.ts"
import type { Transact } from "../../src/saga/Transact.ts"
import { type Asked, Front } from "./Front.ts"
import { type Answered, type Sent, sentOf } from "./Operation.ts"
import type { Process } from "./Simulation.ts"

const secret = "a secret of the simulator, and of the simulator alone"
/** Nobody's clock gets there. */
const never = 9_999_999_999

const sign = createSigner({ key: secret, algorithm: "HS256", iss: "sluice", aud: "sluice-api" })
const tokens = new Map<string, string>()

/** Who asks has logged in at some other time. */
const tokenOf = ({ user, role }: NonNullable<Sent["who"]>): string => {
  const subject = `${user} ${role}`
  const token = tokens.get(subject) ?? sign({ sub: user, role, iat: 0, exp: never })
  tokens.set(subject, token)
  return token
}

const headersOf = ({ who, key, ifMatch, body }: Sent): Record<string, string> => ({
  // Names the problems it comes to: else they would be named by chance.
  traceparent: `00-${"5".padStart(32, "0")}-${"1".padStart(16, "0")}-00`,
  ...(who === undefined ? {} : { authorization: `Bearer ${tokenOf(who)}` }),
  ...(key === undefined ? {} : { "idempotency-key": key }),
  ...(ifMatch === undefined ? {} : { "if-match": `"${ifMatch}"` }),
  ...(body === undefined ? {} : { "content-type": "application/json" })
})

/** What Node knows of a request, as far as `Body` reads it. */
class Arriving extends EventEmitter {
  readonly headers: Readonly<Record<string, string>>
  readonly httpVersion = "1.1"

  constructor(headers: Readonly<Record<string, string>>, body: object | undefined, process: Process) {
    super()
    this.headers = headers
    this.on("newListener", (event) => {
      if (event !== "end") return
      process.post(() => {
        if (body !== undefined) this.emit("data", Buffer.from(JSON.stringify(body)))
        this.emit("end")
      })
    })
  }
}

const unread = Effect.die("No handler reads it like this")
const unstreamed = Stream.die("No handler reads it like this")

/** A request in memory. `Body` gives it its text. */
class Request extends Inspectable.Class implements HttpServerRequest.HttpServerRequest {
  readonly [HttpServerRequest.TypeId]: typeof HttpServerRequest.TypeId = HttpServerRequest.TypeId
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly source: Arriving
  readonly method: string
  readonly url: string
  readonly headers: Headers.Headers
  readonly protocol = "http"
  readonly cookies = {}
  readonly remoteAddress = Option.none()
  readonly peerAddress = Option.none()
  readonly text = unread
  readonly json = unread
  readonly arrayBuffer = unread
  readonly urlParamsBody = unread
  readonly multipart = unread
  readonly upgrade = unread
  readonly upgradeWith = () => unread
  readonly stream = unstreamed
  readonly multipartStream = unstreamed
  answer: HttpServerResponse.HttpServerResponse | undefined

  constructor(sent: Sent, process: Process) {
    super()
    const headers = headersOf(sent)
    this.source = new Arriving(headers, sent.body, process)
    this.method = sent.method
    this.url = `/api/v1${sent.path}`
    this.headers = Headers.fromInput(headers)
  }

  get originalUrl(): string {
    return this.url
  }

  modify(): Request {
    return this
  }

  toJSON(): unknown {
    return { method: this.method, url: this.url }
  }
}

const decoder = new TextDecoder()

const bodyOf = ({ body }: HttpServerResponse.HttpServerResponse): { readonly [name: string]: unknown } | undefined => {
  switch (body._tag) {
    case "Empty":
      return undefined
    case "Uint8Array":
      return JSON.parse(decoder.decode(body.body))
    default:
      throw new Error(`An answer whose body is ${body._tag}`)
  }
}

const problems = new Map<unknown, (typeof catalogue)[number]>(catalogue.map((row) => [row.code, row]))

/** What a client makes of an answer; dies of what no client should ever see. */
const read = (
  response: HttpServerResponse.HttpServerResponse,
  why: () => string
): Effect.Effect<Answered, { readonly _tag: string }> => {
  const { status, headers } = response
  const body = bodyOf(response)
  if (status < 300) return Effect.succeed({ answer: body, replayed: headers["idempotent-replayed"] === "true" })
  const problem = problems.get(body?.["code"])
  const isWhole =
    problem !== undefined &&
    problem.status === status &&
    body?.["status"] === status &&
    headers["content-type"]?.startsWith("application/problem+json") === true
  if (!isWhole) return Effect.die(`An answer that is no problem: ${status} ${JSON.stringify(body)}`)
  if (status === 500) return Effect.die(why())
  const particulars = Object.fromEntries(problem.fields.map((field) => [field, body?.[field]]))
  return Effect.fail({ ...particulars, _tag: problem.tag })
}

/** What servers of files need, and no handler does. */
const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeHttpPlatform.layer, Etag.layer)

const passwords = Layer.succeed(Passwords, { hash: () => unread, verify: () => unread })

export const layer = (process: Process) =>
  Layer.effect(
    Front,
    Effect.gen(function* () {
      let failure = "a defect that nobody wrote down"
      const logger = Logger.make(({ cause }) => {
        failure = Cause.pretty(cause)
      })
      const answer = (request: HttpServerRequest.HttpServerRequest, response: HttpServerResponse.HttpServerResponse) =>
        Effect.sync(() => request instanceof Request && (request.answer = response))
      const handled = HttpEffect.toHandled(yield* HttpRouter.toHttpEffect(Server.routes), answer)
      const services = (yield* Effect.context<
        Audit | Directory | Gateways | Managers | Orders | Transact | Users
      >()).pipe(Context.add(References.MinimumLogLevel, "Error"), Context.add(Logger.CurrentLoggers, new Set([logger])))
      return ({ operation }: Asked) =>
        Effect.suspend(() => {
          const request = new Request(sentOf(operation), process)
          return Effect.andThen(
            Effect.provideContext(handled, Context.add(services, HttpServerRequest.HttpServerRequest, request)),
            Effect.suspend(() =>
              request.answer === undefined ? Effect.die("No answer") : read(request.answer, () => failure)
            )
          )
        })
    })
  ).pipe(
    Layer.provide([ClaimGuard.layer, Draining.layer, LoginGuard.layer, passwords, platform]),
    Layer.provide(Tokens.layer({ key: { _tag: "Secret", secret: Redacted.make(secret) }, tokenTtlSeconds: never }))
  )
