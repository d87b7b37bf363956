/**
 * What nodes say to each other about actors, as values that JSON can express.
 *
 * - An ask is for holds of one step, or for the state of one actor, all of one kind.
 * - The answer to an ask for holds tells what was granted, in order, until the first refusal, and under which epochs.
 * - `Elsewhere`, `Overloaded` and `Unavailable` say that nothing was held. `Fenced` says that the step is over.
 * - A tell is the end of a step, or a doubt about what the other believes to own. It may get lost.
 */
import { Result, Schema } from "effect"
import { type Actors, type KindName } from "../domain/Actors.ts"
import { Coupon, CouponCommand, CouponGrant, CouponRefusal } from "../domain/Coupon.ts"
import { CouponId, OrderId, ProductId, UserId } from "../domain/Ids.ts"
import { OrderCommand, OrderGrant, OrderRefusal, OrderState } from "../domain/OrderLife.ts"
import { Product, ProductCommand, ProductGrant, ProductRefusal } from "../domain/Product.ts"
import type { Fence } from "../domain/Transaction.ts"
import { Wallet, WalletCommand, WalletGrant, WalletRefusal } from "../domain/Wallet.ts"
import type { Doubt } from "../persistence/Journal.ts"
import { Elsewhere, Fenced, Overloaded, Unavailable } from "./Errors.ts"
import type { Asked } from "./Step.ts"

const Partition = Schema.Int.pipe(Schema.brand("PartitionId"))
const Fences = Schema.Array(Schema.Struct({ partition: Partition, epoch: Schema.Int.pipe(Schema.brand("Epoch")) }))
const Transaction = {
  id: Schema.String.pipe(Schema.brand("TransactionId")),
  deadline: Schema.Finite
}
const Kind = Schema.Literals(["product", "wallet", "coupon", "order"])

const Ask = Schema.Union([
  Schema.TaggedStruct("Hold", {
    ...Transaction,
    key: Schema.String.pipe(Schema.brand("RequestKey")),
    kind: Kind,
    /** As its kind has them. */
    asks: Schema.Unknown
  }),
  Schema.TaggedStruct("Read", { kind: Kind, id: Schema.Unknown })
])
export type Ask = typeof Ask.Type

const Tell = Schema.Union([
  /** It was committed, relying on these. */
  Schema.TaggedStruct("Settle", { ...Transaction, fences: Fences }),
  /** It was not, and will not be. */
  Schema.TaggedStruct("Release", { ...Transaction, partitions: Schema.Array(Partition) }),
  /** Memory allows what the disk does not: forget it. */
  Schema.TaggedStruct("Drop", { fences: Fences }),
  /** Somebody may have claimed one of these since. */
  Schema.TaggedStruct("Check", { fences: Fences })
])
export type Tell = typeof Tell.Type

/** What was granted, in order, until the first refusal. */
export interface Held<K extends KindName> {
  readonly _tag: "Held"
  readonly fences: ReadonlyArray<Fence>
  readonly grants: ReadonlyArray<Actors[K]["grant"]>
  readonly refusal: Actors[K]["refusal"] | undefined
}

export interface State<K extends KindName> {
  readonly _tag: "State"
  readonly state: Actors[K]["state"] | undefined
}

export type Answer<K extends KindName> = Held<K> | State<K> | Elsewhere | Fenced | Overloaded | Unavailable

type Read<A> = (value: unknown) => Result.Result<A, Schema.SchemaError>
type Write<A> = (value: A) => unknown

const reading = <A>(schema: Schema.Codec<A, unknown>): Read<A> => Schema.decodeUnknownResult(schema)
/** What does not fit its own type is a bug. */
const writing = <A>(schema: Schema.Codec<A, unknown>): Write<A> => {
  const write = Schema.encodeResult(schema)
  return (value) => Result.getOrThrow(write(value))
}

export const readAsk: Read<Ask> = reading(Ask)
export const readTell: Read<Tell> = reading(Tell)
export const writeTell: Write<Tell> = writing(Tell)

interface Codecs<K extends KindName> {
  readonly readId: Read<Actors[K]["id"]>
  readonly readAsks: Read<ReadonlyArray<Asked<K>>>
  readonly writeAsks: Write<ReadonlyArray<Asked<K>>>
  readonly readAnswer: Read<Answer<K>>
  readonly writeAnswer: Write<Answer<K>>
}

const codecs = <K extends KindName>(
  id: Schema.Codec<Actors[K]["id"], unknown>,
  asks: Schema.Codec<ReadonlyArray<Asked<K>>, unknown>,
  answer: Schema.Codec<Answer<K>, unknown>
): Codecs<K> => ({
  readId: reading(id),
  readAsks: reading(asks),
  writeAsks: writing(asks),
  readAnswer: reading(answer),
  writeAnswer: writing(answer)
})

const asksOf = <Id extends Schema.Top, Command extends Schema.Top>(id: Id, command: Command) =>
  Schema.toCodecJson(Schema.Array(Schema.Tuple([id, command])))

const answerOf = <Grant extends Schema.Top, Refusal extends Schema.Top, S extends Schema.Top>(
  grant: Grant,
  refusal: Refusal,
  state: S
) =>
  Schema.toCodecJson(
    Schema.Union([
      Schema.TaggedStruct("Held", {
        fences: Fences,
        grants: Schema.Array(grant),
        refusal: Schema.UndefinedOr(refusal)
      }),
      Schema.TaggedStruct("State", { state: Schema.UndefinedOr(state) }),
      Elsewhere,
      Fenced,
      Overloaded,
      Unavailable
    ])
  )

const of: { readonly [K in KindName]: Codecs<K> } = {
  product: codecs<"product">(
    ProductId,
    asksOf(ProductId, ProductCommand),
    answerOf(ProductGrant, ProductRefusal, Product)
  ),
  wallet: codecs<"wallet">(UserId, asksOf(UserId, WalletCommand), answerOf(WalletGrant, WalletRefusal, Wallet)),
  coupon: codecs<"coupon">(CouponId, asksOf(CouponId, CouponCommand), answerOf(CouponGrant, CouponRefusal, Coupon)),
  order: codecs<"order">(OrderId, asksOf(OrderId, OrderCommand), answerOf(OrderGrant, OrderRefusal, OrderState))
}

export const readId = <K extends KindName>(kind: K, id: unknown) => of[kind].readId(id)
export const readAsks = <K extends KindName>(kind: K, asks: unknown) => of[kind].readAsks(asks)
export const readAnswer = <K extends KindName>(kind: K, answer: unknown) => of[kind].readAnswer(answer)
export const writeAnswer = <K extends KindName>(kind: K, answer: Answer<K>) => of[kind].writeAnswer(answer)

export const holdAsk = <K extends KindName>(
  { id, key, deadline }: Doubt,
  kind: K,
  asks: ReadonlyArray<Asked<K>>
): unknown => ({ _tag: "Hold", id, key, deadline, kind, asks: of[kind].writeAsks(asks) })

export const readingAsk = <K extends KindName>(kind: K, id: Actors[K]["id"]): unknown => ({ _tag: "Read", kind, id })
