/**
 * A small balancer: requests go in turn to the nodes that say they are ready, as streams. One that fails goes to another
 * node only if it did not get anywhere, or if doing it twice is doing it once; else its client is told.
 */
import { Effect, Schedule } from "effect"
import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request as send } from "node:http"
import type { Server, ServerResponse } from "node:http"
import { pipeline } from "node:stream"
import { attempt } from "../services/Attempt.ts"
import { rendered } from "../../src/http/Problem.ts"
import { traceIdOf } from "../../src/http/Reader.ts"
import { Unavailable } from "../../src/persistence/Failures.ts"
import { Body } from "./Body.ts"
import { choose, isHarmless, mayRepeat, type Reached } from "./Choice.ts"

/** What a node last said of itself. */
export type Health = "Ready" | "NotReady" | "Gone" | "Silent"

export interface Target {
  readonly name: string
  readonly port: number
}

export interface Options {
  readonly port: number
  readonly targets: ReadonlyArray<Target>
  readonly onChange: (target: Target, health: Health) => void
}

const host = "127.0.0.1"
const checkEvery = "250 millis"
/** A node that says nothing for so long is given up, with the requests it has not answered. */
const silentAfter = "1 second"
/** Longer than a node lets a request take. */
const answerWithinMs = 15_000
const connectionsMost = 4096
const idleMost = 256
const closeWithin = "2 seconds"

interface Node extends Target {
  health: Health
  readonly unanswered: Set<() => void>
}

/** Listens until the scope closes. */
export const make = Effect.fnUntraced(function* ({ port, targets, onChange }: Options) {
  const nodes = targets.map((target): Node => ({ ...target, health: "Gone", unanswered: new Set() }))
  const become = (node: Node, health: Health) => {
    if (node.health === health) return
    node.health = health
    onChange(node, health)
    if (health === "Silent") for (const giveUp of node.unanswered) giveUp()
  }
  const agent = yield* Effect.acquireRelease(
    // Each connection of a client has one request under way.
    Effect.sync(() => new Agent({ keepAlive: true, maxSockets: connectionsMost, maxFreeSockets: idleMost })),
    (pool) => Effect.sync(() => pool.destroy())
  )
  const server = createServer(
    { maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 20_000, keepAliveTimeout: 10_000 },
    forward(nodes, agent, become)
  )
  server.maxConnections = connectionsMost
  yield* Effect.acquireRelease(listen(server, port), () => close(server))
  yield* Effect.forEach(nodes, (node) =>
    Effect.map(health(node.port), (found) => become(node, found)).pipe(
      Effect.repeat(Schedule.spaced(checkEvery)),
      Effect.forkScoped
    )
  )
  return { healthOf: (name: string) => nodes.find((node) => node.name === name)?.health ?? "Gone" }
})

const listen = (server: Server, port: number) =>
  attempt(
    `The balancer cannot listen on ${host}:${port}`,
    () =>
      new Promise<void>((resolve, reject) => {
        server.once("error", reject)
        server.listen({ host, port }, resolve)
      })
  )

const close = (server: Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  }).pipe(Effect.timeoutOption(closeWithin), Effect.andThen(Effect.sync(() => server.closeAllConnections())))

const health = (port: number): Effect.Effect<Health> =>
  Effect.tryPromise(async (signal): Promise<Health> => {
    const response = await fetch(`http://${host}:${port}/health/ready`, { signal })
    await response.arrayBuffer()
    return response.ok ? "Ready" : "NotReady"
  }).pipe(
    Effect.orElseSucceed((): Health => "Gone"),
    Effect.timeoutOrElse({ duration: silentAfter, orElse: () => Effect.succeed<Health>("Silent") })
  )

const forward = (nodes: ReadonlyArray<Node>, agent: Agent, become: (node: Node, health: Health) => void) => {
  let turn = 0
  return (request: IncomingMessage, response: ServerResponse) => {
    const { method = "GET", url = "/" } = request
    const keyed = request.headers["idempotency-key"] !== undefined
    const body = new Body(request)
    const asked = new Set<Node>()

    const ask = () => {
      const node = choose(
        nodes.filter((candidate) => candidate.health === "Ready" && !asked.has(candidate)),
        turn++
      )
      if (node === undefined) return unavailable(request, response)
      asked.add(node)
      let reached: Reached = "Nobody"
      let over = false
      const headers = requestHeaders(request.headers)
      const outgoing = send({ agent, host, port: node.port, method, path: url, headers, timeout: answerWithinMs })
      const giveUp = () => void outgoing.destroy()
      const failed = () => {
        body.stop(outgoing)
        // An answer that breaks off is the pipeline's business.
        if (reached === "Answer" || response.destroyed || over) return
        over = true
        if (reached === "Nobody") become(node, "Gone")
        if (body.canRepeat && mayRepeat({ method, keyed, reached })) return ask()
        return isHarmless({ method, keyed }) ? unavailable(request, response) : lost(request, response)
      }
      node.unanswered.add(giveUp)
      response.once("close", giveUp)
      outgoing.once("close", () => {
        node.unanswered.delete(giveUp)
        response.off("close", giveUp)
      })
      outgoing.on("error", failed)
      outgoing.once("timeout", giveUp)
      outgoing.once("socket", (socket) => {
        const begin = () => {
          reached = "Node"
          body.sendTo(outgoing)
        }
        if (socket.connecting) socket.once("connect", begin)
        else begin()
      })
      outgoing.once("response", (incoming) => {
        reached = "Answer"
        node.unanswered.delete(giveUp)
        response.writeHead(incoming.statusCode ?? 502, endToEnd(incoming.headers))
        // A node that dies while it answers leaves half an answer: the client must see that it is none.
        pipeline(incoming, response, (error) => error && response.destroy())
      })
    }
    ask()
  }
}

const ofOneHop = new Set(
  "connection keep-alive te trailer transfer-encoding upgrade expect proxy-connection proxy-authenticate".split(" ")
)

const endToEnd = (headers: IncomingHttpHeaders) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ofOneHop.has(name)))

/** A body without a length stays one: else its bytes would be taken for the next request. */
const requestHeaders = (headers: IncomingHttpHeaders) =>
  headers["transfer-encoding"] === undefined
    ? endToEnd(headers)
    : { ...endToEnd(headers), "transfer-encoding": "chunked" }

/** There is nobody to ask, and asking again is harmless. */
const unavailable = (request: IncomingMessage, response: ServerResponse) => {
  const { status, headers, body } = rendered(new Unavailable(), request)
  response.writeHead(status, headers).end(body)
}

/** The node went away with the request, and may have carried it out. */
const lost = (request: IncomingMessage, response: ServerResponse) => {
  const title = "The node went away: nobody knows whether the request was carried out"
  const said = { type: "urn:sluice:problem:node-lost", title, detail: title, status: 502, code: "NODE_LOST" }
  response
    .writeHead(502, { "content-type": "application/problem+json; charset=utf-8", "content-language": "en" })
    .end(JSON.stringify({ ...said, traceId: traceIdOf(request), retryable: false }))
}
