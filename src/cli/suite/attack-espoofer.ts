// The suite of "Composition Kills" (Chen, Paxson, Jiang, 2020): mail from attack.com that pretends to be from another by
// making two parsers disagree. Every case goes over SMTP to the real roles in the simulated world: to a Receiver/MDA from
// outside (server_*), and to an MSA from one of its own Authors (client_*). Each is tried in several arrangements: as it
// stands, with From last, signed by attack.com, and with the same text in other fields. It passes when the message is
// refused, or set aside, or when what programs show as its author is what was proven.

import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { keyRecord, makeEd25519Key } from '../../identity/dkim/keys.ts'
import { signDkim } from '../../identity/dkim/sign.ts'
import { authorOf } from '../../identity/dmarc/author.ts'
import { directCpu, fixedClock } from '../../identity/testing.ts'
import { parseHeader } from '../../message/header.ts'
import { domainAt, TestSystem } from '../../system/testing.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

interface Attack {
  readonly id: string
  readonly helo: string
  readonly mailfrom: string
  readonly rcptto: string
  readonly data: Record<'from_header' | 'to_header' | 'subject_header' | 'other_headers' | 'body', string>
}

/** How an attempt ended. */
type Ending =
  | { readonly outcome: 'refused' | 'junk' }
  | { readonly outcome: 'inbox'; readonly dmarc: string; readonly shown: readonly string[] }

const ATTACKER_IP = '203.0.113.66'
const SYSTEM = `
Author@attacker ==> MSA/Transmitter@example --> / --> Receiver/MDA@victim ==> Recipient@person

example:  domain=example.com, ip=127.0.10.1
victim:   domain=victim.com, ip=127.0.20.1
attacker: address=attacker@example.com, name="Attacker", password=demo
person:   address=victim@victim.com, name="Victim", password=demo
`
const OTHER_FIELDS = ['Sender', 'Reply-To', 'Resent-From', 'To']
const LEGITIMATE = 'legitimate.com'

export const attackEspooferSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const attacks = filesIn(dir, '.json').flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as Attack[])
  const key = makeEd25519Key({ bytes: (length) => Buffer.alloc(length, 7), float: () => 0, integer: () => 0 })
  const world = await TestSystem.start(SYSTEM)
  const attacker = world.stranger(ATTACKER_IP, records(key))
  const computer = world.stranger('127.0.99.1')
  for (const attack of attacks) {
    if (attack.id.startsWith('client_')) await runClient(report, world, computer, attack)
    else await runServer(report, world, attacker, attack, key)
  }
  return report
}

/** The DNS of both sides: attack.com proves what it sends itself, legitimate.com sends nothing and asks to reject. */
function records(key: KeyObject) {
  const ours = ['attack.com', 'helo.attack.com', 'a.attack.com', 'any.attack.com']
  const { name, text } = keyRecord(key, 'attack.com', 's')
  return [
    ...ours.flatMap((domain) => domainAt(domain, ATTACKER_IP)),
    ...domainAt(LEGITIMATE, '198.51.100.1', 'reject'),
    { name, type: 'TXT' as const, ttlS: 60, data: text },
  ]
}

async function runServer(
  report: SuiteReport,
  world: TestSystem,
  attacker: SimulatedHost,
  attack: Attack,
  key: KeyObject,
): Promise<void> {
  for (const [arrangement, message] of await arrangements(attack, key)) {
    const ending = await attempt(world, attacker, attack, message)
    const isDeceived =
      ending.outcome === 'inbox' && ending.shown.some((domain) => `.${domain}`.endsWith(`.${LEGITIMATE}`))
    report.check(`${attack.id} ${arrangement}`, 'not deceived', isDeceived ? show(ending) : 'not deceived')
  }
}

