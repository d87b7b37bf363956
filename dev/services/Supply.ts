import { Console, Effect, Option, Result, type Scope } from "effect"
import { inRealTime, type ServiceUnavailable, unavailable, untilItAnswers, variable } from "./Attempt.ts"
import { binaries } from "./Binaries.ts"
import { startContainer } from "./Container.ts"
import type { Kind } from "./Kind.ts"
import { type Server, startServer } from "./Server.ts"

/** A service, for as long as the scope is open. */
export interface Service {
  readonly url: string
  /** What it is and where it comes from, for a person. */
  readonly source: string
}

export type Supplied<A> = Effect.Effect<A, ServiceUnavailable, Scope.Scope>

/**
 * By the first way that works: the address in the environment, a container, a server of our own. An address which is given
 * is the only way: nothing else is tried when it does not answer. Prints one line that says which it was.
 */
export const supply = (kind: Kind): Supplied<Service> =>
  Effect.gen(function* () {
    const given = yield* variable(kind.variable)
    const service = Option.isSome(given)
      ? yield* described(kind, given.value, kind.variable)
      : yield* firstOf(kind, [inContainer(kind), ownServer(kind)])
    yield* Console.log(service.source)
    return service
  }).pipe(inRealTime)

/** From the server binaries of this machine, which are installed first if they are missing and may be. */
export const ownServer = (kind: Kind): Supplied<Server & Service> =>
  Effect.gen(function* () {
    const folder = yield* binaries(kind.binaries)
    const server = yield* startServer({
      name: kind.name,
      url: (port) => kind.url("127.0.0.1", port),
      answers: kind.version,
      ...kind.server(folder)
    })
    const { source } = yield* described(kind, server.url, folder)
    return { ...server, source }
  }).pipe(inRealTime)

/** Fails, if every way does, with what stood in each one's way. */
export const firstOf = Effect.fnUntraced(function* (kind: Kind, ways: ReadonlyArray<Supplied<Service>>) {
  const reasons = [`${kind.variable} is not set`]
  for (const way of ways) {
    const result = yield* Effect.result(way)
    if (Result.isSuccess(result)) return result.success
    reasons.push(result.failure.message)
  }
  return yield* unavailable([`There is no ${kind.name}:`, ...reasons].join("\n- "))
})

const inContainer = Effect.fnUntraced(function* (kind: Kind) {
  const { host, port } = yield* startContainer(kind.container)
  return yield* untilItAnswers(described(kind, kind.url(host, port), `the container ${kind.container.image}`))
})

const described = (kind: Kind, url: string, from: string) =>
  Effect.map(kind.version(url), (version): Service => ({ url, source: `${kind.name}: ${version} from ${from}` }))
