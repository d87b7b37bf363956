import { assert, describe, it } from "@effect/vitest"
import { Clock, type Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Directory } from "../../src/actors/Directory.ts"
import { permit } from "../../src/domain/Authority.ts"
import { type OrderId, refundId, uuidOf } from "../../src/domain/Ids.ts"
import { won } from "../../src/domain/Money.ts"
import { dueAt, underWay } from "../../src/domain/OrderLife.ts"
import { Policy } from "../../src/domain/Policy.ts"
import { type GatewayName, gatewayTransactionId, paymentKey } from "../../src/domain/Tender.ts"
import type { Journal } from "../../src/persistence/Journal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import { Orders } from "../../src/persistence/Orders.ts"
import type { Users } from "../../src/persistence/Users.ts"
import { type Gateway, Gateways } from "../../src/saga/gateways/Gateway.ts"
import { keyForm } from "../../src/saga/gateways/Inicis.ts"
import * as MemoryGateway from "../../src/saga/gateways/MemoryGateway.ts"
import { leftOf } from "../../src/saga/gateways/simulator/Charges.ts"
import { confirm, inquire, pay, resumePayment, resumeRefund } from "../../src/saga/Payments.ts"
import * as Timers from "../../src/saga/Timers.ts"
import type { Transact } from "../../src/saga/Transact.ts"
import { uuid } from "../domain/Samples.ts"
import { askBack, audit, cancel, does, engine, engineOver, make, onSale, payFor, request, user } from "./Engine.ts"
import * as Time from "./Time.ts"

const key = (order: OrderId, behaviour = "key") => paymentKey(`${behaviour}_${order}`)

const tenders = [
  { method: "WALLET", amount: won(400) },
  { method: "CARD", amount: won(600) }
] as const

/** Pays 400 won of 1,000 with the wallet, the rest by card. */
const byCard = (order: OrderId, n: number, behaviour?: string) =>
  pay({
    request: request(500_000 + n),
    order: permit(order),
    tenders,
    paymentKey: behaviour === undefined ? undefined : key(order, behaviour)
  })

const confirmed = (order: OrderId, n: number, amount = 600) =>
  confirm({
    request: request(600_000 + n),
    order: permit(order),
    paymentKey: key(order),
    amount: won(amount)
  })

/** An order of 1,000 won, and a buyer with 10,000. */
const waiting = Effect.gen(function* () {
  const product = yield* onSale(10)
  const buyer = yield* user(1, 10_000)
  const { answer } = yield* make({ key: 1, buyer, items: [[product, 1]] })
  return answer.orderId
})

const stored = (order: OrderId) =>
  Effect.map(MemoryTables, ({ orders }) => orders.get(uuidOf(order)) ?? assert.fail("no order"))

const books = Effect.map(audit, ({ stock, reserved, money, disagreements }) => ({
  stock,
  reserved,
  money,
  disagreements
}))
const untouched = { stock: [10], reserved: [0], money: 10_000, disagreements: [] }
const bought = { stock: [9], reserved: [0], money: 9600, disagreements: [] }
const waitingStill = { stock: [10], reserved: [1], money: 10_000, disagreements: [] }

/** What the gateway has of an order. */
const charged = (order: OrderId) =>
  Effect.map(MemoryGateway.MemoryGateways, ({ toss }) =>
    toss.charges.all.filter(({ orderId }) => orderId === order).map((charge): number => leftOf(charge))
  )

const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ _tag }) => _tag)

