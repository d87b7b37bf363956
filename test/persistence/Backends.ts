/** Where data can be kept. Every contract in this folder is run on all of them. */
import { Effect, Layer, Redacted } from "effect"
import type { Audit } from "../../src/persistence/Audit.ts"
import type { Catalogue } from "../../src/persistence/Catalogue.ts"
import type { Coupons } from "../../src/persistence/Coupons.ts"
import * as Database from "../../src/persistence/Database.ts"
import type { Journal } from "../../src/persistence/Journal.ts"
import type { Managers } from "../../src/persistence/Managers.ts"
import * as MemoryAudit from "../../src/persistence/MemoryAudit.ts"
import * as MemoryCatalogue from "../../src/persistence/MemoryCatalogue.ts"
import * as MemoryCoupons from "../../src/persistence/MemoryCoupons.ts"
import * as MemoryJournal from "../../src/persistence/MemoryJournal.ts"
import * as MemoryManagers from "../../src/persistence/MemoryManagers.ts"
import * as MemoryOrders from "../../src/persistence/MemoryOrders.ts"
import * as MemoryStatements from "../../src/persistence/MemoryStatements.ts"
import { MemoryTables } from "../../src/persistence/MemoryTables.ts"
import * as MemoryUsers from "../../src/persistence/MemoryUsers.ts"
import type { Orders } from "../../src/persistence/Orders.ts"
import * as PgAudit from "../../src/persistence/PgAudit.ts"
import * as PgCatalogue from "../../src/persistence/PgCatalogue.ts"
import * as PgCoupons from "../../src/persistence/PgCoupons.ts"
import * as PgJournal from "../../src/persistence/PgJournal.ts"
import * as PgManagers from "../../src/persistence/PgManagers.ts"
import * as PgOrders from "../../src/persistence/PgOrders.ts"
import * as PgStatements from "../../src/persistence/PgStatements.ts"
import * as PgUsers from "../../src/persistence/PgUsers.ts"
import type { Statements } from "../../src/persistence/Statements.ts"
import type { Users } from "../../src/persistence/Users.ts"
import { Books } from "./Books.ts"
import { freshDatabase } from "../setup/Database.ts"

export const memory = Layer.mergeAll(
  MemoryJournal.layer,
  MemoryUsers.layer,
  MemoryManagers.layer,
  MemoryAudit.layer,
  MemoryCatalogue.layer,
  MemoryOrders.layer,
  MemoryCoupons.layer,
  MemoryStatements.layer,
  Books.memory
).pipe(Layer.provide(MemoryTables.layer))

/** Journal and repositories on a database, and the client they use. */
export const onPostgres = Layer.mergeAll(
  PgJournal.layer,
  PgUsers.layer,
  PgManagers.layer,
  PgAudit.layer,
  PgCatalogue.layer,
  PgOrders.layer,
  PgCoupons.layer,
  PgStatements.layer,
  Books.sql
)

export const server = (url: string) => Database.server({ url: Redacted.make(url), maxConnections: 10 })

export const embedded = onPostgres.pipe(Layer.provideMerge(Database.embedded({ dataDir: undefined })))

export const postgres = onPostgres.pipe(Layer.provideMerge(Layer.unwrap(Effect.map(freshDatabase, server))))

export type Storage = Journal | Users | Managers | Audit | Catalogue | Coupons | Orders | Statements | Books

export const backends: ReadonlyArray<readonly [name: string, layer: Layer.Layer<Storage, unknown>]> = [
  ["in memory", memory],
  ["on PGlite", embedded],
  ["on Postgres", postgres]
]
