/** What shapes of requests are made of. */
import type { Effect } from "effect"
import type { ProductId, UserId } from "../../src/domain/Ids.ts"
import type { Client } from "./Client.ts"
import type { Outcome } from "./Operation.ts"

export interface Shape {
  readonly name: string
  readonly weight: number
  /** Whether it came to what it should. */
  readonly play: (client: Client, heat: number) => Effect.Effect<boolean>
}

export const shape = (name: string, weight: number, play: Shape["play"]): Shape => ({ name, weight, play })

export const came = (outcome: Outcome, should: string) =>
  outcome._tag === "Refused" ? outcome.reason === should : outcome._tag === should

export const anyProduct = ({ rng, shop }: Client, heat: number): ProductId =>
  rng.chance(heat) ? shop.hot : (rng.some(shop.products) ?? shop.hot)

export const anyBuyer = ({ rng, shop, owner }: Client, heat: number): UserId =>
  rng.chance(0.5) ? owner : rng.chance(heat) ? shop.hotBuyer : (rng.some(shop.buyers) ?? owner)
