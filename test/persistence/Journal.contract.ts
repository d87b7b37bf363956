import { assert, type Vitest } from "@effect/vitest"
import { Effect, Result, Schedule, Schema } from "effect"
import {
  couponId,
  Epoch,
  PartitionId,
  productId,
  type ProductId,
  refundId,
  RequestKey,
  TransactionId,
  userCouponId,
  type UserCouponId,
  userId,
  type UserId
} from "../../src/domain/Ids.ts"
import { basisPoints, maxBalance, maxStock, MoneyDelta, pieces, won } from "../../src/domain/Money.ts"
import type { Order } from "../../src/domain/Order.ts"
import { decide } from "../../src/domain/OrderLife.ts"
import type { Change, Fence, Transaction } from "../../src/domain/Transaction.ts"
import { type Doubt, Journal, Rank, type Resolution, type Verdict, takeOver } from "../../src/persistence/Journal.ts"
import { Orders } from "../../src/persistence/Orders.ts"
import { Users } from "../../src/persistence/Users.ts"
import * as Samples from "../domain/Samples.ts"
import type { Storage } from "./Backends.ts"
import { balances, Books } from "./Books.ts"
import * as Scene from "./Scene.ts"

type It = Vitest.MethodsNonLive<Storage>

const commit = (...batch: ReadonlyArray<Transaction>) => Effect.flatMap(Journal, (journal) => journal.commit(batch))
const resolve = (...doubts: ReadonlyArray<Doubt>) => Effect.flatMap(Journal, (journal) => journal.resolve(doubts))
const find = (...keys: ReadonlyArray<RequestKey>) => Effect.flatMap(Journal, (journal) => journal.find(keys))
const claim = (...ids: ReadonlyArray<PartitionId>) => Effect.flatMap(Journal, (journal) => takeOver(journal, ids, "me"))

const balance = (user: UserId) =>
  Effect.flatMap(Journal, (journal) => Effect.map(journal.load("wallet", [user]), ([wallet]) => wallet?.balance))

const stock = (product: ProductId) =>
  Effect.flatMap(Journal, (journal) => Effect.map(journal.load("product", [product]), ([found]) => found?.onHand))

/** A buyer with 10,000 won, a product with 10 pieces at 1,000, and who may commit for them. */
const market = Effect.gen(function* () {
  const fence = yield* Scene.claimed
  const fences = [fence]
  const seller = yield* Scene.register("SELLER")
  const buyer = yield* Scene.register()
  const { id: product, changes } = Scene.created(seller, 10)
  yield* Scene.commit(fences, changes, [Scene.charge(buyer, 10_000)])
  /** Gives the buyer some won, by which it can be told whether it was committed, and how often. */
  const give = (amount: number, change: Partial<Transaction> = {}) =>
    Scene.transaction({ fences, changes: [Scene.charge(buyer, amount)], ...change })
  return { fence, fences, seller, buyer, product, give }
})
type Market = Effect.Success<typeof market>

const before = (fence: Fence): Fence => ({ ...fence, epoch: Epoch(fence.epoch - 1) })
const after = (fence: Fence): Fence => ({ ...fence, epoch: Epoch(fence.epoch + 1) })
const unclaimed: Fence = { partition: PartitionId(999_999), epoch: Epoch(1) }

/** Ten minutes ago. */
const past = (now: number) => now - 600_000

const answered = (answer: string) => ({ bodyHash: Scene.next(), answer })

