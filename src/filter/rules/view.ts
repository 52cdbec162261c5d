// One message, prepared for the rules: each feature is computed when the first rule asks for it and kept. Reads the
// message through the house's one header parser and one MIME walker. Everything is bounded in number and size.

import { type AddressList, type Mailbox, mailboxesOf, parseAddressList } from '../../message/address.ts'
import { bodyLists, partText } from '../../message/body.ts'
import { type MailDate, parseDate } from '../../message/date.ts'
import { decodeEncodedWords } from '../../message/encoded-word.ts'
import { bytesToText, type Header, type HeaderField, rawValue, unfold } from '../../message/header.ts'
import { isPrivateIp } from '../../message/ip.ts'
import { allParts, type Part, parseStructure } from '../../message/mime.ts'
import { parseReceived, type Received } from '../../message/received.ts'
import type { ListResult } from '../dnsbl.ts'
import type { Standing } from '../reputation.ts'
import { type Attachment, readAttachments } from './attachments.ts'
import { organization } from './domains.ts'
import { type HtmlFacts, readHtml } from './html.ts'
import { findPhrases, type PhraseHits } from './phrases.ts'
import { findUrls, type MessageUrl } from './urls.ts'

/** What was proven about the sender, in the terms of src/identity (whose `Identity` fits here). */
export interface ProvenIdentity {
  readonly ip: string
  readonly helo: string
  /** Empty for the null reverse-path. */
  readonly reversePath: string
  readonly spf: { readonly result: string; readonly domain: string; readonly letsEverybody?: boolean }
  readonly dkim: readonly {
    readonly result: string
    readonly domain: string
    readonly keyBits?: number
    readonly unsignedBytes?: number
  }[]
  readonly dmarc: {
    readonly result: string
    readonly policy: string
    readonly domain: string
    readonly aligned: { readonly spf: string | undefined; readonly dkim: string | undefined }
  }
  readonly arc: { readonly result: string }
  readonly iprev: { readonly result: string; readonly name?: string }
}

export interface MailFacts {
  readonly message: Buffer
  /** The tree of the message where the caller has it already. */
  readonly structure?: Part
  /** When it arrived, milliseconds since 1970. */
  readonly nowMs: number
  /** Recipients of the envelope. */
  readonly recipients?: readonly string[]
  /** Domains of the Recipient's network, lower case. */
  readonly ownDomains?: readonly string[]
  readonly identity?: ProvenIdentity
  readonly session?: {
    /** The client spoke before it was greeted. */
    readonly earlyTalker?: boolean
  }
  /** What lists over DNS and our own memory say of the sender, as far as it may count for this Recipient. */
  readonly known?: {
    readonly listings: readonly ListResult[]
    readonly standing?: Standing
    /** How often one of its signatures came of late, and not from who signed. */
    readonly copies?: number
  }
  /** True if it answers a message that was sent from here (its In-Reply-To or References is one of ours). */
  readonly answersOurs?: boolean
}

const MAX_PARTS = 1000
const MAX_TEXT = 512 * 1024
/** Raw bytes of a part that are decoded at most: quoted-printable is up to three times as long as its text. */
const MAX_ENCODED = 3 * MAX_TEXT
const MAX_RECEIVED = 40
const MAX_ADDRESS_FIELD = 64 * 1024

export interface BodyTexts {
  /** The text/plain parts that a reader shows; lines end with a line feed. */
  readonly plain: string
  /** The source of the text/html parts that a reader shows. */
  readonly html: string
  readonly hasPlainPart: boolean
  readonly hasHtmlPart: boolean
  readonly encodingProblem: boolean
}

export class MailView {
  readonly facts: MailFacts
  readonly root: Part
  readonly header: Header
  readonly #fields = new Map<string, HeaderField[]>()
  readonly #values = new Map<string, string | undefined>()
  readonly #lists = new Map<string, AddressList>()
  #parts: readonly Part[] | undefined
  #received: readonly Received[] | undefined
  #connecting: Connecting | undefined
  #texts: BodyTexts | undefined
  #html: HtmlFacts | undefined
  #text: string | undefined
  #urls: readonly MessageUrl[] | undefined
  #webUrls: readonly MessageUrl[] | undefined
  #attachments: readonly Attachment[] | undefined
  #phrases: PhraseHits | undefined
  #from: { mailbox: Mailbox | undefined } | undefined
  #to: readonly Mailbox[] | undefined
  #subject: string | undefined
  #date: { date: MailDate | undefined } | undefined

