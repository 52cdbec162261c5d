// The suite of ambiguous MIME (Ullrich's mime-is-broken): messages whose attachment one program sees and another does
// not. Each message is put into a mailbox and opened there as webmail (JMAP) and an IMAP client would; whatever they get,
// the filter must have seen: the same parts, names and bytes. What is valid (levels 3 and 2) must also be read right.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MailView } from '../../filter/rules/view.ts'
import { bodyLists, fileName, partBytes, partText } from '../../message/body.ts'
import { fieldsNamed, rawValue } from '../../message/header.ts'
import { allParts, type Part, parseStructure } from '../../message/mime.ts'
import { decodeTransfer } from '../../message/transfer.ts'
import { bodyStructure } from '../../protocols/imap/body-structure.ts'
import { Source, sectionBytes } from '../../protocols/imap/section.ts'
import { readBlobId } from '../../protocols/jmap/blob.ts'
import { type Desk, makeDesk } from '../../protocols/jmap/testing.ts'
import { testWorld } from '../../world/testing.ts'
import { type Suite, SuiteReport } from './report.ts'

export const mimeAmbiguitySuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const { world, run } = testWorld()
  await run(async () => {
    const desk = await makeDesk(world)
    const entries = readdirSync(dir, { recursive: true, withFileTypes: true })
    for (const path of entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))) {
      const text = readFileSync(path, 'latin1')
      const trick = /^X-Payload-Id:[ \t]*(\S+)[ \t]+valid\((\d)\)(?:[ \t]+md5\([^)]*\))?(?:[ \t]+(\S+\.\w+))?/m.exec(
        text,
      )
      if (trick === null) continue
      const [, name, level, file] = trick
      const message = Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1')
      const fault = difference(message) ?? (await openedOtherwise(desk, message))
      report.check(name!, 'one view', fault ?? 'one view')
      if (Number(level) >= 2) report.check(`${name} is read`, 'right', misread(message, file) ?? 'right')
    }
    await desk.close()
  })
  return report
}

/** What a reader can open: JMAP's lists, and those of attached messages. */
function opened(root: Part): Part[] {
  const { textBody, htmlBody, attachments } = bodyLists(root)
  const here = [...new Set([...textBody, ...htmlBody, ...attachments])]
  return here.flatMap((part) => (part.message === undefined ? [part] : opened(part.message)))
}

/** A text that is shown is no file, whatever its bytes. */
const isFile = (part: Part) =>
  part.type !== 'text' || fileName(part) !== undefined || part.disposition?.type === 'attachment'
const isZip = (bytes: Buffer) => bytes.subarray(0, 4).toString('latin1') === 'PK\x03\x04'

/** How the filter's view of the message differs from the reader's; undefined if it does not. */
export function difference(message: Buffer): string | undefined {
  const view = new MailView({ message, nowMs: 0 })
  const root = parseStructure(message)
  const places = (parts: Iterable<Part>) =>
    JSON.stringify([...parts].map(({ number, bodyStart, bodyEnd }) => [number, bodyStart, bodyEnd]))
  if (places(view.parts) !== places(allParts(root))) return 'the filter sees other parts'
  const names = view.attachments.map(({ name }) => name)
  for (const part of opened(root)) {
    const isSeen = view.parts.some(({ bodyStart, bodyEnd }) => bodyStart === part.bodyStart && bodyEnd === part.bodyEnd)
    if (!isSeen) return `part ${part.number} is opened and not filtered`
    const isText = part.type === 'text' && (part.subtype === 'plain' || part.subtype === 'html')
    const name = fileName(part)
    if (!isText || name !== undefined) {
      if (!names.includes(name ?? '')) return `${name} is not among ${names}`
    } else if (part.disposition?.type !== 'attachment' && bodyLists(root).textBody.includes(part)) {
      const text = partText(part).text.replace(/\r\n?/g, '\n').trim()
      if (!(view.texts.plain + view.texts.html).includes(text)) return `the text of part ${part.number} is not filtered`
    }
  }
  const programs = opened(root).filter((part) => isFile(part) && isZip(partBytes(part)))
  const kinds = view.attachments.filter(({ part, head }) => isFile(part) && isZip(head))
  return kinds.length === programs.length ? undefined : 'an archive that a reader gets is none to the filter'
}

interface BodyPart {
  readonly partId: string | null
  readonly blobId: string | null
  readonly name: string | null
  readonly type: string
  readonly subParts?: readonly BodyPart[] | null
}

/** The same message, opened by JMAP and by IMAP, against what the filter was given; undefined if they agree. */
async function openedOtherwise(desk: Desk, message: Buffer): Promise<string | undefined> {
  const id = await desk.deliver(message.toString('latin1'))
  const bodyProperties = ['partId', 'blobId', 'name', 'type', 'subParts']
  const { list } = await desk.one('Email/get', { ids: [id], properties: ['bodyStructure', 'blobId'], bodyProperties })
  const stored = (await readBlobId(desk.backend, list[0].blobId))!
  const source = new Source(stored)
  const structure = bodyStructure(source.structure, true)
  const parts = new Map([...allParts(source.structure)].map((part) => [part.number, part]))
  for (const shown of leavesOf(list[0].bodyStructure)) {
    const part = parts.get(shown.partId!)
    if (part === undefined) return `JMAP shows a part ${shown.partId} that the filter does not know`
    const filtered = partBytes(part)
    const blob = await readBlobId(desk.backend, shown.blobId)
    if (blob === undefined || !blob.equals(filtered)) return `JMAP gives other bytes of part ${shown.partId}`
    if ((shown.name ?? undefined) !== fileName(part)) return `JMAP names part ${shown.partId} ${shown.name}`
    const fetched = sectionBytes(source, { path: part.number.split('.').map(Number), text: '', fields: [] })
    if (fetched === undefined || !decodeTransfer(fetched, part.encoding).equals(filtered))
      return `IMAP gives other bytes of part ${part.number}`
    const name = fileName(part)
    if (name !== undefined && /^[\w.-]+$/.test(name) && !structure.includes(name))
      return `IMAP does not name part ${part.number} ${name}`
  }
  return undefined
}

const leavesOf = (part: BodyPart): BodyPart[] =>
  part.subParts && part.subParts.length > 0
    ? part.subParts.flatMap(leavesOf)
    : part.type.startsWith('multipart/')
      ? []
      : [part]

/** What is wrong with our reading of a valid message: it hides `file`, or names that its contents tell. */
function misread(message: Buffer, file: string | undefined): string | undefined {
  const { attachments } = new MailView({ message, nowMs: 0 })
  if (file !== undefined) {
    const found = attachments.find(({ name }) => name === file)
    if (found === undefined) return `no ${file} among ${attachments.map(({ name }) => name)}`
    if (file.endsWith('.zip') && !(found.inside.length > 0)) return `${file} is not seen to be an archive`
  }
  const root = parseStructure(message)
  if (fieldsNamed(root.header, 'subject').every((field) => rawValue(root.header, field).length === 0))
    return 'no Subject'
  for (const part of opened(root)) {
    const told = /could be a file named '[^']*(\.\w+)'/.exec(partText(part).text)?.[1]
    if (told !== undefined && !fileName(part)?.endsWith(told)) return `${fileName(part)} holds a ${told}`
  }
  return undefined
}
