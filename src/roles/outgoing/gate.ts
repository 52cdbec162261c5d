// The gate that everything an Author (or a contract partner) sends elsewhere passes, by SMTP, JMAP or HTTP: what he does is
// measured, he may go up the ladder by it, and each recipient of the message leaves now, slowly, is held, or the message is
// refused. What was decided is counted in the commit that takes the message; until that is durable it counts here, so that
// many at once are not more than one after another.

import { JUNK_POINTS } from '../../filter/rules/rules.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { OutgoingCounts } from '../../store/nouns/outgoing.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import type { Later } from '../routing.ts'
import { newSignIn } from '../sign-ins.ts'
import { acquaint, type Letter, strangersAmong } from './acquainted.ts'
import { type Look, lookOf } from './content.ts'
import { climbed, FREE, SLOW_MS, type Standing, treatmentOf } from './ladder.ts'
import {
  added,
  hourOf,
  LEARNED_H,
  type Moment,
  type Month,
  measuresOf,
  monthOf,
  NOTHING_SENT,
  type Usual,
  usualOf,
} from './measures.ts'
import { type Limits, type SenderKind, type Suspicion, suspicionOf } from './signals.ts'
import { noticeCommands } from './tell.ts'

/** Who sends. */
export interface Sender {
  /** 'author 7', 'contract @id'. */
  readonly key: string
  readonly kind: SenderKind
  /** As people know it. */
  readonly name: string
  readonly limits: Limits
  readonly account: Account | undefined
}

export interface Passing {
  /** Instead of taking the message. */
  readonly refusal: Reply | undefined
  /** When it leaves for this recipient elsewhere, if not now. `wished`: what its Author wants. */
  laterFor(address: string, wished: Later | undefined): Later | undefined
  /** First in the commit that takes it, where several nodes decide: refused, nothing was done, and it is decided again. */
  readonly conditions: readonly Command[]
  /** For the commit that takes it. @throws DiskError */
  commands(): Promise<Command[]>
  /** That commit is over, or there was none. */
  settle(): void
}

const NOTHING_TO_PASS: Passing = {
  refusal: undefined,
  laterFor: (_address, wished) => wished,
  conditions: [],
  commands: async () => [],
  settle: () => {},
}

/** Other nodes may be faster so often. */
const TRIES = 10

/** `take` decides by `ask` and commits; again, where another node has counted something that could change it ('late'). */
export async function whileDecided<T>(
  ask: () => Passing,
  take: (passing: Passing) => Promise<T | 'late'>,
  refusal: (error: unknown) => T,
): Promise<T | Reply> {
  for (let tries = 0; tries < TRIES; tries++) {
    const passing = ask()
    try {
      const taken = await take(passing)
      if (taken !== 'late') return taken
    } catch (error) {
      return refusal(error)
    } finally {
      passing.settle()
    }
  }
  return reply(451, '4.3.2', 'too much is sent at once with this account, try again later')
}

const WEEK_H = 7 * 24
/** How long texts are remembered. */
export const LIKE_H = 72
/** Who has proven that it is he may do so much more for a while. */
const TRUSTED = 3
/** An account that is older and never wrote is no new one: a thief may have found it. */
const NEW_ACCOUNT_MS = 7 * 86_400_000
const MOST_USUAL = 2000

/** What this process knows before the store does. */
interface Desk {
  /** By sender. */
  readonly pending: Map<string, Pending>
  readonly pendingPrints: Map<number, number>
  /** Habits, read again each hour. */
  readonly usual: Map<string, { readonly hour: number; readonly usual: Usual; readonly month: Month }>
  /** When the next stranger of a slowed sender may be written to. */
  readonly slots: Map<string, number>
}

/** What was decided about a sender and is not durable yet. */
interface Pending {
  /** Messages. */
  open: number
  counts: OutgoingCounts
  /** Messages that will be held. */
  held: number
  /** Where he stands by that. */
  standing: Standing
}

const desks = new WeakMap<Agent, Desk>()

function deskOf(agent: Agent): Desk {
  const known = desks.get(agent)
  if (known !== undefined) return known
  const desk: Desk = { pending: new Map(), pendingPrints: new Map(), usual: new Map(), slots: new Map() }
  desks.set(agent, desk)
  return desk
}

export function standingOf({ store }: Pick<Agent, 'store'>, key: string): Standing {
  const kept = store.outgoing.standing(key)
  return kept === undefined ? FREE : (JSON.parse(kept) as Standing)
}

