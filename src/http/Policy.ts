/**
 * Who may do what: the only place where what a request claims becomes what the engine takes.
 *
 * Paths and bodies decode to claimed ids, tokens to claims, and neither is an id of the domain: a handler that forgets to
 * ask here has nothing to look things up with. Use cases take what is `Permitted`, with the power it is done by, which
 * leaves a row in the audit (decision 13). Either way, what forgets to ask does not compile.
 *
 * What one may not know of does not exist (404); what one may not do is forbidden (403).
 */
import { Brand, Effect, Schema } from "effect"
import { Directory } from "../actors/Directory.ts"
import type { Overloaded, Unavailable } from "../actors/Errors.ts"
import { permit, type Permitted, type Privilege, Role } from "../domain/Authority.ts"
import { CouponNotFound, type GrantOn } from "../domain/Coupon.ts"
import { CouponId, OrderId, ProductId, type UserCouponId, UserId } from "../domain/Ids.ts"
import { asSold, type CancelReason, type Order, partOf } from "../domain/Order.ts"
import { OrderNotFound } from "../domain/OrderLife.ts"
import { ProductNotFound } from "../domain/Product.ts"
import { Tier } from "../domain/Tier.ts"
import { UserNotFound } from "../domain/Wallet.ts"
import { Audit, type AuditQuery } from "../persistence/Audit.ts"
import { Managers } from "../persistence/Managers.ts"
import { Orders, type RefundQuery } from "../persistence/Orders.ts"
import type { PageRequest } from "../persistence/Page.ts"
import { Users } from "../persistence/Users.ts"
import type { CouponScope } from "../saga/Coupons.ts"
import { CouponPermissionDenied, Forbidden, NotAManager, NotASeller, SellerRequired } from "./api/Errors.ts"
import type {
  ClaimedCouponId,
  ClaimedOrderId,
  ClaimedProductId,
  ClaimedRole,
  ClaimedTier,
  ClaimedUserCouponId,
  ClaimedUserId
} from "./api/Fields.ts"
import { type Asker, type Claims, Principal, Visitor } from "./api/Middleware.ts"

const isUserId = Schema.is(UserId)
const isProductId = Schema.is(ProductId)
const isCouponId = Schema.is(CouponId)
const isRole = Schema.is(Role)
const isTier = Schema.is(Tier)
const isOrderId = Schema.is(OrderId)

/** A token's subject was checked with the token. */
const subject = Brand.nominal<UserId>()

/** Whether somebody is still here: a token outlives a withdrawal. */
const isHere = (userId: UserId): Effect.Effect<boolean, Overloaded | Unavailable, Directory> =>
  Effect.flatMap(Directory, ({ read }) => Effect.map(read("wallet", userId), (wallet) => wallet !== undefined))

const active = Effect.fnUntraced(function* (userId: UserId) {
  return (yield* isHere(userId)) ? userId : yield* new UserNotFound({ userId })
})

/** Whether somebody has an ADMIN's right. Whoever has withdrawn is a stranger. */
const administers = ({ role, userId }: Claims): Effect.Effect<boolean, Overloaded | Unavailable, Directory> =>
  role === "ADMIN" ? isHere(subject(userId)) : Effect.succeed(false)

/** The power of the one who asks, over what is somebody's. */
const powerOf = ({ userId, role, act, traceId }: Asker, onBehalfOf: UserId | undefined): Privilege => ({
  actorId: subject(userId),
  role,
  act,
  onBehalfOf,
  traceId: traceId()
})

/** The one who asks, for what anybody may do for themselves. */
export const selfOf = ({ userId }: Claims): UserId => subject(userId)
export const self: Effect.Effect<UserId, never, Principal> = Effect.map(Principal, selfOf)
export const oneself: Effect.Effect<Permitted<UserId>, never, Principal> = Effect.map(self, (userId) => permit(userId))

