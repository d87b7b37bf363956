/**
 * Who may do what: the only place where what a request claims becomes an id the engine takes.
 *
 * Paths and bodies decode to claimed ids, tokens to claims, and neither is an id of the domain. So a handler that
 * forgets to ask here has nothing to call the engine with, and does not compile.
 *
 * What one may not know of does not exist (404); what one may not do is forbidden (403).
 */
import { Brand, Effect, Schema } from "effect"
import { Directory } from "../actors/Directory.ts"
import type { Overloaded, Unavailable } from "../actors/Errors.ts"
import { type Coupon, CouponNotFound } from "../domain/Coupon.ts"
import { CouponId, OrderId, ProductId, type UserCouponId, UserId } from "../domain/Ids.ts"
import type { Order } from "../domain/Order.ts"
import { ProductNotFound } from "../domain/Product.ts"
import { Tier } from "../domain/Tier.ts"
import { UserNotFound } from "../domain/Wallet.ts"
import { Orders } from "../persistence/Orders.ts"
import { Role } from "../persistence/Users.ts"
import { CouponPermissionDenied, Forbidden, OrderNotFound } from "./api/Errors.ts"
import type {
  ClaimedCouponId,
  ClaimedOrderId,
  ClaimedProductId,
  ClaimedRole,
  ClaimedTier,
  ClaimedUserCouponId,
  ClaimedUserId
} from "./api/Fields.ts"
import { type Claims, Principal, Visitor } from "./api/Middleware.ts"

const isUserId = Schema.is(UserId)
const isProductId = Schema.is(ProductId)
const isCouponId = Schema.is(CouponId)
const isRole = Schema.is(Role)
const isTier = Schema.is(Tier)
const isOrderId = Schema.is(OrderId)

/** A token's subject was checked with the token. */
const subject = Brand.nominal<UserId>()

const isAdmin = ({ role }: Claims) => role === "ADMIN"

/** The one who asks, for what anybody may do for themselves. */
export const selfOf = ({ userId }: Claims): UserId => subject(userId)
export const self: Effect.Effect<UserId, never, Principal> = Effect.map(Principal, selfOf)

/** The user whose things are asked for: oneself, or anybody for an ADMIN. Nobody else is there. */
export const visibleUser = (claimed: ClaimedUserId): Effect.Effect<UserId, UserNotFound, Principal> =>
  Effect.flatMap(Principal, (who) =>
    isUserId(claimed) && (claimed === who.userId || isAdmin(who))
      ? Effect.succeed(claimed)
      : Effect.fail(new UserNotFound({ userId: claimed }))
  )

/** The user something is done for: oneself, or anybody for an ADMIN. */
export const actingForOf = (
  who: Claims,
  claimed: ClaimedUserId | undefined
): Effect.Effect<UserId, Forbidden | UserNotFound> => {
  if (claimed === undefined) return Effect.succeed(subject(who.userId))
  if (claimed !== who.userId && !isAdmin(who)) return Effect.fail(new Forbidden())
  return anyUser(claimed)
}
export const actingFor = (
  claimed: ClaimedUserId | undefined
): Effect.Effect<UserId, Forbidden | UserNotFound, Principal> =>
  Effect.flatMap(Principal, (who) => actingForOf(who, claimed))

const anyUser = (claimed: ClaimedUserId): Effect.Effect<UserId, UserNotFound> =>
  isUserId(claimed) ? Effect.succeed(claimed) : Effect.fail(new UserNotFound({ userId: claimed }))

/** The one who asks, as an administrator. */
export const administrator: Effect.Effect<void, Forbidden, Principal> = Effect.flatMap(Principal, (who) =>
  isAdmin(who) ? Effect.void : Effect.fail(new Forbidden())
)

/** The one who asks, as a seller. */
export const seller: Effect.Effect<UserId, Forbidden, Principal> = Effect.flatMap(Principal, ({ userId, role }) =>
  role === "SELLER" || role === "ADMIN" ? Effect.succeed(subject(userId)) : Effect.fail(new Forbidden())
)

/** The one who asks, as a seller who is still here: a token outlives a withdrawal. */
export const activeSeller = Effect.gen(function* () {
  const userId = yield* seller
  const directory = yield* Directory
  return (yield* directory.read("wallet", userId)) === undefined ? yield* new UserNotFound({ userId }) : userId
})

/** A product to look at. */
export const anyProduct = (claimed: ClaimedProductId): Effect.Effect<ProductId, ProductNotFound> =>
  isProductId(claimed) ? Effect.succeed(claimed) : Effect.fail(new ProductNotFound({ productId: claimed }))

/** A product to edit: one's own, or any for an ADMIN. */
export const ownProduct = Effect.fnUntraced(function* (
  claimed: ClaimedProductId
): Effect.fn.Return<
  ProductId,
  Forbidden | UserNotFound | ProductNotFound | Overloaded | Unavailable,
  Principal | Directory
> {
  const user = yield* activeSeller
  const productId = yield* anyProduct(claimed)
  const directory = yield* Directory
  const product = yield* directory.read("product", productId)
  if (product === undefined) return yield* new ProductNotFound({ productId })
  if (product.sellerId !== user && !isAdmin(yield* Principal)) return yield* new Forbidden()
  return productId
})

/** A coupon to have, or to look at. */
export const anyCoupon = (claimed: ClaimedCouponId): Effect.Effect<CouponId, CouponNotFound> =>
  isCouponId(claimed) ? Effect.succeed(claimed) : Effect.fail(new CouponNotFound({ couponId: claimed }))

