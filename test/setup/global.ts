import { Effect, Exit, Scope } from "effect"
import type { TestProject } from "vitest/node"
import * as Services from "../../dev/Services.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresUrl: string
  }
}

/** One Postgres for the whole run; each test that needs one takes a database of its own (Database.ts). */
export default async (project: TestProject) => {
  const scope = Scope.makeUnsafe()
  const close = Scope.close(scope, Exit.void)
  const { url } = await Effect.runPromise(
    Services.postgres.pipe(
      Scope.provide(scope),
      Effect.tapCause(() => close)
    )
  )
  project.provide("postgresUrl", url)
  return () => Effect.runPromise(close)
}