/** Whoever looks at what is another's is seen doing so. */
const seen = (
  who: Asker,
  owner: UserId | undefined,
  entity: string,
  details: object = {}
): Effect.Effect<void, Unavailable, Audit> =>
  Effect.flatMap(Audit, (audit) => audit.seen({ ...powerOf(who, owner), entity, details }))

/** The user whose things are looked at: oneself, or anybody for an ADMIN. Nobody else is there. */
export const visibleUser = Effect.fnUntraced(function* (
  claimed: ClaimedUserId
): Effect.fn.Return<UserId, UserNotFound | Overloaded | Unavailable, Principal | Directory | Audit> {
  const who = yield* Principal
  if (claimed === who.userId) return subject(claimed)
  if (!(yield* administers(who))) return yield* new UserNotFound({ userId: claimed })
  return yield* Effect.tap(anyUser(claimed), (userId) => seen(who, userId, userId))
})

/** The user who is changed: oneself, or anybody for an ADMIN. Nobody else is there. */
export const changeableUser = (
  claimed: ClaimedUserId
): Effect.Effect<Permitted<UserId>, UserNotFound | Overloaded | Unavailable, Principal | Directory> =>
  Effect.catchTag(actingFor(claimed), "Forbidden", () => Effect.fail(new UserNotFound({ userId: claimed })))

/** The user who withdraws: oneself, or anybody for an ADMIN. With a privilege, also one's own, it is seen. */
export const leavingUser = Effect.fnUntraced(function* (claimed: ClaimedUserId) {
  const who = yield* Principal
  const { of: userId, by } = yield* changeableUser(claimed)
  const isPrivileged = who.role === "MANAGER" || who.role === "ADMIN"
  return permit(userId, by ?? (isPrivileged ? powerOf(who, undefined) : undefined))
})

/** The user something is done for: oneself, or anybody for an ADMIN. */
export const actingForOf = (
  who: Asker,
  claimed: ClaimedUserId | undefined
): Effect.Effect<Permitted<UserId>, Forbidden | UserNotFound | Overloaded | Unavailable, Directory> => {
  if (claimed === undefined || claimed === who.userId) return Effect.succeed(permit(subject(who.userId)))
  return Effect.flatMap(administers(who), (isAllowed): Effect.Effect<Permitted<UserId>, Forbidden | UserNotFound> =>
    isAllowed
      ? Effect.map(anyUser(claimed), (userId) => permit(userId, powerOf(who, userId)))
      : Effect.fail(new Forbidden({ needs: "ADMIN" }))
  )
}
export const actingFor = (claimed: ClaimedUserId | undefined) =>
  Effect.flatMap(Principal, (who) => actingForOf(who, claimed))

/** A user to name, not to look at: so it stays in here. */
const anyUser = (claimed: ClaimedUserId): Effect.Effect<UserId, UserNotFound> =>
  isUserId(claimed) ? Effect.succeed(claimed) : Effect.fail(new UserNotFound({ userId: claimed }))

const administrator = Effect.gen(function* () {
  if (!(yield* administers(yield* Principal))) return yield* new Forbidden({ needs: "ADMIN" })
})

/** A look at the cluster, for an ADMIN. */
export const cluster: Effect.Effect<
  Permitted<"cluster">,
  Forbidden | Overloaded | Unavailable,
  Principal | Directory
> = Effect.as(administrator, permit("cluster"))

/** A look into the audit, for an ADMIN. */
export const auditOf = Effect.fnUntraced(function* (
  actor: ClaimedUserId | undefined,
  query: Omit<AuditQuery, "actorId">
): Effect.fn.Return<Permitted<AuditQuery>, Forbidden | UserNotFound | Overloaded | Unavailable, Principal | Directory> {
  yield* administrator
  return permit({ ...query, actorId: actor === undefined ? undefined : yield* anyUser(actor) })
})

/** A user with a role; unknown to the token, so the database is asked. */
const withRole = Effect.fnUntraced(function* <E>(claimed: ClaimedUserId, role: Role, otherwise: E) {
  const userId = yield* anyUser(claimed)
  const user = yield* Effect.flatMap(Users, (users) => users.get(userId))
  if (user === undefined) return yield* new UserNotFound({ userId })
  return user.role === role ? userId : yield* Effect.fail(otherwise)
})

