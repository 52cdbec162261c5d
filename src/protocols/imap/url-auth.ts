// URLAUTH (RFC 4467): a person gives somebody a URL to a part of a message. GENURLAUTH signs it with a key of the mailbox,
// RESETKEY makes all that were signed worthless, URLFETCH gives what they lead to, with URLAUTH=BINARY (RFC 5524) also
// decoded. Who may not have it hears NIL, and not why.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { BlobRef } from '../../store/nouns/bodies.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import { type Dialogue, readBlobs } from '../dialogue.ts'
import { type Answer, bad, NO_MAILBOX, ok } from './answer.ts'
import { binaryBytes, decodedBytes } from './binary.ts'
import { bodyStructure } from './body-structure.ts'
import { addressOf, mailboxAt, type Place, readPath, type Viewer } from './names.ts'
import { one } from './one.ts'
import type { Cursor } from './parser.ts'
import { string } from './response.ts'
import { partNumbered, Source } from './section.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { type AuthorizedUrl, findUrl, partOfUrl, placeOfUrl, readAuthorizedUrl, type UrlTarget } from './url.ts'

const MOST_URLS = 100
/** Mailboxes whose key alone was made anew; beyond that all of a person's are. */
const MOST_RESETS = 1_000
/** RFC 4467 §9: which algorithm made the token, for the day when there is another. */
const HMAC_SHA256 = '01'

/** What a person's mailbox keys are made of: one secret, and what was added to a mailbox's by RESETKEY. */
interface Keys {
  readonly secret: string
  readonly resets: Readonly<Record<string, string>>
}

/** Of mailboxes that are not there. */
const NO_KEYS: Keys = { secret: '00'.repeat(32), resets: {} }

const settingOf = (account: number): string => `urlauth/${account}`

function keysOf(store: Store, account: number): Keys | undefined {
  const kept = store.setting(settingOf(account))
  return kept === undefined ? undefined : (JSON.parse(kept) as Keys)
}

const mailboxKey = ({ account, mailbox }: Place): string => `${account}-${mailbox.id}-${mailbox.uidValidity}`

function tokenFor({ secret, resets }: Keys, place: Place | undefined, rump: string): string {
  const of = place === undefined ? 'none' : mailboxKey(place)
  const key = createHmac('sha256', Buffer.from(secret, 'hex'))
    .update(`${of} ${resets[of] ?? ''}`)
    .digest()
  return HMAC_SHA256 + createHmac('sha256', key).update(rump, 'latin1').digest('hex')
}

const accountNamed = (viewer: Viewer, name: string): Account | undefined =>
  viewer.store.accountByAddress(addressOf(viewer, name))

const randomHex = (session: ImapSession): string => Buffer.from(session.options.random.bytes(32)).toString('hex')

/** GENURLAUTH rump INTERNAL … */
export function* genUrlAuth(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  const rumps: string[] = []
  while (args.optionalSpace()) {
    rumps.push(args.astring().toString('latin1'))
    args.space()
    if (args.keyword() !== 'INTERNAL') args.fail('INTERNAL is the only mechanism')
  }
  args.end()
  if (rumps.length === 0 || rumps.length > MOST_URLS) args.fail('which URLs?')
  if (args.error) return bad(args.error)
  const account = session.account!
  const asked: { url: AuthorizedUrl; place: Place }[] = []
  for (const rump of rumps) {
    const url = readAuthorizedUrl(rump)
    if (url === undefined || url.token !== undefined) return bad('not a URL of a message with EXPIRE and URLAUTH')
    // RFC 4467 §7: each of these is a BAD.
    if (accountNamed(session, url.user)?.id !== account.id) return bad('that URL is not of your mailboxes')
    const place = placeOfUrl(session, url.name!)
    if (place === undefined || !place.rights.has('r')) return bad('that URL is of no mailbox')
    asked.push({ url, place })
  }
  let keys = keysOf(session.store, account.id)
  if (keys === undefined) {
    const value = JSON.stringify({ secret: randomHex(session), resets: {} } satisfies Keys)
    // Another session may do the same now: the first one's counts.
    const result = yield* one({ kind: 'setting.put', key: settingOf(account.id), value, orKeep: true })
    if ('status' in result) return result
    keys = keysOf(session.store, account.id)!
  }
  const made = asked.map(({ url, place }) => string(`${url.rump}:INTERNAL:${tokenFor(keys, place, url.rump)}`))
  session.output.line(`* GENURLAUTH ${made.join(' ')}`)
  return ok('that is all')
}

