import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatPath } from '../../message/smtp-path.ts'
import { Budget } from './content.ts'
import { DEFAULT_SERVER_OPTIONS, type SmtpServerOptions } from './options.ts'
import type { Answer, InboundMessage } from './policy.ts'
import { REPLIES, reply } from './reply.ts'
import { SmtpServerSession } from './server-session.ts'
import type { Effect, Question } from './session-types.ts'

const suite = new URL('../../../../shared/suites/attack-smtp/', import.meta.url)

interface Setup extends Partial<SmtpServerOptions> {
  readonly tls?: boolean
  readonly mechanisms?: ('PLAIN' | 'LOGIN')[]
  readonly budget?: Budget
  readonly answer?: (question: Question) => Answer
}

/** A session with a policy that accepts everything, and what it said and did. */
class Robot {
  readonly session: SmtpServerSession
  readonly budget: Budget
  readonly messages: InboundMessage[] = []
  readonly asked: string[] = []
  said = ''
  closed = false
  readonly #answer: Setup['answer']

  constructor({ tls, mechanisms, budget, answer, ...options }: Setup = {}) {
    this.#answer = answer
    this.budget = budget ?? new Budget(1_000_000)
    this.session = new SmtpServerSession(
      { ...DEFAULT_SERVER_OPTIONS, hostName: 'mx.test', ...options },
      {
        peer: { address: '192.0.2.1', port: 1024 },
        local: { address: '192.0.2.25', port: 25 },
        tls: tls ? { protocol: 'TLSv1.3', cipher: 'X', authorized: false } : undefined,
        mechanisms: mechanisms ?? [],
        budget: this.budget,
        random: { bytes: (length) => Buffer.alloc(length, 1) },
        now: () => Date.UTC(2026, 0, 1),
      },
    )
    this.perform(this.session.start())
  }

  send(bytes: string | Uint8Array): this {
    this.perform(this.session.receive(typeof bytes === 'string' ? Buffer.from(bytes) : bytes))
    return this
  }

  perform(effects: Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.said += effect.text
      else if (effect.kind === 'close') this.closed = true
      else if (effect.kind === 'ask') this.perform(this.#decide(effect.question))
    }
  }

  #decide(question: Question): Effect[] {
    this.asked.push(describeQuestion(question))
    if (question.kind === 'password') {
      const ok = question.user === 'bob' && question.password === 'secret'
      return this.session.passwordChecked(ok ? { state: 'ok', user: 'bob' } : { state: 'refused' })
    }
    // '/nowhere' leads nowhere; anything else to its own path.
    if (question.kind === 'url')
      return this.session.urlResolved(
        question.url.endsWith('/nowhere') ? REPLIES.urlLeadsNowhere : Buffer.from(new URL(question.url).pathname),
      )
    if (question.kind === 'credentials') return this.session.credentialsFound({ state: 'unavailable' })
    const answer = this.#answer?.(question)
    if (question.kind !== 'message') return this.session.decide(answer)
    this.messages.push({ ...question.message, session: { ...question.message.session } })
    return this.session.decide(answer ?? reply(250, '2.0.0', 'accepted'))
  }
}

function describeQuestion(q: Question): string {
  if (q.kind === 'mail') return `mail ${formatPath(q.reversePath)} ${JSON.stringify(q.parameters)}`
  if (q.kind === 'recipient') return `recipient ${formatPath(q.forwardPath)} ${JSON.stringify(q.parameters)}`
  if (q.kind === 'message') return `message ${q.message.source.toString('latin1')}`
  return JSON.stringify(q)
}

/** Plays a script: C lines are sent together, then what was said must be the S lines; '*' at the end stands for anything. */
function play(script: string, setup: Setup = {}): Robot {
  const robot = new Robot(setup)
  const lines = script
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => line !== '')
  let toSend = ''
  const expected: string[] = []
  for (const line of lines) {
    if (line.startsWith('C:')) toSend += `${line.slice(3)}\r\n`
    else {
      if (toSend !== '') robot.send(toSend)
      toSend = ''
      expected.push(line.slice(3))
    }
  }
  if (toSend !== '') robot.send(toSend)
  const said = robot.said.split('\r\n').slice(0, -1)
  const shown = said.map((line, i) => {
    const wanted = expected[i]
    return wanted?.endsWith('*') && line.startsWith(wanted.slice(0, -1)) ? wanted : line
  })
  assert.deepEqual(shown, expected)
  return robot
}

