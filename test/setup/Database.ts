import { Effect } from "effect"
import { inject } from "vitest"
import * as Services from "../../dev/Services.ts"

/** The address of a new, empty database, which is dropped when the test's scope closes. */
export const freshDatabase = Effect.suspend(() => Services.freshDatabase(inject("postgresUrl")))
