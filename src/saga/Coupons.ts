/** First come, first served: coupons that users get (seed 003 §4.1), and what sellers do with them. */
import { Effect, Schedule, Schema } from "effect"
import { SecureRandom } from "effect/crypto"
import { Unavailable } from "../actors/Errors.ts"
import type { Permitted } from "../domain/Authority.ts"
import { type CouponCondition, type CouponRefusal, make } from "../domain/Coupon.ts"
import { couponId, CouponId, userCouponId, UserCouponId, UserId } from "../domain/Ids.ts"
import { CouponUndecided } from "../domain/UserCoupon.ts"
import type { WalletRefusal } from "../domain/Wallet.ts"
import { type CouponCodeTaken, Coupons, type NewCoupon as Entry } from "../persistence/Coupons.ts"
import type { Rank } from "../persistence/Journal.ts"
import { iso } from "./Time.ts"
import { type Failure, type Keyed, Transact } from "./Transact.ts"

/** Whose coupon it is, what it is for, and who makes it. */
export type CouponScope = Pick<Entry, "createdBy" | "sellerId" | "productIds">

export type NewCoupon = Omit<Parameters<typeof make>[0], "couponId" | keyof CouponScope> & {
  readonly scope: Permitted<CouponScope>
  readonly name: string
  readonly code: string | undefined
}

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
 * yet, and codes are the database's to tell apart.
 */
export const createCoupon = Effect.fnUntraced(function* ({
  scope: { of: scope, by },
  code,
  name,
  ...terms
}: NewCoupon): Effect.fn.Return<CouponId, CouponCodeTaken | Unavailable, Coupons | SecureRandom.SecureRandom> {
  const random = yield* SecureRandom.SecureRandom
  const id = couponId(yield* random.uuidV7())
  const { createdBy, sellerId, productIds } = scope
  const coupon = make({ ...terms, sellerId, productIds, couponId: id })
  const { create } = yield* Coupons
  yield* create({ ...coupon, name, createdBy, code: code ?? (yield* newCode) }, by)
  return id
})

export interface IssueRequest {
  readonly request: Keyed
  readonly wanted: Permitted<{ readonly couponId: CouponId; readonly userId: UserId }>
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

const isUndecided = (error: unknown): error is CouponUndecided => error instanceof CouponUndecided

/** A commit takes some ten milliseconds; whoever never says how it ended is asked about at the deadline. */
const patience = { schedule: Schedule.spaced("10 millis"), times: 500 }

/** While the last ones are held by steps that are not decided, it is open whether there is one left. */
const whenDecided = <A, E>(hold: Effect.Effect<A, E | CouponUndecided>) =>
  Effect.catchIf(hold, isUndecided, () =>
    Effect.catchIf(Effect.retry(hold, { ...patience, while: isUndecided }), isUndecided, () =>
      Effect.fail(new Unavailable())
    )
  )

/**
 * One coupon for a user: hold one of the quota → hold a place in the user's wallet → commit, which ranks it → settle. In
 * this order, so that who comes too late costs nobody a wallet.
 */
export const issue = ({
  request,
  wanted: {
    of: { couponId: wanted, userId },
    by
  }
}: IssueRequest): Effect.Effect<Issued, CouponRefusal | WalletRefusal | Failure, Transact> =>
  Effect.flatMap(Transact, (transact) =>
    transact.run({
      request,
      by,
      answer: Issue,
      plan: Effect.fnUntraced(function* ({ id, now, hold }) {
        const coupon = yield* whenDecided(hold("coupon", wanted, { _tag: "Issue", at: now }))
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
            status: "ISSUED" as const,
            issuedAt: iso(now),
            validUntil: validity.until === undefined ? null : iso(validity.until)
          }
        }
      })
    })
  ).pipe(
    Effect.flatMap(({ answer: { issuedAt, validUntil, ...answer }, replayed, rank }) =>
      rank === undefined
        ? Effect.die("An issue without a rank")
        : Effect.succeed({ answer: { ...answer, rank, issuedAt, validUntil }, replayed })
    )
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