const BEGIN = 'EHLO client.test\r\nMAIL FROM:<a@one.test>\r\nRCPT TO:<b@two.test>\r\nDATA\r\n'

describe('SMTP server session: dialogues', () => {
  test('one message, all commands pipelined, then another', () => {
    const robot = play(`
      S: 220 mx.test ESMTP Borderpost
      C: EHLO client.test
      S: 250-mx.test greets client.test
      S: 250-PIPELINING
      S: 250-SIZE 52428800
      S: 250-8BITMIME
      S: 250-SMTPUTF8
      S: 250-ENHANCEDSTATUSCODES
      S: 250-CHUNKING
      S: 250 LIMITS MAILMAX=100000 RCPTMAX=1000
      C: MAIL FROM:<a@one.test> SIZE=100 BODY=8BITMIME
      C: RCPT TO:<b@two.test>
      C: RCPT TO:<Postmaster>
      C: DATA
      S: 250 2.1.0 *
      S: 250 2.1.5 *
      S: 250 2.1.5 *
      S: 354 *
      C: Subject: hello
      C:
      C: ..stuffed
      C: .
      C: MAIL FROM:<>
      S: 250 2.0.0 accepted
      S: 250 2.1.0 *
      C: QUIT
      S: 221 2.0.0 *
    `)
    const [message] = robot.messages
    assert.equal(message!.source.toString(), 'Subject: hello\r\n\r\n.stuffed\r\n')
    assert.equal(formatPath(message!.envelope.reversePath), '<a@one.test>')
    assert.deepEqual(
      message!.envelope.recipients.map((r) => formatPath(r.forwardPath)),
      ['<b@two.test>', '<Postmaster>'],
    )
    assert.equal(message!.envelope.body, '8BITMIME')
    assert.equal(message!.session.protocol, 'ESMTP')
    assert.equal(robot.closed, true)
    assert.equal(robot.budget.usedBytes, 0)
  })

  test('commands out of order', () => {
    play(`
      S: 220 *
      C: MAIL FROM:<a@one.test>
      S: 503 5.5.1 *
      C: HELO client.test
      S: 250 mx.test greets client.test
      C: RCPT TO:<b@two.test>
      S: 503 5.5.1 MAIL first
      C: DATA
      S: 503 5.5.1 MAIL first
      C: MAIL FROM:<a@one.test>
      S: 250 2.1.0 *
      C: DATA
      S: 554 5.5.1 *
      C: MAIL FROM:<a@one.test>
      S: 503 5.5.1 *
      C: RSET
      S: 250 2.0.0 *
      C: RCPT TO:<b@two.test>
      S: 503 5.5.1 *
    `)
  })

  test('syntax errors, unknown words, and the small commands', () => {
    play(`
      S: 220 *
      C: EHLO
      S: 501 5.5.4 *
      C: EHLO two names
      S: 501 5.5.4 *
      C: helo client.test
      S: 250 *
      C: FROB
      S: 500 5.5.1 *
      C: mail from:<a@one.test> FROB=1
      S: 555 5.5.4 *
      C: MAIL FROM:<a@one.test> SIZE=abc
      S: 501 5.5.4 *
      C: MAIL FROM:<a@one.test> SIZE=1 SIZE=2
      S: 501 5.5.4 *
      C: MAIL FROM:<a@one.test>garbage
      S: 501 5.5.4 *
      C: MAIL FROM:<a b@one.test>
      S: 501 5.1.7 *
      C: MAIL FROM:<é@one.test>
      S: 553 5.6.7 *
      C: MAIL FROM:<é@one.test> SMTPUTF8
      S: 250 2.1.0 *
      C: RCPT TO:<ü@two.test>
      S: 250 2.1.5 *
      C: RCPT TO:<>
      S: 501 5.1.3 *
      C: RCPT TO:<b@two.test> NOTIFY=NEVER
      S: 555 5.5.4 *
      C: NOOP hello
      S: 250 2.0.0 ok
      C: VRFY bob
      S: 252 2.5.0 *
      C: EXPN list
      S: 502 5.5.1 *
      C: HELP
      S: 214-2.0.0 *
      S: 214 2.0.0 *
      C: AUTH PLAIN
      S: 502 5.5.1 *
      C: STARTTLS
      S: 502 5.5.1 *
    `)
  })

  test('a recipient that the role refuses, and one too many', () => {
    const robot = play(
      `
      S: 220 *
      C: HELO client.test
      S: 250 *
      C: MAIL FROM:<a@one.test>
      C: RCPT TO:<no@two.test>
      C: RCPT TO:<b@two.test>
      C: RCPT TO:<c@two.test>
      C: RCPT TO:<d@two.test>
      C: DATA
      S: 250 *
      S: 550 5.1.1 no such mailbox
      S: 250 *
      S: 250 *
      S: 452 4.5.3 *
      S: 354 *
      C: x
      C: .
      S: 250 *
    `,
      {
        maxRecipients: 2,
        answer: (q) =>
          q.kind === 'recipient' && formatPath(q.forwardPath) === '<no@two.test>'
            ? reply(550, '5.1.1', 'no such mailbox')
            : undefined,
      },
    )
    assert.equal(robot.messages[0]!.envelope.recipients.length, 2)
  })

  test('DSN parameters are parsed, decoded and kept', () => {
    const robot = play(
      `
      S: 220 *
      C: HELO client.test
      S: 250 *
      C: MAIL FROM:<a@one.test> RET=HDRS ENVID=QQ+2B1
      S: 250 *
      C: RCPT TO:<b@two.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob+2Bx@old.test
      S: 250 *
      C: RCPT TO:<c@two.test> NOTIFY=NEVER
      S: 250 *
      C: RCPT TO:<d@two.test> NOTIFY=NEVER,DELAY
      S: 501 *
      C: RCPT TO:<d@two.test> ORCPT=rfc822;a+0Ab
      S: 501 *
      C: DATA
      S: 354 *
      C: .
      S: 250 *
      C: MAIL FROM:<a@one.test> ENVID=a+0D+0Ab
      S: 501 *
    `,
      { dsn: true },
    )
    const { envelope } = robot.messages[0]!
    assert.equal(envelope.ret, 'HDRS')
    assert.equal(envelope.envid, 'QQ+1')
    assert.deepEqual(envelope.recipients[0]!.notify, ['SUCCESS', 'FAILURE'])
    assert.deepEqual(envelope.recipients[0]!.orcpt, { type: 'rfc822', address: 'Bob+x@old.test' })
    assert.deepEqual(envelope.recipients[1]!.notify, [])
    assert.equal(robot.messages[0]!.source.length, 0)
  })

  test('who is not welcome hears so instead of the greeting', () => {
    const answer = (q: Question) => (q.kind === 'connected' ? reply(554, '5.7.1', 'not you') : undefined)
    assert.equal(play('S: 554 5.7.1 not you', { answer }).closed, true)
  })

  test('a browser is sent away at once', () => {
    const robot = new Robot().send('POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.test>\r\n')
    assert.match(robot.said, /421 4\.7\.0 .*\r\n$/)
    assert.equal(robot.closed, true)
  })

  test('too many faults, too many nuisances', () => {
    const faults = new Robot().send('FROB\r\n'.repeat(30))
    assert.match(faults.said, /500 [^\r]*\r\n421 4\.7\.0 [^\r]*\r\n$/)
    assert.equal(faults.said.split('\r\n').filter((l) => l.startsWith('500')).length, 21)
    const noops = new Robot().send('NOOP\r\n'.repeat(200))
    assert.equal(noops.closed, true)
  })

  test('the role answers 421: the session ends', () => {
    const answer = (q: Question) => (q.kind === 'message' ? reply(421, '4.3.2', 'closing') : undefined)
    const robot = new Robot({ answer }).send(`${BEGIN}x\r\n.\r\nMAIL FROM:<c@one.test>\r\n`)
    assert.match(robot.said, /421 4\.3\.2 closing\r\n$/)
    assert.equal(robot.closed, true)
  })
})

