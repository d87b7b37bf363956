import { assert, describe, it } from "@effect/vitest"
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Redacted, Result } from "effect"
import type { GatewayMethod, GatewayName } from "../../../src/domain/Tender.ts"
import { Gateways } from "../../../src/saga/gateways/Gateway.ts"
import * as Routing from "../../../src/saga/gateways/Routing.ts"
import * as Simulator from "../../../src/saga/gateways/simulator/Simulator.ts"
import { payment } from "./Gateway.contract.ts"

const all = ["toss", "nice", "inicis"] as const

describe("A method", () => {
  for (const [available, told, expected] of [
    [all, {}, "toss nice inicis nice"],
    [all, { CARD: "inicis", NAVERPAY: "toss" }, "inicis nice inicis toss"],
    [["nice"], {}, "nice nice nice nice"],
    [["nice", "inicis"], {}, "nice nice inicis nice"],
    [[], {}, "toss nice inicis nice"],
    [["toss"], { CARD: "nice" }, "Unroutable"]
  ] as ReadonlyArray<[ReadonlyArray<GatewayName>, Partial<Record<GatewayMethod, GatewayName>>, string]>) {
    it(`with ${available.join(", ") || "no gateway"} and ${JSON.stringify(told)} goes to ${expected}`, () => {
      const routes = Routing.route(available, told)
      const { CARD, BANK_TRANSFER, KAKAOPAY, NAVERPAY } = Result.getOrElse(routes, () => ({
        CARD: "Unroutable",
        BANK_TRANSFER: "",
        KAKAOPAY: "",
        NAVERPAY: ""
      }))
      assert.strictEqual([CARD, BANK_TRANSFER, KAKAOPAY, NAVERPAY].join(" ").trim(), expected)
    })
  }
})

describe("The gateways", () => {
  it.live("take payments of every method", () =>
    Effect.gen(function* () {
      const { settings, charges } = yield* Simulator.make({ host: "127.0.0.1", port: 0 })
      yield* Effect.gen(function* () {
        const gateways = yield* Gateways
        for (const method of ["CARD", "BANK_TRANSFER", "KAKAOPAY", "NAVERPAY"] as const) {
          const name = gateways.for(method)
          yield* gateways.of(name).approve({ ...payment(name), method })
        }
      }).pipe(Effect.provide(Routing.layer(settings)))
      assert.deepStrictEqual(
        all.map((name) => charges[name].all.length),
        [1, 2, 1]
      )
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("without settings say so", () =>
    Effect.gen(function* () {
      const gateways = yield* Gateways
      const failure = yield* Effect.flip(gateways.of("toss").approve(payment("toss")))
      assert.strictEqual(failure._tag, "GatewayUnavailable")
      if (failure._tag === "GatewayUnavailable") assert.strictEqual(failure.reason, "Settings")
    }).pipe(Effect.provide(Routing.layer({})), Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("refuse to start when a method goes to one without settings", () =>
    Effect.gen(function* () {
      const secretKey = Redacted.make("key")
      const options = { toss: { secretKey, baseUrl: "http://127.0.0.1:1" }, routing: { CARD: "nice" } } as const
      const failure = yield* Effect.flip(Effect.provide(Gateways, Routing.layer(options)))
      assert.include(failure.message, "CARD")
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})
