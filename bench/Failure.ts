import { Schema } from "effect"

/** The bench cannot go on, or its figures cannot be believed. The message is for a person. */
export class BenchFailed extends Schema.TaggedError<BenchFailed>()("BenchFailed", {
  message: Schema.String
}) {}

export const failed = (message: string) => new BenchFailed({ message })
