// What an administrator may do with the queue: see it by destination or message by message, hold, let go, try again now,
// send another way, give up (the sender hears of it), or drop. Asked through the admin door of a running agent, or of the
// store of one that is stopped: the same words, the same answers. A queue of any length is gone through in pieces, so that
// mail goes on meanwhile; what is done to a message is kept in its story.

import { parseDomain } from '../../message/address.ts'
import { isIp } from '../../message/ip.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry, QueueFilter, QueueLane } from '../../store/nouns/queue.ts'
import type { Store } from '../../store/store.ts'
import type { World } from '../../world/world.ts'
import type { AdminAnswer } from '../administer.ts'
import { listPools } from './list-pools.ts'
import type { Pool } from './pools.ts'

export interface QueueWish {
  readonly verb: 'queue'
  readonly action: 'list' | 'show' | 'pools' | keyof typeof ACTIONS
  readonly filter?: QueueFilter
  /** Messages that are named; all are counted. */
  readonly limit?: number
  /** Of `list`: message by message, also where nothing is filtered. */
  readonly messages?: boolean
  readonly dryRun?: boolean
  /** Without a filter: really all. */
  readonly all?: boolean
  /** Of `reroute`: a domain whose MX is asked, or [an address]. */
  readonly to?: string
  /** Of `hold`, `fail` and `drop`: why, for the story and the sender. */
  readonly why?: string
}

export interface QueuePlace {
  readonly store: Store
  readonly world: Pick<World, 'clock'>
  /** Of a running agent: places that did not answer are tried again. */
  readonly forgetPauses?: () => void
  /** Of a running agent: the addresses that mail leaves from. */
  readonly pools?: readonly Pool[]
}

const LIMIT = 50
const LIMIT_AT_MOST = 1000
const LANES_AT_MOST = 500
const EVENTS_SHOWN = 50
/** What is let go after a long time has at least so long to arrive. */
const AT_LEAST_MS = 86_400_000

interface Step {
  readonly nowMs: number
  readonly to: string
  readonly why: string
}

interface Action {
  /** Of which state; undefined: any. */
  readonly of?: QueueEntry['state']
  readonly done: string
  readonly kind: 'held' | 'queued' | 'bounced'
  readonly says: (step: Step) => string
  readonly commands: (ids: readonly number[], step: Step) => Command[]
  /** Places that rest are asked again. */
  readonly wakes?: boolean
}

const steer = (ids: readonly number[], change: Omit<Extract<Command, { kind: 'queue.steer' }>, 'kind' | 'ids'>) => [
  { kind: 'queue.steer', ids, ...change } as const,
]

const ACTIONS = {
  hold: {
    of: 'waiting',
    done: 'held',
    kind: 'held',
    says: ({ why }) => `Held by the administrator${why && `: ${why}`}.`,
    commands: (ids, { why }) => steer(ids, { state: 'held', ...(why && { lastReply: `held: ${why}` }) }),
  },
  release: {
    of: 'held',
    done: 'let go',
    kind: 'queued',
    says: () => 'Let go by the administrator.',
    commands: (ids, { nowMs }) =>
      steer(ids, { state: 'waiting', nextAttemptAtMs: nowMs, expiresNotBeforeMs: nowMs + AT_LEAST_MS }),
  },
  retry: {
    of: 'waiting',
    done: 'due now',
    kind: 'queued',
    says: () => 'To be tried again now, the administrator says.',
    commands: (ids, { nowMs }) => steer(ids, { nextAttemptAtMs: nowMs }),
    wakes: true,
  },
  reroute: {
    done: 'sent another way',
    kind: 'queued',
    says: ({ to }) => `Sent by way of ${to}, the administrator says.`,
    commands: (ids, { nowMs, to }) =>
      steer(ids, {
        domain: to,
        state: 'waiting',
        nextAttemptAtMs: nowMs,
        expiresNotBeforeMs: nowMs + AT_LEAST_MS,
      }),
  },
  fail: {
    done: 'given up; their senders hear of it',
    kind: 'queued',
    says: ({ why }) => `Given up by the administrator${why && `: ${why}`}.`,
    // Before everything else that is due.
    commands: (ids, { why }) =>
      steer(ids, { state: 'waiting', nextAttemptAtMs: 0, givenUp: why || 'the administrator has given it up' }),
    wakes: true,
  },
  drop: {
    done: 'dropped; nobody hears of it',
    kind: 'bounced',
    says: ({ why }) => `Dropped by the administrator, and nobody hears of it${why && `: ${why}`}.`,
    commands: (ids) => ids.map((id) => ({ kind: 'queue.remove', id }) as const),
  },
} as const satisfies Record<string, Action>

