// Hostile repetitions for each parser: what once made some mail system slow. Beside each stands the bound that cuts it
// before 64 MB, where there is one: what a command line, a request or a file may have at most.

import { gzipSync } from 'node:zlib'
import { listArchive } from '../src/filter/rules/archive.ts'
import { readHtml } from '../src/filter/rules/html.ts'
import { weighMail } from '../src/filter/rules/rules.ts'
import { findUrls } from '../src/filter/rules/urls.ts'
import { featuresOf } from '../src/filter/statistics/features.ts'
import { authenticate, stripForgedResults } from '../src/identity/authenticate.ts'
import { hashBody } from '../src/identity/dkim/canonical.ts'
import { parseSignature } from '../src/identity/dkim/signature.ts'
import { parseDmarcRecord } from '../src/identity/dmarc/record.ts'
import { parsePolicy } from '../src/identity/mta-sts/policy.ts'
import { parseReportFile } from '../src/identity/reports/incoming.ts'
import { parseXml } from '../src/identity/reports/xml.ts'
import { parseMacroString } from '../src/identity/spf/macro.ts'
import { parseSpfRecord } from '../src/identity/spf/record.ts'
import { fixedClock, fixedDns } from '../src/identity/testing.ts'
import { trace } from '../src/lab/trace/trace.ts'
import { parseAddressList } from '../src/message/address.ts'
import { parseAuthenticationResults } from '../src/message/authentication-results.ts'
import { htmlToText, preview } from '../src/message/body.ts'
import { parseDate } from '../src/message/date.ts'
import { decodeEncodedWords, encodeWords } from '../src/message/encoded-word.ts'
import { envelope } from '../src/message/envelope.ts'
import { bytesToText, parseHeader } from '../src/message/header.ts'
import { baseSubject, parseMessageIds } from '../src/message/message-id.ts'
import { parseStructure } from '../src/message/mime.ts'
import { parseParameterized } from '../src/message/parameters.ts'
import { parseReceived } from '../src/message/received.ts'
import { decodeTransfer, encodeQuotedPrintable } from '../src/message/transfer.ts'
import { check } from '../src/notation/check.ts'
import { parse } from '../src/notation/parse.ts'
import { parseZone } from '../src/protocols/dns/zone-text.ts'
import { bodyStructure } from '../src/protocols/imap/body-structure.ts'
import { parseFetchItems } from '../src/protocols/imap/fetch-items.ts'
import { matcher } from '../src/protocols/imap/list.ts'
import { parseCommand } from '../src/protocols/imap/parser.ts'
import { CommandReader, MAX_LINE_BYTES } from '../src/protocols/imap/reader.ts'
import { SearchParser } from '../src/protocols/imap/search-keys.ts'
import { parseSequenceSet, resolveSet } from '../src/protocols/imap/sequence.ts'
import { checkScript } from '../src/protocols/sieve/check.ts'
import { type RunContext, runScript } from '../src/protocols/sieve/run.ts'
import { isReply, parseMail, parseRecipient } from '../src/protocols/smtp/command.ts'
import { Budget, ContentCollector } from '../src/protocols/smtp/content.ts'
import { LineReader } from '../src/protocols/smtp/line-reader.ts'
import { ReplyReader } from '../src/protocols/smtp/reply-reader.ts'
import { toWire } from '../src/protocols/smtp/wire.ts'
import { summarise } from '../src/store/summary.ts'

export interface Pattern {
  readonly name: string
  /** An input of about so many bytes. */
  input(bytes: number): Buffer
  run(input: Buffer): unknown
  /** No longer input reaches this parser, and why. */
  readonly maxBytes?: number
  readonly bound?: string
}

const KB = 1024
const MB = 1024 * KB

/** `unit` again and again between `head` and `tail`. */
const repeat =
  (unit: string, head = '', tail = '') =>
  (bytes: number): Buffer =>
    Buffer.concat([
      Buffer.from(head, 'latin1'),
      Buffer.alloc(Math.max(unit.length, bytes - head.length - tail.length), unit, 'latin1'),
      Buffer.from(tail, 'latin1'),
    ])

const text = (input: Buffer): string => input.toString('latin1')

