// The mailboxes of an account at another IMAP server, as a source of mail. A connection that is lost is made again, and
// reading goes on after the last message that came.

import { decodeMailboxName } from '../protocols/imap/mutf7.ts'
import type { SpecialUse } from '../store/nouns/mail.ts'
import { NetworkError } from '../world/network.ts'
import type { Clock } from '../world/world.ts'
import { ImapClient, type ImapHost, ImapRefusal, isWord, quoted, TOO_LARGE, type Token } from './imap-client.ts'
import { type Identity, type Incoming, type IncomingMailbox, MAX_MESSAGE_BYTES } from './place.ts'

/** Asked for at once: the server sends them one after another while the first are being kept. */
const UIDS_AT_ONCE = 50
const MOST_ATTEMPTS = 8
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

export interface ImapAccount {
  readonly host: ImapHost
  /** What the server is called: part of how messages are known again. */
  readonly name: string
  readonly user: string
  readonly password: string
  readonly clock: Clock
}

const USES: ReadonlyMap<string, SpecialUse> = new Map([
  ['\\drafts', 'drafts'],
  ['\\sent', 'sent'],
  ['\\trash', 'trash'],
  ['\\junk', 'junk'],
  ['\\archive', 'archive'],
  ['\\all', 'archive'],
])

interface Listed {
  readonly wire: string
  readonly parts: readonly string[]
  readonly attributes: ReadonlySet<string>
}

export class ImapSource {
  readonly #account: ImapAccount
  #client: ImapClient | undefined
  #opened: string | undefined
  #isStopped = false

  constructor(account: ImapAccount) {
    this.#account = account
  }

  /** All mailboxes; views of others (RFC 6154 \All, \Flagged) last or not. @throws ImapRefusal @throws NetworkError */
  async mailboxes(): Promise<IncomingMailbox[]> {
    return this.#persist(async () => {
      const client = await this.#connected()
      const [all, subscribed] = [await list(client, 'LIST'), await list(client, 'LSUB')]
      const names = new Set(subscribed.map(({ wire }) => wire))
      const isView = ({ attributes }: Listed) => attributes.has('\\all')
      return all
        .filter(({ attributes: has }) => !has.has('\\noselect') && !has.has('\\nonexistent') && !has.has('\\flagged'))
        .sort((a, b) => Number(isView(a)) - Number(isView(b)))
        .map((one) => this.#mailbox(one, names.has(one.wire)))
    })
  }

  /** Ends what is under way: it throws. */
  stop(): void {
    this.#isStopped = true
    this.close()
  }

  close(): void {
    this.#client?.close()
    this.#client = undefined
  }

  #mailbox(listed: Listed, isSubscribed: boolean): IncomingMailbox {
    const { parts, attributes } = listed
    const use = [...attributes].map((one) => USES.get(one)).find((one) => one !== undefined)
    return {
      parts,
      isSubscribed,
      ...(use !== undefined && { use }),
      ...(attributes.has('\\all') && { isView: true }),
      identity: () => this.#persist(() => this.#open(listed, true)),
      messages: (isKnown) => this.#messages(listed, isKnown),
    }
  }

  async *#messages(listed: Listed, isKnown: (key: string) => boolean): AsyncGenerator<Incoming> {
    const { uidValidity } = await this.#persist(() => this.#open(listed, false))
    const keyOf = (uid: number) => `imap ${this.#account.name} ${this.#account.user} ${uidValidity} ${uid}`
    const uids = await this.#persist(async () => {
      await this.#openSame(listed, uidValidity)
      const found: number[] = []
      const reply = await this.#client!.run('UID SEARCH ALL', (tokens) => {
        if (isWord(tokens[0], 'SEARCH')) for (const token of tokens.slice(1)) found.push(Number(token))
      })
      if (!reply.isOk) throw new ImapRefusal(`${listed.parts.join('/')} cannot be searched: ${reply.text}`)
      return found.filter((uid) => Number.isInteger(uid) && uid > 0).sort((a, b) => a - b)
    })
    let wanted: number[] = []
    for (const [index, uid] of uids.entries()) {
      const key = keyOf(uid)
      if (isKnown(key))
        yield { key, name: '', flags: [], receivedAtMs: undefined, uid, sizeBytes: 0, content: async () => undefined }
      else wanted.push(uid)
      if (wanted.length < UIDS_AT_ONCE && index < uids.length - 1) continue
      yield* this.#fetch(listed, uidValidity, wanted, keyOf)
      wanted = []
    }
  }

  /** Messages with these UIDs, as far as they are still there, whatever the connection does. */
  async *#fetch(
    listed: Listed,
    uidValidity: number | undefined,
    uids: readonly number[],
    keyOf: (uid: number) => string,
  ): AsyncGenerator<Incoming> {
    const left = new Set(uids)
    for (let attempt = 0; left.size > 0; ) {
      try {
        await this.#openSame(listed, uidValidity)
        const command = `UID FETCH ${[...left].join(',')} (UID FLAGS INTERNALDATE BODY.PEEK[])`
        for await (const answer of this.#client!.ask(command)) {
          if ('isOk' in answer) {
            if (!answer.isOk) throw new ImapRefusal(`${listed.parts.join('/')} cannot be read: ${answer.text}`)
            return
          }
          const message = messageOf(answer)
          if (message === undefined || !left.delete(message.uid)) continue
          attempt = 0
          const { uid, flags, receivedAtMs, content } = message
          const rest = { flags, receivedAtMs, uid, sizeBytes: content.length }
          const name = `${listed.parts.join('/')}, UID ${uid}`
          yield { key: keyOf(uid), name, ...rest, content: async () => (content === TOO_LARGE ? undefined : content) }
        }
      } catch (error) {
        attempt = await this.#again(error, attempt)
      }
    }
  }

  async #openSame(listed: Listed, uidValidity: number | undefined): Promise<void> {
    const now = await this.#open(listed, false)
    if (now.uidValidity !== uidValidity)
      throw new ImapRefusal(`${listed.parts.join('/')} was made anew at the server meanwhile. Run it again.`)
  }

  #identity: Identity = {}

  /** Opens a mailbox for reading, if it is not open already. */
  async #open({ wire, parts }: Listed, isFresh: boolean): Promise<Identity> {
    const client = await this.#connected()
    if (this.#opened === wire && !isFresh) return this.#identity
    this.#opened = undefined
    const found: { uidValidity?: number; uidNext?: number; modseq?: number } = {}
    const hear = (tokens: readonly Token[]) => {
      const text = tokens.map(String).join(' ')
      const [, name, value] = /\[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)\]/i.exec(text) ?? []
      const number = Number(value)
      if (name?.toUpperCase() === 'UIDVALIDITY') found.uidValidity = number
      else if (name?.toUpperCase() === 'UIDNEXT') found.uidNext = number
      else if (name !== undefined) found.modseq = number
    }
    const reply = await client.run(`EXAMINE ${quoted(wire)}`, hear)
    if (!reply.isOk) throw new ImapRefusal(`${parts.join('/')} cannot be opened: ${reply.text}`)
    this.#opened = wire
    this.#identity = found
    return found
  }

  async #connected(): Promise<ImapClient> {
    if (this.#client !== undefined) return this.#client
    const { host, user, password } = this.#account
    const client = await ImapClient.connect(host, MAX_MESSAGE_BYTES)
    try {
      await client.signIn(user, password)
    } catch (error) {
      client.close()
      throw error
    }
    this.#opened = undefined
    this.#client = client
    return client
  }

  async #persist<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; ) {
      try {
        return await work()
      } catch (error) {
        attempt = await this.#again(error, attempt)
      }
    }
  }

  /** Waits before the next attempt. @throws the error, when another helps nothing */
  async #again(error: unknown, attempt: number): Promise<number> {
    this.close()
    const isFinal =
      this.#isStopped || !(error instanceof NetworkError) || error.code === 'tls' || attempt + 1 >= MOST_ATTEMPTS
    if (isFinal) throw error
    await this.#account.clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS))
    return attempt + 1
  }
}

