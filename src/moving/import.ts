// Mail that comes from another system into an account: mailboxes, messages, flags, dates, and where it can be, UIDs and
// what POP3 calls them. Each message is noted in the commit that keeps it (Brought), so that an import which is killed and
// run again brings nothing twice and leaves nothing out. One batch is held at a time.

import { createHash } from 'node:crypto'
import type { Brought, Command, CommandResult } from '../store/commands.ts'
import type { Mailbox, SpecialUse } from '../store/nouns/mail.ts'
import type { AccountId } from '../store/nouns/people.ts'
import type { Store } from '../store/store.ts'
import { summarise } from '../store/summary.ts'
import type { Clock } from '../world/world.ts'
import { lineEnds, toCrlf } from './line-ends.ts'
import type { Incoming, IncomingMailbox } from './place.ts'

const BATCH_MESSAGES = 64
const BATCH_BYTES = 8 * 1024 * 1024
const MOST_NOTES = 1_000
/** More than anybody sets on a message. */
const MOST_FLAGS = 100

export interface Progress {
  readonly mailbox: string
  /** Messages that came now, and those that were here already. */
  readonly brought: number
  readonly known: number
  readonly bytes: number
}

export interface ImportResult extends Omit<Progress, 'mailbox'> {
  readonly mailboxes: number
  /** One sentence each: what did not come as it was. */
  readonly notes: readonly string[]
  /** Notes beyond the first thousand. */
  readonly moreNotes: number
  /** Why it ended early: there is more to come. */
  readonly stopped: string | undefined
}

/** What an import needs of a store. */
export type ImportStore = Pick<Store, 'commit' | 'putBlob' | 'mailbox' | 'mailboxByUse' | 'mailboxByPath'> & {
  readonly lists: Pick<Store['lists'], 'wasBrought' | 'hasBody'>
}

export interface ImportOptions {
  readonly store: ImportStore
  readonly clock: Clock
  readonly account: AccountId
  /** Called after each commit. */
  readonly progress?: (progress: Progress) => void
  /** Ends the import after the commit that is under way. */
  readonly isStopped?: () => boolean
}

/** What is ours under other names (top level, lower case). */
const USES: readonly (readonly [SpecialUse, RegExp])[] = [
  ['sent', /^(sent|sent[ -](items|messages|mail)|\[(gmail|google mail)\]\/sent mail)$/i],
  ['drafts', /^(drafts?|\[(gmail|google mail)\]\/drafts)$/i],
  ['trash', /^(trash|bin|deleted[ -](items|messages)|\[(gmail|google mail)\]\/(trash|bin))$/i],
  ['junk', /^(junk|spam|junk[ -]e?-?mail|bulk mail|\[(gmail|google mail)\]\/spam)$/i],
  ['archive', /^archives?$/i],
]

/** @throws DiskError */
export async function bringIn(options: ImportOptions, mailboxes: Iterable<IncomingMailbox>): Promise<ImportResult> {
  const run = new Run(options)
  for (const mailbox of mailboxes) {
    await run.mailbox(mailbox)
    if (run.stopped !== undefined) break
  }
  return run.result()
}

interface Waiting {
  readonly incoming: Incoming
  readonly command: Extract<Command, { kind: 'email.deliver' }>
}

class Run {
  stopped: string | undefined
  readonly #options: ImportOptions
  readonly #notes: string[] = []
  #moreNotes = 0
  #mailboxes = 0
  #brought = 0
  #known = 0
  #bytes = 0

  constructor(options: ImportOptions) {
    this.#options = options
  }

