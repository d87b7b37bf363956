import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { Directory } from "../../src/actors/Directory.ts"
import { partitionOf } from "../../src/actors/Placement.ts"
import { permit } from "../../src/domain/Authority.ts"
import { basisPoints, won } from "../../src/domain/Money.ts"
import { setCondition } from "../../src/saga/Coupons.ts"
import { buy, offered, onSale, take, user } from "../saga/Engine.ts"
import { World } from "./Nodes.ts"

const quota = 20

/** Three nodes, a coupon, and people whose wallets are all over them. */
const scene = Effect.gen(function* () {
  const world = yield* World.make
  for (const address of ["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]) yield* world.boot(address)
  yield* world.until(() => world.settled)
  yield* world.pass(2000)
  const [first] = world.nodes
  assert.isDefined(first)
  const coupon = yield* world.run(
    first.on(
      offered({
        totalQuantity: quota,
        discount: { _tag: "PERCENTAGE", share: basisPoints(1000), most: won(500) },
        categories: [],
        validity: { from: undefined, until: 4_000_000_000_000 }
      })
    )
  )
  const people = yield* Effect.forEach(Array.from({ length: 2 * quota }), (_, n) =>
    world.run(first.on(user(n, 10_000)))
  )
  const [owner] = world.ownersOf(partitionOf("coupon", coupon, world.partitions.length))
  const other = world.nodes.find((node) => node !== owner)
  assert.isDefined(other)
  return { world, coupon, people, other }
})

const ranksOf = ({ tables }: World) =>
  Array.from(tables.userCoupons.values(), ({ rank }) => rank).toSorted((a, b) => a - b)

describe("A coupon, asked for at any node", () => {
  it.effect("is issued exactly as often as there is one, and everybody learns of it", () =>
    Effect.gen(function* () {
      const { world, coupon, people } = yield* scene
      const asked = people.flatMap((who, n) =>
        world.nodes.map((node, m) => Effect.result(node.on(take(coupon, who, 10 * n + m))))
      )
      const answers = yield* world.run(Effect.all(asked, { concurrency: asked.length }))
      assert.lengthOf(answers.filter(Result.isSuccess), quota)
      for (const answer of answers) {
        if (Result.isFailure(answer)) {
          assert.include(["CouponAlreadyIssued", "CouponExhausted"], answer.failure._tag)
        }
      }
      assert.deepStrictEqual(
        ranksOf(world),
        Array.from({ length: quota }, (_, n) => n + 1)
      )
      for (const node of world.nodes) {
        const state = yield* world.run(node.on(Effect.flatMap(Directory, ({ read }) => read("coupon", coupon))))
        assert.deepInclude(state, { issued: quota, held: 0 })
      }
    })
  )

  it.effect("is used, and refused, as it would be at home", () =>
    Effect.gen(function* () {
      const { world, coupon, people, other } = yield* scene
      const [buyer] = people
      assert.isDefined(buyer)
      const product = yield* world.run(other.on(onSale(10, 3000)))
      const { answer } = yield* world.run(other.on(take(coupon, buyer, 1)))
      assert.strictEqual<number>(answer.rank, 1)
      const { userCouponId } = answer
      yield* world.run(other.on(setCondition(permit(coupon), 1, "SUSPENDED")))
      const suspended = yield* world.run(Effect.flip(other.on(buy({ key: 1, buyer, product, userCouponId }))))
      assert.deepInclude(suspended, { _tag: "CouponNotUsable", reason: "SUSPENDED" })
      yield* world.run(other.on(setCondition(permit(coupon), 2, "OPEN")))
      const bought = yield* world.run(other.on(buy({ key: 2, buyer, product, userCouponId })))
      assert.deepInclude(bought.answer, { discountAmount: won(300), paidAmount: won(2700), balance: won(7300) })
      for (const [n, node] of world.nodes.entries()) {
        const again = yield* world.run(Effect.flip(node.on(buy({ key: 10 + n, buyer, product, userCouponId }))))
        assert.deepInclude(again, { _tag: "CouponNotUsable", reason: "USED" })
      }
    })
  )
})