const anySeller = (claimed: ClaimedUserId) => withRole(claimed, "SELLER", new NotASeller({ userId: claimed }))

/** The seller who gives power: oneself, or any for an ADMIN. To give it is a privilege in any case. */
const delegatingSeller = Effect.fnUntraced(function* (
  claimed: ClaimedUserId
): Effect.fn.Return<
  Permitted<UserId>,
  Forbidden | UserNotFound | NotASeller | Overloaded | Unavailable,
  Principal | Directory | Users
> {
  const who = yield* Principal
  if (yield* administers(who)) {
    const sellerId = yield* anySeller(claimed)
    return permit(sellerId, powerOf(who, sellerId))
  }
  if (who.role !== "SELLER" || claimed !== who.userId) return yield* new Forbidden({ needs: "OWN" })
  return permit(yield* active(subject(who.userId)), powerOf(who, undefined))
})

/** A manager for a seller. */
export const delegation = Effect.fnUntraced(function* (seller: ClaimedUserId, manager: ClaimedUserId) {
  const { of: sellerId, by } = yield* delegatingSeller(seller)
  const managerId = yield* withRole(manager, "MANAGER", new NotAManager({ userId: manager }))
  return permit({ sellerId, managerId }, by)
})

/** A seller's manager no more, whoever that is by now. Managers may leave: nobody asked them when they were assigned. */
export const revocation = Effect.fnUntraced(function* (seller: ClaimedUserId, manager: ClaimedUserId) {
  const who = yield* Principal
  if (who.role === "MANAGER" && manager === who.userId) {
    return permit({ sellerId: yield* anyUser(seller), managerId: subject(manager) }, powerOf(who, undefined))
  }
  const { of: sellerId, by } = yield* delegatingSeller(seller)
  return permit({ sellerId, managerId: yield* anyUser(manager) }, by)
})

type Managing = Principal | Directory | Managers

/** Whether one is shown what a seller only prepares: the seller is, whoever manages for the seller, and an ADMIN. */
export const seesPrepared = Effect.fnUntraced(function* (
  seller: UserId
): Effect.fn.Return<boolean, Overloaded | Unavailable, Visitor | Directory | Managers> {
  const who = yield* Visitor
  if (who === undefined) return false
  const own = subject(who.userId)
  switch (who.role) {
    case "BUYER":
      return false
    case "SELLER":
      return own === seller
    case "MANAGER":
      return yield* (yield* Managers).isAssigned(seller, own)
    case "ADMIN":
      return yield* administers(who)
  }
})

/** A seller whose products are listed, for everybody, and whether what is only prepared is among them. */
export const listedSeller = Effect.fnUntraced(function* (
  claimed: ClaimedUserId | undefined
): Effect.fn.Return<
  { readonly sellerId: UserId | undefined; readonly withPrepared: boolean },
  UserNotFound | Overloaded | Unavailable,
  Visitor | Directory | Managers
> {
  if (claimed === undefined) return { sellerId: undefined, withPrepared: false }
  const sellerId = yield* anyUser(claimed)
  return { sellerId, withPrepared: yield* seesPrepared(sellerId) }
})

/**
 * The seller something new is for: oneself, a seller one was assigned to, or any for an ADMIN. A MANAGER of one seller
 * need not say which.
 */
