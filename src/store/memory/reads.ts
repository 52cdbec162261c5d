// The reading half of a store in memory. What only mail programs ask for is not answered: see `absent`.

import type { Email, Placement } from '../nouns/mail.ts'
import type { LaneName, QueueEntry } from '../nouns/queue.ts'
import type { AccessReads } from '../read/access.ts'
import type { BounceReads } from '../read/bounces.ts'
import type { ListReads } from '../read/lists.ts'
import { type OutgoingReads, printOf } from '../read/outgoing.ts'
import type { ReportReads } from '../read/reports.ts'
import type { SentReads } from '../read/sent.ts'
import type { Store } from '../store.ts'
import type { Box, Person, State } from './state.ts'

type Face<T> = Pick<T, keyof T>

/** Rather an error than a wrong answer: nobody who carries mail asks for this. */
export function absent<T extends object>(what: string): T {
  return new Proxy({} as T, {
    get(_, name) {
      throw new Error(`A store in memory cannot say '${what}.${String(name)}'.`)
    },
  })
}

export const absentRead = (name: string) => (): never => absent<Record<string, never>>('store')[name]!

function some<T>(from: Iterable<T>, limit: number, isMeant: (one: T) => boolean = () => true): T[] {
  const found: T[] = []
  for (const one of from) {
    if (found.length >= limit) break
    if (isMeant(one)) found.push(one)
  }
  return found
}

const byName = ({ domain, share }: LaneName) => `${domain}\n${share}`

/** What is asked of the queue. */
export const queueReads = ({ queue }: State): Store['queue'] => ({
  lanesDue: (share, nowMs, limit, except = []) => queue.lanesDue(share, nowMs, limit, except),
  due: (lane, nowMs, limit) => queue.due(lane, nowMs, limit),
  lane: (lane) => queue.lane(lane),
  lanesOf: (domain) => queue.lanesOf(domain),
  shares: () => queue.shares(),
  share: (share) => queue.share(share),
  asked: (afterId, limit) =>
    some(queue.entries(afterId), limit, ({ origin, attempts }) => origin === 'forwarder' && attempts === 0),
  after: (id, limit) => some(queue.entries(id), limit),
  lastId: () => queue.lastId,
  nextDueMs: () => queue.nextDueMs,
  entries: ({ domain, trace } = {}, limit = 1000) =>
    some(
      domain === undefined ? queue.entries() : queue.inDomain(domain.toLowerCase()),
      limit,
      (entry) => trace === undefined || entry.trace === trace,
    ),
  lanes: (limit) =>
    queue
      .lanes()
      .sort((a, b) => b.waiting + b.held - a.waiting - a.held || (byName(a) < byName(b) ? -1 : 1))
      .slice(0, limit),
  held: (limit) =>
    queue
      .lanes()
      .filter(({ held }) => held > 0)
      .sort((a, b) => b.held - a.held)
      .slice(0, limit)
      .map(({ domain, share, held }) => {
        const [entry] = some(queue.inLane({ domain, share }), 1, ({ state }) => state === 'held')
        return { domain, held, reply: entry?.lastReply ?? '' }
      }),
  waits: (id, domain) => {
    const entry = queue.get(id)
    return entry?.state === 'waiting' && entry.domain === domain
  },
  length: () => queue.length,
  window: absentRead('queue.window'),
  replies: absentRead('queue.replies'),
})

/** What is asked of the addresses that mail leaves from. */
export const sourceReads = ({ sources }: State): Store['sources'] => ({
  count: (address, provider, day) => sources.counts.get(`${day} ${address} ${provider}`) ?? 0,
  day: (address, day, limit) =>
    [...sources.counts]
      .filter(([key]) => key.startsWith(`${day} ${address} `))
      .map(([key, count]) => ({ provider: key.split(' ').slice(2).join(' '), count }))
      .sort((a, b) => b.count - a.count || (a.provider < b.provider ? -1 : 1))
      .slice(0, limit),
  firstDay: (address) => sources.firstDays.get(address),
  rest: (address, provider) => sources.rests.get(`${address} ${provider}`),
  rests: (address, limit) =>
    [...sources.rests.values()]
      .filter((rest) => rest.address === address)
      .sort((a, b) => b.untilMs - a.untilMs)
      .slice(0, limit),
})

