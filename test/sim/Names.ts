/** Short names for ids, to read. */
export class Names {
  readonly #names = new Map<string, string>()

  give(uuid: string, name: string): void {
    this.#names.set(uuid, name)
  }

  /** Of an id with or without its prefix. */
  of(id: string): string {
    const uuid = id.slice(-36)
    return this.#names.get(uuid) ?? `${id.length > 36 ? id.slice(0, 3) : "tx"}-${uuid.slice(-6)}`
  }
}