export const actingSeller = Effect.fnUntraced(function* (
  claimed: ClaimedUserId | undefined
): Effect.fn.Return<
  Permitted<UserId>,
  Forbidden | UserNotFound | NotASeller | SellerRequired | Overloaded | Unavailable,
  Managing | Users
> {
  const who = yield* Principal
  const own = subject(who.userId)
  switch (who.role) {
    case "BUYER":
      return yield* new Forbidden({ needs: "SELLER" })
    case "SELLER":
    case "ADMIN": {
      yield* active(own)
      if (claimed === undefined || claimed === who.userId) return permit(own)
      if (who.role === "SELLER") return yield* new Forbidden({ needs: "ADMIN" })
      const sellerId = yield* anySeller(claimed)
      return permit(sellerId, powerOf(who, sellerId))
    }
    case "MANAGER": {
      const managers = yield* Managers
      if (claimed === undefined) {
        const sellerIds = yield* managers.sellersOf(own)
        const [sellerId, another] = sellerIds
        if (sellerId === undefined) return yield* new Forbidden({ needs: "ASSIGNMENT" })
        return another === undefined
          ? permit(sellerId, powerOf(who, sellerId))
          : yield* new SellerRequired({ sellerIds })
      }
      if (!isUserId(claimed) || !(yield* managers.isAssigned(claimed, own))) {
        return yield* new Forbidden({ needs: "ASSIGNMENT" })
      }
      return permit(claimed, powerOf(who, claimed))
    }
  }
})

/** Those who manage things at all, and are still here. */
const manager = Effect.gen(function* () {
  const { role, userId } = yield* Principal
  if (role === "BUYER") return yield* new Forbidden({ needs: "SELLER" })
  if (role !== "MANAGER") yield* active(subject(userId))
})

/** A seller's thing to manage: one's own, that of a seller one was assigned to, or any for an ADMIN. */
const managed = Effect.fnUntraced(function* <A>(
  thing: A,
  sellerId: UserId | undefined
): Effect.fn.Return<Permitted<A>, Forbidden | Unavailable, Principal | Managers> {
  const who = yield* Principal
  const own = subject(who.userId)
  switch (who.role) {
    case "BUYER":
      return yield* new Forbidden({ needs: "SELLER" })
    case "SELLER":
      return sellerId === own ? permit(thing) : yield* new Forbidden({ needs: "OWN" })
    case "ADMIN":
      return sellerId === own ? permit(thing) : permit(thing, powerOf(who, sellerId))
    case "MANAGER": {
      const { isAssigned } = yield* Managers
      if (sellerId === undefined || !(yield* isAssigned(sellerId, own))) {
        return yield* new Forbidden({ needs: "ASSIGNMENT" })
      }
      return permit(thing, powerOf(who, sellerId))
    }
  }
})

/** A product to look at. */
export const anyProduct = (claimed: ClaimedProductId): Effect.Effect<ProductId, ProductNotFound> =>
  isProductId(claimed) ? Effect.succeed(claimed) : Effect.fail(new ProductNotFound({ productId: claimed }))

/** A product to edit. */
export const managedProduct = Effect.fnUntraced(function* (
  claimed: ClaimedProductId
): Effect.fn.Return<
  Permitted<ProductId>,
  Forbidden | UserNotFound | ProductNotFound | Overloaded | Unavailable,
  Managing
> {
  yield* manager
  const productId = yield* anyProduct(claimed)
  const product = yield* Effect.flatMap(Directory, (directory) => directory.read("product", productId))
  if (product === undefined) return yield* new ProductNotFound({ productId })
  return yield* managed(productId, product.sellerId)
})

/** A coupon to have, or to look at. */
export const anyCoupon = (claimed: ClaimedCouponId): Effect.Effect<CouponId, CouponNotFound> =>
  isCouponId(claimed) ? Effect.succeed(claimed) : Effect.fail(new CouponNotFound({ couponId: claimed }))

/** C-9. */
const permissionDenied = () => Effect.fail(new CouponPermissionDenied())

/** A seller's coupons are for the seller's own products; an ADMIN who names no seller makes them for anybody's (C19). */
const couponSeller = Effect.fnUntraced(function* (claimed: ClaimedUserId | undefined) {
  const who = yield* Principal
  if (claimed !== undefined || !(yield* administers(who))) return yield* actingSeller(claimed)
  return permit(undefined, powerOf(who, undefined))
})

/**
 * What a new coupon is for: all products of its seller, or those that are named. Only an ADMIN may have one given to
 * everybody: otherwise each seller's would come with each registration.
 */
