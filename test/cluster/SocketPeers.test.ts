import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted } from "effect"
import { createPrivateKey } from "node:crypto"
import { connect, createServer, type Socket } from "node:net"
import * as tls from "node:tls"
import { freePort } from "../../dev/services/Machine.ts"
import { type Options, Peers } from "../../src/cluster/Peers.ts"
import * as SocketPeers from "../../src/cluster/SocketPeers.ts"
import { Backend, contract, eventually, hearing, stoppable } from "./Peers.contract.ts"

const boot = (address: string, nonce: string, options: Partial<Options> = {}, secret = "what the cluster knows") => {
  const port = Number(address.split(":")[1])
  const layer = SocketPeers.layer({
    ...options,
    host: "127.0.0.1",
    port,
    self: { address, nonce },
    secret: Redacted.make(secret)
  })
  return Effect.orDie(stoppable(Effect.map(Layer.build(layer), Context.get(Peers))))
}
const address = Effect.orDie(Effect.map(freePort, (port) => `127.0.0.1:${port}`))

/** A wire that can stand still, as a frozen process does: it takes everything and answers nothing. */
const proxy = Effect.fnUntraced(function* (port: number) {
  const sockets = new Set<Socket>()
  let frozen = false
  const open = (socket: Socket) => {
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)))
    if (frozen) socket.pause()
    return socket
  }
  const listen = yield* freePort
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      createServer((near) => {
        const far = open(connect(port, "127.0.0.1"))
        open(near).pipe(far).pipe(near)
        if (frozen) near.pause()
      }).listen(listen, "127.0.0.1")
    ),
    (server) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )
  return {
    address: `127.0.0.1:${listen}`,
    freeze: () => {
      frozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw: () => {
      frozen = false
      for (const socket of sockets) socket.resume()
    }
  }
})

/** Somebody's certificate, and the key to it: of nobody, and good for a hundred years. */
const somebodys = [
  "MIIBIDCBxgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBzb21lYm9keS5leGFtcGxlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAx",
  "MDAwMDAwWjAbMRkwFwYDVQQDDBBzb21lYm9keS5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfXhMrnMo50URt5LBl2ef",
  "T7XYcaCMZHLUjMdkeyEfYP+Lx/qboiyTmDZWeu2+0CtMzGWZEw7GLo0AVtqF2kc6pzAKBggqhkjOPQQDAgNJADBGAiEAhg5BByKfhcMd",
  "dnLOCu1lkhELjadSweaRTFRoOgzHuJsCIQCuAuuDPP0VqtsG8BCaaUbvXi/tFK4hE8PI56L5D0NfWQ=="
].join("")
const somebodysKey = [
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgb4rB51n6dVN306WOmNwVEz2AjPoWflvpoMZ6bEbdUQmhRANCAAR9eEyu",
  "cyjnRRG3ksGXZ59PtdhxoIxkctSMx2R7IR9g/4vH+puiLJOYNlZ67b7QK0zMZZkTDsYujQBW2oXaRzqn"
].join("")

/** A server with a certificate that everybody trusts, and nothing else; `read` is what it got to read. */
const impostor = Effect.fnUntraced(function* (port: number) {
  const read: Array<string> = []
  const attempts: Array<string> = []
  const key = createPrivateKey({ key: Buffer.from(somebodysKey, "base64"), format: "der", type: "pkcs8" })
  const cert = `-----BEGIN CERTIFICATE-----\n${somebodys}\n-----END CERTIFICATE-----\n`
  const trusted = tls.getCACertificates("default")
  yield* Effect.acquireRelease(
    Effect.sync(() => tls.setDefaultCACertificates([cert])),
    () => Effect.sync(() => tls.setDefaultCACertificates(trusted))
  )
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const server = tls.createServer({ cert, key: key.export({ format: "pem", type: "pkcs8" }) }, (socket) =>
        socket
          .on("error", () => undefined)
          .on("data", (data) => {
            read.push(String(data))
            socket.write('0 ok "peer"\n')
          })
      )
      return server.on("tlsClientError", ({ message }) => attempts.push(message)).listen(port, "127.0.0.1")
    }),
    (server) => Effect.sync(() => server.close())
  )
  return { read, attempts }
})

contract("Peers over sockets", Layer.succeed(Backend, Backend.of({ address, boot })))

describe("Peers over sockets", { timeout: 60_000 }, () => {
  it.live("get nowhere with another secret, and do not take that for a death", () =>
    Effect.gen(function* () {
      const one = yield* boot(yield* address, "one")
      const stranger = yield* boot(yield* address, "stranger", {}, "what somebody guessed")
      let served = 0
      one.peers.serve({ ask: (asks) => Effect.sync(() => (served++, asks)) })
      const [ears, strange] = [hearing(one.peers), hearing(stranger.peers)]
      yield* one.peers.watch([stranger.peers.self])
      yield* stranger.peers.watch([one.peers.self])
      const asked = Effect.flip(stranger.peers.ask(one.peers.self.address, 1))
      let tries = 0
      yield* eventually(asked, ({ reason }) => reason === "NotConnected" && ++tries === 40)
      assert.deepStrictEqual([...ears.events, ...strange.events], [])
      assert.strictEqual(served, 0)
    })
  )

  it.live("take nobody for a peer who has a certificate, however trusted, instead of the secret", () =>
    Effect.gen(function* () {
      const one = yield* boot(yield* address, "one")
      const there = yield* address
      const { read, attempts } = yield* impostor(Number(there.split(":")[1]))
      const ears = hearing(one.peers)
      yield* one.peers.watch([{ address: there, nonce: "peer" }])
      yield* eventually(
        Effect.sync(() => attempts.length + read.length),
        (met) => met > 2
      )
      assert.deepStrictEqual([...ears.events, ...read], [])
    })
  )

  it.live("end a connection that does not speak TLS", () =>
    Effect.gen(function* () {
      const one = yield* boot(yield* address, "one")
      const port = Number(one.peers.self.address.split(":")[1])
      yield* Effect.callback<void>((resume) => {
        const socket = connect(port, "127.0.0.1", () => socket.write('{"_tag":"Request"}\n'))
        socket.on("error", () => undefined).on("close", () => resume(Effect.void))
      }).pipe(Effect.timeout("5 seconds"))
    })
  )

  it.live("that fall silent are given up, found again, and never called dead", () =>
    Effect.gen(function* () {
      const other = yield* boot(yield* address, "other")
      const wire = yield* proxy(Number(other.peers.self.address.split(":")[1]))
      const one = yield* boot(yield* address, "one", { timeoutMs: 300 })
      const ears = hearing(one.peers)
      other.peers.serve({ ask: (asks) => Effect.succeed(asks) })
      const seen = { address: wire.address, nonce: "other" }
      yield* one.peers.watch([seen])
      yield* ears.heard("Back", "other")
      wire.freeze()
      const ask = one.peers.ask(wire.address, 1)
      assert.strictEqual((yield* Effect.flip(ask)).reason, "TimedOut")
      // The connection ends when a ping is not answered.
      yield* eventually(Effect.flip(ask), ({ reason }) => reason === "NotConnected")
      wire.thaw()
      yield* eventually(Effect.exit(ask), Exit.isSuccess)
      assert.deepStrictEqual(new Set(ears.events.map(({ _tag }) => _tag)), new Set(["Back"]))
    })
  )
})