async function arrangements({ data }: Attack, key: KeyObject): Promise<[name: string, message: Buffer][]> {
  const { from_header: from, to_header: to, subject_header: subject, other_headers: other, body } = data
  const plain = Buffer.from(from + to + subject + other + body, 'latin1')
  const signing = { domain: 'attack.com', selector: 's', privateKey: key }
  const signature = await signDkim(parseHeader(plain), [signing], { cpu: directCpu, clock: fixedClock(0) })
  const value = from.slice(from.indexOf(':') + 1)
  return [
    ['as it stands', plain],
    ['with From last', Buffer.from(to + subject + from + other + body, 'latin1')],
    ['signed by attack.com', Buffer.concat([signature, plain])],
    ...OTHER_FIELDS.map((name): [string, Buffer] => [
      `in ${name}`,
      Buffer.from(`From: <first@attack.com>\r\n${name}:${value}${subject}${other}${body}`, 'latin1'),
    ]),
  ]
}

/** One session in raw SMTP, for no client of ours would say such things. */
async function attempt(world: TestSystem, attacker: SimulatedHost, attack: Attack, message: Buffer): Promise<Ending> {
  const before = await counts(world)
  const dotted = message.toString('latin1').replace(/^\./gm, '..')
  const lines = [
    `EHLO ${attack.helo}`,
    `MAIL FROM:${attack.mailfrom}`,
    `RCPT TO:${attack.rcptto}`,
    'DATA',
    `${dotted}\r\n.`,
  ]
  const isTaken = await world.run(say(world, attacker, lines))
  if (!isTaken) return { outcome: 'refused' }
  const after = await counts(world)
  if (after.junk > before.junk) return { outcome: 'junk' }
  const inbox = await world.mail('victim', 'victim@victim.com')
  const { text, verdict } = inbox.at(-1)!
  if (after.inbox === before.inbox) throw new Error('accepted, and nowhere to be found')
  return { outcome: 'inbox', dmarc: verdict?.dmarc ?? 'none', shown: authorOf(parseHeader(Buffer.from(text))).domains }
}

/** Was every line, and the message, accepted? */
async function say(world: TestSystem, attacker: SimulatedHost, lines: readonly string[]): Promise<boolean> {
  const endpoint = world.system.agent('victim').endpoint('smtp')!
  const stream = await attacker.world.network.connect(endpoint, { timeoutMs: 60_000 })
  try {
    let isFine = /^2/.test(await replyFrom(stream))
    for (const line of lines) {
      if (!isFine) return false
      await stream.write(Buffer.from(`${line}\r\n`, 'latin1'))
      isFine = /^[23]/.test(await replyFrom(stream))
    }
    return isFine
  } finally {
    stream.destroy()
  }
}

async function replyFrom(stream: { read(timeoutMs?: number): Promise<Uint8Array | null> }): Promise<string> {
  let text = ''
  while (!/^\d{3} [^\n]*\n/m.test(text)) {
    const bytes = await stream.read(600_000)
    if (bytes === null) return text
    text += Buffer.from(bytes).toString('latin1')
  }
  return text
}

async function counts(world: TestSystem): Promise<{ inbox: number; junk: number }> {
  const inbox = await world.mail('victim', 'victim@victim.com')
  const junk = await world.mail('victim', 'victim@victim.com', 'junk')
  return { inbox: inbox.length, junk: junk.length }
}

/** An Author of example.com must not appear as another one there. */
async function runClient(
  report: SuiteReport,
  world: TestSystem,
  computer: SimulatedHost,
  { id, data }: Attack,
): Promise<void> {
  const { from_header, to_header, subject_header, other_headers, body } = data
  for (const head of [from_header + to_header + subject_header, to_header + subject_header + from_header]) {
    const letter = { from: 'attacker@example.com', to: 'victim@victim.com', login: 'attacker@example.com' }
    const text = head + other_headers + body
    const [reply] = await world.send(computer, 'example', 'submission', { ...letter, text })
    const name = `${id} ${head === from_header + to_header + subject_header ? 'as it stands' : 'with From last'}`
    report.check(name, 'refused', /^5/.test(reply ?? '') ? 'refused' : `${reply}`)
  }
}

function show(ending: Ending): string {
  return ending.outcome === 'inbox'
    ? `in the inbox as ${ending.shown.join(', ')}, DMARC ${ending.dmarc}`
    : ending.outcome
}
