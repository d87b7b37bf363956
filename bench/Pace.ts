/** What the bench and `steady.ts` tell each other. */
import { Schema } from "effect"

export const Pace = Schema.Struct({
  host: Schema.String,
  /** Whose turn it is, in their order. */
  ports: Schema.Array(Schema.Int),
  secret: Schema.String,
  users: Schema.Int,
  /** What the keys of this run begin with. */
  prefix: Schema.String,
  /** 0: as fast as `connections` are answered. */
  ordersPerSecond: Schema.Int,
  connections: Schema.Int,
  /** How often it is each one's turn, after one that does not count. */
  turns: Schema.Int,
  turnSeconds: Schema.Finite
})
export type Pace = typeof Pace.Type

/** For each node. */
export const Paced = Schema.Array(
  Schema.Struct({
    sold: Schema.Int,
    failed: Schema.Int,
    seconds: Schema.Finite,
    /** Microseconds. */
    p50: Schema.Finite,
    p99: Schema.Finite
  })
)
export type Paced = typeof Paced.Type
