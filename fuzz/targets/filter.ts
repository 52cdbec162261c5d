// The filter: rules over whole messages, archives, HTML, statistics, and the milter on the other side.

import { gzipSync } from 'node:zlib'
import { applyChanges, type HeaderChange } from '../../src/filter/milter/changes.ts'
import { PacketReader } from '../../src/filter/milter/packets.ts'
import { MilterSession } from '../../src/filter/milter/session.ts'
import { listArchive, unpackZipEntry, zipEntries } from '../../src/filter/rules/archive.ts'
import { kindOf } from '../../src/filter/rules/file-type.ts'
import { readHtml } from '../../src/filter/rules/html.ts'
import { weighMail } from '../../src/filter/rules/rules.ts'
import { Classifier } from '../../src/filter/statistics/classifier.ts'
import { featuresOf } from '../../src/filter/statistics/features.ts'
import { parseStructure } from '../../src/message/mime.ts'
import { must, pieces, same, type Targets, WORDS } from '../target.ts'

const NOW_MS = Date.UTC(2026, 10, 23)

function rules(bytes: Buffer): void {
  const { points, findings } = weighMail({ message: bytes, nowMs: NOW_MS, recipients: ['b@two.test'] }) as {
    points: number
    findings?: readonly { evidence?: string }[]
  }
  must(Number.isFinite(points), 'a weight that is no number')
  for (const { evidence } of findings ?? []) must(!/[\r\n\0]/.test(evidence ?? ''), 'evidence of two lines', evidence)
  featuresOf(parseStructure(bytes))
}

function html(bytes: Buffer): void {
  readHtml(bytes.toString('utf8'))
}

function archives(bytes: Buffer): void {
  const found = kindOf(bytes)
  for (const kind of new Set([found, 'zip', 'tar', 'gzip', 'rar'] as const)) {
    if (kind === undefined) continue
    const listing = listArchive(bytes, kind, 'x.zip')
    must((listing?.entries.length ?? 0) <= 1000, 'too many entries')
  }
  for (const entry of zipEntries(bytes).entries.slice(0, 20))
    must((unpackZipEntry(bytes, entry, 10_000)?.length ?? 0) <= 10_000, 'more than was allowed')
  Classifier.fromBytes(bytes)
}

const BODY = Buffer.from('Hello\r\n')
const MESSAGE = Buffer.from(`From: a@b.test\r\nSubject: x\r\nX: y\r\n z\r\n\r\n${BODY}`)

function milter(bytes: Buffer): void {
  const read = (chunks: Iterable<Buffer>) => {
    const reader = new PacketReader()
    const found: unknown[] = []
    for (const chunk of chunks) {
      reader.push(chunk)
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        found.push(next)
        if (next === 'malformed') return found
      }
    }
    return found
  }
  same('the cut of packets changes them', read(pieces(bytes)), read([bytes]))
  const session = new MilterSession({
    ...{ ip: '192.0.2.1', port: 1, helo: 'x', reversePath: 'a@b.test', recipients: ['c@d.test', 'e@f.test'] },
    ...{ source: MESSAGE, hostName: 'mx.test', queueId: 'Q' },
  })
  session.start()
  // Its answer to the negotiation, so that more of the input counts.
  session.receive(Buffer.from('0000000d4f00000006000001ff00000000', 'hex'))
  for (const piece of pieces(bytes)) {
    const { verdict } = session.receive(piece)
    if (verdict === undefined) continue
    if (verdict.kind === 'accept') check(applyChanges(MESSAGE, verdict.changes), verdict.changes.body ?? BODY)
    else if (verdict.kind !== 'unavailable')
      must(!verdict.reply.lines.some((line) => /[\x00-\x1f\x7f]/.test(line)), 'a control character in a reply', verdict)
    break
  }
  const [name = '', value = '', index = '1'] = bytes.toString('latin1').split('\0')
  const change: HeaderChange[] = [
    { kind: 'insert', index: Number(index) || 0, name, value },
    { kind: 'change', index: Number(index) || 0, name, value },
    { kind: 'change', index: 1, name: 'X', value },
  ]
  check(applyChanges(MESSAGE, { headers: change, body: bytes }), bytes)
}

