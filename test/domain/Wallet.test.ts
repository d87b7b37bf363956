import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { maxBalance, won } from "../../src/domain/Money.ts"
import { Policy } from "../../src/domain/Policy.ts"
import { available, chargeable, type Wallet, type WalletCommand, WalletKind } from "../../src/domain/Wallet.ts"
import { couponFrom, HeldStatus, statusAt, type UserCoupon, UserCouponStatus } from "../../src/domain/UserCoupon.ts"
import { couponId, userCouponId } from "../../src/domain/Ids.ts"
import { buyer, coupon, uuid, voucher, wallet } from "./Samples.ts"

const take = (amount: number): WalletCommand => ({ _tag: "Take", amount: won(amount) })
const give = (amount: number): WalletCommand => ({ _tag: "Give", amount: won(amount) })
const close: WalletCommand = { _tag: "Close" }

const hold = (state: Wallet | undefined, command: WalletCommand) => WalletKind.hold(buyer, state, command)
const held = (state: Wallet, command: WalletCommand) => Result.getOrThrow(hold(state, command))

const outcome = (state: Wallet | undefined, command: WalletCommand) =>
  Result.match(hold(state, command), { onSuccess: () => "granted", onFailure: (error) => error._tag })

describe("A wallet", () => {
  it.each<[string, Wallet | undefined, WalletCommand, string]>([
    ["pays what it has", wallet(1000), take(1000), "granted"],
    ["does not pay more", wallet(1000), take(1001), "InsufficientBalance"],
    ["does not pay what is held", { ...wallet(1000), held: won(1) }, take(1000), "InsufficientBalance"],
    ["does not pay what has not come in yet", { ...wallet(0), incoming: won(9) }, take(1), "InsufficientBalance"],
    ["that does not exist does not pay", undefined, take(0), "UserNotFound"],
    ["takes a charge", wallet(0), give(1000), "granted"],
    ["is full at its limit", wallet(maxBalance), give(1), "BalanceLimitExceeded"],
    ["is closed when empty", wallet(0), close, "granted"],
    ["is not closed with money in it", wallet(1), close, "BalanceRemaining"],
    ["is not closed while something is bought for nothing", held(wallet(0), take(0)).state, close, "OrdersOpen"],
    ["is not closed with money on its way", { ...wallet(0), incoming: won(1) }, close, "BalanceRemaining"],
    ["says nothing while it closes", { ...wallet(0), closing: true }, give(1000), "WalletUndecided"]
  ])("%s", (_, state, command, expected) => assert.strictEqual(outcome(state, command), expected))

  it("promises the balance that follows all it admitted", () => {
    const first = held(wallet(1000), give(500))
    const second = held(first.state, take(700))
    assert.deepStrictEqual([first.grant.balance, second.grant.balance], [1500, 800])
  })

  it.each<[number, string]>([
    [0, "InvalidAmount"],
    [-1, "InvalidAmount"],
    [1000.5, "InvalidAmount"],
    [Number.NaN, "InvalidAmount"],
    [10 ** 12, "InvalidAmount"],
    [999, "ChargeBelowMinimum"],
    [1000, "chargeable"]
  ])("charged with %d is %s", (amount, expected) =>
    assert.strictEqual(
      Result.match(chargeable(amount), { onSuccess: () => "chargeable", onFailure: (error) => error._tag }),
      expected
    )
  )

  const Moves = Schema.Array(
    Schema.Struct({
      take: Schema.Boolean,
      amount: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 600 })),
      settle: Schema.Boolean,
      now: Schema.Boolean
    })
  )

  it.prop("never pays what it does not have, and ends with what was settled", [Moves], ([moves]) => {
    let state = wallet(1000)
    let balance = 1000
    let orders = 0
    const open: Array<[WalletCommand, boolean]> = []
    const end = (command: WalletCommand, settle: boolean) => {
      if (settle) balance += command._tag === "Take" ? -command.amount : command._tag === "Give" ? command.amount : 0
      if (settle && command._tag === "Take") orders++
      state = WalletKind[settle ? "settle" : "release"](state, command) ?? state
    }
    for (const move of moves) {
      const command = move.take ? take(move.amount) : give(move.amount)
      const result = hold(state, command)
      if (Result.isFailure(result)) continue
      state = result.success.state
      if (move.now) end(command, move.settle)
      else open.push([command, move.settle])
      assert.isTrue(available(state) >= 0)
    }
    for (const [command, settle] of open) end(command, settle)
    assert.deepStrictEqual(state, { ...wallet(balance), orders })
  })
})