export const couponScope = Effect.fnUntraced(function* (
  seller: ClaimedUserId | undefined,
  claimed: ReadonlyArray<ClaimedProductId>,
  grantOn: GrantOn | undefined
): Effect.fn.Return<
  Permitted<CouponScope>,
  CouponPermissionDenied | UserNotFound | NotASeller | SellerRequired | ProductNotFound | Overloaded | Unavailable,
  Managing | Users
> {
  const { of: sellerId, by } = yield* Effect.catchTag(couponSeller(seller), "Forbidden", permissionDenied)
  const directory = yield* Directory
  const productIds = yield* Effect.forEach(claimed, anyProduct)
  const products = yield* Effect.forEach(productIds, (productId) => directory.read("product", productId), {
    concurrency: 10
  })
  for (const [n, product] of products.entries()) {
    if (product === undefined) return yield* new ProductNotFound({ productId: productIds[n] ?? "" })
    if (sellerId !== undefined && product.sellerId !== sellerId) return yield* new CouponPermissionDenied()
  }
  const who = yield* Principal
  const scope = { createdBy: subject(who.userId), sellerId, productIds, grantOn }
  if (grantOn === undefined) return permit(scope, by)
  return (yield* administers(who)) ? permit(scope, by ?? powerOf(who, undefined)) : yield* permissionDenied()
})

const permittedCoupon = Effect.fnUntraced(function* (couponId: CouponId) {
  const coupon = yield* Effect.flatMap(Directory, (directory) => directory.read("coupon", couponId))
  if (coupon === undefined) return yield* new CouponNotFound({ couponId })
  return yield* Effect.catchTag(managed(couponId, coupon.sellerId), "Forbidden", permissionDenied)
})

/** A coupon to manage: an ADMIN's, who is no seller, is nobody else's. */
export const managedCoupon = Effect.fnUntraced(function* (
  claimed: ClaimedCouponId
): Effect.fn.Return<
  Permitted<CouponId>,
  CouponPermissionDenied | UserNotFound | CouponNotFound | Overloaded | Unavailable,
  Managing
> {
  yield* Effect.catchTag(manager, "Forbidden", permissionDenied)
  return yield* permittedCoupon(yield* anyCoupon(claimed))
})

interface CouponForUser {
  readonly couponId: CouponId
  readonly userId: UserId
}

/** Any coupon, for oneself, or for anybody if an ADMIN asks. */
export const couponFor = (
  who: Asker,
  coupon: ClaimedCouponId,
  user: ClaimedUserId | undefined
): Effect.Effect<
  Permitted<CouponForUser>,
  Forbidden | UserNotFound | CouponNotFound | Overloaded | Unavailable,
  Directory
> =>
  Effect.flatMap(actingForOf(who, user), ({ of: userId, by }) =>
    Effect.map(anyCoupon(coupon), (couponId) => permit({ couponId, userId }, by))
  )

/** A coupon to manage, and anybody to give one of it to: past the queue, and so a privilege in any case. */
export const couponGrant = Effect.fnUntraced(function* (
  coupon: ClaimedCouponId,
  user: ClaimedUserId
): Effect.fn.Return<
  Permitted<CouponForUser>,
  CouponPermissionDenied | UserNotFound | CouponNotFound | Overloaded | Unavailable,
  Managing
> {
  const who = yield* Principal
  const { of: couponId, by = powerOf(who, undefined) } = yield* managedCoupon(coupon)
  return permit({ couponId, userId: yield* anyUser(user) }, by)
})

/** What somebody has of a coupon. */
const hadCoupon = Effect.fnUntraced(function* (user: ClaimedUserId, claimed: ClaimedUserCouponId) {
  const userId = yield* anyUser(user)
  const wallet = yield* Effect.flatMap(Directory, (directory) => directory.read("wallet", userId))
  if (wallet === undefined) return yield* new UserNotFound({ userId })
  const had = wallet.coupons.find(({ userCouponId }) => userCouponId === String(claimed))
  return had === undefined ? yield* new CouponNotFound({}) : { ...had, userId }
})

