/**
 * Problems: what a refusal looks like on the wire (RFC 9457).
 *
 * One row per code: its status, the error it stands for, and what a person is told. An endpoint lists the codes it may
 * answer with, and so its handler can fail with these errors and no others; the document lists them too.
 */
import { Effect, Schema, SchemaGetter, Struct } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { KeyReused, Overloaded, RequestInProgress, TimedOut, Unavailable } from "../../actors/Errors.ts"
import { CouponExhausted, CouponNotFound, CouponNotIssuable } from "../../domain/Coupon.ts"
import {
  AmountMismatch,
  CancelWindowClosed,
  NotRefundable,
  OrderNotCancellable,
  OrderNotFound,
  OrderNotPayable,
  OrderStatusConflict,
  PaymentInProgress,
  RefundInProgress,
  TooManyPayments
} from "../../domain/OrderLife.ts"
import { PriceChanged } from "../../domain/Pricing.ts"
import {
  ProductNotFound,
  ProductNotOnSale,
  StaleVersion,
  StockLimitExceeded,
  StockShortage
} from "../../domain/Product.ts"
import {
  BalanceLimitExceeded,
  BalanceRemaining,
  ChargeBelowMinimum,
  InsufficientBalance,
  InvalidAmount,
  OrdersOpen,
  TooManyUnpaid,
  UserNotFound
} from "../../domain/Wallet.ts"
import { CouponAlreadyIssued, CouponNotRevocable, CouponNotUsable, WalletFull } from "../../domain/UserCoupon.ts"
import { CouponCodeTaken } from "../../persistence/Coupons.ts"
import { PaymentDeclined, PaymentKeyUsed, PaymentNotConfigured, PaymentUnavailable } from "../../saga/Payments.ts"
import { AdminCannotWithdraw, ProductsOnSale } from "../../saga/Withdrawal.ts"
import { InvalidCursor } from "../../persistence/Page.ts"
import { LoginIdTaken } from "../../persistence/Users.ts"
import * as Errors from "./Errors.ts"

export const mediaType = "application/problem+json"

const members = {
  type: Schema.String,
  title: Schema.String,
  /** The title with the particulars. For people: programs have them as members. */
  detail: Schema.String,
  /** Names this occurrence; the server's log knows it by this id. */
  traceId: Schema.String,
  retryable: Schema.Boolean.annotate({
    description: "Whether the same request, with the same Idempotency-Key, may succeed a little later."
  })
}

type ErrorClass<A, I> = Schema.Codec<A, I> & { readonly identifier: string; readonly fields: Schema.Struct.Fields }

interface Titles {
  readonly ko: string
  readonly en: string
}

