import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../src/actors/Directory.ts"
import { permit } from "../../src/domain/Authority.ts"
import { type OrderId, orderId, refundId, uuidOf } from "../../src/domain/Ids.ts"
import { won } from "../../src/domain/Money.ts"
import { Policy } from "../../src/domain/Policy.ts"
import { type GatewayName, paymentKey } from "../../src/domain/Tender.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { Gateways } from "../../src/saga/gateways/Gateway.ts"
import { MemoryGateways } from "../../src/saga/gateways/MemoryGateway.ts"
import { leftOf } from "../../src/saga/gateways/simulator/Charges.ts"
import { Nudges } from "../../src/saga/Nudges.ts"
import { pay, resumeRefund } from "../../src/saga/Payments.ts"
import { uuid } from "../domain/Samples.ts"
import { does, engine, make, onSale, request, user } from "./Engine.ts"
import { pass, soon } from "./Time.ts"

/** Which gateways were asked what became of something, in order. */
class Inquiries extends Context.Service<Inquiries, Array<GatewayName>>()("test/Inquiries") {}

const counted = Layer.effect(
  Gateways,
  Effect.gen(function* () {
    const gateways = yield* Gateways
    const inquiries = yield* Inquiries
    return Gateways.of({
      ...gateways,
      of: (name) => {
        const gateway = gateways.of(name)
        const asked = Effect.sync(() => void inquiries.push(name))
        return { ...gateway, inquire: (payment) => Effect.andThen(asked, gateway.inquire(payment)) }
      }
    })
  })
)

const world = Layer.provide(Nudges.layer, counted).pipe(
  Layer.provideMerge(engine()),
  Layer.provideMerge(Layer.sync(Inquiries, () => []))
)

const grace = Policy.payment.callbackGraceMs

const nudge = (gateway: GatewayName, order: OrderId | undefined, copies = 1) =>
  Effect.flatMap(Nudges, (nudges) =>
    Effect.forEach(Array.from({ length: copies }), () => nudges.nudge(gateway, order), { discard: true })
  )

const stored = (order: OrderId) =>
  Effect.map(MemoryTables, ({ orders }) => orders.get(uuidOf(order)) ?? assert.fail("no order"))

const charged = (order: OrderId) =>
  Effect.map(MemoryGateways, ({ toss }) =>
    toss.charges.all.filter((charge) => charge.orderId === order).map((charge): number => leftOf(charge))
  )

const byCard = (order: OrderId, behaviour: string) =>
  pay({
    request: request(500_001),
    order: permit(order),
    tenders: [
      { method: "WALLET", amount: won(400) },
      { method: "CARD", amount: won(600) }
    ],
    paymentKey: paymentKey(`${behaviour}_${order}`)
  })

/** An order of 1,000 won; none is paid. */
const waiting = Effect.gen(function* () {
  const product = yield* soon(onSale(10))
  const buyer = yield* soon(user(1, 10_000))
  const { answer } = yield* soon(make({ key: 1, buyer, items: [[product, 1]] }))
  return answer.orderId
})

/** One that is paid by card, as its payment key says. */
const paying = Effect.fnUntraced(function* (behaviour: string) {
  const order = yield* waiting
  const { answer } = yield* soon(byCard(order, behaviour))
  return { order, status: answer.status }
})

/** One that is paid, and cancelled; the gateway was asked once to give the money back, and does as it is told. */
const refunding = Effect.fnUntraced(function* (behaviour: "error" | "errorAfter") {
  const { order } = yield* paying("key")
  const cancel = { _tag: "Cancel", refundId: refundId(uuid(9)), reason: "BUYER", items: undefined } as const
  yield* soon(does(order, cancel))
  const { toss } = yield* MemoryGateways
  toss.script.next("cancel", behaviour)
  const [refund] = (yield* stored(order)).refunds
  yield* soon(resumeRefund(permit(order), refund ?? assert.fail("no refund")))
  assert.deepInclude((yield* stored(order)).refunds[0], { status: "PROCESSING", attempts: 1 })
  return order
})

const told = (name: string, test: Effect.Effect<void, unknown, Layer.Success<typeof world> | Scope.Scope>) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const scope = yield* Scope.make()
      const built = yield* soon(Scope.provide(Layer.build(world), scope))
      yield* Effect.provide(test, built)
      yield* soon(Scope.close(scope, Exit.void))
    })
  )