/** RESETKEY [mailbox [mechanism …]] */
export function* resetKey(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  const path = args.optionalSpace() ? readPath(session, args) : undefined
  while (args.optionalSpace()) if (args.keyword() !== 'INTERNAL') args.fail('INTERNAL is the only mechanism')
  args.end()
  if (args.error) return bad(args.error)
  const account = session.account!.id
  const place = path === undefined ? undefined : mailboxAt(session, path)
  if (path !== undefined && place === undefined) return NO_MAILBOX
  const keys = keysOf(session.store, account)
  const isAll = place === undefined || keys === undefined || Object.keys(keys.resets).length >= MOST_RESETS
  const next: Keys = isAll
    ? { secret: randomHex(session), resets: {} }
    : { ...keys, resets: { ...keys.resets, [mailboxKey(place)]: randomHex(session) } }
  const result = yield* one({ kind: 'setting.put', key: settingOf(account), value: JSON.stringify(next) })
  return 'status' in result ? result : ok('what was given out leads nowhere any more', 'URLMECH INTERNAL')
}

/** Who wants what a URL leads to: somebody who has signed in here, or a submission server on behalf of somebody. */
type Asker = { readonly as: 'user' | 'submit'; readonly account: Account }

/** What the URL leads to for this asker; undefined when it leads nowhere, or not for them. */
function authorized(
  viewer: Omit<Viewer, 'account'>,
  url: AuthorizedUrl,
  asker: Asker,
  nowMs: number,
): UrlTarget | undefined {
  const { store } = viewer
  if (url.token === undefined || (url.expiresAtMs ?? Number.POSITIVE_INFINITY) < nowMs) return undefined
  const account = accountNamed({ ...viewer, account: asker.account }, url.user)
  const keys = account && keysOf(store, account.id)
  const issuer: Viewer | undefined = account && { ...viewer, store, account }
  const place = issuer && placeOfUrl(issuer, url.name!)
  // RFC 4467 §6: what takes longer must not tell which mailboxes there are.
  if (keys === undefined || issuer === undefined || place === undefined) {
    tokenFor(NO_KEYS, undefined, url.rump)
    return undefined
  }
  const wanted = Buffer.from(tokenFor(keys, place, url.rump))
  const given = Buffer.from(url.token.toLowerCase())
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined
  return isFor(issuer, url, asker) ? findUrl(issuer, url) : undefined
}

/** RFC 4467 §4. */
function isFor(issuer: Viewer, { access }: AuthorizedUrl, { as, account }: Asker): boolean {
  if (access.kind === 'anonymous') return true
  if (access.kind === 'authuser') return as === 'user'
  return access.kind === as && accountNamed(issuer, access.userid)?.id === account.id
}

/** For BURL (RFC 4468): where the part lies that somebody submits; its bytes are `partOfUrl` of the whole message. */
export function submittedUrl(store: Store, url: string, account: Account, nowMs: number): UrlTarget | undefined {
  const read = readAuthorizedUrl(url)
  if (read === undefined) return undefined
  return authorized({ store, options: { delimiter: '/' } }, read, { as: 'submit', account }, nowMs)
}

interface Wish {
  readonly text: string
  /** Undefined: as RFC 4467 has it, a string. */
  readonly items: readonly string[] | undefined
}

/** In the order of the answer: what the bytes are stands before them. */
const ITEMS: readonly string[] = ['BODYPARTSTRUCTURE', 'BODY', 'BINARY']