describe("A payment through a gateway", () => {
  it.live("takes the wallet's part and the gateway's, once, however often it is asked for", () =>
    Effect.gen(function* () {
      const order = yield* waiting
      const first = yield* byCard(order, 1, "key")
      assert.deepInclude(first.answer, { status: "COMPLETED", paidAmount: won(1000), balance: won(9600) })
      assert.deepStrictEqual(yield* byCard(order, 1, "key"), { ...first, replayed: true })
      assert.strictEqual(yield* tagOf(byCard(order, 2, "key")), "OrderNotPayable")
      assert.deepStrictEqual([yield* books, yield* charged(order)], [bought, [600]])
    }).pipe(Effect.provide(engine()))
  )

  it.live("ends the order when it is declined, and says so to whoever repeats it", () =>
    Effect.gen(function* () {
      const order = yield* waiting
      assert.strictEqual(yield* tagOf(byCard(order, 1, "decline")), "PaymentDeclined")
      assert.strictEqual(yield* tagOf(byCard(order, 1, "decline")), "PaymentDeclined")
      assert.deepInclude(yield* stored(order), { status: "CANCELLED", cancelReason: "PAYMENT_FAILED" })
      assert.deepStrictEqual([yield* books, yield* charged(order)], [untouched, [0]])
    }).pipe(Effect.provide(engine()))
  )

  it.live("leaves the order waiting when the gateway cannot be asked", () =>
    Effect.gen(function* () {
      const order = yield* waiting
      assert.strictEqual(yield* tagOf(byCard(order, 1, "busy")), "PaymentUnavailable")
      assert.deepStrictEqual([yield* books, yield* charged(order)], [waitingStill, []])
      assert.strictEqual((yield* byCard(order, 2, "key")).answer.status, "COMPLETED")
      assert.deepStrictEqual([yield* books, yield* charged(order)], [bought, [600]])
    }).pipe(Effect.provide(engine()))
  )

  it.live("goes on when its buyer is back from the gateway's page, with the amount that was agreed on", () =>
    Effect.gen(function* () {
      const order = yield* waiting
      assert.strictEqual((yield* byCard(order, 1)).answer.status, "INITIATED")
      assert.strictEqual(yield* tagOf(confirmed(order, 1, 599)), "AmountMismatch")
      const first = yield* confirmed(order, 2)
      assert.strictEqual(first.answer.status, "COMPLETED")
      assert.deepStrictEqual(yield* confirmed(order, 2), { ...first, replayed: true })
      // Under another key it is a question about where it stands, of this payment and no other.
      assert.deepInclude((yield* confirmed(order, 3)).answer, { status: "COMPLETED", paidAmount: won(1000) })
      assert.strictEqual(yield* tagOf(confirmed(order, 4, 599)), "AmountMismatch")
      assert.deepStrictEqual([yield* books, yield* charged(order)], [bought, [600]])
    }).pipe(Effect.provide(engine()))
  )

  it.live("is not paid with the key of another order", () =>
    Effect.gen(function* () {
      const order = yield* waiting
      yield* byCard(order, 1, "key")
      const { userId: buyer, lines } = yield* stored(order)
      const items = lines.map(({ productId }) => [productId, 1] as const)
      const { orderId: other } = (yield* make({ key: 2, buyer, items })).answer
      const stolen = pay({
        request: request(600_000),
        order: permit(other),
        tenders,
        paymentKey: key(order)
      })
      assert.strictEqual(yield* tagOf(stolen), "PaymentKeyUsed")
      assert.deepStrictEqual(yield* charged(order), [600])
    }).pipe(Effect.provide(engine()))
  )
})

/** A disk that tells what it rejected, and which partitions were claimed of it. */
const watched = () => {
  const seen = { rejected: 0, claimed: Array<number>() }
  const wrap = (journal: Journal["Service"]): Journal["Service"] => ({
    ...journal,
    commit: (batch) =>
      Effect.tapErrorTag(journal.commit(batch), "BatchRejected", () => Effect.sync(() => seen.rejected++)),
    claim: (partitions, owner) =>
      Effect.tap(journal.claim(partitions, owner), () =>
        Effect.sync(() => seen.claimed.push(...partitions.map(({ partition }) => partition)))
      )
  })
  return { seen, wrap }
}