/** Who is here, and what is kept for whom. */
export const peopleReads = (state: State) =>
  ({
    accountByAddress: (address) => state.personAt(address),
    account: (id) => state.people.get(id),
    accounts: () => [...state.people.values()],
    isLimited(id) {
      const quota = state.people.get(id)?.quota
      return quota !== undefined && (quota.bytes !== null || quota.messages !== null)
    },
    group: (address) => state.groups.get(address.toLowerCase()),
    groups: () => [...state.groups.values()].sort((a, b) => (a.address < b.address ? -1 : 1)),
    addresses(id) {
      const person = state.people.get(id)
      if (person === undefined) return []
      const aliases = person.addresses.slice(1).filter((address) => !address.startsWith('@'))
      return [person.address, ...aliases]
    },
    trustedForwarders: (id) =>
      [...(state.people.get(id)?.trusts.values() ?? [])].sort((a, b) => (a.domain < b.domain ? -1 : 1)),
    forward: (from) => state.forwards.get(from),
    forwards: (id) =>
      [...state.forwards.values()].filter(({ account }) => account === id).sort((a, b) => (a.from < b.from ? -1 : 1)),
    forwardHealth: (from) => state.health.get(from),
    scripts: () => [],
    vacation: (id) => state.people.get(id)?.vacation,
    isSeen: (id, key, nowMs) => (state.people.get(id)?.seen.get(key) ?? 0) > nowMs,
    modseq: (id) => state.people.get(id)?.modseq ?? 0,
    lessons: () => [],
    isTaughtLater: () => false,
    learnedState: () => undefined,
    submissions: () => [],
    arrival: (digest) => state.arrivals.get(digest)?.trace,
    stsPolicy: (domain) => state.policies.get(domain),
    stsPoliciesBefore: (fetchedMs, limit) =>
      some(state.policies.values(), limit, (policy) => policy.fetchedMs < fetchedMs).map(({ domain }) => domain),
    lastEventId: () => state.tracking.lastId,
    events: (filter) => state.tracking.find(filter),
    setting: (key) => state.settings.get(key),
    rememberedAt: (key) => state.remembered.get(key),
    remembered: () => [...state.remembered].map(([key, { value, expiresAtMs }]) => ({ key, value, expiresAtMs })),
  }) satisfies Partial<Store>

/** What stays in mailboxes. */
export const mailReads = (state: State) => {
  const boxes = (id: number) => [...(state.people.get(id)?.boxes.values() ?? [])]
  const shown = ({ placements: _, ...box }: Box) => ({ ...box, subscribed: true, keywords: [], sortOrder: null })
  const find = (id: number, is: (box: Box) => boolean) => {
    const box = boxes(id).find(is)
    return box && shown(box)
  }
  const email = (id: number, which: number): Email | undefined => state.people.get(id)?.emails.get(which)
  return {
    mailboxes: (id) =>
      boxes(id)
        .map(shown)
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
    mailbox: (id, which) => find(id, (box) => box.id === which),
    mailboxByPath: (id, path) =>
      find(id, (box) => box.path === path.replace(/^inbox(?=\/|$)/i, 'INBOX').normalize('NFC')),
    mailboxByUse: (id, use) => find(id, ({ specialUse }) => specialUse === use),
    subscriptions: (id) => boxes(id).map(({ path }) => path),
    placements: (id, which, fromUid = 1, toUid = Number.MAX_SAFE_INTEGER): Placement[] =>
      (state.people.get(id)?.boxes.get(which)?.placements ?? []).filter(({ uid }) => uid >= fromUid && uid <= toUid),
    placementsOf: (id, which) => boxes(id).flatMap(({ placements }) => placements.filter((one) => one.email === which)),
    email,
    emails: (id, ids) => ids.flatMap((which) => email(id, which) ?? []),
    thread: (id, which) =>
      [...(state.people.get(id)?.emails.values() ?? [])].filter(({ thread }) => thread === which).map((one) => one.id),
    listEmails(id, { mailbox, afterMs = 0, beforeMs = Infinity, flag, notFlag }, order) {
      const found = new Map<number, number>()
      for (const box of boxes(id))
        for (const { email: which, receivedAtMs, flags } of mailbox === undefined || mailbox === box.id
          ? box.placements
          : []) {
          if (receivedAtMs < afterMs || receivedAtMs >= beforeMs) continue
          if (flag !== undefined && !flags.includes(flag)) continue
          if (notFlag !== undefined && flags.includes(notFlag)) continue
          found.set(which, receivedAtMs)
        }
      const direction = order === 'newest' ? -1 : 1
      return [...found].sort((a, b) => direction * (a[1] - b[1] || a[0] - b[0])).map(([which]) => which)
    },
  } satisfies Partial<Store>
}

