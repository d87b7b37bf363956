import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { maxBalance, won } from "../../src/domain/Money.ts"
import { available, chargeable, type Wallet, type WalletCommand, WalletKind } from "../../src/domain/Wallet.ts"
import { buyer, wallet } from "./Samples.ts"

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
    ["is not closed while something is bought for nothing", held(wallet(0), take(0)).state, close, "BalanceRemaining"],
    ["is not closed with money on its way", { ...wallet(0), incoming: won(1) }, close, "BalanceRemaining"],
    ["takes nothing while it closes", { ...wallet(0), closing: true }, give(1000), "UserNotFound"]
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
    const open: Array<[WalletCommand, boolean]> = []
    const end = (command: WalletCommand, settle: boolean) => {
      if (settle) balance += command._tag === "Take" ? -command.amount : command._tag === "Give" ? command.amount : 0
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
    assert.deepStrictEqual(state, wallet(balance))
  })
})
