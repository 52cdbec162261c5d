// To whom people here have written: an answer from there is no stranger's mail. Kept in the agent's memory as a digest,
// so that nobody's correspondents can be read from it.

import { createHash } from 'node:crypto'
import type { AccountId } from '../store/nouns/people.ts'
import type { Agent } from './agent.ts'

/** Christmas mail once a year still makes an acquaintance. */
const KEPT_MS = 400 * 86_400_000

/** An Author here wrote to this address. */
export function noteCorrespondent(agent: Agent, author: AccountId, address: string): void {
  agent.memory.put(keyOf(author, address), '1', agent.world.clock.now() + KEPT_MS)
}

/** Has the owner of this account written to this address? */
export function isCorrespondent(agent: Agent, account: AccountId, address: string): boolean {
  return address !== '' && agent.memory.get(keyOf(account, address)) !== undefined
}

function keyOf(account: AccountId, address: string): string {
  const digest = createHash('sha256').update(`${account}\0${address.toLowerCase()}`).digest('base64url')
  return `wrote:${digest.slice(0, 22)}`
}