export const outgoingReads = (state: State): Face<OutgoingReads> => {
  const entriesOf = function* (sender: string, afterId = 0): Generator<QueueEntry> {
    for (const entry of state.queue.entries(afterId)) if (entry.parameters.sender === sender) yield entry
  }
  return {
    hours: (sender, fromHour, limit = 1000) =>
      [...(state.hours.get(sender)?.values() ?? [])]
        .filter(({ hour }) => hour >= fromHour)
        .sort((a, b) => a.hour - b.hour)
        .slice(0, limit),
    alike(sender, prints, fromHour) {
      const likes = state.likes.get(sender)
      const counts = prints.flatMap((print) => {
        const like = likes?.get(print)
        return like === undefined || like.hour < fromHour ? [] : [like.strangers]
      })
      return counts.sort((a, b) => b - a)[2] ?? 0
    },
    standing: (sender) => state.standings.get(sender),
    standings: () => [...state.standings].map(([sender, standing]) => ({ sender, standing })),
    waiting(sender) {
      const entries = [...entriesOf(sender)]
      const held = entries.filter((entry) => entry.state === 'held')
      const heldMessages = new Set(held.map(({ trace }) => trace)).size
      return { held: held.length, heldMessages, slowed: entries.length - held.length }
    },
    lastTurnMs(sender) {
      const turns = [...entriesOf(sender)].filter(({ state: is }) => is === 'waiting').map((one) => one.nextAttemptAtMs)
      return turns.length === 0 ? undefined : Math.max(...turns)
    },
    entries: (sender, afterId, limit) => some(entriesOf(sender, afterId), limit),
    metDay: (account, address) => state.people.get(account)?.acquaintances.get(printOf(address)),
    conversations(account, keys) {
      const threads = state.people.get(account)?.threads
      return [...new Set(keys.flatMap((key) => threads?.get(key) ?? []))]
    },
    createdMs: (account) => state.people.get(account)?.createdMs ?? 0,
    keepersOfContacts: () => keepersOf(state, (person) => (person.objects.get('contact') ?? []).length > 0),
  }
}

const keepersOf = (state: State, isOne: (person: Person) => boolean) =>
  [...state.people.values()].filter(isOne).map(({ id }) => id)

export const reportReads = (state: State): Face<ReportReads> => {
  const collecting = () =>
    [...state.duties.values()]
      .flatMap(({ duty }) => (duty.state === 'collecting' ? [duty] : []))
      .sort((a, b) => a.dueMs - b.dueMs)
  return {
    due: (nowMs, limit) => some(collecting(), limit, ({ dueMs }) => dueMs <= nowMs),
    nextDueMs: () => collecting()[0]?.dueMs,
    days: (fromDay, limit) =>
      some(
        [...state.duties.values()].map(({ duty }) => duty),
        limit,
        ({ day }) => day >= fromDay,
      ),
    rows: ({ kind, domain, day }) =>
      [...(state.duties.get(`${kind} ${domain} ${day}`)?.rows ?? [])]
        .map(([row, count]) => ({ row, count }))
        .sort((a, b) => b.count - a.count || (a.row < b.row ? -1 : 1)),
    pending: (limit) => state.pendingReports.slice(0, limit),
    received: () => [],
    complaints: () => 0,
    complaintsDue: () => [],
  }
}

export const sentReads = (state: State): Face<SentReads> => ({
  owner: (trace) => state.sent.get(trace)?.account,
  message(account, trace) {
    const sent = state.sent.get(trace)
    return sent?.account === account ? sent : undefined
  },
  before: (account, id, limit) =>
    some([...state.sent.values()].reverse(), limit, (sent) => sent.account === account && sent.id < id),
  once: () => undefined,
})

export const bounceReads = (state: State): Face<BounceReads> => ({
  suppressedAfter: (owner, after, limit) =>
    [...(state.suppressed.get(owner.toLowerCase())?.values() ?? [])]
      .filter(({ address }) => address > after.toLowerCase())
      .sort((a, b) => (a.address < b.address ? -1 : 1))
      .slice(0, limit),
  suppressed: (owner, address) => state.suppressed.get(owner.toLowerCase())?.get(address.toLowerCase()),
  suppressedOf: (owner, limit) =>
    [...(state.suppressed.get(owner.toLowerCase())?.values() ?? [])]
      .sort((a, b) => b.atMs - a.atMs || (a.address < b.address ? -1 : 1))
      .slice(0, limit),
  everySuppressed: (limit) =>
    some(
      [...state.suppressed.values()].flatMap((list) => [...list.values()]),
      limit,
    ),
  tally(author, sinceDay) {
    const tally = new Map<string, number>()
    for (const { day, reason, count } of state.bounced.get(author.toLowerCase())?.values() ?? [])
      if (day >= sinceDay) tally.set(reason, (tally.get(reason) ?? 0) + count)
    return tally
  },
})

export const listReads = (state: State): Face<ListReads> =>
  Object.assign(Object.create(absent<Face<ListReads>>('lists')) as Face<ListReads>, {
    objects: (account, kind) => state.people.get(account)?.objects.get(kind) ?? [],
    certificates: () => [],
    hasCertificates: () => false,
    hooked: () => keepersOf(state, (person) => (person.objects.get('webhook') ?? []).length > 0),
    pushed: () => keepersOf(state, (person) => (person.objects.get('push') ?? []).length > 0),
    wasBrought: () => false,
  } satisfies Partial<Face<ListReads>>)

export const accessReads = (state: State): Face<AccessReads> => ({
  quota(account) {
    const person = state.people.get(account)
    if (person === undefined) return undefined
    const used = [...person.boxes.values()]
    return {
      ...person.quota,
      usedBytes: used.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      usedMessages: used.reduce((sum, { total }) => sum + total, 0),
    }
  },
  rights: () => [],
  sharedWith: () => [],
  annotations: () => [],
})