const verdicts = (it: It) => {
  const table: ReadonlyArray<
    [what: string, verdict: Verdict, change: (f: Fence, now: number) => Partial<Transaction>]
  > = [
    ["under its epoch, in time", "Committed", () => ({})],
    ["that relies on nobody", "Committed", () => ({ fences: [] })],
    ["under the epoch before", "Fenced", (fence) => ({ fences: [before(fence)] })],
    ["under an epoch to come", "Fenced", (fence) => ({ fences: [after(fence)] })],
    ["of a partition nobody claimed", "Fenced", () => ({ fences: [unclaimed] })],
    ["with one epoch that holds and one that does not", "Fenced", (fence) => ({ fences: [fence, unclaimed] })],
    ["after its deadline", "Expired", (_, now) => ({ deadline: past(now) })],
    ["under the epoch before, too late", "Fenced", (fence, now) => ({ fences: [before(fence)], deadline: past(now) })]
  ]
  for (const [what, verdict, change] of table) {
    it.effect(`a transaction ${what} is ${verdict}, whatever its neighbours are`, () =>
      Effect.gen(function* () {
        const { fence, buyer, give } = yield* market
        const wanted = yield* give(100, change(fence, (yield* Journal).now()))
        assert.deepEqual(yield* commit(yield* give(1), wanted, yield* give(1)), ["Committed", verdict, "Committed"])
        assert.strictEqual(yield* balance(buyer), won(verdict === "Committed" ? 10_102 : 10_002))
      })
    )
  }

  it.effect("a claim fences what came before it, and what comes after it is committed", () =>
    Effect.gen(function* () {
      const { fence, give } = yield* market
      const late = yield* give(1)
      const [epoch = assert.fail("no epoch")] = yield* claim(fence.partition)
      assert.deepEqual(yield* commit(late, yield* give(1, { fences: [{ ...fence, epoch }] })), ["Fenced", "Committed"])
    })
  )

  it.effect("nothing of a refused transaction is written", () =>
    Effect.gen(function* () {
      const { fence, buyer, seller, product } = yield* market
      const order = Scene.orderOf(buyer, product, 1)
      const created = Scene.created(seller, 5)
      const edit: Change = { _tag: "ProductEdited", productId: product, edit: { name: "Other" } }
      const leaver = yield* Scene.register()
      const refused = yield* Scene.transaction({
        fences: [before(fence)],
        answered: answered("{}"),
        changes: [...Scene.bought(order), ...created.changes, edit, { _tag: "UserWithdrew", userId: leaver }],
        events: [{ type: "OrderConfirmed", entity: order.orderId, payload: {} }]
      })
      const books = yield* Books
      const then = yield* books.read
      assert.deepEqual(yield* commit(refused), ["Fenced"])
      assert.deepEqual(yield* books.read, then)
      assert.deepEqual(yield* find(refused.key), [undefined])
      assert.isUndefined(yield* (yield* Orders).get(order.orderId))
      assert.isDefined(yield* (yield* Users).get(leaver))
      const [same] = yield* (yield* Journal).load("product", [product])
      assert.strictEqual(same?.name, "Sneaker")
    })
  )

  it.effect("a batch of nothing is committed", () => Effect.map(commit(), (none) => assert.deepEqual(none, [])))

  it.effect("a batch is as large as 512 orders of one product by as many buyers", () =>
    Effect.gen(function* () {
      const { fences, seller } = yield* market
      const { id: product, changes } = Scene.created(seller, 512)
      const buyers = yield* Effect.forEach(Array.from({ length: 512 }), () => Scene.register())
      yield* Scene.commit(
        fences,
        changes,
        buyers.map((buyer) => Scene.charge(buyer, 1000))
      )
      const batch = yield* Effect.forEach(buyers, (buyer) =>
        Scene.transaction({ fences, changes: Scene.bought(Scene.orderOf(buyer, product, 1)) })
      )
      assert.deepEqual<ReadonlySet<unknown>>(new Set(yield* commit(...batch)), new Set(["Committed"]))
      assert.strictEqual(yield* stock(product), pieces(0))
      assert.deepEqual(new Set(yield* Effect.forEach(buyers, balance)), new Set([won(0)]))
    })
  )
}

const keys = (it: It) => {
  it.effect("a key that another transaction has used is a duplicate", () =>
    Effect.gen(function* () {
      const { buyer, give } = yield* market
      const kept = answered("first")
      const first = yield* give(1, { answered: kept })
      const second = yield* give(100, { key: first.key, answered: answered("second") })
      assert.deepEqual(yield* commit(first), ["Committed"])
      assert.deepEqual(yield* commit(second, yield* give(10)), ["Duplicate", "Committed"])
      assert.strictEqual(yield* balance(buyer), won(10_011))
      assert.deepEqual(yield* find(first.key), [{ id: first.id, fences: first.fences, ...kept }])
    })
  )

  it.effect("a key can be a neighbour's: the first one has it", () =>
    Effect.gen(function* () {
      const { buyer, give } = yield* market
      const first = yield* give(1)
      const second = yield* give(100, { key: first.key })
      const third = yield* give(1000, { key: first.key })
      const between = yield* give(10)
      assert.deepEqual(yield* commit(first, between, second, third), [
        "Committed",
        "Committed",
        "Duplicate",
        "Duplicate"
      ])
      assert.strictEqual(yield* balance(buyer), won(10_011))
      assert.deepEqual(yield* resolve(first, second), ["Committed", "Pending"])
    })
  )

  it.effect("a neighbour that was refused leaves its key to the next", () =>
    Effect.gen(function* () {
      const { fence, buyer, give } = yield* market
      const fenced = yield* give(1, { fences: [before(fence)] })
      const expired = yield* give(10, { key: fenced.key, deadline: past((yield* Journal).now()) })
      const good = yield* give(100, { key: fenced.key })
      assert.deepEqual(yield* commit(fenced, expired, good), ["Fenced", "Expired", "Committed"])
      assert.strictEqual(yield* balance(buyer), won(10_100))
    })
  )

  it.effect("a batch that comes again is committed, and was written once", () =>
    Effect.gen(function* () {
      const { buyer, product, fences } = yield* market
      const order = Scene.orderOf(buyer, product, 1)
      const batch = [yield* Scene.transaction({ fences, changes: Scene.bought(order) }), yield* (yield* market).give(1)]
      assert.deepEqual(yield* commit(...batch), ["Committed", "Committed"])
      assert.deepEqual(yield* commit(...batch), ["Committed", "Committed"])
      assert.strictEqual(yield* balance(buyer), won(9000))
      assert.strictEqual(yield* stock(product), pieces(9))
    })
  )

  it.effect("what was committed stays so when it comes again fenced, too late, or beside new ones", () =>
    Effect.gen(function* () {
      const { fence, buyer, give } = yield* market
      const old = yield* give(1)
      yield* commit(old)
      yield* claim(fence.partition)
      const again = { ...old, deadline: past((yield* Journal).now()) }
      assert.deepEqual(yield* commit(yield* give(10, { fences: [] }), again), ["Committed", "Committed"])
      assert.strictEqual(yield* balance(buyer), won(10_011))
    })
  )

  it.effect("a transaction that is twice in a batch is written once", () =>
    Effect.gen(function* () {
      const { buyer, give } = yield* market
      const twin = yield* give(1)
      assert.deepEqual(yield* commit(twin, twin), ["Committed", "Committed"])
      assert.strictEqual(yield* balance(buyer), won(10_001))
    })
  )

  it.effect("answers are found as they were given, for those keys that have one", () =>
    Effect.gen(function* () {
      const { give } = yield* market
      const texts = ["{}", "", "null", "NULL", '{"name":"\\"신발\\" {,} \\\\ 👟"}', "x".repeat(100_000)]
      const known = yield* Effect.forEach(texts, (text) => give(1, { answered: answered(text) }))
      const silent = yield* give(1)
      yield* commit(...known, silent)
      const unknown = RequestKey(Scene.next())
      const found = yield* find(unknown, ...known.map(({ key }) => key), silent.key)
      assert.deepEqual(found, [
        undefined,
        ...known.map(({ id, fences, answered: kept }) => ({ id, fences, ...kept! })),
        undefined
      ])
      assert.deepEqual(yield* find(), [])
    })
  )

  it.effect("keys of today are not forgotten", () =>
    Effect.gen(function* () {
      const { give } = yield* market
      const recent = yield* give(1, { answered: answered("{}") })
      yield* commit(recent)
      assert.strictEqual(yield* (yield* Journal).forget, 0)
      assert.isDefined((yield* find(recent.key))[0])
    })
  )
}