const mine = (change: Partial<UserCoupon> = {}): UserCoupon => ({
  userCouponId: voucher,
  couponId: coupon().couponId,
  slot: 1,
  status: "ISSUED",
  pending: undefined,
  ...change
})
const having = (...coupons: ReadonlyArray<UserCoupon>): Wallet => ({ ...wallet(1000), coupons })
const most = Policy.coupon.perWalletMost
/** Of other kinds. */
const many = (n: number, status: UserCouponStatus = "ISSUED") =>
  Array.from({ length: n }, (_, i) => mine({ couponId: couponId(uuid(1000 + i)), status }))
const receive = (n: number, limit = 1): WalletCommand => ({
  _tag: "Receive",
  userCouponId: userCouponId(uuid(100 + n)),
  couponId: coupon().couponId,
  limit
})
const revoke: WalletCommand = { _tag: "Revoke", userCouponId: voucher }
const spend = (amount = 0): WalletCommand => ({ _tag: "Take", amount: won(amount), userCouponId: voucher })

const buyFirst = (amount = 0, userCoupon = voucher): WalletCommand => ({
  _tag: "Take",
  amount: won(amount),
  userCouponId: userCoupon,
  firstPurchaseOnly: true
})

const why = (state: Wallet | undefined, command: WalletCommand) =>
  Result.match(hold(state, command), {
    onSuccess: ({ grant }) => (grant.slot === undefined ? "granted" : `slot ${grant.slot}`),
    onFailure: (error) =>
      error._tag === "CouponNotUsable" || error._tag === "CouponNotRevocable" ? error.reason : error._tag
  })