const row = <const C extends string, A, I>(
  code: C,
  status: number,
  error: ErrorClass<A, I>,
  ko: string,
  en: string,
  retryable = false,
  /** What the detail begins with instead of the title, when the error tells of this as well. */
  details: { readonly [field: string]: Titles } = {}
) => {
  const fields = Struct.omit(error.fields, ["_tag"])
  const decode = Schema.decodeUnknownEffect(error)
  const schema: Schema.Codec<A, unknown> = Schema.Struct({
    ...members,
    status: Schema.Literal(status),
    code: Schema.Literal(code),
    ...fields
  })
    .annotate({ identifier: code, description: en })
    .pipe(
      Schema.decodeTo(Schema.toType(error), {
        decode: SchemaGetter.transformEffect((document) =>
          Effect.mapError(decode({ ...document, _tag: error.identifier }), ({ issue }) => issue)
        ),
        encode: SchemaGetter.forbidden(() => "A problem is rendered in the language of its request")
      })
    )
    .annotate({ description: code })
  return {
    code,
    type: `urn:sluice:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    status,
    retryable,
    titles: { ko, en },
    details: new Map(Object.entries(details)),
    /** The error's tag, and what of it the problem tells besides. */
    tag: error.identifier,
    fields: Object.keys(fields),
    schema: schema.pipe(HttpApiSchema.status(status), HttpApiSchema.asJson({ contentType: mediaType }))
  }
}

const again = true

export const catalogue = [
  row("MALFORMED_JSON", 400, Errors.MalformedJson, "본문이 올바른 JSON이 아닙니다", "The body is not JSON"),
  row(
    "IDEMPOTENCY_KEY_REQUIRED",
    400,
    Errors.IdempotencyKeyRequired,
    "Idempotency-Key 헤더가 필요합니다",
    "An Idempotency-Key is required"
  ),
  row(
    "MALFORMED_IF_MATCH",
    400,
    Errors.MalformedIfMatch,
    'If-Match 헤더는 "3"과 같은 ETag 하나여야 합니다(* 불가)',
    'If-Match must be one ETag, such as "3", with its quotes; * is not taken'
  ),
  row("STOCK_SHORTAGE", 400, StockShortage, "재고가 부족합니다", "Not enough in stock"),
  row("PRODUCT_NOT_ON_SALE", 400, ProductNotOnSale, "판매 중인 상품이 아닙니다", "The product is not on sale"),
  row("UNAUTHENTICATED", 401, Errors.Unauthenticated, "인증이 필요합니다", "Authentication is required"),
  row("BAD_CREDENTIALS", 401, Errors.BadCredentials, "아이디 또는 비밀번호가 다릅니다", "Wrong login id or password"),
  row(
    "PAYMENT_DECLINED",
    402,
    PaymentDeclined,
    "결제가 거절되어 주문이 취소되었습니다",
    "Declined; the order is cancelled"
  ),
  row("FORBIDDEN", 403, Errors.Forbidden, "권한이 없습니다", "Not permitted"),
  row(
    "COUPON_PERMISSION_DENIED",
    403,
    Errors.CouponPermissionDenied,
    "쿠폰을 관리할 권한이 없습니다",
    "Not permitted to manage this coupon"
  ),
  row("LOGIN_DISABLED", 403, Errors.LoginDisabled, "토큰을 발급하지 않는 서버입니다", "This server issues no tokens"),
  row("ROUTE_NOT_FOUND", 404, Errors.RouteNotFound, "존재하지 않는 경로입니다", "No such route"),
  row("USER_NOT_FOUND", 404, UserNotFound, "사용자를 찾을 수 없습니다", "No such user"),
  row("PRODUCT_NOT_FOUND", 404, ProductNotFound, "상품을 찾을 수 없습니다", "No such product"),
  row("COUPON_NOT_FOUND", 404, CouponNotFound, "쿠폰을 찾을 수 없습니다", "No such coupon"),
  row("ORDER_NOT_FOUND", 404, OrderNotFound, "주문을 찾을 수 없습니다", "No such order"),
  row(
    "METHOD_NOT_ALLOWED",
    405,
    Errors.MethodNotAllowed,
    "허용되지 않는 메서드입니다",
    "The method is not allowed here"
  ),
  row("LOGIN_ID_TAKEN", 409, LoginIdTaken, "이미 사용 중인 아이디입니다", "The login id is taken"),
  row("INSUFFICIENT_BALANCE", 409, InsufficientBalance, "잔액이 부족합니다", "Not enough balance", false, {
    orderStatus: { ko: "잔액이 부족하여 주문이 취소되었습니다", en: "Not enough balance; the order is cancelled" }
  }),
  row("BALANCE_REMAINING", 409, BalanceRemaining, "잔액이 남아 있습니다", "There is balance left"),
  row(
    "TOO_MANY_UNPAID_ORDERS",
    409,
    TooManyUnpaid,
    "결제를 기다리는 주문이 너무 많습니다. 먼저 결제하거나 취소해 주세요",
    "Too many orders wait for their payment; pay or cancel one of them first"
  ),
  row(
    "ORDERS_OPEN",
    409,
    OrdersOpen,
    "완료되거나 취소되지 않은 구매 또는 판매 주문이 있습니다",
    "There are orders, bought or sold, that are neither completed nor cancelled"
  ),
  row(
    "PRODUCTS_ON_SALE",
    409,
    ProductsOnSale,
    "판매 중인 상품이 있습니다. 먼저 판매를 중지해 주세요",
    "There are products on sale; suspend or discontinue them first"
  ),
  row(
    "ADMIN_CANNOT_WITHDRAW",
    409,
    AdminCannotWithdraw,
    "관리자는 탈퇴할 수 없습니다. 먼저 다른 관리자가 역할을 바꿔야 합니다",
    "An ADMIN cannot withdraw; another ADMIN has to change the role first"
  ),
  row("ORDER_NOT_PAYABLE", 409, OrderNotPayable, "결제할 수 없는 주문입니다", "The order cannot be paid now"),
  row(
    "TOO_MANY_PAYMENTS",
    409,
    TooManyPayments,
    "결제를 너무 여러 번 시도했습니다. 주문을 취소하고 다시 주문해 주세요",
    "There were too many attempts to pay this order; cancel it, and order again"
  ),
  row(
    "PAYMENT_IN_PROGRESS",
    409,
    PaymentInProgress,
    "결제가 진행 중입니다. 잠시 후 다시 시도해 주세요",
    "A gateway is being asked; see the order in a moment",
    again
  ),
  row(
    "REFUND_IN_PROGRESS",
    409,
    RefundInProgress,
    "다른 환불이 진행 중입니다. 그 환불이 끝난 후 다시 시도해 주세요",
    "Another refund of this order waits for its seller or its gateway; try again once that is done"
  ),
  row(
    "ORDER_NOT_CANCELLABLE",
    409,
    OrderNotCancellable,
    "취소할 수 없는 주문입니다",
    "The order, or these pieces of it, cannot be cancelled"
  ),
  row(
    "CANCEL_WINDOW_CLOSED",
    409,
    CancelWindowClosed,
    "취소 가능 시간이 지났습니다. 환불을 요청해 주세요",
    "It was paid too long ago to be cancelled; ask for a refund"
  ),
  row("NOT_REFUNDABLE", 409, NotRefundable, "환불할 수 없습니다", "This cannot be refunded"),
  row(
    "ORDER_STATUS_CONFLICT",
    409,
    OrderStatusConflict,
    "주문 상태를 그렇게 바꿀 수 없습니다",
    "The order does not go from its status to that one"
  ),
  row("COUPON_CODE_TAKEN", 409, CouponCodeTaken, "이미 사용 중인 쿠폰 코드입니다", "The coupon code is taken"),
  row("COUPON_EXHAUSTED", 409, CouponExhausted, "쿠폰이 모두 소진되었습니다", "All of these coupons have been issued"),
  row(
    "COUPON_ALREADY_ISSUED",
    409,
    CouponAlreadyIssued,
    "이미 발급받은 쿠폰입니다",
    "The user has had as many of this coupon as a user may have"
  ),
  row("WALLET_FULL", 409, WalletFull, "쿠폰을 더 받을 수 없습니다", "The user has as many coupons as a user may have"),
  row("COUPON_NOT_ISSUABLE", 409, CouponNotIssuable, "발급할 수 없는 쿠폰입니다", "The coupon is not being issued"),
  row("COUPON_NOT_REVOCABLE", 409, CouponNotRevocable, "회수할 수 없는 쿠폰입니다", "The coupon cannot be taken away"),
  row("COUPON_NOT_USABLE", 409, CouponNotUsable, "사용할 수 없는 쿠폰입니다", "The coupon cannot be used"),
  row("PRICE_CHANGED", 409, PriceChanged, "가격이 변경되었습니다", "The price has changed"),
  row("NOT_A_SELLER", 409, Errors.NotASeller, "판매자가 아닙니다", "Not a seller"),
  row("NOT_A_MANAGER", 409, Errors.NotAManager, "매니저가 아닙니다", "Not a manager"),
  row(
    "REQUEST_IN_PROGRESS",
    409,
    RequestInProgress,
    "같은 요청이 처리 중입니다",
    "The same request is in progress",
    again
  ),
  row("STALE_VERSION", 412, StaleVersion, "그 사이 변경되었습니다", "It has changed since that version"),
  row("PAYLOAD_TOO_LARGE", 413, Errors.PayloadTooLarge, "본문이 너무 큽니다", "The body is too large"),
  row(
    "UNSUPPORTED_MEDIA_TYPE",
    415,
    Errors.UnsupportedMediaType,
    "지원하지 않는 형식입니다",
    "Not a supported media type"
  ),
  row("VALIDATION_FAILED", 422, Errors.ValidationFailed, "입력값이 올바르지 않습니다", "Invalid values"),
  row("SELLER_REQUIRED", 422, Errors.SellerRequired, "sellerId가 필요합니다", "Say for which seller: sellerId"),
  row("INVALID_CURSOR", 422, InvalidCursor, "커서가 올바르지 않습니다", "Not a cursor of this list"),
  row(
    "PAYMENT_KEY_USED",
    409,
    PaymentKeyUsed,
    "다른 주문의 결제에 사용된 키입니다",
    "The payment key is of another order's payment"
  ),
  row("AMOUNT_MISMATCH", 422, AmountMismatch, "결제 금액이 일치하지 않습니다", "Not the amount there is to pay"),
  row(
    "INVALID_AMOUNT",
    422,
    InvalidAmount,
    "충전 금액은 범위 안의 정수(원)여야 합니다",
    "A charge is a whole number of won within bounds"
  ),
  row("CHARGE_BELOW_MINIMUM", 422, ChargeBelowMinimum, "최소 충전 금액보다 적습니다", "Below the least charge"),
  row("STOCK_LIMIT_EXCEEDED", 422, StockLimitExceeded, "재고 한도를 초과합니다", "Above the most a stock can be"),
  row("BALANCE_LIMIT_EXCEEDED", 422, BalanceLimitExceeded, "잔액 한도를 초과합니다", "Above the most a balance can be"),
  row("IDEMPOTENCY_KEY_REUSED", 422, KeyReused, "다른 요청에 사용된 키입니다", "The key was used with another body"),
  row("PRECONDITION_REQUIRED", 428, Errors.PreconditionRequired, "If-Match 헤더가 필요합니다", "If-Match is required"),
  row("RATE_LIMITED", 429, Errors.RateLimited, "요청이 너무 많습니다", "Too many requests", again),
  row("INTERNAL", 500, Errors.Internal, "서버 오류가 발생했습니다", "Something went wrong here"),
  row(
    "PAYMENT_UNAVAILABLE",
    503,
    PaymentUnavailable,
    "결제 대행사에 연결할 수 없어 결제되지 않았습니다. 새 Idempotency-Key로 다시 결제해 주세요",
    "The payment gateway cannot be reached; nothing was paid. Pay again, with another Idempotency-Key"
  ),
  row(
    "PAYMENT_NOT_CONFIGURED",
    503,
    PaymentNotConfigured,
    "이 서버에 설정되지 않은 결제 수단입니다. 다른 결제 수단을 이용해 주세요",
    "No payment gateway is configured here for this method; pay by another one"
  ),
  row("OVERLOADED", 503, Overloaded, "요청이 몰려 처리할 수 없습니다", "Too busy", again),
  row("UNAVAILABLE", 503, Unavailable, "일시적으로 사용할 수 없습니다", "Unavailable for the moment", again),
  row(
    "TIMED_OUT",
    503,
    TimedOut,
    "시간 초과: 같은 키로 다시 요청하십시오",
    "Out of time: repeat it with its key",
    again
  ),
  row("NOT_READY", 503, Errors.NotReady, "준비되지 않았습니다", "Not ready", again)
]

export type Row = (typeof catalogue)[number]
export type Code = Row["code"]

type RowOf<C extends Code> = Extract<Row, { readonly code: C }>

const schemaOf = <R extends Row>({ schema }: R): R["schema"] => schema

/** What an endpoint may answer with. */
export const problems = <C extends Code>(...codes: ReadonlyArray<C>): ReadonlyArray<RowOf<C>["schema"]> => {
  const listed = new Set<string>(codes)
  return catalogue.filter((known): known is RowOf<C> => listed.has(known.code)).map((known) => schemaOf(known))
}

/** Whatever has a body. */
export const writing = ["MALFORMED_JSON", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "VALIDATION_FAILED"] as const
/** Whatever asks the engine or the database. */
export const asking = ["OVERLOADED", "UNAVAILABLE"] as const
/** Whatever changes something. */
export const changing = [...asking, "TIMED_OUT"] as const
/** Whatever is an edit of a version. */
export const ofVersion = ["PRECONDITION_REQUIRED", "MALFORMED_IF_MATCH", "STALE_VERSION"] as const
/** Whatever happens once for a key. */
export const keyed = [...changing, "IDEMPOTENCY_KEY_REQUIRED", "IDEMPOTENCY_KEY_REUSED", "REQUEST_IN_PROGRESS"] as const
