/** How good a customer somebody is (U13); an administrator says so. */
import { Schema } from "effect"

export const Tier = Schema.Literals(["BRONZE", "SILVER", "GOLD", "VIP"])
export type Tier = typeof Tier.Type

/** Where everybody begins. */
export const firstTier: Tier = "BRONZE"