describe("A user's coupon", () => {
  it.each<[string, Wallet | undefined, WalletCommand, string]>([
    ["is received", having(), receive(1), "slot 1"],
    ["is received by nobody", undefined, receive(1), "UserNotFound"],
    ["is received once", having(mine()), receive(1), "CouponAlreadyIssued"],
    ["is received once, also when it was used", having(mine({ status: "USED" })), receive(1), "CouponAlreadyIssued"],
    ["is received besides others", having(mine({ couponId: couponId(uuid(9)) })), receive(1), "slot 1"],
    ["is undecided while another one is on its way", having(mine({ pending: "issue" })), receive(1), "CouponUndecided"],
    [
      "is not undecided when those that are there suffice",
      having(mine(), mine({ slot: 2, pending: "issue" })),
      receive(1),
      "CouponAlreadyIssued"
    ],
    ["takes the first slot that is free", having(mine({ slot: 2 })), receive(1, 3), "slot 1"],
    ["takes the next slot", having(mine()), receive(1, 3), "slot 2"],
    ["is received as the last one a wallet takes", having(...many(most - 1)), receive(1), "slot 1"],
    ["is not received by who has too many", having(...many(most)), receive(1), "WalletFull"],
    [
      "is not received by who has too many, whatever became of them",
      having(...many(most, "REVOKED")),
      receive(1),
      "WalletFull"
    ],
    ["is received whatever was used", having(...many(most, "USED")), receive(1), "slot 1"],
    ["is received once, also by who has too many", having(mine(), ...many(most)), receive(1), "CouponAlreadyIssued"],
    [
      "is undecided while the last one a wallet takes is on its way",
      having(mine({ couponId: couponId(uuid(9)), pending: "issue" }), ...many(most - 1)),
      receive(1),
      "CouponUndecided"
    ],
    ["is used", having(mine()), spend(), "granted"],
    ["is used again when it was given back", having(mine({ status: "REFUNDED" })), spend(), "granted"],
    ["is not there for others", having(mine({ userCouponId: userCouponId(uuid(9)) })), spend(), "NOT_FOUND"],
    ["is not used before it is there", having(mine({ pending: "issue" })), spend(), "NOT_FOUND"],
    ["is not used while it is being used", having(mine({ pending: "use" })), spend(), "HELD"],
    ["is not used twice", having(mine({ status: "USED" })), spend(), "USED"],
    ["is not used while an order holds it", having(mine({ status: "HELD" })), spend(), "HELD"],
    ["is not used once revoked", having(mine({ status: "REVOKED" })), spend(), "REVOKED"],
    ["is revoked", having(mine()), revoke, "granted"],
    ["is revoked also when it was given back", having(mine({ status: "REFUNDED" })), revoke, "granted"],
    ["is revoked once", having(mine({ status: "REVOKED" })), revoke, "REVOKED"],
    ["is not revoked twice at once", having(mine({ pending: "revoke" })), revoke, "HELD"],
    ["is not revoked while it is being used", having(mine({ pending: "use" })), revoke, "HELD"],
    ["is not revoked while an order holds it", having(mine({ status: "HELD" })), revoke, "HELD"],
    ["is not revoked once used", having(mine({ status: "USED" })), revoke, "USED"],
    ["is not revoked before it is there", having(mine({ pending: "issue" })), revoke, "NOT_FOUND"],
    ["is not used while it is being revoked", having(mine({ pending: "revoke" })), spend(), "HELD"],
    [
      "is received once, also when it was revoked",
      having(mine({ status: "REVOKED" })),
      receive(1),
      "CouponAlreadyIssued"
    ],
    [
      "keeps its user while it is being revoked",
      { ...having(mine({ pending: "revoke" })), balance: won(0) },
      close,
      "CouponUndecided"
    ],
    ["for a first purchase is used in one", having(mine()), buyFirst(), "granted"],
    [
      "for a first purchase is not used in a second",
      { ...having(mine()), orders: 1 },
      buyFirst(),
      "FIRST_PURCHASE_ONLY"
    ],
    [
      "for a first purchase is not used while another one is under way",
      held(having(mine()), take(0)).state,
      buyFirst(),
      "FIRST_PURCHASE_ONLY"
    ],
    [
      "for a first purchase is used once the other one came to nothing",
      WalletKind.release(held(having(mine()), take(0)).state, take(0)),
      buyFirst(),
      "granted"
    ],
    ["for a first purchase hinders no other", held(having(mine()), buyFirst()).state, take(0), "granted"],
    ["does not pay", having(mine()), spend(1001), "InsufficientBalance"],
    [
      "keeps its user while it is on its way",
      { ...having(mine({ pending: "issue" })), balance: won(0) },
      close,
      "CouponUndecided"
    ]
  ])("%s", (_, state, command, expected) => assert.strictEqual(why(state, command), expected))

  it.each<[UserCouponStatus, number | undefined, UserCouponStatus]>([
    ["ISSUED", undefined, "ISSUED"],
    ["ISSUED", 1001, "ISSUED"],
    ["ISSUED", 1000, "EXPIRED"],
    ["REFUNDED", 1000, "EXPIRED"],
    ["USED", 1000, "USED"],
    ["HELD", 1000, "HELD"],
    ["REVOKED", 1000, "REVOKED"]
  ])("that is %s and valid until %s is called %s", (status, until, expected) =>
    assert.strictEqual(statusAt(status, until, 1000), expected)
  )

  const Purchases = Schema.Array(
    Schema.Struct({ coupon: Schema.Literals([0, 1, 2]), settle: Schema.Boolean, now: Schema.Boolean })
  )

  it.prop("for a first purchase is used by one purchase, and by none after another", [Purchases], ([purchases]) => {
    const ids = [1, 2].map((n) => userCouponId(uuid(100 + n)))
    let state = having(...ids.map((id, n) => mine({ userCouponId: id, slot: n + 1 })))
    const open: Array<readonly [WalletCommand, boolean]> = []
    const end = ([command, settle]: readonly [WalletCommand, boolean]) => {
      state = WalletKind[settle ? "settle" : "release"](state, command) ?? state
    }
    for (const { coupon: n, settle, now } of purchases) {
      const command = n === 0 ? take(0) : buyFirst(0, ids[n - 1])
      const before = state
      const told = hold(state, command)
      if (Result.isFailure(told)) continue
      if (n > 0) assert.deepStrictEqual([before.orders, before.purchases], [0, 0])
      state = told.success.state
      if (now) end([command, settle])
      else open.push([command, settle])
    }
    open.forEach(end)
    assert.isAtMost(state.coupons.filter(({ status }) => status === "USED").length, 1)
  })

  const Steps = Schema.Array(
    Schema.Struct({
      what: Schema.Literals([0, 1, 2, 3, 4]),
      revoke: Schema.Boolean,
      settle: Schema.Boolean,
      now: Schema.Boolean
    })
  )

  it.prop("is had no more often than allowed, in slots of their own, and used or revoked once", [Steps], ([steps]) => {
    let state = having()
    const open: Array<readonly [WalletCommand, boolean]> = []
    const used = new Set<string>()
    const end = (command: WalletCommand, settle: boolean) => {
      const id = command._tag === "Take" || command._tag === "Revoke" ? command.userCouponId : undefined
      if (id !== undefined && settle) {
        assert.isFalse(used.has(id))
        used.add(id)
      }
      state = WalletKind[settle ? "settle" : "release"](state, command) ?? state
    }
    for (const [n, { what, revoke: away, settle, now }] of steps.entries()) {
      const owned = state.coupons[what]
      const command: WalletCommand =
        owned === undefined
          ? receive(n, 3)
          : away
            ? { _tag: "Revoke", userCouponId: owned.userCouponId }
            : { _tag: "Take", amount: won(0), userCouponId: owned.userCouponId }
      const told = hold(state, command)
      if (Result.isFailure(told)) continue
      state = told.success.state
      assert.isAtMost(state.coupons.length, 3)
      assert.deepStrictEqual(
        state.coupons.map(({ slot }) => slot).toSorted(),
        [...new Set(state.coupons.map(({ slot }) => slot))].toSorted()
      )
      if (now) end(command, settle)
      else open.push([command, settle])
    }
    for (const [command, settle] of open) end(command, settle)
    assert.isTrue(state.coupons.every(({ pending }) => pending === undefined))
    const gone = state.coupons.filter(({ status }) => status === "USED" || status === "REVOKED")
    assert.strictEqual(gone.length, used.size)
  })
})

