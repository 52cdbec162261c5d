// BATV where an Author's mail leaves and where its bounces come back (draft-levine-smtp-batv): what leaves carries a tag in
// its reverse-path that only we can have made, so a bounce without one answers mail that somebody else sent in the
// Author's name. Off unless asked for: lists and programs that know their members by the reverse-path see a new one each
// day, and what is sent from the same address by way of another system gets its bounces refused.

import { createHmac } from 'node:crypto'
import { type Batv, type BatvResult, checkBatv, signBatv } from '../../identity/batv.ts'
import { readVerp, type VerpAddress, verpAddress } from '../../identity/verp.ts'
import type { Command } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import type { Agent } from '../agent.ts'

const DAY_MS = 86_400_000
/** Another system tries as long as we do, and longer, before it gives a message up. */
const OTHERS_TRY_DAYS = 7
/** Since when the switch is on; '' while it is off. */
const SWITCH = 'batv'
const firstTagged = (address: string) => `batv ${address.toLowerCase()}`

function validDays({ settings }: Agent): number {
  return Math.ceil(settings.transmitter.expiresAfterS / 86_400) + OTHERS_TRY_DAYS
}

function batvOf(agent: Agent): Batv {
  const secret = createHmac('sha256', agent.secrets.server).update('batv 1').digest()
  return { secrets: { 1: secret }, validDays: validDays(agent) }
}

/** What an agent writes down when it starts: how long the switch has been on decides which bounces may lack a tag. */
export function batvSwitch(store: Store, isOn: boolean, nowMs: number): Command[] {
  const since = store.setting(SWITCH) ?? ''
  if (isOn === (since !== '')) return []
  return [{ kind: 'setting.put', key: SWITCH, value: isOn ? String(nowMs) : '' }]
}

/** The reverse-path of an Author as it leaves, and what is to be kept with it: that this address sends so. */
export function tagged(
  agent: Agent,
  reversePath: string,
  copy: { readonly trace: string; readonly recipient: string },
): { readonly address: string; readonly commands: Command[] } {
  const { batv, verp } = agent.settings
  if (reversePath === '') return { address: reversePath, commands: [] }
  const own = verp ? verpAddress(reversePath, copy.trace, copy.recipient, verpSecret(agent)) : reversePath
  if (!batv) return { address: own, commands: [] }
  const { clock } = agent.world
  const address = signBatv(own, batvOf(agent), clock)
  const key = firstTagged(reversePath)
  if (address === reversePath || agent.store.setting(key) !== undefined) return { address, commands: [] }
  return { address, commands: [{ kind: 'setting.put', key, value: String(clock.now()) }] }
}

/** What the tag of a recipient says; a valid one counts whether the switch is on or not. */
export function tagOf(agent: Agent, address: string): BatvResult {
  return checkBatv(address, batvOf(agent), agent.world.clock)
}

/** The address without what we put before it: the tag, and which copy it was (VERP). */
export function untagged(agent: Agent, address: string): string {
  return copyOf(agent, address)?.address ?? withoutTag(agent, address)
}

/** Whose copy of which message left with this reverse-path (identity/verp.ts); undefined: it does not say. */
export function copyOf(agent: Agent, address: string): VerpAddress | undefined {
  return readVerp(withoutTag(agent, address), verpSecret(agent))
}

function withoutTag(agent: Agent, address: string): string {
  const tag = tagOf(agent, address)
  return tag.result === 'valid' ? tag.address : address
}

const verpSecret = (agent: Agent) => createHmac('sha256', agent.secrets.server).update('verp 1').digest()

/**
 * Would a bounce to this bare address have to carry a tag? Only where the address sends with one, and has done so for
 * longer than mail of before can still be on its way.
 */
export function needsTag(agent: Agent, address: string): boolean {
  // The postmaster is there for who has trouble (RFC 5321 §4.5.1).
  if (!agent.settings.batv || /^postmaster@/i.test(address)) return false
  const [since, first] = [SWITCH, firstTagged(address)].map((key) => Number(agent.store.setting(key) || Number.NaN))
  return agent.world.clock.now() > Math.max(since!, first!) + validDays(agent) * DAY_MS
}
