import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Logger, Metric, Result, type Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { won } from "../../../src/domain/Money.ts"
import { Policy } from "../../../src/domain/Policy.ts"
import { gatewayTransactionId } from "../../../src/domain/Tender.ts"
import type { Approval, GatewayFailure, Inquiry } from "../../../src/saga/gateways/Gateway.ts"
import * as MemoryGateway from "../../../src/saga/gateways/MemoryGateway.ts"
import { approvalIn, guard, longestMs, pauseMs } from "../../../src/saga/gateways/Resilience.ts"
import type { Behaviour } from "../../../src/saga/gateways/simulator/Behaviour.ts"
import { payment, refundOf } from "./Gateway.contract.ts"

const options = { ...Policy.payment, breaker: { failures: 100, openMs: 10_000 } }

/** A guarded gateway in memory, which counts what reaches it. */
const guarded = (breaker = options.breaker) =>
  Effect.gen(function* () {
    const memory = MemoryGateway.make("toss")
    const asked: Array<string> = []
    const noted = <A, E>(what: string, call: Effect.Effect<A, E>) =>
      Effect.andThen(
        Effect.sync(() => asked.push(what)),
        call
      )
    const gateway = yield* guard(
      "toss",
      {
        approve: (approval) => noted("approve", memory.approve(approval)),
        inquire: (ref) => noted("inquire", memory.inquire(ref)),
        cancel: (cancellation) => noted("cancel", memory.cancel(cancellation))
      },
      { ...options, breaker }
    )
    return { gateway, memory, asked }
  })

/** How a call ends, and after how long, when nobody is in a hurry. */
const ended = <A>(call: Effect.Effect<A, GatewayFailure>) =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    const timed = Effect.flatMap(Effect.result(call), (result) =>
      Effect.map(Clock.currentTimeMillis, (now) => ({ result, ms: now - begun }))
    )
    const fiber = yield* Effect.forkChild(timed)
    yield* TestClock.adjust("10 minutes")
    const { result, ms } = yield* Fiber.join(fiber)
    return { end: Result.isSuccess(result) ? "Done" : result.failure._tag, result, ms }
  })

describe("What an inquiry says of an approval nobody heard the end of", () => {
  const transactionId = gatewayTransactionId("t")
  const approved = (amount: number): Inquiry => ({
    _tag: "Approved",
    transactionId,
    approvedAt: 1,
    approvedAmount: won(amount),
    label: undefined
  })
  const cancelled = (amount: number | undefined): Inquiry => ({
    _tag: "Cancelled",
    transactionId,
    approvedAmount: won(1000),
    cancelledAmount: amount === undefined ? undefined : won(amount),
    cancelledAt: 2
  })
  for (const [what, found, expected] of [
    ["approved", approved(1000), "Done"],
    ["another amount approved", approved(999), "Unclear"],
    ["all given back", cancelled(1000), "Never"],
    ["a part given back: the rest is still there", cancelled(300), "Unclear"],
    ["a part given back, and not how much", cancelled(undefined), "Unclear"],
    ["declined", { _tag: "Declined", code: "", reason: "" }, "Never"],
    ["unknown", { _tag: "NotFound" }, "NotDone"]
  ] as const) {
    it(`${what}: ${expected}`, () => assert.strictEqual(approvalIn("toss", won(1000), found)._tag, expected))
  }
})

