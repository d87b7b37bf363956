/** First come, first served: coupons that users get (seed 003 §4.1), and what sellers do with them. */
import { Effect, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { Unavailable } from "../actors/Errors.ts"
import type { Permitted, Privilege } from "../domain/Authority.ts"
import {
  type CouponCondition,
  type Coupon,
  CouponNotFound,
  CouponNotIssuable,
  type CouponOver,
  type CouponRefusal,
  isForTier,
  type IssueBy,
  make,
  overAlready
} from "../domain/Coupon.ts"
import { couponId, CouponId, RequestKey, userCouponId, UserCouponId, UserId } from "../domain/Ids.ts"
import { UserNotFound, type WalletRefusal } from "../domain/Wallet.ts"
import { type CouponCodeTaken, Coupons, type NewCoupon as Entry } from "../persistence/Coupons.ts"
import type { Rank } from "../persistence/Journal.ts"
import { Users } from "../persistence/Users.ts"
import { iso } from "./Time.ts"
import {
  type Answer,
  type Attempt,
  type Failure,
  type Interruption,
  type Keyed,
  type Outcome,
  Transact
} from "./Transact.ts"
import { whenDecided } from "./Waiters.ts"

/** Whose coupon it is, what it is for, who makes it, and whether users get it by themselves. */
export type CouponScope = Pick<Entry, "createdBy" | "sellerId" | "productIds" | "grantOn">

export type NewCoupon = Omit<Parameters<typeof make>[0], "couponId" | keyof CouponScope> & {
  readonly scope: Permitted<CouponScope>
  readonly name: string
  readonly code: string | undefined
  /** By the database's clock, in milliseconds since 1970. */
  readonly now: number
  /** `undefined`: whoever asks again makes another one. */
  readonly request?: Keyed | undefined
}

const Created = Schema.Struct({ couponId: CouponId })

/** 32 characters that nobody mistakes for one another: 5 bits each. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
/** 100 bits, so a code can't be guessed (I14). */
const codeLength = 20

const newCode = Effect.map(
  Effect.flatMap(SecureRandom.SecureRandom, (random) => random.randomBytes(codeLength)),
  (bytes) => Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join("")
)

/**
 * Adds a coupon, with the code given or one of its own. Nothing is held for it: nobody can ask for what is not there
 * yet, and codes and keys are the database's to tell apart.
 */
export const createCoupon = Effect.fnUntraced(function* ({
  scope: { of: scope, by },
  code,
  name,
  request,
  now,
  ...terms
}: NewCoupon): Effect.fn.Return<
  Answer<typeof Created.Type>,
  CouponCodeTaken | CouponOver | Failure,
  Coupons | SecureRandom.SecureRandom | Transact
> {
  const { answered } = yield* Transact
  const over = overAlready(terms, now)
  // Made in time, and asked for again since.
  if (over !== undefined) return (yield* answered({ request, answer: Created })) ?? (yield* over)
  const random = yield* SecureRandom.SecureRandom
  const uuid = yield* random.uuidV7()
  const id = couponId(uuid)
  const answer = { couponId: id }
  const once = {
    key: request?.key ?? RequestKey(uuid),
    answered: request && { bodyHash: request.bodyHash, answer: JSON.stringify(answer) }
  }
  const { createdBy, sellerId, productIds, grantOn } = scope
  const coupon = make({ ...terms, sellerId, productIds, couponId: id })
  const { create } = yield* Coupons
  const entry = { ...coupon, name, grantOn, createdBy, code: code ?? (yield* newCode) }
  const isFirst = yield* create(entry, by, once)
  if (isFirst) return { answer, replayed: false }
  return (yield* answered({ request, answer: Created })) ?? (yield* new Unavailable())
})

/** Of a coupon for some tiers only; a change of tier holds from the next issue on. */
const checkTier = Effect.fnUntraced(function* ({ get }: Users["Service"], coupon: Coupon, userId: UserId) {
  const user = yield* get(userId)
  if (user === undefined) return yield* new UserNotFound({ userId })
  if (!isForTier(coupon, user.tier)) return yield* new CouponNotIssuable({ couponStatus: "ACTIVE", reason: "TIER" })
})

export interface IssueRequest {
  readonly request: Keyed
  readonly wanted: Permitted<{ readonly couponId: CouponId; readonly userId: UserId }>
  readonly issueBy: IssueBy
}

const Issue = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: Schema.Literal("ISSUED"),
  /** RFC 3339. */
  issuedAt: Schema.String,
  validUntil: Schema.NullOr(Schema.String)
})

export interface Issued {
  readonly answer: typeof Issue.Type & { readonly rank: Rank }
  readonly replayed: boolean
}

/**
 * One coupon for a user: hold one of the quota → hold a place in the user's wallet → commit, which ranks it → settle. In
 * this order, so that who comes too late costs nobody a wallet.
 */
export const issue = ({
  request,
  wanted: { of: wanted, by },
  issueBy
}: IssueRequest): Effect.Effect<Issued, CouponRefusal | WalletRefusal | Failure, Transact | Users> =>
  issueFound({ request, userId: wanted.userId, by, issueBy, find: Effect.succeed(wanted.couponId) })

export interface ClaimRequest {
  readonly request: Keyed
  readonly code: string
  readonly user: Permitted<UserId>
}

/**
 * The coupon of a code. A code that is unknown and one that is not to be had by now are the same, and cost the same
 * (I14); also when it is closed while it is being claimed.
 */
