/** Somebody to be and something to buy, through the API like everybody: a cluster has no demo data of its own. */
import { Effect, Redacted, Schema } from "effect"
import * as People from "../../src/Demo.ts"
import { attempt, unavailable } from "../services/Attempt.ts"

const Registered = Schema.Struct({ userId: Schema.String })
const LoggedIn = Schema.Struct({ accessToken: Schema.String })
const Created = Schema.Struct({ productId: Schema.String })
const Charged = Schema.Struct({ balance: Schema.Int })

interface Question {
  readonly token?: string
  readonly key?: string
  readonly body?: unknown
}

/** The answer of the API at `url`. */
export const ask = <A>(url: string, answer: Schema.Decoder<A>, { token, key, body }: Question = {}) =>
  attempt(`No answer from ${url}`, async (signal) => {
    const response = await fetch(url, {
      signal,
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { "idempotency-key": key }),
        ...(body === undefined ? {} : { "content-type": "application/json" })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return response.json()
  }).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(answer)),
    Effect.mapError(({ message }) => unavailable(`${url}: ${message}`))
  )

export const login = (api: string, loginId: string, password: string) =>
  Effect.map(ask(`${api}/auth/login`, LoggedIn, { body: { loginId, password } }), ({ accessToken }) => accessToken)

/** The demo's buyer with a million won, and its seller with a sneaker on sale. */
export const open = Effect.fnUntraced(function* (api: string) {
  const password = Redacted.value(People.password)
  const join = Effect.fnUntraced(function* (person: typeof People.buyer | typeof People.seller) {
    const { userId } = yield* ask(`${api}/users`, Registered, { body: { ...person, password } })
    return { userId, token: yield* login(api, person.loginId, password) }
  })
  const { token: seller } = yield* join(People.seller)
  const { token: buyer, userId } = yield* join(People.buyer)
  const product = { name: "한정판 스니커즈 · Limited sneaker", category: "sneakers", price: 1000, stock: 1000 }
  const { productId } = yield* ask(`${api}/products`, Created, { token: seller, body: product })
  yield* ask(`${api}/balances/charge`, Charged, { token: buyer, key: "charge", body: { amount: 1_000_000 } })
  return { buyer, userId, productId }
})