describe("An order that a gateway has called back about", () => {
  told(
    "is paid once, a moment later, however often it was called: the gateway is asked once",
    Effect.gen(function* () {
      const { order, status } = yield* paying("errorAfter")
      assert.strictEqual(status, "GATEWAY_REQUESTED")
      yield* nudge("toss", order, 50)
      yield* pass(grace - 10)
      assert.strictEqual((yield* stored(order)).status, "CREATED")
      yield* nudge("toss", order, 50)
      yield* pass(100)
      assert.deepInclude(yield* stored(order), { status: "CONFIRMED", paidAmount: won(1000) })
      yield* nudge("toss", order, 50)
      yield* pass(2 * grace)
      assert.deepStrictEqual([yield* charged(order), yield* Inquiries], [[600], ["toss"]])
      const { outbox } = yield* MemoryTables
      assert.lengthOf(
        outbox.filter(({ entity, type }) => entity === order && type === "OrderConfirmed"),
        1
      )
    })
  )

  told(
    "is not asked for when whoever asked first has heard by then",
    Effect.gen(function* () {
      const order = yield* waiting
      const paid = yield* Effect.forkChild(byCard(order, "slow"))
      yield* pass(500)
      yield* nudge("toss", order, 2)
      yield* pass(grace + 100)
      assert.deepInclude((yield* Fiber.join(paid)).answer, { status: "COMPLETED", balance: won(9600) })
      assert.deepStrictEqual(yield* Inquiries, [])
    })
  )

  told(
    "stays as it is, when the gateway knows nothing of it: whoever called made it up",
    Effect.gen(function* () {
      const { order } = yield* paying("error")
      const before = yield* stored(order)
      yield* nudge("toss", order)
      yield* pass(2 * grace)
      assert.deepStrictEqual([yield* stored(order), yield* charged(order)], [before, []])
      assert.deepStrictEqual(yield* Inquiries, ["toss"])
    })
  )

  told(
    "ends, when the gateway says that it was declined",
    Effect.gen(function* () {
      const { order } = yield* paying("error")
      const { toss } = yield* MemoryGateways
      const idempotencyKey = undefined
      const key = `error_${order}`
      const charge = { orderId: order, paymentKey: key, idempotencyKey, transactionId: "1", amount: won(600), at: 0 }
      toss.charges.charge({ ...charge, status: "DECLINED" })
      yield* nudge("toss", order)
      yield* pass(2 * grace)
      assert.deepInclude(yield* stored(order), { status: "CANCELLED", cancelReason: "PAYMENT_FAILED" })
    })
  )

  told(
    "is left alone when it waits for nothing there: another gateway's, unpaid, paid, or none at all",
    Effect.gen(function* () {
      const { order } = yield* paying("error")
      yield* nudge("nice", order)
      const { userId: buyer, lines } = yield* stored(order)
      const items = lines.map(({ productId }) => [productId, 1] as const)
      const other = (yield* soon(make({ key: 2, buyer, items }))).answer.orderId
      yield* nudge("toss", other)
      yield* nudge("toss", orderId(uuid(77)))
      yield* nudge("toss", undefined)
      const before = [yield* stored(order), yield* stored(other)]
      yield* pass(2 * grace)
      assert.deepStrictEqual([yield* stored(order), yield* stored(other)], before)
      assert.deepStrictEqual(yield* Inquiries, [])
    })
  )

  told(
    "is left alone when it is paid, and not brought back into memory",
    Effect.gen(function* () {
      const { order } = yield* paying("key")
      const before = yield* stored(order)
      yield* nudge("toss", order, 3)
      yield* pass(2 * grace)
      assert.deepStrictEqual([yield* stored(order), yield* charged(order)], [before, [600]])
      assert.deepStrictEqual(yield* Inquiries, [])
      const { owned } = yield* Directory
      assert.isFalse(owned().some((partition) => partition.peek("order", order) !== undefined))
    })
  )

  told(
    "is asked for again by the next callback, when the gateway did not answer",
    Effect.gen(function* () {
      const { order } = yield* paying("errorAfter")
      const { toss } = yield* MemoryGateways
      toss.script.next("inquire", "busy")
      yield* nudge("toss", order)
      yield* pass(2 * grace)
      assert.strictEqual((yield* stored(order)).status, "CREATED")
      yield* nudge("toss", order)
      yield* pass(2 * grace)
      assert.strictEqual((yield* stored(order)).status, "CONFIRMED")
    })
  )
})

