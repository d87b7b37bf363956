import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { OrderId, PaymentId } from "../../domain/Ids.ts"
import { Money } from "../../domain/Money.ts"
import { OrderStatus, PaymentStatus } from "../../domain/Order.ts"
import { GatewayName, GatewayTransactionId, Method, PaymentKey, Tender } from "../../domain/Tender.ts"
import { ClaimedOrderId, example, IdempotencyKey, page, PageQuery, replayable, says, Timestamp } from "./Fields.ts"
import { Authenticated } from "./Middleware.ts"
import { asking, changing, keyed, problems, writing } from "./Problems.ts"
import * as Samples from "./Samples.ts"

const Tenders = Schema.Array(Tender).check(
  Schema.isBetweenLength(1, 2),
  Schema.makeFilter(
    (tenders: ReadonlyArray<typeof Tender.Type>) =>
      new Set(tenders.map(({ method }) => method === "WALLET")).size === tenders.length,
    { expected: "the wallet, one other method, or both" }
  )
)

/** What to do while nobody knows what became of a payment. */
const unknown =
  "GATEWAY_REQUESTED: nobody knows yet whether the gateway has taken the money; repeat the same request with the same Idempotency-Key until it has ended."

export const PaymentRequest = Schema.Struct({
  orderId: ClaimedOrderId,
  tenders: Schema.optionalKey(Tenders.pipe(says("For all there is to pay; without, the wallet for all."))),
  paymentKey: Schema.optionalKey(
    PaymentKey.pipe(
      says(
        "What the gateway's page gave the buyer: Toss' paymentKey (CARD), NICE's tid (BANK_TRANSFER, NAVERPAY), or Inicis' idc_name, a colon and its authToken (KAKAOPAY). Without, POST /payments/confirm brings it."
      )
    )
  )
})
  .check(
    Schema.makeFilter(
      ({ tenders = [], paymentKey }: { readonly tenders?: ReadonlyArray<Tender>; readonly paymentKey?: PaymentKey }) =>
        paymentKey === undefined || tenders.some(({ method }) => method !== "WALLET"),
      { expected: "a tender that the paymentKey is for" }
    )
  )
  .annotate({ identifier: "PaymentRequest" })
  .pipe(
    example({
      orderId: Samples.order,
      tenders: [
        { method: "WALLET", amount: 29_000 },
        { method: "CARD", amount: 100_000 }
      ]
    })
  )

export const ConfirmRequest = Schema.Struct({
  orderId: ClaimedOrderId,
  paymentKey: PaymentKey,
  amount: Money.pipe(says("What the buyer agreed to at the gateway's page."))
})
  .annotate({ identifier: "ConfirmRequest" })
  .pipe(example({ orderId: Samples.order, paymentKey: "tgen_20261120120004Ab1c", amount: 100_000 }))

export const Paid = Schema.Struct({
  paymentId: PaymentId,
  orderId: OrderId,
  status: PaymentStatus.pipe(says(`INITIATED: the buyer is to go to the gateway's page. ${unknown}`)),
  paidAmount: Money,
  balance: Schema.optionalKey(
    Money.pipe(says("The wallet's balance after this payment, unless the order was paid before."))
  )
})
  .annotate({ identifier: "Payment" })
  .pipe(
    example({
      paymentId: Samples.payment,
      orderId: Samples.order,
      status: "COMPLETED",
      paidAmount: 129_000,
      balance: 171_000
    })
  )

export const StuckPayment = Schema.Struct({
  paymentId: PaymentId,
  orderId: OrderId,
  method: Method,
  gateway: GatewayName,
  amount: Money,
  paymentDeadline: Timestamp
})
  .annotate({ identifier: "StuckPayment" })
  .pipe(
    example({
      paymentId: Samples.payment,
      orderId: Samples.order,
      method: "CARD",
      gateway: "toss",
      amount: 129_000,
      paymentDeadline: Samples.last
    })
  )

export const PaymentDecision = Schema.Struct({
  orderId: ClaimedOrderId,
  transactionId: Schema.NullOr(GatewayTransactionId.check(Schema.isMaxLength(200))).pipe(
    says("What the gateway calls it, if it was paid, to give it back by; `null` if it was not.")
  )
})
  .annotate({ identifier: "PaymentDecision" })
  .pipe(example({ orderId: Samples.order, transactionId: null }))

export const DecidedPayment = Schema.Struct({ paymentId: PaymentId, orderStatus: OrderStatus })
  .annotate({ identifier: "DecidedPayment" })
  .pipe(example({ paymentId: Samples.payment, orderStatus: "CANCELLED" }))

const paying = [
  ...writing,
  ...keyed,
  "ORDER_NOT_FOUND",
  "USER_NOT_FOUND",
  "ORDER_NOT_PAYABLE",
  "PAYMENT_IN_PROGRESS",
  "AMOUNT_MISMATCH",
  "PAYMENT_KEY_USED",
  "PAYMENT_DECLINED",
  "PAYMENT_UNAVAILABLE"
] as const

export class PaymentsApi extends HttpApiGroup.make("payments")
  .add(
    HttpApiEndpoint.post("process", "/payments/process", {
      headers: IdempotencyKey,
      payload: PaymentRequest,
      success: replayable(Paid),
      error: problems(...paying, "INSUFFICIENT_BALANCE", "TOO_MANY_PAYMENTS", "PAYMENT_NOT_CONFIGURED")
    }).annotate(
      OpenApi.Description,
      "Pays an order: with its buyer's wallet (unless told otherwise), through a gateway, or with both. Without a paymentKey a gateway's part is INITIATED: the buyer goes to the gateway's page, and POST /payments/confirm brings its key back, within ten minutes. Without enough in the wallet, or when the gateway declines, the order is CANCELLED. When the gateway cannot be reached (PAYMENT_UNAVAILABLE), nothing was paid, and the order goes on waiting for another attempt. Either way the Idempotency-Key is used: the same request is answered the same. " +
        unknown
    ),
    HttpApiEndpoint.post("confirm", "/payments/confirm", {
      headers: IdempotencyKey,
      payload: ConfirmRequest,
      success: replayable(Paid),
      error: problems(...paying)
    }).annotate(
      OpenApi.Description,
      `The buyer is back from the gateway's page; and where a payment stands. ${unknown}`
    ),
    HttpApiEndpoint.get("stuck", "/admin/payments", {
      query: PageQuery,
      success: page(StuckPayment),
      error: problems(...asking, "FORBIDDEN", "VALIDATION_FAILED", "INVALID_CURSOR")
    }).annotate(
      OpenApi.Description,
      "What waits for a person: ten minutes after the order's deadline its gateway still has not said what became of it, or has no settings any more. It goes on being asked. Oldest first."
    ),
    HttpApiEndpoint.put("decide", "/admin/payments/:paymentId", {
      params: { paymentId: PaymentId },
      payload: PaymentDecision,
      success: DecidedPayment,
      error: problems(...writing, ...changing, "FORBIDDEN", "ORDER_NOT_FOUND", "ORDER_NOT_PAYABLE")
    }).annotate(
      OpenApi.Description,
      "A person has seen in the gateway's books what became of it: paid, the order is CONFIRMED; if not, it is CANCELLED."
    )
  )
  .middleware(Authenticated)
  .annotate(OpenApi.Description, "Payments of orders") {}
