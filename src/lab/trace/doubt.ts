// Lines that were probably never written by a relay. Whoever hands a message over can bring any lines below his own. Each
// Received line names who handed it over, and what stands below must lead there: from the newest line down, the first that
// does not begins what is doubted. Nobody is accused without a reason that a person can check in the same header.

import { isPrivateIp } from '../../message/ip.ts'
import { isAccessLine, type Received } from '../../message/received.ts'
import { type Background, provenBy } from './background.ts'
import { hostName, isOwnAddress, organisation, type Step } from './path.ts'

/** A line may be written by a clock that is wrong; by more than a day it is hardly a clock. */
const FUTURE_MS = 24 * 3_600_000

/** What hosts that pass mail on are called, somewhere in their names. */
const MAIL_HOST = /mail|smtp|mx|mta|relay|post|exch|out|gate|gw/i

/** Writes into each step why it is doubted. `steps` are oldest first. */
export function doubtForged(steps: readonly Step[], background: Background): void {
  const found = firstDoubtful(steps, background)
  if (found === undefined) return
  for (let at = found.at; at >= 0; at--) steps[at]!.doubt = found.why
}

interface Doubt {
  /** The newest step that is doubted. */
  readonly at: number
  readonly why: string
}

function firstDoubtful(steps: readonly Step[], background: Background): Doubt | undefined {
  const entry = steps.findLast(({ entersHere }) => entersHere) ?? steps.at(-1)
  const latestMs = (entry?.received.date?.epochMs ?? Number.POSITIVE_INFINITY) + FUTURE_MS
  const oldest = oldestHandover(steps)
  let newer: Step | undefined
  let newerAt = steps.length
  /** Whose network we are in, and since which line. */
  let network: string | undefined
  let networkAt = steps.length
  let takers: ReadonlySet<string> | undefined
  for (let at = steps.length - 1; at >= 0; at--) {
    const step = steps[at]!
    const { received } = step
    const dateMs = received.date?.epochMs
    if (!step.verified && step !== entry && dateMs !== undefined && dateMs > latestMs)
      return { at, why: `it is dated more than a day after ${nameOf(entry!.received.by)} took the message` }
    if (newer !== undefined && !step.verified) {
      const why = whyNot(newer, step, background)
      // What stands between was brought along by the same.
      if (why !== undefined) return { at: step.kind === 'inside' ? at : lastClaimedBelow(steps, newerAt), why }
    }
    if (step.kind === 'inside') continue
    const writer = step.network
    if (writer !== network || newer?.verified) networkAt = at
    network = writer
    if (newer !== undefined && !isWithin(newer)) takers = provenBy(newer, background)?.all
    const why = step.verified ? undefined : whyHanded(step, { writer, isOldest: at === oldest, takers }, background)
    // All lines of that network are its own word.
    if (why !== undefined) return { at: networkAt, why }
    newer = step
    newerAt = at
  }
  return undefined
}

const oldestHandover = (steps: readonly Step[]): number => steps.findIndex(({ kind }) => kind === 'handover')

/** The newest step below `newerAt` that none of our hosts wrote. */
function lastClaimedBelow(steps: readonly Step[], newerAt: number): number {
  let at = newerAt - 1
  while (at > 0 && steps[at]!.verified) at--
  return at
}

/** Why the older line does not lead to who handed the message on in the newer; undefined: it does, or it does not say. */
function whyNot(newer: Step, older: Step, background: Background): string | undefined {
  const by = hostName(older.received.by)
  const { received } = newer
  if (received.authenticated) {
    if (older.kind === 'inside' && by === undefined) return undefined
    return leadsFromSignedIn(received, older.received, background)
      ? undefined
      : `${nameOf(received.by)} took the message from somebody who had signed in there, and this line leads elsewhere: he can have written it`
  }
  const writer = organisation(by)
  if (writer === undefined) return undefined
  const names = namesOf(received)
  if (names.length === 0 && (received.ip === undefined || isOwnAddress(received))) return undefined
  const proven = isWithin(newer) ? undefined : provenBy(newer, background)?.all
  // Within a network that we do not know relays have addresses without names.
  if (names.length === 0 && !newer.verified && writer === newer.network) return undefined
  const isTheirs = names.some(
    (name) => isSame(name, writer) || (background.responsible.has(name) && isWithinName(name, by!)),
  )
  if (isTheirs) {
    // A host that may send in the name of who wrote it (SPF) has no need to lie about its own.
    const isEntitled = proven !== undefined && [...background.responsible, writer].some((one) => proven.has(one))
    const isConfirmed = organisation(received.reverseName) === writer || isConfirmedElsewhere(newer, background)
    if (proven === undefined || isConfirmed || isEntitled) return undefined
    return `who handed the message to ${nameOf(received.by)} only called itself ${nameOf(received.helo)}, and nothing proved it`
  }
  if ((proven ?? background.responsible).has(writer)) return undefined
  return `it ends at ${by}, but ${originName(received)} handed the message to ${nameOf(received.by)}, and nothing shows that they belong together`
}