function family(
  name: string,
  run: (input: Buffer) => unknown,
  traps: Readonly<Record<string, string | ((bytes: number) => Buffer)>>,
  limit: Pick<Pattern, 'maxBytes' | 'bound'> = {},
): Pattern[] {
  return Object.entries(traps).map(([trap, unit]) => ({
    name: `${name}: ${trap}`,
    input: typeof unit === 'string' ? repeat(unit) : unit,
    run,
    ...limit,
  }))
}

/** Many boundaries, each inside the one before. */
function nested(bytes: number): Buffer {
  let out = ''
  for (let i = 0; out.length < bytes; i++) out += `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`
  return Buffer.from(out)
}

const COMMAND_LINE = { maxBytes: 2048, bound: 'a command line has 2,048 bytes' }
const DNS_TEXT = { maxBytes: 64 * KB, bound: 'a DNS answer has 64 KB' }
const WORLD = { dns: fixedDns({}), clock: fixedClock(1_790_000_000), receiverName: 'mx.test' }

const identify = (source: Buffer) =>
  authenticate({ source, header: parseHeader(source), ip: '192.0.2.1', helo: 'a.test', reversePath: 'a@b.test' }, WORLD)

const whole = (source: Buffer) => {
  const root = parseStructure(source)
  envelope(root.header)
  bodyStructure(root, true)
  preview(root)
  summarise(source)
}

const imap = (input: Buffer) => {
  const reader = new CommandReader(() => MB)
  reader.push(input)
  for (let next = reader.next(); next !== undefined && next.kind !== 'fatal'; next = reader.next()) {
    if (next.kind !== 'command') continue
    const command = parseCommand(next.command)
    if (!('args' in command)) continue
    const { args } = command
    if (command.name === 'SEARCH' && args.optionalSpace()) new SearchParser(args, undefined).all()
    else if (command.name === 'FETCH') parseFetchItems(args)
  }
}

const collect = (chunkBytes: number) => (input: Buffer) => {
  const collector = new ContentCollector(128 * MB, new Budget(512 * MB))
  for (let at = 0; at < input.length; at += chunkBytes)
    if (collector.data(input.subarray(at, at + chunkBytes), 0) >= 0) return
}
const chunked = (input: Buffer) => {
  const collector = new ContentCollector(128 * MB, new Budget(512 * MB))
  for (let at = 0; at < input.length; at += 1000) collector.chunk(input.subarray(at, at + 1000))
}
const lines = (chunkBytes: number) => (input: Buffer) => {
  const reader = new LineReader()
  for (let at = 0; at < input.length; at += chunkBytes) {
    reader.push(input.subarray(at, at + chunkBytes))
    while (reader.next(2048) !== undefined);
  }
}

/** A part of a message for each kind of trap in MIME. */
const MULTIPART = 'Content-Type: multipart/mixed; boundary=x\r\n\r\n'

/** A script that asks each kind of question about a message. */
const SIEVE = checkScript(
  Buffer.from(`require ["body","regex","variables","subaddress","date","mime","foreverypart","extracttext","editheader"];
    if header :matches "subject" "*a?b*" { set "a" "\${1}"; }
    if anyof (header :regex "subject" "(a|aa)+$", body :text :matches "*a*b?c*", body :raw :contains "aac",
      address :detail "to" "x", date "date" "year" "1", header :mime :anychild :param "a" "content-type" "c") { stop; }
    foreverypart { extracttext :first 10 "t"; if header :mime "content-type" "x" { stop; } }
    addheader "X" "y"; deleteheader "a" "c";`),
).program!
const NOBODY: RunContext = {
  envelopeFrom: '',
  envelopeTo: 'b@recipient.test',
  nowMs: 0,
  offsetMinutes: 0,
  environment: {},
  delimiter: '+',
  mailboxExists: () => false,
  mailboxIdExists: () => false,
  specialUseExists: () => false,
  metadata: () => undefined,
  list: () => undefined,
  isDuplicate: () => false,
  spam: undefined,
  virus: undefined,
}

