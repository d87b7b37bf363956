/** Milliseconds since 1970 as RFC 3339, in UTC. Not by `DateTime`, which costs an order ten times as much. */
export const iso = (ms: number): string => new Date(ms).toISOString()
