/** Moments as Korean gateways write them. */

const seoulMs = 9 * 3_600_000

/** `YYYYMMDDhhmmss` in Seoul, of milliseconds since 1970. */
export const seoul = (ms: number): string => new Date(ms + seoulMs).toISOString().replace(/\D/g, "").slice(0, 14)

const parsed = (text: string): number => Date.parse(text) || 0

/** Milliseconds since 1970 of `YYYYMMDDhhmmss` in Seoul; 0 if it is none. */
export const fromSeoul = (text: string): number =>
  parsed(text.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, "$1-$2-$3T$4:$5:$6+09:00"))

/** Milliseconds since 1970 of ISO 8601 with an offset, also one without a colon; 0 if it is none. */
export const fromIso = (text: string): number => parsed(text.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"))
