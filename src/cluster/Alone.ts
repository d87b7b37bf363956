/**
 * A node without a cluster: every partition is its own, and there is nobody to ask. Should a second process work on the
 * same database all the same, epochs keep them from each other's commits, and each claims back what it is asked for.
 */
import { Effect, Layer } from "effect"
import * as MemoryPeers from "./MemoryPeers.ts"
import { Ownership } from "./Ownership.ts"

const self = { address: "here", nonce: "alone" }

export const ownership = Ownership.of({
  start: () => Effect.void,
  mine: () => true,
  ownerOf: () => self.address,
  lookAgain: Effect.void,
  doubt: () => undefined,
  ready: () => true,
  drain: Effect.void,
  status: () => ({ members: [self], wanted: 0, held: 0, missing: 0, storeAnswers: true, validForMs: undefined })
})

export const layer = Layer.merge(Layer.succeed(Ownership, ownership), MemoryPeers.layerAlone(self))
