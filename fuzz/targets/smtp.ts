// SMTP from both sides, and what stands before it: commands, sessions, content, replies, PROXY headers, SASL.

import { formatPath, parseSmtpPath } from '../../src/message/smtp-path.ts'
import { SaslServer } from '../../src/protocols/sasl/server.ts'
import {
  isReply,
  parseBdat,
  parseMail,
  parseRecipient,
  readText,
  splitCommand,
} from '../../src/protocols/smtp/command.ts'
import { Budget, ContentCollector } from '../../src/protocols/smtp/content.ts'
import { DEFAULT_SERVER_OPTIONS } from '../../src/protocols/smtp/options.ts'
import { parseProxyHeader } from '../../src/protocols/smtp/proxy.ts'
import { REPLIES } from '../../src/protocols/smtp/reply.ts'
import { ReplyReader } from '../../src/protocols/smtp/reply-reader.ts'
import { SmtpServerSession } from '../../src/protocols/smtp/server-session.ts'
import type { Effect } from '../../src/protocols/smtp/session-types.ts'
import { toWire, withSafeLineEnds } from '../../src/protocols/smtp/wire.ts'
import { must, pieces, same, type Targets, WORDS } from '../target.ts'

const OFFERED = {
  dsn: true,
  prdr: true,
  requireTls: true,
  auth: true,
  hold: true,
  priority: true,
  binary: true,
  deliverByS: 60,
}
const CONTROL = /[\x00-\x1f\x7f]/

function command(bytes: Buffer): void {
  const text = readText(bytes)
  if (text === undefined) return
  const { rest } = splitCommand(text)
  for (const line of [rest, text]) {
    parseBdat(line)
    const mail = parseMail(line, OFFERED)
    if (!isReply(mail)) must(!CONTROL.test(JSON.stringify(mail)), 'a control character came through', mail)
    for (const utf8 of [true, false]) {
      const recipient = parseRecipient(line, OFFERED, utf8)
      if (isReply(recipient)) continue
      const { orcpt } = recipient.parameters
      must(!CONTROL.test(orcpt?.address ?? ''), 'ORCPT with a control character', orcpt)
    }
  }
}

function path(bytes: Buffer): void {
  const text = bytes.toString('utf8')
  for (const utf8 of [true, false])
    for (const kind of ['reverse', 'forward'] as const) {
      const read = kind === 'reverse' ? parseSmtpPath(text, kind, { utf8 }) : parseSmtpPath(text, 'forward', { utf8 })
      if (!read.ok) continue
      must(read.length <= text.length, 'longer than its text')
      const written = formatPath(read.path)
      must(!CONTROL.test(written), 'a control character in a path', written)
      const again =
        kind === 'reverse' ? parseSmtpPath(written, kind, { utf8 }) : parseSmtpPath(written, 'forward', { utf8 })
      must(again.ok, 'what was written cannot be read', written)
      if (again.ok) same('a path changes', formatPath(again.path), written)
    }
}

/** A session whose role accepts everything but recipients that begin with "no". */
function dialogue(chunks: Iterable<Buffer>): { said: string; messages: string[] } {
  const budget = new Budget(200_000)
  const session = new SmtpServerSession(
    {
      ...DEFAULT_SERVER_OPTIONS,
      ...{ hostName: 'mx.test', dsn: true, prdr: true, burl: true, startTls: true },
      ...{ authWithoutTls: true, maxMessageBytes: 50_000 },
    },
    {
      peer: { address: '192.0.2.1', port: 1024 },
      local: { address: '192.0.2.25', port: 25 },
      tls: undefined,
      mechanisms: ['PLAIN', 'LOGIN', 'SCRAM-SHA-256'],
      budget,
      random: { bytes: (length) => Buffer.alloc(length, 1) },
      now: () => Date.UTC(2026, 0, 1),
    },
  )
  let said = ''
  const messages: string[] = []
  const perform = (effects: Effect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'send') said += effect.text
      else if (effect.kind === 'start-tls') session.tlsStarted({ protocol: 'TLSv1.3', cipher: 'X', authorized: false })
      else if (effect.kind === 'ask') perform(answer(effect.question))
    }
  }
  const answer = (question: Extract<Effect, { kind: 'ask' }>['question']): Effect[] => {
    switch (question.kind) {
      case 'password':
        return session.passwordChecked({ state: 'refused' })
      case 'credentials':
        return session.credentialsFound({ state: 'unavailable' })
      case 'url':
        return session.urlResolved(question.url.length % 2 === 0 ? Buffer.from('a\r\n.b') : REPLIES.urlLeadsNowhere)
      case 'message': {
        const { source, envelope } = question.message
        messages.push(source.toString('latin1'))
        must(withSafeLineEnds(source) === source, 'a message with stray line ends', source.toString('latin1'))
        const each = envelope.recipients.map(() => ({ code: 250, enhanced: '2.0.0', lines: ['ok'] }))
        return session.decide(question.message.prdr ? { each, final: each[0]! } : undefined)
      }
      case 'recipient':
        return session.decide(
          formatPath(question.forwardPath).startsWith('<no')
            ? { code: 550, enhanced: '5.1.1', lines: ['no'] }
            : undefined,
        )
      default:
        return session.decide(undefined)
    }
  }
  perform(session.start())
  for (const chunk of chunks) perform(session.receive(chunk))
  perform(session.abort())
  must(budget.usedBytes === 0, 'memory is not given back', budget.usedBytes)
  must(/^(?:\d{3}[ -][\x20-\x7e\x80-\uffff]*\r\n)*$/.test(said), 'a reply that is none', said.slice(-500))
  return { said, messages }
}

