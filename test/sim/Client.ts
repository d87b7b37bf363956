/** A client: asks any node, and asks again, with the same key, when it did not learn what became of its request. */
import { Effect, Option, Schema } from "effect"
import type { CouponId, ProductId, UserId } from "../../src/domain/Ids.ts"
import { Money } from "../../src/domain/Money.ts"
import type { PaymentKey } from "../../src/domain/Tender.ts"
import type { Request } from "./History.ts"
import type { Node } from "./Node.ts"
import type { Operation, Outcome } from "./Operation.ts"
import { Rng } from "./Rng.ts"
import type { Shop } from "./Shop.ts"
import type { World } from "./World.ts"

export const isDecided = ({ _tag }: Outcome): boolean => _tag === "Ok" || _tag === "Refused" || _tag === "Defect"

/** Whether asking again cannot make it happen twice. */
const isRepeatable = (operation: Operation) => "key" in operation || operation._tag.startsWith("Read")

export class Client {
  readonly rng: Rng
  readonly shop: Shop
  /** Whose wallet only this client uses. */
  readonly owner: UserId
  readonly #world: World
  readonly #number: number
  #keys = 0
  #preferred: Node

  constructor(world: World, number: number, owner: UserId) {
    this.#world = world
    this.#number = number
    this.owner = owner
    this.shop = world.shop
    this.rng = new Rng(world.options.seed, `client${number}`)
    this.#preferred = this.rng.pick(world.nodes)
  }

  /** A key nobody used. */
  key(): string {
    return `key${this.#number * 0x1000 + ++this.#keys}`
  }

  /** Lets time go by, in worlds where it does. */
  lapse(ms: number): void {
    if (this.#world.options.nemeses.includes("lapse")) this.#world.lapse(ms)
  }

  /** Agrees to pay at a gateway's page. */
  agree(): PaymentKey {
    return this.#world.gateways.agree()
  }

  request(shape: string, operation: Operation): Request {
    return this.#world.recorder.request(shape, operation)
  }

  /** Asks until it is decided, or the client has better things to do. */
  ask(request: Request): Effect.Effect<Outcome> {
    const attempts = this.rng.between(1, 4)
    const again = (left: number): Effect.Effect<Outcome> =>
      Effect.flatMap(this.once(request), (outcome) => {
        const repeatable = outcome._tag === "NotNow" || isRepeatable(request.operation)
        if (isDecided(outcome) || left === 1 || !repeatable) return Effect.succeed(outcome)
        return Effect.delay(again(left - 1), this.rng.pick([1, 50, 1000]) * this.rng.next())
      })
    return again(attempts)
  }

  once(request: Request): Effect.Effect<Outcome> {
    const { requestTimeoutMs, routing } = this.#world.options
    if (!this.#world.serving.includes(this.#preferred)) this.#preferred = this.rng.pick(this.#world.serving)
    return Effect.tap(this.#world.attempt(request, this.#preferred, requestTimeoutMs * 2), (outcome) =>
      Effect.sync(() => {
        if (routing === "any" || !isDecided(outcome)) this.#preferred = this.rng.pick(this.#world.serving)
      })
    )
  }

  /** Those it may ask. */
  get nodes(): ReadonlyArray<Node> {
    return this.#world.serving
  }

  /** Asks this node, and no other. */
  at(node: Node, request: Request): Effect.Effect<Outcome> {
    return this.#world.attempt(request, node, this.#world.options.requestTimeoutMs * 2)
  }

  say(shape: string, operation: Operation): Effect.Effect<Outcome> {
    return Effect.suspend(() => this.ask(this.request(shape, operation)))
  }

  /** A product as a node knows it, however old. */
  look(product: ProductId): Effect.Effect<Seen | undefined> {
    return Effect.map(this.say("read a product", { _tag: "ReadProduct", product }), seenIn)
  }

  /** The version of a coupon, the same way. */
  lookAtCoupon(coupon: CouponId): Effect.Effect<number | undefined> {
    return Effect.map(this.say("read a coupon", { _tag: "ReadCoupon", coupon }), versionIn)
  }
}

const Versioned = Schema.Struct({ version: Schema.Int })
const Seen = Schema.Struct({ ...Versioned.fields, price: Money })
type Seen = typeof Seen.Type
const decodeSeen = Schema.decodeUnknownOption(Seen)
const decodeVersioned = Schema.decodeUnknownOption(Versioned)

export const versionIn = (outcome: Outcome): number | undefined =>
  outcome._tag === "Ok" ? Option.getOrUndefined(decodeVersioned(outcome.answer))?.version : undefined

export const seenIn = (outcome: Outcome): Seen | undefined =>
  outcome._tag === "Ok" ? Option.getOrUndefined(decodeSeen(outcome.answer)) : undefined
