/** What the document says of operations and parameters, in words. */
import { maxPrice } from "../../domain/Money.ts"

/** By operation. */
export const summaries: Readonly<Record<string, string>> = {
  "users.register": "Sign up",
  "users.login": "Log in",
  "users.profile": "A user",
  "users.changeProfile": "Change name, password, tier or role",
  "users.withdraw": "Withdraw",
  "managers.assign": "Let a manager act for a seller",
  "managers.remove": "Let a manager no longer act for a seller",
  "managers.list": "Who acts for a seller",
  "balances.charge": "Put money into a wallet",
  "balances.balance": "A wallet's balance",
  "balances.transactions": "A wallet's history",
  "products.create": "Put something on sale",
  "products.list": "Products",
  "products.read": "A product",
  "products.edit": "Change a product",
  "products.discontinue": "Take a product off sale for good",
  "products.adjustStock": "Add pieces, or take some away",
  "coupons.create": "Make a coupon",
  "coupons.list": "Coupons that can be had now",
  "coupons.read": "A coupon",
  "coupons.edit": "Suspend a coupon, open it again, or cancel it for good",
  "coupons.statistics": "What has become of a coupon's issues",
  "coupons.issueLimited": "Get a coupon: first come, first served",
  "coupons.claim": "Get a coupon by its code",
  "coupons.issue": "Give a coupon to somebody",
  "coupons.revoke": "Take a coupon away from somebody",
  "coupons.ofSeller": "A seller's coupons, with their codes",
  "coupons.ofUser": "A user's coupons",
  "orders.checkout": "Buy and pay at once",
  "orders.create": "Make an order, to be paid within half an hour",
  "orders.cancel": "Cancel an order, or some pieces of it",
  "orders.progress": "Prepare, ship or deliver what was ordered",
  "orders.confirm": "Say that one has what was delivered",
  "orders.refund": "Ask for money back",
  "orders.decideRefund": "Take back what is asked to be taken back, or not",
  "orders.list": "Orders",
  "orders.sold": "What was sold of a seller's products",
  "orders.read": "An order",
  "payments.process": "Pay an order",
  "payments.confirm": "Back from a gateway's page: have the payment approved, or ask where it stands",
  "payments.stuck": "Payments that wait for a person",
  "payments.decide": "Say what became of a payment, by the gateway's own books",
  "callbacks.toss": "Toss Payments has news of a payment",
  "callbacks.nice": "NICE Payments has news of a payment",
  "callbacks.inicis": "KG Inicis has news of a payment",
  "refunds.list": "Refunds that wait for a person",
  "refunds.requested": "Refunds that wait for a seller's decision",
  "refunds.done": "Say that the money has been given back",
  "audit.list": "Privileged acts, newest first",
  "system.index": "What is here",
  "system.live": "Whether the process lives",
  "system.ready": "Whether it should be sent requests",
  "system.cluster": "Nodes, and who owns which partition",
  "system.metrics": "Metrics, for Prometheus"
}

interface Parameter {
  readonly description: string
  /** Instead of the schema of its text. */
  readonly schema?: object
}

const price = { type: "integer", minimum: 0, maximum: maxPrice }

/** By name: a parameter means the same wherever it is. */
export const parameters: Readonly<Record<string, Parameter>> = {
  userId: { description: "Whose: `usr_` and a UUID." },
  sellerId: { description: "The seller: `usr_` and a UUID." },
  managerId: { description: "The manager: `usr_` and a UUID." },
  productId: { description: "The product: `prd_` and a UUID." },
  couponId: { description: "The coupon: `cpn_` and a UUID." },
  orderId: { description: "The order: `ord_` and a UUID." },
  paymentId: { description: "The payment, as its order lists it: `pay_` and a UUID." },
  refundId: { description: "The refund, as its order lists it: `rfd_` and a UUID." },
  "idempotency-key": {
    description:
      "Makes the request happen once: the same key with the same body is answered as the first time, for 24 hours, on any node. Of your choosing, 1 to 255 visible ASCII characters, new for each thing you mean to do. It is known by user and operation: another user's key, or the same one for another operation (or for the cancellation of another order), is another key."
  },
  "if-match": {
    description:
      'The `etag` of the product or the coupon as you saw it, one strong tag such as `"3"`; another version is refused (412), and so is a weak tag, which matches none. `*` and lists are not taken (400).'
  },
  limit: {
    description: "How many to list.",
    schema: { type: "integer", minimum: 1, maximum: 100, default: 20 }
  },
  cursor: { description: "Where to go on: the `nextCursor` of the page before." },
  view: { description: "In whose words `status` is told: the shop's, the warehouse's, or the parcel's." },
  fresh: {
    description: "As the owner of the product has it now, not as it was a moment ago.",
    schema: { type: "boolean" }
  },
  sort: { description: "By price, dearest first with `-price`, or newest first." },
  actor: { description: "By this user." },
  entity: { description: "On the thing with this id." },
  q: { description: "Part of a name." },
  category: { description: "Exactly this category." },
  status: { description: "Only those that are called so now." },
  minPrice: { description: "In won.", schema: price },
  maxPrice: { description: "In won.", schema: price },
  saleStatus: { description: "Only those that are so now." },
  inStock: { description: "Whether something is left to buy.", schema: { type: "boolean" } }
}