describe("A key that several orders are paid with at the same time", () => {
  const { seen, wrap } = watched()
  it.live("pays one of them, and costs nobody a partition", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 10_000)
      const orders = yield* Effect.forEach([1, 2, 3], (n) => make({ key: n, buyer, items: [[product, 1]] }))
      const ends = yield* Effect.forEach(
        orders,
        ({ answer: { orderId } }, n) =>
          pay({
            request: request(700_000 + n),
            order: permit(orderId),
            tenders,
            paymentKey: paymentKey("key_shared")
          }).pipe(
            Effect.match({ onFailure: ({ _tag }): string => _tag, onSuccess: ({ answer }): string => answer.status })
          ),
        { concurrency: 3 }
      )
      assert.deepStrictEqual(ends.toSorted(), ["COMPLETED", "PaymentKeyUsed", "PaymentKeyUsed"])
      assert.isAbove(seen.rejected, 0)
      yield* Effect.forEach(orders, ({ answer: { orderId } }, n) => Effect.exit(payFor(orderId, n)))
      assert.strictEqual(new Set(seen.claimed).size, seen.claimed.length)
      assert.deepStrictEqual((yield* books).disagreements, [])
    }).pipe(Effect.provide(engine(wrap)))
  )
})

type Node = Transact | Directory | Journal | Users | Orders | Gateways

const pass = (ms: number, stepMs = 250) => Time.pass(ms, stepMs)

/** A node over the tables and the gateway there are. After so many more commits its disk is silent: it is as good as dead. */
const boot = Effect.gen(function* () {
  const scope = yield* Scope.make()
  let commitsLeft = Number.POSITIVE_INFINITY
  const mortal = (journal: Journal["Service"]): Journal["Service"] => ({
    ...journal,
    commit: (batch) => (commitsLeft-- > 0 ? journal.commit(batch) : Effect.never),
    resolve: (doubts) => (commitsLeft > 0 ? journal.resolve(doubts) : Effect.never),
    claim: (...asked) => (commitsLeft > 0 ? journal.claim(...asked) : Effect.never)
  })
  const layer = Timers.layer.pipe(Layer.provideMerge(engineOver(mortal)))
  const building = yield* Effect.forkChild(Scope.provide(Layer.build(layer), scope))
  yield* TestClock.adjust(10)
  const built: Context.Context<Node> = yield* Fiber.join(building)
  return {
    on: <A, E>(asked: Effect.Effect<A, E, Node | MemoryTables>) => Effect.provide(asked, built),
    dieAfter: (commits: number) => Effect.sync(() => void (commitsLeft = commits)),
    stop: Effect.forkDetach(Scope.close(scope, Exit.void))
  }
})

const world = Layer.merge(MemoryTables.layer, MemoryGateway.layer)
const recovery = Policy.payment.recoverMs + 2000

