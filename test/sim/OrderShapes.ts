/** The shapes of what becomes of orders that are paid later. */
import { Effect, Option, Schema } from "effect"
import { OrderId, RefundId, UserCouponId, type UserId } from "../../src/domain/Ids.ts"
import { least, minus, Money, won } from "../../src/domain/Money.ts"
import { PaymentStatus } from "../../src/domain/Order.ts"
import { Policy } from "../../src/domain/Policy.ts"
import type { GatewayMethod, Tender } from "../../src/domain/Tender.ts"
import type { Client } from "./Client.ts"
import type { Item, Operation, Outcome } from "./Operation.ts"
import { anyBuyer, anyProduct, came, type Shape, shape } from "./Shape.ts"

const Made = Schema.Struct({ orderId: OrderId, payableAmount: Money })
const decodeMade = Schema.decodeUnknownSync(Made)
const decodePaid = Schema.decodeUnknownOption(Schema.Struct({ status: PaymentStatus }))
const decodeAsked = Schema.decodeUnknownOption(Schema.Struct({ refundId: RefundId }))
const decodeIssued = Schema.decodeUnknownSync(Schema.Struct({ userCouponId: UserCouponId }))

interface Made {
  readonly buyer: UserId
  readonly order: OrderId
  readonly items: ReadonlyArray<Item>
  readonly due: Money
}

const orderOf = (
  client: Client,
  buyer: UserId,
  items: ReadonlyArray<Item>,
  coupon?: UserCouponId,
  policy: (Operation & { readonly _tag: "Order" })["policy"] = "reject"
) => ({ _tag: "Order" as const, key: client.key(), buyer, items, coupon, policy })

const anyItems = (client: Client, heat: number): ReadonlyArray<Item> => {
  const { rng } = client
  const products = new Set(Array.from({ length: rng.pick([1, 1, 1, 3]) }, () => anyProduct(client, heat)))
  return [...products].map((product) => ({ product, quantity: rng.between(1, 3) }))
}

const make = (
  client: Client,
  name: string,
  asked: Operation & { readonly _tag: "Order" }
): Effect.Effect<Made | undefined> =>
  Effect.map(client.say(name, asked), (outcome) => {
    if (outcome._tag !== "Ok") return undefined
    const { orderId: order, payableAmount: due } = decodeMade(outcome.answer)
    return { buyer: asked.buyer, order, items: asked.items, due }
  })

/** Makes an order, and goes on with it. */
const ordering = (
  name: string,
  weight: number,
  goOn: (client: Client, made: Made, name: string) => Effect.Effect<boolean>,
  buyerOf: (client: Client, heat: number) => UserId = ({ owner }) => owner
): Shape =>
  shape(name, weight, (client, heat) =>
    Effect.flatMap(make(client, name, orderOf(client, buyerOf(client, heat), anyItems(client, heat))), (made) =>
      made === undefined ? Effect.succeed(false) : goOn(client, made, name)
    )
  )

const payment = (
  client: Client,
  { buyer, order }: Made,
  tenders?: ReadonlyArray<Tender>,
  paymentKey?: ReturnType<Client["agree"]>
): Operation => ({ _tag: "Pay", key: client.key(), buyer, order, tenders, paymentKey })

const cancellation = (client: Client, { buyer, order }: Made, items?: ReadonlyArray<Item>): Operation => ({
  _tag: "Cancel",
  key: client.key(),
  buyer,
  order,
  items
})

const methods = ["CARD", "CARD", "BANK_TRANSFER", "KAKAOPAY"] as const satisfies ReadonlyArray<GatewayMethod>

/** All of it through a gateway, or a part. */
const tendersOf = ({ rng }: Client, { due }: Made, isMixed: boolean): ReadonlyArray<Tender> => {
  const wallet = isMixed ? least(due, won(rng.between(1, 900))) : won(0)
  const method = rng.pick(methods)
  return wallet === 0 || wallet === due
    ? [{ method, amount: due }]
    : [
        { method: "WALLET", amount: wallet },
        { method, amount: minus(due, wallet) }
      ]
}

const byCard = (client: Client, made: Made, isMixed = client.rng.chance(0.5)) =>
  payment(client, made, tendersOf(client, made, isMixed), client.agree())