describe('SMTP server session: TLS and AUTH', () => {
  test('STARTTLS forgets what was said, and what came behind it', () => {
    const robot = new Robot({ startTls: true }).send(
      'EHLO x\r\nMAIL FROM:<a@b.test>\r\nSTARTTLS\r\nEHLO evil\r\nNOOP\r\n',
    )
    assert.match(robot.said, /220 2\.0\.0 ready to start TLS\r\n$/)
    assert.equal(robot.session.phase, 'tls')
    robot.send('NOOP\r\n')
    robot.session.tlsStarted({ protocol: 'TLSv1.3', cipher: 'X', authorized: false })
    robot.said = ''
    robot.send('MAIL FROM:<a@b.test>\r\nSTARTTLS\r\nEHLO x\r\n')
    assert.match(robot.said, /^503 5\.5\.1 say EHLO first\r\n503 5\.5\.1 TLS is already active\r\n250-/)
    assert.doesNotMatch(robot.said, /STARTTLS\r\n/)
    assert.equal(robot.session.facts.protocol, 'ESMTPS')
  })

  test('the injection cases of command-injection-tester', (t) => {
    const file = new URL('starttls-injection.json', suite)
    if (!existsSync(file)) return t.skip('shared/suites/attack-smtp is absent')
    const cases: { id: string; pretls: string[]; injected: string; after_tls: string }[] = JSON.parse(
      readFileSync(file, 'utf8'),
    )
    const { pretls, injected, after_tls } = cases.find((c) => c.id === 'smtp')!
    const robot = new Robot({ startTls: true }).send(pretls.join('')).send(injected)
    robot.session.tlsStarted({ protocol: 'TLSv1.3', cipher: 'X', authorized: false })
    robot.said = ''
    robot.send(after_tls)
    assert.match(robot.said, /^500 [^\r]*\r\n$/)
  })

  test('where TLS is required nothing else goes before it', () => {
    play(
      `
      S: 220 *
      C: HELO x
      S: 250 *
      C: MAIL FROM:<a@one.test>
      S: 530 5.7.0 say STARTTLS first
      C: NOOP
      S: 250 *
    `,
      { startTls: true, tlsRequired: true },
    )
  })

  test('AUTH only inside TLS, each form of it, once', () => {
    const plain = Buffer.from('\0bob\0secret').toString('base64')
    const clear = new Robot({ mechanisms: ['PLAIN'], startTls: true, authRequired: true })
    clear.send(`EHLO x\r\nAUTH PLAIN ${plain}\r\nMAIL FROM:<a@one.test>\r\n`)
    assert.doesNotMatch(clear.said, /250.AUTH/)
    assert.match(clear.said, /538 5\.7\.11 [^\r]*\r\n530 5\.7\.0 [^\r]*\r\n$/)

    const robot = play(
      `
      S: 220 *
      C: AUTH PLAIN ${plain}
      S: 503 *
      C: EHLO x
      S: 250-*
      S: 250-*
      S: 250-*
      S: 250-*
      S: 250-*
      S: 250-*
      S: 250-*
      S: 250-LIMITS *
      S: 250 AUTH PLAIN LOGIN
      C: AUTH CRAM-MD5
      S: 504 5.5.4 *
      C: AUTH PLAIN !!!!
      S: 501 5.5.2 *
      C: AUTH PLAIN =
      S: 501 *
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C: *
      S: 501 5.7.0 *
      C: AUTH PLAIN
      S: 334 ${''}
      C: ${Buffer.from('\0bob\0wrong').toString('base64')}
      S: 535 5.7.8 *
      C: AUTH LOGIN Ym9i
      S: 334 UGFzc3dvcmQ6
      C: c2VjcmV0
      S: 235 2.7.0 *
      C: AUTH PLAIN ${plain}
      S: 503 *
      C: MAIL FROM:<a@one.test> AUTH=<>
      S: 250 *
    `,
      { mechanisms: ['PLAIN', 'LOGIN'], tls: true },
    )
    assert.equal(robot.session.facts.user, 'bob')
    assert.equal(robot.session.facts.protocol, 'ESMTPSA')
  })

  test('guessing passwords ends with 421', () => {
    const robot = new Robot({ mechanisms: ['PLAIN'], tls: true }).send('EHLO x\r\n')
    for (let i = 0; i < 9; i++) robot.send(`AUTH PLAIN ${Buffer.from(`\0bob\0guess${i}`).toString('base64')}\r\n`)
    assert.equal(robot.said.split('\r\n').filter((l) => l.startsWith('535')).length, 4)
    assert.equal(robot.closed, true)
  })

  test('AUTH bombs: a line of a megabyte, then on with the session', () => {
    const robot = new Robot({ mechanisms: ['PLAIN'], tls: true }).send('EHLO x\r\nAUTH PLAIN\r\n')
    robot.said = ''
    robot.send('A'.repeat(1_000_000)).send('A\r\nNOOP\r\n')
    assert.match(robot.said, /^500 5\.5\.6 [^\r]*\r\n250 2\.0\.0 ok\r\n$/)
  })
})

