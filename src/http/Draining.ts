import { Context, Effect, Layer } from "effect"

/** Whether this node is about to stop. Once begun, it is not ready, and answers ask clients to connect elsewhere. */
export class Draining extends Context.Service<
  Draining,
  { readonly begun: () => boolean; readonly begin: Effect.Effect<void> }
>()("sluice/http/Draining") {
  static readonly layer = Layer.sync(Draining, () => {
    let begun = false
    return { begun: () => begun, begin: Effect.sync(() => void (begun = true)) }
  })
}
