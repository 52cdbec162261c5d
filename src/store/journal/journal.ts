// The journal of an embedded store, as its engine keeps it: what was decided, in order, durable before the database says
// so. The database is a view of it: what it has not applied is applied again (engine.ts). Files of a folder beside the
// database, begun anew at a size, so that those which a snapshot has made superfluous can go.

import { DiskError, type OwnerFile, type OwnerFiles } from '../../world/disk.ts'
import { isSealed, type Seal } from '../../world/seal.ts'
import {
  linkOf,
  PART_HEADER_BYTES,
  type PartContent,
  type PartHeader,
  partHeader,
  readPart,
  readPartHeader,
  recordsOf,
} from './format.ts'

export const JOURNAL = 'journal'
const PART_BYTES = 32 * 1024 * 1024

interface OpenPart {
  readonly header: PartHeader
  readonly file: OwnerFile
  link: number
}

/** What the last append was, so that it can be taken back. */
interface Mark {
  readonly part: OpenPart
  readonly size: number
  readonly link: number
}

export class Journal {
  readonly #files: OwnerFiles
  /** In order; the last is written to when `#part` is set. */
  readonly #headers: PartHeader[]
  #part: OpenPart | undefined
  /** What comes next follows from what is here. */
  #continues = true
  #next = 1
  #mark: Mark | undefined

  private constructor(files: OwnerFiles, headers: PartHeader[]) {
    this.#files = files
    this.#headers = headers
  }

  /**
   * `applied`: the last record that the view has. Cuts off a torn tail.
   * @throws DiskError when records that the view has not applied are not whole, or not there
   */
  static open(files: OwnerFiles, applied: number): Journal {
    const headers: PartHeader[] = []
    for (const name of files.list(JOURNAL)) {
      const number = partNumber(name)
      if (number === undefined) continue
      const header = readPartHeader(readFile(files, number, PART_HEADER_BYTES))
      if (header?.number === number) headers.push(header)
      // Begun by a process that ended meanwhile: nothing was ever said to be in it.
      else if (files.list(JOURNAL).at(-1) === name) files.remove(partPath(number))
    }
    const journal = new Journal(files, headers)
    journal.#continue(applied)
    return journal
  }

  /** The number of the last record. */
  get last(): number {
    return this.#next - 1
  }

