import { assert, describe, it } from "@effect/vitest"
import { OrderStatus, statusView } from "../../src/domain/Order.ts"

describe("An order's status", () => {
  it.each([
    ["CREATED", "PENDING", "ORDERED", "PAYMENT_PENDING"],
    ["CONFIRMED", "COMPLETED", "PAID", "PAID"],
    ["SHIPPED", "COMPLETED", "SHIPPING", "SHIPPING"],
    ["COMPLETED", "COMPLETED", "PURCHASE_CONFIRMED", "DELIVERED"],
    ["CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED"]
  ] as const)("%s has the other sources' names %s, %s and %s", (status, simple, fulfilment, tracking) => {
    assert.deepStrictEqual(
      (["simple", "fulfilment", "tracking"] as const).map((view) => statusView(status, view)),
      [simple, fulfilment, tracking]
    )
  })

  it("has a name in every view", () => {
    for (const status of OrderStatus.literals) assert.notStrictEqual(statusView(status, "tracking"), "")
  })
})