const scenario = (
  name: string,
  test: Effect.Effect<void, GatewayFailure, Scope.Scope | CircuitBreaker.CircuitBreakerStore>
) =>
  it.effect(name, () =>
    test.pipe(
      Effect.scoped,
      Effect.provide([CircuitBreaker.layerStoreMemory(), Logger.layer([])]),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

/** Approvals that go as told, one after the other: how they end, and what was asked of the gateway. */
const table: ReadonlyArray<
  [name: string, approvals: ReadonlyArray<Behaviour>, inquiries: ReadonlyArray<Behaviour>, end: string, asked: string]
> = [
  ["is asked once", ["answer"], [], "Done", "approve"],
  ["a refusal is final", ["decline"], [], "Declined", "approve"],
  ["what did not happen is tried again", ["busy", "busy", "answer"], [], "Done", "approve approve approve"],
  [
    "and given up after three repetitions",
    ["busy", "busy", "busy", "busy", "answer"],
    [],
    "GatewayUnavailable",
    "approve approve approve approve"
  ],
  ["what may have happened is asked for", ["cutAfter"], [], "Done", "approve inquire"],
  ["also when nobody answered in time", ["hangAfter"], [], "Done", "approve inquire"],
  ["and tried again, if it did not", ["error", "answer"], [], "Done", "approve inquire approve"],
  [
    "what is not told is asked again, and not tried again",
    ["cutAfter"],
    ["error", "hang", "busy"],
    "Done",
    "approve inquire inquire inquire inquire"
  ],
  [
    "and stays unknown, if it is never told",
    ["cutAfter"],
    ["error", "error", "error", "error"],
    "OutcomeUnknown",
    "approve inquire inquire inquire inquire"
  ],
  [
    "what may have happened never ends as unavailable",
    ["cut", "busy", "busy", "busy"],
    [],
    "OutcomeUnknown",
    "approve inquire approve inquire approve inquire approve inquire"
  ],
  [
    "however often it may have happened, it is asked four times",
    ["cut", "cut", "cut", "cut", "answer"],
    [],
    "OutcomeUnknown",
    "approve inquire approve inquire approve inquire approve inquire"
  ],
  ["a refusal after a doubt is checked", ["cut", "decline"], [], "Declined", "approve inquire approve inquire"]
]

describe("An approval", () => {
  for (const [name, approvals, inquiries, expected, calls] of table) {
    scenario(
      `${name}: ${approvals.join(", ")} ${inquiries.length > 0 ? `(inquiries: ${inquiries.join(", ")})` : ""}`,
      Effect.gen(function* () {
        const { gateway, memory, asked } = yield* guarded()
        for (const behaviour of approvals) memory.script.next("approve", behaviour)
        for (const behaviour of inquiries) memory.script.next("inquire", behaviour)
        const { end, ms } = yield* ended(gateway.approve(payment("toss")))
        assert.strictEqual(end, expected)
        assert.strictEqual(asked.join(" "), calls)
        assert.isAtMost(memory.charges.all.length, 1)
        assert.isAtMost(ms, longestMs(options))
      })
    )
  }

  scenario(
    "takes as long as everything together, and no longer, when nobody ever answers",
    Effect.gen(function* () {
      const { gateway, memory, asked } = yield* guarded()
      memory.script.next("approve", "hang", 10)
      memory.script.next("inquire", "hang", 10)
      const { end, ms } = yield* ended(gateway.approve(payment("toss")))
      assert.strictEqual(end, "OutcomeUnknown")
      assert.deepStrictEqual(asked, ["approve", "inquire", "inquire", "inquire", "inquire"])
      assert.isAbove(ms, 5 * options.callTimeoutMs)
      assert.isAtMost(ms, longestMs(options))
    })
  )

  scenario(
    "of another amount is not the one that was asked for",
    Effect.gen(function* () {
      const { gateway, memory } = yield* guarded()
      const approval = payment("toss")
      yield* memory.approve({ ...approval, amount: won(1) })
      memory.script.next("approve", "cut")
      assert.strictEqual((yield* ended(gateway.approve(approval))).end, "OutcomeUnknown")
    })
  )

  scenario(
    "of a payment that somebody gave back since is declined",
    Effect.gen(function* () {
      const { gateway, memory } = yield* guarded()
      const approval = payment("toss")
      yield* memory.cancel(refundOf(approval, yield* memory.approve(approval)))
      memory.script.next("approve", "cut")
      const { result } = yield* ended(gateway.approve(approval))
      assert.isTrue(
        Result.isFailure(result) && result.failure._tag === "Declined" && result.failure.code === "CANCELLED"
      )
    })
  )
})

describe("A refund", () => {
  for (const [name, behaviours, inquiries, expected, calls, given] of [
    ["is asked once", ["answer"], [], "Done", "cancel", 300],
    ["is tried again, if it did not happen", ["busy", "answer"], [], "Done", "cancel cancel", 300],
    ["is asked for, if it may have happened", ["hangAfter"], [], "Done", "cancel inquire", 300],
    ["and tried again, if it did not", ["cut", "answer"], [], "Done", "cancel inquire cancel", 300],
    ["a refusal is final", ["decline"], [], "Declined", "cancel", 0],
    [
      "stays unknown, if it is never told",
      ["cutAfter"],
      ["error", "error", "error", "error"],
      "OutcomeUnknown",
      "cancel inquire inquire inquire inquire",
      300
    ]
  ] as const) {
    scenario(
      `${name}: ${behaviours.join(", ")}`,
      Effect.gen(function* () {
        const { gateway, memory, asked } = yield* guarded()
        const approval = payment("toss")
        const refund = refundOf(approval, yield* memory.approve(approval), 300)
        for (const behaviour of behaviours) memory.script.next("cancel", behaviour)
        for (const behaviour of inquiries) memory.script.next("inquire", behaviour)
        const { end } = yield* ended(gateway.cancel(refund))
        assert.strictEqual(end, expected)
        assert.strictEqual(asked.join(" "), calls)
        assert.strictEqual(memory.charges.kept, won(1000 - given))
      })
    )
  }
})

describe("A gateway that keeps failing", () => {
  const fail = (gateway: { readonly approve: (approval: Approval) => Effect.Effect<unknown, GatewayFailure> }) =>
    ended(gateway.approve(payment("toss")))

  scenario(
    "is left alone for a while, and then tried with one call",
    Effect.gen(function* () {
      const { gateway, memory, asked } = yield* guarded({ failures: 2, openMs: 3_600_000 })
      memory.script.next("approve", "busy", 2)
      const { result } = yield* fail(gateway)
      assert.lengthOf(asked, 2)
      assert.isTrue(Result.isFailure(result) && result.failure._tag === "GatewayUnavailable")
      if (Result.isFailure(result) && result.failure._tag === "GatewayUnavailable")
        assert.strictEqual(result.failure.reason, "CircuitOpen")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* fail(gateway)).end, "Done")
      assert.lengthOf(asked, 3)
    })
  )

  scenario(
    "is not one that declines",
    Effect.gen(function* () {
      const { gateway, memory, asked } = yield* guarded({ failures: 2, openMs: 3_600_000 })
      memory.script.next("approve", "decline", 5)
      for (let n = 0; n < 5; n++) assert.strictEqual((yield* fail(gateway)).end, "Declined")
      assert.lengthOf(asked, 5)
    })
  )

  scenario(
    "shows in the metrics",
    Effect.gen(function* () {
      const { gateway, memory } = yield* guarded({ failures: 2, openMs: 3_600_000 })
      memory.script.next("approve", "busy", 2)
      yield* fail(gateway)
      const metrics = yield* Metric.snapshot
      const of = (id: string, outcome?: string) =>
        metrics.find(
          (metric) => metric.id === id && (outcome === undefined || metric.attributes?.["outcome"] === outcome)
        )?.state
      assert.deepInclude(of("sluice_gateway_breaker"), { value: 2 })
      assert.deepInclude(of("sluice_gateway_calls", "Busy"), { count: 2 })
      assert.deepInclude(of("sluice_gateway_calls", "CircuitOpen"), { count: 2 })
      assert.deepInclude(of("sluice_gateway_call_seconds"), { count: 2 })
    })
  )
})

describe("The pauses", () => {
  it("double up to the most, and the longest call is bounded", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 6].map((attempt) => pauseMs(options, attempt)),
      [200, 400, 800, 1600, 2000, 2000]
    )
    assert.strictEqual(longestMs(options), 8 * 3000 + 200 + 400 + 800 + 1600)
  })
})
