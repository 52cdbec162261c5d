// Inbox Invasion and its kin: a message that says one thing to the filter and another to the reader. Here both read
// through one walker; these tests hold that the filter sees whatever JMAP and IMAP hand out.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MailView } from '../../src/filter/rules/view.ts'
import { bodyLists, fileName, partBytes, partText } from '../../src/message/body.ts'
import { allParts, type Part, parseStructure } from '../../src/message/mime.ts'

const SUITE = fileURLToPath(new URL('../../../shared/suites/mime-ambiguity/', import.meta.url))

/** What a reader can open: JMAP's lists, and those of attached messages. */
function opened(root: Part): Part[] {
  const { textBody, htmlBody, attachments } = bodyLists(root)
  const here = [...new Set([...textBody, ...htmlBody, ...attachments])]
  return here.flatMap((part) => (part.message === undefined ? [part] : opened(part.message)))
}

function checkView(message: Buffer, what: string): void {
  const view = new MailView({ message, nowMs: 0 })
  const root = parseStructure(message)
  const parts = [...allParts(root)]
  assert.deepEqual(
    view.parts.map(({ number, bodyStart, bodyEnd }) => [number, bodyStart, bodyEnd]),
    parts.map(({ number, bodyStart, bodyEnd }) => [number, bodyStart, bodyEnd]),
    what,
  )
  const names = view.attachments.map(({ name }) => name)
  for (const part of opened(root)) {
    const isSeen = view.parts.some(({ bodyStart, bodyEnd }) => bodyStart === part.bodyStart && bodyEnd === part.bodyEnd)
    assert.ok(isSeen, `${what}: part ${part.number} is opened and not filtered`)
    const isText = part.type === 'text' && (part.subtype === 'plain' || part.subtype === 'html')
    const name = fileName(part)
    if (!isText || name !== undefined) assert.ok(names.includes(name ?? ''), `${what}: ${name} is not among ${names}`)
    else if (part.disposition?.type !== 'attachment' && bodyLists(root).textBody.includes(part)) {
      const text = partText(part).text.replace(/\r\n?/g, '\n').trim()
      const seen = view.texts.plain + view.texts.html
      assert.ok(seen.includes(text), `${what}: the text of part ${part.number} is read and not filtered`)
    }
  }
  // A text that is shown is no file, whatever its bytes.
  const isFile = (part: Part) =>
    part.type !== 'text' || fileName(part) !== undefined || part.disposition?.type === 'attachment'
  const isZip = (bytes: Buffer) => bytes.subarray(0, 4).toString('latin1') === 'PK\x03\x04'
  const programs = opened(root).filter((part) => isFile(part) && isZip(partBytes(part)))
  const kinds = view.attachments.filter(({ part, head }) => isFile(part) && isZip(head))
  assert.equal(kinds.length, programs.length, `${what}: archives that a reader gets are archives to the filter`)
}

test('P2, P12: mime-ambiguity: what the filter sees is what the reader sees', (t) => {
  if (!existsSync(SUITE)) return t.skip('conformance data is absent: mime-ambiguity')
  let checked = 0
  for (const folder of ['hide-content', 'hide-filename'])
    for (const name of readdirSync(join(SUITE, folder), { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue
      checkView(readFileSync(join(name.parentPath, name.name)), name.name)
      checked++
    }
  assert.ok(checked > 400, String(checked))
})

test('P2: boundaries that are empty, long, alike, repeated or split: one view', () => {
  const long = 'b'.repeat(100_000)
  for (const [parameter, boundary] of [
    ['boundary=""', ''],
    [`boundary=${long}`, long],
    ['boundary=x; boundary=y', 'x'],
    ['boundary=x; boundary=y', 'y'],
    ['boundary*0=x; boundary*1=y', 'xy'],
    ["boundary*=utf-8''%78", 'x'],
    ['boundary="x y "', 'x y '],
  ] as const)
    checkView(
      Buffer.from(
        `Content-Type: multipart/mixed; ${parameter}\r\n\r\n--${boundary}\r\n\r\nseen\r\n--${boundary}\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--${boundary}--\r\n`,
      ),
      parameter,
    )
})