describe('SMTP server session: line ends and limits', () => {
  test('bare CR and LF in commands are refused, and what hangs on them is not a command', () => {
    for (const end of ['\n', '\r', '\r\r', '\n\n', '\0']) {
      const robot = new Robot().send('EHLO x\r\n')
      robot.said = ''
      robot.send(`MAIL FROM:<a@one.test>${end}RCPT TO:<b@two.test>\r\nNOOP\r\n`)
      assert.match(robot.said, /^500 5\.5\.2 [^\r]*\r\n250 2\.0\.0 ok\r\n$/, JSON.stringify(end))
    }
  })

  test('a client that ends lines in LF only is told at once', () => {
    const robot = new Robot()
    robot.said = ''
    assert.match(robot.send('EHLO x\n').said, /^500 5\.5\.2/)
  })

  test('a command of ten megabytes costs one reply and no memory', () => {
    const robot = new Robot()
    robot.said = ''
    for (let i = 0; i < 160; i++) robot.send(Buffer.alloc(65_536, 65))
    robot.send('\r\nNOOP\r\n')
    assert.match(robot.said, /^500 5\.5\.6 [^\r]*\r\n250 2\.0\.0 ok\r\n$/)
  })

  test('smuggling: no line end but CRLF ends a message (SMTP-Smuggling-Tools)', (t) => {
    const file = new URL('smuggling.json', suite)
    if (!existsSync(file)) return t.skip('shared/suites/attack-smtp is absent')
    const { inbound_eod_sequences, outbound_eod_sequences } = JSON.parse(readFileSync(file, 'utf8'))
    for (const sequence of new Set<string>([...inbound_eod_sequences, ...outbound_eod_sequences])) {
      const content = `Subject: one\r\n\r\nbody${sequence}MAIL FROM:<evil@one.test>\r\nRCPT TO:<b@two.test>\r\nDATA\r\nevil\r\n.\r\n`
      for (const whole of [true, false]) {
        const robot = new Robot().send(BEGIN)
        robot.said = ''
        if (whole) robot.send(content)
        else for (const byte of Buffer.from(content)) robot.send(Buffer.from([byte]))
        const what = `${JSON.stringify(sequence)} ${robot.said}`
        assert.equal(robot.messages.length, 0, what)
        assert.match(robot.said, /^550 5\.6\.0 [^\r]*\r\n$/, what)
        assert.equal(robot.session.phase, 'command')
        assert.equal(robot.budget.usedBytes, 0)
      }
    }
  })

  test('smuggling in BDAT', () => {
    const robot = new Robot().send(BEGIN.replace('DATA\r\n', 'BDAT 5 LAST\r\na\n.\r\nNOOP\r\n'))
    assert.match(robot.said, /550 5\.6\.0 [^\r]*\r\n250 2\.0\.0 ok\r\n$/)
  })

  test('a message that is too big: at MAIL when it says so, after its end when not', () => {
    const robot = new Robot({ maxMessageBytes: 1000 })
    robot.send('EHLO x\r\nMAIL FROM:<a@one.test> SIZE=1001\r\nMAIL FROM:<a@one.test> SIZE=99999999999999999999\r\n')
    assert.match(robot.said, /552 5\.3\.4 [^\r]*\r\n552 5\.3\.4 [^\r]*\r\n$/)
    robot.send(BEGIN).send('0123456789\r\n'.repeat(10_000))
    assert.equal(robot.budget.usedBytes, 0)
    robot.said = ''
    robot.send('.\r\nNOOP\r\n')
    assert.match(robot.said, /^552 5\.3\.4 [^\r]*\r\n250 2\.0\.0 ok\r\n$/)
  })

  test('memory for messages under way is shared and bounded', () => {
    const budget = new Budget(20_000)
    const first = new Robot({ budget }).send(BEGIN).send(Buffer.alloc(9_000, 65))
    const second = new Robot({ budget }).send(BEGIN).send(Buffer.alloc(9_000, 65))
    second.said = ''
    second.send('\r\n.\r\n')
    assert.match(second.said, /^452 4\.3\.1/)
    first.send('\r\n.\r\n')
    assert.equal(first.messages.length, 1)
    const third = new Robot({ budget }).send(BEGIN).send(Buffer.alloc(9_000, 65))
    assert.ok(budget.usedBytes > 0)
    third.session.abort()
    assert.equal(budget.usedBytes, 0)
  })

  test('BDAT: chunks, wrong sizes, wrong order', () => {
    const begin = BEGIN.replace('DATA\r\n', '')
    const good = new Robot().send(`${begin}BDAT 6\r\nab\r\n.\rBDAT 3\r\n\ncdBDAT 0 LAST\r\n`)
    assert.equal(good.messages[0]!.source.toString(), 'ab\r\n.\r\ncd')
    const alone = new Robot().send('EHLO x\r\n')
    alone.said = ''
    alone.send('BDAT 5 LAST\r\nNOOP\nNOOP\r\n')
    assert.match(alone.said, /^503 5\.5\.1 [^\r]*\r\n250 2\.0\.0 ok\r\n$/)
    const mixed = new Robot().send(`${begin}BDAT 2\r\nabDATA\r\nRCPT TO:<c@d.test>\r\nRSET\r\n`)
    assert.match(mixed.said, /503 [^\r]*\r\n503 [^\r]*\r\n250 2\.0\.0 reset\r\n$/)
    for (const size of ['-1', '18446744073709551616', '2147483648', 'x', '', '1 2', '5 FIRST']) {
      const robot = new Robot().send(`${begin}BDAT ${size}\r\nNOOP\r\n`)
      assert.match(robot.said, /5\d\d 5\.\d\.\d [^\r]*\r\n$/, size)
      assert.equal(robot.closed, true, size)
      assert.equal(robot.messages.length, 0)
    }
  })
})

