/** Real nodes, as processes of their own, and clients that talk to them over HTTP. */
import { Deferred, Effect, FileSystem, type Option, Schema, Stream } from "effect"
import { freePort } from "../../dev/services/Machine.ts"
import * as Child from "../../dev/Child.ts"

export const secret = "a secret of thirty-two bytes or more"

/** A folder that goes with the scope. */
export const folder = Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped())

/** Starts a node, with its first words; waits until it serves. */
export const start = Effect.fnUntraced(function* (env: Record<string, string>, port?: number) {
  const chosen = port ?? (yield* freePort)
  const child = yield* Child.start({
    args: ["src/main.ts"],
    env: { PORT: String(chosen), JWT_SECRET: secret, LOG_LEVEL: "warn", ...env }
  })
  const words: Array<string> = []
  const listening = yield* Deferred.make<void>()
  yield* child.lines.pipe(
    Stream.runForEach((line) => {
      words.push(line)
      return line.startsWith("Sluice listens on") ? Deferred.succeed(listening, undefined) : Effect.void
    }),
    Effect.ignore,
    Effect.forkScoped
  )
  const ended = child.exitCode.pipe(
    Effect.andThen(child.complaint),
    Effect.flatMap((complaint) => Effect.fail(new Error(complaint)))
  )
  yield* Effect.raceFirst(Deferred.await(listening), ended).pipe(Effect.timeout("30 seconds"))
  const origin = `http://127.0.0.1:${chosen}`
  return {
    origin,
    api: `${origin}/api/v1`,
    port: chosen,
    pid: child.pid,
    words,
    exitCode: child.exitCode,
    signal: (signal: NodeJS.Signals) => Effect.sync(() => process.kill(child.pid, signal))
  }
})

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** An answer, or none: the connection was refused or broke. */
export const call = (
  url: string,
  options: { readonly token?: string; readonly key?: string; readonly body?: unknown; readonly method?: string } = {}
): Effect.Effect<Option.Option<Answer>> =>
  Effect.tryPromise(async (signal) => {
    const { token, key, body, method = body === undefined ? "GET" : "POST" } = options
    const response = await fetch(url, {
      method,
      signal,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { "idempotency-key": key }),
        ...(body === undefined ? {} : { "content-type": "application/json" })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) }
  }).pipe(Effect.option)

const Id = { user: Schema.Struct({ userId: Schema.String }), product: Schema.Struct({ productId: Schema.String }) }
const Token = Schema.Struct({ accessToken: Schema.String })
export const Bought = Schema.Struct({ orderId: Schema.String, balance: Schema.Int })
export const Stocked = Schema.Struct({ stock: Schema.Int })
export const Balance = Schema.Struct({ balance: Schema.Int })

/** The body of an answer that must be there. */
export const expect = <A>(answer: Effect.Effect<Option.Option<Answer>>, schema: Schema.Decoder<A>) =>
  answer.pipe(
    Effect.flatMap(Effect.fromOption),
    Effect.flatMap(({ body }) => Schema.decodeUnknownEffect(schema)(body)),
    Effect.orDie
  )

/** Somebody new, logged in. */
export const person = Effect.fnUntraced(function* (api: string, loginId: string, role: "BUYER" | "SELLER") {
  const password = "correct horse battery"
  const { userId } = yield* expect(call(`${api}/users`, { body: { loginId, name: loginId, password, role } }), Id.user)
  const { accessToken } = yield* expect(call(`${api}/auth/login`, { body: { loginId, password } }), Token)
  return { userId, token: accessToken }
})

/** A buyer with money, and a product to buy. */
export const shop = Effect.fnUntraced(function* (
  api: string,
  { stock, money }: { readonly stock: number; readonly money: number }
) {
  const seller = yield* person(api, "seller", "SELLER")
  const product = { name: "Sneaker", price: 1000, stock }
  const { productId } = yield* expect(call(`${api}/products`, { token: seller.token, body: product }), Id.product)
  const buyer = yield* person(api, "buyer", "BUYER")
  yield* expect(call(`${api}/balances/charge`, { token: buyer.token, key: "charge", body: { amount: money } }), Balance)
  return { buyer, productId }
})

type Shop = Effect.Success<ReturnType<typeof shop>>

export const buy = (api: string, { buyer, productId }: Shop, key: string) =>
  call(`${api}/checkout`, { token: buyer.token, key, body: { items: [{ productId, quantity: 1 }] } })

/** What is left, as the node says. */
export const left = Effect.fnUntraced(function* (api: string, { buyer, productId }: Shop) {
  const { stock } = yield* expect(call(`${api}/products/${productId}`), Stocked)
  const { balance } = yield* expect(call(`${api}/balances/${buyer.userId}`, { token: buyer.token }), Balance)
  return { stock, balance }
})

export const keys = (count: number, prefix = "order"): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, n) => `${prefix}-${n}`)
