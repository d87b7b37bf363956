/** What the bench and its generator tell each other: lines of JSON over the generator's stdin and stdout. */
import { Schema } from "effect"

/** The first line to the generator. The second is `go`, once it has said `Warmed`. */
export const Plan = Schema.Struct({
  /** What is asked for: an order of one piece paid at once, a coupon, or an order that is paid by a second request. */
  wanted: Schema.Literals(["order", "coupon", "purchase"]),
  host: Schema.String,
  port: Schema.Int,
  secret: Schema.String,
  connections: Schema.Int,
  users: Schema.Int,
  /** Whether all users look at their balance first, as a buyer's page does before the sale opens. */
  arrive: Schema.Boolean,
  /** Orders that are placed first and not counted. */
  warmup: Schema.Int,
  orders: Schema.Int,
  /** The longest the counted orders may take; what is not ordered by then is left. */
  secondsMost: Schema.Int,
  /** Where the ids of all acknowledged orders go, one UUID a line. */
  idsFile: Schema.String
})
export type Plan = typeof Plan.Type

const Counts = Schema.Record(Schema.String, Schema.Int)

const counted = {
  /** Orders whose every request was answered as it should be. */
  done: Schema.Int,
  /** How often each HTTP status was answered. */
  statuses: Counts,
  /** One body of each status that an order should not be answered with. */
  samples: Schema.Record(Schema.String, Schema.String),
  /** Orders whose answer never came. */
  lost: Schema.Int,
  /** Why connections ended, and how often. */
  broken: Counts
}

const Latency = Schema.Struct({
  p50: Schema.Finite,
  p95: Schema.Finite,
  p99: Schema.Finite,
  p999: Schema.Finite,
  max: Schema.Finite
})
export type Latency = typeof Latency.Type

export const Warmed = Schema.TaggedStruct("Warmed", { ...counted, mintedMs: Schema.Finite })
export const Progress = Schema.TaggedStruct("Progress", {
  second: Schema.Int,
  /** Orders acknowledged per second, in the last slice. */
  rate: Schema.Finite,
  done: Schema.Int,
  /** Orders that were not answered so, or never. */
  failed: Schema.Int
})
export const Done = Schema.TaggedStruct("Done", {
  ...counted,
  seconds: Schema.Finite,
  /** Acknowledged orders per second, in each full slice of about a second. */
  slices: Schema.Array(Schema.Finite),
  /** From the first request of an order to the last answer. */
  latencyMicros: Latency,
  /** Of each request of an order by itself. */
  callMicros: Schema.Array(Latency),
  /** What the generator itself used. */
  cpuMicros: Schema.Finite
})
export type Done = typeof Done.Type

export const Message = Schema.Union([Warmed, Progress, Done])
export type Message = typeof Message.Type
