/**
 * The directory: finds the actor that decides, wherever it lives, and asks it: one of this node by a call, one of
 * another node by a message.
 */
import { Context, Effect, Layer } from "effect"
import * as Alone from "../cluster/Alone.ts"
import { Ownership } from "../cluster/Ownership.ts"
import { Peers } from "../cluster/Peers.ts"
import { type Actors, isNew, type KindName } from "../domain/Actors.ts"
import type { Permitted } from "../domain/Authority.ts"
import { type Epoch, PartitionId } from "../domain/Ids.ts"
import type { Fence, Transaction } from "../domain/Transaction.ts"
import { Journal, unavailable } from "../persistence/Journal.ts"
import { Elsewhere, type Fenced, type Overloaded, type TimedOut, type Unavailable } from "./Errors.ts"
import * as Local from "./Local.ts"
import type { Partition } from "./Partition.ts"
import * as Remote from "./Remote.ts"
import type { Asked, Step } from "./Step.ts"

export type { Asked }
export type Options = Local.Options

/** Where a partition is. */
export interface Placed {
  readonly partition: PartitionId
  /** The node to ask for it; `undefined` if there is none now. */
  readonly owner: string | undefined
  /** Who may commit for it, as the database says; `undefined` if nobody ever could. */
  readonly epoch: Epoch | undefined
}

export class Directory extends Context.Service<
  Directory,
  {
    /** Asks an actor for a hold. */
    readonly hold: <K extends KindName>(
      step: Step,
      kind: K,
      id: Actors[K]["id"],
      command: Actors[K]["command"]
    ) => Effect.Effect<Actors[K]["grant"], Actors[K]["refusal"] | Fenced | Overloaded | Unavailable>
    /**
     * Asks actors of one kind for a hold each, in order. The first refusal ends it; what was held until then stays
     * with the step, to be released with it.
     */
    readonly holdAll: <K extends KindName>(
      step: Step,
      kind: K,
      asks: ReadonlyArray<Asked<K>>
    ) => Effect.Effect<ReadonlyArray<Actors[K]["grant"]>, Actors[K]["refusal"] | Fenced | Overloaded | Unavailable>
    /** The state of an actor, `undefined` if there is none. */
    readonly read: <K extends KindName>(
      kind: K,
      id: Actors[K]["id"]
    ) => Effect.Effect<Actors[K]["state"] | undefined, Overloaded | Unavailable>
    /**
     * The step was committed. Settling twice is settling once. It is done at once; what it returns waits until other
     * nodes have heard of it, before anybody is told. They may not have by the step's deadline: then it is `TimedOut`.
     */
    readonly settle: (step: Step) => Effect.Effect<void, TimedOut>
    /** What the step was to do had been committed, as another transaction. */
    readonly settleOther: (
      step: Pick<Step, "deadline" | "asked">,
      other: Pick<Transaction, "id" | "fences">
    ) => Effect.Effect<void, TimedOut>
    /** The step was not and will not be committed. */
    readonly release: (step: Step) => void
    /** Gives up partitions in doubt; the next ask claims them again. */
    readonly drop: (fences: ReadonlyArray<Fence>) => void
    /** A step that relied on these was fenced: whoever else owns one of them looks whether it does still. */
    readonly doubt: (fences: ReadonlyArray<Fence>) => void
    /** Gives up every partition somebody else has claimed since: what to do when a step was fenced. */
    readonly dropFenced: Effect.Effect<void, Overloaded | Unavailable>
    /** Whether an actor is one of this node's. */
    readonly owns: (kind: KindName, id: string) => boolean
    /** The partitions this node may commit for. */
    readonly owned: () => ReadonlyArray<Partition>
    /** All partitions. */
    readonly placed: (asked: Permitted<"cluster">) => Effect.Effect<ReadonlyArray<Placed>, Unavailable>
    /** The addresses of this node, and of all that take partitions. */
    readonly nodes: () => { readonly node: string; readonly nodes: ReadonlyArray<string> }
    /** Whether every actor can be asked, as far as one can know without asking. */
    readonly ready: () => boolean
  }
>()("sluice/actors/Directory") {
  static readonly layerNoDeps = (options: Options) => Layer.effect(Directory, make(options))
  /** Of a node without a cluster. */
  static readonly layer = (options: Options) => Layer.provide(Directory.layerNoDeps(options), Alone.layer)
}

const make = Effect.fnUntraced(function* (options: Options) {
  const journal = yield* Journal
  const ownership = yield* Ownership
  const peers = yield* Peers
  const local = yield* Local.make(options)
  const remote = yield* Remote.make(local)
  const partitions = Array.from({ length: options.partitions }, (_, id) => PartitionId(id))

  /** What is all here waits for no message; what is not, or no longer, is asked where it is. */
  const ask = <K extends KindName>(step: Step, kind: K, asks: ReadonlyArray<Asked<K>>) => {
    const elsewhere = remote.holdAll(step, kind, asks)
    if (!asks.every(([id]) => local.isHere(kind, id))) return elsewhere
    const here = Effect.flatMap(local.ask(step, kind, asks), outcome)
    return Effect.catchIf(
      here,
      (error) => error instanceof Elsewhere,
      () => elsewhere
    )
  }

  yield* local.takePart

  return Directory.of({
    hold: (step, kind, id, command) =>
      Effect.suspend(() =>
        local.isReady(kind, id, isNew(kind, command))
          ? Effect.fromResult(local.hold(step, kind, [id, command]))
          : Effect.flatMap(ask(step, kind, [[id, command]]), ([grant]) =>
              grant === undefined ? Effect.die("A hold without a grant") : Effect.succeed(grant)
            )
      ),
    holdAll: (step, kind, asks) =>
      Effect.suspend(() =>
        asks.every(([id]) => local.isReady(kind, id)) ? outcome(local.holdAll(step, kind, asks)) : ask(step, kind, asks)
      ),
    read: (kind, id) =>
      Effect.suspend(() =>
        local.isHere(kind, id)
          ? Effect.catchTag(local.read(kind, id), "Elsewhere", () => remote.read(kind, id))
          : remote.read(kind, id)
      ),
    settle: (step) => {
      local.end(step, "settle")
      return remote.settle(step)
    },
    settleOther: remote.settleOther,
    release: (step) => {
      local.end(step, "release")
      remote.release(step)
    },
    drop: (fences) => {
      local.drop(fences)
      remote.tellOwners("Drop", fences)
    },
    doubt: (fences) => remote.tellOwners("Check", fences),
    dropFenced: Effect.andThen(local.dropFenced, ownership.lookAgain),
    owns: local.isHere,
    owned: local.owned,
    placed: () =>
      Effect.map(journal.epochs(partitions), (epochs) =>
        partitions.map((partition, n) => ({ partition, owner: ownership.ownerOf(partition), epoch: epochs[n] }))
      ).pipe(Effect.catchTag("JournalUnavailable", unavailable)),
    nodes: () => ({ node: peers.self.address, nodes: ownership.status().members.map(({ address }) => address) }),
    ready: ownership.ready
  })
})

const outcome = <K extends KindName>({ grants, refusal }: Local.Granted<K>) =>
  refusal === undefined ? Effect.succeed(grants) : Effect.fail(refusal)
