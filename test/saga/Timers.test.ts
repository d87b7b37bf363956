import { assert, describe, it } from "@effect/vitest"
import { type Context, Effect, Exit, Fiber, Layer, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Directory } from "../../src/actors/Directory.ts"
import { type OrderId, uuidOf } from "../../src/domain/Ids.ts"
import { dueBy } from "../../src/domain/OrderLife.ts"
import { Policy } from "../../src/domain/Policy.ts"
import type { Journal } from "../../src/persistence/Journal.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import type { Orders } from "../../src/persistence/Orders.ts"
import type { Users } from "../../src/persistence/Users.ts"
import type { Gateways } from "../../src/saga/gateways/Gateway.ts"
import * as Timers from "../../src/saga/Timers.ts"
import type { Transact } from "../../src/saga/Transact.ts"
import { World } from "../actors/Nodes.ts"
import { audit, cancel, does, engineOver, make, offered, onSale, payFor, take, user } from "./Engine.ts"
import { pass, soon } from "./Time.ts"

type Node = Transact | Directory | Journal | Users | Orders | Gateways
type Services = Node | MemoryTables

/** A node with timers, over the tables there are; how to ask it, and how to stop it. */
const bootWith = Effect.fnUntraced(function* (wrap?: Parameters<typeof engineOver>[0]) {
  const scope = yield* Scope.make()
  const layer = Timers.layer.pipe(Layer.provideMerge(engineOver(wrap)))
  const built: Context.Context<Node> = yield* soon(Scope.provide(Layer.build(layer), scope))
  return {
    on: <A, E>(asked: Effect.Effect<A, E, Services>) => soon(Effect.provide(asked, built)),
    stop: soon(Scope.close(scope, Exit.void))
  }
})
const boot = bootWith()

const statusOf = (id: OrderId) => Effect.map(MemoryTables, ({ orders }) => orders.get(uuidOf(id))?.status)
const reasonOf = (id: OrderId) => Effect.map(MemoryTables, ({ orders }) => orders.get(uuidOf(id))?.cancelReason)

/** Ten pieces, and an order of two of them with a coupon. */
const waiting = Effect.gen(function* () {
  const product = yield* onSale(10)
  const buyer = yield* user(1, 10_000)
  const { answer } = yield* take(yield* offered({}), buyer, 1)
  const { userCouponId } = answer
  const made = yield* make({ key: 1, buyer, items: [[product, 2]], userCouponId })
  return { order: made.answer.orderId, product, buyer }
})

const half = Policy.order.paymentDeadlineMs
const free = { stock: [10], reserved: [0], money: 10_000, coupons: ["ISSUED" as const], disagreements: [] }
const books = Effect.map(audit, ({ stock, reserved, money, coupons, disagreements }) => ({
  stock,
  reserved,
  money,
  coupons,
  disagreements
}))

const tables = MemoryTables.layer

