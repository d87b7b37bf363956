import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import {
  type Coupon,
  type CouponCommand,
  CouponKind,
  couponStatus,
  type Discount,
  type IssueBy,
  discounts,
  isForTier,
  usageRate
} from "../../src/domain/Coupon.ts"
import { basisPoints, won } from "../../src/domain/Money.ts"
import { firstTier } from "../../src/domain/Tier.ts"
import { buyer, coupon, product, seller, sneaker } from "./Samples.ts"

const noon = 1_000
const issue = (at = noon, by: IssueBy = "FIRST_COME"): CouponCommand => ({ _tag: "Issue", at, by })
const use = (at = noon): CouponCommand => ({ _tag: "Use", at })
const edit = (version: number, condition: Coupon["condition"] = "SUSPENDED"): CouponCommand => ({
  _tag: "Edit",
  version,
  edit: { condition }
})

const hold = (state: Coupon | undefined, command: CouponCommand) => CouponKind.hold(coupon().couponId, state, command)

const outcome = (state: Coupon | undefined, command: CouponCommand) =>
  Result.match(hold(state, command), {
    onSuccess: () => "granted",
    onFailure: (error) => {
      if (error._tag === "CouponNotUsable") return `${error._tag} ${error.reason}`
      return error._tag === "CouponNotIssuable" ? `${error._tag} ${error.reason ?? error.couponStatus}` : error._tag
    }
  })

const notLikeThis = "CouponNotIssuable ISSUE_BY"
const window = { from: 500, until: 2_000 }