describe("A node that dies in the middle of a payment", () => {
  const steps = [0, 1, 2]
  it.effect.each(
    steps.flatMap((step) => ["key", "decline", "cutAfter1"].map((behaviour) => [step, behaviour] as const))
  )("after %i of its commits (%s): another one brings it to its end, charged once at the most", ([step, behaviour]) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const first = yield* boot
      const order = yield* Time.soon(first.on(waiting))
      yield* first.dieAfter(step)
      const paying = yield* Effect.forkChild(Effect.exit(first.on(byCard(order, 1, behaviour))))
      yield* pass(2000)
      yield* Fiber.interrupt(paying).pipe(Effect.forkDetach)
      yield* first.stop

      const second = yield* boot
      yield* pass(recovery + Policy.payment.recoverMs)
      const { status } = yield* stored(order)
      const isOver = step > 0
      assert.strictEqual(status, !isOver ? "CREATED" : behaviour === "decline" ? "CANCELLED" : "CONFIRMED")
      const ends = new Map([
        ["CREATED", waitingStill],
        ["CANCELLED", untouched]
      ])
      const expected = ends.get(status) ?? bought
      assert.deepStrictEqual(yield* Time.soon(second.on(books)), expected)
      assert.deepStrictEqual(
        (yield* charged(order)).filter((amount) => amount > 0),
        status === "CONFIRMED" ? [600] : []
      )
      // Nothing waits for ever: what is not paid by its deadline is cancelled.
      yield* TestClock.adjust(Policy.order.paymentDeadlineMs)
      yield* pass(2000)
      const ended = yield* stored(order)
      assert.notStrictEqual(ended.status, "CREATED")
      assert.isUndefined(dueAt(ended))
      yield* second.stop
    }).pipe(Effect.provide(world))
  )

  it.effect("when the gateway had taken the money: who repeats it at a node that cannot ask gives nothing up", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const first = yield* boot
      const order = yield* Time.soon(first.on(waiting))
      yield* first.dieAfter(1)
      const paying = yield* Effect.forkChild(Effect.exit(first.on(byCard(order, 1, "key"))))
      yield* pass(2000)
      yield* Fiber.interrupt(paying).pipe(Effect.forkDetach)
      yield* first.stop
      assert.deepStrictEqual(yield* charged(order), [600])

      const second = yield* boot
      const { toss } = yield* MemoryGateway.MemoryGateways
      for (const operation of ["approve", "inquire"] as const) toss.script.next(operation, "busy")
      const { answer } = yield* Time.soon(second.on(byCard(order, 1, "key")))
      assert.strictEqual(answer.status, "GATEWAY_REQUESTED")
      toss.script.next("inquire", "answer", 0)
      yield* pass(recovery + Policy.payment.recoverMs)
      assert.deepInclude(yield* stored(order), { status: "CONFIRMED" })
      assert.deepStrictEqual([yield* Time.soon(second.on(books)), yield* charged(order)], [bought, [600]])
      yield* second.stop
    }).pipe(Effect.provide(world))
  )

  it.effect("has taken its key: another node refuses it for another order, before anything happens", () =>
    Effect.gen(function* () {
      const first = yield* boot
      const order = yield* Time.soon(first.on(waiting))
      const { userId: buyer, lines } = yield* stored(order)
      const items = lines.map(({ productId }) => [productId, 2] as const)
      const { orderId: other } = (yield* Time.soon(first.on(make({ key: 2, buyer, items })))).answer
      yield* first.dieAfter(1)
      const paying = yield* Effect.forkChild(Effect.exit(first.on(byCard(order, 1, "cut"))))
      yield* pass(100, 5)
      yield* Fiber.interrupt(paying).pipe(Effect.forkDetach)
      yield* first.stop

      const second = yield* boot
      const again = pay({
        request: request(500_001, 1),
        order: permit(other),
        tenders: undefined,
        paymentKey: undefined
      })
      assert.strictEqual(yield* Time.soon(second.on(tagOf(again))), "KeyReused")
      assert.deepInclude(yield* stored(other), { status: "CREATED", payments: [] })
      yield* second.stop
    }).pipe(Effect.provide(world))
  )

  it.effect.each([0, 1, 2, 3])("or of giving money back, after %i commits: it is given back once", (step) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const first = yield* boot
      const order = yield* Time.soon(first.on(waiting))
      yield* Time.soon(first.on(byCard(order, 1, "key")))
      yield* first.dieAfter(step)
      const given = { _tag: "Cancel", refundId: refundId(uuid(9)), reason: "BUYER", items: undefined } as const
      const cancelling = yield* Effect.forkChild(Effect.exit(first.on(does(order, given))))
      yield* pass(2000)
      yield* Fiber.interrupt(cancelling).pipe(Effect.forkDetach)
      yield* first.stop

      const second = yield* boot
      yield* pass(recovery)
      const { status, refunds } = yield* stored(order)
      assert.strictEqual(status, step === 0 ? "CONFIRMED" : "CANCELLED")
      assert.deepStrictEqual(
        refunds.map((refund) => refund.status),
        step === 0 ? [] : ["REFUNDED"]
      )
      assert.deepStrictEqual(yield* Time.soon(second.on(books)), step === 0 ? bought : untouched)
      assert.deepStrictEqual(yield* charged(order), step === 0 ? [600] : [0])
      yield* second.stop
    }).pipe(Effect.provide(world))
  )
})

