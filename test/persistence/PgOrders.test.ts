import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { permit } from "../../src/domain/Authority.ts"
import { uuidOf } from "../../src/domain/Ids.ts"
import { Orders } from "../../src/persistence/Orders.ts"
import { freshDatabase } from "../setup/Database.ts"
import { onPostgres, server } from "./Backends.ts"
import * as Scene from "./Scene.ts"

const connect = (url: string) =>
  PgClient.makeClient({ url: Redacted.make(url) }).pipe(Effect.provide(Reactivity.layer), Effect.orDie)

describe("The list of the payments that are stuck", () => {
  it.live("reads those that a gateway is asked about, and not all that ever were", () =>
    Effect.flatMap(freshDatabase, (url) =>
      Effect.gen(function* () {
        const sql = yield* connect(url)
        const buyer = uuidOf(yield* Scene.register())
        const { stuckPayments } = yield* Orders
        // The first waits for its gateway; the wallet has paid all others.
        yield* sql`
          INSERT INTO orders (order_id, user_id, status, total_amount, discount_amount, paid_amount, created_at,
            pay_until, due_at)
          SELECT gen_random_uuid(), ${buyer}::uuid, CASE n WHEN 1 THEN 'CREATED' ELSE 'CONFIRMED' END, 1, 0,
            CASE n WHEN 1 THEN 0 ELSE 1 END, now(), now(), CASE n WHEN 1 THEN now() END
          FROM generate_series(1, 5000) n`
        yield* sql`
          INSERT INTO payments (order_id, payment_id, method, amount, status, gateway)
          SELECT order_id, gen_random_uuid(), CASE status WHEN 'CREATED' THEN 'CARD' ELSE 'WALLET' END, 1,
            CASE status WHEN 'CREATED' THEN 'GATEWAY_REQUESTED' ELSE 'COMPLETED' END,
            CASE status WHEN 'CREATED' THEN 'toss' END
          FROM orders`
        yield* Effect.andThen(sql`ANALYZE orders`, sql`ANALYZE payments`)
        const listed = stuckPayments(permit({ limit: 20, cursor: undefined }), Date.UTC(2100, 0))
        assert.lengthOf((yield* listed).items, 1)
        // What the wallet pays is not written to the index.
        assert.deepEqual(yield* sql`SELECT reltuples::int AS rows FROM pg_class WHERE relname = 'payments_asked'`, [
          { rows: 1 }
        ])
        // The server counts a moment later, when it is asked again.
        const scans = sql`SELECT FROM pg_stat_user_indexes WHERE indexrelname = 'payments_asked' AND idx_scan > 0`
        yield* Effect.repeat(Effect.andThen(listed, scans), {
          until: (found) => found.length > 0,
          schedule: Schedule.spaced("50 millis")
        }).pipe(Effect.timeout("10 seconds"))
      }).pipe(Effect.provide(Layer.provideMerge(onPostgres, server(url))), Effect.scoped)
    ).pipe(Effect.scoped)
  )
})