describe("A coupon", () => {
  it.each<[string, Coupon | undefined, CouponCommand, string]>([
    ["is issued while there is one", coupon({ totalQuantity: 1 }), issue(), "granted"],
    ["that does not exist is not issued", undefined, issue(), "CouponNotFound"],
    ["is exhausted when all are issued", coupon({ totalQuantity: 1, issued: 1 }), issue(), "CouponExhausted"],
    [
      "is exhausted for good, whatever else it is",
      coupon({ totalQuantity: 1, issued: 1, condition: "SUSPENDED", issue: window }),
      issue(9_000),
      "CouponExhausted"
    ],
    ["is undecided while the last ones are held", coupon({ totalQuantity: 1, held: 1 }), issue(), "CouponUndecided"],
    ["is not issued before its window", coupon({ issue: window }), issue(499), "CouponNotIssuable CREATED"],
    ["is issued from the first moment of its window", coupon({ issue: window }), issue(500), "granted"],
    ["is issued to the last moment of its window", coupon({ issue: window }), issue(1_999), "granted"],
    ["is not issued after its window", coupon({ issue: window }), issue(2_000), "CouponNotIssuable EXPIRED"],
    ["is not issued while suspended", coupon({ condition: "SUSPENDED" }), issue(), "CouponNotIssuable SUSPENDED"],
    ["is not issued once cancelled", coupon({ condition: "CANCELLED" }), issue(), "CouponNotIssuable CANCELLED"],
    ["is issued as it is to be had", coupon({ issueBy: ["CODE", "GRANT"] }), issue(noon, "GRANT"), "granted"],
    ["is not issued to who comes first, if for a code", coupon({ issueBy: ["CODE"] }), issue(), notLikeThis],
    [
      "is not issued for its code, if to who comes first",
      coupon({ issueBy: ["FIRST_COME"] }),
      issue(noon, "CODE"),
      notLikeThis
    ],
    ["is not given, if for a code", coupon({ issueBy: ["CODE"] }), issue(noon, "GRANT"), notLikeThis],
    [
      "is not issued when nobody could use it any more",
      coupon({ validity: window }),
      issue(2_000),
      "CouponNotIssuable EXPIRED"
    ],
    ["is issued before it is valid", coupon({ validity: window }), issue(499), "granted"],
    ["can be used when exhausted", coupon({ totalQuantity: 1, issued: 1 }), use(), "granted"],
    ["can be used after it was issued", coupon({ issue: window }), use(9_000), "granted"],
    ["is not used before it is valid", coupon({ validity: window }), use(499), "CouponNotUsable NOT_STARTED"],
    ["is not used after it was valid", coupon({ validity: window }), use(2_000), "CouponNotUsable EXPIRED"],
    ["is not used while suspended", coupon({ condition: "SUSPENDED" }), use(), "CouponNotUsable SUSPENDED"],
    ["is not used once cancelled", coupon({ condition: "CANCELLED" }), use(), "CouponNotUsable CANCELLED"],
    ["is edited by who has seen it", coupon(), edit(1), "granted"],
    ["is not edited by who has not", coupon(), edit(2), "StaleVersion"],
    ["is not edited twice at once", coupon({ pending: "edit" }), edit(1), "StaleVersion"],
    ["stays cancelled", coupon({ condition: "CANCELLED" }), edit(1, "OPEN"), "CouponNotIssuable CANCELLED"]
  ])("%s", (_, state, command, expected) => assert.strictEqual(outcome(state, command), expected))

  it.each<[string, Partial<Coupon>, number, string]>([
    ["CREATED", { issue: window }, 499, "before its window"],
    ["ACTIVE", { issue: window }, 500, "in its window"],
    ["ACTIVE", {}, 500, "without a window"],
    ["EXPIRED", { issue: window, condition: "SUSPENDED" }, 2_000, "after its window"],
    ["EXPIRED", { issue: { from: 500, until: 3_000 }, validity: window }, 2_000, "when it is not valid any more"],
    ["ACTIVE", { validity: window }, 499, "before it is valid"],
    ["SUSPENDED", { issue: window, condition: "SUSPENDED" }, 500, "while suspended"],
    ["EXHAUSTED", { totalQuantity: 2, issued: 2, issue: window }, 9_000, "when all are issued"],
    ["CANCELLED", { totalQuantity: 2, issued: 2, condition: "CANCELLED" }, 0, "once cancelled"]
  ])("is %s %4$s", (expected, change, at) => assert.strictEqual(couponStatus(coupon(change), at), expected))

  it.each<[Coupon["tiers"], boolean, boolean]>([
    [[], true, true],
    [["VIP"], false, true],
    [["BRONZE", "SILVER"], true, false]
  ])("for %j is for who begins: %s, for a VIP: %s", (tiers, first, vip) =>
    assert.deepStrictEqual([isForTier({ tiers }, firstTier), isForTier({ tiers }, "VIP")], [first, vip])
  )

  it.each([
    [0, 0, 0],
    [3, 1, 3333],
    [3, 2, 6666],
    [100_000_000, 100_000_000, 10_000]
  ])("of which %d were issued and %d used has a rate of %d basis points", (issued, used, expected) =>
    assert.strictEqual(usageRate({ issued, used }), expected)
  )

  const Steps = Schema.Array(
    Schema.Struct({ kind: Schema.Literals(["issue", "use", "edit"]), settle: Schema.Boolean, now: Schema.Boolean })
  )

  it.prop("never issues more than there is, and ends with what was settled", [Steps], ([steps]) => {
    let state = coupon({ totalQuantity: 3 })
    let issued = 0
    let version = 1
    const open: Array<readonly [CouponCommand, boolean]> = []
    const end = (command: CouponCommand, settled: boolean) => {
      if (settled && command._tag === "Issue") issued++
      if (settled && command._tag === "Edit") version++
      state = CouponKind[settled ? "settle" : "release"](state, command) ?? state
    }
    for (const { kind, settle, now } of steps) {
      const command = { issue: issue(), use: use(), edit: edit(state.version, "OPEN") }[kind]
      const told = hold(state, command)
      if (Result.isFailure(told)) {
        if (told.failure._tag === "CouponExhausted") assert.strictEqual(issued, 3)
        continue
      }
      state = told.success.state
      assert.isAtMost(state.issued + state.held, 3)
      if (now) end(command, settle)
      else open.push([command, settle])
    }
    for (const [command, settle] of open) end(command, settle)
    assert.deepStrictEqual(state, coupon({ totalQuantity: 3, issued, version }))
  })
})

const percent = (share: number, most?: number): Discount => ({
  _tag: "PERCENTAGE",
  share: basisPoints(share * 100),
  most: most === undefined ? undefined : won(most)
})
const fixed = (amount: number): Discount => ({ _tag: "FIXED", amount: won(amount) })

