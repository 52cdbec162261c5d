// Who writes in a simulated day, and what: honest people, spammers with domains of their own, forgers who write in the name
// of others, and a botnet. Everything is drawn from the seed.

import type { ZoneRecord } from '../../protocols/dns/zone.ts'
import type { Random } from '../../world/world.ts'
import { type FlowLetter, STRANGER } from './letters.ts'

export const KINDS = ['honest', 'spam', 'forged', 'botnet'] as const
export type Kind = (typeof KINDS)[number]

/** Of a hundred messages. */
const SHARES: Readonly<Record<Kind, number>> = { honest: 60, spam: 15, forged: 10, botnet: 15 }

/** Domains that live from spam: with hosts, addresses and policies, as they have. */
const SPAMMERS = [1, 2, 3].map((n) => ({ domain: `offers${n}.test`, ip: `127.0.77.${n}` }))
const BOTS = 250

export interface Message {
  readonly kind: Kind
  readonly letter: FlowLetter
  /** Of the envelope and of From. */
  readonly from: string
  readonly helo: string
  /** Where it comes from. */
  readonly ip: string
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

/** The next message, whoever writes it. */
export function draw(letters: readonly FlowLetter[], domains: readonly string[], random: Random): Message {
  const letter = pick(letters, random)
  let chance = random.integer(100)
  const kind = KINDS.find((one) => (chance -= SHARES[one]) < 0)!
  if (kind === 'honest')
    return { kind, letter, from: letter.from, helo: heloOf(letter), ip: letter.ip, ...honest(random) }
  const spam = advertisement(random)
  if (kind === 'spam') {
    const { domain, ip } = pick(SPAMMERS, random)
    return { kind, letter, from: `${pick(NAMES, random)}@${domain}`, helo: `mail.${domain}`, ip, ...spam }
  }
  const bot = 1 + random.integer(BOTS)
  const from = `${pick(NAMES, random)}@${pick(domains, random)}`
  const at = { ip: `127.0.66.${bot}`, helo: `dsl-${bot}.dynamic.test` }
  if (kind === 'forged') return { kind, letter, from, ...at, subject: 'Please pay this today', text: DEMAND }
  return { kind, letter, from: `${pick(NAMES, random)}${bot}@dynamic.test`, ...at, ...spam }
}

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