/**
 * What somebody has of a coupon to manage, to take it away: a privilege in any case, as it is the user's. Who is there,
 * and what they have, is told to an ADMIN alone: to others, what is not theirs to manage is all the same.
 */
export const revocableCoupon = Effect.fnUntraced(function* (
  claimedUser: ClaimedUserId,
  claimed: ClaimedUserCouponId
): Effect.fn.Return<
  Permitted<CouponForUser & { readonly userCouponId: UserCouponId }>,
  CouponPermissionDenied | UserNotFound | CouponNotFound | Overloaded | Unavailable,
  Managing
> {
  const who = yield* Principal
  yield* Effect.catchTag(manager, "Forbidden", permissionDenied)
  const had = yield* Effect.catchTag(hadCoupon(claimedUser, claimed), ["UserNotFound", "CouponNotFound"], (missing) =>
    Effect.fail(who.role === "ADMIN" ? missing : new CouponPermissionDenied())
  )
  const { userId, userCouponId } = had
  const { of: couponId, by = powerOf(who, undefined) } = yield* permittedCoupon(had.couponId)
  return permit({ couponId, userId, userCouponId }, by)
})

/** Of some sellers, those whose things the one who asks manages without being an ADMIN. */
const managedSellers = Effect.fnUntraced(function* (sellers: ReadonlySet<UserId>) {
  const { role, userId } = yield* Principal
  const own = subject(userId)
  if (role === "SELLER") return sellers.has(own) && (yield* isHere(own)) ? [own] : []
  if (role !== "MANAGER") return []
  const { isAssigned } = yield* Managers
  return yield* Effect.filter(sellers, (seller) => isAssigned(seller, own))
})

/** The part of an order that one sold (G14). */
const soldPart = Effect.fnUntraced(function* (order: Order) {
  if ((yield* Principal).role === "BUYER") return { part: undefined, seller: undefined }
  const { read } = yield* Directory
  const lines = yield* Effect.forEach(
    order.lines,
    ({ productId }) => Effect.map(read("product", productId), (product) => ({ productId, seller: product?.sellerId })),
    { concurrency: 10 }
  )
  const sellers = new Set(lines.flatMap(({ seller }) => seller ?? []))
  const theirs = new Set(yield* managedSellers(sellers))
  const sold = new Set(
    lines.flatMap(({ productId, seller }) => (seller !== undefined && theirs.has(seller) ? productId : []))
  )
  return { part: partOf(order, ({ productId }) => sold.has(productId)), seller: theirs.values().next().value }
})

/** An order to look at: one's own, or any for an ADMIN; of others, what one sold. */
export const visibleOrder = Effect.fnUntraced(function* (
  claimed: ClaimedOrderId
): Effect.fn.Return<Order, OrderNotFound | Overloaded | Unavailable, Managing | Orders | Audit> {
  const who = yield* Principal
  const orders = yield* Orders
  const order = isOrderId(claimed) ? yield* orders.get(claimed) : undefined
  if (order === undefined) return yield* new OrderNotFound({ orderId: claimed })
  if (order.userId === subject(who.userId)) return order
  if (yield* administers(who)) return yield* Effect.as(seen(who, order.userId, order.orderId), order)
  const { part, seller } = yield* soldPart(order)
  if (part === undefined || seller === undefined) return yield* new OrderNotFound({ orderId: claimed })
  if (who.role === "MANAGER") yield* seen(who, seller, order.orderId)
  return part
})

/** As its actor has it: nothing is read from the disk for an order that is under way. */
const anyOrder = (
  claimed: ClaimedOrderId
): Effect.Effect<Order, OrderNotFound | Overloaded | Unavailable, Directory> => {
  const missing = Effect.suspend(() => Effect.fail(new OrderNotFound({ orderId: claimed })))
  if (!isOrderId(claimed)) return missing
  return Effect.flatMap(Directory, ({ read }) =>
    Effect.flatMap(read("order", claimed), (state) => (state === undefined ? missing : Effect.succeed(state.order)))
  )
}

