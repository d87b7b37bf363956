/**
 * Loads the simulator with a bug in it. A query in a module's address makes it, and all of the project that it imports,
 * a copy of their own; in the copy of one file the bug is planted as the file is read.
 */
import { registerHooks } from "node:module"
import type * as Run from "../Run.ts"
import type { Edit, Mutant } from "./Mutants.ts"

const root = new URL("../../../", import.meta.url).href
const query = "?mutant="

const toPlant = new Map<string, ReadonlyArray<Edit>>()

const mutantOf = (url: string | undefined) => {
  const at = url?.lastIndexOf(query) ?? -1
  return at < 0 ? undefined : url?.slice(at)
}

registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = next(specifier, context)
    const mutant = mutantOf(context.parentURL)
    const isOurs = resolved.url.startsWith(root) && !resolved.url.includes("/node_modules/")
    return mutant === undefined || !isOurs || mutantOf(resolved.url) !== undefined
      ? resolved
      : { ...resolved, url: resolved.url + mutant }
  },
  load: (url, context, next) => {
    const edits = toPlant.get(url)
    const loaded = next(url, context)
    if (edits === undefined) return loaded
    toPlant.delete(url)
    return { ...loaded, source: edits.reduce((source, edit) => plant(edit, source), String(loaded.source)) }
  }
})

/** As it stands in the file: other white space is no other code. */
const pattern = (text: string) =>
  new RegExp(
    text
      .trim()
      .split(/\s+/)
      .map((word) => RegExp.escape(word))
      .join("\\s+"),
    "g"
  )

/** The source with the bug in it; fails when the code it was made for is no longer there. */
export const plant = ({ file, find, plant: bug }: Edit, source: string): string => {
  const found = source.match(pattern(find))?.length ?? 0
  if (found !== 1) throw new Error(`It does not fit ${file} any more: “${find}” was found ${found} times`)
  return source.replace(pattern(find), () => bug)
}

/** The simulator over code with this bug. */
export const load = async (mutant: Mutant): Promise<typeof Run> => {
  const suffix = query + encodeURIComponent(mutant.name)
  const edits = mutant.also === undefined ? [mutant] : [mutant, mutant.also]
  const files = Map.groupBy(edits, ({ file }) => new URL(file + suffix, root).href)
  for (const [file, ofFile] of files) toPlant.set(file, ofFile)
  const simulator = await import(new URL(`test/sim/Run.ts${suffix}`, root).href)
  if (files.keys().some((file) => toPlant.has(file)))
    throw new Error(`The mutant “${mutant.name}” is in a file that the simulator does not load`)
  return simulator
}