  result(): ImportResult {
    const { stopped } = this
    const counts = { mailboxes: this.#mailboxes, brought: this.#brought, known: this.#known, bytes: this.#bytes }
    return { ...counts, notes: this.#notes, moreNotes: this.#moreNotes, stopped }
  }

  async mailbox(source: IncomingMailbox): Promise<void> {
    const { store, account } = this.#options
    const target = await this.#target(source)
    if (target === undefined) return
    this.#mailboxes++
    const { uidValidity, uidNext } = await source.identity()
    const keepsUids = uidValidity !== undefined && !source.isView && target.uidValidity === uidValidity
    const name = source.parts.join('/')
    let waiting: Waiting[] = []
    let bytes = 0
    let isAtEnd = false
    const flush = async () => {
      await this.#commit(waiting)
      waiting = []
      bytes = 0
      this.#options.progress?.({ mailbox: name, brought: this.#brought, known: this.#known, bytes: this.#bytes })
    }
    const isKnown = (key: string) => store.lists.wasBrought(account, itemOf(name, key))
    for await (const incoming of source.messages(isKnown)) {
      if (this.#options.isStopped?.()) this.stopped ??= 'It was stopped.'
      if (this.stopped !== undefined) break
      if (isKnown(incoming.key)) {
        this.#known++
        this.#bytes += incoming.sizeBytes
        continue
      }
      const content = await incoming.content()
      if (content === undefined) {
        this.#note(`${incoming.name}: too large for a message, or gone meanwhile; it was left out.`)
        continue
      }
      // What has no UID there comes after everything that had one.
      if (keepsUids && incoming.uid === undefined && !isAtEnd) {
        await flush()
        await this.#raise(target, uidNext)
        isAtEnd = true
      }
      const brought: Brought = {
        item: itemOf(name, incoming.key),
        ...(keepsUids && incoming.uid !== undefined && { uid: incoming.uid }),
        ...(target.specialUse === 'inbox' && incoming.uidl !== undefined && { uidl: incoming.uidl }),
      }
      const command = await this.#delivery(source, target, incoming, content, brought)
      if (source.isView && store.lists.hasBody(account, command.blob.hash)) {
        this.#known++
        continue
      }
      waiting.push({ incoming, command })
      bytes += content.length
      if (waiting.length >= BATCH_MESSAGES || bytes >= BATCH_BYTES) await flush()
    }
    await flush()
    if (keepsUids && !isAtEnd && this.stopped === undefined) await this.#raise(target, uidNext)
  }

  async #raise(target: Mailbox, uidNext: number | undefined): Promise<void> {
    const { store, account } = this.#options
    const now = store.mailbox(account, target.id)
    if (uidNext === undefined || now === undefined || now.uidNext >= uidNext) return
    await store.commit([{ kind: 'mailbox.adopt', account, mailbox: target.id, uidNext }])
  }

  /** The mailbox that it comes into, made when missing. */
  async #target(source: IncomingMailbox): Promise<Mailbox | undefined> {
    const { store, account, clock } = this.#options
    const path = source.parts.map((part) => part.replace(/[\x00-\x1f\x7f/]/g, '_') || '_').join('/')
    const use = source.use ?? USES.find(([, names]) => names.test(path))?.[0]
    const { uidValidity, modseq } = await source.identity()
    const there = (use && store.mailboxByUse(account, use)) ?? store.mailboxByPath(account, path)
    const commands: Command[] = [
      there === undefined
        ? { kind: 'mailbox.create', account, path, specialUse: use ?? null, nowMs: clock.now(), orExisting: true }
        : { kind: 'mailbox.create', account, path: there.path, nowMs: clock.now(), orExisting: true },
    ]
    if (uidValidity !== undefined && !source.isView && there?.uidValidity !== uidValidity) {
      const highest = modseq === undefined ? {} : { modseq }
      commands.push({ kind: 'mailbox.adopt', account, mailbox: { from: 0 }, uidValidity, ...highest })
    }
    if (there === undefined && source.isSubscribed !== false)
      commands.push({ kind: 'mailbox.subscribe', account, path, subscribed: true })
    const [made, adopted] = await store.commit(commands)
    if (!made?.ok) {
      this.#note(`${path}: ${made?.message} Its messages were left out.`)
      return undefined
    }
    if (adopted !== undefined && !adopted.ok && commands[1]?.kind === 'mailbox.adopt')
      this.#note(`${path}: UIDs are new, clients will load it again. ${adopted.message}`)
    return store.mailbox(account, made.id!)
  }

  async #delivery(
    source: IncomingMailbox,
    target: Mailbox,
    incoming: Incoming,
    content: Buffer,
    brought: Brought,
  ): Promise<Waiting['command']> {
    const { store, account, clock } = this.#options
    const ends = lineEnds(content)
    const isExact = ends === 'mixed' && source.isExact === true
    if (ends === 'mixed' && !isExact)
      this.#note(`${incoming.name}: its lines ended in LF and CRLF; here all end in CRLF.`)
    if (incoming.flags.length > MOST_FLAGS)
      this.#note(`${incoming.name}: it has more than ${MOST_FLAGS} flags; the others are lost.`)
    const message = isExact ? content : toCrlf(content)
    const summary = summarise(message)
    const nowMs = clock.now()
    return {
      kind: 'email.deliver',
      account,
      mailboxes: [target.id],
      blob: await store.putBlob([message]),
      summary,
      flags: incoming.flags.slice(0, MOST_FLAGS),
      receivedAtMs: Math.trunc(incoming.receivedAtMs ?? summary.sentAtMs ?? nowMs),
      savedAtMs: nowMs,
      verdict: null,
      brought,
    }
  }

  async #commit(waiting: readonly Waiting[]): Promise<void> {
    if (waiting.length === 0) return
    const results = await this.#options.store.commit(waiting.map(({ command }) => command))
    for (const [index, { incoming, command }] of waiting.entries()) {
      const result = await this.#withoutNames(results[index]!, incoming, command)
      if (result.ok) this.#brought++
      else if (result.reason === 'exists') this.#known++
      else if (result.reason === 'over-quota') this.stopped = `The account is full. ${result.message}`
      else this.#note(`${incoming.name}: ${result.message} It was left out.`)
      this.#bytes += incoming.sizeBytes
    }
  }

  /** A message whose UID or UIDL cannot be kept comes without. */
  async #withoutNames(first: CommandResult, incoming: Incoming, command: Waiting['command']): Promise<CommandResult> {
    const { item, uid, uidl } = command.brought!
    if (first.ok || first.reason !== 'conflict' || (uid === undefined && uidl === undefined)) return first
    this.#note(`${incoming.name}: ${first.message} It has another UID or POP3 name here.`)
    const fewer: Brought[] = [...(uid !== undefined && uidl !== undefined ? [{ item, uidl }] : []), { item }]
    let result: CommandResult = first
    for (const brought of fewer) {
      ;[result] = (await this.#options.store.commit([{ ...command, brought }])) as [CommandResult]
      if (result.ok || result.reason !== 'conflict') return result
    }
    return result
  }

  #note(sentence: string): void {
    if (this.#notes.length < MOST_NOTES) this.#notes.push(sentence)
    else this.#moreNotes++
  }
}

function itemOf(mailbox: string, key: string): string {
  return createHash('sha256').update(`${mailbox}\0${key}`).digest('hex').slice(0, 32)
}
