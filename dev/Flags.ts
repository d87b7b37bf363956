/** Flags of our programs: what is no number, or out of bounds, is refused with what it must be. */
import { Option } from "effect"
import { Flag } from "effect/cli"

type Bounds = readonly [minimum: number, maximum: number]

const numeric =
  (kind: string, written: RegExp) =>
  (name: string, [minimum, maximum]: Bounds, about: string) =>
    Flag.String(name).pipe(
      Flag.filterMap(
        (text) => {
          const value = written.test(text) ? Number(text) : Number.NaN
          return value >= minimum && value <= maximum ? Option.some(value) : Option.none()
        },
        () => `a ${kind} from ${minimum} to ${maximum}`
      ),
      Flag.withMetavar(kind),
      Flag.withDescription(about)
    )

export const whole = numeric("whole number", /^-?\d+$/)

/** One that may have a fraction. */
export const amount = numeric("number", /^-?\d+(\.\d+)?$/)

/** A flag that is said or not. */
export const said = (name: string, about: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(about), Flag.withDefault(false))
