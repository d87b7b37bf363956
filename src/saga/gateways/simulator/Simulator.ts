/**
 * The gateways, simulated: a real HTTP server that speaks all three protocols, each under its prefix (`/toss`, `/nice`,
 * `/inicis`), checks keys and signatures, and remembers what it took and gave back. No money moves. `Routing.layer` of its
 * `settings` are the gateways it simulates.
 *
 * A payment key is any that contains the order it pays (for Inicis after `fc:`): the order's id itself will do. One that
 * begins like `decline_` makes its approval go like that (`Behaviour`). For people and audits:
 *
 * - `GET /_sim/payments`: what was charged and given back.
 * - `POST /_sim/behaviours` `{ gateway, operation, behaviour, times? }`: how its next calls go.
 * - `POST /_sim/callbacks` `{ url, copies? }`: who is told of every payment from now on, and how often each time;
 *   `{gateway}` in the address is the name of the one that tells.
 */
import { NodeHttpServer, NodeHttpServerRequest } from "@effect/platform-node"
import { ByteSize, Clock, Effect, Redacted, Schema, Scope } from "effect"
import { HttpIncomingMessage, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer, type Server } from "node:http"
import { GatewayName } from "../../../domain/Tender.ts"
import type { InicisSettings } from "../Inicis.ts"
import type { NiceSettings } from "../Nice.ts"
import type { TossSettings } from "../Toss.ts"
import { Behaviour, Operation, processes, Script } from "./Behaviour.ts"
import { type Charge, Charges, leftOf } from "./Charges.ts"
import { type Asked, type Desk, json, type Reply } from "./Desk.ts"
import * as InicisDesk from "./InicisDesk.ts"
import * as NiceDesk from "./NiceDesk.ts"
import * as TossDesk from "./TossDesk.ts"

export interface Options {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  /** Who is told of every payment until it is told otherwise. */
  readonly callbacks?: Callbacks
}

interface Callbacks {
  /** With `{gateway}` for the name of the one that tells. */
  readonly url: string
  /** How often each time. */
  readonly copies: number
}

export interface Simulator {
  /** `http://host:port` */
  readonly url: string
  readonly charges: Readonly<Record<GatewayName, Charges>>
  readonly scripts: Readonly<Record<GatewayName, Script>>
  /** What the adapters need to talk to it. */
  readonly settings: { readonly toss: TossSettings; readonly nice: NiceSettings; readonly inicis: InicisSettings }
}

/** The simulator's, known to everybody. */
const keys = {
  toss: { secretKey: "test_sk_simulator" },
  nice: { clientKey: "S2_simulator", secretKey: "simulator-secret" },
  inicis: { mid: "INIpayTest", signKey: "simulator-sign-key", apiKey: "simulator-api-key" }
}

const bodyMost = ByteSize.kibibytes(64)
const slowMs = 1000
const callbackWithin = "1 second"

const Instruction = json(
  Schema.Struct({
    gateway: GatewayName,
    operation: Operation,
    behaviour: Behaviour,
    times: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })))
  })
)
const Callback = json(
  Schema.Struct({
    url: Schema.String,
    copies: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10 })))
  })
)

const of = <A>(make: (name: GatewayName) => A): Record<GatewayName, A> => ({
  toss: make("toss"),
  nice: make("nice"),
  inicis: make("inicis")
})

/** What a gateway does of what it was asked, and says. */
const carryOut = (desk: Desk, charges: Charges, asked: Asked, behaviour: Behaviour, at: number): Outcome => {
  switch (asked._tag) {
    case "Refuse":
      return { reply: asked.reply }
    case "Approve": {
      const status = behaviour === "decline" ? "DECLINED" : "APPROVED"
      const { paymentKey, orderId, transactionId, idempotencyKey, amount } = asked
      const { charge, again } = charges.charge({
        paymentKey,
        orderId,
        transactionId,
        idempotencyKey,
        status,
        amount,
        at
      })
      const isSame = asked.idempotencyKey !== undefined && charge.idempotencyKey === asked.idempotencyKey
      if (again && !isSame) return { reply: desk.again }
      return { reply: charge.status === "DECLINED" ? desk.declined : desk.approved(charge), touched: charge }
    }
    case "Inquire": {
      const charge = "orderId" in asked.by ? charges.byOrder(asked.by.orderId) : charges.byKey(asked.by.paymentKey)
      return { reply: charge === undefined ? desk.notFound : desk.found(charge) }
    }
    case "Cancel":
      return behaviour === "decline" ? { reply: desk.notCancelable } : giveBack(desk, charges, asked, at)
  }
}

interface Outcome {
  readonly reply: Reply
  /** The charge that has changed. */
  readonly touched?: Charge
}

const giveBack = (desk: Desk, charges: Charges, asked: Asked & { readonly _tag: "Cancel" }, at: number): Outcome => {
  const { transactionId, refundId, amount, leaving } = asked
  const before = charges.byTransaction(transactionId)
  const isMade = before?.refunds.some((refund) => refund.refundId === refundId)
  const wouldLeave = before === undefined ? undefined : leftOf(before) - (amount ?? leftOf(before))
  if (!isMade && leaving !== undefined && wouldLeave !== leaving) return { reply: desk.tooMuch }
  const made = charges.refund(transactionId, { refundId, amount, at })
  switch (made._tag) {
    case "Refunded":
      return { reply: desk.refunded(made.charge, made.refund), touched: made.charge }
    case "Again":
      return { reply: desk.refundedBefore(made.charge, made.refund) }
    case "TooMuch":
      return { reply: desk.tooMuch }
    case "NotFound":
      return { reply: desk.notCancelable }
  }
}

