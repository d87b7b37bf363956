/** What the document's examples tell of: one sale, in all of them the same. */
const uuid = (last: string) => `0199f2c4-7d1e-7c3a-9b52-00000000000${last}`

export const buyer = `usr_${uuid("1")}`
export const seller = `usr_${uuid("2")}`
export const manager = `usr_${uuid("3")}`
export const admin = `usr_${uuid("4")}`
export const product = `prd_${uuid("5")}`
export const coupon = `cpn_${uuid("6")}`
export const userCoupon = `uco_${uuid("7")}`
export const order = `ord_${uuid("8")}`
export const payment = `pay_${uuid("9")}`
export const refund = `rfd_${uuid("a")}`

/** One moment after the other. */
export const [made, later, last] = [
  "2026-11-20T03:00:00.000Z",
  "2026-11-20T03:00:04.250Z",
  "2026-11-20T03:30:00.000Z"
] as const
