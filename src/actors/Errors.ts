/** Why the engine could not carry a step through. All of them leave nothing behind, and all but two may be retried. */
import { Schema } from "effect"

export { Overloaded, Unavailable } from "../persistence/Failures.ts"

/** The request's deadline passed before its step was committed. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", {}) {}

/** The same request is still running. */
export class RequestInProgress extends Schema.TaggedError<RequestInProgress>()("RequestInProgress", {}) {}

/** The request's key was used with another body. */
export class KeyReused extends Schema.TaggedError<KeyReused>()("KeyReused", {}) {}

/** What the step held is void, or nobody knows what it holds: release it, and hold again. */
export class Fenced extends Schema.TaggedError<Fenced>()("Fenced", {}) {}

/** The partition is another node's, or nobody's yet. Nothing was held. Stays inside of the directory. */
export class Elsewhere extends Schema.TaggedError<Elsewhere>()("Elsewhere", {}) {}
