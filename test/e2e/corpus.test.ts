// Hundreds of real messages, most older or stranger than any standard, from an Author through MSA, Transmitter, Border
// and Receiver to a Recipient: what is read back by IMAP, POP3 and JMAP is what was sent, byte for byte, behind the
// fields that our roles put in front. What SMTP does not allow is refused where it is submitted, never altered.

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, before, test } from 'node:test'
import { type Demo, endDemos, ROOT, startDemo, until } from './demo.ts'
import { byImap, byJmap, byPop3, countOf, withImap } from './mailbox.ts'
import { Smtp, type SmtpReply } from './smtp.ts'

const SUITES = join(ROOT, '..', 'shared', 'suites')
const CONNECTIONS = 4

/** Lists, and expected results: not messages. */
const NO_MESSAGE = [
  /PROVENANCE\.md$/,
  /^mime-fixtures\/flanker\/[^/]+\.txt$/,
  /^mime-fixtures\/mailcore-summary\/output\//,
]

/** Bare CR and LF (RFC 5321 §2.3.8), NUL (RFC 2045 §2.8). */
const isBroken = (source: Buffer) => /\r(?!\n)|(?<!\r)\n|\0/.test(source.toString('latin1'))

/** What the MSA says of a From that programs read differently. */
const ABOUT_FROM = /^550 5\.6\.0 .*\bFrom\b/

interface Message {
  readonly name: string
  readonly source: Buffer
}

interface Case extends Message {
  readonly door: 'MSA' | 'Receiver'
  readonly reply: SmtpReply
}

let demo: Demo
before(async () => {
  if (existsSync(SUITES)) demo = await startDemo()
})
after(endDemos)

test('what is sent is what is read, byte for byte', { timeout: 180_000 }, async (t) => {
  if (!existsSync(SUITES)) return t.skip('the suites are not here')
  const [anna, bob] = [demo.person('anna'), demo.person('bob')]
  const letters = await byImap(bob)

  const messages = readCorpus()
  const cases = await sendAll(messages)
  const accepted = cases.filter(({ reply }) => reply.code === 250)
  const refused = cases.filter(({ reply }) => reply.code !== 250)
  assert.equal(cases.length, messages.length)
  for (const { name, reply } of refused) assert.match(reply.text, /^550 5\.6\.0 /, name)
  assert.deepEqual(
    refused.map(({ name }) => name).sort(),
    messages.filter(({ source }) => isBroken(source)).map(({ name }) => name),
    'what is not allowed is refused, and nothing else',
  )
  const doors = Map.groupBy(accepted, ({ door }) => door)
  const bytes = accepted.reduce((sum, { source }) => sum + source.length, 0)
  t.diagnostic(
    `${cases.length} messages: ${doors.get('MSA')!.length} taken by the MSA, ${doors.get('Receiver')!.length} by the Receiver ` +
      `(${bytes} bytes), ${refused.length} refused (bare CR, NUL)`,
  )

  const expected = letters.length + accepted.length
  const places = async () => ({
    inbox: await countOf(bob),
    junk: await countOf(bob, 'Junk'),
    back: await countOf(anna),
  })
  await until(
    `${expected} messages`,
    async () => (Object.values(await places()).reduce((a, b) => a + b) >= expected ? true : undefined),
    60_000,
  ).catch(async (error) => t.diagnostic(`${error.message}: ${JSON.stringify(await places())}`))
  const returned = (await byImap(anna)).map((source) => /^Diagnostic-Code:.*/im.exec(source.toString('latin1'))?.[0])
  assert.deepEqual(returned, [], 'nothing came back')
  const { inbox, junk } = await places()
  assert.equal(inbox + junk, expected)
  t.diagnostic(`${junk} went into Junk (From is not clear); POP3 shows the inbox only, so Bob moves them there`)
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('Junk')
    await imap.messageMove('1:*', 'INBOX')
  })
  for (const [protocol, read] of Object.entries({ IMAP: byImap, POP3: byPop3, JMAP: byJmap })) {
    const sinceMs = performance.now()
    const found = await read(bob)
    const { once, strangers, fronts } = match(accepted, found)
    assert.equal(once, accepted.length, `${protocol}: every message once`)
    assert.equal(strangers, letters.length, `${protocol}: nothing else but the demo's own letters`)
    t.diagnostic(`${protocol}: ${once} compared in ${((performance.now() - sinceMs) / 1000).toFixed(1)} s`)
    for (const front of fronts)
      assert.match(
        front,
        /^(?:(?:Return-Path|Authentication-Results|Received|DKIM-Signature|Date|Message-ID|From|Resent-From|Resent-Date):.*\r\n(?:[ \t].*\r\n)*)+(?:\r\n)?$/,
        'only the fields of our roles stand in front',
      )
  }
  // That a port was taken is no complaint.
  const complaints = demo.said().replace(/^note: .*\n/gm, '')
  assert.equal(complaints, '')
})