export function authorKey({ id }: Pick<Account, 'id'>): string {
  return `author ${id}`
}

/** The Author as a sender, with what the description allows him. */
function authorAsSender(agent: Agent, account: Account): Sender {
  const { outgoing } = agent.settings
  const own = outgoing.people.find(({ address }) => address.toLowerCase() === account.address.toLowerCase())
  const kind = own?.bulk ? 'bulk' : 'author'
  const limits = own?.limits ?? (kind === 'bulk' ? outgoing.bulk : outgoing.author)
  return { key: authorKey(account), kind, name: account.address, limits, account }
}

/** Asks about one message of an Author. `elsewhere`: those of its recipients whose mail leaves. */
export function passAuthor(agent: Agent, account: Account, letter: Letter): Passing {
  if (letter.elsewhere.length === 0) return NOTHING_TO_PASS
  const sender = authorAsSender(agent, account)
  const { outgoing } = agent.store
  const isNew =
    !deskOf(agent).pending.has(sender.key) &&
    outgoing.hours(sender.key, 0, 1).length === 0 &&
    outgoing.createdMs(account.id) > agent.world.clock.now() - NEW_ACCOUNT_MS
  const { strangers, brought } = strangersAmong(agent, account, letter, isNew)
  return pass(agent, sender, { ...letter, strangers, brought })
}

/** The same for mail that a partner hands over: whom its people know is not known here. */
export function passPartner(
  agent: Agent,
  partner: string,
  mail: { readonly source: Buffer; readonly elsewhere: readonly string[] },
): Passing {
  if (mail.elsewhere.length === 0) return NOTHING_TO_PASS
  const limits = agent.settings.outgoing.contract
  const sender: Sender = { key: `contract ${partner}`, kind: 'contract', name: partner, limits, account: undefined }
  return pass(agent, sender, { ...mail, strangers: new Set(mail.elsewhere), brought: [] })
}

interface Asked {
  readonly source: Buffer
  readonly elsewhere: readonly string[]
  readonly strangers: ReadonlySet<string>
  /** Whom he knew before he wrote to anybody from here. */
  readonly brought: readonly string[]
}

function pass(agent: Agent, sender: Sender, { source, elsewhere, strangers, brought }: Asked): Passing {
  const desk = deskOf(agent)
  const nowMs = agent.world.clock.now()
  const before = desk.pending.get(sender.key)?.standing ?? standingOf(agent, sender.key)
  if (before.rung === 'suspend') return { ...NOTHING_TO_PASS, refusal: reply(550, '5.7.1', refusalText(agent, sender)) }
  const look = strangers.size === 0 ? undefined : lookOf(agent, source)
  const counts: OutgoingCounts = {
    ...NOTHING_SENT,
    acquainted: strangers.size === 0 ? 1 : 0,
    recipients: elsewhere.length,
    strangers: strangers.size,
    suspects: look !== undefined && look.points >= JUNK_POINTS ? 1 : 0,
  }
  const suspicion = suspicionNow(agent, desk, sender, before, counts, look)
  const standing = climbed(before, suspicion, nowMs)
  const conditions = agent.isOneOfSeveral
    ? [
        conditionOf(agent, desk, sender, before, standing, (more) =>
          suspicionNow(agent, desk, sender, before, added(counts, more), look),
        ),
      ]
    : []
  const treat = (address: string) => treatmentOf(standing, suspicion, strangers.has(address))
  const changed = async () => (standing === before ? [] : await changeCommands(agent, sender, before, standing))
  if (standing.rung === 'suspend') {
    const nothing = { counts: NOTHING_SENT, held: 0, prints: [] }
    begin(desk, sender.key, standing, nothing)
    return {
      ...NOTHING_TO_PASS,
      refusal: reply(550, '5.7.1', refusalText(agent, sender)),
      commands: changed,
      settle: () => end(desk, sender.key, nothing),
    }
  }
  // Only what leaves is counted: what is held weighs as held.
  const leaving = elsewhere.filter((address) => treat(address) !== 'held')
  const left: OutgoingCounts = {
    ...counts,
    recipients: leaving.length,
    strangers: leaving.filter((address) => strangers.has(address)).length,
    acquainted: leaving.length > 0 ? counts.acquainted : 0,
    suspects: leaving.some((address) => strangers.has(address)) ? counts.suspects : 0,
  }
  const prints = left.strangers > 0 ? (look?.prints ?? []) : []
  const decided: Decided = { counts: left, held: leaving.length < elsewhere.length ? 1 : 0, prints }
  begin(desk, sender.key, standing, decided)
  const why = standing.why[0]?.sentence ?? ''
  const by = standing.byAdministrator ? 'the administrator' : 'our outgoing control'
  return {
    refusal: undefined,
    conditions,
    laterFor(address, wished) {
      const treatment = treat(address)
      if (treatment === 'held')
        return { dueMs: wished?.dueMs ?? nowMs, why: `held by ${by}: ${why}`, isHeld: true, sender: sender.key }
      if (treatment !== 'slowly') return wished
      // What waits for its turn may have been put there by another node, or before a start.
      const last = desk.slots.get(sender.key) ?? agent.store.outgoing.lastTurnMs(sender.key) ?? 0
      const slotMs = Math.max(wished?.dueMs ?? nowMs, last + SLOW_MS)
      desk.slots.set(sender.key, slotMs)
      return { dueMs: slotMs, why: `slowed by ${by}: ${why}`, sender: sender.key }
    },
    async commands() {
      const hour = hourOf(nowMs)
      const counted: Command[] =
        leaving.length > 0 ? [{ kind: 'outgoing.count', sender: sender.key, hour, counts: left, prints }] : []
      const met = [...brought, ...leaving]
      if (sender.account !== undefined) counted.push(...acquaint(agent, sender.account.id, met))
      return [...counted, ...(await changed())]
    },
    settle: () => end(desk, sender.key, decided),
  }
}

