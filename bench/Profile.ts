/** Where a node's time went, from what `node --cpu-prof` left. */
import { Effect, FileSystem, Schema } from "effect"

const Profiled = Schema.fromJsonString(
  Schema.Struct({
    nodes: Schema.Array(
      Schema.Struct({
        id: Schema.Int,
        callFrame: Schema.Struct({ functionName: Schema.String, url: Schema.String, lineNumber: Schema.Int })
      })
    ),
    samples: Schema.Array(Schema.Int),
    timeDeltas: Schema.Array(Schema.Int)
  })
)
type Frame = (typeof Profiled.Type)["nodes"][number]["callFrame"]

export interface Share {
  readonly where: string
  /** Of the time the thread was busy. */
  readonly percent: number
}

export interface Profile {
  readonly functions: ReadonlyArray<Share>
  readonly areas: ReadonlyArray<Share>
}

/** What took most by itself; what it called is not counted. */
export const hottest = Effect.fnUntraced(function* (file: string, most: number) {
  const fs = yield* FileSystem.FileSystem
  const { nodes, samples, timeDeltas } = yield* Schema.decodeEffect(Profiled)(yield* fs.readFileString(file))
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const micros = new Map<Frame, number>()
  samples.forEach((id, index) => {
    const frame = frames.get(id)
    if (frame === undefined || frame.functionName === "(idle)") return
    micros.set(frame, (micros.get(frame) ?? 0) + (timeDeltas[index] ?? 0))
  })
  const profile: Profile = {
    functions: shares(micros, nameOf).slice(0, most),
    areas: shares(micros, areaOf).slice(0, most)
  }
  return profile
})

const shares = (micros: ReadonlyMap<Frame, number>, keyOf: (frame: Frame) => string): ReadonlyArray<Share> => {
  const sums = new Map<string, number>()
  for (const [frame, spent] of micros) sums.set(keyOf(frame), (sums.get(keyOf(frame)) ?? 0) + spent)
  const busy = sums.values().reduce((sum, each) => sum + each, 0)
  return [...sums]
    .map(([where, spent]) => ({ where, percent: (spent / busy) * 100 }))
    .toSorted((a, b) => b.percent - a.percent)
}

const wasm = "wasm (the embedded Postgres)"
const withoutRoot = (url: string) => url.replace(/^file:.*?\/(node_modules|src)\//, "$1/")

const nameOf = ({ functionName, url, lineNumber }: Frame) => {
  if (url.startsWith("wasm:")) return wasm
  const name = functionName === "" ? "(anonymous)" : functionName
  return url === "" ? name : `${name} ${withoutRoot(url)}:${lineNumber + 1}`
}

const areaOf = ({ functionName, url }: Frame) => {
  if (url.startsWith("wasm:")) return wasm
  if (url === "") return functionName.startsWith("(") ? functionName : "Node, native"
  return url.startsWith("node:")
    ? "Node"
    : (/^(node_modules\/(@[^/]+\/)?[^/]+|src\/[^/]+)/.exec(withoutRoot(url))?.[0] ?? url)
}