/** What becomes of an order: it takes, gives back, opens or closes, and makes something of its coupon. */
const become = (
  { take: taken = 0, give: given = 0, opens = 0 }: { take?: number; give?: number; opens?: number },
  to?: HeldStatus
): WalletCommand => ({
  _tag: "Order",
  take: won(taken),
  give: won(given),
  opens,
  counts: 0,
  firstPurchaseOnly: false,
  coupon: to === undefined ? undefined : { userCouponId: voucher, to }
})

describe("A wallet, asked by an order,", () => {
  it.each<[string, Wallet | undefined, WalletCommand, string]>([
    ["pays what it has", wallet(1000), become({ take: 1000 }), "granted"],
    ["does not pay more", wallet(1000), become({ take: 1001 }), "InsufficientBalance"],
    ["opens no more orders than may wait", { ...wallet(0), purchases: 20 }, become({ opens: 1 }), "TooManyUnpaid"],
    ["opens the last of them", { ...wallet(0), purchases: 19 }, become({ opens: 1 }), "granted"],
    ["pays one of them", { ...wallet(1000), purchases: 20 }, become({ take: 1000, opens: -1 }), "granted"],
    [
      "waits for what is held: it may be given back",
      { ...wallet(1000), held: won(1) },
      become({ take: 1000 }),
      "WalletUndecided"
    ],
    [
      "does not wait for what would not do",
      { ...wallet(1000), held: won(1) },
      become({ take: 1001 }),
      "InsufficientBalance"
    ],
    [
      "does not pay with what comes back",
      { ...wallet(0), incoming: won(9) },
      become({ take: 1 }),
      "InsufficientBalance"
    ],
    ["that does not exist does not pay", undefined, become({}), "UserNotFound"],
    ["takes nothing back beyond its limit", wallet(maxBalance), become({ give: 1 }), "BalanceLimitExceeded"],
    ["says nothing while it closes", { ...wallet(0), closing: true }, become({ give: 1 }), "WalletUndecided"],
    ["needs its coupon", having(), become({}, "HELD"), "NOT_FOUND"],
    ["needs its coupon to be free of other decisions", having(mine({ pending: "use" })), become({}, "HELD"), "HELD"],
    ["needs its coupon to be there", having(mine({ pending: "issue" })), become({}, "HELD"), "NOT_FOUND"]
  ])("%s", (_, state, command, expected) => assert.strictEqual(why(state, command), expected))

  const pairs = HeldStatus.literals.flatMap((to) =>
    UserCouponStatus.literals.map((status): [UserCouponStatus, HeldStatus] => [status, to])
  )
  it.each(pairs)("has a coupon that is %s become %s, or not", (status, to) => {
    const isAllowed = couponFrom[to].includes(status)
    assert.strictEqual(outcome(having(mine({ status })), become({}, to)), isAllowed ? "granted" : "CouponNotUsable")
  })

  it.each<[string, WalletCommand, balance: number, waiting: number, coupon: UserCouponStatus]>([
    ["made", become({ opens: 1 }, "HELD"), 1000, 3, "HELD"],
    ["paid", become({ take: 700, opens: -1 }, "USED"), 300, 1, "USED"],
    ["cancelled", become({ give: 700 }, "REFUNDED"), 1700, 2, "REFUNDED"],
    ["paid in part", become({ take: 700 }), 300, 2, "USED"]
  ])("has what it says of one that is %s, and as before if it was not", (_, command, balance, purchases, status) => {
    const from = { HELD: "ISSUED", USED: "HELD", REFUNDED: "USED", ISSUED: "HELD" } as const
    const to = command._tag === "Order" ? command.coupon?.to : undefined
    const before = { ...having(mine({ status: to === undefined ? "USED" : from[to] })), purchases: 2 }
    const { state } = held(before, command)
    assert.deepStrictEqual(WalletKind.settle(state, command), {
      ...before,
      balance: won(balance),
      purchases,
      coupons: [mine({ status })]
    })
    assert.deepStrictEqual(WalletKind.release(state, command), before)
  })

  it("is not closed while an order waits for its payment, or is being decided about", () => {
    const open = become({ opens: 1 })
    const { state } = held(wallet(0), open)
    assert.strictEqual(outcome(state, close), "OrdersOpen")
    const waiting = WalletKind.settle(state, open)
    assert.strictEqual(outcome(waiting, close), "OrdersOpen")
    const cancelled = become({ opens: -1 })
    assert.isDefined(waiting)
    assert.strictEqual(outcome(WalletKind.settle(held(waiting, cancelled).state, cancelled), close), "granted")
  })

  it("promises the balance that follows all it admitted", () => {
    const first = held(wallet(1000), become({ give: 500 }))
    const second = held(first.state, become({ take: 700 }))
    assert.deepStrictEqual([first.grant.balance, second.grant.balance], [1500, 800])
  })
})