const MOST_MORE = 4096

/**
 * What must still hold when it is written: he stands where we think, and nobody has counted so much more of him meanwhile
 * that it would be decided otherwise. Ours that are under way are known already.
 */
function conditionOf(
  agent: Agent,
  desk: Desk,
  { key }: Sender,
  before: Standing,
  standing: Standing,
  withMore: (more: OutgoingCounts) => Suspicion,
): Command {
  const nowMs = agent.world.clock.now()
  const isSame = (more: Partial<OutgoingCounts>) => {
    const suspicion = withMore({ ...NOTHING_SENT, ...more })
    return (
      climbed(before, suspicion, nowMs).rung === standing.rung &&
      [true, false].every((isStranger) => {
        const now = withMore(NOTHING_SENT)
        return treatmentOf(standing, suspicion, isStranger) === treatmentOf(standing, now, isStranger)
      })
    )
  }
  const room = (of: (more: number) => Partial<OutgoingCounts>) => {
    let most = 0
    for (let more = 1; more <= MOST_MORE && isSame(of(more)); more *= 2) most = more
    return most
  }
  const people = room((more) => ({ acquainted: more, recipients: more, strangers: more }))
  const spam = room((more) => ({ suspects: more }))
  const hour = hourOf(nowMs)
  const kept = agent.store.outgoing.hours(key, hour, 1).find((one) => one.hour === hour) ?? NOTHING_SENT
  const known = added(kept, desk.pending.get(key)?.counts ?? NOTHING_SENT)
  return {
    kind: 'outgoing.check',
    sender: key,
    hour,
    atMost: {
      acquainted: known.acquainted + people,
      recipients: known.recipients + people,
      strangers: known.strangers + people,
      suspects: known.suspects + spam,
    },
    standings: [agent.store.outgoing.standing(key) ?? null, keptText(before)],
  }
}

/** As the store has it; null: nothing is against him. */
const keptText = (standing: Standing) =>
  standing.rung === 'free' && standing.trustedUntilMs === undefined ? null : JSON.stringify(standing)

/** What speaks against a sender, with this message counted in. */
function suspicionNow(
  agent: Agent,
  desk: Desk,
  sender: Sender,
  before: Standing,
  counts: OutgoingCounts,
  look: Look | undefined,
): Suspicion {
  const { store, world } = agent
  const nowMs = world.clock.now()
  const hour = hourOf(nowMs)
  const isTrusted = (before.trustedUntilMs ?? 0) > nowMs
  const limits = { ...sender.limits, generosity: sender.limits.generosity * (isTrusted ? TRUSTED : 1) }
  const hours = store.outgoing.hours(sender.key, hour - WEEK_H)
  const prints = look?.prints ?? []
  const pending = desk.pending.get(sender.key)
  const moment: Moment = {
    alike: counts.strangers + (look === undefined ? 0 : alikeNow(agent, desk, sender.key, prints, hour)),
    // Nobody's mail waits for a decision who stands on no rung.
    held: before.rung === 'free' ? 0 : store.outgoing.waiting(sender.key).heldMessages + (pending?.held ?? 0),
    ...learnedOf(agent, desk, sender.key, hour).month,
    ...(sender.account === undefined ? { newPlace: '', newDoor: '' } : newSignIn(agent, sender.account.id)),
  }
  const now = added(counts, pending?.counts ?? NOTHING_SENT)
  return suspicionOf(
    measuresOf(hours, now, moment, nowMs),
    sender.kind,
    learnedOf(agent, desk, sender.key, hour).usual,
    limits,
  )
}