describe("A gateway that is not there any more", () => {
  /** Nobody can ask it: its settings are gone. */
  const gone = Effect.map(MemoryGateway.MemoryGateways, ({ toss }) => {
    for (const operation of ["approve", "inquire", "cancel"] as const) toss.script.next(operation, "busy", Infinity)
  })

  it.effect.each([undefined, gatewayTransactionId("found")])(
    "leaves a payment to a person, who is told of it on and on, and says what its books say (%s)",
    (gatewayId) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_700_000_000_000)
        const { on, stop } = yield* boot
        const order = yield* Time.soon(on(waiting))
        const { toss } = yield* MemoryGateway.MemoryGateways
        toss.script.next("approve", "cut")
        assert.strictEqual((yield* Time.soon(on(byCard(order, 1, "key")))).answer.status, "GATEWAY_REQUESTED")
        yield* gone
        yield* pass(Policy.order.paymentDeadlineMs + Policy.payment.attemptTimeoutMs + Policy.payment.stuckMs, 5000)
        const { orderId, payments } = yield* stored(order)
        const stuck = on(
          Effect.flatMap(Orders, ({ stuckPayments }) =>
            Effect.flatMap(Clock.currentTimeMillis, (now) =>
              stuckPayments(permit({ limit: 10, cursor: undefined }), now)
            )
          )
        )
        const paymentId = payments.find(({ method }) => method === "CARD")?.paymentId ?? assert.fail("no payment")
        assert.containSubset((yield* stuck).items, [{ orderId, paymentId, gateway: "toss", amount: won(600) }])
        yield* Time.soon(on(does(order, { _tag: "DecidePayment", paymentId, gatewayId })))
        assert.deepStrictEqual((yield* stuck).items, [])
        assert.strictEqual((yield* stored(order)).status, gatewayId === undefined ? "CANCELLED" : "CONFIRMED")
        assert.deepStrictEqual(yield* Time.soon(on(books)), gatewayId === undefined ? untouched : bought)
        yield* stop
      }).pipe(Effect.provide(world))
  )

  it.effect("leaves a refund to a person", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const { on, stop } = yield* boot
      const order = yield* Time.soon(on(waiting))
      yield* Time.soon(on(byCard(order, 1, "key")))
      yield* gone
      yield* Time.soon(on(cancel(order)))
      yield* pass(2 * 60 * 60_000, 5000)
      const { refunds } = yield* stored(order)
      assert.deepInclude(refunds[0], { status: "MANUAL", amount: won(1000), viaGateway: won(600) })
      yield* stop
    }).pipe(Effect.provide(world))
  )
})

describe("While a gateway is giving money back", () => {
  it.live("what it gave back for a refund that nobody knows the end of is not taken for another's", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10, 300)
      const buyer = yield* user(1, 0)
      const { orderId: order } = (yield* make({ key: 1, buyer, items: [[product, 3]] })).answer
      const whole = [{ method: "CARD", amount: won(900) }] as const
      yield* pay({ request: request(500_001), order: permit(order), tenders: whole, paymentKey: key(order) })
      const { toss } = yield* MemoryGateway.MemoryGateways
      const resumed = Effect.fnUntraced(function* (n: number) {
        yield* resumeRefund(permit(order), (yield* stored(order)).refunds[n] ?? assert.fail("no refund"))
      })
      yield* cancel(order, { items: [[product, 1]] })
      toss.script.next("cancel", "cutAfter")
      toss.script.next("cancel", "busy", Policy.payment.refundAttempts - 1)
      for (let n = 0; n <= Policy.payment.refundAttempts; n++) yield* resumed(0)
      yield* cancel(order, { items: [[product, 1]] })
      const statuses = Effect.map(stored(order), ({ refunds }) => refunds.map(({ status }) => status))
      assert.deepStrictEqual(yield* statuses, ["MANUAL", "PROCESSING"])
      yield* inquire("toss", permit(order))
      assert.deepStrictEqual([yield* statuses, yield* charged(order)], [["MANUAL", "PROCESSING"], [600]])
      yield* resumed(1)
      assert.deepStrictEqual([yield* statuses, yield* charged(order)], [["MANUAL", "REFUNDED"], [300]])
    }).pipe(Effect.provide(engine()))
  )

  it.live("nobody waits for it: whoever would have more back is told at once", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 10_000)
      const { orderId: order } = (yield* make({ key: 1, buyer, items: [[product, 2]] })).answer
      yield* pay({
        request: request(500_001),
        order: permit(order),
        tenders: [{ method: "CARD", amount: won(2000) }],
        paymentKey: key(order)
      })
      yield* cancel(order, { items: [[product, 1]] })
      const more = [Effect.asVoid(cancel(order)), Effect.asVoid(askBack(order, 9))]
      const told = yield* Effect.forEach(more, (asked) => Effect.timeout(tagOf(asked), "1 second"))
      assert.deepStrictEqual(told, ["RefundInProgress", "RefundInProgress"])
    }).pipe(Effect.provide(engine()))
  )
})

