// From where and with what somebody signs in who is known here: what is new says something for a day, if something else
// speaks against him, too. Kept in the agent's memory as digests.

import { createHash } from 'node:crypto'
import { neighbourhood } from '../filter/lists.ts'
import type { AccountId } from '../store/nouns/people.ts'
import type { Agent } from './agent.ts'

const DAY_MS = 86_400_000
const KEPT_MS = 400 * DAY_MS
/** How long something new stays new. */
const NEW_MS = DAY_MS
/** So old it is familiar: whoever is in the account since yesterday may not speak for its owner. */
const FAMILIAR_MS = 3 * DAY_MS

type Agents = Pick<Agent, 'memory' | 'world'>

/** Somebody proved to be this person, from there. `door`: the protocol. */
export function noteSignIn(agent: Agents, account: AccountId, seen: { from: string } | { door: string }): void {
  const kind = 'from' in seen ? 'place' : 'door'
  const what = 'from' in seen ? neighbourhood(seen.from) : seen.door
  const nowMs = agent.world.clock.now()
  const key = keyOf(account, kind, what)
  const since = agent.memory.get(key)
  const lastKey = `${kind}-last:${account}`
  const hadAny = agent.memory.get(lastKey) !== undefined
  if (since === undefined && hadAny) agent.memory.put(newKey(account, kind), shown(seen), nowMs + NEW_MS)
  const notedMs = Number(agent.memory.get(lastKey) ?? 0)
  // Most sign-ins are from where the last one was: written down once a day.
  if (since === undefined || nowMs - notedMs > DAY_MS) {
    agent.memory.put(key, since ?? String(nowMs), nowMs + KEPT_MS)
    agent.memory.put(lastKey, String(nowMs), nowMs + KEPT_MS)
  }
}

/** What was new within a day; '' where nothing was. */
export function newSignIn({ memory }: Agents, account: AccountId): { newPlace: string; newDoor: string } {
  return { newPlace: memory.get(newKey(account, 'place')) ?? '', newDoor: memory.get(newKey(account, 'door')) ?? '' }
}

/** Was this account used from there for some days? */
export function isFamiliarPlace({ memory, world }: Agents, account: AccountId, from: string): boolean {
  const since = memory.get(keyOf(account, 'place', neighbourhood(from)))
  return since !== undefined && world.clock.now() - Number(since) >= FAMILIAR_MS
}

const shown = (seen: { from: string } | { door: string }) => ('from' in seen ? `from ${seen.from}` : `by ${seen.door}`)
const newKey = (account: AccountId, kind: string) => `${kind}-new:${account}`

function keyOf(account: AccountId, kind: string, what: string): string {
  const digest = createHash('sha256').update(`${account}\0${what}`).digest('base64url')
  return `${kind}:${digest.slice(0, 22)}`
}