  constructor(facts: MailFacts) {
    this.facts = facts
    this.root = facts.structure ?? parseStructure(facts.message, { maxParts: MAX_PARTS })
    this.header = this.root.header
    for (const field of this.header.fields) {
      const known = this.#fields.get(field.lowerName)
      if (known === undefined) this.#fields.set(field.lowerName, [field])
      else known.push(field)
    }
  }

  get identity(): ProvenIdentity | undefined {
    return this.facts.identity
  }

  /** The same message with other facts: parsed once, looked at again. */
  with(facts: Partial<MailFacts>): MailView {
    return new MailView({ ...this.facts, structure: this.root, ...facts })
  }

  /** Message-IDs of what it says it answers, without brackets: In-Reply-To and the last of References. */
  get answers(): readonly string[] {
    const ids = (name: string) => (this.field(name) ?? '').slice(0, 10_000).match(/[^<>\s]{1,250}(?=>)/g) ?? []
    return [...new Set([...ids('in-reply-to').slice(0, 2), ...ids('references').slice(-2)])]
  }

  /** How many fields of that (lower-case) name there are. */
  count(name: string): number {
    return this.#fields.get(name)?.length ?? 0
  }

  has(name: string): boolean {
    return this.#fields.has(name)
  }

  /** The first field of that name, unfolded, not decoded. */
  field(name: string): string | undefined {
    if (this.#values.has(name)) return this.#values.get(name)
    const field = this.#fields.get(name)?.[0]
    const value = field && unfold(bytesToText(rawValue(this.header, field)))
    this.#values.set(name, value)
    return value
  }

  /** The bytes of the first field of that name. */
  raw(name: string): Buffer | undefined {
    const field = this.#fields.get(name)?.[0]
    return field && rawValue(this.header, field)
  }

  /** The first field of that name as addresses. */
  addressList(name: string): AddressList {
    let list = this.#lists.get(name)
    if (list === undefined) {
      const raw = this.raw(name)
      list = raw ? parseAddressList(raw.subarray(0, MAX_ADDRESS_FIELD)) : { addresses: [], defects: [], unparsed: [] }
      this.#lists.set(name, list)
    }
    return list
  }

  get from(): Mailbox | undefined {
    this.#from ??= { mailbox: mailboxesOf(this.addressList('from'))[0] }
    return this.#from.mailbox
  }

  get fromName(): string {
    return this.from?.displayName ?? ''
  }

  /** Domain of the (first) author; empty when there is none. */
  get fromDomain(): string {
    return this.from?.domain ?? ''
  }

  get fromOrganization(): string {
    return this.fromDomain === '' ? '' : organization(this.fromDomain)
  }

  /** Registrable domains of who wrote and who sent it. */
  get senderDomains(): readonly string[] {
    const { reversePath = '' } = this.facts.identity ?? {}
    const domains = [this.fromDomain, reversePath.slice(reversePath.lastIndexOf('@') + 1).toLowerCase()]
    return [...new Set(domains.filter((domain) => domain !== '').map(organization))]
  }

  get replyTo(): Mailbox | undefined {
    return mailboxesOf(this.addressList('reply-to'))[0]
  }

  /** Everybody in To and Cc. */
  get to(): readonly Mailbox[] {
    return (this.#to ??= [...mailboxesOf(this.addressList('to')), ...mailboxesOf(this.addressList('cc'))])
  }

  /** Domains of the Recipient's network; those of the envelope where nothing else was said. */
  get ownDomains(): readonly string[] {
    const { ownDomains, recipients } = this.facts
    return ownDomains ?? recipients?.map((address) => address.slice(address.lastIndexOf('@') + 1).toLowerCase()) ?? []
  }

  /** Decoded. */
  get subject(): string {
    return (this.#subject ??= decodeEncodedWords((this.field('subject') ?? '').slice(0, 4000)))
  }

  get date(): MailDate | undefined {
    this.#date ??= { date: this.has('date') ? parseDate(this.field('date')!) : undefined }
    return this.#date.date
  }

  get messageId(): string {
    return this.field('message-id') ?? ''
  }

  /** Topmost (newest) first. */
  get received(): readonly Received[] {
    return (this.#received ??= (this.#fields.get('received') ?? [])
      .slice(0, MAX_RECEIVED)
      .map((field) => parseReceived(rawValue(this.header, field).toString('latin1'))))
  }

  /** The host that handed the message over to us: from the session, else from the topmost Received that names one. */
  get connecting(): Connecting {
    if (this.#connecting !== undefined) return this.#connecting
    const { identity } = this.facts
    if (identity) {
      this.#connecting = { ip: identity.ip, helo: identity.helo, name: identity.iprev.name, isProven: true }
    } else {
      const line = this.received.find(({ ip, isHandover }) => isHandover && ip !== undefined && !isPrivateIp(ip))
      this.#connecting = { ip: line?.ip ?? '', helo: line?.helo ?? '', name: line?.reverseName, isProven: false }
    }
    return this.#connecting
  }

  /** The message came through a mailing list or another program that passes mail on. */
  get isFromList(): boolean {
    return this.has('list-id') || this.has('list-post') || this.has('mailing-list') || this.has('x-mailing-list')
  }

  /** It is part of a conversation: it names what it answers. */
  get isReply(): boolean {
    return this.has('in-reply-to') || this.has('references')
  }

  get parts(): readonly Part[] {
    if (this.#parts === undefined) {
      const parts: Part[] = []
      for (const part of allParts(this.root)) if (parts.push(part) >= MAX_PARTS) break
      this.#parts = parts
    }
    return this.#parts
  }

  get texts(): BodyTexts {
    return (this.#texts ??= textsOf(this.root))
  }

  get html(): HtmlFacts {
    return (this.#html ??= readHtml(this.texts.html))
  }

  /** What the reader sees: plain text, or what is visible of the HTML where there is no plain text. */
  get text(): string {
    const { plain, hasHtmlPart } = this.texts
    return (this.#text ??= hasHtmlPart ? this.html.text : plain)
  }

  get urls(): readonly MessageUrl[] {
    return (this.#urls ??= findUrls(
      this.texts.plain + (this.texts.hasHtmlPart ? `\n${this.html.text}` : ''),
      this.html.links,
    ))
  }

  /** The http and https addresses that a reader could click. */
  get webUrls(): readonly MessageUrl[] {
    return (this.#webUrls ??= this.urls.filter(
      ({ scheme, from, host }) => host !== '' && from !== 'image' && (scheme === 'http' || scheme === 'https'),
    ))
  }

  get attachments(): readonly Attachment[] {
    return (this.#attachments ??= readAttachments(this.parts))
  }

  /** Which phrases of content stand in subject and text. */
  get phrases(): PhraseHits {
    return (this.#phrases ??= findPhrases(`${this.subject}\n${this.text}`))
  }
}

export interface Connecting {
  readonly ip: string
  readonly helo: string
  /** Its name by reverse DNS, confirmed if `isProven`. */
  readonly name: string | undefined
  readonly isProven: boolean
}

function textsOf(root: Part): BodyTexts {
  const { textBody, htmlBody } = bodyLists(root)
  let plain = ''
  let html = ''
  let encodingProblem = false
  let hasPlainPart = false
  let hasHtmlPart = false
  for (const part of new Set([...textBody, ...htmlBody])) {
    if (part.type !== 'text' || plain.length + html.length >= MAX_TEXT) continue
    const { text, isEncodingProblem } = partText(
      part.bodyEnd - part.bodyStart > MAX_ENCODED ? { ...part, bodyEnd: part.bodyStart + MAX_ENCODED } : part,
    )
    const room = MAX_TEXT - plain.length - html.length
    const lines = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
    if (isEncodingProblem) encodingProblem = true
    if (part.subtype === 'html') {
      hasHtmlPart = true
      html += `${lines.slice(0, room)}\n`
    } else {
      hasPlainPart = true
      plain += `${lines.slice(0, room)}\n`
    }
  }
  return { plain, html, hasPlainPart, hasHtmlPart, encodingProblem }
}