/**
 * The order that a gateway's callback names. Anybody may name any: it is for nothing but to have the gateway asked, which
 * the engine does by its own right.
 */
export const namedOrder = (claimed: string): OrderId | undefined => (isOrderId(claimed) ? claimed : undefined)

export interface ChangeableOrder {
  readonly order: Permitted<OrderId>
  /** What its cancellation would be for. */
  readonly reason: CancelReason
  /** What of it is for who asks to see (G14). */
  readonly seen: (order: Order) => Order
  /** Where it goes, as long as that may be told. */
  readonly shippingAddress: string | undefined
}

/** All of it. */
const inFull = (order: Order) => order

/** An order one made, or anybody's for an ADMIN: to pay, to cancel, to ask the money back for. */
export const changeableOrderOf = (
  who: Asker,
  claimed: ClaimedOrderId
): Effect.Effect<ChangeableOrder, OrderNotFound | Overloaded | Unavailable, Directory> =>
  Effect.flatMap(anyOrder(claimed), ({ orderId, userId, shippingAddress }) => {
    const all = { seen: inFull, shippingAddress }
    if (userId === subject(who.userId)) {
      return Effect.succeed<ChangeableOrder>({ order: permit(orderId), reason: "BUYER", ...all })
    }
    return Effect.flatMap(administers(who), (isAllowed): Effect.Effect<ChangeableOrder, OrderNotFound> =>
      isAllowed
        ? Effect.succeed({ order: permit(orderId, powerOf(who, userId)), reason: "ADMIN", ...all })
        : Effect.fail(new OrderNotFound({ orderId: claimed }))
    )
  })
export const changeableOrder = (claimed: ClaimedOrderId) =>
  Effect.flatMap(Principal, (who) => changeableOrderOf(who, claimed))

/** An order of which one sold all lines, or any for an ADMIN: to send, or to take back (G14). */
export const soldOrder = Effect.fnUntraced(function* (
  claimed: ClaimedOrderId
): Effect.fn.Return<ChangeableOrder, Forbidden | OrderNotFound | Overloaded | Unavailable, Managing> {
  const who = yield* Principal
  const missing = new OrderNotFound({ orderId: claimed })
  const order = yield* anyOrder(claimed)
  const { orderId, shippingAddress } = order
  if (yield* administers(who)) {
    return { order: permit(orderId, powerOf(who, order.userId)), reason: "ADMIN", seen: inFull, shippingAddress }
  }
  const { part, seller } = yield* soldPart(order)
  if (part === undefined) {
    // One's own is there, but not to be sent or taken back.
    return yield* order.userId === subject(who.userId) ? new Forbidden({ needs: "SELLER" }) : missing
  }
  // Others sold some of it: what becomes of all of it is an ADMIN's to say.
  if (part.lines.length < order.lines.length) return yield* new Forbidden({ needs: "ADMIN" })
  const by = who.role === "MANAGER" ? powerOf(who, seller) : undefined
  return { order: permit(orderId, by), reason: "SELLER", seen: asSold, shippingAddress }
})

/** An order to cancel: one's own, or one of which one sold all lines. */
export const cancellableOrder = (
  claimed: ClaimedOrderId
): Effect.Effect<ChangeableOrder, Forbidden | OrderNotFound | Overloaded | Unavailable, Managing> =>
  Effect.catchTag(changeableOrder(claimed), "OrderNotFound", () => soldOrder(claimed))