function alikeNow(agent: Agent, desk: Desk, key: string, prints: readonly number[], hour: number): number {
  const kept = agent.store.outgoing.alike(key, prints, hour - LIKE_H)
  const pending = prints.map((print) => desk.pendingPrints.get(print) ?? 0).sort((a, b) => b - a)
  return kept + (pending[2] ?? 0)
}

function learnedOf(agent: Agent, desk: Desk, key: string, hour: number): { usual: Usual; month: Month } {
  const known = desk.usual.get(key)
  if (known?.hour === hour) return known
  const hours = agent.store.outgoing.hours(key, hour - LEARNED_H)
  const nowMs = agent.world.clock.now()
  const read = { usual: usualOf(hours, nowMs), month: monthOf(hours, nowMs) }
  desk.usual.delete(key)
  if (desk.usual.size >= MOST_USUAL) desk.usual.delete(desk.usual.keys().next().value!)
  desk.usual.set(key, { hour, ...read })
  return read
}

interface Decided {
  readonly counts: OutgoingCounts
  readonly held: number
  readonly prints: readonly number[]
}

function begin(desk: Desk, key: string, standing: Standing, { counts, held, prints }: Decided): void {
  const before = desk.pending.get(key) ?? { open: 0, counts: NOTHING_SENT, held: 0 }
  desk.pending.set(key, {
    open: before.open + 1,
    counts: added(before.counts, counts),
    held: before.held + held,
    standing,
  })
  for (const print of prints) desk.pendingPrints.set(print, (desk.pendingPrints.get(print) ?? 0) + counts.strangers)
}

function end(desk: Desk, key: string, { counts, held, prints }: Decided): void {
  const before = desk.pending.get(key)!
  const negative = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, -count]))
  if (before.open === 1) desk.pending.delete(key)
  else
    desk.pending.set(key, {
      ...before,
      open: before.open - 1,
      counts: added(before.counts, negative as unknown as OutgoingCounts),
      held: before.held - held,
    })
  for (const print of prints) {
    const left = (desk.pendingPrints.get(print) ?? 0) - counts.strangers
    if (left <= 0) desk.pendingPrints.delete(print)
    else desk.pendingPrints.set(print, left)
  }
}

/** The new standing, what follows for mail that waits already, and who hears of it. @throws DiskError */
async function changeCommands(agent: Agent, sender: Sender, before: Standing, standing: Standing): Promise<Command[]> {
  const { key } = sender
  const commands: Command[] = [{ kind: 'outgoing.stand', sender: key, standing: keptText(standing) }]
  // What was slowed has not left yet.
  if (standing.rung === 'hold') commands.push(...holdBack(agent, key, standing))
  agent.log(standing.rung === 'free' ? 'info' : 'warning', `${sender.name} stands on the ladder: ${standing.rung}`, {
    before: before.rung,
    why: standing.why.map(({ id, evidence }) => `${id} (${evidence})`).join(', '),
  })
  return [...(await noticeCommands(agent, sender, before, standing)), ...commands]
}

const HELD_BACK_AT_ONCE = 1000

function holdBack(agent: Agent, key: string, { why }: Standing): Command[] {
  const lastReply = `held by our outgoing control: ${why[0]?.sentence ?? ''}`
  return agent.store.outgoing
    .entries(key, 0, HELD_BACK_AT_ONCE)
    .filter(({ state }) => state === 'waiting')
    .map(({ id, nextAttemptAtMs }) => ({
      kind: 'queue.reschedule',
      id,
      nextAttemptAtMs,
      lastReply,
      countAttempt: false,
      state: 'held',
    }))
}

function refusalText({ domain }: Agent, { name }: Sender): string {
  return `mail from ${name} to others is suspended, it looked as if somebody else sends with this account; ask postmaster@${domain}`
}
