import { Effect, Option, Struct } from "effect"
import { SecureRandom } from "effect/crypto"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Directory } from "../../actors/Directory.ts"
import { TimedOut } from "../../actors/Errors.ts"
import { type CouponCondition, CouponNotFound, couponStatus, type Discount, usageRate } from "../../domain/Coupon.ts"
import type { CouponId, UserId } from "../../domain/Ids.ts"
import { basisPoints, won, zero } from "../../domain/Money.ts"
import { Policy as Limits } from "../../domain/Policy.ts"
import { UserNotFound } from "../../domain/Wallet.ts"
import { type CouponEntry, Coupons, type UserCouponEntry } from "../../persistence/Coupons.ts"
import { Journal } from "../../persistence/Journal.ts"
import { claim, createCoupon, issue, type IssueRequest, revoke, revoked, setCondition } from "../../saga/Coupons.ts"
import { iso } from "../../saga/Time.ts"
import { Api } from "../api/Api.ts"
import type { CouponChange, IssueRequest as IssueBody, NewCoupon } from "../api/Coupons.ts"
import { ValidationFailed } from "../api/Errors.ts"
import { asCreated, replay, withEtag } from "../api/Fields.ts"
import { type Asker, Principal } from "../api/Middleware.ts"
import { ClaimGuard } from "../ClaimGuard.ts"
import { keyed, keyedIf } from "../Idempotency.ts"
import * as Policy from "../Policy.ts"

const time = (ms: number | undefined) => (ms === undefined ? null : iso(ms))

const termsOf = ({ name, discount, minOrderAmount, firstPurchaseOnly, validity }: UserCouponEntry | CouponEntry) => ({
  name,
  discountType: discount._tag,
  discountValue: discount._tag === "FIXED" ? discount.amount : discount.share / 100,
  maxDiscount: discount._tag === "FIXED" ? null : (discount.most ?? null),
  minOrderAmount,
  firstPurchaseOnly,
  validFrom: time(validity.from),
  validUntil: time(validity.until)
})

const shown = (entry: CouponEntry, now: number) => ({
  couponId: entry.couponId,
  ...termsOf(entry),
  sellerId: entry.sellerId ?? null,
  productIds: entry.productIds,
  categories: entry.categories,
  tiers: entry.tiers,
  totalQuantity: entry.totalQuantity,
  issuedQuantity: entry.issued,
  perUserLimit: entry.perUserLimit,
  issueBy: entry.issueBy,
  grantOn: entry.grantOn ?? null,
  issueFrom: time(entry.issue.from),
  issueUntil: time(entry.issue.until),
  status: couponStatus(entry, now),
  version: entry.version,
  createdAt: iso(entry.createdAt)
})

const userCoupon = (entry: UserCouponEntry) => ({
  userCouponId: entry.userCouponId,
  couponId: entry.couponId,
  userId: entry.userId,
  status: entry.status,
  rank: entry.rank,
  ...termsOf(entry),
  ...(entry.orderId === undefined ? {} : { orderId: entry.orderId }),
  issuedAt: iso(entry.issuedAt)
})

const discountOf = ({ discountType, discountValue, maxDiscount }: typeof NewCoupon.Type): Discount =>
  discountType === "FIXED"
    ? { _tag: "FIXED", amount: won(discountValue) }
    : { _tag: "PERCENTAGE", share: basisPoints(discountValue * 100), most: maxDiscount }

const passed = (end: string) =>
  new ValidationFailed({ errors: [{ pointer: `/${end}`, message: "Expected a time that is yet to come" }] })

const conditionOf: Record<(typeof CouponChange.Type)["status"], CouponCondition> = {
  ACTIVE: "OPEN",
  SUSPENDED: "SUSPENDED",
  CANCELLED: "CANCELLED"
}

/** What a wallet can refuse only to whoever asks for money. */
const ofMoney = [
  "InsufficientBalance",
  "WalletUndecided",
  "TooManyUnpaid",
  "BalanceLimitExceeded",
  "BalanceRemaining",
  "OrdersOpen"
] as const

/** What the engine's types allow, and an issue rules out. */
const impossible = ["CouponNotUsable", "CouponNotRevocable", "CouponUndecided", "StaleVersion", ...ofMoney] as const

const issued = (who: UserId, route: string, key: string, payload: object, asked: Omit<IssueRequest, "request">) =>
  Effect.catchTag(issue({ request: keyed(who, route, key, payload), ...asked }), impossible, Effect.die)

export const issueLimited = (who: Asker, key: string, payload: typeof IssueBody.Type) =>
  Effect.flatMap(Policy.couponFor(who, payload.couponId, payload.userId), (wanted) =>
    issued(Policy.selfOf(who), "POST /coupons/issue/limited", key, payload, { wanted, issueBy: "FIRST_COME" })
  )

const addressOf = ({ remoteAddress }: HttpServerRequest.HttpServerRequest) => Option.getOrElse(remoteAddress, () => "")

