import type { Effect } from "effect"
import type { ServiceUnavailable } from "./Attempt.ts"
import type { BinariesOptions } from "./Binaries.ts"
import type { ContainerOptions } from "./Container.ts"
import type { ServerOptions } from "./Server.ts"

/** What there is to know about one kind of service, in order to supply it. */
export interface Kind {
  readonly name: string
  /** The environment variable with the address of one which somebody else runs. */
  readonly variable: string
  readonly url: (host: string, port: number) => string
  /** Succeeds if it answers a question at this moment, with its version. */
  readonly version: (url: string) => Effect.Effect<string, ServiceUnavailable>
  readonly container: ContainerOptions
  readonly binaries: BinariesOptions
  readonly server: (binaries: string) => Pick<ServerOptions, "signals" | "prepare" | "command">
}
