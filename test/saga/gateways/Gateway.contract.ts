/** What every gateway must do; run over one in memory, and over each adapter and a simulator behind a real socket. */
import { assert, layer as shared } from "@effect/vitest"
import { Context, Effect, type Layer, Result } from "effect"
import { orderId, paymentId, refundId } from "../../../src/domain/Ids.ts"
import { won } from "../../../src/domain/Money.ts"
import { paymentKey } from "../../../src/domain/Tender.ts"
import type { Approval, Approved, Cancellation, Gateway, GatewayFailure } from "../../../src/saga/gateways/Gateway.ts"
import { timed } from "../../../src/saga/gateways/Resilience.ts"
import type { Behaviour, Script } from "../../../src/saga/gateways/simulator/Behaviour.ts"
import type { Charges } from "../../../src/saga/gateways/simulator/Charges.ts"
import type { CannotListen } from "../../../src/saga/gateways/simulator/Simulator.ts"
import { uuid } from "../../domain/Samples.ts"

export class Backend extends Context.Service<
  Backend,
  {
    readonly name: "toss" | "nice" | "inicis"
    readonly gateway: Gateway
    /** The same gateway, with keys of ours that it does not know. */
    readonly stranger: Gateway
    /** What was really taken and given back. */
    readonly charges: Charges
    readonly script: Script
    /** What is said only by some: that a payment was declined, and how much of one was given back in parts. */
    readonly tells: { readonly declined: boolean; readonly parts: boolean }
  }
>()("test/saga/gateways/Backend") {}

let payments = 0

/** A payment that nobody has heard of, which a buyer has agreed to. */
export const payment = (name: "toss" | "nice" | "inicis", behaviour?: Behaviour, times: number | "" = ""): Approval => {
  const n = ++payments
  const order = orderId(uuid(10_000 + n))
  const said = behaviour === undefined ? "" : `${behaviour}${times}_`
  return {
    paymentId: paymentId(uuid(20_000 + n)),
    orderId: order,
    paymentKey: paymentKey(`${name === "inicis" ? "fc:" : ""}${said}${order}`),
    amount: won(1000),
    method: "CARD"
  }
}

let refunds = 0

/** The first refund of an approved payment. */
export const refundOf = (approval: Approval, approved: Approved, amount = 1000): Cancellation => ({
  ...approval,
  transactionId: approved.transactionId,
  refundId: refundId(uuid(30_000 + ++refunds)),
  amount: won(amount),
  approvedAmount: approved.approvedAmount,
  remaining: approved.approvedAmount,
  othersUnknown: false,
  reason: "고객 변심"
})

const chargesOf = (charges: Charges, { orderId: order }: Approval) =>
  charges.all.filter((charge) => charge.orderId === order && charge.status === "APPROVED")

const givenBack = (charges: Charges, approval: Approval) =>
  chargesOf(charges, approval).flatMap((charge) => charge.refunds.map(({ amount }) => Number(amount)))

/** The refund of a part, repeated: done before, if the gateway tells how much was given back; else nobody knows. */
const again = ({ parts }: Backend["Service"]["tells"], repeated: Effect.Effect<unknown, GatewayFailure>) =>
  Effect.map(Effect.result(repeated), (result) =>
    assert.strictEqual(Result.isSuccess(result) ? "Done" : result.failure._tag, parts ? "Done" : "OutcomeUnknown")
  )