const constraints = (it: It) => {
  const money = (user: UserId, delta: number): Change => ({
    _tag: "MoneyMoved",
    userId: user,
    delta: MoneyDelta(delta),
    reason: "PAYMENT"
  })
  const moved = (product: ProductId, delta: number): Change => ({
    _tag: "StockMoved",
    productId: product,
    delta,
    reason: "SALE"
  })
  const placed = ({ buyer, product }: Market, change: Partial<Order>): Change => ({
    _tag: "OrderPlaced",
    order: { ...Scene.orderOf(buyer, product, 1), ...change }
  })
  const edited = ({ product }: Market, edit: Extract<Change, { _tag: "ProductEdited" }>["edit"]): Change => ({
    _tag: "ProductEdited",
    productId: product,
    edit
  })
  const nobody = userId(Scene.next())
  const nothing = productId(Scene.next())

  const culprits: ReadonlyArray<[what: string, changes: (scene: Market) => ReadonlyArray<Change>]> = [
    ["sells one piece too many", ({ product }) => [moved(product, -11)]],
    ["brings more pieces than a stock may have", ({ product }) => [moved(product, maxStock)]],
    ["moves pieces of no product", () => [moved(nothing, 1)]],
    ["takes more than there is", ({ buyer }) => [money(buyer, -10_100)]],
    ["gives more than a wallet may hold", ({ buyer }) => [money(buyer, maxBalance)]],
    ["moves money of nobody", () => [money(nobody, 1)]],
    ["moves a part of a won", ({ buyer }) => [money(buyer, 0.5)]],
    ["places an order of nobody", (scene) => [placed(scene, { userId: nobody })]],
    ["places an order of nothing", (scene) => [placed(scene, Scene.orderOf(scene.buyer, nothing, 1))]],
    ["places an order twice", (scene) => Array.of<Change>(placed(scene, {})).flatMap((order) => [order, order])],
    ["confirms an order that is not paid", (scene) => [placed(scene, { paidAmount: won(999) })]],
    ["takes more than an order costs", (scene) => [placed(scene, { paidAmount: won(1001) })]],
    [
      "gives a discount above the total",
      (scene) => [placed(scene, { discountAmount: won(1001), paidAmount: won(0), status: "CREATED" })]
    ],
    [
      "creates a product twice",
      ({ seller }) => [0, 0].flatMap(() => Scene.created(seller, 1).changes).map(sameProduct)
    ],
    ["creates a product of nobody", () => Scene.created(nobody, 1).changes],
    ["creates a product without a name", ({ seller }) => Scene.created(seller, 1, { name: "" }).changes],
    [
      "creates a product with too long a name",
      ({ seller }) => Scene.created(seller, 1, { name: "👟".repeat(101) }).changes
    ],
    [
      "creates a product above the highest price",
      ({ seller }) => Scene.created(seller, 1, { price: won(1e9 + 1) }).changes
    ],
    ["writes what no text can hold", ({ seller }) => Scene.created(seller, 1, { description: "a\0b" }).changes],
    ["edits no product", () => [{ _tag: "ProductEdited", productId: nothing, edit: {} }]],
    ["edits a name away", (scene) => [edited(scene, { name: "" })]],
    ["edits a price beyond the highest", (scene) => [edited(scene, { price: won(1e9 + 1) })]],
    ["lets somebody go who has money", ({ buyer }) => [{ _tag: "UserWithdrew", userId: buyer }]],
    ["lets a seller go who sells something", ({ seller }) => [{ _tag: "UserWithdrew", userId: seller }]],
    ["lets nobody go", () => [{ _tag: "UserWithdrew", userId: nobody }]],
    ["leaves money to one who goes", ({ buyer }) => [money(buyer, -9999), { _tag: "UserWithdrew", userId: buyer }]]
  ]
  const sameId = productId(Scene.next())
  const sameProduct = (change: Change): Change =>
    change._tag === "ProductCreated" ? { ...change, product: { ...change.product, productId: sameId } } : change

  for (const [what, changes] of culprits) {
    it.effect(`a transaction that ${what} is rejected, and its batch with it`, () =>
      Effect.gen(function* () {
        const scene = yield* market
        const books = yield* Books
        const culprit = yield* Scene.transaction({ fences: scene.fences, changes: changes(scene) })
        const innocent = yield* scene.give(1)
        const then = yield* books.read
        const error = yield* Effect.flip(commit(innocent, culprit))
        assert.strictEqual(error._tag, "BatchRejected")
        assert.deepEqual(yield* books.read, then)
        assert.deepEqual(yield* resolve(innocent, culprit), ["Pending", "Pending"])
        assert.deepEqual(yield* commit(innocent), ["Committed"])
      })
    )
  }

  it.effect("a refused transaction violates nothing", () =>
    Effect.gen(function* () {
      const { fence, product, give } = yield* market
      const culprit = yield* Scene.transaction({ fences: [before(fence)], changes: [moved(product, -11)] })
      assert.deepEqual(yield* commit(culprit, yield* give(1)), ["Fenced", "Committed"])
    })
  )

  it.effect("what a batch takes and gives is one sum", () =>
    Effect.gen(function* () {
      const { fences, buyer, product } = yield* market
      const changes = [money(buyer, -10_000), money(buyer, -1), moved(product, -11), money(buyer, 5), moved(product, 2)]
      const batch = yield* Effect.forEach(changes, (change) => Scene.transaction({ fences, changes: [change] }))
      yield* commit(...batch)
      assert.deepEqual([yield* balance(buyer), yield* stock(product)], [won(4), pieces(1)])
    })
  )
}