export const claim = ({
  code,
  user: { of: userId, by },
  request
}: ClaimRequest): Effect.Effect<
  Issued,
  Exclude<CouponRefusal, CouponNotIssuable> | WalletRefusal | Failure,
  Transact | Users | Coupons
> =>
  Effect.flatMap(Coupons, ({ claimable }) => {
    const none = Effect.fail(new CouponNotFound({}))
    const find = Effect.flatMap(claimable(code), (found) => (found === undefined ? none : Effect.succeed(found)))
    const issued = issueFound({ request, userId, by, issueBy: "CODE", find })
    return Effect.catchTag(issued, "CouponNotIssuable", () => none)
  })

interface Wanted {
  readonly request: Keyed
  readonly userId: UserId
  readonly by: Privilege | undefined
  readonly issueBy: IssueBy
  /** By the attempt: so a repetition is answered as the first time, whatever became of the coupon. */
  readonly find: Effect.Effect<CouponId, CouponNotFound | Unavailable>
}

const issueFound = (wanted: Wanted): Effect.Effect<Issued, CouponRefusal | WalletRefusal | Failure, Transact | Users> =>
  Effect.flatMap(Transact, (transact) =>
    Effect.flatMap(Users, (users) => {
      const { request, by } = wanted
      return transact.run({ request, by, answer: Issue, plan: (attempt) => planIssue(attempt, wanted, users) })
    })
  ).pipe(
    Effect.flatMap(({ answer: { issuedAt, validUntil, ...answer }, replayed, rank }) =>
      rank === undefined
        ? Effect.die("An issue without a rank")
        : Effect.succeed({ answer: { ...answer, rank, issuedAt, validUntil }, replayed })
    )
  )

const planIssue = Effect.fnUntraced(function* (
  { id, now, hold }: Attempt,
  { userId, issueBy, find }: Wanted,
  users: Users["Service"]
): Effect.fn.Return<Outcome<typeof Issue.Type>, CouponRefusal | WalletRefusal | Interruption> {
  const wanted = yield* find
  const coupon = yield* whenDecided(hold("coupon", wanted, { _tag: "Issue", at: now, by: issueBy }))
  if (coupon.tiers.length > 0) yield* checkTier(users, coupon, userId)
  const { perUserLimit: limit, validity } = coupon
  const created = { userCouponId: userCouponId(id), couponId: wanted }
  const { slot } = yield* whenDecided(hold("wallet", userId, { _tag: "Receive", ...created, limit }))
  if (slot === undefined) return yield* Effect.die("A coupon received without a slot")
  return {
    changes: [{ _tag: "CouponIssued", ...created, userId, slot, issuedAt: now }],
    events: [{ type: "CouponIssued", entity: created.userCouponId, payload: { couponId: wanted, userId } }],
    answer: {
      ...created,
      userId,
      status: "ISSUED",
      issuedAt: iso(now),
      validUntil: validity.until === undefined ? null : iso(validity.until)
    }
  }
})

export interface RevokeRequest {
  readonly request: Keyed
  readonly coupon: Permitted<{
    readonly userId: UserId
    readonly userCouponId: UserCouponId
    readonly couponId: CouponId
  }>
  readonly reason: string
}

const Revocation = Schema.Struct({
  userCouponId: UserCouponId,
  couponId: CouponId,
  userId: UserId,
  status: Schema.Literal("REVOKED"),
  reason: Schema.String,
  /** RFC 3339. */
  revokedAt: Schema.String
})

/** What a revocation was answered before, if it was: its user, and so the coupon, may have gone since. */
export const revoked = (request: Keyed): Effect.Effect<Answer<typeof Revocation.Type> | undefined, Failure, Transact> =>
  Effect.flatMap(Transact, ({ answered }) => answered({ request, answer: Revocation }))

/** Takes a coupon away from its user, for good (C-20). It was issued all the same, and its rank stays taken. */
export const revoke = ({
  request,
  coupon: {
    of: { userId, userCouponId: id, couponId: of },
    by
  },
  reason
}: RevokeRequest): Effect.Effect<Answer<typeof Revocation.Type>, WalletRefusal | Failure, Transact> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      request,
      by,
      answer: Revocation,
      plan: Effect.fnUntraced(function* ({ now, hold }) {
        yield* whenDecided(hold("wallet", userId, { _tag: "Revoke", userCouponId: id }))
        return {
          changes: [{ _tag: "CouponRevoked", userCouponId: id, userId, reason }],
          events: [{ type: "CouponRevoked", entity: id, payload: { couponId: of, userId, reason } }],
          answer: { userCouponId: id, couponId: of, userId, status: "REVOKED" as const, reason, revokedAt: iso(now) }
        }
      })
    })
  )

const CouponAnswer = Schema.Struct({ couponId: CouponId, version: Schema.Int })

/** Suspends a coupon, opens it again, or cancels it for good (C17). */
export const setCondition = (
  { of: coupon, by }: Permitted<CouponId>,
  version: number,
  condition: CouponCondition
): Effect.Effect<void, CouponRefusal | Failure, Transact> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      by,
      answer: CouponAnswer,
      plan: Effect.fnUntraced(function* ({ hold }) {
        yield* hold("coupon", coupon, { _tag: "Edit", version, edit: { condition } })
        return {
          changes: [{ _tag: "CouponEdited", couponId: coupon, edit: { condition } }],
          events: [{ type: "CouponEdited", entity: coupon, payload: { condition } }],
          answer: { couponId: coupon, version: version + 1 }
        }
      })
    })
  ).pipe(Effect.asVoid)
