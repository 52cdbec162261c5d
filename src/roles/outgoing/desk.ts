// How it goes on for who was slowed, held or suspended. The administrator sees all of them and lets them go on, gives up what
// is held, or suspends somebody himself; the Author of held mail confirms that it was he. A thief knows the password as well:
// so he who confirms does it from where the account was used for days, with the second factor if he has one, else by
// changing the password, which ends what others opened.

import type { Command } from '../../store/commands.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { World } from '../../world/world.ts'
import type { Accounts } from '../accounts.ts'
import type { AdminAnswer } from '../administer.ts'
import type { Agent } from '../agent.ts'
import { isFamiliarPlace } from '../sign-ins.ts'
import { acquaint } from './acquainted.ts'
import { authorKey, standingOf } from './gate.ts'
import type { Rung, Standing } from './ladder.ts'

export interface OutgoingWish {
  readonly verb: 'outgoing'
  readonly action: 'list' | keyof typeof ACTIONS
  /** An Author's address, or the @id of a partner. */
  readonly who?: string
}

interface Place {
  readonly store: Store
  readonly world: Pick<World, 'clock'>
}

const DAY_MS = 86_400_000
const AT_ONCE = 500
/** What is let go after a long time has at least so long to arrive. */
const AT_LEAST_MS = DAY_MS

/** What an administrator may say of a sender; all but `list` of the queue is done piece by piece. */
const ACTIONS = {
  release: (place: Place, key: string) => letGo(place, key, 'the administrator'),
  resume: async (place: Place, key: string) => {
    await place.store.commit([stand(key, trusted(place))])
    const { held } = place.store.outgoing.waiting(key)
    return held > 0 ? `may send again; ${messages(held)} still held.` : 'may send again.'
  },
  suspend: async (place: Place, key: string) => {
    const standing: Standing = { rung: 'suspend', sinceMs: place.world.clock.now(), why: [], byAdministrator: true }
    await place.store.commit([stand(key, standing)])
    return 'sends nothing to others any more.'
  },
  fail: async (place: Place, key: string) => {
    const givenUp = 'the administrator has given it up, because it was sent as unwanted mail is sent'
    const count = await eachHeld(place, key, (entries) => [
      { kind: 'queue.steer', ids: entries.map(({ id }) => id), state: 'waiting', nextAttemptAtMs: 0, givenUp },
    ])
    return `gets ${messages(count)} back.`
  },
} as const

/** @throws DiskError when the disk refuses; what was done before stays done */
export async function outgoingDesk(place: Place, wish: unknown): Promise<AdminAnswer> {
  const { action, who } = wish as OutgoingWish
  if (action === 'list') return list(place)
  if (!Object.hasOwn(ACTIONS, action)) return { ok: false, text: 'There is no such verb.' }
  const key = keyOf(place, String(who ?? ''))
  if (key === undefined) return { ok: false, text: `Nobody here is ${who}: write an address, or the @id of a partner.` }
  return { ok: true, text: `${who} ${await ACTIONS[action](place, key)}` }
}

function keyOf({ store }: Place, who: string): string | undefined {
  const account = who.includes('@') ? store.accountByAddress(who) : undefined
  if (account !== undefined) return authorKey(account)
  const partner = `contract ${who.replace(/^@/, '')}`
  return store.outgoing.hours(partner, 0, 1).length > 0 || store.outgoing.standing(partner) ? partner : undefined
}

function list({ store }: Place): AdminAnswer {
  const rows = store.outgoing.standings().flatMap(({ sender, standing }) => {
    const { rung, sinceMs, why, byAdministrator } = JSON.parse(standing) as Standing
    const { held, slowed } = store.outgoing.waiting(sender)
    if (rung === 'free' && held === 0) return []
    const id = /^author (\d+)$/.exec(sender)?.[1]
    const who = id === undefined ? sender.replace('contract ', '') : (store.account(Number(id))?.address ?? sender)
    return [{ who, rung, sinceMs, why, byAdministrator: byAdministrator === true, held, slowed }]
  })
  const lines = rows.map(({ who, rung, sinceMs, why, byAdministrator, held, slowed }) => {
    const since = new Date(sinceMs).toISOString().slice(0, 16)
    const by = byAdministrator ? ', by the administrator' : ''
    const reasons = why.map(({ sentence, evidence }) => `    ${sentence} (${evidence})`)
    return [`${who}  ${RUNGS[rung]} since ${since}Z${by}  ${held} held, ${slowed} slowed`, ...reasons].join('\n')
  })
  return { ok: true, text: lines.join('\n') || 'Everybody may send.', data: { senders: rows } }
}

