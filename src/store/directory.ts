// Answers of the store in memory: what every message asks (whose address is this, whom does he trust, what sorts his mail) and
// nearly never changes. Right because all that is committed passes through the store's View: a commit that could change an
// answer empties it before it resolves.

import type { Command } from './commands.ts'

/** Strangers' questions that found nobody are not kept, so this bounds what accounts can fill. */
const MOST_ANSWERS = 20_000

/** What changes the answers about who is here. */
export const OF_PEOPLE = [
  'account.create',
  'account.credentials',
  'account.remove',
  'alias.put',
  'alias.remove',
  'group.put',
  'group.remove',
  'quota.put',
  'trust.put',
  'trust.remove',
  'script.put',
  'script.rename',
  'script.activate',
  'script.remove',
  'vacation.put',
] as const satisfies Command['kind'][]

export class Directory {
  readonly #answers = new Map<string, unknown>()
  readonly #changing: ReadonlySet<Command['kind']>

  /** `changing`: the commands after which it is asked again. */
  constructor(changing: readonly Command['kind'][]) {
    this.#changing = new Set(changing)
  }

  /** The answer known under this key, else what `read` says. */
  recall<T>(key: string, read: () => T): T {
    const known = this.#answers.get(key)
    if (known !== undefined) return known as T
    const answer = read()
    if (answer === undefined) return answer
    if (this.#answers.size >= MOST_ANSWERS) this.#answers.clear()
    this.#answers.set(key, answer)
    return answer
  }

  /** Before anybody hears of these commits. */
  committed(batch: readonly Pick<Command, 'kind'>[]): void {
    if (this.#answers.size > 0 && batch.some(({ kind }) => this.#changing.has(kind))) this.#answers.clear()
  }
}