/** The key of the payment that is asked for, as far as the request tells. */
const keyOf = (asked: Asked): string => {
  if (asked._tag === "Approve") return asked.paymentKey
  return asked._tag === "Inquire" && "paymentKey" in asked.by ? asked.by.paymentKey : ""
}

const respond = ({ status, body }: Reply) => HttpServerResponse.jsonUnsafe(body ?? {}, { status })

/** Nobody will hear from the simulator here. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect()
}) {
  override get message() {
    return `The simulated gateways cannot listen on ${this.host}:${this.port}`
  }
}

const listen = (node: Server, { host, port }: Options) =>
  Effect.callback<string, CannotListen>((resume) => {
    node.once("error", (cause) => resume(Effect.fail(new CannotListen({ host, port, cause }))))
    node.listen({ host, port }, () => {
      const address = node.address()
      const bound = typeof address === "object" && address !== null ? address.port : port
      resume(Effect.succeed(`http://${host}:${bound}`))
    })
  })

/** Listens until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  host,
  port,
  callbacks
}: Options): Effect.fn.Return<Simulator, CannotListen, Scope.Scope> {
  const scope = yield* Effect.scope
  const node = createServer()
  const url = yield* Effect.acquireRelease(listen(node, { host, port }), () =>
    Effect.sync(() => {
      node.close()
      node.closeAllConnections()
    })
  )
  const charges = of(() => new Charges())
  const scripts = of(() => new Script())
  const desks = {
    toss: TossDesk.make(keys.toss.secretKey),
    nice: NiceDesk.make(keys.nice.clientKey, keys.nice.secretKey),
    inicis: InicisDesk.make(keys.inicis)
  }
  let callback = callbacks

  const callBack = (name: GatewayName, charge: Charge) => {
    if (callback === undefined) return Effect.void
    const { url: to, copies } = callback
    const { contentType, text: body } = desks[name].notice(charge)
    const send = Effect.tryPromise((signal) =>
      fetch(to.replace("{gateway}", name), {
        method: "POST",
        headers: { "content-type": contentType },
        body,
        signal
      })
    )
    return Effect.forEach(Array.from({ length: copies }), () => Effect.ignore(Effect.timeout(send, callbackWithin)), {
      discard: true
    }).pipe(Effect.forkIn(scope), Effect.asVoid)
  }

  const cut = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.andThen(
      Effect.sync(() => NodeHttpServerRequest.toIncomingMessage(request).socket.destroy()),
      Effect.never
    )
  )

  const serve = Effect.fnUntraced(function* (name: GatewayName, path: string) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { method, headers } = request
    const at = yield* Clock.currentTimeMillis
    const asked = desks[name].hear({ method, path, headers, text: yield* request.text })
    if (asked._tag === "Refuse") return respond(asked.reply)
    const operation = ({ Approve: "approve", Inquire: "inquire", Cancel: "cancel" } as const)[asked._tag]
    const behaviour = scripts[name].behaviourOf(operation, keyOf(asked))
    const { reply, touched } = processes(behaviour)
      ? carryOut(desks[name], charges[name], asked, behaviour, at)
      : { reply: desks[name].busy }
    if (touched !== undefined) yield* callBack(name, touched)
    switch (behaviour) {
      case "answer":
      case "decline":
      case "busy":
        return respond(reply)
      case "slow":
        yield* Effect.sleep(slowMs)
        return respond(reply)
      case "error":
      case "errorAfter":
        return respond({ status: 500, body: undefined })
      case "hang":
      case "hangAfter":
        return yield* Effect.never
      case "cut":
      case "cutAfter":
        return yield* cut
    }
  })

  const control = Effect.fnUntraced(function* (method: string, path: string) {
    const request = yield* HttpServerRequest.HttpServerRequest
    if (method === "GET" && path === "/payments") {
      const payments = GatewayName.literals.flatMap((gateway) =>
        charges[gateway].all.map((charge) => ({ gateway, ...charge, left: leftOf(charge) }))
      )
      return respond({ status: 200, body: { payments } })
    }
    const text = yield* request.text
    const told = path === "/behaviours" ? Instruction(text) : undefined
    if (told !== undefined) {
      scripts[told.gateway].next(told.operation, told.behaviour, told.times)
      return respond({ status: 200, body: told })
    }
    const called = path === "/callbacks" ? Callback(text) : undefined
    if (called === undefined) return respond({ status: 400, body: { message: "See the head of Simulator.ts" } })
    callback = { url: called.url, copies: called.copies ?? 1 }
    return respond({ status: 200, body: callback })
  })

  const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method, url: target }) => {
    const [, first = "", path = "/"] = /^\/([^/?]+)(\/[^?]*)?/.exec(target) ?? []
    if (first === "_sim") return control(method, path)
    const name = GatewayName.literals.find((literal) => literal === first)
    return name === undefined ? Effect.succeed(respond({ status: 404, body: undefined })) : serve(name, path)
  }).pipe(Effect.provideService(HttpIncomingMessage.MaxBodySize, bodyMost))
  // A request ends with its connection. Its fiber may not, when that was cut; so nobody waits for it.
  node.on("request", yield* NodeHttpServer.makeHandler(app, { scope: yield* Scope.make() }))

  return {
    url,
    charges,
    scripts,
    settings: {
      toss: { secretKey: Redacted.make(keys.toss.secretKey), baseUrl: `${url}/toss` },
      nice: {
        clientKey: keys.nice.clientKey,
        secretKey: Redacted.make(keys.nice.secretKey),
        baseUrl: `${url}/nice`
      },
      inicis: {
        mid: keys.inicis.mid,
        signKey: Redacted.make(keys.inicis.signKey),
        apiKey: Redacted.make(keys.inicis.apiKey),
        payUrl: `${url}/inicis`,
        apiUrl: `${url}/inicis`,
        clientIp: "127.0.0.1"
      }
    }
  }
})