describe("Whoever hangs up while the gateway approves", () => {
  /** Somebody who pays, and whom the gateway lets wait. */
  const hangingUp = Effect.gen(function* () {
    const { on, stop } = yield* boot
    const order = yield* Time.soon(on(waiting))
    const { toss } = yield* MemoryGateway.MemoryGateways
    toss.script.next("approve", "slow")
    const paying = yield* Effect.forkChild(on(byCard(order, 1, "key")))
    yield* pass(100, 5)
    return { on, stop, order, hangUp: Fiber.interrupt(paying).pipe(Effect.forkDetach) }
  })

  it.effect("has paid: the order knows as soon as the gateway has answered", () =>
    Effect.gen(function* () {
      const { on, stop, order, hangUp } = yield* hangingUp
      yield* hangUp
      yield* pass(1500)
      assert.deepInclude(yield* stored(order), { status: "CONFIRMED", paidAmount: won(1000) })
      assert.deepStrictEqual([yield* Time.soon(on(books)), yield* charged(order)], [bought, [600]])
      yield* stop
    }).pipe(Effect.provide(world))
  )

  it.effect("has the money back, if the payment had been given up by then", () =>
    Effect.gen(function* () {
      const { on, stop, order, hangUp } = yield* hangingUp
      const id = (yield* stored(order)).payments.at(-1)?.paymentId ?? assert.fail("no payment")
      yield* Time.soon(on(does(order, { _tag: "NotPaid", paymentId: id, cancel: undefined })))
      yield* hangUp
      yield* pass(4000)
      assert.containSubset((yield* stored(order)).refunds, [{ status: "REFUNDED", amount: won(600) }])
      assert.deepStrictEqual([yield* Time.soon(on(books)), yield* charged(order)], [waitingStill, [0]])
      yield* stop
    }).pipe(Effect.provide(world))
  )
})