export const PATTERNS: readonly Pattern[] = [
  ...family('smtp data', collect(16 * KB), {
    dots: repeat('.\r\n.', 'a'),
    'stuffed lines': '..\r\n',
    'bare CR': '\r',
    'bare LF': '\n',
    'CR LF dot CR': '\r\n.\r',
    'one line': 'a',
  }),
  ...family('smtp data, small pieces', collect(7), { dots: repeat('.\r\n.', 'a'), 'CR LF dot CR': '\r\n.\r' }),
  ...family('smtp bdat', chunked, { 'bare LF': '\n', lines: 'a\r\n', CR: '\r' }),
  ...family('smtp lines', lines(16 * KB), { 'no line end': 'a', 'bare LF': '\n', CR: '\r', commands: 'NOOP\r\n' }),
  ...family('smtp lines, small pieces', lines(5), { 'no line end': 'a', commands: 'NOOP\r\n' }, { maxBytes: 16 * MB }),
  ...family('smtp out', toWire, { dots: '.\r\n', 'bare LF': '\n', CR: '\r', NUL: '\0', 'one line': 'a' }),
  ...family(
    'smtp replies',
    (input) => {
      const reader = new ReplyReader()
      for (let at = 0; at < input.length; at += 4 * KB) {
        reader.push(input.subarray(at, at + 4 * KB))
        for (let next = reader.next(); next !== undefined; next = reader.next()) if ('fault' in next) return
      }
    },
    { lines: '250 ok\r\n', 'empty codes': '250\r\n' },
    { maxBytes: 4 * MB, bound: 'a reply has 128 lines of 12 KB' },
  ),
  ...family(
    'smtp command',
    (input) => {
      for (const kind of [parseMail, parseRecipient])
        isReply(
          (kind as typeof parseMail)(text(input), {
            dsn: true,
            prdr: true,
            requireTls: true,
            auth: true,
            hold: true,
            priority: true,
            binary: true,
            deliverByS: 60,
          }),
        )
    },
    {
      parameters: repeat(' A=1', 'FROM:<a@b.test>'),
      'quoted local part': repeat('\\"', 'TO:<"', '"@b.test>'),
      route: repeat('@a.b,', 'TO:<'),
      'xtext +': repeat('+41', 'TO:<a@b.test> ORCPT=rfc822;'),
      spaces: repeat(' ', 'FROM:'),
    },
    COMMAND_LINE,
  ),
  ...family('header', (input) => parseHeader(input), {
    fields: 'A: b\r\n',
    folded: repeat(' a\r\n', 'A: b\r\n'),
    'no field': 'a\r\n',
    'empty names': ': \r\n',
    'one line': 'a',
    CR: '\r',
    'bare LF fields': 'A: b\n',
    spaces: repeat(' ', 'A'),
  }),
  ...family(
    'addresses',
    (input) => parseAddressList(input),
    {
      '<': '<',
      '>': '>',
      comments: '(',
      'comments closed': '()',
      quotes: '"',
      'quoted pairs': '"\\',
      atoms: 'a ',
      dots: '.',
      commas: ',',
      groups: 'g:',
      'group ends': 'g:;',
      '@': '@',
      'a@': 'a@',
      'a@b ': 'a@b ',
      routes: '<@a,',
      literals: '[',
      'encoded words': '=?utf-8?b?w6k=?= ',
      addresses: 'a@b.test, ',
      angles: '"x" <a@b.test>, ',
      folding: '\r\n ',
      'commented words': 'a(b)',
      'quoted words': '"a"',
      'quoted dots': '"a".',
    },
    { bound: 'of a field 512 KB are read' },
  ),
  ...family('encoded words', (input) => decodeEncodedWords(text(input)), {
    starts: '=?',
    'starts with charset': '=?utf-8?b?',
    whole: '=?utf-8?q?a?= ',
    'split characters': '=?utf-8?b?w6==?= =?utf-8?b?qQ==?= ',
    'not closed': '=?utf-8?q?a? ',
    '?': '?',
    '=': '=',
    spaces: repeat(' ', '=?utf-8?q?a?=', '=?utf-8?q?a?='),
    'unknown charset': '=?x-none?q?a?=',
  }),
  ...family('encode words', (input) => encodeWords(text(input)), { é: '\xe9', 'é and space': '\xe9 ', spaces: ' ' }),
  ...family(
    'parameters',
    (input) => parseParameterized(text(input)),
    {
      semicolons: repeat(';', 'a/b'),
      'a=b': repeat(';a=b', 'a/b'),
      'RFC 2231 pieces': (bytes: number) =>
        Buffer.from(`a/b${Array.from({ length: bytes / 12 }, (_, i) => `;n*${i % 10_000}*=%41`).join('')}`),
      quotes: repeat('"', 'a/b; c='),
      'quoted pairs': repeat('\\"', 'a/b; c="'),
      comments: repeat('(', 'a/b; '),
      names: (bytes: number) => Buffer.from(`a/b${Array.from({ length: bytes / 10 }, (_, i) => `;n${i}=v`).join('')}`),
      spaces: repeat(' ', 'a/b; c'),
      percents: repeat('%', "a/b; c*=utf-8''"),
    },
    { bound: 'of a field 64 KB are read' },
  ),
  ...family('date', (input) => parseDate(text(input)), {
    spaces: ' ',
    digits: '1',
    comments: '(',
    colons: '1:',
    commas: ',',
    words: 'Mon ',
  }),
  ...family('message ids', (input) => parseMessageIds(text(input)), {
    '<': '<',
    ids: '<a@b> ',
    '@': '@',
    comments: '(',
    quotes: '"',
  }),
  ...family('subject', (input) => baseSubject(text(input)), {
    Re: 'Re: ',
    brackets: '[a] ',
    open: '[',
    Fwd: 'Fwd[1]: ',
    spaces: ' ',
    'at the end': '(fwd) ',
  }),
  ...family(
    'received',
    (input) => parseReceived(text(input)),
    {
      comments: '(',
      from: 'from a ',
      brackets: '[',
      semicolons: ';',
      spaces: ' ',
      folding: '\r\n ',
    },
    { bound: 'of a field 64 KB are read' },
  ),
  ...family('authentication-results', (input) => parseAuthenticationResults(text(input)), {
    methods: repeat('; a=b', 'mx.test'),
    properties: repeat(' a.b=c', 'mx.test; a=b'),
    comments: repeat('(', 'mx.test'),
    'comments that end': repeat('()', 'mx.test; a='),
    quotes: repeat('"', 'mx.test; a=b'),
    equals: repeat('=', 'mx.test; '),
  }),
  ...family('mime', whole, {
    boundaries: repeat('--x\r\n', MULTIPART),
    'closing boundaries': repeat('--x--\r\n', MULTIPART),
    'parts with headers': repeat('--x\r\nContent-Type: text/plain\r\n\r\na\r\n', MULTIPART),
    'nearly boundaries': repeat('--y\r\n', MULTIPART),
    dashes: repeat('\r\n--', MULTIPART),
    'nested multiparts': nested,
    'nested messages': 'Content-Type: message/rfc822\r\n\r\n',
    'empty lines': repeat('\r\n', MULTIPART),
    'header flood': 'To: a@b.test\r\n',
    'one header field': repeat('a@b.test, ', 'To: '),
    'content fields': 'Content-Type: text/plain\r\n',
    'folded content type': repeat('; a=b\r\n ', 'Content-Type: text/plain'),
    'long boundary': (bytes: number) => {
      const boundary = 'b'.repeat(bytes / 2)
      return Buffer.from(`Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n--${boundary}\r\n`)
    },
    'prefix boundaries': repeat('--xx\r\n', MULTIPART),
    base64: repeat('AAAA', 'Content-Transfer-Encoding: base64\r\n\r\n'),
    'html preview': repeat('<b>', 'Content-Type: text/html\r\n\r\n'),
  }),
  ...family('transfer: base64', (input) => decodeTransfer(input, 'base64'), {
    padding: '=',
    junk: '!',
    lines: 'A\r\n',
    text: 'AAAA',
  }),
  ...family('transfer: quoted-printable', (input) => decodeTransfer(input, 'quoted-printable'), {
    '=': '=',
    'soft breaks': '=\r\n',
    spaces: ' ',
    'spaces and lines': '   \r\n',
    'one line': 'a',
  }),
  ...family('transfer: uuencode', (input) => decodeTransfer(input, 'x-uuencode'), {
    begins: 'begin 644 x\n',
    lines: repeat('#86)C\n', 'begin 644 x\n'),
  }),
  ...family('encode quoted-printable', encodeQuotedPrintable, { spaces: ' ', '=': '=', CR: '\r', lines: 'a \r\n' }),
  ...family('html to text', (input) => htmlToText(text(input)), {
    '<': '<',
    tags: '<b>',
    comments: '<!--',
    entities: '&',
    scripts: '<script>',
    'closed scripts': '<style></style>',
    spaces: ' ',
  }),
  ...family('dkim tags', (input) => parseSignature(text(input), 'dkim'), {
    h: repeat(':from', 'v=1; a=rsa-sha256; d=a.test; s=s; bh=AAAA; b=AAAA; h=from'),
    b: repeat(' A', 'v=1; a=rsa-sha256; d=a.test; s=s; bh=AAAA; h=from; b='),
    tags: repeat(';a=', 'v=1'),
    semicolons: ';',
    spaces: repeat(' ', 'v=1; a='),
    'other tags': (bytes: number) => Buffer.from(Array.from({ length: bytes / 9 }, (_, i) => `t${i}=a;`).join('')),
  }),
  ...family(
    'dkim body',
    (input) => [hashBody(input, 0, input.length, 'simple'), hashBody(input, 0, input.length, 'relaxed')],
    {
      'empty lines': '\r\n',
      spaces: ' ',
      'spaces and lines': ' \t\r\n',
      'bare CR': '\r',
      words: 'word  ',
    },
  ),
  ...family('identify', identify, {
    'many signatures': (bytes: number) =>
      Buffer.from(
        `${'DKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s; h=from; bh=AAAA; b=AAAA\r\n'.repeat(Math.max(1, bytes / 80))}\r\n`,
      ),
    'h= list': repeat(
      ':from',
      'From: a@b.test\r\nDKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s; bh=AAAA; b=AAAA; h=from',
      '\r\n\r\n',
    ),
    'h= list over many fields': (bytes: number) =>
      Buffer.from(
        `${'X: y\r\n'.repeat(bytes / 18)}From: a@b.test\r\nDKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s; bh=AAAA; b=AAAA; h=from${':x'.repeat(bytes / 3)}\r\n\r\n`,
      ),
    'ARC sets': (bytes: number) =>
      Buffer.from(
        `${Array.from({ length: bytes / 180 }, (_, i) => `ARC-Seal: i=${i + 1}; a=rsa-sha256; cv=pass; d=a.test; s=s; b=AAAA\r\nARC-Message-Signature: i=${i + 1}; a=rsa-sha256; d=a.test; s=s; h=from; bh=AAAA; b=AAAA\r\nARC-Authentication-Results: i=${i + 1}; a\r\n`).join('')}\r\n`,
      ),
    'empty lines at the end': repeat(
      '\r\n',
      'DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=a.test; s=s; h=from; bh=AAAA; b=AAAA\r\n\r\n',
    ),
    'spaces in the body': repeat(
      ' ',
      'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test; s=s; h=from; bh=AAAA; b=AAAA\r\n\r\n',
    ),
    'From addresses': repeat('a@b.test, ', 'From: ', '\r\n\r\n'),
    'From fields': 'From: a@b.test\r\n',
    'folded field': repeat('\r\n ', 'From: a', '\r\n\r\n'),
  }),
  ...family('forged results', (input) => stripForgedResults(parseHeader(input), 'mx.test'), {
    fields: 'Authentication-Results: mx.test; none\r\n',
    'one field': repeat('; a=b', 'Authentication-Results: mx.test'),
  }),
  ...family(
    'spf record',
    (input) => parseSpfRecord(text(input)),
    {
      terms: repeat(' a', 'v=spf1'),
      macros: repeat('%{d}', 'v=spf1 a:'),
      percent: repeat('%', 'v=spf1 a:'),
      spaces: repeat(' ', 'v=spf1'),
    },
    DNS_TEXT,
  ),
  ...family(
    'spf macro',
    (input) => parseMacroString(text(input), true),
    { macros: '%{l1r+-.}', open: '%{', spaces: ' ' },
    DNS_TEXT,
  ),
  ...family(
    'dmarc record',
    (input) => parseDmarcRecord(text(input)),
    { rua: repeat(',mailto:a@b', 'v=DMARC1; p=none; rua=mailto:a@b'), tags: repeat(';a=b', 'v=DMARC1; p=none') },
    DNS_TEXT,
  ),
  ...family(
    'mta-sts',
    (input) => parsePolicy(text(input)),
    { mx: repeat('mx: a.test\n', 'version: STSv1\n'), lines: '\n', colons: ':' },
    { maxBytes: 64 * KB, bound: 'a policy has 64 KB' },
  ),
  ...family('xml', (input) => parseXml(text(input)), {
    open: '<a>',
    '<': '<',
    attributes: repeat(' a="b"', '<a'),
    entities: repeat('&amp;', '<a>'),
    comments: repeat('<!--', '<a>'),
    CDATA: repeat('<![CDATA[', '<a>'),
    text: repeat('a', '<a>'),
    siblings: repeat('<b/>', '<a>'),
    '?': repeat('<?', '<a>'),
  }),
  ...family('report file', parseReportFile, {
    'gzip bomb': (bytes: number) => gzipSync(Buffer.alloc(bytes)),
    json: repeat('[', '{"a":'),
    xml: repeat('<record>', '<feedback>'),
  }),
  ...family('rules', (input) => weighMail({ message: input, nowMs: 0 }), {
    'From <': repeat('<', 'From: ', '\r\n\r\n'),
    'Subject words': repeat('=?utf-8?q?a?= ', 'Subject: ', '\r\n\r\n'),
    Received: 'Received: from a by b\r\n',
    urls: repeat('http://a.test ', 'From: a@b.test\r\n\r\n'),
    html: repeat('<a href="http://a.test">', 'Content-Type: text/html\r\n\r\n'),
    parts: repeat('--x\r\n\r\na\r\n', MULTIPART),
    attachments: repeat('--x\r\nContent-Type: application/zip; name=a.zip\r\n\r\nPK\x03\x04\r\n', MULTIPART),
    recipients: repeat('a@b.test, ', 'To: ', '\r\n\r\n'),
    text: repeat('viagra ', '\r\n'),
  }),
  ...family('urls', (input) => findUrls(text(input), []), {
    http: 'http://',
    urls: 'http://a.test/ ',
    www: 'www.',
    dots: 'a.',
    '@': 'a@',
  }),
  ...family('html', (input) => readHtml(text(input)), {
    tags: '<b>',
    divs: '<div style="color:#fff">',
    attributes: repeat(' a="', '<b'),
    comments: '<!-- -->',
    'open comments': '<!--',
    tables: '<table><tr><td>',
    scripts: '<script>',
  }),
  ...family('features', (input) => featuresOf(parseStructure(input)), {
    words: repeat('word ', '\r\n'),
    'long word': repeat('a', '\r\n'),
    tags: repeat('<b>', 'Content-Type: text/html\r\n\r\n'),
    Received: 'Received: from a.b (c [192.0.2.1]) by d with e; f\r\n',
    'long Received': repeat('from ', 'Received: '),
    From: repeat('a.', 'From: '),
  }),
  ...family('archives', (input) => listArchive(input, 'zip', 'a.zip'), {
    'zip without directory': repeat(`PK\x03\x04${'\0'.repeat(22)}\x01\0\0\0a`),
    'zip of nothing': repeat('PK\x05\x06'),
    'zip local heads': repeat('PK\x03\x04'),
  }),
  ...family('archives', (input) => listArchive(input, 'gzip', 'a.gz'), {
    'gzip bomb': (bytes: number) => gzipSync(Buffer.alloc(bytes)),
  }),
  ...family('archives', (input) => listArchive(input, 'tar', 'a.tar'), {
    'tar entries': repeat(`a${'\0'.repeat(123)}00000000000\0${'\0'.repeat(121)}ustar${'\0'.repeat(250)}`),
  }),
  ...family(
    'trace',
    (input) => trace(input),
    {
      Received: 'Received: from a by b; Mon, 23 Nov 2026 11:59:58 +0000\r\n',
      comments: repeat('(', 'Received: from a '),
      fields: 'X: y\r\n',
    },
    { maxBytes: 16 * MB },
  ),
  ...family(
    'imap',
    imap,
    {
      parentheses: repeat('(', 'a SEARCH ', '\r\n'),
      'OR NOT': repeat('NOT ', 'a SEARCH ', 'SEEN\r\n'),
      quotes: repeat('"', 'a SEARCH ', '\r\n'),
      'quoted pairs': repeat('\\"', 'a SEARCH "', '\r\n'),
      'FETCH items': repeat('FLAGS ', 'a FETCH (', 'UID)\r\n'),
    },
    { maxBytes: MAX_LINE_BYTES, bound: 'a command line has 64 KB' },
  ),
  ...family(
    'imap stream',
    imap,
    {
      commands: 'a NOOP\r\n',
      literals: 'a LOGIN {1+}\r\nb {1+}\r\nc\r\n',
      'empty lines': '\r\n',
      'no line end': 'a',
      'bare LF': '\n',
    },
    { maxBytes: 16 * MB },
  ),
  ...family(
    'imap sets',
    (input) => {
      const set = parseSequenceSet(text(input))
      if (set !== undefined) resolveSet(set, 100_000)
    },
    { numbers: repeat('1,', '', '1'), ranges: repeat('1:*,', '', '1') },
    { maxBytes: MAX_LINE_BYTES, bound: 'a command line has 64 KB' },
  ),
  ...family(
    'imap list',
    (input) => matcher([text(input)])('a/'.repeat(1000)),
    { '*': '*', '%': '%', 'a*': '*a', '*%': '*%' },
    { maxBytes: 8 * KB, bound: 'a mailbox name in a line of 64 KB' },
  ),
  ...family(
    'dns zone',
    (input) => parseZone(text(input), 'a.test'),
    {
      records: 'a A 192.0.2.1\n',
      parentheses: '(',
      quotes: '"',
      '"\\': '"\\',
      comments: ';\n',
      TXT: repeat(' "a"', 'a TXT'),
    },
    { maxBytes: 16 * MB, bound: 'our own zones only' },
  ),
  ...family(
    'notation',
    (input) => check(parse(text(input)).model),
    {
      arrows: '--> ',
      blocks: 'MSA/Transmitter --> ',
      slashes: '/ ',
      brackets: '|--- A ---| ',
      lines: 'Author ==> MSA\n',
      attributes: repeat('a: b=c\n', 'Author@a ==> MSA\n'),
      values: repeat('b=c, ', 'Author@a ==> MSA\na: '),
      comments: '# a\n',
      entities: '&gt;',
      dashes: '-',
      spaces: ' ',
      networks: '|-- A --|\n',
    },
    { maxBytes: 4 * MB, bound: 'a description is written by its owner' },
  ),
  ...family(
    'sieve script',
    (input) => checkScript(input),
    {
      commands: 'keep;',
      'commands that fail': 'a;',
      blocks: 'if true{',
      tests: repeat('not ', 'if '),
      lists: repeat('anyof(', 'if '),
      strings: repeat('"a",', 'if header ['),
      'open strings': '"a\\"',
      texts: 'text:\r\n.\r\n;',
      'open texts': 'text:\r\n..',
      comments: '/**/',
      'open comments': '/*',
      hashes: '#\n',
      numbers: '9',
      brackets: '[',
      'encoded characters': repeat('${hex:41', 'require "encoded-character"; redirect "'),
      variables: repeat('${a.', 'require "variables"; redirect "', '";'),
      requires: 'require "copy";',
      'bytes that are no UTF-8': '\xff',
    },
    { maxBytes: 512 * KB, bound: 'a script has 512 KB' },
  ),
  ...family('sieve over a message', (input) => runScript(SIEVE, input, NOBODY), {
    fields: 'A: b\r\n',
    subjects: 'Subject: aab\r\n',
    'a long subject': repeat('a', 'Subject: '),
    addresses: repeat('a+b@c.test, ', 'To: '),
    'broken addresses': repeat('<', 'To: '),
    dates: 'Date: Tue, 24 Nov 2026 10:11:12 +0100\r\n',
    parts: repeat('--x\r\nContent-Type: text/html; a=b\r\n\r\n<p>a\r\n', MULTIPART),
    body: repeat('aab', '\r\n'),
  }),
  ...family('text', (input) => bytesToText(input), { é: '\xc3\xa9', broken: '\xc3' }),
]