export const layer = HttpApiBuilder.group(
  Api,
  "coupons",
  Effect.fnUntraced(function* (handlers) {
    const directory = yield* Directory
    const coupons = yield* Coupons
    const journal = yield* Journal
    const random = yield* SecureRandom.SecureRandom
    const { guard, naming } = yield* ClaimGuard

    /** Numbers from the actor, texts from the database, in this order: so the texts are no older than the version. */
    const current = Effect.fnUntraced(function* (couponId: CouponId) {
      const coupon = yield* directory.read("coupon", couponId)
      const entry = coupon === undefined ? undefined : yield* coupons.get(couponId)
      if (coupon === undefined || entry === undefined) return yield* new CouponNotFound({ couponId })
      return { ...shown({ ...entry, ...coupon }, journal.now()), code: entry.code }
    })

    const forAll = (coupon: Effect.Success<ReturnType<typeof current>>) => withEtag(Struct.omit(coupon, ["code"]))

    return handlers.handleAll({
      create: Effect.fnUntraced(function* ({ headers, payload, request }) {
        const who = yield* Policy.self
        const scope = yield* Policy.couponScope(payload.sellerId, payload.productIds ?? [], payload.grantOn)
        const { code, name, totalQuantity } = payload
        if (code !== undefined) yield* naming(who, addressOf(request))
        const { perUserLimit = Limits.coupon.perUserLimit, issueBy = Limits.coupon.issueBy } = payload
        const { answer, replayed } = yield* createCoupon({
          request: keyedIf(who, "POST /coupons", headers["idempotency-key"], payload),
          scope,
          code,
          name,
          discount: discountOf(payload),
          minOrderAmount: payload.minOrderAmount ?? zero,
          firstPurchaseOnly: payload.firstPurchaseOnly ?? false,
          categories: payload.categories ?? [],
          tiers: payload.tiers ?? [],
          totalQuantity,
          perUserLimit,
          issueBy,
          issue: { from: payload.issueFrom, until: payload.issueUntil },
          validity: { from: payload.validFrom, until: payload.validUntil },
          now: journal.now()
        }).pipe(
          Effect.catchTag("CouponOver", ({ end }) => Effect.fail(passed(end))),
          Effect.provideService(SecureRandom.SecureRandom, random),
          Effect.provideService(Coupons, coupons)
        )
        // Whoever cannot be told what became of it must not think that nothing did.
        const entry = yield* Effect.mapError(coupons.get(answer.couponId), () => new TimedOut())
        if (entry === undefined) return yield* Effect.die("A coupon that was made and is not there")
        // As it was when it was made, whatever became of it: whoever repeats the request hears the same.
        const first = shown({ ...entry, condition: "OPEN", issued: 0, version: 1 }, entry.createdAt)
        return asCreated({ ...first, code: entry.code }, replayed)
      }),

      list: Effect.fnUntraced(function* ({ query: { limit, cursor } }) {
        const { items, nextCursor } = yield* coupons.issuable({ limit, cursor })
        return { items: items.map((entry) => shown(entry, journal.now())), nextCursor }
      }),

      read: ({ params }) => Effect.flatMap(Policy.anyCoupon(params.couponId), (id) => Effect.map(current(id), forAll)),

      edit: Effect.fnUntraced(function* ({ params, headers, payload: { status } }) {
        const coupon = yield* Policy.managedCoupon(params.couponId)
        yield* Effect.catchTag(
          setCondition(coupon, headers["if-match"], conditionOf[status]),
          ["RequestInProgress", "KeyReused", "CouponExhausted", "CouponNotUsable", "CouponUndecided"],
          Effect.die
        )
        // Whoever cannot be told what became of it must not think that nothing did.
        const changed = Effect.catchTag(current(coupon.of), ["Overloaded", "Unavailable"], () =>
          Effect.fail(new TimedOut())
        )
        return forAll(yield* changed)
      }),

      statistics: Effect.fnUntraced(function* ({ params }) {
        const { of: couponId } = yield* Policy.managedCoupon(params.couponId)
        const counted = yield* coupons.statistics(couponId)
        return { couponId, ...counted, usageRate: usageRate(counted) }
      }),

      issueLimited: ({ headers, payload }) =>
        Effect.flatMap(Principal, (who) => Effect.map(issueLimited(who, headers["idempotency-key"], payload), replay)),

      claim: Effect.fnUntraced(function* ({ headers, payload, request }) {
        const user = yield* Policy.oneself
        const asked = keyed(user.of, "POST /coupons/claim", headers["idempotency-key"], payload)
        const claimed = Effect.provideService(claim({ request: asked, code: payload.code, user }), Coupons, coupons)
        return replay(yield* guard(user.of, addressOf(request), Effect.catchTag(claimed, impossible, Effect.die)))
      }),

      issue: Effect.fnUntraced(function* ({ headers, payload }) {
        const who = yield* Policy.self
        const wanted = yield* Policy.couponGrant(payload.couponId, payload.userId)
        const key = headers["idempotency-key"]
        return replay(yield* issued(who, "POST /coupons/issue", key, payload, { wanted, issueBy: "GRANT" }))
      }),

      revoke: Effect.fnUntraced(function* ({ headers, payload }) {
        const request = keyed(yield* Policy.self, "POST /coupons/revoke", headers["idempotency-key"], payload)
        const before = yield* revoked(request)
        if (before !== undefined) return replay(before)
        const coupon = yield* Policy.revocableCoupon(payload.userId, payload.userCouponId)
        const never = ["CouponNotUsable", "CouponAlreadyIssued", "CouponUndecided", "WalletFull", ...ofMoney] as const
        return replay(yield* Effect.catchTag(revoke({ request, coupon, reason: payload.reason }), never, Effect.die))
      }),

      ofSeller: Effect.fnUntraced(function* ({ params, query: { limit, cursor } }) {
        const seller = yield* Policy.visibleSeller(params.sellerId)
        const { items, nextCursor } = yield* coupons.ofSeller(seller, { limit, cursor })
        return { items: items.map((entry) => ({ ...shown(entry, journal.now()), code: entry.code })), nextCursor }
      }),

      ofUser: Effect.fnUntraced(function* ({ params, query: { limit, cursor, status } }) {
        const user = yield* Policy.visibleUser(params.userId)
        if ((yield* directory.read("wallet", user)) === undefined) return yield* new UserNotFound({ userId: user })
        const { items, nextCursor } = yield* coupons.ofUser(user, { limit, cursor, status })
        return { items: items.map(userCoupon), nextCursor }
      })
    })
  })
)
