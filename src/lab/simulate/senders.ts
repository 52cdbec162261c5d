// Who writes in a simulated day, and what: honest people, spammers with domains of their own, forgers who write in the name
// of others, a botnet, thieves who use the password of an honest Author, and whoever has found an Open Relay. Everything is
// drawn from the seed.

import type { ZoneRecord } from '../../protocols/dns/zone.ts'
import type { AgentPlan } from '../../system/plan.ts'
import type { Random } from '../../world/world.ts'
import { type FlowLetter, STRANGER } from './letters.ts'

export const KINDS = ['honest', 'spam', 'forged', 'botnet', 'stolen', 'relayed'] as const
export type Kind = (typeof KINDS)[number]

/** How many messages of each kind there are, in proportion. */
export type Mix = Readonly<Partial<Record<Kind, number>>>

/** Who hands in at an MSA, with an Author's password. */
export const AUTHORS: ReadonlySet<Kind> = new Set(['honest', 'stolen'])

/** "honest=60,spam=40" as a mix, or a sentence that says what is wrong with it. */
export function parseMix(text: string): Mix | string {
  const mix: Partial<Record<Kind, number>> = {}
  for (const word of text.split(',')) {
    const [, kind, share] = /^\s*(\w+)=(\d+(?:\.\d+)?)\s*$/.exec(word) ?? []
    if (kind === undefined || !KINDS.includes(kind as Kind))
      return `"${word}" is no share of a kind of mail: write honest=60, with ${KINDS.join(', ')}.`
    mix[kind as Kind] = Number(share)
  }
  return Object.values(mix).some((share) => share > 0) ? mix : 'A mix needs a share above 0.'
}

/** Thieves and relayed mail come where somebody asks for them. */
export const USUAL: Mix = { honest: 60, spam: 15, forged: 10, botnet: 15 }

/** Domains that live from spam: with hosts, addresses and policies, as they have. */
const SPAMMERS = [1, 2, 3].map((n) => ({ domain: `offers${n}.test`, ip: `127.0.77.${n}` }))
const BOTS = 250

/** Whose address it is: of machines that have no part in the drawing. */
export const STRANGERS_IPS = {
  spammers: (ip: string) => ip.startsWith('127.0.77.'),
  bots: (ip: string) => /^127\.\d+\.66\.1$/.test(ip),
} as const

export interface Message {
  readonly kind: Kind
  readonly letter: FlowLetter
  /** Of From, and of the envelope, if that does not name another. */
  readonly from: string
  readonly reversePath?: string
  readonly helo: string
  /** Where it comes from. */
  readonly ip: string
  /** To whom; of an honest letter the one of the drawing. */
  readonly to: string
  /** Where it is handed in, if not where the drawing says. */
  readonly first?: AgentPlan | undefined
  readonly subject: string
  readonly text: string
}

export const SPAMMERS_RECORDS: readonly ZoneRecord[] = SPAMMERS.flatMap(({ domain, ip }): ZoneRecord[] => [
  { name: domain, type: 'MX', ttlS: 60, data: { preference: 10, exchange: `mail.${domain}` } },
  { name: `mail.${domain}`, type: 'A', ttlS: 60, data: ip },
  { name: `${ip.split('.').reverse().join('.')}.in-addr.arpa`, type: 'PTR', ttlS: 60, data: `mail.${domain}` },
  { name: domain, type: 'TXT', ttlS: 60, data: `v=spf1 ip4:${ip} -all` },
  { name: `_dmarc.${domain}`, type: 'TXT', ttlS: 60, data: 'v=DMARC1; p=none' },
])

/** What a day's messages are drawn from. */
export interface Cast {
  readonly letters: readonly FlowLetter[]
  readonly mix: Mix
  /** Domains that forgers name. */
  readonly claims: readonly string[]
  readonly relays: readonly AgentPlan[]
}