  /** Every record from this one on is here; beyond `last` when none is. */
  get first(): number {
    let at = this.#headers.length - 1
    if (at < 0 || !this.#continues) return this.#next
    while (at > 0 && this.#headers[at]!.continues) at--
    return this.#headers[at]!.first
  }

  /** Records after this one, in order. @throws DiskError when one of them is missing or damaged */
  *after(seq: number): Generator<{ seq: number; text: Buffer }> {
    let wanted = seq + 1
    for (const [index, header] of this.#headers.entries()) {
      const end = this.#headers[index + 1]?.first ?? this.#next
      if (end <= wanted) continue
      const part = readPart(readFile(this.#files, header.number))
      for (const record of part?.records ?? []) {
        if (record.seq >= end) break
        if (record.seq < wanted) continue
        if (record.seq > wanted) break
        wanted++
        yield openRecord(record, this.#files.seal)
      }
      if (wanted < end) throw missing(wanted, header.number)
    }
    if (wanted < this.#next) throw missing(wanted, undefined)
  }

  /** One append, durable when this returns. @throws DiskError: then it is as it was before */
  append(texts: readonly Buffer[]): void {
    this.#mark = undefined
    const part = this.#part ?? this.#begin()
    const size = part.file.size
    const { seal } = this.#files
    const kept = seal === undefined ? texts : texts.map((text, at) => seal.seal(text, contextOf(this.#next + at)))
    const { chunks, link } = recordsOf(this.#next, kept, part.link)
    try {
      part.file.append(chunks)
    } catch (error) {
      // A full disk left the file as it was. Of anything else it is not known what is in it.
      const isAsBefore = error instanceof DiskError && error.code === 'full' && part.file.size === size
      if (!isAsBefore) this.#giveUp()
      throw error
    }
    this.#mark = { part, size, link: part.link }
    part.link = link
    this.#next += texts.length
    if (part.file.size >= PART_BYTES) this.#retire()
  }

  /** The last append never was: the view refused it. */
  takeBack(appended: number): void {
    const mark = this.#mark
    if (mark === undefined) return
    this.#mark = undefined
    this.#next -= appended
    try {
      if (this.#part !== mark.part) throw new DiskError('failed', 'The part is closed.')
      mark.part.file.truncate(mark.size)
      mark.part.link = mark.link
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#giveUp()
    }
  }

  /** What comes next goes into a part of its own: so the ones before can go. */
  beginPart(): void {
    this.#mark = undefined
    this.#retire()
    this.#begin()
  }

  /** Parts that hold nothing after this record go. */
  dropThrough(seq: number): void {
    while (this.#headers.length > 1 && this.#headers[1]!.first <= seq + 1) {
      this.#files.remove(partPath(this.#headers[0]!.number))
      this.#headers.shift()
    }
  }

  #continue(applied: number): void {
    const header = this.#headers.at(-1)
    const part = header === undefined ? undefined : (readPart(readFile(this.#files, header.number)) as PartContent)
    const last = part === undefined ? 0 : part.header.first + part.records.length - 1
    if (part !== undefined && part.lastBeyond > applied) throw missing(last + 1, part.header.number)
    if (part === undefined || last < applied) {
      // The view knows more than can be read here: nothing is lost, but it does not follow from this journal.
      this.#next = applied + 1
      this.#continues = false
      return
    }
    this.#next = last + 1
    const file = this.#files.open(partPath(part.header.number), false)
    if (file.size > part.end) file.truncate(part.end)
    this.#part = { header: part.header, file, link: part.link }
    if (part.end >= PART_BYTES) this.#retire()
  }

  /** @throws DiskError */
  #begin(): OpenPart {
    const header = { number: (this.#headers.at(-1)?.number ?? 0) + 1, first: this.#next, continues: this.#continues }
    const path = partPath(header.number)
    // One that could not be finished may be there.
    this.#files.remove(path)
    const file = this.#files.open(path, true)
    try {
      file.append([partHeader(header)])
    } catch (error) {
      file.close()
      throw error
    }
    this.#headers.push(header)
    this.#continues = true
    this.#part = { header, file, link: linkOf(header) }
    return this.#part
  }

  #retire(): void {
    this.#part?.file.close()
    this.#part = undefined
  }

  /** Nothing more is written to it. A new part says where it ended; if that cannot be begun now, then with the next append. */
  #giveUp(): void {
    this.#retire()
    try {
      this.#begin()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
    }
  }
}

/** What a record of an encrypted store is sealed as. */
const contextOf = (seq: number) => `record ${seq} of the journal`

/** The record as it was written. @throws DiskError when it is sealed and cannot be opened */
export function openRecord<Record extends { seq: number; text: Buffer }>(
  record: Record,
  seal: Seal | undefined,
): Record {
  if (seal !== undefined) return { ...record, text: seal.open(record.text, contextOf(record.seq)) }
  if (isSealed(record.text))
    throw new DiskError('failed', `${contextOf(record.seq)} is encrypted, and there is no key.`)
  return record
}

export function partPath(number: number): string {
  return `${JOURNAL}/${String(number).padStart(10, '0')}.part`
}

/** The number of a part by its file's name. */
export function partNumber(name: string): number | undefined {
  const digits = /^(\d{10})\.part$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function readFile(files: OwnerFiles, number: number, mostBytes = Number.POSITIVE_INFINITY): Buffer {
  const file = files.open(partPath(number), false)
  try {
    return file.read(0, Math.min(file.size, mostBytes))
  } finally {
    file.close()
  }
}

const HELP = 'Everything else stays as it is; `borderpost store rebuild` or a backup brings back what can be had.'

function missing(seq: number, part: number | undefined): DiskError {
  const where = part === undefined ? 'the journal' : `${partPath(part)}`
  return new DiskError(
    'failed',
    `Record ${seq} is missing or damaged in ${where}, and the database has not applied it. ${HELP}`,
  )
}
