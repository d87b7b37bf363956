import { styleText } from "node:util"

const colours = ["cyan", "yellow", "magenta", "green", "blue", "red"] as const
const width = 8

/** One log for all: a line of somebody's, after its name. Colours only on a terminal. */
export const say = (name: string, line: string): void => {
  if (line.trim() === "") return
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0)
  const colour = number === 0 ? "gray" : (colours[(number - 1) % colours.length] ?? "gray")
  console.log(`${styleText(colour, `${name.padEnd(width)}│`)} ${line}`)
}