/** A seller whose sales are looked at: oneself, one to whom one was assigned, or any for an ADMIN. Nobody else is there. */
export const visibleSeller = Effect.fnUntraced(function* (
  claimed: ClaimedUserId
): Effect.fn.Return<
  Permitted<UserId>,
  UserNotFound | Overloaded | Unavailable,
  Principal | Directory | Managers | Audit
> {
  const who = yield* Principal
  // Who sells no more, or has withdrawn, looks at nothing that was sold.
  const isSelling = who.role === "SELLER" ? yield* isHere(subject(who.userId)) : who.role !== "BUYER"
  if (!isSelling) return yield* new UserNotFound({ userId: claimed })
  if (who.role === "MANAGER" && isUserId(claimed)) {
    const { isAssigned } = yield* Managers
    if (yield* isAssigned(claimed, subject(who.userId))) {
      yield* seen(who, claimed, claimed)
      return permit(claimed, powerOf(who, claimed))
    }
  }
  return permit(yield* visibleUser(claimed))
})

/** What of a seller's products somebody wants to give back. */
export const requestedRefunds = (claimed: ClaimedUserId, page: PageRequest) =>
  Effect.map(visibleSeller(claimed), ({ of: sellerId, by }) =>
    permit<RefundQuery>({ ...page, status: "REFUND_REQUESTED", sellerId }, by)
  )

/** What an ADMIN wants to see of everybody's. */
const anybodys = Effect.fnUntraced(function* <A>(entity: string, of: A, details?: object) {
  yield* administrator
  const who = yield* Principal
  yield* seen(who, undefined, entity, details)
  return permit(of, powerOf(who, undefined))
})

/** Which refunds of anybody's an ADMIN wants to see. */
export const anybodysRefunds = (query: Omit<RefundQuery, "sellerId">) =>
  anybodys<RefundQuery>("refunds", { ...query, sellerId: undefined }, { status: query.status })

/** Which payments of anybody's, of which nobody knows what became, an ADMIN wants to see. */
export const anybodysPayments = (page: PageRequest) => anybodys("payments", page)

/** Anybody's order, for an ADMIN who settles something by hand. */
export const anybodysOrder = Effect.fnUntraced(function* (
  claimed: ClaimedOrderId
): Effect.fn.Return<Permitted<OrderId>, Forbidden | OrderNotFound | Overloaded | Unavailable, Principal | Directory> {
  yield* administrator
  const who = yield* Principal
  const { orderId, userId } = yield* anyOrder(claimed)
  return permit(orderId, powerOf(who, userId))
})

/** The role a new user gets: buyers and sellers come by themselves, others are made by an ADMIN. */
export const grantedRole = Effect.fnUntraced(function* (
  claimed: ClaimedRole | undefined
): Effect.fn.Return<Permitted<Role>, Forbidden | Overloaded | Unavailable, Visitor | Directory> {
  if (claimed === undefined || claimed === "BUYER") return permit("BUYER")
  if (claimed === "SELLER") return permit("SELLER")
  const who = yield* Visitor
  if (!isRole(claimed) || who === undefined || !(yield* administers(who)))
    return yield* new Forbidden({ needs: "ADMIN" })
  return permit(claimed, powerOf(who, undefined))
})

/** The role a user gets from an ADMIN, who cannot give up being one: so none is left without by a slip. */
export const changedRole = Effect.fnUntraced(function* (
  user: UserId,
  claimed: ClaimedRole
): Effect.fn.Return<Permitted<Role>, Forbidden | Overloaded | Unavailable, Principal | Directory> {
  const who = yield* Principal
  const isSelf = user === subject(who.userId)
  if (!isRole(claimed) || !(yield* administers(who))) return yield* new Forbidden({ needs: "ADMIN" })
  if (isSelf && claimed !== "ADMIN") return yield* new Forbidden({ needs: "ANOTHER_ADMIN" })
  return permit(claimed, powerOf(who, undefined))
})

/** The tier a user gets: from an ADMIN, also an ADMIN's own. */
export const grantedTier = Effect.fnUntraced(function* (
  claimed: ClaimedTier
): Effect.fn.Return<Permitted<Tier>, Forbidden | Overloaded | Unavailable, Principal | Directory> {
  const who = yield* Principal
  if (!isTier(claimed) || !(yield* administers(who))) return yield* new Forbidden({ needs: "ADMIN" })
  return permit(claimed, powerOf(who, undefined))
})