/** @throws DiskError when the disk refuses; what was done before stays done */
export async function queueDesk(place: QueuePlace, wish: unknown): Promise<AdminAnswer> {
  const words = wish as QueueWish
  const filter = filterIn(words.filter)
  if (filter === undefined) return no('A filter has a wrong value.')
  const limit = Math.min(Number(words.limit ?? LIMIT) || LIMIT, LIMIT_AT_MOST)
  const isFiltered = Object.values(filter).some((value) => value !== undefined)
  if (words.action === 'list')
    return isFiltered || words.messages ? listMessages(place, filter, limit) : listLanes(place, limit)
  if (words.action === 'show') return show(place, filter)
  if (words.action === 'pools') return listPools(place)
  if (!Object.hasOwn(ACTIONS, words.action)) return no('There is no such verb.')
  if (!isFiltered && words.all !== true) return no('Say which messages: a number, or a filter; or --all.')
  const to = words.action === 'reroute' ? wayIn(words.to) : ''
  if (to === undefined) return no('Say where to: a domain, such as relay.example.org, or an address in brackets.')
  const why = typeof words.why === 'string' ? words.why.replace(/[\x00-\x1f\x7f]/g, '?').slice(0, 300) : ''
  return change(place, ACTIONS[words.action], filter, { to, why, isDry: words.dryRun === true })
}

async function change(
  { store, world, forgetPauses }: QueuePlace,
  action: Action,
  filter: QueueFilter,
  { to, why, isDry }: { to: string; why: string; isDry: boolean },
): Promise<AdminAnswer> {
  const { of: state, says, commands, done, kind, wakes = false } = action
  if (state !== undefined && filter.state !== undefined && filter.state !== state)
    return no(`That is done with messages that are ${state}.`)
  const domains = new Map<string, number>()
  let count = 0
  for await (const entries of meant(store, world, { ...filter, ...(state && { state }) })) {
    count += entries.length
    for (const { domain } of entries) domains.set(domain, (domains.get(domain) ?? 0) + 1)
    if (isDry || entries.length === 0) continue
    const step = { nowMs: world.clock.now(), to, why }
    const events = entries.map(({ trace, reversePath, forwardPath }): Command => {
      const about = { trace, reversePath, forwardPath, messageId: '', detail: {} }
      return { kind: 'event.add', event: { ...about, kind, role: 'Transmitter', text: says(step), atMs: step.nowMs } }
    })
    const ids = entries.map(({ id }) => id)
    await store.commit([...commands(ids, step), ...events])
  }
  if (wakes && !isDry) {
    const rests = (domain: string) => store.queue.lanesOf(domain).some(({ restsUntilMs }) => restsUntilMs > 0)
    const rest = [...domains.keys()].filter(rests)
    const woken = rest.map(
      (domain) => ({ kind: 'queue.rest', domain, untilMs: 0, failures: 0, lastReply: '' }) as const,
    )
    await store.commit(woken)
    forgetPauses?.()
  }
  const where = [...domains].sort((a, b) => b[1] - a[1]).slice(0, 5)
  const list = where.map(([domain, n]) => `${n} for ${domain}`).join(', ')
  const verb = isDry ? `would be ${done}` : done
  const text =
    count === 0 ? 'No message is meant.' : `${messages(count)} ${verb}: ${list}${domains.size > 5 ? ', …' : ''}.`
  return { ok: count > 0, text, data: { count, dryRun: isDry, domains: Object.fromEntries(domains) } }
}

