/** Where clients ask a node: at the use cases, or before that at HTTP. */
import { Context, Effect, Layer, Schema } from "effect"
import { Directory } from "../../src/actors/Directory.ts"
import { permit, type Privilege } from "../../src/domain/Authority.ts"
import { CouponNotFound } from "../../src/domain/Coupon.ts"
import { OrderId, refundId } from "../../src/domain/Ids.ts"
import { pieces, Quantity } from "../../src/domain/Money.ts"
import { OrderStatus } from "../../src/domain/Order.ts"
import { OrderNotFound } from "../../src/domain/OrderLife.ts"
import type { Catalogue } from "../../src/persistence/Catalogue.ts"
import type { Orders } from "../../src/persistence/Orders.ts"
import type { Users } from "../../src/persistence/Users.ts"
import { charge } from "../../src/saga/Charge.ts"
import { checkout } from "../../src/saga/Checkout.ts"
import type { Gateways } from "../../src/saga/gateways/Gateway.ts"
import { issue, setCondition } from "../../src/saga/Coupons.ts"
import { askRefund, change, createOrder } from "../../src/saga/Orders.ts"
import { confirm, pay } from "../../src/saga/Payments.ts"
import { adjustStock, createProduct, editProduct } from "../../src/saga/Products.ts"
import type { Keyed, Transact } from "../../src/saga/Transact.ts"
import { withdraw } from "../../src/saga/Withdrawal.ts"
import { type Answered, type Item, type Operation } from "./Operation.ts"

/** What arrives of a request. */
export interface Asked {
  readonly operation: Operation
  readonly keyed: Keyed | undefined
}

export class Front extends Context.Service<
  Front,
  (asked: Asked) => Effect.Effect<Answered, { readonly _tag: string }>
>()("test/sim/Front") {
  /** No HTTP: the handlers in a few words. */
  static readonly useCases = Layer.effect(
    Front,
    Effect.map(Effect.context<Engine>(), (engine) => (asked) => Effect.provideContext(carryOut(asked), engine))
  )
}

/** What use cases need of a node. */
type Engine = Transact | Directory | Users | Gateways | Catalogue | Orders

/** As HTTP says it. */
class ValidationFailed {
  readonly _tag = "ValidationFailed"
}

const fresh = (answer: unknown): Answered => ({ answer, replayed: false })

const decodeItem = Schema.decodeUnknownEffect(Schema.Struct({ quantity: Quantity }))

const decodeItems = (items: ReadonlyArray<Item>) =>
  Effect.forEach(items, ({ product, quantity }) =>
    Effect.map(decodeItem({ quantity }), (item) => ({ productId: product, quantity: item.quantity }))
  ).pipe(Effect.mapError(() => new ValidationFailed()))

const Become = Schema.Struct({ orderId: OrderId, status: OrderStatus })

const become = (order: OrderId, request: Keyed | undefined, deed: Parameters<typeof change>[0]["deed"]) =>
  change<typeof Become.Type>({
    request,
    order: permit(order),
    deed,
    schema: Become,
    answer: ({ order: { orderId, status } }) => ({ orderId, status })
  })

/** By what right somebody gives a coupon to another. */
const grant = ({ grantedBy, user }: Operation & { readonly _tag: "Issue" }): Privilege | undefined =>
  grantedBy && { actorId: grantedBy, role: "SELLER", act: "coupons.issue", onBehalfOf: user, traceId: undefined }

const unkeyed = Effect.die("An operation of which nobody made a key")

const carryOut = ({ operation, keyed: request }: Asked): Effect.Effect<Answered, { readonly _tag: string }, Engine> => {
  switch (operation._tag) {
    case "Checkout": {
      const { buyer, items, coupon: userCouponId, expectedTotal } = operation
      if (request === undefined) return unkeyed
      return Effect.flatMap(decodeItems(items), (decoded) =>
        checkout({ request, buyer, items: decoded, userCouponId, expectedTotal })
      )
    }
    case "Order": {
      const { buyer, items, coupon: userCouponId, policy: couponPolicy } = operation
      if (request === undefined) return unkeyed
      return Effect.flatMap(decodeItems(items), (decoded) =>
        createOrder({
          request,
          buyer,
          items: decoded,
          userCouponId,
          couponPolicy,
          expectedTotal: undefined,
          shippingAddress: undefined
        })
      )
    }
    case "Pay": {
      const { order, tenders, paymentKey } = operation
      if (request === undefined) return unkeyed
      return pay({ request, order: permit(order), tenders, paymentKey })
    }
    case "Confirm": {
      const { order, paymentKey, amount } = operation
      if (request === undefined) return unkeyed
      return confirm({ request, order: permit(order), paymentKey, amount })
    }
    case "Cancel": {
      const { items } = operation
      const decoded = items === undefined ? Effect.succeed(undefined) : decodeItems(items)
      return Effect.flatMap(decoded, (some) =>
        become(operation.order, request, (id) => ({
          _tag: "Cancel",
          refundId: refundId(id),
          reason: "BUYER",
          items: some
        }))
      )
    }
    case "AskRefund": {
      const { items, order } = operation
      if (request === undefined) return unkeyed
      const decoded = items === undefined ? Effect.succeed(undefined) : decodeItems(items)
      return Effect.flatMap(decoded, (some) => askRefund({ request, order: permit(order), items: some }))
    }
    case "DecideRefund": {
      const { order, refund, approved } = operation
      return become(order, request, () => ({ _tag: "DecideRefund", refundId: refund, approved }))
    }
    case "Progress":
      return become(operation.order, request, () => ({ _tag: "Advance", to: operation.to }))
    case "ReadOrder": {
      const { order: orderId } = operation
      return Effect.flatMap(Directory, ({ read }) => read("order", orderId)).pipe(
        Effect.flatMap((state) =>
          state === undefined ? Effect.fail(new OrderNotFound({ orderId })) : Effect.succeed(fresh(state.order))
        )
      )
    }
    case "Charge":
      if (request === undefined) return unkeyed
      return charge({ request, user: permit(operation.user), amount: operation.amount })
    case "Issue":
      if (request === undefined) return unkeyed
      return issue({
        request,
        wanted: permit({ couponId: operation.coupon, userId: operation.user }, grant(operation)),
        issueBy: operation.grantedBy === undefined ? "FIRST_COME" : "GRANT"
      })
    case "Adjust":
      return Effect.map(adjustStock(permit(operation.product), operation.version, operation.delta), fresh)
    case "Edit":
      return Effect.map(editProduct(permit(operation.product), operation.version, operation.edit), fresh)
    case "EditCoupon":
      return Effect.map(setCondition(permit(operation.coupon), operation.version, operation.condition), fresh)
    case "Create": {
      const { seller, price, stock } = operation
      const product = { name: "New", description: "", category: undefined, saleStatus: "ON_SALE" } as const
      return createProduct({ ...product, seller: permit(seller), price, stock: pieces(stock) })
    }
    case "Withdraw":
      return Effect.map(withdraw(permit(operation.user)), fresh)
    case "ReadProduct":
      return Effect.flatMap(Directory, ({ read }) => Effect.map(read("product", operation.product), fresh))
    case "ReadWallet":
      return Effect.flatMap(Directory, ({ read }) => Effect.map(read("wallet", operation.user), fresh))
    case "ReadCoupon": {
      const { coupon: couponId } = operation
      return Effect.flatMap(Directory, ({ read }) => read("coupon", couponId)).pipe(
        Effect.flatMap((state) =>
          state === undefined ? Effect.fail(new CouponNotFound({ couponId })) : Effect.succeed(fresh(state))
        )
      )
    }
  }
}