/** Every message with CRLF line ends, without the mbox line, with the end that DATA needs. */
function readCorpus(): Message[] {
  return ['corpus-spamassassin', 'mime-fixtures']
    .flatMap((folder) => globSync(join(SUITES, folder, '**', '*')))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: relative(SUITES, path), path }))
    .filter(({ name }) => !NO_MESSAGE.some((pattern) => pattern.test(name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, path }) => {
      const text = readFileSync(path, 'latin1')
        .replace(/^From .*\r?\n/, '')
        .replace(/(?<!\r)\n/g, '\r\n')
      return { name, source: Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1') }
    })
}

/**
 * Every message at the MSA, over a few kept connections, as Anna passes on what others wrote. What its policy refuses
 * because From is ambiguous goes to the Receiver, as from a stranger. Every second message by BDAT.
 */
async function sendAll(messages: readonly Message[]): Promise<Case[]> {
  const anna = demo.person('anna')
  const submitted = await pour(messages, { door: 'MSA', from: anna.address, open: () => Smtp.signedIn(anna) })
  const fromRefused = submitted.filter(({ source, reply }) => reply.code !== 250 && !isBroken(source))
  for (const { name, reply } of fromRefused) assert.match(reply.text, ABOUT_FROM, name)
  const open = async () => {
    const { smtp } = await Smtp.open(demo.receiver('recipient'))
    await smtp.expect(250, 'EHLO stranger.test')
    return smtp
  }
  const direct = await pour(fromRefused, { door: 'Receiver', from: 'stranger@else.test', open })
  return [...submitted.filter((one) => !fromRefused.includes(one)), ...direct]
}

async function pour(
  messages: readonly Message[],
  { door, from, open }: { door: Case['door']; from: string; open: () => Promise<Smtp> },
): Promise<Case[]> {
  const waiting = messages.map((message, i) => ({
    ...message,
    by: i % 2 === 0 ? ('DATA' as const) : ('BDAT' as const),
  }))
  const cases: Case[] = []
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      let smtp = await open()
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        const reply = await smtp.send(from, ['bob@recipient.test'], one.source, one.by)
        cases.push({ name: one.name, source: one.source, door, reply })
        // A client that is refused too often is hung up on.
        if (reply.code === 250) continue
        await smtp.quit()
        smtp = await open()
      }
      await smtp.quit()
    }),
  )
  return cases
}

/** Each message found belongs to the longest one sent that it ends with. Equal messages count as often as they were sent. */
function match(
  sent: readonly Case[],
  found: readonly Buffer[],
): { once: number; strangers: number; fronts: Set<string> } {
  const open = sent.toSorted((a, b) => b.source.length - a.source.length)
  const fronts = new Set<string>()
  let once = 0
  let strangers = 0
  for (const message of found) {
    const at = open.findIndex(({ source }) => endsWith(message, source))
    if (at < 0) {
      strangers++
      continue
    }
    const [{ source }] = open.splice(at, 1) as [Case]
    fronts.add(message.toString('latin1', 0, message.length - source.length))
    once++
  }
  assert.deepEqual(
    open.map(({ name, reply }) => `${name}: ${reply.text}`),
    [],
    'taken, but not found',
  )
  return { once, strangers, fronts }
}

function endsWith(message: Buffer, end: Buffer): boolean {
  const start = message.length - end.length
  // A field of ours ends where the message begins.
  return start >= 2 && message[start - 1] === 10 && message.compare(end, 0, end.length, start) === 0
}
