/**
 * How much memory an actor takes: a million wallets are made resident in the engine's own directory, whose journal here
 * knows every user. Then each of them pays once, for an actor that has worked may be bigger than one that was loaded.
 * To be run with --expose-gc; says one line of JSON (`Memory.ts` reads it).
 */
import { Effect, Layer } from "effect"
import { argv, memoryUsage, stdout } from "node:process"
import { Directory } from "../src/actors/Directory.ts"
import { type Actors, type KindName } from "../src/domain/Actors.ts"
import { Epoch, RequestKey, TransactionId, userId, uuidOf } from "../src/domain/Ids.ts"
import { won } from "../src/domain/Money.ts"
import { make as makeWallet } from "../src/domain/Wallet.ts"
import { Journal } from "../src/persistence/Journal.ts"
import { userUuid } from "./Shop.ts"

const actors = Number(argv[2])
const chunk = 1_000

/** As strings come from the network: flat, and nobody else's. */
const received = (text: string) => Buffer.from(text, "latin1").toString("latin1")

const unused = Effect.die("The journal here only loads")

const loaders: { readonly [K in KindName]: (id: Actors[K]["id"]) => Actors[K]["state"] | undefined } = {
  product: () => undefined,
  wallet: (id) => makeWallet(userId(received(uuidOf(id))), won(1_000_000)),
  coupon: () => undefined,
  order: () => undefined
}

const journal = Layer.succeed(
  Journal,
  Journal.of({
    now: () => 0,
    claim: (partitions) => Effect.succeed(partitions.map(() => Epoch(1))),
    load: (kind, ids) => Effect.sync(() => ids.map(loaders[kind])),
    commit: () => unused,
    resolve: () => unused,
    find: () => unused,
    epochs: (partitions) => Effect.succeed(partitions.map(() => Epoch(1))),
    forget: unused
  })
)

const idOf = (n: number) => userId(received(userUuid(n)))

/** `visit` for every actor, some thousands at a time. */
const forEachActor = <E>(visit: (n: number) => Effect.Effect<unknown, E>) =>
  Effect.forEach(
    Array.from({ length: Math.ceil(actors / chunk) }, (_, index) => index * chunk),
    (from) =>
      Effect.forEach(
        Array.from({ length: Math.min(chunk, actors - from) }, (_, index) => from + index),
        visit,
        {
          concurrency: chunk,
          discard: true
        }
      ),
    { discard: true }
  )

const heap = Effect.promise(async () => {
  // What a first collection finalises, a second one frees.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await new Promise(setImmediate)
  }
  const { heapUsed, external } = memoryUsage()
  return heapUsed + external
})

const program = Effect.gen(function* () {
  const directory = yield* Directory
  const pay = (n: number) => {
    const id = TransactionId(userUuid(n))
    const step = { id, key: RequestKey(id), deadline: 1, fences: [] }
    return Effect.map(directory.hold(step, "wallet", idOf(n), { _tag: "Take", amount: won(1000) }), () =>
      directory.settle(step)
    )
  }
  yield* pay(0)
  const empty = yield* heap
  yield* forEachActor((n) => directory.read("wallet", idOf(n)))
  const loaded = yield* heap
  yield* forEachActor(pay)
  const worked = yield* heap
  const resident = directory.owned().reduce((sum, partition) => sum + partition.resident, 0)
  const { rss } = memoryUsage()
  const per = (bytes: number) => (bytes - empty) / resident
  stdout.write(`${JSON.stringify({ resident, loadedBytes: per(loaded), workedBytes: per(worked), rss })}\n`)
})

await program.pipe(
  Effect.provide(Directory.layer({ partitions: 64, owner: "bench", residentActors: 2 * actors })),
  Effect.provide(journal),
  Effect.scoped,
  Effect.runPromise
)
