import { DateTime } from "effect"

/** Milliseconds since 1970 as RFC 3339, in UTC. */
export const iso = (ms: number): string => DateTime.formatIso(DateTime.makeUnsafe(ms))