/** All that are meant, piece by piece; others have their turn in between. What comes later is not waited for. */
async function* meant(store: Store, world: Pick<World, 'clock'>, filter: QueueFilter): AsyncGenerator<QueueEntry[]> {
  const lastId = store.queue.lastId()
  for (let after = 0; after < lastId; ) {
    const window = store.queue.window(filter, after)
    if (window === undefined) return
    yield window.entries.filter(({ id }) => id <= lastId)
    after = window.throughId
    await world.clock.sleep(0)
  }
}

/** One line for each destination. */
function listLanes({ store, world }: QueuePlace, limit: number): AdminAnswer {
  const nowMs = world.clock.now()
  const lanes = store.queue.lanes(Math.min(limit, LANES_AT_MOST))
  const rows = lanes.map((lane) => ({ ...lane, ...whenAndWhy(lane, nowMs, ''), replies: store.queue.replies(lane) }))
  const total = store.queue.length()
  if (total === 0) return { ok: true, text: 'The queue is empty.', data: { total, destinations: [] } }
  const lines = rows.map(({ domain, share, waiting, held, when, why, replies }) => {
    const counts = [waiting > 0 && `${waiting} waiting`, held > 0 && `${held} held`].filter(Boolean).join(', ')
    const said = replies
      .filter(({ reply }) => reply !== '')
      .map(({ reply, count }) => `    ${String(count).padStart(6)}  ${reply}`)
    return [`${domain}${share && ` (${share})`}  ${counts}  ${when}${why && `  (${why})`}`, ...said].join('\n')
  })
  const shown = rows.reduce((sum, { waiting, held }) => sum + waiting + held, 0)
  const more = shown < total ? [`… and ${messages(total - shown)} for others`] : []
  return { ok: true, text: [messages(total), ...lines, ...more].join('\n'), data: { total, destinations: rows } }
}

async function listMessages({ store, world }: QueuePlace, filter: QueueFilter, limit: number): Promise<AdminAnswer> {
  const nowMs = world.clock.now()
  const first: QueueEntry[] = []
  const groups = new Map<string, { domain: string; reply: string; count: number }>()
  let count = 0
  for await (const entries of meant(store, world, filter)) {
    count += entries.length
    first.push(...entries.slice(0, limit - first.length))
    for (const { domain, lastReply: reply } of entries) {
      const group = groups.get(`${domain} ${reply}`) ?? { domain, reply, count: 0 }
      group.count++
      // A queue of many replies is told by the first of them.
      if (groups.size < LIMIT_AT_MOST || group.count > 1) groups.set(`${domain} ${reply}`, group)
    }
  }
  const rows = first.map((entry) => rowOf(store, entry, nowMs))
  const lines = rows.map(
    ({ id, from, to, state, when, why }) => `${id}  ${from || '<>'} -> ${to}  ${state}, ${when}${why && `  (${why})`}`,
  )
  const byReply = [...groups.values()].sort((a, b) => b.count - a.count)
  const summary = byReply
    .slice(0, 10)
    .map(({ domain, reply, count: n }) => `    ${String(n).padStart(6)}  ${domain}  ${reply || 'not tried yet'}`)
  const more = count > rows.length ? [`… and ${messages(count - rows.length)} more`] : []
  const text = count === 0 ? 'No message is meant.' : [messages(count), ...summary, ...lines, ...more].join('\n')
  return { ok: true, text, data: { count, groups: byReply, messages: rows } }
}