const isPaid = (outcome: Outcome) =>
  outcome._tag === "Ok" && Option.getOrUndefined(decodePaid(outcome.answer))?.status === "COMPLETED"

/** One piece of one line. */
const aPiece = ({ rng }: Client, { items }: Made): ReadonlyArray<Item> =>
  items.slice(0, rng.between(1, items.length)).map(({ product }) => ({ product, quantity: 1 }))

const atOnce = (client: Client, name: string, ...asked: ReadonlyArray<Operation>) =>
  Effect.forEach(asked, (operation) => client.say(name, operation), { concurrency: asked.length })

/** One with the wallet, or one through a gateway. */
const anyPayment = (client: Client, made: Made) =>
  client.rng.chance(0.5) ? payment(client, made) : byCard(client, made)

export const orderShapes: ReadonlyArray<Shape> = [
  ordering("order, and never pay", 4, () => Effect.succeed(true), anyBuyer),
  ordering(
    "order and pay",
    8,
    (client, made, name) => Effect.map(client.say(name, payment(client, made)), isPaid),
    anyBuyer
  ),
  ordering("order and pay by card", 8, (client, made, name) =>
    Effect.map(client.say(name, byCard(client, made, false)), isPaid)
  ),
  ordering("order and pay by card and wallet", 8, (client, made, name) =>
    Effect.map(client.say(name, byCard(client, made, true)), isPaid)
  ),
  ordering("order and pay at the gateway's page", 5, (client, made, name) =>
    Effect.gen(function* () {
      const { buyer, order } = made
      const tenders = tendersOf(client, made, client.rng.chance(0.5))
      const begun = yield* client.say(name, payment(client, made, tenders))
      if (begun._tag !== "Ok") return false
      const paymentKey = client.agree()
      const amount = tenders.find(({ method }) => method !== "WALLET")?.amount ?? won(0)
      return isPaid(yield* client.say(name, { _tag: "Confirm", key: client.key(), buyer, order, paymentKey, amount }))
    })
  ),
  ordering("come back from the gateway's page too late", 7, (client, made, name) =>
    Effect.gen(function* () {
      const { buyer, order } = made
      const tenders = tendersOf(client, made, true)
      const amount = tenders.find(({ method }) => method !== "WALLET")?.amount ?? won(0)
      const begun = yield* client.say(name, payment(client, made, tenders))
      if (begun._tag !== "Ok") return false
      const paymentKey = client.agree()
      const asked = { _tag: "Confirm", key: client.key(), buyer, order, paymentKey, amount } as const
      const passes = Effect.sync(() => client.lapse(Policy.payment.attemptTimeoutMs))
      const pause = client.rng.pick([1, 5, 20, 100]) * client.rng.next()
      // Or while it is being written down.
      const isFirst = client.rng.chance(0.3)
      const [outcome] = yield* Effect.all(
        [Effect.delay(client.say(name, asked), isFirst ? pause : 0), Effect.delay(passes, isFirst ? 0 : pause)],
        { concurrency: 2 }
      )
      return isPaid(outcome) || came(outcome, "OrderNotPayable")
    })
  ),
  ordering("begin to pay, and stay away", 2, (client, made, name) =>
    Effect.map(client.say(name, payment(client, made, tendersOf(client, made, true))), (outcome) => came(outcome, "Ok"))
  ),
  ordering("pay twice at once", 5, (client, made, name) =>
    Effect.map(
      atOnce(client, name, anyPayment(client, made), anyPayment(client, made)),
      (outcomes) => outcomes.filter(isPaid).length === 1
    )
  ),
  ordering("pay by card, and ask until it is known", 12, (client, made, name) =>
    Effect.gen(function* () {
      const request = client.request(name, byCard(client, made))
      for (let left = 8; left > 0; left--) {
        const outcome = yield* client.once(request)
        if (isPaid(outcome)) return true
        if (outcome._tag === "Refused") return false
      }
      return false
    })
  ),
  ordering("pay and ask again everywhere", 4, (client, made, name) =>
    Effect.gen(function* () {
      const request = client.request(name, byCard(client, made))
      const outcomes = yield* Effect.forEach(client.nodes, (node) => client.at(node, request), {
        concurrency: client.nodes.length
      })
      return outcomes.some(isPaid)
    })
  ),
  ordering("pay and cancel at once", 6, (client, made, name) =>
    Effect.map(atOnce(client, name, anyPayment(client, made), cancellation(client, made)), (outcomes) =>
      outcomes.some((outcome) => came(outcome, "Ok"))
    )
  ),
  ordering("pay by card, and pay again", 4, (client, made, name) =>
    Effect.gen(function* () {
      const first = yield* client.say(name, byCard(client, made))
      if (isPaid(first)) return came(yield* client.say(name, payment(client, made)), "OrderNotPayable")
      yield* client.say(name, anyPayment(client, made))
      return false
    })
  ),
  ordering("pay another amount", 1, (client, made, name) =>
    Effect.map(client.say(name, payment(client, made, [{ method: "WALLET", amount: won(made.due + 1) }])), (outcome) =>
      came(outcome, "AmountMismatch")
    )
  ),
  ordering("cancel an order", 4, (client, made, name) =>
    Effect.map(client.say(name, cancellation(client, made)), (outcome) => came(outcome, "Ok"))
  ),
  ordering("pay, and cancel", 6, (client, made, name) =>
    Effect.gen(function* () {
      if (!isPaid(yield* client.say(name, anyPayment(client, made)))) return false
      return came(yield* client.say(name, cancellation(client, made)), "Ok")
    })
  ),
  ordering("pay, and cancel a part", 8, (client, made, name) =>
    Effect.gen(function* () {
      if (!isPaid(yield* client.say(name, anyPayment(client, made)))) return false
      const first = yield* client.say(name, cancellation(client, made, aPiece(client, made)))
      if (client.rng.chance(0.5)) yield* client.say(name, cancellation(client, made))
      return came(first, "Ok")
    })
  ),
  ordering("pay, and cancel twice at once", 5, (client, made, name) =>
    Effect.gen(function* () {
      if (!isPaid(yield* client.say(name, anyPayment(client, made)))) return false
      const cancels = [cancellation(client, made), cancellation(client, made, aPiece(client, made))]
      return (yield* atOnce(client, name, ...cancels)).some((outcome) => came(outcome, "Ok"))
    })
  ),
  shape("order without money", 3, (client, heat) =>
    Effect.gen(function* () {
      const name = "order without money"
      const { hot, poor } = client.shop
      const made = yield* make(client, name, orderOf(client, poor, [{ product: hot, quantity: 1 }]))
      if (made === undefined) return false
      const isMixed = client.rng.chance(heat)
      return came(
        yield* client.say(name, isMixed ? byCard(client, made, true) : payment(client, made)),
        "InsufficientBalance"
      )
    })
  ),
  shape("pay twice while money comes in", 5, (client) =>
    Effect.gen(function* () {
      const name = "pay twice while money comes in"
      const { rng, shop } = client
      const user = rng.some(shop.leavers) ?? client.owner
      const made = yield* make(client, name, orderOf(client, user, [{ product: shop.hot, quantity: 1 }]))
      if (made === undefined) return false
      const outcomes = yield* atOnce(
        client,
        name,
        payment(client, made),
        { _tag: "Charge", key: client.key(), user, amount: 2000 },
        payment(client, made)
      )
      return outcomes.some(isPaid)
    })
  ),
  shape("order the last", 5, (client, heat) =>
    Effect.gen(function* () {
      const name = "order the last"
      const items = [{ product: client.shop.scarce, quantity: 1 }]
      const made = yield* make(client, name, orderOf(client, anyBuyer(client, heat), items))
      if (made === undefined) return false
      const next = client.rng.chance(0.5) ? cancellation(client, made) : payment(client, made)
      return came(yield* client.say(name, next), "Ok")
    })
  ),
  shape("order more than there is", 1, (client) =>
    Effect.map(
      client.say(
        "order more than there is",
        orderOf(client, client.owner, [{ product: client.shop.hot, quantity: 5000 }])
      ),
      (outcome) => came(outcome, "StockShortage")
    )
  ),
  ordering("send, deliver, and take back", 5, (client, made, name) =>
    Effect.gen(function* () {
      const { buyer, order } = made
      const { seller } = client.shop
      if (!isPaid(yield* client.say(name, anyPayment(client, made)))) return false
      for (const to of ["PREPARING", "SHIPPED", "DELIVERED"] as const) {
        if (!came(yield* client.say(name, { _tag: "Progress", seller, order, to }), "Ok")) return false
      }
      const items = client.rng.chance(0.5) ? undefined : aPiece(client, made)
      const asked = yield* client.say(name, { _tag: "AskRefund", key: client.key(), buyer, order, items })
      if (asked._tag !== "Ok") return false
      const refund = Option.getOrUndefined(decodeAsked(asked.answer))?.refundId
      if (refund === undefined) return false
      const approved = client.rng.chance(0.8)
      return came(yield* client.say(name, { _tag: "DecideRefund", seller, order, refund, approved }), "Ok")
    })
  ),
  ordering("send while it is cancelled", 4, (client, made, name) =>
    Effect.gen(function* () {
      const { seller } = client.shop
      if (!isPaid(yield* client.say(name, anyPayment(client, made)))) return false
      const send = { _tag: "Progress", seller, order: made.order, to: "PREPARING" } as const
      return (yield* atOnce(client, name, send, cancellation(client, made))).every((outcome) => came(outcome, "Ok"))
    })
  ),
  ordering("read an order", 3, (client, { buyer, order }, name) =>
    Effect.map(client.say(name, { _tag: "ReadOrder", buyer, order }), (outcome) => came(outcome, "Ok"))
  ),
  shape("leave with an order", 2, (client) =>
    Effect.gen(function* () {
      const name = "leave with an order"
      const user = client.rng.some(client.shop.leavers) ?? client.owner
      const outcomes = yield* atOnce(
        client,
        name,
        orderOf(client, user, [{ product: client.shop.free, quantity: 1 }]),
        { _tag: "Withdraw", user }
      )
      return outcomes.some((outcome) => came(outcome, "Ok"))
    })
  )
]

