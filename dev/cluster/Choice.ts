/** Whom the balancer asks, and whether it may ask somebody else. */

/** The one whose turn it is. */
export const choose = <A>(candidates: ReadonlyArray<A>, turn: number): A | undefined =>
  candidates[turn % candidates.length]

/** How far a request got at a node. Of one that reached it nobody knows whether it was carried out. */
export type Reached = "Nobody" | "Node" | "Answer"

export interface Asked {
  readonly method: string
  /** Whether the request has an Idempotency-Key, so that carrying it out twice is carrying it out once. */
  readonly keyed: boolean
  readonly reached: Reached
}

/** Whether a request that came to nothing at one node may be sent to another. */
export const mayRepeat = ({ method, keyed, reached }: Asked): boolean =>
  reached === "Nobody" || (reached === "Node" && isHarmless({ method, keyed }))

/** Whether it makes no difference how often the request is carried out. */
export const isHarmless = ({ method, keyed }: Pick<Asked, "method" | "keyed">): boolean =>
  keyed || method === "GET" || method === "HEAD"