const states = (it: It) => {
  it.effect("actors are loaded in the order they were asked for, as they are", () =>
    Effect.gen(function* () {
      const { buyer, seller, product } = yield* market
      const journal = yield* Journal
      const wallets = yield* journal.load("wallet", [seller, userId(Scene.next()), buyer])
      assert.deepEqual(
        wallets.map((wallet) => wallet?.balance),
        [won(0), undefined, won(10_000)]
      )
      const products = yield* journal.load("product", [productId(Scene.next()), product])
      assert.deepEqual(products, [
        undefined,
        {
          productId: product,
          sellerId: seller,
          name: "Sneaker",
          category: undefined,
          price: won(1000),
          onHand: pieces(10),
          reserved: pieces(0),
          incoming: pieces(0),
          saleStatus: "ON_SALE",
          version: 1,
          pending: undefined
        }
      ])
      assert.deepEqual(yield* journal.load("wallet", []), [])
    })
  )

  it.effect("a wallet knows how many orders its user has, those that are cancelled left out", () =>
    Effect.gen(function* () {
      const { fences, buyer, seller, product } = yield* market
      const orders = Effect.flatMap(Journal, (journal) =>
        Effect.map(journal.load("wallet", [buyer, seller]), (wallets) => wallets.map((wallet) => wallet?.orders))
      )
      assert.deepEqual(yield* orders, [0, 0])
      const paid = Scene.orderOf(buyer, product, 1)
      const open: Order = {
        ...paid,
        status: "CREATED",
        payments: [],
        paidAmount: won(0),
        paidAt: undefined,
        paymentDeadline: paid.createdAt + 1,
        history: [{ status: "CREATED", at: paid.createdAt }]
      }
      yield* Scene.commit(fences, [{ _tag: "OrderPlaced", order: open }])
      assert.deepEqual(yield* orders, [1, 0])
      const deed = { _tag: "Cancel", refundId: refundId(Scene.next()), reason: "BUYER", items: undefined } as const
      const cancelled = Result.getOrThrow(decide(open, deed, paid.createdAt))
      yield* Scene.commit(fences, [{ _tag: "OrderChanged", before: open, after: cancelled }])
      assert.deepEqual(yield* orders, [0, 0])
      yield* Scene.commit(fences, ...[1, 2].map((n) => Scene.bought(Scene.orderOf(buyer, product, n))))
      assert.deepEqual(yield* orders, [2, 0])
    })
  )

  it.effect("edits and sales of one batch are both done, in their order", () =>
    Effect.gen(function* () {
      const { fences, buyer, product } = yield* market
      const edit = (name: string) =>
        Scene.transaction({ fences, changes: [{ _tag: "ProductEdited", productId: product, edit: { name } }] })
      const sale = yield* Scene.transaction({ fences, changes: Scene.bought(Scene.orderOf(buyer, product, 3)) })
      yield* commit(yield* edit("A"), sale, yield* edit("B"))
      const [found] = yield* (yield* Journal).load("product", [product])
      assert.deepEqual([found?.name, found?.version, found?.onHand], ["B", 3, pieces(7)])
    })
  )

  it.effect("an administrator does not withdraw", () =>
    Effect.gen(function* () {
      const fences = [yield* Scene.claimed]
      const changes: ReadonlyArray<Change> = [{ _tag: "UserWithdrew", userId: yield* Scene.register("ADMIN") }]
      assert.strictEqual(
        (yield* Effect.flip(commit(yield* Scene.transaction({ fences, changes }))))._tag,
        "BatchRejected"
      )
    })
  )

  it.effect("who has withdrawn has no new product", () =>
    Effect.gen(function* () {
      const fences = [yield* Scene.claimed]
      const seller = yield* Scene.register("SELLER")
      yield* Scene.commit(fences, Scene.created(seller, 1, { saleStatus: "SUSPENDED" }).changes)
      yield* Scene.commit(fences, [{ _tag: "UserWithdrew", userId: seller }])
      const { changes } = Scene.created(seller, 1)
      assert.strictEqual(
        (yield* Effect.flip(commit(yield* Scene.transaction({ fences, changes }))))._tag,
        "BatchRejected"
      )
    })
  )

  it.effect("who withdraws has no wallet any more", () =>
    Effect.gen(function* () {
      const { fences } = yield* market
      const user = yield* Scene.register()
      yield* Scene.commit(
        fences,
        [Scene.charge(user, 5)],
        [
          { _tag: "MoneyMoved", userId: user, delta: MoneyDelta(-5), reason: "PAYMENT" },
          { _tag: "UserWithdrew", userId: user }
        ]
      )
      assert.isUndefined(yield* balance(user))
    })
  )
}

