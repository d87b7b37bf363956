/**
 * What an actor of one kind decides: three pure transitions per command.
 *
 * `hold` is the decision, taken in arrival order. A command that takes (stock, money) reserves; one that gives is only
 * remembered as pending; one that changes (price, status) keeps other changes out. Nothing a hold does is visible as
 * committed. `settle` makes it so after the commit; `release` undoes the hold when there was none.
 *
 * `undefined` is the actor that does not exist (yet), or, once settled, one that is forgotten until it is asked again.
 */
import type { Result } from "effect"

export interface Kind<Id, State, Command, Grant, Refusal> {
  /** Whether a command makes the actor, under an id that nobody had before. */
  readonly makes?: (command: Command) => boolean
  readonly hold: (id: Id, state: State | undefined, command: Command) => Result.Result<Held<State, Grant>, Refusal>
  readonly settle: (state: State, command: Command) => State | undefined
  readonly release: (state: State, command: Command) => State | undefined
}

export interface Held<State, Grant> {
  readonly state: State
  readonly grant: Grant
}
