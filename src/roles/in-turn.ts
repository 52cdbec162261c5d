// One decision about an account after the other, where two at the same moment must not both pass.

export class InTurn {
  readonly #turns = new Map<number, Promise<unknown>>()

  run<T>(account: number, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(account) ?? Promise.resolve()).then(work, work)
    this.#turns.set(account, turn)
    const done = () => {
      if (this.#turns.get(account) === turn) this.#turns.delete(account)
    }
    turn.then(done, done)
    return turn
  }
}