/** Gets a coupon, and orders with it. */
const withCoupon = (
  name: string,
  weight: number,
  goOn: (client: Client, made: Made, coupon: UserCouponId) => Effect.Effect<boolean>
): Shape =>
  shape(name, weight, (client, heat) =>
    Effect.gen(function* () {
      const { rng, owner: user, shop } = client
      const coupon = rng.some(shop.generous) ?? shop.hotCoupon
      const issue = { _tag: "Issue", key: client.key(), coupon, user, grantedBy: undefined } as const
      const issued = yield* client.say(name, issue)
      if (issued._tag !== "Ok") return false
      const { userCouponId } = decodeIssued(issued.answer)
      const policy = rng.pick(["reject", "drop", "dropIfMinimumOnly"] as const)
      const made = yield* make(client, name, orderOf(client, user, anyItems(client, heat), userCouponId, policy))
      return made === undefined ? false : yield* goOn(client, made, userCouponId)
    })
  )

export const orderShapesWithCoupons: ReadonlyArray<Shape> = [
  withCoupon("order with a coupon, and pay", 6, (client, made) =>
    Effect.map(client.say("order with a coupon, and pay", anyPayment(client, made)), isPaid)
  ),
  withCoupon("order with a coupon, and cancel", 6, (client, made, coupon) =>
    Effect.gen(function* () {
      const name = "order with a coupon, and cancel"
      if (client.rng.chance(0.75)) yield* client.say(name, anyPayment(client, made))
      if (client.rng.chance(0.75)) yield* client.say(name, cancellation(client, made, aPiece(client, made)))
      const cancelled = yield* client.say(name, cancellation(client, made))
      const again = orderOf(client, made.buyer, made.items, coupon)
      yield* client.say(name, client.rng.chance(0.5) ? again : { ...again, policy: "drop" })
      return came(cancelled, "Ok")
    })
  ),
  withCoupon("order with a coupon, pay and cancel at once", 6, (client, made) =>
    Effect.gen(function* () {
      const name = "order with a coupon, pay and cancel at once"
      const pause = client.rng.pick([0, 5, 50]) * client.rng.next()
      const outcomes = yield* Effect.all(
        [client.say(name, anyPayment(client, made)), Effect.delay(client.say(name, cancellation(client, made)), pause)],
        { concurrency: 2 }
      )
      return outcomes.some((outcome) => came(outcome, "Ok"))
    })
  ),
  withCoupon("order with a coupon that is held", 2, (client, { buyer, items }, coupon) =>
    Effect.map(
      client.say("order with a coupon that is held", orderOf(client, buyer, items, coupon, "dropIfMinimumOnly")),
      (outcome) => came(outcome, "CouponNotUsable")
    )
  )
]
