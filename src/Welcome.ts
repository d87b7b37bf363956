/** What a node says once it serves: where, and how to try it. */
import { Console, Effect, Layer, Option } from "effect"
import { HttpServer } from "effect/http"
import type { Settings } from "./Config.ts"
import * as Demo from "./Demo.ts"
import { Tokens } from "./http/Auth.ts"
import { Catalogue, type CatalogueEntry } from "./persistence/Catalogue.ts"
import { Users } from "./persistence/Users.ts"

const walkThrough = (origin: string, buyer: string, seller: string, { productId, version }: CatalogueEntry) => `
Try it: copy, paste. The tokens are those of demo-buyer and demo-seller (password: sluice-demo), good for a day.

  API=${origin}/api/v1
  BUYER=${buyer}
  SELLER=${seller}
  PRODUCT=${productId}
  N=$(date +%s)

  # register and log in
  curl -s $API/users -H 'content-type: application/json' \\
    -d "{\\"loginId\\":\\"mina-$N\\",\\"name\\":\\"Mina\\",\\"password\\":\\"correct horse battery\\"}"; echo
  curl -s $API/auth/login -H 'content-type: application/json' \\
    -d "{\\"loginId\\":\\"mina-$N\\",\\"password\\":\\"correct horse battery\\"}"; echo

  # charge the wallet, and buy
  curl -s $API/balances/charge -H "authorization: Bearer $BUYER" -H 'content-type: application/json' \\
    -H "idempotency-key: charge-$N" -d '{"amount":300000}'; echo
  curl -s $API/checkout -H "authorization: Bearer $BUYER" -H 'content-type: application/json' \\
    -H "idempotency-key: order-$N" -d "{\\"items\\":[{\\"productId\\":\\"$PRODUCT\\",\\"quantity\\":1}]}"; echo

  # the same request again: the same answer, and no second order
  curl -si $API/checkout -H "authorization: Bearer $BUYER" -H 'content-type: application/json' \\
    -H "idempotency-key: order-$N" -d "{\\"items\\":[{\\"productId\\":\\"$PRODUCT\\",\\"quantity\\":1}]}"; echo

  # put more on sale (a seller's edit names the version it saw)
  curl -s $API/products/$PRODUCT/stock -H "authorization: Bearer $SELLER" -H 'content-type: application/json' \\
    -H 'if-match: "${version}"' -d '{"delta":50}'; echo
`

/** The walk-through, if the demo's people and their product are here and this node makes tokens. */
const invitation = Effect.fnUntraced(function* (origin: string) {
  const users = yield* Users
  const tokens = yield* Tokens
  const catalogue = yield* Catalogue
  const buyer = yield* Effect.fromNullishOr(yield* users.credentials(Demo.buyer.loginId))
  const seller = yield* Effect.fromNullishOr(yield* users.credentials(Demo.seller.loginId))
  const all = { category: undefined, q: undefined, minPrice: undefined, maxPrice: undefined, cursor: undefined }
  const theirs = { sellerId: seller.user.userId, saleStatuses: ["ON_SALE"], inStock: true } as const
  const { items } = yield* catalogue.list({ ...all, ...theirs, sort: "newest", limit: 1 })
  const product = yield* Effect.fromNullishOr(items[0])
  const { accessToken: buyerToken } = yield* tokens.issue(buyer.user)
  const { accessToken: sellerToken } = yield* tokens.issue(seller.user)
  return walkThrough(origin, buyerToken, sellerToken, product)
})

export const layer = ({ databaseUrl, dataDir, environment, host }: Settings) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const port = address._tag === "UnixPathAddress" ? 0 : address.port
      const origin = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`
      const where = databaseUrl === undefined ? `embedded Postgres in ${dataDir}` : "a Postgres server"
      yield* Console.log(
        `Sluice listens on ${origin} (docs: ${origin}/docs), with ${where}. Ctrl-C drains and stops it.`
      )
      if (environment !== "development" || databaseUrl !== undefined) return
      // Without tokens of its own, or before it can read, the node has nothing to hand out.
      const text = yield* Effect.option(invitation(origin))
      if (Option.isSome(text)) yield* Console.log(text.value)
    })
  )
