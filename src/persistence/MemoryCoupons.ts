import { Clock, Effect, Layer, Order, Struct } from "effect"
import { couponStatus } from "../domain/Coupon.ts"
import { couponId, orderId, userCouponId, userId, uuidOf } from "../domain/Ids.ts"
import { sum, zero } from "../domain/Money.ts"
import { statusAt, type UserCouponStatus } from "../domain/UserCoupon.ts"
import {
  CouponCodeTaken,
  type CouponEntry,
  Coupons,
  createdPayload,
  createdRecord,
  cursor,
  owedForMs,
  type UserCouponEntry,
  userCursor
} from "./Coupons.ts"
import { Rank } from "./Journal.ts"
import { insert } from "./MemoryAudit.ts"
import { type CouponRecord, MemoryTables, type UserCouponRecord } from "./MemoryTables.ts"

const newest = Order.flip(Order.String)

export const layer = Layer.effect(
  Coupons,
  Effect.gen(function* () {
    const tables = yield* MemoryTables
    const { coupons, userCoupons, owedCoupons, orders, outbox, transactions } = tables
    const clock = yield* Clock.Clock
    const now = () => clock.currentTimeMillisUnsafe()
    const entryOf = (id: string, record: CouponRecord): CouponEntry => ({
      ...Struct.omit(record, ["createdBy"]),
      couponId: couponId(id)
    })

    const userEntryOf = (id: string, record: UserCouponRecord): ReadonlyArray<UserCouponEntry> => {
      const coupon = coupons.get(record.coupon)
      if (coupon === undefined) return []
      const { name, discount, minOrderAmount, firstPurchaseOnly, validity } = coupon
      return [
        {
          userCouponId: userCouponId(id),
          couponId: couponId(record.coupon),
          userId: userId(record.user),
          status: statusAt(record.status, validity.until, now()),
          rank: Rank(record.rank),
          orderId: record.order === null ? undefined : orderId(record.order),
          issuedAt: record.issued,
          name,
          discount,
          minOrderAmount,
          firstPurchaseOnly,
          validity
        }
      ]
    }

    return Coupons.of({
      create: (created, by, { key, answered }) =>
        Effect.suspend(() => {
          const { couponId: id, code } = created
          if (transactions.has(key)) return Effect.succeed(false)
          if (Array.from(coupons.values()).some((other) => other.code === code)) {
            return Effect.fail(new CouponCodeTaken({ couponCode: code }))
          }
          coupons.set(uuidOf(id), { ...Struct.omit(created, ["couponId", "held", "pending"]), createdAt: now() })
          const about = { type: "CouponCreated", entity: id, payload: createdPayload(created) }
          outbox.push({ ...about, transactionId: uuidOf(id), createdAt: now() })
          insert(tables, createdRecord(created, by), now())
          const { bodyHash, answer } = answered ?? {}
          transactions.set(key, { id: uuidOf(id), fences: [], bodyHash, answer, createdAt: now() })
          return Effect.succeed(true)
        }),

      get: (id) =>
        Effect.sync(() => {
          const record = coupons.get(uuidOf(id))
          return record === undefined ? undefined : entryOf(uuidOf(id), record)
        }),

      statistics: (id) =>
        Effect.sync(() => {
          const of = Array.from(userCoupons).filter(([, record]) => record.coupon === uuidOf(id))
          const entries = of.flatMap(([uuid, record]) => userEntryOf(uuid, record))
          const called = (status: UserCouponStatus) => entries.filter((entry) => entry.status === status)
          const used = called("USED")
          return {
            issued: entries.length,
            used: used.length,
            held: called("HELD").length,
            refunded: called("REFUNDED").length,
            revoked: called("REVOKED").length,
            expired: called("EXPIRED").length,
            totalDiscount: sum(
              used.map(({ orderId: order }) =>
                order === undefined ? zero : (orders.get(uuidOf(order))?.discountAmount ?? zero)
              )
            )
          }
        }),

      takeOwed: (limit) =>
        Effect.sync(() => {
          const waiting = Array.from(owedCoupons).filter(([, { due }]) => due <= now())
          const taken = waiting.toSorted(([, one], [, other]) => one.due - other.due).slice(0, limit)
          for (const [key, record] of taken) owedCoupons.set(key, { ...record, due: now() + owedForMs })
          return taken.map(([, { user, coupon }]) => ({ userId: userId(user), couponId: couponId(coupon) }))
        }),

      settleOwed: ({ userId: user, couponId: coupon }) =>
        Effect.sync(() => void owedCoupons.delete(`${uuidOf(user)} ${uuidOf(coupon)}`)),

      claimable: (code) =>
        Effect.sync(() => {
          const [id] =
            Array.from(coupons).find(
              ([, record]) =>
                record.code === code &&
                record.issueBy.includes("CODE") &&
                // Whoever comes too late is told so.
                couponStatus({ ...record, issued: 0 }, now()) === "ACTIVE"
            ) ?? []
          return id === undefined ? undefined : couponId(id)
        }),

      issuable: Effect.fnUntraced(function* (request) {
        const after = yield* cursor.read(request)
        const found = Array.from(coupons, ([id, record]) => entryOf(id, record))
          .filter(
            (entry) =>
              entry.issueBy.includes("FIRST_COME") &&
              couponStatus(entry, now()) === "ACTIVE" &&
              (after === undefined || entry.couponId < after)
          )
          .toSorted(Order.mapInput(newest, (entry) => entry.couponId))
        return cursor.page(found, request, (last) => last.couponId)
      }),

      ofSeller: Effect.fnUntraced(function* ({ of: seller }, request) {
        const after = yield* cursor.read(request)
        const found = Array.from(coupons, ([id, record]) => entryOf(id, record))
          .filter((entry) => entry.sellerId === seller && (after === undefined || entry.couponId < after))
          .toSorted(Order.mapInput(newest, (entry) => entry.couponId))
        return cursor.page(found, request, (last) => last.couponId)
      }),

      ofUser: Effect.fnUntraced(function* (user, request) {
        const after = yield* userCursor.read(request)
        const found = Array.from(userCoupons)
          .flatMap(([id, record]) => userEntryOf(id, record))
          .filter(
            (entry) =>
              entry.userId === user &&
              (request.status === undefined || entry.status === request.status) &&
              (after === undefined || entry.userCouponId < after)
          )
          .toSorted(Order.mapInput(newest, (entry) => entry.userCouponId))
        return userCursor.page(found, request, (last) => last.userCouponId)
      })
    })
  })
)