/** The next message, whoever writes it. */
export function draw({ letters, mix, claims, relays }: Cast, random: Random): Message {
  const letter = pick(letters, random)
  let chance = random.float() * KINDS.reduce((sum, one) => sum + (mix[one] ?? 0), 0)
  const kind = KINDS.find((one) => (chance -= mix[one] ?? 0) < 0)!
  const mine = { kind, letter, from: letter.from, helo: heloOf(letter), ip: letter.ip, to: letter.to }
  if (kind === 'honest') return { ...mine, ...honest(random) }
  const spam = advertisement(random)
  // A thief has a list of addresses, and no letter to answer.
  if (kind === 'stolen') return { ...mine, to: `reader${random.integer(100_000)}@${domainOf(letter.to)}`, ...spam }
  if (kind === 'spam') {
    const { domain, ip } = pick(SPAMMERS, random)
    return { ...mine, from: `${pick(NAMES, random)}@${domain}`, helo: `mail.${domain}`, ip, ...spam }
  }
  const bot = 1 + random.integer(BOTS)
  const from = `${pick(NAMES, random)}@${pick(claims, random)}`
  // All over the Internet: who knows one of them does not know its neighbours.
  const bots = { ...mine, ip: `127.${bot}.66.1`, helo: `dsl-${bot}.dynamic.test` }
  const own = { ...bots, from: `${pick(NAMES, random)}${bot}@dynamic.test`, ...spam }
  if (kind === 'forged') {
    // Every other forger hides behind an envelope in a name of his own, of which SPF has nothing bad to say.
    const envelope = random.float() < 0.5 ? { reversePath: own.from } : {}
    return { ...bots, ...envelope, from, subject: 'Please pay this today', text: DEMAND }
  }
  return kind === 'relayed' ? { ...own, first: pick(relays, random) } : own
}

export const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1)

const heloOf = ({ door }: FlowLetter) => (door === 'smtp' ? `mail.${STRANGER.domain}` : 'computer.invalid')

const NAMES = ['alex', 'kim', 'sasha', 'robin', 'maria', 'office', 'accounts', 'info'] as const

const pick = <T>(list: readonly T[], random: Random): T => list[random.integer(list.length)]!

const TOPICS = [
  'the roof',
  'Thursday',
  'our report',
  'the school concert',
  'the new drawings',
  'your question',
] as const
const SENTENCES = [
  'I looked at it again yesterday and think that we should keep the second version.',
  'Could you tell me when you have read the part about the schedule?',
  'Martin is away until Monday, so let us meet without him.',
  'The measurements are in the table that I left on your desk.',
  'It took longer than we thought, but the result is better.',
  'Please ask Eva for the key, she has the spare one.',
  'We expect about forty people, and there is coffee for all of them.',
  'The train was late again, so I read your chapter twice.',
] as const

function honest(random: Random): { subject: string; text: string } {
  const lines = Array.from({ length: 2 + random.integer(6) }, () => pick(SENTENCES, random))
  return {
    subject: `About ${pick(TOPICS, random)}`,
    text: `Hello,\r\n\r\n${lines.join('\r\n')}\r\n\r\nBest regards\r\n`,
  }
}

const OFFERS = [
  'Congratulations, you have been selected to receive 1,000,000 dollars!!!',
  'Buy cheap viagra and cialis online, no prescription needed, 100% guaranteed.',
  'Make money fast from home, risk free, act now, this is not spam.',
  'Lose weight now with this one amazing trick, order today, limited time only!',
  'You are the winner of our international lottery, contact our agent with your bank account.',
] as const

function advertisement(random: Random): { subject: string; text: string } {
  const lines = Array.from({ length: 2 + random.integer(3) }, () => pick(OFFERS, random))
  return {
    subject: pick(['YOU HAVE WON $$$', 'FREE MONEY, ACT NOW!!!', 'Cheap meds, no prescription'], random),
    text: `Dear friend,\r\n\r\n${lines.join('\r\n')}\r\nClick here: http://127.0.66.9/win?id=${random.integer(1_000_000)}\r\n`,
  }
}

const DEMAND = 'Hello,\r\n\r\nplease pay the attached invoice today, to our new account.\r\n\r\nThe management\r\n'
