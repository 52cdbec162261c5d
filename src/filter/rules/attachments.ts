// The attachments of a message as the rules see them: the name, what the sender says it is, what it is by its bytes,
// and what is inside archives and documents. Decoded only when asked for, and only as far as the limits allow.

import { fileName, partBytes } from '../../message/body.ts'
import type { Part } from '../../message/mime.ts'
import { type ArchiveListing, listArchive, unpackBudget, unpackZipEntry, zipEntries } from './archive.ts'
import { endingsOf, type FileKind, kindOf } from './file-type.ts'
import { type HtmlFacts, readHtml } from './html.ts'

const MAX_ATTACHMENTS = 200
const HEAD_BYTES = 64 * 1024
/** Of larger files only this much is looked at. */
const MAX_BYTES = 8 * 1024 * 1024
const MAX_ALL = 32 * 1024 * 1024
const MAX_MARKUP = 256 * 1024

/** What all attachments of a message together may cost. */
interface Budget {
  bytes: number
  readonly unpack: ReturnType<typeof unpackBudget>
}

/** The parts that a reader would save or open: everything but the texts that are shown. */
export function readAttachments(parts: readonly Part[]): Attachment[] {
  const attachments: Attachment[] = []
  const budget: Budget = { bytes: MAX_ALL, unpack: unpackBudget() }
  for (const part of parts) {
    if (part.type === 'multipart' || part.message || attachments.length >= MAX_ATTACHMENTS) continue
    const name = fileName(part) ?? ''
    const isText = part.type === 'text' && (part.subtype === 'plain' || part.subtype === 'html')
    if (isText && name === '' && part.disposition?.type !== 'attachment') continue
    attachments.push(new Attachment(part, name, budget))
  }
  return attachments
}

export class Attachment {
  readonly part: Part
  /** Empty where the sender gave none. */
  readonly name: string
  /** Endings of the name, last first, lower case. */
  readonly endings: readonly string[]
  readonly #budget: Budget
  #head: Buffer | undefined
  #bytes: Buffer | undefined
  #kind: { kind: FileKind | undefined } | undefined
  #archive: { listing: ArchiveListing | undefined } | undefined
  #markup: HtmlFacts | undefined

  constructor(part: Part, name: string, budget: Budget) {
    this.part = part
    this.name = name
    this.endings = name === '' ? [] : endingsOf(name)
    this.#budget = budget
  }

  get ending(): string {
    return this.endings[0] ?? ''
  }

  get declaredType(): string {
    return `${this.part.type}/${this.part.subtype}`
  }

  /** The first 64 KiB or so, decoded. */
  get head(): Buffer {
    return (this.#head ??= decoded(this.part, HEAD_BYTES * 1.5))
  }

  /** Decoded, at most 8 MiB; only the head once the message's budget is spent. */
  get bytes(): Buffer {
    if (this.#bytes === undefined) {
      const size = Math.min(this.part.bodyEnd - this.part.bodyStart, MAX_BYTES * 1.5)
      if (size > this.#budget.bytes) this.#bytes = this.head
      else {
        this.#budget.bytes -= size
        this.#bytes = size <= HEAD_BYTES * 1.5 ? this.head : decoded(this.part, MAX_BYTES * 1.5)
      }
    }
    return this.#bytes
  }

  /** By its bytes. */
  get kind(): FileKind | undefined {
    this.#kind ??= { kind: kindOf(this.head) }
    return this.#kind.kind
  }

  get archive(): ArchiveListing | undefined {
    const { kind } = this
    if (this.#archive === undefined) {
      const { unpack } = this.#budget
      this.#archive = { listing: kind === undefined ? undefined : listArchive(this.bytes, kind, this.name, unpack) }
    }
    return this.#archive.listing
  }

  /** Names of what is inside, if it is an archive. */
  get inside(): readonly string[] {
    return this.archive?.entries.map(({ name }) => name) ?? []
  }

  /** A document of the zip family: Office Open XML, OpenDocument. */
  get isOfficeZip(): boolean {
    return this.kind === 'zip' && this.inside.some((name) => name === '[Content_Types].xml' || name === 'mimetype')
  }

  get isHtml(): boolean {
    return (
      this.kind === 'html' ||
      /^(?:x?html?|shtml)$/.test(this.ending) ||
      (this.part.type === 'text' && this.part.subtype === 'html')
    )
  }

  /** What is in an HTML or SVG file. */
  get markup(): HtmlFacts {
    return (this.#markup ??= readHtml(this.bytes.toString('utf8', 0, MAX_MARKUP)))
  }

  /** Does the file hold these ASCII characters; in OLE names also as UTF-16. */
  holds(text: string, encoding: 'latin1' | 'utf16le' = 'latin1'): boolean {
    return this.bytes.includes(text, 0, encoding)
  }

  /** The text of a member of a zip document whose name ends so, up to 64 KiB. */
  memberText(ending: string): string | undefined {
    if (this.kind !== 'zip') return undefined
    const entry = zipEntries(this.bytes).entries.find(({ name }) => name.endsWith(ending))
    return entry && unpackZipEntry(this.bytes, entry, HEAD_BYTES)?.toString('utf8')
  }
}

function decoded(part: Part, maxEncodedBytes: number): Buffer {
  const { bodyStart, bodyEnd } = part
  return partBytes(bodyEnd - bodyStart > maxEncodedBytes ? { ...part, bodyEnd: bodyStart + maxEncodedBytes } : part)
}
