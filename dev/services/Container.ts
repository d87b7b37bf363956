import { Effect } from "effect"
import type { GenericContainer } from "testcontainers"
import { attempt, bounded } from "./Attempt.ts"

export interface ContainerOptions {
  readonly image: string
  readonly port: number
  readonly configure: (container: GenericContainer) => GenericContainer
}

/** Starts a container and returns where its port is reached. It ends with the scope or, if we die, by its reaper. */
export const startContainer = Effect.fnUntraced(function* ({ configure, image, port }: ContainerOptions) {
  const docker = yield* attempt("testcontainers can't be loaded", () => import("testcontainers"))
  yield* attempt("no Docker engine answers", () => docker.getContainerRuntimeClient()).pipe(
    bounded("10 seconds", "no Docker engine answers")
  )
  const container = yield* Effect.acquireRelease(
    attempt(`${image} does not start`, () =>
      configure(new docker.GenericContainer(image).withExposedPorts(port).withStartupTimeout(60_000)).start()
    ).pipe(bounded("5 minutes", `${image} does not start`)),
    (started) => Effect.ignore(attempt(`${image} does not stop`, () => started.stop())),
    { interruptible: true }
  )
  return { host: container.getHost(), port: container.getMappedPort(port) }
})