const shoe = product({ category: "shoes" })
const hat = product({ category: "hats", sellerId: buyer })
const item = (of: typeof shoe, amount: number) => ({ product: of, line: { amount: won(amount) } })

const taken = (change: Partial<Coupon>, ...items: ReadonlyArray<ReturnType<typeof item>>) =>
  Result.match(discounts(coupon(change), items), {
    onSuccess: (each) => each.join(" "),
    onFailure: ({ reason }) => reason
  })

describe("A discount", () => {
  it.each<[string, Partial<Coupon>, ReadonlyArray<ReturnType<typeof item>>, string]>([
    ["is its amount", { discount: fixed(300) }, [item(shoe, 1000)], "300"],
    ["is no more than the order", { discount: fixed(3000) }, [item(shoe, 1000)], "1000"],
    ["is rounded down", { discount: percent(15) }, [item(shoe, 999)], "149"],
    ["has its cap", { discount: percent(50, 200) }, [item(shoe, 1000)], "200"],
    ["is divided in the ratio of the lines", { discount: fixed(300) }, [item(shoe, 1000), item(shoe, 2000)], "100 200"],
    ["goes by largest remainder", { discount: fixed(100) }, [item(shoe, 1), item(shoe, 1), item(shoe, 1)], "1 1 1"],
    [
      "goes by largest remainder, and then by order",
      { discount: fixed(5) },
      [item(shoe, 3), item(shoe, 3), item(shoe, 3)],
      "2 2 1"
    ],
    ["takes nothing off what costs nothing", { discount: fixed(5) }, [item(shoe, 0)], "0"],
    [
      "is for its seller's products",
      { sellerId: seller, discount: percent(10) },
      [item(shoe, 1000), item(hat, 1000)],
      "100 0"
    ],
    [
      "is for its categories",
      { categories: ["hats"], discount: percent(10) },
      [item(shoe, 1000), item(hat, 500)],
      "0 50"
    ],
    ["is not for products without a category", { categories: ["hats"] }, [item(product(), 1000)], "NOT_APPLICABLE"],
    ["is for its products", { productIds: [sneaker], discount: percent(10) }, [item(shoe, 1000)], "100"],
    ["is for nothing else", { sellerId: buyer }, [item(shoe, 1000)], "NOT_APPLICABLE"],
    ["needs its least order", { minOrderAmount: won(1001) }, [item(shoe, 1000)], "MINIMUM_NOT_MET"],
    [
      "counts the whole order",
      { minOrderAmount: won(1500), sellerId: seller, discount: percent(10) },
      [item(shoe, 1000), item(hat, 500)],
      "100 0"
    ]
  ])("%s", (_, change, items, expected) => assert.strictEqual(taken(change, ...items), expected))

  const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000_000_000_000 }))
  const Lines = Schema.Array(Amount).check(Schema.isBetweenLength(1, 20))
  const Off = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))

  it.prop("adds up to the won, and takes no more off a line than it costs", [Lines, Off], ([amounts, off]) => {
    const total = amounts.reduce((sum, amount) => sum + amount, 0)
    const expected: ReadonlyArray<readonly [Discount, number]> = [
      [fixed(off), Math.min(off, total)],
      [
        { _tag: "PERCENTAGE", share: basisPoints(off), most: undefined },
        Number((BigInt(total) * BigInt(off)) / 10_000n)
      ]
    ]
    for (const [discount, sum] of expected) {
      const items = amounts.map((amount) => item(shoe, amount))
      const each = Result.getOrThrow(discounts(coupon({ discount }), items))
      assert.strictEqual(
        each.reduce((left, one) => left + one, 0),
        sum
      )
      each.forEach((one, n) => {
        assert.isTrue(Number.isSafeInteger(one) && one >= 0 && one <= (amounts[n] ?? 0))
        // No line is a won away from its exact share.
        if (total > 0) {
          const exact = BigInt(sum) * BigInt(amounts[n] ?? 0)
          const away = exact - BigInt(one) * BigInt(total)
          assert.isTrue(away < BigInt(total) && -away < BigInt(total))
        }
      })
    }
  })
})
