/**
 * Peers over sockets: `effect/rpc` inside TLS 1.3 with a pre-shared key. Both ends prove that they know the cluster's
 * secret before a single byte is read as a message, and there are no certificates to renew.
 *
 * A connection begins with the peer's nonce: an address may be somebody else's by now. A connection that breaks is made
 * anew every few moments, for as long as the peer is watched; the operating system's refusal is how a death is noticed.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { Effect, Exit, Layer, Redacted, Schedule, Schema, Scope, Semaphore } from "effect"
import { Rpc, RpcClient, type RpcClientError, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { Socket, SocketServer } from "effect/socket"
import { hkdfSync } from "node:crypto"
import { PartitionId } from "../domain/Ids.ts"
import { Inbox, NotServed } from "./Inbox.ts"
import type { Owner } from "./Leases.ts"
import * as Outbox from "./Outbox.ts"
import { defaults, goodbyeTimeoutMs, handOverTimeoutMs, type Options, Peers, PeerUnavailable } from "./Peers.ts"

export interface SocketOptions extends Partial<Options> {
  /** Where to listen; peers come by the address of `self`. */
  readonly host: string
  readonly port: number
  /** What all nodes of the cluster know, and nobody else. */
  readonly secret: Redacted.Redacted
  readonly self: Owner
}

const openTimeoutMs = 1000
const handshakeTimeoutMs = 2000
const reconnectEveryMs = 50
/** A connection that is silent for two of these is made anew. */
const pingEveryMs = 1000
/** The most messages served at once. */
const servedAtOnce = 256

const Who = Schema.Struct({ address: Schema.String, nonce: Schema.String })
const Partitions = Schema.Array(Schema.Int)

class Protocol extends RpcGroup.make(
  Rpc.make("Hello", { success: Schema.String }),
  Rpc.make("Deliver", { payload: { message: Schema.String }, success: Schema.String, error: NotServed }),
  Rpc.make("HandOver", { payload: { to: Who, partitions: Partitions }, success: Partitions, error: NotServed }),
  Rpc.make("Leaving", { payload: { peer: Who } })
) {}