describe("Several who ask about one payment", () => {
  it.effect("are told the same, when the gateway was asked by one of them", () =>
    Effect.gen(function* () {
      const { on, stop } = yield* boot
      const order = yield* Time.soon(on(waiting))
      yield* Time.soon(on(byCard(order, 1)))
      const { toss } = yield* MemoryGateway.MemoryGateways
      toss.script.next("approve", "slow")
      const first = yield* Effect.forkChild(on(confirmed(order, 1)))
      yield* pass(100, 5)
      assert.strictEqual((yield* Time.soon(on(confirmed(order, 2)))).answer.status, "COMPLETED")
      yield* pass(2000)
      assert.strictEqual((yield* Fiber.join(first)).answer.status, "COMPLETED")
      assert.deepStrictEqual([yield* Time.soon(on(books)), yield* charged(order)], [bought, [600]])
      yield* stop
    }).pipe(Effect.provide(world))
  )

  it.effect("and what the gateway took after it was given up goes back", () =>
    Effect.gen(function* () {
      const { on, stop } = yield* boot
      const order = yield* Time.soon(on(waiting))
      const { toss } = yield* MemoryGateway.MemoryGateways
      toss.script.next("approve", "slow")
      const paying = yield* Effect.forkChild(Effect.flip(on(byCard(order, 1, "key"))))
      yield* pass(100, 5)
      const { payments } = yield* stored(order)
      const id = payments.at(-1)?.paymentId ?? assert.fail("no payment")
      yield* Time.soon(on(does(order, { _tag: "NotPaid", paymentId: id, cancel: undefined })))
      yield* pass(2000)
      assert.strictEqual((yield* Fiber.join(paying))._tag, "OrderNotPayable")
      assert.deepStrictEqual([yield* Time.soon(on(books)), yield* charged(order)], [waitingStill, [0]])
      yield* stop
    }).pipe(Effect.provide(world))
  )

  it.effect("also when it cannot be given back at once, and its node dies", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const first = yield* boot
      const order = yield* Time.soon(first.on(waiting))
      const { toss } = yield* MemoryGateway.MemoryGateways
      toss.script.next("approve", "slow")
      toss.script.next("cancel", "busy", 3)
      yield* Effect.forkChild(Effect.flip(first.on(byCard(order, 1, "key"))))
      yield* pass(100, 5)
      const id = (yield* stored(order)).payments.at(-1)?.paymentId ?? assert.fail("no payment")
      yield* Time.soon(first.on(does(order, { _tag: "NotPaid", paymentId: id, cancel: "PAYMENT_FAILED" })))
      yield* pass(3000)
      assert.deepStrictEqual(yield* charged(order), [600])
      yield* first.stop
      const second = yield* boot
      yield* pass(5 * 60_000, 1000)
      assert.containSubset((yield* stored(order)).refunds, [{ status: "REFUNDED", amount: won(600) }])
      assert.deepStrictEqual([yield* Time.soon(second.on(books)), yield* charged(order)], [untouched, [0]])
      yield* second.stop
    }).pipe(Effect.provide(world))
  )

  it.live("and what it took is not what the order costs: that goes back, and the order ends", () =>
    Effect.gen(function* () {
      const order = yield* waiting
      const { toss } = yield* MemoryGateway.MemoryGateways
      toss.script.next("approve", "cut")
      assert.strictEqual((yield* byCard(order, 1, "key")).answer.status, "GATEWAY_REQUESTED")
      const payment = (yield* stored(order)).payments.find(({ method }) => method === "CARD")
      const { paymentId: idempotencyKey, paymentKey: paidBy } = payment ?? {}
      if (payment === undefined || idempotencyKey === undefined || paidBy === undefined) assert.fail("no payment")
      const charge = { orderId: order, paymentKey: paidBy, idempotencyKey, transactionId: "1", at: 0 }
      toss.charges.charge({ ...charge, status: "APPROVED", amount: won(1) })
      yield* resumePayment(permit(order), payment)
      assert.deepInclude(yield* stored(order), { status: "CANCELLED", cancelReason: "PAYMENT_FAILED" })
      assert.deepStrictEqual([yield* books, yield* charged(order)], [untouched, [0]])
    }).pipe(Effect.provide(engine()))
  )

  /** A payment of which nobody heard the end, and of which somebody has given 200 won back at the gateway by hand. */
  const givenBackInPart = Effect.gen(function* () {
    const order = yield* waiting
    const { toss } = yield* MemoryGateway.MemoryGateways
    toss.script.next("approve", "cutAfter")
    assert.strictEqual((yield* byCard(order, 1, "key")).answer.status, "GATEWAY_REQUESTED")
    const { transactionId } = toss.charges.byKey(key(order)) ?? assert.fail("no charge")
    toss.charges.refund(transactionId, { refundId: "by hand", amount: won(200), at: 1 })
    return { order, payment: underWay(yield* stored(order)) ?? assert.fail("no payment") }
  })

  it.live("and a part of what it took was given back by hand: the rest goes back, and the order ends", () =>
    Effect.gen(function* () {
      const { order, payment } = yield* givenBackInPart
      yield* resumePayment(permit(order), payment)
      assert.deepInclude(yield* stored(order), { status: "CANCELLED", cancelReason: "PAYMENT_FAILED" })
      assert.deepStrictEqual([yield* books, yield* charged(order)], [untouched, [0]])
    }).pipe(Effect.provide(engine()))
  )

  it.live("and it does not say how much of it was given back: that is a person's, and nothing ends", () =>
    Effect.gen(function* () {
      const { order, payment } = yield* givenBackInPart
      const gateways = yield* Gateways
      const { toss } = yield* MemoryGateway.MemoryGateways
      const silent: Gateway = {
        ...toss,
        inquire: (ref) =>
          Effect.map(toss.inquire(ref), (found) =>
            found._tag === "Cancelled" ? { ...found, cancelledAmount: undefined } : found
          )
      }
      yield* Effect.provideService(resumePayment(permit(order), payment), Gateways, { ...gateways, of: () => silent })
      assert.strictEqual(underWay(yield* stored(order))?.status, "GATEWAY_REQUESTED")
      assert.deepStrictEqual([yield* charged(order)], [[400]])
    }).pipe(Effect.provide(engine()))
  )

  it.live("hear the first answer, also when it was that there is no money", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 0)
      const { orderId } = (yield* make({ key: 1, buyer, items: [[product, 1]] })).answer
      const asked = byCard(orderId, 1, "key")
      assert.deepStrictEqual([yield* tagOf(asked), yield* tagOf(asked)], ["InsufficientBalance", "InsufficientBalance"])
    }).pipe(Effect.provide(engine()))
  )

  it.live("hear the first answer, also when the key has paid another order since", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 0)
      const [one, other] = yield* Effect.forEach([1, 2], (n) => make({ key: n, buyer, items: [[product, 1]] }))
      const shared = (order: OrderId | undefined, n: number) =>
        pay({
          request: request(600_000 + n),
          order: permit(order ?? assert.fail("no order")),
          tenders: [{ method: "CARD", amount: won(1000) }],
          paymentKey: paymentKey("shared")
        })
      const { toss } = yield* MemoryGateway.MemoryGateways
      toss.script.next("approve", "busy")
      assert.strictEqual(yield* tagOf(shared(one?.answer.orderId, 1)), "PaymentUnavailable")
      yield* shared(other?.answer.orderId, 2)
      assert.strictEqual(yield* tagOf(shared(one?.answer.orderId, 1)), "PaymentUnavailable")
      assert.strictEqual(yield* tagOf(shared(one?.answer.orderId, 3)), "PaymentKeyUsed")
    }).pipe(Effect.provide(engine()))
  )

  it.live("hear the first answer, also when another gateway is to be paid by now, whose keys look otherwise", () =>
    Effect.gen(function* () {
      const order = yield* waiting
      const gateways = yield* Gateways
      const inicis = { ...gateways.of("inicis"), keyForm }
      const strict = { ...gateways, of: (name: GatewayName) => (name === "inicis" ? inicis : gateways.of(name)) }
      yield* byCard(order, 1)
      const { toss } = yield* MemoryGateway.MemoryGateways
      toss.script.next("approve", "busy")
      assert.strictEqual(yield* tagOf(confirmed(order, 1)), "PaymentUnavailable")
      yield* pay({
        request: request(500_002),
        order: permit(order),
        tenders: [{ method: "KAKAOPAY", amount: won(1000) }],
        paymentKey: undefined
      })
      const again = (n: number) => Effect.provideService(tagOf(confirmed(order, n)), Gateways, strict)
      assert.deepStrictEqual([yield* again(1), yield* again(2)], ["PaymentUnavailable", "PaymentKeyMalformed"])
    }).pipe(Effect.provide(engine()))
  )
})

describe("Whoever comes back from the gateway's page without having paid there", () => {
  it.live("and has too little money, is told so, and the order ends", () =>
    Effect.gen(function* () {
      const product = yield* onSale(10)
      const buyer = yield* user(1, 1000)
      const { orderId } = (yield* make({ key: 1, buyer, items: [[product, 2]] })).answer
      const byPage = [{ method: "CARD", amount: won(2000) }] as const
      yield* pay({ request: request(500_001), order: permit(orderId), tenders: byPage, paymentKey: undefined })
      assert.strictEqual(yield* tagOf(payFor(orderId, 1)), "InsufficientBalance")
      assert.deepInclude(yield* stored(orderId), { status: "CANCELLED", cancelReason: "INSUFFICIENT_BALANCE" })
      assert.deepStrictEqual(yield* books, { ...untouched, money: 1000 })
    }).pipe(Effect.provide(engine()))
  )
})
