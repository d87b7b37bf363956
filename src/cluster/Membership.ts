/** Who is there: asks the store, hears of peers, and keeps the view that follows from both. */
import { Context, Effect, Layer, Schedule, Semaphore } from "effect"
import { format, Leases, type Owner } from "./Leases.ts"
import * as Monotonic from "./Monotonic.ts"
import { Peers } from "./Peers.ts"
import * as View from "./View.ts"

export interface Options {
  /** How long a heartbeat lasts, as the store knows it. */
  readonly ttlMs: number
  /** How often the store is asked. */
  readonly syncEveryMs: number
}

export class Membership extends Context.Service<
  Membership,
  {
    /** The others that are there. */
    readonly others: () => ReadonlyArray<Owner>
    /** Those proven dead, of whom leases may be left. */
    readonly dead: () => ReadonlyArray<Owner>
    /** Asks the store now. */
    readonly sync: Effect.Effect<void>
    /** Calls the listener when it is somebody else who is there, or was. */
    readonly onChange: (listener: () => void) => void
  }
>()("sluice/cluster/Membership") {
  static readonly layer = (options: Options): Layer.Layer<Membership, never, Leases | Peers> =>
    Layer.effect(Membership, make(options))
}

const make = Effect.fnUntraced(function* ({ ttlMs, syncEveryMs }: Options) {
  const leases = yield* Leases
  const peers = yield* Peers
  const now = yield* Monotonic.now
  const listeners: Array<() => void> = []
  let view = View.empty
  let others: ReadonlyArray<Owner> = []
  let dead: ReadonlyArray<Owner> = []
  let known = ""

  const observe = (observation: View.Observation) => {
    view = View.observe(view, observation, ttlMs)
    others = Array.from(view.believed.values()).toSorted((one, other) => (one.address < other.address ? -1 : 1))
    dead = Array.from(view.gone.values()).filter(({ how }) => how === "Refused")
    const next = [others, dead].map((some) => some.map((each) => format(each)).join()).join(";")
    if (next === known) return
    known = next
    for (const listener of listeners) listener()
  }

  const ask = Effect.gen(function* () {
    const sentAt = now()
    const members = yield* leases.members
    const elsewhere = members.filter(({ address }) => address !== peers.self.address)
    observe({ _tag: "Listed", members: elsewhere, sentAt })
  }).pipe(
    Effect.catch(() => Effect.sync(() => observe({ _tag: "NoAnswer", at: now() }))),
    Effect.andThen(Effect.suspend(() => peers.watch(View.worthWatching(view))))
  )
  const one = yield* Semaphore.make(1)
  const sync = one.withPermit(ask)

  peers.listen(({ _tag, peer }) => observe({ _tag, peer, at: now() }))
  yield* sync
  yield* sync.pipe(Effect.repeat(Schedule.spaced(syncEveryMs)), Effect.forkScoped)

  return Membership.of({
    others: () => others,
    dead: () => dead,
    sync,
    onChange: (listener) => void listeners.push(listener)
  })
})
