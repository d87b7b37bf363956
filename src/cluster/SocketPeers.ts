/**
 * Peers over sockets: lines inside TLS 1.3 with a pre-shared key. Both ends prove that they know the cluster's secret
 * before a single byte is read as a message, and there are no certificates to renew.
 *
 * A connection begins with the peer's nonce: an address may be somebody else's by now. A connection that breaks is made
 * anew every few moments, for as long as the peer is watched; the operating system's refusal is how a death is noticed.
 */
import { Deferred, Effect, Exit, FiberSet, Layer, Redacted, Result, Schema, Scope, Semaphore } from "effect"
import { hkdfSync } from "node:crypto"
import { connect, createServer, type Server, type TLSSocket } from "node:tls"
import { PartitionId } from "../domain/Ids.ts"
import { Inbox, NotServed } from "./Inbox.ts"
import type { Owner } from "./Leases.ts"
import { Caller, serve } from "./Lines.ts"
import * as Outbox from "./Outbox.ts"
import { defaults, goodbyeTimeoutMs, handOverTimeoutMs, type Options, Peers, PeerUnavailable } from "./Peers.ts"

export interface SocketOptions extends Partial<Options> {
  /** Where to listen; peers come by the address of `self`, which may be another. */
  readonly host: string
  readonly port: number
  /** What all nodes of the cluster know, and nobody else. */
  readonly secret: Redacted.Redacted
  readonly self: Owner
}

const openTimeoutMs = 1000
const handshakeTimeoutMs = 2000
const reconnectEveryMs = 50
const pingEveryMs = 1000
/** A connection that is silent for so long is made anew. */
const silentMostMs = 2000

const Who = Schema.Struct({ address: Schema.String, nonce: Schema.String })
const Partitions = Schema.Array(Schema.Int)
const readNonce = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.String))
const readHandOver = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ to: Who, partitions: Partitions }))
)
const readGiven = Schema.decodeUnknownEffect(Schema.fromJsonString(Partitions))
const readLeaving = Schema.decodeUnknownEffect(Schema.fromJsonString(Who))

/** Only ciphers of TLS 1.3 whose hash is the key's. Messages are small and awaited: none waits for an ACK of another. */
const tls = { minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256", noDelay: true } as const
/** Who connects says where it listens itself, for whoever looks at the wire. */
const identity = "sluice/"

const keyOf = (secret: Redacted.Redacted) =>
  Buffer.from(hkdfSync("sha256", Redacted.value(secret), "", "sluice peers", 32))

/** Nobody will hear from peers here. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  address: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `Sluice cannot listen for other nodes at CLUSTER_HOST and CLUSTER_PORT (${this.address}): ${why}`
  }
}

/** What a peer may call for. */
const answering =
  ({ nonce }: Owner, inbox: Inbox) =>
  (what: string, text: string) => {
    switch (what) {
      case "hello":
        return Effect.succeed(JSON.stringify(nonce))
      case "ping":
        return Effect.succeed("")
      case "deliver":
        return inbox.deliver(text)
      case "handOver":
        return readHandOver(text).pipe(
          Effect.flatMap(({ to, partitions }) => inbox.handOver(to, partitions)),
          Effect.map((given) => JSON.stringify(given))
        )
      case "leaving":
        return Effect.map(readLeaving(text), (peer) => (inbox.emit({ _tag: "Left", peer }), ""))
      default:
        return Effect.fail(new NotServed())
    }
  }

/** Listens until the scope closes; then nothing is answered any more. */
const listen = Effect.fnUntraced(function* (inbox: Inbox, { host, port, self, secret }: SocketOptions) {
  const psk = keyOf(secret)
  const fork = yield* FiberSet.makeRuntime()
  const sockets = new Set<TLSSocket>()
  const answer = answering(self, inbox)
  const take = (socket: TLSSocket) => {
    // That a peer dies is no error of ours.
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)))
    serve(socket, (what, text, answered) =>
      fork(Effect.match(answer(what, text), { onSuccess: answered, onFailure: () => answered(undefined) }))
    )
  }
  const server = createServer(
    { ...tls, handshakeTimeout: handshakeTimeoutMs, pskCallback: (_, id) => (id.startsWith(identity) ? psk : null) },
    take
  )
  const listening = Effect.callback<Server, CannotListen>((resume) => {
    server.once("error", (cause) => resume(Effect.fail(new CannotListen({ address: self.address, cause }))))
    server.listen({ host, port }, () => resume(Effect.succeed(server)))
  })
  yield* Effect.acquireRelease(listening, () =>
    Effect.sync(() => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
  )
})

/** Why a connection ended. */
class Closed extends Schema.TaggedError<Closed>()("Closed", {
  /** Nobody listens there: the system of that machine says so. */
  refused: Schema.Boolean
}) {}

