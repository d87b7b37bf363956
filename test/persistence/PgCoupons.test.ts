import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { uuidOf } from "../../src/domain/Ids.ts"
import { Coupons } from "../../src/persistence/Coupons.ts"
import { freshDatabase } from "../setup/Database.ts"
import { onPostgres, server } from "./Backends.ts"
import * as Scene from "./Scene.ts"

const connect = (url: string) =>
  PgClient.makeClient({ url: Redacted.make(url) }).pipe(Effect.provide(Reactivity.layer), Effect.orDie)

describe("The list of the coupons that can be had", () => {
  it.live("reads those, and not all that ever were", () =>
    Effect.flatMap(freshDatabase, (url) =>
      Effect.gen(function* () {
        const sql = yield* connect(url)
        const seller = yield* Scene.register("SELLER")
        const { issuable } = yield* Coupons
        const open = yield* Scene.offered(seller)
        const had = sql`
          INSERT INTO coupons (coupon_id, seller_id, code, name, discount_type, discount_value, min_order_amount,
            product_ids, categories, total_quantity, per_user_limit, issue_by, issued, issue_until, valid_until, created_by)
          SELECT gen_random_uuid(), ${uuidOf(seller)}::uuid, 'C' || n, 'x', 'FIXED', 1, 0, '{}', '{}', 1, 1,
            '{FIRST_COME}', CASE n % 3 WHEN 0 THEN 1 ELSE 0 END, CASE n % 3 WHEN 1 THEN now() END,
            CASE n % 3 WHEN 2 THEN now() END, ${uuidOf(seller)}::uuid
          FROM generate_series(1, 3000) n`
        yield* Effect.andThen(had, sql`ANALYZE coupons`)
        const { items } = yield* issuable({ limit: 20, cursor: undefined })
        assert.deepEqual(
          items.map(({ couponId }) => couponId),
          [open]
        )
        // The server counts a moment later, when it is asked again.
        const scans = sql`SELECT FROM pg_stat_user_indexes WHERE indexrelname = 'coupons_open' AND idx_scan > 0`
        const again = Effect.andThen(issuable({ limit: 20, cursor: undefined }), scans)
        yield* Effect.repeat(again, {
          until: (found) => found.length > 0,
          schedule: Schedule.spaced("50 millis")
        }).pipe(Effect.timeout("10 seconds"))
      }).pipe(Effect.provide(Layer.provideMerge(onPostgres, server(url))), Effect.scoped)
    ).pipe(Effect.scoped)
  )
})