function readWish(args: Cursor): Wish {
  if (!args.isList()) return { text: args.astring().toString('latin1'), items: undefined }
  let text: string | undefined
  const items: string[] = []
  args.list(() => {
    if (text === undefined) text = args.astring().toString('latin1')
    else items.push(args.keyword())
  })
  if (text === undefined || items.some((item) => !ITEMS.includes(item))) args.fail('BODY, BINARY or BODYPARTSTRUCTURE')
  if (new Set(items).size < items.length) args.fail('each once')
  if (items.includes('BODY') && items.includes('BINARY')) args.fail('BODY or BINARY')
  // RFC 5524 §3.1: without any it is as if there were no parentheses.
  return { text: text ?? '', items: items.length === 0 ? undefined : ITEMS.filter((item) => items.includes(item)) }
}

/** URLFETCH url … , or (url BODYPARTSTRUCTURE BINARY) */
export function* urlFetch(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  const wishes: Wish[] = []
  while (args.optionalSpace()) wishes.push(readWish(args))
  args.end()
  if (wishes.length === 0 || wishes.length > MOST_URLS) args.fail('which URLs?')
  if (args.error) return bad(args.error)
  const { output, options } = session
  const asker: Asker = { as: 'user', account: session.account! }
  output.text('* URLFETCH')
  for (const { text, items } of wishes) {
    const url = readAuthorizedUrl(text)
    const target = url && authorized(session, url, asker, options.now())
    output.text(` ${string(text)}`)
    const whole = target && (yield* bodyOf(target.blob))
    const part = whole && partOfUrl(whole, target)
    // RFC 4467 §8: of a good URL to a part that is not there an empty string; RFC 5524 §4: where more is asked, NIL.
    if (target === undefined || whole === undefined) output.text(' NIL')
    else if (items === undefined) tellBytes(session, ' ', part ?? Buffer.alloc(0))
    else if (part === undefined) output.text(' NIL')
    else for (const item of items) tellItem(session, item, whole, target, items.includes('BINARY'))
    yield* session.flushWhenFull()
  }
  output.line('')
  return ok('that is all')
}

function* bodyOf(ref: BlobRef): Dialogue<Buffer | undefined> {
  return (yield* readBlobs([{ ref }]))[0]
}

function tellBytes({ output }: ImapSession, before: string, bytes: Buffer | undefined, literal = ''): void {
  if (bytes === undefined) {
    output.text(`${before}NIL`)
    return
  }
  output.text(`${before}${literal}{${bytes.length}}\r\n`)
  output.bytes(bytes)
}

/** RFC 5524 §3: '(BODY …)', '(BINARY ~{5} …)', '(BODYPARTSTRUCTURE (…))'. */
function tellItem(session: ImapSession, item: string, whole: Buffer, target: UrlTarget, isDecoded: boolean): void {
  const { output } = session
  const source = new Source(whole)
  const { path, text } = target.section
  if (item === 'BODYPARTSTRUCTURE') {
    const part = path.length === 0 ? source.structure : partNumbered(source.structure, path.join('.'))
    const isPart = part !== undefined && text === '' && target.partial === undefined
    const decoded = isPart && isDecoded ? decodedBytes(source, target.section) : undefined
    output.text(` (BODYPARTSTRUCTURE ${isPart ? bodyStructure(part, true, decoded) : 'NIL'})`)
    return
  }
  if (item === 'BODY' || text !== '') tellBytes(session, ` (${item} `, partOfUrl(whole, target))
  else {
    const decoded = binaryBytes(source, target.section)
    const { offset, length } = target.partial ?? { offset: 0, length: Number.MAX_SAFE_INTEGER }
    const bytes = Buffer.isBuffer(decoded) ? decoded.subarray(offset, offset + length) : undefined
    // RFC 5524 §5: literal8 only where it must be.
    tellBytes(session, ' (BINARY ', bytes, bytes?.includes(0) ? '~' : '')
  }
  output.text(')')
}