/** Keeps a connection to a peer until the scope closes. */
const keepConnected = Effect.fnUntraced(function* (inbox: Inbox, peer: Owner, { self, secret }: SocketOptions) {
  const colon = peer.address.lastIndexOf(":")
  const [host, port] = [peer.address.slice(0, colon), Number(peer.address.slice(colon + 1))]
  const psk = keyOf(secret)
  /** While it is connected to whom it is meant for. */
  let current: Caller | undefined

  const dial = Effect.gen(function* () {
    const opened = yield* Deferred.make<void>()
    const closed = yield* Deferred.make<never, Closed>()
    let refused = false
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() =>
        connect({
          host,
          port,
          ...tls,
          pskCallback: () => ({ psk, identity: identity + self.address }),
          // Asked of a certificate only, and whoever shows one instead of knowing the key is no peer.
          checkServerIdentity: () => new Error("Not a peer")
        })
      ),
      (dialled) => Effect.sync(() => (current = void dialled.destroy()))
    )
    socket.on("secureConnect", () => Deferred.doneUnsafe(opened, Exit.void))
    socket.on("error", (error) => (refused = "code" in error && error.code === "ECONNREFUSED"))
    socket.on("close", () => Deferred.doneUnsafe(closed, Exit.fail(new Closed({ refused }))))
    const session = Effect.gen(function* () {
      yield* Deferred.await(opened).pipe(Effect.timeout(openTimeoutMs))
      const caller = new Caller(socket)
      const nonce = yield* Effect.flatMap(calling(caller, "hello", ""), readNonce).pipe(Effect.timeout(openTimeoutMs))
      const isMeant = nonce === peer.nonce
      if (isMeant) current = caller
      inbox.emit({ _tag: isMeant ? "Back" : "Refused", peer })
      yield* calling(caller, "ping", "").pipe(
        Effect.timeout(silentMostMs),
        Effect.andThen(Effect.sleep(pingEveryMs)),
        Effect.forever
      )
    })
    return yield* Effect.raceFirst(session, Deferred.await(closed))
  }).pipe(
    Effect.scoped,
    Effect.catch((why) =>
      Effect.sync(() => {
        if (why instanceof Closed && why.refused) inbox.emit({ _tag: "Refused", peer })
      })
    )
  )

  yield* Effect.andThen(dial, Effect.sleep(reconnectEveryMs)).pipe(Effect.forever, Effect.forkScoped)
  return () => current
})

/** Whoever we called does not answer. */
class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", {}) {}

const calling = (caller: Caller, what: string, text: string): Effect.Effect<string, NoAnswer> =>
  Effect.callback((resume) => {
    const forget = caller.call(what, text, (answer) =>
      resume(answer === undefined ? Effect.fail(new NoAnswer()) : Effect.succeed(answer))
    )
    return Effect.sync(forget)
  })

interface Connection {
  readonly nonce: string
  /** Undefined while there is no connection. */
  readonly caller: () => Caller | undefined
  readonly outbox: Outbox.Outbox
  readonly scope: Scope.Closeable
}

const make = Effect.fnUntraced(function* (given: SocketOptions) {
  const options = { ...defaults, ...given }
  const { self } = options
  const inbox = new Inbox()
  const connections = new Map<string, Connection>()
  const unavailable = (address: string, reason: PeerUnavailable["reason"]) => new PeerUnavailable({ address, reason })

  /** Calls for something, if there is a connection now. */
  const call = (address: string, what: string, value: unknown, withinMs: number) =>
    Effect.suspend(() => {
      const caller = connections.get(address)?.caller()
      return caller === undefined
        ? Effect.fail(unavailable(address, "NotConnected"))
        : calling(caller, what, JSON.stringify(value)).pipe(
            Effect.mapError(() => unavailable(address, "Lost")),
            Effect.timeoutOrElse({ duration: withinMs, orElse: () => Effect.fail(unavailable(address, "TimedOut")) })
          )
    })

  const disconnect = (address: string, { scope }: Connection) =>
    Effect.suspend(() => (connections.delete(address), Scope.close(scope, Exit.void)))

  const open = Effect.fnUntraced(function* (peer: Owner) {
    const scope = yield* Scope.make()
    const caller = yield* Scope.provide(keepConnected(inbox, peer, options), scope)
    const carry = (message: string, arrived: (outcome: Outbox.Outcome) => void) => {
      const there = caller()
      if (there === undefined) return arrived(Result.fail("NotConnected"))
      there.call("deliver", message, (answers) =>
        arrived(answers === undefined ? Result.fail("Lost") : Result.succeed(answers))
      )
    }
    const outbox = yield* Scope.provide(Outbox.make(peer.address, options, carry), scope)
    connections.set(peer.address, { nonce: peer.nonce, caller, outbox, scope })
  })
  const one = yield* Semaphore.make(1)
  const watch = (peers: ReadonlyArray<Owner>) =>
    Effect.gen(function* () {
      const wanted = new Map(peers.map((peer) => [peer.address, peer]))
      for (const [address, connection] of connections) {
        if (wanted.get(address)?.nonce !== connection.nonce) yield* disconnect(address, connection)
      }
      for (const peer of wanted.values()) if (!connections.has(peer.address)) yield* open(peer)
    }).pipe(one.withPermit, Effect.uninterruptible)

  yield* Effect.addFinalizer(() => watch([]))
  yield* listen(inbox, options)

  return Peers.of({
    self,
    listen: inbox.listen,
    serve: inbox.serve,
    watch,
    ask: (address, value) =>
      Effect.suspend(() => {
        const connection = connections.get(address)
        return connection?.caller() === undefined
          ? Effect.fail(unavailable(address, "NotConnected"))
          : connection.outbox.ask(value)
      }),
    tell: (address, value, done = () => undefined) => {
      const outbox = connections.get(address)?.outbox
      if (outbox === undefined) done(false)
      else outbox.tell(value, done)
    },
    handOver: (address, partitions) =>
      call(address, "handOver", { to: self, partitions }, handOverTimeoutMs).pipe(
        Effect.flatMap((text) => Effect.mapError(readGiven(text), () => unavailable(address, "Lost"))),
        Effect.map((gave) => gave.map((id) => PartitionId(id)))
      ),
    leave: Effect.suspend(() =>
      Effect.forEach(connections, ([address]) => Effect.ignore(call(address, "leaving", self, goodbyeTimeoutMs)), {
        concurrency: 16,
        discard: true
      })
    )
  })
})

/** Listens before anybody is told to, and as long as the scope is open. */
export const layer = (options: SocketOptions): Layer.Layer<Peers, CannotListen> => Layer.effect(Peers, make(options))