/** A change of the header never begins the body, and never makes stray line ends of its own. */
function check(changed: Buffer, body: Buffer): void {
  const header = changed.subarray(0, changed.length - body.length).toString('latin1')
  must(changed.subarray(header.length).equals(body), 'the body changed')
  must(header.indexOf('\r\n\r\n') === header.length - 4 || header === '\r\n', 'a header in two', header)
  must(!/\r(?!\n)|(?<!\r)\n|\0/.test(header), 'stray line ends in the header', header)
}

const MAIL =
  'Received: from a by b; Mon, 23 Nov 2026 11:59:58 +0000\r\nFrom: "PayPal" <a@b.test>\r\nTo: b@two.test\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<a href="http://x.test/?u=@y">www.bank.test</a><img src=cid:a>\r\n--x\r\nContent-Type: application/zip; name=a.pdf.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--x--\r\n'
const ZIP =
  'PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\x04\0\0\x01\0\0\0aK\0PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\x04\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0aPK\x05\x06\0\0\0\0\x01\0\x01\0/\0\0\0!\0\0\0\0\0'
const HTML_WORDS = [
  '<a href="',
  '<div style="',
  'display:none',
  'color:#fff',
  '<!--',
  '-->',
  '<script>',
  '</script>',
  '&#',
  '&amp;',
  '<td bgcolor=',
  '<img src=',
  '<',
  '>',
  "'",
]

export const filterTargets: Targets = {
  rules: {
    fuzz: rules,
    seeds: [MAIL],
    words: [
      ...HTML_WORDS,
      '\r\nSubject: ',
      '\r\nFrom: ',
      '\r\nReceived: from ',
      '\r\nDate: ',
      'http://',
      'xn--',
      '.exe',
      '--x\r\n',
      'UEsDBA',
      ...WORDS,
    ],
    suites: ['spam-fixtures', 'corpus-spamassassin', 'mime-ambiguity/hide-content'],
  },
  html: {
    fuzz: html,
    seeds: ['<html><body style="color:#fff"><a href=x>y</a><!-- z --><p hidden>&nbsp;'],
    words: [...HTML_WORDS, ...WORDS],
    suites: ['html-sanitizer'],
  },
  archives: {
    fuzz: archives,
    seeds: [
      ZIP,
      gzipSync(Buffer.alloc(1000)).toString('latin1'),
      `a${'\0'.repeat(123)}00000000010\0${'\0'.repeat(121)}ustar`.padEnd(1024, '\0'),
      'Rar!\x1a\x07\0xxxxs\0\r\0\0\0\0\0\0\0',
      'Rar!\x1a\x07\x01\0AAAA\x03\x01\x05\0',
    ],
    words: [
      'PK\x03\x04',
      'PK\x01\x02',
      'PK\x05\x06',
      '\x1f\x8b\x08\0',
      'ustar',
      'Rar!',
      '\xff\xff\xff\xff',
      '\0\0\0\0',
      ...WORDS,
    ],
  },
  milter: {
    fuzz: milter,
    seeds: [
      '\0\0\0\x01c',
      '\0\0\0\x01c\0\0\0\x01c\0\0\0\x01c\0\0\0\x01c\0\0\0\x08hX\0a\r\nb\0\0\0\0\x01a',
      '\0\0\0\x0cy550 5.7.1 no',
      'X\0a\r\nFrom: b\x001',
    ],
    words: [
      '\0\0\0\x01c',
      '\0\0\0\x01a',
      '\0\0\0\x01r',
      '\0\0\0\x06hA\0b\0\0',
      '\0\0\0\x09m\0\0\0\x01X\0y\0',
      '\0\0\0\x05bBody',
      '\0\0\0\x05y550 ',
      ...WORDS,
    ],
  },
}