describe("An order nobody pays", () => {
  it.effect("is cancelled after half an hour, to the second", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const node = yield* boot
      const { order } = yield* node.on(waiting)
      const { orders } = yield* MemoryTables
      const deadline = orders.get(uuidOf(order))?.paymentDeadline ?? assert.fail("no deadline")
      yield* TestClock.setTime(deadline - 500)
      yield* pass(499)
      assert.strictEqual(yield* statusOf(order), "CREATED")
      yield* pass(1000)
      assert.deepStrictEqual([yield* statusOf(order), yield* reasonOf(order)], ["CANCELLED", "PAYMENT_TIMEOUT"])
      assert.deepStrictEqual(yield* node.on(books), free)
      yield* node.stop
    }).pipe(Effect.provide(tables))
  )

  it.effect("is cancelled by whoever is there then: deadlines survive a restart", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const first = yield* boot
      const { order } = yield* first.on(waiting)
      yield* first.stop
      yield* TestClock.adjust(half * 2)
      assert.strictEqual(yield* statusOf(order), "CREATED")
      const second = yield* boot
      yield* pass(1000)
      assert.strictEqual(yield* statusOf(order), "CANCELLED")
      assert.deepStrictEqual(yield* second.on(books), free)
      yield* second.stop
    }).pipe(Effect.provide(tables))
  )

  it.effect("is left alone once it is paid, or cancelled by its buyer", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const node = yield* boot
      const { order, product, buyer } = yield* node.on(waiting)
      const other = yield* node.on(make({ key: 2, buyer, items: [[product, 1]] }))
      yield* node.on(payFor(order, 1))
      yield* node.on(cancel(other.answer.orderId))
      yield* TestClock.setTime(1_700_000_000_000 + half * 2)
      yield* pass(1000)
      assert.strictEqual(yield* statusOf(order), "CONFIRMED")
      assert.strictEqual(yield* reasonOf(other.answer.orderId), "BUYER")
      yield* node.stop
    }).pipe(Effect.provide(tables))
  )

  it.effect("is not cancelled when it is being paid at that very moment", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      let delay = 0
      const slow = (journal: Journal["Service"]): Journal["Service"] => ({
        ...journal,
        commit: (batch) => Effect.delay(journal.commit(batch), delay)
      })
      const node = yield* bootWith(slow)
      const { order } = yield* node.on(waiting)
      const { orders } = yield* MemoryTables
      yield* TestClock.setTime((orders.get(uuidOf(order))?.paymentDeadline ?? 0) - 200)
      delay = 900
      const paying = yield* Effect.forkChild(node.on(payFor(order, 1)))
      yield* pass(5000)
      assert.strictEqual((yield* Fiber.join(paying)).answer.status, "COMPLETED")
      assert.strictEqual(yield* statusOf(order), "CONFIRMED")
      yield* node.stop
    }).pipe(Effect.provide(tables))
  )

  it.effect("is cancelled in time, however long another one takes", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const stuck = new Set<OrderId>()
      const node = yield* bootWith((journal) => ({
        ...journal,
        commit: (batch) =>
          Effect.delay(
            journal.commit(batch),
            batch.some(({ changes }) =>
              changes.some((each) => each._tag === "OrderChanged" && stuck.has(each.after.orderId))
            )
              ? 4000
              : 0
          )
      }))
      const { order: first, product, buyer } = yield* node.on(waiting)
      yield* pass(2000)
      const { orderId: second } = (yield* node.on(make({ key: 2, buyer, items: [[product, 1]] }))).answer
      stuck.add(first)
      const { orders } = yield* MemoryTables
      yield* TestClock.setTime((orders.get(uuidOf(second))?.paymentDeadline ?? 0) - 2000)
      yield* pass(3000)
      assert.deepStrictEqual([yield* statusOf(first), yield* statusOf(second)], ["CREATED", "CANCELLED"])
      yield* pass(3000)
      assert.deepStrictEqual(yield* node.on(books), free)
      yield* node.stop
    }).pipe(Effect.provide(tables))
  )

  it.effect("is one of as many as there are: more than a page of them is over at once", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const node = yield* boot
      const product = yield* node.on(onSale(600))
      const { unpaidMost } = Policy.order
      yield* node.on(
        Effect.forEach(
          Array.from({ length: 600 / unpaidMost }, (_, n) => n),
          Effect.fnUntraced(function* (n) {
            const buyer = yield* user(n, 0)
            const keys = Array.from({ length: unpaidMost }, (_, key) => n * unpaidMost + key)
            yield* Effect.forEach(keys, (key) => make({ key, buyer, items: [[product, 1]] }))
          }),
          { concurrency: 10 }
        )
      )
      yield* TestClock.setTime(1_700_000_000_000 + half + 60_000)
      yield* pass(2000)
      const { orders, products } = yield* MemoryTables
      assert.deepStrictEqual(new Set(Array.from(orders.values(), ({ status }) => status)), new Set(["CANCELLED"]))
      assert.deepStrictEqual(
        Array.from(products.values(), ({ onHand, reserved }) => [onHand, reserved]),
        [[600, 0]]
      )
      yield* node.stop
    }).pipe(Effect.provide(tables))
  )
})

