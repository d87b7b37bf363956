/** Flags of our programs: what is no number, or out of bounds, is refused with what it must be. */
import { Flag } from "effect/cli"

type Bounds = readonly [minimum: number, maximum: number]

const inWords = (kind: string, [minimum, maximum]: Bounds) => `${kind} from ${minimum} to ${maximum}`

export const whole = (name: string, [minimum, maximum]: Bounds, about: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      () => inWords("a whole number", [minimum, maximum])
    ),
    Flag.withDescription(about)
  )

/** One that may have a fraction. */
export const amount = (name: string, [minimum, maximum]: Bounds, about: string) =>
  Flag.Finite(name).pipe(
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      () => inWords("a number", [minimum, maximum])
    ),
    Flag.withDescription(about)
  )

/** A flag that is said or not. */
export const said = (name: string, about: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(about), Flag.withDefault(false))
