/** Processor time of other processes, from Linux' /proc; unknown elsewhere. In microseconds, to a hundredth of a second. */
import { readdirSync, readFileSync } from "node:fs"

const microsPerTick = 10_000

interface Stat {
  readonly parent: number
  readonly own: number
  /** Of children that have ended and were waited for. */
  readonly ended: number
}

const stat = (pid: number | string): Stat | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name, in parentheses, may contain anything; the fields after it are numbers.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    const ticks = (...at: ReadonlyArray<number>) =>
      at.reduce((sum, index) => sum + Number(fields[index]), 0) * microsPerTick
    return { parent: Number(fields[1]), own: ticks(11, 12), ended: ticks(13, 14) }
  } catch {
    return undefined
  }
}

export const processMicros = (pid: number): number | undefined => stat(pid)?.own

/** A process and all its children, those that have ended included. */
export const familyMicros = (pid: number): number | undefined => {
  const parent = stat(pid)
  if (parent === undefined) return undefined
  const children = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [stat(name)] : []))
  return children.reduce((sum, child) => sum + (child?.parent === pid ? child.own : 0), parent.own + parent.ended)
}

export const parentOf = (pid: number): number | undefined => stat(pid)?.parent

/** How a process calls itself. */
export const titleOf = (pid: number): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim()
  } catch {
    return undefined
  }
}

/** What the whole machine has been busy with, processes of others included. */
export const machineMicros = (): number | undefined => {
  try {
    const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync("/proc/stat", "latin1")
      .split("\n", 1)[0]!
      .split(/\s+/)
      .map(Number)
    return (user + nice + system + irq + softirq + steal) * microsPerTick
  } catch {
    return undefined
  }
}
