import { Schema } from "effect"

/** A bounded queue is full. Nothing was begun; trying again a little later is right. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {}) {}

/** The database, or the owner of a partition, does not answer. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {}
