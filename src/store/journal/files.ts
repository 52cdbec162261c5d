// The journal as others than its engine read it, also while the engine writes: for verify, backup and restore.

import { type Disk, DiskError } from '../../world/disk.ts'
import { type JournalRecord, type PartContent, readPart } from './format.ts'
import { JOURNAL, openRecord, partNumber, partPath } from './journal.ts'

/** One part, and what in it counts: what a later part says anew does not. */
export interface PartOnDisk {
  readonly number: number
  readonly bytes: Buffer
  /** Undefined: it has no header. */
  readonly content: PartContent | undefined
}

/** The numbers of the parts, in order. */
export async function partNumbers(disk: Disk, folder: string): Promise<number[]> {
  const names = await disk.list(`${folder}/${JOURNAL}`)
  return names.map(partNumber).filter((number) => number !== undefined)
}

/** Undefined when it is gone. */
export async function partOnDisk(disk: Disk, folder: string, number: number): Promise<PartOnDisk | undefined> {
  const bytes = await disk.readFile(`${folder}/${partPath(number)}`)
  return bytes === undefined ? undefined : { number, bytes, content: readPart(bytes) }
}

/** Every record from `after` (exclusive) to `through`, in order. @throws DiskError when one is not there */
export async function* recordsBetween(
  disk: Disk,
  folder: string,
  after: number,
  through: number,
): AsyncGenerator<JournalRecord> {
  let wanted = after + 1
  if (through < wanted) return
  const parts: PartOnDisk[] = []
  for (const number of (await partNumbers(disk, folder)).reverse()) {
    const part = await partOnDisk(disk, folder, number)
    if (part?.content === undefined) continue
    parts.unshift(part)
    if (part.content.header.first <= wanted) break
  }
  for (const [index, { content }] of parts.entries()) {
    const end = parts[index + 1]?.content?.header.first ?? Number.POSITIVE_INFINITY
    for (const record of content!.records) {
      if (record.seq >= end || record.seq > through) break
      if (record.seq !== wanted) continue
      wanted++
      yield openRecord(record, disk.seal)
    }
  }
  if (wanted <= through) throw new DiskError('failed', `Record ${wanted} of the journal is missing or damaged.`)
}

/** What is wrong with a journal that must have everything after `after` and up to `through`: one sentence each. */
export async function journalFindings(disk: Disk, folder: string, after: number, through: number): Promise<string[]> {
  const findings: string[] = []
  const numbers = await partNumbers(disk, folder)
  for (const [index, number] of numbers.entries()) {
    const content = (await partOnDisk(disk, folder, number))?.content
    // The last may have been begun this moment.
    if (content === undefined || content.lastBeyond === 0) continue
    const next = numbers[index + 1]
    const nextFirst = next === undefined ? undefined : (await partOnDisk(disk, folder, next))?.content?.header.first
    if (nextFirst !== undefined && nextFirst <= after + 1) continue
    const seq = content.header.first + content.records.length
    findings.push(`the journal is damaged at record ${seq}, byte ${content.end} of ${partPath(number)}`)
  }
  try {
    for await (const _ of recordsBetween(disk, folder, after, through));
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    findings.push(`the store could not be rebuilt: ${error.message}`)
  }
  return findings
}