describe("What was delivered", () => {
  it.effect("counts as confirmed after seven days, by whoever is there then", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const first = yield* boot
      const { order } = yield* first.on(waiting)
      yield* first.on(payFor(order, 1))
      for (const to of ["PREPARING", "SHIPPED", "DELIVERED"] as const)
        yield* first.on(does(order, { _tag: "Advance", to }))
      yield* first.stop
      const { orders } = yield* MemoryTables
      const deliveredAt = orders.get(uuidOf(order))?.history.at(-1)?.at ?? assert.fail("not delivered")
      yield* TestClock.setTime(deliveredAt + Policy.order.autoConfirmMs - 1000)
      const second = yield* boot
      yield* pass(900)
      assert.strictEqual(yield* statusOf(order), "DELIVERED")
      yield* pass(1000)
      assert.strictEqual(yield* statusOf(order), "COMPLETED")
      yield* second.stop
    }).pipe(Effect.provide(tables))
  )
})

describe("Orders of several nodes", () => {
  /** Three nodes, and an order that belongs to one of them. */
  const cluster = Effect.gen(function* () {
    yield* TestClock.setTime(1_700_000_000_000)
    const world = yield* World.make
    for (const address of ["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]) yield* world.boot(address)
    yield* world.until(() => world.settled)
    yield* world.pass(2000)
    const [first] = world.nodes
    assert.isDefined(first)
    return { world, first, ...(yield* world.run(first.on(waiting))) }
  })

  it.effect("are given up at the same moment by all of them, and once", () =>
    Effect.gen(function* () {
      const { world, order } = yield* cluster
      const made = world.tables.orders.get(uuidOf(order)) ?? assert.fail("no order")
      const due = dueBy(made, made.paymentDeadline ?? 0)
      if (due?._tag !== "Do") return assert.fail("nothing due")
      const results = yield* world.run(
        Effect.all(
          world.nodes.map((node) => node.on(Effect.result(does(order, due.deed)))),
          { concurrency: "unbounded" }
        )
      )
      assert.lengthOf(results.filter(Result.isSuccess), 1)
      assert.strictEqual(world.tables.orders.get(uuidOf(order))?.history.length, 2)
      assert.deepStrictEqual(world.tables.outbox.filter(({ type }) => type === "OrderCancelled").length, 1)
      assert.deepStrictEqual(
        Array.from(world.tables.products.values(), ({ onHand, reserved }) => [onHand, reserved]),
        [[10, 0]]
      )
    })
  )

  it.effect("are paid, cancelled in part and taken back from any of them", () =>
    Effect.gen(function* () {
      const { world, order, product } = yield* cluster
      const [a, b, c] = world.nodes
      assert.isDefined(a)
      assert.isDefined(b)
      assert.isDefined(c)
      yield* world.run(b.on(payFor(order, 1)))
      yield* world.run(c.on(cancel(order, { items: [[product, 1]] })))
      yield* world.run(a.on(cancel(order)))
      yield* world.pass(1000)
      const { products, wallets, userCoupons, orders } = world.tables
      assert.deepInclude(orders.get(uuidOf(order)), { status: "CANCELLED", version: 4 })
      assert.deepStrictEqual(
        Array.from(products.values(), ({ onHand, reserved }) => [onHand, reserved]),
        [[10, 0]]
      )
      assert.strictEqual(Math.max(...wallets.values()), 10_000)
      assert.deepStrictEqual(
        Array.from(userCoupons.values(), ({ status }) => status),
        ["REFUNDED"]
      )
      // They all have it as it is.
      for (const node of world.nodes) {
        const state = yield* world.run(node.on(Effect.flatMap(Directory, ({ read }) => read("order", order))))
        assert.deepStrictEqual(state, {
          order: orders.get(uuidOf(order)) ?? assert.fail("no order"),
          pending: undefined
        })
      }
    })
  )
})
