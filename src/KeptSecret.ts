/** A secret of this data folder's own, made once: tokens survive a restart. */
import { randomBytes, randomUUID } from "node:crypto"
import { link, mkdir, open, readFile, unlink } from "node:fs/promises"
import * as path from "node:path"
import { attempt } from "./persistence/DataFolder.ts"

const read = (file: string) => readFile(file, "utf8").catch(() => undefined)

/** Under its name it is there whole, or not at all; of two that make one at once, both get the first. */
const make = async (file: string) => {
  const unfinished = `${file}.${randomUUID()}`
  const handle = await open(unfinished, "wx", 0o600)
  await handle.writeFile(randomBytes(48).toString("base64url"))
  await handle.sync()
  await handle.close()
  await link(unfinished, file).catch(() => undefined)
  await unlink(unfinished)
  return readFile(file, "utf8")
}

/** Reads the secret kept in `folder`, or makes it there. */
export const keptSecret = (folder: string) =>
  attempt(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const file = path.join(folder, "jwt.secret")
    return (await read(file)) ?? (await make(file))
  })