const ownership = (it: It) => {
  const fresh = () => PartitionId(Number.parseInt(Scene.next().slice(-6), 16) + 1_000_000)

  /** Of the last claims. */
  const epochsOf = (...ids: ReadonlyArray<PartitionId>) => Effect.flatMap(Journal, (journal) => journal.epochs(ids))

  it.effect("a claim raises the epoch of what it claims, and of nothing else", () =>
    Effect.gen(function* () {
      const [a, b, c] = [fresh(), fresh(), fresh()]
      const [c1, a1 = 0] = yield* claim(c, a)
      const [a2 = 0, b1 = 0] = yield* claim(a, b)
      assert.isAbove(a2, a1)
      assert.deepEqual(yield* epochsOf(c), [c1])
      const [b2 = 0, c2 = 0, a3 = 0] = yield* claim(b, c, a)
      assert.isAbove(b2, b1)
      assert.isAbove(c2, c1 ?? 0)
      assert.isAbove(a3, a2)
      assert.deepEqual(yield* claim(), [])
    })
  )

  it.effect("epochs are those of the last claim, in the order they were asked for", () =>
    Effect.gen(function* () {
      const [a, b, nobodys] = [fresh(), fresh(), fresh()]
      yield* claim(a)
      const [newest, other] = yield* claim(a, b)
      assert.deepEqual(yield* epochsOf(b, nobodys, a), [other, undefined, newest])
    })
  )

  it.effect("a claim raises the epoch it saw: late, or a second time, it takes nothing", () =>
    Effect.gen(function* () {
      const [a, b] = [fresh(), fresh()]
      const journal = yield* Journal
      const [first] = yield* claim(a)
      const seen = [
        { partition: b, epoch: undefined },
        { partition: a, epoch: first }
      ]
      const taken = yield* journal.claim(seen, "me")
      assert.notInclude(taken, undefined)
      assert.deepEqual(yield* journal.claim(seen, "me"), [undefined, undefined])
      assert.deepEqual(yield* epochsOf(b, a), taken)
    })
  )

  it.effect("of claims at the same time one takes each partition", () =>
    Effect.gen(function* () {
      const contested = Array.from({ length: 8 }, fresh)
      const journal = yield* Journal
      const seen = contested.map((partition) => ({ partition, epoch: undefined }))
      const claimed = yield* Effect.forEach(
        [seen, seen.toReversed(), seen, seen],
        (each) => journal.claim(each, "me"),
        { concurrency: 4 }
      )
      const taken = contested.map((_, index) =>
        claimed
          .map((each, claimer) => each.at(claimer === 1 ? 7 - index : index))
          .filter((epoch) => epoch !== undefined)
      )
      const now = yield* epochsOf(...contested)
      assert.deepEqual(
        taken,
        now.map((epoch) => (epoch === undefined ? [] : [epoch]))
      )
    })
  )

  it.effect("a doubt is settled: committed, absent for good, or still to come", () =>
    Effect.gen(function* () {
      const { give } = yield* market
      const committed = yield* give(1)
      yield* commit(committed)
      const late = yield* give(1, { deadline: past((yield* Journal).now()) })
      const coming = yield* give(1)
      const stolen = { ...late, key: committed.key }
      const resolutions: ReadonlyArray<Resolution> = ["Pending", "Absent", "Committed", "Absent"]
      assert.deepEqual(yield* resolve(coming, late, committed, stolen), resolutions)
      assert.deepEqual(yield* resolve(), [])
    })
  )

  it.effect("what relied on another epoch is as good as absent: who claimed since has read it", () =>
    Effect.gen(function* () {
      const { fence, give } = yield* market
      const committed = yield* give(1)
      yield* commit(committed)
      const claimedSince = { ...committed, fences: [after(fence)] }
      const ofNobody = { ...committed, fences: [fence, unclaimed] }
      assert.deepEqual(yield* resolve(claimedSince, committed, ofNobody), ["Absent", "Committed", "Absent"])
    })
  )

  it.effect("what is absent never comes", () =>
    Effect.gen(function* () {
      const { buyer, give } = yield* market
      const brief = yield* give(1, { deadline: (yield* Journal).now() + 30 })
      yield* resolve(brief).pipe(
        Effect.repeat({ until: ([resolution]) => resolution === "Absent", schedule: Schedule.spaced("5 millis") })
      )
      assert.deepEqual(yield* commit(brief), ["Expired"])
      // As a clock would have it that goes back.
      const again = { ...brief, deadline: brief.deadline + 3_600_000 }
      assert.deepEqual(yield* commit(again, yield* give(1)), ["Expired", "Committed"])
      assert.strictEqual(yield* balance(buyer), won(10_001))
    })
  )
}

