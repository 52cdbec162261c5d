// The way it came (RFC 5321 §4.4) and the host that brought it: forged lines, impossible addresses and times, hosts that
// nobody cares for.

import { isIp } from '../../../message/ip.ts'
import { isAccessLine } from '../../../message/received.ts'
import { organization } from '../domains.ts'
import type { Rule } from '../rule.ts'
import { FREE_MAIL } from '../tables.ts'
import type { MailView } from '../view.ts'

const DAY_MS = 86_400_000
/** Large providers: their machines never greet with the bare name, and their names lead back to them. */
const LARGE = new Set(
  'yahoo.com hotmail.com msn.com aol.com gmail.com google.com outlook.com microsoft.com amazon.com paypal.com ebay.com apple.com icloud.com excite.com juno.com netscape.net lycos.com'.split(
    ' ',
  ),
)

export const receivedRules: readonly Rule[] = [
  {
    id: 'received-none',
    points: 1,
    about: 'received',
    explanation: 'The message shows no way it came: it was not sent by a mail system, but directly by a program.',
    test: (mail) => mail.received.length === 0,
  },
  {
    id: 'received-in-future',
    points: 1.5,
    about: 'received',
    explanation: 'A station on the way says it passed the message on after it arrived here.',
    test: (mail) =>
      mail.received.find(({ date }) => date !== undefined && date.epochMs > mail.facts.nowMs + DAY_MS)?.raw,
  },
  {
    id: 'received-backwards',
    points: 1,
    about: 'received',
    explanation: 'By its own traces the message reached a later station days before an earlier one.',
    test: (mail) => {
      const times = mail.received.flatMap(({ date }) => (date === undefined ? [] : [date.epochMs]))
      return times.some((time, index) => index > 0 && times[index - 1]! < time - DAY_MS)
    },
  },
  {
    id: 'received-undated',
    points: 0.8,
    about: 'received',
    explanation: 'A trace of the way carries no readable date.',
    test: (mail) => mail.received.find(({ date, isHandover }) => isHandover && date === undefined)?.raw,
  },
  {
    id: 'received-impossible-address',
    points: 2.2,
    about: 'received',
    explanation: 'A trace of the way names an Internet address that cannot exist.',
    test: (mail) => {
      for (const { raw } of mail.received) {
        const found = /\[(\d{1,5}\.\d{1,5}\.\d{1,5}\.\d{1,5})\]/.exec(raw)
        if (found && !isIp(found[1]!.replace(/(^|\.)0+(?=\d)/g, '$1'))) return found[1]
      }
      return undefined
    },
  },
  {
    id: 'received-unreadable',
    points: 0.7,
    about: 'received',
    explanation: 'A trace of the way is not in the form that mail systems write.',
    test: (mail) =>
      mail.received.find(
        ({ by, ip, date, with: protocol, id }) =>
          by === undefined && ip === undefined && (date ?? protocol ?? id) === undefined,
      )?.raw,
  },
  {
    id: 'received-many',
    points: 0.7,
    about: 'received',
    explanation: 'The message went through more stations than any honest way has.',
    test: (mail) => mail.count('received') > 25 && `${mail.count('received')} stations`,
  },
  {
    id: 'helo-forged-provider',
    points: 2.2,
    about: 'received',
    explanation: 'The sending machine greeted with the name of a large provider, but is not one of its machines.',
    test: (mail) => {
      const { helo, name, isProven } = mail.connecting
      const greeted = helo.toLowerCase().replace(/\.$/, '')
      if (!LARGE.has(greeted.includes('.') ? organization(greeted) : '')) return false
      if (name === undefined && !isProven) return false
      return (
        organization(name ?? '') !== organization(greeted) &&
        !sameOwner(name ?? '', greeted) &&
        `${helo} (${name ?? 'no name'})`
      )
    },
  },
  {
    id: 'helo-number',
    points: 1.2,
    about: 'received',
    explanation: 'The sending machine greeted with a number in place of its name.',
    test: (mail) => isIp(mail.connecting.helo) && mail.connecting.helo,
  },
  {
    id: 'helo-not-a-name',
    points: 0.8,
    about: 'received',
    explanation: 'The sending machine greeted with a word that is no name on the Internet.',
    test: (mail) => {
      const { helo } = mail.connecting
      return helo !== '' && !/[.:[]/.test(helo) && helo
    },
  },
  {
    id: 'helo-of-ours',
    points: 3,
    about: 'received',
    explanation: 'The sending machine greeted with the Recipient’s own domain.',
    test: (mail) =>
      mail.connecting.isProven &&
      mail.identity?.spf.result !== 'pass' &&
      mail.ownDomains.includes(mail.connecting.helo.toLowerCase()) &&
      mail.connecting.helo,
  },
  {
    id: 'helo-dynamic',
    points: 1.3,
    about: 'received',
    explanation: 'The message comes straight from a machine whose name is that of a home connection.',
    test: (mail) => {
      const { name, helo } = mail.connecting
      const said = name ?? helo
      return (
        said.length < 254 && isAccessLine(said) && !/(?:^|[.-])(?:mail|smtp|mx|out|relay|static)/i.test(said) && said
      )
    },
  },
  {
    id: 'early-talker',
    points: 2,
    about: 'received',
    explanation: 'The sending machine spoke before it was greeted, as only careless programs do.',
    test: (mail) => mail.facts.session?.earlyTalker === true,
  },
  {
    id: 'free-mail-never-there',
    points: 2,
    about: 'received',
    explanation: 'The address is one of a large free mail provider, but the message shows no trace of that provider.',
    test: (mail) =>
      isForgedFreeMail(mail) && `${mail.fromDomain}, sent by ${mail.connecting.name ?? mail.connecting.ip}`,
  },
]

function sameOwner(name: string, greeted: string): boolean {
  const families = [
    /\.(?:google|gmail|googlemail|1e100)\./,
    /\.(?:hotmail|msn|outlook|microsoft|live|office)\./,
    /\.(?:yahoo|yahoodns|aol|verizonmedia)\./,
    /\.(?:apple|icloud|me)\./,
  ]
  return families.some((family) => family.test(`.${name}.`) && family.test(`.${greeted}.`))
}

/** From at a provider that always writes its traces, without one, and not through a list. */
function isForgedFreeMail(mail: MailView): boolean {
  if (mail.isFromList || mail.has('resent-from') || mail.received.length === 0) return false
  const { identity, fromDomain } = mail
  if (identity !== undefined) return false // then DMARC says it better
  if (!FREE_MAIL.has(fromDomain) || !LARGE.has(fromDomain)) return false
  const provider = fromDomain.split('.')[0]!
  return (
    mail.connecting.name !== undefined &&
    !mail.received.some(({ raw }) => {
      const trace = raw.toLowerCase()
      return trace.includes(`.${provider}.`) || sameOwner(trace, fromDomain)
    })
  )
}