/** Who may make coupons, and is still here (C-9). */
const couponIssuer = Effect.catchTag(activeSeller, "Forbidden", () => Effect.fail(new CouponPermissionDenied()))

/**
 * What a new coupon is for: a SELLER's for the seller's own products, all or those that are named; an ADMIN's for
 * anybody's (C19).
 */
export const couponScope = Effect.fnUntraced(function* (
  claimed: ReadonlyArray<ClaimedProductId>
): Effect.fn.Return<
  { readonly createdBy: UserId; readonly sellerId: UserId | undefined; readonly productIds: ReadonlyArray<ProductId> },
  CouponPermissionDenied | UserNotFound | ProductNotFound | Overloaded | Unavailable,
  Principal | Directory
> {
  const createdBy = yield* couponIssuer
  const sellerId = isAdmin(yield* Principal) ? undefined : createdBy
  const directory = yield* Directory
  const productIds = yield* Effect.forEach(claimed, anyProduct)
  const products = yield* Effect.forEach(productIds, (productId) => directory.read("product", productId), {
    concurrency: 10
  })
  for (const [n, product] of products.entries()) {
    if (product === undefined) return yield* new ProductNotFound({ productId: productIds[n] ?? "" })
    if (sellerId !== undefined && product.sellerId !== sellerId) return yield* new CouponPermissionDenied()
  }
  return { createdBy, sellerId, productIds }
})

/** Who may have a coupon given to everybody: otherwise each seller's would come with each registration. */
export const couponAutomation = Effect.mapError(
  Effect.suspend(() => administrator),
  () => new CouponPermissionDenied()
)

const managed = Effect.fnUntraced(function* (user: UserId, couponId: CouponId) {
  const coupon = yield* Effect.flatMap(Directory, (directory) => directory.read("coupon", couponId))
  if (coupon === undefined) return yield* new CouponNotFound({ couponId })
  if (coupon.sellerId !== user && !isAdmin(yield* Principal)) return yield* new CouponPermissionDenied()
  return coupon
})

/** A coupon to manage: of one's own products, or any for an ADMIN. */
export const ownCoupon = Effect.fnUntraced(function* (
  claimed: ClaimedCouponId
): Effect.fn.Return<
  Coupon,
  CouponPermissionDenied | UserNotFound | CouponNotFound | Overloaded | Unavailable,
  Principal | Directory
> {
  const user = yield* couponIssuer
  return yield* managed(user, yield* anyCoupon(claimed))
})

/** One of one's own coupons, and anybody to give it to. */
export const couponGrant = (
  claimed: ClaimedCouponId,
  user: ClaimedUserId
): Effect.Effect<
  { readonly couponId: CouponId; readonly userId: UserId },
  CouponPermissionDenied | UserNotFound | CouponNotFound | Overloaded | Unavailable,
  Principal | Directory
> => Effect.flatMap(ownCoupon(claimed), ({ couponId }) => Effect.map(anyUser(user), (userId) => ({ couponId, userId })))

/** What somebody has of one's own coupons, to take it away. */
export const revocableCoupon = Effect.fnUntraced(function* (
  claimedUser: ClaimedUserId,
  claimed: ClaimedUserCouponId
): Effect.fn.Return<
  { readonly userId: UserId; readonly userCouponId: UserCouponId; readonly couponId: CouponId },
  CouponPermissionDenied | UserNotFound | CouponNotFound | Overloaded | Unavailable,
  Principal | Directory
> {
  const user = yield* couponIssuer
  const userId = yield* anyUser(claimedUser)
  const wallet = yield* Effect.flatMap(Directory, (directory) => directory.read("wallet", userId))
  if (wallet === undefined) return yield* new UserNotFound({ userId })
  const known = wallet.coupons.find(({ userCouponId }) => userCouponId === String(claimed))
  if (known === undefined) return yield* new CouponNotFound({})
  const { couponId } = yield* managed(user, known.couponId)
  return { userId, userCouponId: known.userCouponId, couponId }
})

/** An order to look at: one's own, or any for an ADMIN. */
export const visibleOrder = Effect.fnUntraced(function* (
  claimed: ClaimedOrderId
): Effect.fn.Return<Order, OrderNotFound | Unavailable, Principal | Orders> {
  const who = yield* Principal
  const orders = yield* Orders
  const order = isOrderId(claimed) ? yield* orders.get(claimed) : undefined
  if (order !== undefined && (order.userId === subject(who.userId) || isAdmin(who))) return order
  return yield* new OrderNotFound({ orderId: claimed })
})

/** The role a new user gets: buyers and sellers come by themselves, others are made by an ADMIN. */
export const grantedRole = (claimed: ClaimedRole | undefined): Effect.Effect<Role, Forbidden, Visitor> =>
  Effect.flatMap(Visitor, (who): Effect.Effect<Role, Forbidden> => {
    if (claimed === undefined || claimed === "BUYER") return Effect.succeed("BUYER")
    if (claimed === "SELLER") return Effect.succeed("SELLER")
    return isRole(claimed) && who !== undefined && isAdmin(who) ? Effect.succeed(claimed) : Effect.fail(new Forbidden())
  })

/** The tier a user gets: from an ADMIN. */
export const grantedTier = (claimed: ClaimedTier): Effect.Effect<Tier, Forbidden, Principal> =>
  Effect.andThen(administrator, isTier(claimed) ? Effect.succeed(claimed) : Effect.fail(new Forbidden()))