const Amount = Schema.Int.check(Schema.isBetween({ minimum: -2000, maximum: 2000 }))
const Deed = Schema.Struct({
  who: Schema.Literals([0, 1, 2]),
  what: Schema.Literals([0, 1]),
  amount: Amount,
  kind: Schema.Literals(["money", "stock", "order", "stale order"])
})

const accounting = (it: It) => {
  it.effect.prop(
    "whatever is asked, the ledger sums to zero, and to every balance and every stock",
    [Schema.Array(Schema.Array(Deed).check(Schema.isMaxLength(8))).check(Schema.isMaxLength(6))],
    ([history]) =>
      Effect.gen(function* () {
        const { fence, fences, seller } = yield* market
        const users = yield* Effect.forEach([1, 2, 3], () => Scene.register())
        const goods = [Scene.created(seller, 3), Scene.created(seller, 1000)]
        yield* Scene.commit(fences, ...goods.map(({ changes }) => changes))
        const changesOf = ({ who, what, amount, kind }: typeof Deed.Type): ReadonlyArray<Change> => {
          const [user, product] = [users[who]!, goods[what]!.id]
          if (kind === "money") return [Scene.charge(user, amount)]
          if (kind === "stock") return [{ _tag: "StockMoved", productId: product, delta: amount, reason: "ADJUSTMENT" }]
          return Scene.bought(Scene.orderOf(user, product, (Math.abs(amount) % 5) + 1, 100))
        }
        for (const deeds of history) {
          const batch = yield* Effect.forEach(deeds, (deed) =>
            Scene.transaction({
              changes: changesOf(deed),
              fences: deed.kind === "stale order" ? [before(fence)] : fences
            })
          )
          yield* Effect.ignore(commit(...batch))
        }

        const { ledger, wallets, stock: pieceCounts } = yield* (yield* Books).read
        for (const [asset, accounts] of [
          ["KRW", wallets],
          ["PIECE", pieceCounts]
        ] as const) {
          const totals = balances(ledger, asset)
          assert.strictEqual(
            [...totals.values()].reduce((sum, total) => sum + total, 0),
            0
          )
          for (const [account, total] of accounts) {
            assert.strictEqual(totals.get(account) ?? 0, total)
            assert.isAtLeast(total, 0)
          }
        }
      }),
    { arbitrary: { runs: 15 } }
  )

  it.effect("events of one entity are in the order of their commits", () =>
    Effect.gen(function* () {
      const { fences, product } = yield* market
      const types = ["A", "B", "C", "D"]
      const said = (type: string) =>
        Scene.transaction({ fences, changes: [], events: [{ type, entity: product, payload: { "\0": 1 } }] })
      const [a, b, c, d] = yield* Effect.forEach(types, said)
      yield* commit(a!, b!)
      yield* commit(c!, d!)
      assert.deepEqual((yield* (yield* Books).read).events.get(product), types)
    })
  )
}

