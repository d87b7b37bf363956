import { assert, describe, it } from "@effect/vitest"
import type { Member, Owner } from "../../src/cluster/Leases.ts"
import { empty, type Observation, observe, type View, worthWatching } from "../../src/cluster/View.ts"

const ttlMs = 4000
const one: Owner = { address: "10.0.0.1:4000", nonce: "one" }
const next: Owner = { address: one.address, nonce: "next" }
const other: Owner = { address: "10.0.0.2:4000", nonce: "other" }

const member = (owner: Owner, remainingMs = ttlMs): Member => ({ ...owner, remainingMs, runner: "{}", healthy: true })
const listed = (sentAt: number, ...members: ReadonlyArray<Member>): Observation => ({ _tag: "Listed", sentAt, members })
const noAnswer = (at: number): Observation => ({ _tag: "NoAnswer", at })
const heard = (_tag: "Refused" | "Left" | "Back", peer: Owner, at: number): Observation => ({ _tag, peer, at })

const after = (...observations: ReadonlyArray<Observation>): View =>
  observations.reduce((view, observation) => observe(view, observation, ttlMs), empty)
const believed = (view: View) => Array.from(view.believed.values(), ({ nonce }) => nonce).toSorted()

describe("Who is there", () => {
  const both = listed(0, member(one), member(other))
  for (const [name, observations, expected] of [
    ["nobody, before anybody was listed", [], []],
    ["whoever is listed", [both], ["one", "other"]],
    ["whoever a flushed store has forgotten, until the promised end", [both, listed(3999)], ["one", "other"]],
    ["nobody the store has forgotten, from the promised end on", [both, listed(4000)], []],
    ["by its own end, each", [listed(0, member(one, 100), member(other)), listed(200)], ["other"]],
    ["everybody while the store does not answer", [both, noAnswer(3000), noAnswer(6000)], ["one", "other"]],
    ["a TTL longer after the store did not answer", [both, noAnswer(3000), listed(6999)], ["one", "other"]],
    ["no longer than a TTL after the store did not answer", [both, noAnswer(3000), listed(7000)], []],
    ["not who refuses", [both, heard("Refused", one, 10)], ["other"]],
    ["not who said goodbye", [both, heard("Left", one, 10)], ["other"]],
    ["not who refused, though it is listed", [both, heard("Refused", one, 10), listed(20, member(one))], ["other"]],
    ["not who left, though the store is away", [both, heard("Left", one, 10), noAnswer(20)], ["other"]],
    [
      "who refused and is back, once it is listed",
      [heard("Refused", one, 1), heard("Back", one, 2), both],
      ["one", "other"]
    ],
    ["not who said goodbye, though it can be reached", [heard("Left", one, 1), heard("Back", one, 2), both], ["other"]],
    ["the next boot at an address", [both, listed(10, member(next), member(other))], ["next", "other"]],
    ["the next boot, whatever became of the last", [heard("Refused", one, 1), listed(10, member(next))], ["next"]],
    [
      "the next boot, though the last one refuses only now",
      [listed(0, member(next)), heard("Refused", one, 1)],
      ["next"]
    ]
  ] as const satisfies ReadonlyArray<readonly [string, ReadonlyArray<Observation>, ReadonlyArray<string>]>) {
    it(`is ${name}`, () => {
      assert.deepStrictEqual(believed(after(...observations)), [...expected])
    })
  }

  it("forgets who is gone once nothing of it can be left", () => {
    assert.lengthOf([...after(heard("Refused", one, 0), listed(7999)).gone], 1)
    assert.lengthOf([...after(heard("Refused", one, 0), listed(8000)).gone], 0)
    assert.lengthOf([...after(heard("Refused", one, 0), listed(5000, member(one)), listed(8000)).gone], 1)
  })

  it("watches the living, and the gone where nobody else lives", () => {
    const view = after(listed(0, member(one), member(other)), heard("Refused", one, 1))
    assert.deepStrictEqual(worthWatching(view), [other, one])
    assert.deepStrictEqual(worthWatching(observe(view, listed(2, member(next), member(other)), ttlMs)), [other, next])
  })
})
