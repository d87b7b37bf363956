/** Somebody to be and something to buy: what the first start on an empty embedded database adds. */
import { Effect, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { permit, type Role } from "./domain/Authority.ts"
import { RequestKey, userId, uuidOf } from "./domain/Ids.ts"
import { pieces, won } from "./domain/Money.ts"
import { Passwords } from "./http/Passwords.ts"
import { Users } from "./persistence/Users.ts"
import { charge } from "./saga/Charge.ts"
import { createProduct } from "./saga/Products.ts"

export const password = Redacted.make("sluice-demo")
export const buyer = { loginId: "demo-buyer", name: "Demo Buyer", role: "BUYER" } as const
export const seller = { loginId: "demo-seller", name: "Demo Seller", role: "SELLER" } as const

interface Person {
  readonly loginId: string
  readonly name: string
  readonly role: Role
}

/** The user by that login; added if there is none. Nodes that start together agree on one. */
export const ensureUser = Effect.fnUntraced(function* ({ loginId, name, role }: Person, secret: Redacted.Redacted) {
  const users = yield* Users
  const known = yield* users.credentials(loginId)
  if (known !== undefined) return known.user
  const random = yield* SecureRandom.SecureRandom
  const passwords = yield* Passwords
  const user = { userId: userId(yield* random.uuidV7()), loginId, name, role }
  const passwordHash = yield* passwords.hash(Redacted.value(secret))
  return yield* users.register({ ...user, role: permit(role), passwordHash }).pipe(
    Effect.as(user),
    Effect.catchTag("LoginIdTaken", (taken) =>
      Effect.flatMap(users.credentials(loginId), (added) =>
        added === undefined ? Effect.fail(taken) : Effect.succeed(added.user)
      )
    )
  )
})

/** A seller with a sneaker on sale, and a buyer with a million won. */
export const seed = Effect.gen(function* () {
  const { userId: sellerId } = yield* ensureUser(seller, password)
  const { userId: buyerId } = yield* ensureUser(buyer, password)
  yield* createProduct({
    seller: permit(sellerId),
    name: "한정판 스니커즈 · Limited sneaker",
    description: "A hundred pairs, no more.",
    category: "sneakers",
    price: won(129_000),
    stock: pieces(100),
    saleStatus: "ON_SALE"
  })
  const once = uuidOf(buyerId)
  yield* charge({ request: { key: RequestKey(once), bodyHash: once }, user: permit(buyerId), amount: 1_000_000 })
})
