/** A node's journal: the database at the other end of a network. What `PgJournal` makes of a broken connection, it does. */
import { Clock, Effect, type Exit, Layer } from "effect"
import { Journal, JournalUnavailable, OutcomeUnknown } from "../../src/persistence/Journal.ts"
import type { CommitFailure, Committed, Database, Resolved } from "./Database.ts"
import type { Host, Link, Network } from "./Network.ts"

/** By then the database's own limit on statements has ended any. */
const patienceMs = 10_000

type Broken = "Lost" | "Refused"

export const layer = (network: Network, link: Link, from: Host, database: Database) => {
  const ask = <A, E, B>(serve: (reply: (exit: Exit.Exit<A, E>) => void) => void, broken: (how: Broken) => B) =>
    Effect.callback<A, E | B>((resume) =>
      network.call<Exit.Exit<A, E>>({
        link,
        from,
        to: database,
        patienceMs,
        serve,
        done: (delivery) => resume(delivery._tag === "Replied" ? delivery.value : Effect.fail(broken(delivery._tag)))
      })
    )
  const unavailable = (how: Broken) => new JournalUnavailable({ cause: how })

  return Layer.effect(
    Journal,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const monotonicMs = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
      let offsetMs = 0
      const heard = (clockMs: number) => {
        offsetMs = clockMs - monotonicMs()
      }
      heard(yield* ask<number, never, JournalUnavailable>((reply) => database.clock(reply), unavailable))

      return Journal.of({
        now: () => monotonicMs() + offsetMs + database.lapsedMs,
        claim: (seen, owner) => ask((reply) => database.claim(seen, owner, reply), unavailable),
        load: (kind, ids) => ask((reply) => database.load(kind, ids, reply), unavailable),
        commit: (batch) =>
          Effect.map(
            ask<Committed, CommitFailure, CommitFailure>(
              (reply) => database.commit(batch, reply),
              (how) => (how === "Lost" ? new OutcomeUnknown({ cause: how }) : unavailable(how))
            ),
            ({ verdicts, clockMs }) => {
              heard(clockMs)
              return verdicts
            }
          ),
        resolve: (doubts) =>
          Effect.map(
            ask<Resolved, JournalUnavailable, JournalUnavailable>(
              (reply) => database.resolve(doubts, reply),
              unavailable
            ),
            ({ resolutions, clockMs }) => {
              heard(clockMs)
              return resolutions
            }
          ),
        find: (keys) => ask((reply) => database.find(keys, reply), unavailable),
        epochs: (partitions) => ask((reply) => database.epochs(partitions, reply), unavailable),
        forget: Effect.succeed(0)
      })
    })
  )
}