describe("A refund that a gateway has called back about", () => {
  told(
    "is over, also when the order is being paid there again",
    Effect.gen(function* () {
      const order = yield* waiting
      const { toss } = yield* MemoryGateways
      toss.script.next("approve", "slow")
      toss.script.next("cancel", "error", 100)
      yield* Effect.forkChild(Effect.exit(byCard(order, "first")))
      yield* pass(100)
      const { paymentId } = (yield* stored(order)).payments[0] ?? assert.fail("no payment")
      yield* soon(does(order, { _tag: "NotPaid", paymentId, cancel: undefined }))
      yield* pass(2000)
      const { refundId: late } = (yield* stored(order)).refunds[0] ?? assert.fail("no refund")
      const { transactionId } = toss.charges.byKey(`first_${order}`) ?? assert.fail("no charge")
      toss.charges.refund(transactionId, { refundId: late, amount: won(600), at: 1 })
      const tenders = [{ method: "CARD", amount: won(1000) }] as const
      const again = paymentKey(`errorAfter_${order}`)
      yield* soon(pay({ request: request(500_002), order: permit(order), tenders, paymentKey: again }))
      yield* nudge("toss", order)
      yield* pass(2 * grace)
      const { status, refunds } = yield* stored(order)
      assert.deepStrictEqual([status, ...refunds.map((refund) => refund.status)], ["CONFIRMED", "REFUNDED"])
    })
  )

  told(
    "is over, also when another gateway has still to give back what it took too late",
    Effect.gen(function* () {
      const order = yield* waiting
      const { nice } = yield* MemoryGateways
      nice.script.next("approve", "slow")
      nice.script.next("cancel", "busy", 100)
      const tenders = [{ method: "BANK_TRANSFER", amount: won(1000) }] as const
      const late = pay({ request: request(500_002), order: permit(order), tenders, paymentKey: paymentKey("late") })
      yield* Effect.forkChild(Effect.exit(late))
      yield* pass(100)
      const first = (yield* stored(order)).payments[0] ?? assert.fail("no payment")
      yield* soon(does(order, { _tag: "NotPaid", paymentId: first.paymentId, cancel: undefined }))
      yield* soon(byCard(order, "key"))
      yield* pass(2000)
      const [lateOne] = (yield* stored(order)).refunds
      assert.deepInclude(lateOne, { status: "PROCESSING", amount: won(1000) })
      yield* soon(does(order, { _tag: "Cancel", refundId: refundId(uuid(9)), reason: "BUYER", items: undefined }))
      const { toss } = yield* MemoryGateways
      const { transactionId } = toss.charges.byKey(`key_${order}`) ?? assert.fail("no charge")
      const refund = (yield* stored(order)).refunds[1] ?? assert.fail("no refund")
      toss.charges.refund(transactionId, { refundId: refund.refundId, amount: won(600), at: 1 })
      yield* nudge("toss", order)
      yield* pass(2 * grace)
      assert.deepStrictEqual(
        (yield* stored(order)).refunds.map(({ status }) => status),
        ["PROCESSING", "REFUNDED"]
      )
    })
  )

  told(
    "is over, if the gateway says so",
    Effect.gen(function* () {
      const order = yield* refunding("errorAfter")
      yield* nudge("toss", order, 3)
      yield* pass(2 * grace)
      assert.deepInclude((yield* stored(order)).refunds[0], { status: "REFUNDED", attempts: 1 })
      assert.deepStrictEqual([yield* charged(order), yield* Inquiries], [[0], ["toss"]])
    })
  )

  told(
    "is no nearer to a person, however often somebody says so: it was not given back",
    Effect.gen(function* () {
      const order = yield* refunding("error")
      const before = yield* stored(order)
      for (let n = 0; n < 2 * Policy.payment.refundAttempts; n++) {
        yield* nudge("toss", order)
        yield* pass(grace + 50)
      }
      assert.deepStrictEqual([yield* stored(order), yield* charged(order)], [before, [600]])
    })
  )
})