function session(bytes: Buffer): void {
  // STARTTLS forgets what came in the same piece: the cut matters then, as it must (RFC 3207 §4.2).
  const cut = dialogue(pieces(bytes))
  const whole = dialogue([bytes])
  if (!/starttls/i.test(bytes.toString('latin1'))) same('the cut of the input changes the dialogue', cut, whole)
}

function content(bytes: Buffer): void {
  const collect = (chunks: Iterable<Buffer>) => {
    const collector = new ContentCollector(60_000, new Budget(1_000_000))
    let past = 0
    for (const chunk of chunks) {
      const end = collector.data(chunk, 0)
      past += end < 0 ? chunk.length : end
      if (end < 0) continue
      const source = collector.finish()
      return { past, defect: collector.defect, source: collector.defect ? '' : source.toString('latin1') }
    }
    return { past: -1, defect: undefined, source: '' }
  }
  same('the cut of DATA changes it', collect(pieces(bytes)), collect([bytes]))
  // What leaves is taken as one message, as it was, and by every lax server too.
  const { pieces: wire } = toWire(bytes)
  const sent = Buffer.concat(wire)
  const safe = withSafeLineEnds(bytes)
  must(!/\r(?!\n)|(?<!\r)\n|\0/.test(sent.toString('latin1')), 'a stray line end leaves')
  must(sent.indexOf('\r\n.\r\n') === (sent.length > 3 ? sent.length - 5 : -1), 'a second end of the message')
  const back = collect(pieces(sent))
  if (safe.length > 59_000) return
  same('the end is not found', [back.past, back.defect], [sent.length, undefined])
  const expected = safe.toString('latin1')
  same(
    'dots change the message',
    back.source,
    expected === '' || expected.endsWith('\r\n') ? expected : `${expected}\r\n`,
  )
  const chunks = new ContentCollector(60_000, new Budget(1_000_000))
  for (const piece of pieces(bytes)) chunks.chunk(piece)
  const source = chunks.finish()
  same('BDAT and line ends', chunks.defect === undefined, withSafeLineEnds(bytes) === bytes)
  if (chunks.defect === undefined) must(source.equals(bytes), 'BDAT changes the message')
}

function replies(bytes: Buffer): void {
  const read = (chunks: Iterable<Buffer>) => {
    const reader = new ReplyReader()
    const found: unknown[] = []
    for (const chunk of chunks) {
      reader.push(chunk)
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        found.push(next)
        if ('fault' in next) return found
        must(!next.lines.some((line) => CONTROL.test(line)), 'a control character in a reply', next)
      }
    }
    return found
  }
  same('the cut of replies changes them', read(pieces(bytes)), read([bytes]))
}

function proxy(bytes: Buffer): void {
  const result = parseProxyHeader(bytes)
  if (result.kind !== 'more') return
  must(bytes.length <= 4112, 'more is asked for without bound')
}

function sasl(bytes: Buffer): void {
  const tls = {
    bindings: [{ type: 'tls-exporter', data: Buffer.alloc(32, 7) } as const],
    clientCertificate: Buffer.from('certificate'),
  }
  const mechanisms = ['PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', 'EXTERNAL'] as const
  for (const mechanism of mechanisms) {
    const server = new SaslServer({ bytes: (length) => Buffer.alloc(length, 7) }, mechanisms, tls)
    let step = server.start(mechanism)
    for (const line of bytes.toString('latin1').split('\n')) {
      if (step.kind !== 'challenge') break
      step = server.respond(Buffer.from(line, 'latin1'))
    }
  }
}

