/** Node's HTTP server, as Effect's: with limits, with the express lane first, and with an end that cuts off nobody. */
import { NodeHttpServer } from "@effect/platform-node"
import { type Duration, Effect, Layer, Result, Schema, Scope } from "effect"
import { HttpServer } from "effect/http"
import { NetAddress } from "effect/net"
import { createServer, type Server } from "node:http"
import { Express } from "./Express.ts"

export interface Options {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  /** How long closing waits for requests under way. */
  readonly drainWithin: Duration.Input
}

const connectionsMost = 20_000

const node = () => {
  const server = createServer({
    // A token is at most half of it.
    maxHeaderSize: 16_384,
    headersTimeout: 10_000,
    requestTimeout: 20_000,
    connectionsCheckingInterval: 5000,
    // Longer than a load balancer keeps a connection, or it would send requests into closing ones.
    keepAliveTimeout: 75_000
  })
  server.maxConnections = connectionsMost
  server.maxRequestsPerSocket = 0
  return server
}

/** Nobody will hear from clients here. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect()
}) {
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `Sluice cannot listen on HOST and PORT (${this.host}:${this.port}): ${why}`
  }
}

const listen = (server: Server, { host, port }: Options) =>
  Effect.callback<NetAddress.SocketAddress, CannotListen>((resume) => {
    const failed = (cause: unknown) => resume(Effect.fail(new CannotListen({ host, port, cause })))
    server.once("error", failed)
    server.listen({ host, port }, () => {
      server.off("error", failed)
      const address = server.address()
      if (address === null || typeof address === "string") return failed(address)
      Result.match(NetAddress.inetAddressFromIpString(address.address, address.port), {
        onSuccess: (inet) => resume(Effect.succeed(inet)),
        onFailure: failed
      })
    })
  })

export const layer = (options: Options) =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.gen(function* () {
      const express = yield* Express
      const server = node()
      const address = yield* Effect.acquireRelease(listen(server, options), () =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
      )
      // Takes no more connections, and waits for the requests of those there are.
      const drain = Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      }).pipe(Effect.timeoutOption(options.drainWithin))

      return HttpServer.make({
        address,
        serve: Effect.fnUntraced(function* (app) {
          const scope = yield* Effect.scope
          const usual = yield* NodeHttpServer.makeHandler(app, { scope: yield* Scope.fork(scope, "parallel") })
          yield* Effect.addFinalizer(() => drain)
          server.on("request", (request, response) => express(request, response) || usual(request, response))
          server.on("checkContinue", usual)
        })
      })
    })
  )