describe('SMTP server session: BURL (RFC 4468)', () => {
  const begin = BEGIN.replace('DATA\r\n', '')

  test('pieces from URLs and chunks, in the order of the commands, in one write', () => {
    const robot = new Robot({ burl: true }).send(
      `${begin}BDAT 4\r\na\r\n.BURL imap://x/one\r\nBDAT 2\r\n\r\nBURL imap://x/two LAST\r\nNOOP\r\n`,
    )
    assert.match(robot.said, /^250-BURL imap\r$/m)
    assert.equal(robot.messages[0]!.source.toString(), 'a\r\n./one\r\n/two')
    assert.match(robot.said, /250 2\.0\.0 8 octets so far\r\n[\s\S]*250 2\.0\.0 accepted\r\n250 2\.0\.0 ok\r\n$/)
    assert.equal(robot.budget.usedBytes, 0)
  })

  test('a piece that is missing spoils the message, whatever follows in the same write', () => {
    for (const end of ['BDAT 3 LAST\r\nabc', 'BURL imap://x/one LAST\r\n']) {
      const robot = new Robot({ burl: true }).send(`${begin}BURL imap://x/nowhere\r\n${end}NOOP\r\n`)
      assert.match(robot.said, /554 5\.6\.6 [^\r]*\r\n554 5\.6\.6 [^\r]*\r\n250 2\.0\.0 ok\r\n$/)
      assert.equal(robot.messages.length, 0)
      assert.equal(robot.budget.usedBytes, 0)
      // The next message is none the worse for it.
      robot.send('MAIL FROM:<a@one.test>\r\nRCPT TO:<b@two.test>\r\nBURL imap://x/one LAST\r\n')
      assert.equal(robot.messages.map(({ source }) => source.toString()).join(), '/one')
    }
  })

  test('out of order, malformed, too many, too big, or not offered', () => {
    const cases: [string, RegExp][] = [
      ['EHLO x\r\nBURL imap://x/one LAST\r\n', /503 5\.5\.1 MAIL first\r\n$/],
      ['EHLO x\r\nMAIL FROM:<a@one.test>\r\nBURL imap://x/one LAST\r\n', /554 5\.5\.1 no valid recipients\r\n$/],
      [`${begin}BURL\r\n`, /501 5\.5\.4 /],
      [`${begin}BURL imap://x/one FIRST\r\n`, /501 5\.5\.4 /],
      [`${begin}BURL imap://x/one\r\nDATA\r\n`, /503 5\.5\.1 finish with LAST[^\r]*\r\n$/],
      [`${begin}${'BURL imap://x/one\r\n'.repeat(101)}`, /\r\n554 5\.5\.3 [^\r]*\r\n$/],
      [`${begin}${'BURL imap://x/0123456789\r\n'.repeat(7)}`, /\r\n552 5\.3\.4 [^\r]*\r\n$/],
    ]
    for (const [commands, expected] of cases) {
      const maxMessageBytes = commands.includes('0123456789') ? 70 : 10_000
      const robot = new Robot({ burl: true, maxMessageBytes }).send(commands)
      assert.match(robot.said, expected, commands.slice(0, 90))
      assert.deepEqual(robot.messages, [])
    }
    const unoffered = new Robot().send(`${begin}BURL imap://x/one LAST\r\n`)
    assert.match(unoffered.said, /500 5\.5\.1 [^\r]*\r\n$/)
    assert.doesNotMatch(unoffered.said, /250.BURL/)
  })
})

