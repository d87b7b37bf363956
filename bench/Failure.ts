import { Runtime, Schema } from "effect"

/** The bench cannot go on, or its figures cannot be believed. The message is for a person, and all there is to say. */
export class BenchFailed extends Schema.TaggedError<BenchFailed>()("BenchFailed", {
  message: Schema.String
}) {
  override readonly [Runtime.errorReported] = false
}

export const failed = (message: string) => new BenchFailed({ message })