async function list(client: ImapClient, command: 'LIST' | 'LSUB'): Promise<Listed[]> {
  const found: Listed[] = []
  const reply = await client.run(`${command} "" "*"`, (tokens) => {
    const [word, attributes, delimiter, name] = tokens
    if (!isWord(word, command) || !Array.isArray(attributes) || name === undefined || name === null) return
    const wire = Buffer.isBuffer(name) ? name.toString('latin1') : String(name)
    const separator = typeof delimiter === 'string' ? delimiter : ''
    const parts = (separator === '' ? [wire] : wire.split(separator)).map((part) => decodeMailboxName(part) ?? part)
    found.push({ wire, parts, attributes: new Set(attributes.map((one) => String(one).toLowerCase())) })
  })
  if (!reply.isOk) throw new ImapRefusal(`The server does not tell its mailboxes: ${reply.text}`)
  return found
}

interface Fetched {
  readonly uid: number
  readonly flags: readonly string[]
  readonly receivedAtMs: number | undefined
  readonly content: Buffer
}

/** `* n FETCH (…)`, if it holds a message: servers tell flags of their own accord, too. */
function messageOf([, word, items]: readonly Token[]): Fetched | undefined {
  if (!isWord(word, 'FETCH') || !Array.isArray(items)) return undefined
  const list = items as readonly Token[]
  const after = (name: string) => {
    const at = list.findIndex((one, index) => index % 2 === 0 && isWord(one, name))
    return at < 0 ? undefined : list[at + 1]
  }
  const body = after('BODY[]')
  const uid = Number(after('UID'))
  if (!Number.isInteger(uid) || body === undefined) return undefined
  const flags = after('FLAGS')
  return {
    uid,
    flags: Array.isArray(flags) ? flags.map(String) : [],
    receivedAtMs: internalDate(String(after('INTERNALDATE'))),
    content: Buffer.isBuffer(body) ? body : Buffer.from(body === null ? '' : String(body), 'latin1'),
  }
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** RFC 9051 §9 date-time. */
function internalDate(text: string): number | undefined {
  const form = /^\s*(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = form.exec(text) ?? []
  const index = MONTHS.indexOf((month ?? '').toLowerCase())
  if (index < 0) return undefined
  const offset = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === '-' ? -60_000 : 60_000)
  return Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second)) - offset
}