describe('SMTP server session: properties', () => {
  const pieces = fc.constantFrom(
    ...[
      'EHLO x\r\n',
      'HELO y\r\n',
      'MAIL FROM:<a@one.test>\r\n',
      'RCPT TO:<b@two.test>\r\n',
      'DATA\r\n',
      'BDAT 4\r\nab\r\n',
    ],
    ...[
      'BDAT 3 LAST\r\nabc',
      'RSET\r\n',
      'text\r\n',
      '..x\r\n',
      '.\r\n',
      '\r\n.\r\n',
      '\n.\n',
      '\r',
      '\n',
      '.',
      '\0',
      'NOOP',
    ],
    ...[
      'AUTH LOGIN\r\n',
      'Ym9i\r\n',
      'c2VjcmV0\r\n',
      '*\r\n',
      '\r\n',
      'A'.repeat(2100),
      'QUIT\r\n',
      'VRFY é\r\n',
      BEGIN,
    ],
  )
  const run = (chunks: Uint8Array[]) => {
    const robot = new Robot({ mechanisms: ['LOGIN'], authWithoutTls: true, maxMessageBytes: 3000 })
    for (const chunk of chunks) robot.send(chunk)
    robot.session.abort()
    return { said: robot.said, asked: robot.asked, closed: robot.closed, used: robot.budget.usedBytes }
  }

  test('any split of the input gives the same dialogue', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 25 }), fc.array(fc.nat(60), { maxLength: 40 }), (parts, cuts) => {
        const input = Buffer.from(parts.join(''))
        const whole = run([input])
        const single = run([...input].map((byte) => Uint8Array.of(byte)))
        const chunks: Uint8Array[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(input.subarray(at, at + cut))
          at = Math.min(input.length, at + cut)
        }
        chunks.push(input.subarray(at))
        assert.deepEqual(single, whole)
        assert.deepEqual(run(chunks), whole)
        assert.equal(whole.used, 0)
      }),
      { numRuns: 150 },
    )
  })

  test('what a client stuffs comes out as it was, at any chunk border', () => {
    const lines = fc.array(fc.constantFrom('', '.', '..', '...', '.a', 'a.', 'text', '. .'), { maxLength: 12 })
    fc.assert(
      fc.property(lines, fc.nat(7), (given, step) => {
        const content = given.map((line) => `${line}\r\n`).join('')
        const stuffed = Buffer.from(`${content.replace(/^\./gm, '..')}.\r\n`)
        const robot = new Robot().send(BEGIN)
        for (let at = 0; at < stuffed.length; at += step + 1) robot.send(stuffed.subarray(at, at + step + 1))
        assert.equal(robot.messages[0]?.source.toString(), content)
      }),
    )
  })

  test('no bytes of a stranger throw', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 40 }),
            pieces.map((p) => Buffer.from(p)),
          ),
          { maxLength: 12 },
        ),
        (chunks) => {
          run(chunks)
        },
      ),
    )
  })
})

