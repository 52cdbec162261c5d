// Full-text search. The index follows the store, behind the acceptance: it hears what changed, reads the bodies and has
// its own thread index them. A search is told which emails may hold the text, and which are too new to be known; who
// asks looks into these himself, so an index that is behind, lost or broken costs time and never a message.

import type { DatabaseOwner, OwnerModule } from '../../world/disk.ts'
import type { Timer, World } from '../../world/world.ts'
import type { EmailId } from '../nouns/mail.ts'
import type { AccountId } from '../nouns/people.ts'
import type { KeptStore } from '../view.ts'
import type { TextAnswer, TextRequest } from './engine.ts'

// Beside this file, under the same extension: .ts when run from the sources, .js when compiled.
const ENGINE: OwnerModule = {
  get url() {
    return import.meta.resolve(import.meta.url.endsWith('.ts') ? './engine.ts' : './engine.js')
  },
  load: () => import('./engine.ts'),
}

/** Mail comes in bursts: what came together is indexed together, and what is not yet is found by a look. */
const SOON_MS = 5000
/** Nobody waits for the index, but others want the processor: after each lot it rests so many times as long as it took. */
const RESTS = 2
const LONGEST_REST_MS = 300
const AT_ONCE = 25
const REST_MS = 60_000

/** Beside the store's database. */
export const TEXT_INDEX = 'text.db'

export class TextIndex {
  readonly #owner: DatabaseOwner
  readonly #store: KeptStore
  readonly #world: World
  readonly #failed: (error: unknown) => void
  readonly #waiting = new Set<AccountId>()
  #unwatch: (() => void) | undefined
  #timer: Timer | undefined
  #working: Promise<void> | undefined
  #isStopped = false
  #isAwaited = false

  private constructor(owner: DatabaseOwner, store: KeptStore, world: World, failed: (error: unknown) => void) {
    this.#owner = owner
    this.#store = store
    this.#world = world
    this.#failed = failed
  }

  /** Opens the index of a store and begins to follow it. `failed`: told when indexing has to wait. @throws DiskError */
  static async open(world: World, store: KeptStore, failed: (error: unknown) => void): Promise<TextIndex> {
    const owner = await world.disk.ownDatabase(`store/${TEXT_INDEX}`, ENGINE)
    const index = new TextIndex(owner, store, world, failed)
    index.#unwatch = store.watchAll(({ account }) => index.#mark(account))
    const indexed = (await index.#ask({ kind: 'accounts' })) as AccountId[]
    for (const id of new Set([...indexed, ...store.accounts().map((account) => account.id)])) index.#mark(id)
    return index
  }

  /**
   * Emails of the account that may hold the text: in the header or anywhere, or with `isBody` anywhere but there.
   * Undefined: any may. Everything that holds it is among them; what is among them need not hold it.
   */
  async mayHold(account: AccountId, needle: string, isBody = false): Promise<ReadonlySet<EmailId> | undefined> {
    try {
      const { ids, cursor } = (await this.#ask({ kind: 'search', account, needle, isBody })) as TextAnswer
      if (ids === undefined) return undefined
      return new Set([...ids, ...this.#store.changes.emailIdsAfter(account, cursor)])
    } catch (error) {
      this.#failed(error)
      return undefined
    }
  }

  /** Indexes what waits; for who must not wait for it to happen by itself. */
  async catchUp(): Promise<void> {
    this.#isAwaited = true
    this.#begin()
    while (this.#working !== undefined) await this.#working
    this.#isAwaited = false
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unwatch?.()
    this.#timer?.cancel()
    await this.#working
    await this.#owner.close()
  }

  #ask(request: TextRequest): Promise<unknown> {
    return this.#owner.request(request)
  }

  #mark(account: AccountId): void {
    if (account <= 0 || this.#isStopped) return
    this.#waiting.add(account)
    this.#wake(SOON_MS)
  }

  #wake(afterMs: number): void {
    if (this.#working !== undefined || this.#isStopped) return
    this.#timer ??= this.#world.clock.after(afterMs, () => this.#begin())
  }

  #begin(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#working !== undefined || this.#isStopped) return
    this.#working = this.#work()
      .then(() => SOON_MS)
      .catch((error: unknown) => {
        if (!this.#isStopped) this.#failed(error)
        return REST_MS
      })
      .then((againMs) => {
        this.#working = undefined
        if (this.#waiting.size > 0) this.#wake(againMs)
      })
  }

  async #work(): Promise<void> {
    for (const account of this.#waiting) {
      if (this.#isStopped) return
      this.#waiting.delete(account)
      try {
        await this.#follow(account)
      } catch (error) {
        this.#waiting.add(account)
        throw error
      }
    }
  }

  async #follow(account: AccountId): Promise<void> {
    if (this.#store.account(account) === undefined) {
      await this.#ask({ kind: 'forget', account })
      return
    }
    const cursor = (await this.#ask({ kind: 'cursor', account })) as number
    const modseq = this.#store.modseq(account)
    if (modseq <= cursor) return
    const changes = cursor === 0 ? undefined : this.#store.changes.emails(account, cursor)
    const { created, destroyed } = changes ?? (await this.#compare(account))
    for (let at = 0; at < created.length && !this.#isStopped; at += AT_ONCE)
      await this.#add(account, created.slice(at, at + AT_ONCE))
    if (destroyed.length > 0) await this.#ask({ kind: 'remove', account, ids: destroyed })
    if (!this.#isStopped) await this.#ask({ kind: 'through', account, modseq })
  }

  /** Without a state to go on from: everything that is there, against everything that is known. */
  async #compare(account: AccountId): Promise<{ created: EmailId[]; destroyed: EmailId[] }> {
    const known = new Set((await this.#ask({ kind: 'known', account })) as EmailId[])
    const there = new Set(this.#store.changes.emailIdsAfter(account, 0))
    return {
      created: [...there].filter((id) => !known.has(id)),
      destroyed: [...known].filter((id) => !there.has(id)),
    }
  }

  async #add(account: AccountId, ids: readonly EmailId[]): Promise<void> {
    const { clock } = this.#world
    const began = clock.monotonic()
    const emails: { id: EmailId; source: Uint8Array }[] = []
    for (const { id, blob } of this.#store.emails(account, ids)) {
      // A body that is gone or damaged has no words; whoever looks at it will hear so.
      const source = await this.#store.readBlob(blob).catch(() => undefined)
      emails.push({ id, source: source ?? new Uint8Array() })
    }
    await this.#ask({ kind: 'add', account, emails })
    const restMs = Math.min(LONGEST_REST_MS, RESTS * (clock.monotonic() - began))
    if (restMs > 0 && !this.#isAwaited && !this.#isStopped) await clock.sleep(restMs)
  }
}