const DIALOGUE =
  'EHLO x\r\nMAIL FROM:<a@one.test> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<b@two.test> NOTIFY=NEVER ORCPT=rfc822;b@two.test\r\nDATA\r\nSubject: x\r\n\r\n..x\r\n.\r\nQUIT\r\n'
const SMTP_WORDS = [
  ...[
    'EHLO x\r\n',
    'HELO ',
    'MAIL FROM:<a@one.test>',
    'RCPT TO:<b@two.test>',
    'RCPT TO:<no@two.test>',
    'DATA\r\n',
    'RSET\r\n',
  ],
  ...[
    'BDAT 4\r\n',
    'BDAT 5 LAST\r\n',
    'BDAT 0 LAST\r\n',
    'STARTTLS\r\n',
    'AUTH PLAIN AGEAYg==\r\n',
    'AUTH LOGIN\r\n',
    '*\r\n',
  ],
  ...[
    ' SIZE=',
    ' BODY=8BITMIME',
    ' SMTPUTF8',
    ' PRDR',
    ' ORCPT=rfc822;',
    '+0A',
    '\\x{A}',
    ' ENVID=',
    ' AUTH=<>',
    ' NOTIFY=',
  ],
  ...[
    '\r\n.\r\n',
    '\n.\n',
    '\r.\r',
    '\r\n.',
    '@a,@b:',
    '""',
    '"a b"',
    '[IPv6:::1]',
    '[127.0.0.1]',
    'VRFY a\r\n',
    'HELP\r\n',
  ],
]

export const smtpTargets: Targets = {
  'smtp-command': {
    fuzz: command,
    seeds: [
      'FROM:<a@b.test> SIZE=1 RET=HDRS ENVID=a+2B',
      'TO:<a@b.test> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;a\\x{E9}@b',
      '5 LAST',
    ],
    words: [...SMTP_WORDS, ...WORDS],
  },
  'smtp-path': {
    fuzz: path,
    seeds: [
      '<a@b.test>',
      '<"a b"@[192.0.2.1]>',
      '<@a,@b:u@c.test>',
      '<>',
      '<postmaster>',
      '<b\u00f6b@m\u00fcll.test> SIZE=1',
    ],
    words: [...SMTP_WORDS, ...WORDS],
    suites: ['addresses'],
  },
  'smtp-session': {
    fuzz: session,
    seeds: [DIALOGUE, DIALOGUE.replace('DATA\r\nSubject: x\r\n\r\n..x\r\n.\r\n', 'BDAT 5\r\nabc\r\nBDAT 0 LAST\r\n')],
    words: [...SMTP_WORDS, ...WORDS],
    suites: ['attack-smtp'],
  },
  'smtp-content': {
    fuzz: content,
    seeds: ['Subject: x\r\n\r\n..x\r\n.\r\n', '.\r\n', ''],
    words: ['\r\n.\r\n', '.', '\r', '\n', '\r\n', '\0', ...WORDS],
  },
  'smtp-replies': {
    fuzz: replies,
    seeds: ['220 mx ready\r\n250-mx\r\n250-SIZE 1\r\n250 8BITMIME\r\n354 go\r\n550 5.1.1 no\r\n'],
    words: ['220 ', '250-', '250 ', '354 ', '421 4.3.2 ', '550-5.1.1 ', '\r\n', ...WORDS],
    suites: ['attack-smtp/fake-server-smtp'],
  },
  'proxy-header': {
    fuzz: proxy,
    seeds: [
      'PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n',
      'PROXY UNKNOWN\r\n',
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\x01\0\x19',
    ],
    words: ['PROXY TCP6 ', '::1', ' 65536', '\r\n\r\n\0\r\nQUIT\n', '\x21', '\x20', '\x11', '\x21\x21', ...WORDS],
  },
  sasl: {
    fuzz: sasl,
    seeds: ['\0user\0password', 'user\npassword', 'n,,n=user,r=abc\nc=biws,r=abcdef,p=AAAA'],
    words: ['n,,', 'y,,', 'p=tls-exporter,,', 'n=', 'r=', 'c=biws', 'p=', '=2C', '=3D', 'm=', ...WORDS],
  },
}