const RUNGS: Record<Rung, string> = { free: 'free', slow: 'slowed', hold: 'held', suspend: 'suspended' }

/** He may go on, and what is held leaves. What it says of him, and to whom he wrote then, is known from now on. */
async function letGo(place: Place, key: string, by: string): Promise<string> {
  const { store, world } = place
  await store.commit([stand(key, trusted(place))])
  const id = /^author (\d+)$/.exec(key)?.[1]
  const count = await eachHeld(place, key, (entries) => {
    const nowMs = world.clock.now()
    const addresses = entries.map(({ forwardPath }) => forwardPath)
    return [
      // What its Author wants to leave later still does.
      ...entries.map(
        ({ id: entry, nextAttemptAtMs }): Command => ({
          kind: 'queue.steer',
          ids: [entry],
          state: 'waiting',
          nextAttemptAtMs: Math.max(nowMs, nextAttemptAtMs),
          expiresNotBeforeMs: nowMs + AT_LEAST_MS,
          lastReply: `let go by ${by}`,
        }),
      ),
      ...(id === undefined ? [] : acquaint(place, Number(id), addresses)),
    ]
  })
  return count > 0 ? `may send again, and ${messages(count)} that were held leave now.` : 'may send again.'
}

async function eachHeld(
  { store }: Place,
  key: string,
  commands: (entries: ReturnType<Store['outgoing']['entries']>) => Command[],
): Promise<number> {
  let count = 0
  for (let after = 0; ; ) {
    const entries = store.outgoing.entries(key, after, AT_ONCE)
    if (entries.length === 0) return count
    after = entries.at(-1)!.id
    const held = entries.filter(({ state }) => state === 'held')
    if (held.length === 0) continue
    count += held.length
    await store.commit(commands(held))
  }
}

const trusted = ({ world }: Place): Standing => {
  const nowMs = world.clock.now()
  return { rung: 'free', sinceMs: nowMs, why: [], trustedUntilMs: nowMs + DAY_MS }
}
const stand = (sender: string, standing: Standing): Command => ({
  kind: 'outgoing.stand',
  sender,
  standing: JSON.stringify(standing),
})
const messages = (n: number) => `${n} message${n === 1 ? '' : 's'}`

/** What an Author sees of it. */
export interface OutgoingView {
  readonly rung: Rung
  /** Sentences. */
  readonly why: readonly string[]
  readonly held: number
  readonly slowed: number
  /** How to go on. */
  readonly confirmBy: 'nothing' | 'code' | 'password' | 'administrator'
}

/** Why one may not confirm it from here. */
const UNFAMILIAR =
  'From here this account was not used before the last days. Confirm it from where you usually read your mail, or ask your postmaster.'

export class OutgoingDesk {
  readonly #agent: Agent
  readonly #accounts: Pick<Accounts, 'secondFactor' | 'checkCode'>
  readonly #account: Account

  constructor(agent: Agent, accounts: Pick<Accounts, 'secondFactor' | 'checkCode'>, account: Account) {
    this.#agent = agent
    this.#accounts = accounts
    this.#account = account
  }

  view(): OutgoingView {
    const key = authorKey(this.#account)
    const { rung, why } = standingOf(this.#agent, key)
    const { held, slowed } = this.#agent.store.outgoing.waiting(key)
    const confirmBy =
      rung === 'suspend'
        ? 'administrator'
        : rung !== 'hold'
          ? 'nothing'
          : this.#accounts.secondFactor.isOn(this.#account)
            ? 'code'
            : 'password'
    return { rung, why: why.map(({ sentence }) => sentence), held, slowed, confirmBy }
  }

  /** It was he: with a code of the second factor. A sentence why not; undefined: it goes on. @throws DiskError */
  async confirm(code: string, from: string): Promise<string | undefined> {
    if (this.view().confirmBy !== 'code') return 'There is nothing to confirm with a code.'
    if (!isFamiliarPlace(this.#agent, this.#account.id, from)) return UNFAMILIAR
    const answer = await this.#accounts.checkCode(this.#account, code, from)
    if (answer === 'too-many') return 'Too many tries. Wait a while, then try again.'
    if (answer === 'wrong-code') return 'The code is not right.'
    await letGo(this.#agent, authorKey(this.#account), 'its Author')
    return undefined
  }

  /** The password was changed, from there. @throws DiskError */
  async passwordChanged(from: string): Promise<void> {
    if (this.view().confirmBy !== 'password' || !isFamiliarPlace(this.#agent, this.#account.id, from)) return
    await letGo(this.#agent, authorKey(this.#account), 'its Author')
  }
}