describe('extensions of submission', () => {
  const offered = { holdAtMostS: 3600, priority: true }

  test('FUTURERELEASE and MT-PRIORITY are told, with their limits (RFC 4865 §3, RFC 6710 §3)', () => {
    const { said } = new Robot(offered).send('EHLO x\r\n')
    assert.match(said, /^250-FUTURERELEASE 3600 2026-01-01T01:00:00Z\r$/m)
    assert.match(said, /^250[- ]MT-PRIORITY MIXER\r$/m)
    assert.doesNotMatch(new Robot().send('EHLO x\r\n').said, /FUTURERELEASE|MT-PRIORITY/)
  })

  test('their parameters are read, once and whole', () => {
    for (const [parameters, expected] of [
      ['HOLDFOR=60', { hold: { forS: 60 } }],
      ['holduntil=2026-02-03T04:05:06+01:00', { hold: { untilMs: Date.UTC(2026, 1, 3, 3, 5, 6) } }],
      ['MT-PRIORITY=-4', { priority: -4 }],
      ['MT-PRIORITY=9 HOLDFOR=1', { priority: 9, hold: { forS: 1 } }],
    ] as const) {
      const client = new Robot(offered)
      client.send(`EHLO x\r\nMAIL FROM:<a@b.test> ${parameters}\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx\r\n.\r\n`)
      const { hold, priority } = client.messages[0]!.envelope
      assert.deepEqual(JSON.parse(JSON.stringify({ hold, priority })), expected)
    }
    for (const bad of [
      ...['HOLDFOR', 'HOLDFOR=', 'HOLDFOR=-1', 'HOLDFOR=0', 'HOLDFOR=1234567890', 'HOLDFOR=1 HOLDFOR=2'],
      ...['HOLDFOR=1 HOLDUNTIL=2026-02-03T04:05:06Z', 'HOLDUNTIL=tomorrow', 'HOLDUNTIL=2026-13-45T04:05:06Z'],
      ...['MT-PRIORITY=10', 'MT-PRIORITY=+1', 'MT-PRIORITY=-0', 'MT-PRIORITY'],
    ])
      assert.match(new Robot(offered).send(`EHLO x\r\nMAIL FROM:<a@b.test> ${bad}\r\n`).said, /^501 /m, bad)
    for (const unknown of ['HOLDFOR=1', 'HOLDUNTIL=2026-02-03T04:05:06Z', 'MT-PRIORITY=1'])
      assert.match(new Robot().send(`EHLO x\r\nMAIL FROM:<a@b.test> ${unknown}\r\n`).said, /^555 /m, unknown)
  })
})
