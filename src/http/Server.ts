/** The HTTP server: the contract's endpoints, their document and its page, behind one socket with limits. */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiSwagger, OpenApi } from "effect/http-api"
import { Api } from "./api/Api.ts"
import * as Auth from "./Auth.ts"
import { ClaimGuard } from "./ClaimGuard.ts"
import { Draining } from "./Draining.ts"
import * as Edge from "./Edge.ts"
import { Express } from "./Express.ts"
import * as Exchange from "./Exchange.ts"
import * as Audit from "./handlers/Audit.ts"
import * as Balances from "./handlers/Balances.ts"
import * as Callbacks from "./handlers/Callbacks.ts"
import * as Coupons from "./handlers/Coupons.ts"
import * as Managers from "./handlers/Managers.ts"
import * as Orders from "./handlers/Orders.ts"
import * as Payments from "./handlers/Payments.ts"
import * as Products from "./handlers/Products.ts"
import * as Refunds from "./handlers/Refunds.ts"
import * as System from "./handlers/System.ts"
import * as Users from "./handlers/Users.ts"
import { LoginGuard } from "./LoginGuard.ts"
import { Passwords } from "./Passwords.ts"
import * as Socket from "./Socket.ts"

export type Options = Auth.Options & Socket.Options

const cacheable = HttpRouter.middleware((response) =>
  Effect.map(response, HttpServerResponse.setHeader("cache-control", "public, max-age=300"))
).layer

const document = Layer.merge(
  Layer.suspend(() => HttpRouter.add("GET", "/openapi.json", HttpServerResponse.jsonUnsafe(OpenApi.fromApi(Api)))),
  HttpApiSwagger.layer(Api, { path: "/docs" })
).pipe(Layer.provide(cacheable))

const endpoints = HttpApiBuilder.layer(Api).pipe(
  Layer.provide([Users.layer, Managers.layer, Balances.layer, Products.layer, Coupons.layer]),
  Layer.provide([Orders.layer, Payments.layer, Callbacks.layer, Refunds.layer, Audit.layer, System.layer]),
  Layer.provide([Auth.layer, Exchange.layer])
)

/** All that answers, whatever the requests come through. */
export const routes = Layer.merge(endpoints, Edge.layer)

/** The first to go: an answer that does not ask its client to leave would keep the connection, and so the server. */
const draining = Layer.effectDiscard(Effect.flatMap(Draining, ({ begin }) => Effect.addFinalizer(() => begin)))

export const layer = (options: Options) =>
  draining.pipe(
    Layer.provideMerge(
      HttpRouter.serve(Layer.merge(routes, document), {
        disableLogger: true,
        disableListenLog: true,
        routerConfig: { maxParamLength: 16_384 }
      })
    ),
    Layer.provide([Passwords.layer, LoginGuard.layer, ClaimGuard.layer]),
    Layer.provideMerge(Layer.provide(Socket.layer(options), Express.layer)),
    Layer.provide(Auth.Tokens.layer(options)),
    Layer.provide(NodeHttpServer.layerHttpServices)
  )