/** Only ciphers of TLS 1.3 whose hash is the key's. */
const tls = { minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256", noDelay: true } as const
const identity = "sluice"

const keyOf = (secret: Redacted.Redacted) =>
  Buffer.from(hkdfSync("sha256", Redacted.value(secret), "", "sluice peers", 32))

const listen = (inbox: Inbox, { host, port, self, secret }: SocketOptions) => {
  const psk = keyOf(secret)
  const handlers = Protocol.toLayer({
    Hello: () => Effect.succeed(self.nonce),
    Deliver: ({ message }) => inbox.deliver(message),
    HandOver: ({ to, partitions }) => inbox.handOver(to, partitions),
    Leaving: ({ peer }) => Effect.sync(() => inbox.emit({ _tag: "Left", peer }))
  })
  const socket = NodeSocketServer.makeTls({
    host,
    port,
    ...tls,
    handshakeTimeout: handshakeTimeoutMs,
    pskCallback: (_, id) => (id === identity ? psk : null)
  })
  return RpcServer.layer(Protocol, { disableTracing: true, concurrency: servedAtOnce }).pipe(
    Layer.provide(handlers),
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(RpcSerialization.layerNdjson),
    Layer.provide(Layer.effect(SocketServer.SocketServer, Effect.map(socket, quiet)))
  )
}

/** That a peer dies is no error of ours. */
const quiet = (server: SocketServer.SocketServer["Service"]): SocketServer.SocketServer["Service"] => ({
  ...server,
  run: (handler) => server.run((socket) => Effect.ignore(handler(socket), { log: "Debug" }))
})

/** Whether nobody listens there: the system of that machine says so. */
const isRefusal = ({ reason }: RpcClientError.RpcClientError): boolean => {
  const cause: unknown = "cause" in reason ? reason.cause : undefined
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED"
}

const socketTo = ({ address }: Owner, secret: Redacted.Redacted) => {
  const colon = address.lastIndexOf(":")
  const psk = keyOf(secret)
  return NodeSocket.makeTls({
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    openTimeout: openTimeoutMs,
    ...tls,
    pskCallback: () => ({ psk, identity }),
    // There are no certificates: who knows the key is a peer.
    checkServerIdentity: () => undefined
  })
}

/** Keeps a connection to a peer until the scope closes. */
const connect = Effect.fnUntraced(function* (inbox: Inbox, peer: Owner, secret: Redacted.Redacted) {
  const scope = yield* Effect.scope
  let connected = false
  const refused = Effect.sync(() => inbox.emit({ _tag: "Refused", peer }))
  const greet: Effect.Effect<void> = Effect.suspend(() => client.Hello()).pipe(
    Effect.timeout(openTimeoutMs),
    Effect.flatMap((nonce) => {
      connected = nonce === peer.nonce
      return connected ? Effect.sync(() => inbox.emit({ _tag: "Back", peer })) : refused
    }),
    Effect.ignore
  )
  const protocol = yield* RpcClient.makeProtocolSocket({
    pingInterval: pingEveryMs,
    retryTransientErrors: true,
    retryPolicy: Schedule.spaced(reconnectEveryMs),
    onTransientError: (error) => (isRefusal(error) ? refused : Effect.void)
  }).pipe(
    Effect.provideService(Socket.Socket, yield* socketTo(peer, secret)),
    Effect.provideService(RpcClient.ConnectionHooks, {
      onConnect: Effect.asVoid(Effect.forkIn(greet, scope)),
      onDisconnect: Effect.sync(() => void (connected = false))
    })
  )
  const client = yield* Effect.provideService(
    RpcClient.make(Protocol, { disableTracing: true }),
    RpcClient.Protocol,
    protocol
  )
  return { client, isConnected: () => connected }
})

interface Connection extends Effect.Success<ReturnType<typeof connect>> {
  readonly nonce: string
  readonly outbox: Outbox.Outbox
  readonly scope: Scope.Closeable
}

const make = Effect.fnUntraced(function* (given: SocketOptions) {
  const options = { ...defaults, ...given }
  const { self, secret } = options
  const inbox = new Inbox()
  const connections = new Map<string, Connection>()
  const unavailable = (address: string, reason: PeerUnavailable["reason"]) => new PeerUnavailable({ address, reason })

  /** Uses the connection, if there is one now. */
  const using = <A, E>(address: string, use: (connection: Connection) => Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      const connection = connections.get(address)
      return connection?.isConnected() === true
        ? Effect.mapError(use(connection), (error) =>
            error instanceof PeerUnavailable ? error : unavailable(address, "Lost")
          )
        : Effect.fail(unavailable(address, "NotConnected"))
    })
  const within = (address: string, duration: number) =>
    Effect.timeoutOrElse({ duration, orElse: () => Effect.fail(unavailable(address, "TimedOut")) })

  const disconnect = (address: string, { scope }: Connection) =>
    Effect.suspend(() => (connections.delete(address), Scope.close(scope, Exit.void)))

  const open = Effect.fnUntraced(function* (peer: Owner) {
    const scope = yield* Scope.make()
    const { client, isConnected } = yield* Scope.provide(connect(inbox, peer, secret), scope)
    const outbox = yield* Scope.provide(
      Outbox.make(peer.address, options, (message) => using(peer.address, () => client.Deliver({ message }))),
      scope
    )
    connections.set(peer.address, { nonce: peer.nonce, client, isConnected, outbox, scope })
  })

  const one = yield* Semaphore.make(1)
  const watch = (peers: ReadonlyArray<Owner>) =>
    Effect.gen(function* () {
      const wanted = new Map(peers.map((peer) => [peer.address, peer]))
      for (const [address, connection] of connections) {
        if (wanted.get(address)?.nonce !== connection.nonce) yield* disconnect(address, connection)
      }
      for (const peer of wanted.values()) if (!connections.has(peer.address)) yield* open(peer)
    }).pipe(Effect.provide(RpcSerialization.layerNdjson), one.withPermit, Effect.uninterruptible)

  yield* Effect.addFinalizer(() => watch([]))
  yield* Layer.build(listen(inbox, options))

  return Peers.of({
    self,
    listen: inbox.listen,
    serve: inbox.serve,
    watch,
    ask: (address, value) => using(address, ({ outbox }) => outbox.ask(value)),
    tell: (address, value, done = () => undefined) => {
      const outbox = connections.get(address)?.outbox
      if (outbox === undefined) done(false)
      else outbox.tell(value, done)
    },
    handOver: (address, partitions) =>
      using(address, ({ client }) =>
        client.HandOver({ to: self, partitions }).pipe(within(address, handOverTimeoutMs))
      ).pipe(Effect.map((gave) => gave.map((id) => PartitionId(id)))),
    leave: Effect.suspend(() =>
      Effect.forEach(
        connections,
        ([address]) =>
          using(address, ({ client }) => client.Leaving({ peer: self })).pipe(
            within(address, goodbyeTimeoutMs),
            Effect.ignore
          ),
        { concurrency: 16, discard: true }
      )
    )
  })
})

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

/** Listens before anybody is told to, and as long as the scope is open. */
export const layer = (options: SocketOptions): Layer.Layer<Peers, CannotListen> =>
  Layer.effect(
    Peers,
    Effect.mapError(
      make(options),
      ({ reason }) => new CannotListen({ address: options.self.address, cause: reason.cause })
    )
  )
