import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { permit } from "../../src/domain/Authority.ts"
import { type OrderId, uuidOf } from "../../src/domain/Ids.ts"
import { won } from "../../src/domain/Money.ts"
import { underWay } from "../../src/domain/OrderLife.ts"
import { paymentKey } from "../../src/domain/Tender.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { MemoryGateways } from "../../src/saga/gateways/MemoryGateway.ts"
import { pay, resumePayment } from "../../src/saga/Payments.ts"
import { engine, make, onSale, request, user } from "./Engine.ts"

/** An order of 2,000 won, of which the wallet pays 500. */
const waiting = Effect.gen(function* () {
  const product = yield* onSale(10)
  const buyer = yield* user(1, 10_000)
  const { answer } = yield* make({ key: 1, buyer, items: [[product, 2]] })
  return answer.orderId
})

const byCard = (order: OrderId, key: number) =>
  pay({
    request: request(300_000 + key),
    order: permit(order),
    tenders: [
      { method: "WALLET", amount: won(500) },
      { method: "CARD", amount: won(1500) }
    ],
    paymentKey: paymentKey(`agreed-${key}`)
  })

const onDisk = (id: OrderId) =>
  Effect.map(MemoryTables, ({ orders }) => orders.get(uuidOf(id)) ?? assert.fail(`no order ${id}`))
const statusOf = (order: OrderId) => Effect.map(byCard(order, 1), ({ answer }) => answer.status)

describe("A gateway that cannot be reached", () => {
  it.live("took nothing, if nobody else has asked it: the wallet's part comes back, and the order waits", () =>
    Effect.gen(function* () {
      const { toss } = yield* MemoryGateways
      const order = yield* waiting
      toss.script.next("approve", "busy")
      assert.strictEqual((yield* Effect.flip(byCard(order, 1)))._tag, "PaymentUnavailable")
      const { status, payments } = yield* onDisk(order)
      assert.strictEqual(status, "CREATED")
      assert.deepStrictEqual(
        payments.map((payment) => payment.status),
        ["FAILED", "FAILED"]
      )
    }).pipe(Effect.provide(engine()))
  )

  it.live("may have taken it when it was asked before", () =>
    Effect.gen(function* () {
      const { toss } = yield* MemoryGateways
      const order = yield* waiting
      toss.script.next("approve", "errorAfter")
      assert.strictEqual(yield* statusOf(order), "GATEWAY_REQUESTED")
      toss.script.next("inquire", "busy")
      assert.strictEqual(yield* statusOf(order), "GATEWAY_REQUESTED")
      assert.strictEqual(yield* statusOf(order), "COMPLETED")
      assert.strictEqual(toss.charges.kept, 1500)
    }).pipe(Effect.provide(engine()))
  )

  it.live("may have taken it for a node that says nothing", () =>
    Effect.gen(function* () {
      const { toss } = yield* MemoryGateways
      const order = yield* waiting
      toss.script.next("approve", "error")
      assert.strictEqual(yield* statusOf(order), "GATEWAY_REQUESTED")
      const payment = underWay(yield* onDisk(order)) ?? assert.fail("nothing is under way")
      toss.script.next("approve", "busy")
      yield* resumePayment(permit(order), payment)
      assert.isDefined(underWay(yield* onDisk(order)))
      yield* resumePayment(permit(order), payment)
      assert.strictEqual((yield* onDisk(order)).status, "CONFIRMED")
    }).pipe(Effect.provide(engine()))
  )
})