export const contract = (title: string, backend: Layer.Layer<Backend, CannotListen>) =>
  shared(backend, { excludeTestServices: true, timeout: "30 seconds" })(title, (it) => {
    it.effect("takes the money, and says for what, when, and by which card, with four digits at the most", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const approval = payment(name)
        const approved = yield* gateway.approve(approval)
        assert.strictEqual(approved.approvedAmount, won(1000))
        assert.isAbove(approved.approvedAt, 1_500_000_000_000)
        assert.match(approved.label ?? "", /^\*{4}[\d*]{4}$/)
        assert.deepStrictEqual(
          chargesOf(charges, approval).map(({ amount }) => Number(amount)),
          [1000]
        )
      })
    )

    it.effect("takes it once, however often it is asked", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const approval = payment(name)
        const first = yield* gateway.approve(approval)
        const second = yield* gateway.approve(approval)
        assert.strictEqual(second.transactionId, first.transactionId)
        assert.strictEqual(second.approvedAmount, first.approvedAmount)
        assert.lengthOf(chargesOf(charges, approval), 1)
      })
    )

    it.effect("takes nothing of what is declined, for good", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const approval = payment(name, "decline", 1)
        assert.strictEqual((yield* Effect.flip(gateway.approve(approval)))._tag, "Declined")
        assert.strictEqual((yield* Effect.flip(gateway.approve(approval)))._tag, "Declined")
        assert.lengthOf(chargesOf(charges, approval), 0)
      })
    )

    it.effect("is asked what became of a payment", () =>
      Effect.gen(function* () {
        const { name, gateway, tells } = yield* Backend
        const approval = payment(name)
        assert.strictEqual((yield* gateway.inquire(approval))._tag, "NotFound")
        const { transactionId } = yield* gateway.approve(approval)
        const found = yield* gateway.inquire(approval)
        assert.strictEqual(found._tag, "Approved")
        if (found._tag === "Approved") assert.strictEqual(found.transactionId, transactionId)
        const declined = payment(name, "decline")
        yield* Effect.flip(gateway.approve(declined))
        assert.strictEqual((yield* gateway.inquire(declined))._tag, tells.declined ? "Declined" : "NotFound")
      })
    )

    it.effect("approves no payment with the key of another", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const paid = payment(name)
        yield* gateway.approve(paid)
        const thief = { ...payment(name), paymentKey: paid.paymentKey }
        assert.strictEqual((yield* Effect.flip(gateway.approve(thief)))._tag, "Declined")
        assert.notStrictEqual((yield* gateway.inquire(thief))._tag, "Approved")
        const unpaid = payment(name)
        const mistaken = { ...payment(name), paymentKey: unpaid.paymentKey }
        assert.strictEqual((yield* Effect.flip(gateway.approve(mistaken)))._tag, "Declined")
        const [charge] = chargesOf(charges, unpaid)
        assert.isTrue(charge === undefined || charge.refunds[0]?.amount === won(1000), "given back at once")
        assert.deepStrictEqual(givenBack(charges, paid), [])
      })
    )

    it.effect("gives all of it back, once for each refund", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const approval = payment(name)
        const refund = refundOf(approval, yield* gateway.approve(approval))
        const first = yield* gateway.cancel(refund)
        assert.isAbove(first.cancelledAt, 1_500_000_000_000)
        yield* gateway.cancel(refund)
        assert.deepStrictEqual(givenBack(charges, approval), [1000])
        const found = yield* gateway.inquire(approval)
        assert.strictEqual(found._tag, "Cancelled")
        if (found._tag === "Cancelled") assert.strictEqual(found.cancelledAmount, won(1000))
      })
    )

    it.effect("gives a part of it back, once for each refund, and then the rest", () =>
      Effect.gen(function* () {
        const { name, gateway, charges, tells } = yield* Backend
        const approval = payment(name)
        const approved = yield* gateway.approve(approval)
        const part = refundOf(approval, approved, 400)
        yield* gateway.cancel(part)
        yield* again(tells, gateway.cancel(part))
        assert.deepStrictEqual(givenBack(charges, approval), [400])
        const found = yield* gateway.inquire(approval)
        assert.strictEqual(found._tag, "Cancelled")
        if (found._tag === "Cancelled") assert.strictEqual(found.cancelledAmount, tells.parts ? won(400) : undefined)
        yield* gateway.cancel({ ...refundOf(approval, approved, 600), remaining: won(600) })
        assert.deepStrictEqual(givenBack(charges, approval), [400, 600])
      })
    )

    it.effect("does not say that it declined what somebody has given back in part by hand", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const approval = payment(name)
        const { transactionId } = yield* gateway.approve(approval)
        charges.refund(transactionId, { refundId: "by hand", amount: won(300), at: 1 })
        const result = yield* Effect.result(gateway.approve(approval))
        assert.include(["Done", "OutcomeUnknown"], Result.isSuccess(result) ? "Done" : result.failure._tag)
      })
    )

    it.effect("gives back no more than is left, whatever the caller believes", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const approval = payment(name)
        const approved = yield* gateway.approve(approval)
        assert.strictEqual((yield* Effect.flip(gateway.cancel(refundOf(approval, approved, 1001))))._tag, "Declined")
        yield* gateway.cancel(refundOf(approval, approved, 700))
        const mistaken = refundOf(approval, approved, 500)
        assert.include(["Declined", "OutcomeUnknown"], (yield* Effect.flip(gateway.cancel(mistaken)))._tag)
        assert.deepStrictEqual(givenBack(charges, approval), [700])
      })
    )

    for (const [behaviour, charged] of [
      ["hangAfter", true],
      ["hang", false],
      ["cutAfter", true],
      ["cut", false],
      ["errorAfter", true],
      ["error", false]
    ] as const) {
      it.effect(`leaves the outcome open after "${behaviour}", and an inquiry tells it`, () =>
        Effect.gen(function* () {
          const { name, gateway, charges } = yield* Backend
          const approval = payment(name, behaviour, 1)
          const failure = yield* Effect.flip(timed(name, gateway, 200).approve(approval))
          assert.strictEqual(failure._tag, "OutcomeUnknown")
          assert.strictEqual((yield* gateway.inquire(approval))._tag, charged ? "Approved" : "NotFound")
          yield* gateway.approve(approval)
          assert.lengthOf(chargesOf(charges, approval), 1)
        })
      )

      it.effect(`gives back once, also after "${behaviour}"`, () =>
        Effect.gen(function* () {
          const { name, gateway, charges, script, tells } = yield* Backend
          const approval = payment(name)
          const refund = refundOf(approval, yield* gateway.approve(approval), 300)
          script.next("cancel", behaviour)
          const failure = yield* Effect.flip(timed(name, gateway, 200).cancel(refund))
          assert.strictEqual(failure._tag, "OutcomeUnknown")
          assert.deepStrictEqual(givenBack(charges, approval), charged ? [300] : [])
          yield* charged ? again(tells, gateway.cancel(refund)) : gateway.cancel(refund)
          assert.deepStrictEqual(givenBack(charges, approval), [300])
        })
      )
    }

    it.effect("says when it takes no more for now, and that nothing happened", () =>
      Effect.gen(function* () {
        const { name, gateway, charges } = yield* Backend
        const approval = payment(name, "busy", 1)
        const failure = yield* Effect.flip(gateway.approve(approval))
        assert.strictEqual(failure._tag, "GatewayUnavailable")
        if (failure._tag === "GatewayUnavailable") assert.strictEqual(failure.reason, "Busy")
        assert.lengthOf(chargesOf(charges, approval), 0)
      })
    )

    it.effect("an inquiry that fails says nothing of the payment", () =>
      Effect.gen(function* () {
        const { name, gateway, script } = yield* Backend
        const approval = payment(name)
        for (const behaviour of ["error", "cut", "hang", "busy"] as const) {
          script.next("inquire", behaviour)
          const failure = yield* Effect.flip(timed(name, gateway, 200).inquire(approval))
          assert.strictEqual(failure._tag, "GatewayUnavailable")
        }
      })
    )

    it.effect("says that our settings are wrong, and leaves nothing open", () =>
      Effect.gen(function* () {
        const { name, gateway, stranger, charges } = yield* Backend
        const approval = payment(name)
        const refund = refundOf(approval, yield* gateway.approve(approval))
        const another = payment(name)
        const calls: ReadonlyArray<Effect.Effect<unknown, GatewayFailure>> = [
          stranger.approve(another),
          stranger.inquire(another),
          stranger.cancel(refund)
        ]
        for (const call of calls) {
          const result = yield* Effect.result(call)
          if (Result.isSuccess(result)) return assert.fail("a stranger was served")
          assert.strictEqual(result.failure._tag, "GatewayUnavailable")
          if (result.failure._tag === "GatewayUnavailable") assert.strictEqual(result.failure.reason, "Settings")
        }
        assert.lengthOf(chargesOf(charges, another), 0)
        assert.deepStrictEqual(givenBack(charges, approval), [])
      })
    )
  })