/**
 * Why nobody would have handed this message to the writer of the line: it is a stranger's, and the writer sends the message as
 * its own.
 */
function whyHanded(
  { received }: Step,
  about: {
    readonly writer: string | undefined
    readonly isOldest: boolean
    /** Whose message it is, as whoever took it next found proven. */
    readonly takers: ReadonlySet<string> | undefined
  },
  { responsible, forwarders }: Background,
): string | undefined {
  const { writer, isOldest, takers } = about
  if (writer === undefined || received.authenticated || isOwnAddress(received)) return undefined
  const names = namesOf(received)
  if (names.length === 0 || names.includes(writer)) return undefined
  const isItsOwn = responsible.has(writer) || takers?.has(writer)
  // The line is for an address of somebody who passes mail on: the host works for him under a name of its own.
  const isForForwarder = forwarders.has(organisation(received.for?.split('@').at(-1)) ?? '')
  if (forwarders.has(writer) || isForForwarder || !isItsOwn || names.some((name) => responsible.has(name)))
    return undefined
  const origin = hostName(received.reverseName) ?? hostName(received.helo)
  // An Author's machine, with whatever name its provider gave it.
  if (isOldest && (origin === undefined || isAccessLine(origin) || !MAIL_HOST.test(origin))) return undefined
  return `${writer} sends the message as its own, and nothing shows why ${originName(received)} would have handed it there`
}

/** The writer shows no name of the address, and says that it has one that leads back to it (RFC 8601 §2.7.3). */
function isConfirmedElsewhere(step: Step, background: Background): boolean {
  const methods = background.resultsOf(step)?.methods ?? []
  const isFound = methods.some(({ method, result }) => method === 'iprev' && result === 'pass')
  return step.received.reverseName === undefined && isFound
}

/** Handed over inside one network. */
function isWithin({ received, network }: Step): boolean {
  const greeted = organisation(received.helo)
  return isOwnAddress(received) && (greeted === undefined || greeted === network)
}

/** Where somebody signed in he is an Author, or a relay under contract that then wrote the line below. */
function leadsFromSignedIn(received: Received, older: Received, { responsible }: Background): boolean {
  const by = hostName(older.by)
  const writer = organisation(by)
  if (by === undefined || writer === undefined || by === hostName(received.by)) return false
  if (organisation(received.reverseName) === writer) return true
  const isConfirmable = received.ip !== undefined && (received.reverseName === undefined || isPrivateIp(received.ip))
  return isConfirmable && hostName(received.helo) === by && responsible.has(writer)
}

/** The same, or the same name below another ending: `provider.com` and `provider.de`. */
function isSame(one: string, other: string): boolean {
  const label = one.slice(0, one.indexOf('.'))
  return one === other || (label.length > 4 && other.startsWith(`${label}.`))
}

/** A host of an organisation that bears the name of one that it owns: `lw11.hotmail.msn.com` for `hotmail.com`. */
function isWithinName(name: string, host: string): boolean {
  const label = name.slice(0, name.indexOf('.'))
  return label.length > 4 && host.split('.').includes(label)
}

/** The organisations that a line names for who connected: the confirmed name if there is one, else what it called itself. */
function namesOf({ reverseName, helo }: Received): string[] {
  const confirmed = organisation(reverseName)
  return [confirmed, organisation(helo)].filter((name) => name !== undefined)
}

const nameOf = (text: string | undefined): string => text?.slice(0, 100) ?? 'somebody'

const originName = ({ reverseName, helo, ip }: Received): string => nameOf(reverseName ?? helo ?? ip)