const coupons = (it: It) => {
  const scene = (change: Parameters<typeof Scene.offered>[1] = {}) =>
    Effect.gen(function* () {
      const base = yield* market
      const coupon = yield* Scene.offered(base.seller, { totalQuantity: 5, ...change })
      const issue = (to: UserId, change_: Partial<Transaction> = {}, slot = 1) =>
        Scene.transaction({ fences: base.fences, changes: [Scene.issued(to, coupon, slot)], ...change_ })
      const state = Effect.flatMap(Journal, (journal) => Effect.map(journal.load("coupon", [coupon]), ([one]) => one))
      const of = (user: UserId) =>
        Effect.flatMap(Journal, (journal) => Effect.map(journal.load("wallet", [user]), ([one]) => one?.coupons))
      return { ...base, coupon, issue, state, of }
    })

  const ranks = (...all: ReadonlyArray<number>) => all.map((rank) => Rank(rank))

  it.effect("issues are ranked in the order of their commits", () =>
    Effect.gen(function* () {
      const { buyer, seller, issue, give, state, of, coupon } = yield* scene()
      const other = yield* Scene.register()
      const first = yield* issue(buyer)
      assert.deepEqual(yield* commit(first, yield* give(1), yield* issue(seller)), [Rank(1), "Committed", Rank(2)])
      assert.deepEqual(yield* commit(yield* issue(other)), ranks(3))
      assert.strictEqual((yield* state)?.issued, 3)
      const [change] = first.changes
      assert.deepEqual(yield* of(buyer), [
        {
          userCouponId: change?._tag === "CouponIssued" ? change.userCouponId : assert.fail("no issue"),
          couponId: coupon,
          slot: 1,
          status: "ISSUED",
          pending: undefined
        }
      ])
    })
  )

  it.effect("what is not committed leaves no gap", () =>
    Effect.gen(function* () {
      const { fence, buyer, seller, issue, state } = yield* scene()
      const [one, two] = [yield* Scene.register(), yield* Scene.register()]
      const first = yield* issue(buyer)
      const batch = [
        yield* issue(one, { fences: [before(fence)] }),
        first,
        yield* issue(two, { deadline: past((yield* Journal).now()) }),
        yield* issue(one, { key: first.key }),
        yield* issue(seller)
      ]
      assert.deepEqual(yield* commit(...batch), ["Fenced", Rank(1), "Expired", "Duplicate", Rank(2)])
      assert.deepEqual(yield* commit(yield* issue(one)), ranks(3))
      assert.strictEqual((yield* state)?.issued, 3)
    })
  )

  it.effect("coupons of one batch are ranked each for itself", () =>
    Effect.gen(function* () {
      const { buyer, seller, issue, fences } = yield* scene()
      const other = yield* Scene.offered(seller)
      const another = (to: UserId) => Scene.transaction({ fences, changes: [Scene.issued(to, other)] })
      assert.deepEqual(
        yield* commit(yield* issue(buyer), yield* another(buyer), yield* another(seller), yield* issue(seller)),
        ranks(1, 1, 2, 2)
      )
    })
  )

  it.effect("a batch that comes again is committed, and its ranks are found", () =>
    Effect.gen(function* () {
      const { buyer, seller, issue, state } = yield* scene()
      const kept = { bodyHash: Scene.next(), answer: "{}" }
      const id = TransactionId(Scene.next())
      const change = { ...Scene.issued(buyer, (yield* state)!.couponId), userCouponId: userCouponId(id) }
      const first = yield* issue(buyer, { id, key: RequestKey(id), answered: kept, changes: [change] })
      assert.deepEqual(yield* commit(yield* issue(seller), first), ranks(1, 2))
      assert.deepEqual(yield* commit(first), ["Committed"])
      assert.deepEqual(yield* find(first.key), [{ id: first.id, fences: first.fences, ...kept, rank: Rank(2) }])
      assert.strictEqual((yield* state)?.issued, 2)
    })
  )

  it.effect("a coupon is loaded as it was made", () =>
    Effect.gen(function* () {
      const { seller, product } = yield* market
      const journal = yield* Journal
      const terms = {
        sellerId: seller,
        discount: { _tag: "PERCENTAGE", share: basisPoints(1250), most: won(5000) },
        minOrderAmount: won(10_000),
        firstPurchaseOnly: true,
        productIds: [product],
        categories: ['a "b", {c}', "신발"],
        tiers: ["SILVER", "VIP"],
        totalQuantity: 7,
        perUserLimit: 2,
        issueBy: ["CODE", "GRANT"],
        issue: { from: 1_700_000_000_123, until: 1_800_000_000_000 },
        validity: { from: undefined, until: 1_800_000_000_456 }
      } as const
      const [one, other] = [yield* Scene.offered(seller, terms), yield* Scene.offered(seller)]
      assert.deepEqual(yield* journal.load("coupon", [couponId(Scene.next()), one, other]), [
        undefined,
        Samples.coupon({ ...terms, couponId: one }),
        Samples.coupon({ couponId: other })
      ])
    })
  )

  it.effect("a coupon is used by its order, in the same commit", () =>
    Effect.gen(function* () {
      const { buyer, product, fences, issue, of } = yield* scene()
      yield* commit(yield* issue(buyer))
      const [mine] = (yield* of(buyer)) ?? []
      const { order, changes } = Scene.boughtWith(buyer, product, mine!.userCouponId)
      assert.deepEqual(yield* commit(yield* Scene.transaction({ fences, changes })), ["Committed"])
      assert.deepEqual(yield* of(buyer), [{ ...mine!, status: "USED" }])
      assert.deepEqual(yield* (yield* Orders).get(order.orderId), order)
      assert.strictEqual(yield* balance(buyer), won(9100))
    })
  )

  it.effect("a coupon is revoked, and keeps its rank and its slot", () =>
    Effect.gen(function* () {
      const { buyer, seller, fences, issue, of, state } = yield* scene()
      yield* commit(yield* issue(buyer))
      const [mine] = (yield* of(buyer)) ?? []
      const revoked = yield* Scene.transaction({ fences, changes: [Scene.revoked(buyer, mine!.userCouponId)] })
      assert.deepEqual(yield* commit(revoked, yield* issue(seller)), ["Committed", Rank(2)])
      assert.deepEqual(yield* of(buyer), [{ ...mine!, status: "REVOKED" }])
      assert.strictEqual((yield* state)?.issued, 2)
      assert.strictEqual((yield* Effect.flip(commit(yield* issue(buyer))))._tag, "BatchRejected")
    })
  )

  it.effect("a revocation that is refused takes nothing", () =>
    Effect.gen(function* () {
      const { fence, buyer, issue, of, give } = yield* scene()
      yield* commit(yield* issue(buyer))
      const [mine] = (yield* of(buyer)) ?? []
      const stale = yield* Scene.transaction({
        fences: [before(fence)],
        changes: [Scene.revoked(buyer, mine!.userCouponId)]
      })
      assert.deepEqual(yield* commit(stale, yield* give(1)), ["Fenced", "Committed"])
      assert.deepEqual(yield* of(buyer), [mine!])
    })
  )

  it.effect("a coupon for a first purchase is rejected beside another one, but not beside other purchases", () =>
    Effect.gen(function* () {
      const { buyer, product, fences, issue, of } = yield* scene({ firstPurchaseOnly: true, perUserLimit: 3 })
      yield* commit(yield* issue(buyer, {}, 1), yield* issue(buyer, {}, 2))
      const [one, other] = (yield* of(buyer)) ?? []
      const use = (id: UserCouponId) =>
        Scene.transaction({ fences, changes: Scene.boughtWith(buyer, product, id).changes })
      const twins = [yield* use(one!.userCouponId), yield* use(other!.userCouponId)]
      assert.strictEqual((yield* Effect.flip(commit(...twins)))._tag, "BatchRejected")
      // Admitted later, committed sooner.
      yield* Scene.commit(fences, Scene.bought(Scene.orderOf(buyer, product, 1)))
      assert.deepEqual(yield* commit(twins[0]!), ["Committed"])
      assert.strictEqual((yield* Effect.flip(commit(twins[1]!)))._tag, "BatchRejected")
      const ordinary = yield* Scene.offered(yield* Scene.register("SELLER"))
      const voucher = Scene.issued(buyer, ordinary)
      yield* Scene.commit(fences, [voucher], Scene.boughtWith(buyer, product, voucher.userCouponId).changes)
    })
  )

  it.effect("an edit is done", () =>
    Effect.gen(function* () {
      const { fences, coupon: id, state, issue, buyer } = yield* scene()
      const edit = yield* Scene.transaction({
        fences,
        changes: [{ _tag: "CouponEdited", couponId: id, edit: { condition: "SUSPENDED" } }]
      })
      assert.deepEqual(yield* commit(edit, yield* issue(buyer)), ["Committed", Rank(1)])
      const { condition, version, issued } = (yield* state)!
      assert.deepEqual([condition, version, issued], ["SUSPENDED", 2, 1])
    })
  )

  type Stage = Effect.Success<ReturnType<typeof scene>> & { readonly mine: UserCouponId }
  const nothing = couponId(Scene.next())
  const culprits: ReadonlyArray<[what: string, changes: (stage: Stage) => ReadonlyArray<Change>]> = [
    ["issues one too many", ({ coupon: of, seller }) => [3, 4, 5].map((slot) => Scene.issued(seller, of, slot))],
    ["issues a coupon that is not there", ({ seller }) => [Scene.issued(seller, nothing)]],
    ["issues a coupon to nobody", ({ coupon: of }) => [Scene.issued(userId(Scene.next()), of)]],
    ["gives a user the same slot twice", ({ coupon: of, buyer }) => [Scene.issued(buyer, of)]],
    ["gives a user more than one user may have", ({ coupon: of, seller }) => [Scene.issued(seller, of, 3)]],
    ["uses another's coupon", ({ seller, product, mine }) => Scene.boughtWith(seller, product, mine).changes],
    [
      "uses a coupon that is not there",
      ({ buyer, product }) => Scene.boughtWith(buyer, product, userCouponId(Scene.next())).changes
    ],
    [
      "uses a coupon twice",
      ({ buyer, product, mine }) => [1, 2].flatMap(() => Scene.boughtWith(buyer, product, mine).changes)
    ],
    [
      "takes off less than its lines say",
      ({ buyer, product, mine }) => {
        const { order, changes } = Scene.boughtWith(buyer, product, mine)
        const lines = order.lines.map((line) => ({ ...line, discount: won(99) }))
        return [{ _tag: "OrderPlaced", order: { ...order, lines } }, ...changes.slice(1)]
      }
    ],
    [
      "takes more off a line than it costs",
      ({ buyer, product, mine }) => Scene.boughtWith(buyer, product, mine, 1001).changes
    ],
    ["revokes another's coupon", ({ seller, mine }) => [Scene.revoked(seller, mine)]],
    ["revokes a coupon that is not there", ({ buyer }) => [Scene.revoked(buyer, userCouponId(Scene.next()))]],
    ["revokes a coupon twice", ({ buyer, mine }) => [Scene.revoked(buyer, mine), Scene.revoked(buyer, mine)]],
    ["revokes a coupon for no reason", ({ buyer, mine }) => [Scene.revoked(buyer, mine, "")]],
    [
      "revokes a coupon that it uses",
      ({ buyer, product, mine }) => [...Scene.boughtWith(buyer, product, mine).changes, Scene.revoked(buyer, mine)]
    ],
    ["edits no coupon", () => [{ _tag: "CouponEdited", couponId: nothing, edit: { condition: "SUSPENDED" } }]]
  ]
  for (const [what, changes] of culprits) {
    it.effect(`a transaction that ${what} is rejected, and its batch with it`, () =>
      Effect.gen(function* () {
        const stage = yield* scene({ totalQuantity: 3, perUserLimit: 2 })
        yield* commit(yield* stage.issue(stage.buyer))
        const [mine] = (yield* stage.of(stage.buyer)) ?? []
        const { fences, give } = stage
        const culprit = yield* Scene.transaction({ fences, changes: changes({ ...stage, mine: mine!.userCouponId }) })
        const innocent = yield* give(1)
        const books = yield* Books
        const then = yield* books.read
        assert.strictEqual((yield* Effect.flip(commit(innocent, culprit)))._tag, "BatchRejected")
        assert.deepEqual(yield* books.read, then)
        assert.strictEqual((yield* stage.state)?.issued, 1)
        assert.deepEqual(yield* commit(innocent), ["Committed"])
      })
    )
  }
}

export const ofJournal = (it: It) => {
  for (const part of [verdicts, keys, constraints, states, ownership, accounting, coupons]) part(it)
}