function rowOf(store: Store, entry: QueueEntry, nowMs: number) {
  const { id, trace, reversePath: from, forwardPath: to, domain, state, attempts, acceptedAtMs, expiresAtMs } = entry
  const { nextAttemptAtMs, lastReply } = entry
  const { when, why } =
    state === 'held'
      ? { when: 'nothing is tried', why: lastReply }
      : whenAndWhy({ ...store.queue.lane(entry)!, nextAttemptAtMs }, nowMs, lastReply)
  return { id, trace, from, to, domain, state, attempts, acceptedAtMs, expiresAtMs, when, why }
}

/** When something is tried for it next, and what it waits for. `said`: to a message of it. */
function whenAndWhy(
  { nextAttemptAtMs, restsUntilMs, failures, lastReply }: QueueLane,
  nowMs: number,
  said: string,
): { when: string; why: string } {
  if (nextAttemptAtMs === null) return { when: 'nothing is tried', why: '' }
  const atMs = Math.max(nextAttemptAtMs, restsUntilMs)
  const when = atMs <= nowMs ? 'due now' : `next at ${new Date(atMs).toISOString().slice(0, 19)}Z`
  const rests = restsUntilMs > nowMs
  // It is we who wait.
  if (rests && failures === 0) return { when, why: lastReply }
  const silent = `did not answer ${failures === 1 ? 'once' : `${failures} times`}: ${lastReply}`
  return { when, why: said || (rests ? silent : lastReply) }
}

async function show({ store, world }: QueuePlace, filter: QueueFilter): Promise<AdminAnswer> {
  const found: QueueEntry[] = []
  for await (const entries of meant(store, world, filter)) {
    found.push(...entries)
    if (found.length > 0) break
  }
  const [entry] = found
  if (entry === undefined) return no('No such message is in the queue.')
  const row = rowOf(store, entry, world.clock.now())
  const events = store
    .events({ trace: entry.trace, limit: EVENTS_SHOWN })
    .filter(({ forwardPath }) => forwardPath === entry.forwardPath)
  const time = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`
  const text = [
    `${row.id}  ${row.from || '<>'} -> ${row.to}  (${row.trace})`,
    `  ${row.state}, ${row.when}${row.why && `: ${row.why}`}`,
    `  goes to ${row.domain}; taken ${time(row.acceptedAtMs)}, given up after ${time(row.expiresAtMs)}; tried ${row.attempts} times; ${entry.blob.sizeBytes} bytes`,
    ...events.map(({ atMs, role, text: said }) => `  ${time(atMs)}  ${role}: ${said}`),
  ].join('\n')
  return { ok: true, text, data: { ...row, parameters: entry.parameters, events } }
}

/** What comes over the door is not believed. Undefined: it is no filter. */
function filterIn(said: unknown): QueueFilter | undefined {
  const { ids, trace, domain, share, sender, state, acceptedBeforeMs, acceptedAfterMs, reply } = (said ??
    {}) as QueueFilter
  const texts = [trace, domain, share, sender, reply].filter((value) => value !== undefined)
  const numbers = [...(Array.isArray(ids) ? ids : []), acceptedBeforeMs, acceptedAfterMs].filter((n) => n !== undefined)
  const isFine =
    (ids === undefined || (Array.isArray(ids) && ids.length <= LIMIT_AT_MOST)) &&
    texts.every((value) => typeof value === 'string' && value.length <= 500) &&
    numbers.every((value) => Number.isSafeInteger(value)) &&
    (state === undefined || state === 'held' || state === 'waiting')
  return isFine
    ? ({ ids, trace, domain, share, sender, state, acceptedBeforeMs, acceptedAfterMs, reply } as QueueFilter)
    : undefined
}

function wayIn(to: unknown): string | undefined {
  if (typeof to !== 'string') return undefined
  const address = /^\[(?:IPv6:)?([^\]]+)\]$/i.exec(to)?.[1]
  if (address !== undefined) return isIp(address) ? `[${address}]` : undefined
  return parseDomain(to)?.toString().toLowerCase()
}

const messages = (n: number) => `${n} message${n === 1 ? '' : 's'}`
const no = (text: string): AdminAnswer => ({ ok: false, text })
