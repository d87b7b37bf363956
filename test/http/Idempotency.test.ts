import { assert, describe, it } from "@effect/vitest"
import { keyed } from "../../src/http/Idempotency.ts"
import { buyer, seller } from "../domain/Samples.ts"

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

describe("The key of a request", () => {
  it("is told apart by user, route and Idempotency-Key", () => {
    const keys = [
      keyed(buyer, "POST /checkout", "k", {}),
      keyed(seller, "POST /checkout", "k", {}),
      keyed(buyer, "POST /balances/charge", "k", {}),
      keyed(buyer, "POST /checkout", "l", {}),
      keyed(buyer, "POST /checkou", "tk", {})
    ].map(({ key }) => key)
    for (const key of keys) assert.match(key, uuid)
    assert.lengthOf(new Set(keys), keys.length)
    assert.strictEqual(keyed(buyer, "POST /checkout", "k", { other: "body" }).key, keys[0])
  })

  it("goes with a hash of the body, whoever sent it", () => {
    const { bodyHash } = keyed(buyer, "POST /checkout", "k", { amount: 1 })
    assert.match(bodyHash, uuid)
    assert.strictEqual(keyed(seller, "POST /other", "l", { amount: 1 }).bodyHash, bodyHash)
    assert.notStrictEqual(keyed(buyer, "POST /checkout", "k", { amount: 2 }).bodyHash, bodyHash)
  })
})
