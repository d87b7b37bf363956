/** The HTTP server: the contract's endpoints, their document and its page, behind one socket with limits. */
import { NodeHttpServer } from "@effect/platform-node"
import { type Duration, Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiSwagger, OpenApi } from "effect/http-api"
import { createServer } from "node:http"
import { Api } from "./api/Api.ts"
import * as Auth from "./Auth.ts"
import { Draining } from "./Draining.ts"
import * as Edge from "./Edge.ts"
import * as Exchange from "./Exchange.ts"
import * as Balances from "./handlers/Balances.ts"
import * as Orders from "./handlers/Orders.ts"
import * as Products from "./handlers/Products.ts"
import * as System from "./handlers/System.ts"
import * as Users from "./handlers/Users.ts"
import { LoginGuard } from "./LoginGuard.ts"
import { Passwords } from "./Passwords.ts"

export interface Options extends Auth.Options {
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

/** Finishes what is under way when it closes; what is not done in time is cut off. */
const socket = ({ host, port, drainWithin }: Options) =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.suspend(() => {
      const server = node()
      const cut = Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
      const made = NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: drainWithin })
      return Effect.tap(made, () => cut)
    })
  )

const cacheable = HttpRouter.middleware((response) =>
  Effect.map(response, HttpServerResponse.setHeader("cache-control", "public, max-age=300"))
).layer

const document = Layer.merge(
  Layer.suspend(() => HttpRouter.add("GET", "/openapi.json", HttpServerResponse.jsonUnsafe(OpenApi.fromApi(Api)))),
  HttpApiSwagger.layer(Api, { path: "/docs" })
).pipe(Layer.provide(cacheable))

const endpoints = HttpApiBuilder.layer(Api).pipe(
  Layer.provide([Users.layer, Balances.layer, Products.layer, Orders.layer, System.layer]),
  Layer.provide([Auth.layer, Exchange.layer])
)

/** The first to go: an answer that does not ask its client to leave would keep the connection, and so the server. */
const draining = Layer.effectDiscard(Effect.flatMap(Draining, ({ begin }) => Effect.addFinalizer(() => begin)))

export const layer = (options: Options) =>
  draining.pipe(
    Layer.provideMerge(
      HttpRouter.serve(Layer.mergeAll(endpoints, document, Edge.layer), {
        disableLogger: true,
        disableListenLog: true,
        routerConfig: { maxParamLength: 16_384 }
      })
    ),
    Layer.provide([Auth.Tokens.layer(options), Passwords.layer, LoginGuard.layer]),
    Layer.provideMerge(socket(options)),
    Layer.provide(NodeHttpServer.layerHttpServices)
  )
