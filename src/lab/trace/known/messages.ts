// Messages with known paths: each flow of a description is really carried by its agents in the simulated world, once for an
// honest Author and once for each thing that an adversary tries, and is then read from the Recipient's mailbox.

import type { SystemModel } from '../../../notation/model.ts'
import { planSystem } from '../../../system/description.ts'
import { completed } from '../../simulate/completed.ts'
import { type FlowLetter, lettersOf, STRANGER, STRANGERS_RECORDS } from '../../simulate/letters.ts'
import { SPAMMERS_RECORDS } from '../../simulate/senders.ts'
import { send } from '../../simulate/stage.ts'
import { type SimulatedStage, simulatedStage } from '../../simulate/world.ts'
import { homeOf } from '../home.ts'
import type { TraceOptions } from '../trace.ts'
import { attack, INVENTIONS, WAYS } from './adversary.ts'
import { isAtBorder, type KnownPath, knownPath, strangersHop } from './truth.ts'

export interface KnownMessage {
  readonly flow: number
  /** `honest`, or how the adversary came and what he invented. */
  readonly kind: string
  readonly source: Buffer
  readonly path: KnownPath
  readonly options: TraceOptions
  /** Whose account it was written with. */
  readonly author: string
}

export interface Carried {
  readonly messages: KnownMessage[]
  /** Those that did not arrive, with the last reply: a Border did its work. */
  readonly stopped: string[]
}

export interface CarryOptions {
  readonly seed: number
  /** Of what an adversary can invent each flow gets every nth, not always the same. */
  readonly every: number
}

export async function carried(written: SystemModel, { seed, every }: CarryOptions): Promise<Carried> {
  const { plan } = planSystem(completed(written).model)
  const stage = await simulatedStage(plan, { seed })
  const { links } = stage.system.simulation
  stage.system.publish([...STRANGERS_RECORDS, ...SPAMMERS_RECORDS])
  const found: Carried = { messages: [], stopped: [] }
  for (const letter of lettersOf(plan).letters) {
    const away = awayFor(stage, letter)
    for (const { from, to } of away) links.partition(from, to)
    await carryAll(stage, letter, every, found)
    for (const { from, to } of away) links.heal(from, to)
  }
  return found
}

/** Mail comes to a backup while only the backup itself reaches whom it stands in for. */
function awayFor({ plan }: SimulatedStage, { path }: FlowLetter): { from: string; to: string }[] {
  const backup = plan.agents.find(({ id, isBackup }) => isBackup && path.includes(id))
  if (backup === undefined) return []
  return plan.agents
    .filter((one) => one.domain === backup.domain && one.isAtTheBorder && !one.isBackup)
    .flatMap(({ id: to }) =>
      plan.agents.flatMap(({ id: from }) => (from === to || from === backup.id ? [] : [{ from, to }])),
    )
}

async function carryAll(stage: SimulatedStage, letter: FlowLetter, every: number, found: Carried): Promise<void> {
  const { plan } = stage
  const flow = plan.model.flows[letter.flow]!
  const isStrangers = letter.door === 'smtp'
  const { messageId, reply } = await stage.finish(send(stage, letter, 5))
  await stage.rest()
  const stranger = isStrangers ? [strangersHop(`mail.${STRANGER.domain}`)] : []
  const whole = knownPath(plan, flow, letter.path, [])
  const keep = async (kind: string, id: string, said: string, path: KnownPath) => {
    const arrived = await messageOf(stage, letter, id)
    if (arrived === undefined) found.stopped.push(`${kind}: ${said}`)
    else found.messages.push({ flow: letter.flow, kind, path, author: letter.from, ...arrived })
  }
  await keep('honest', messageId, reply, { ...whole, hops: [...stranger, ...whole.hops] })
  const entered = flow.blocks.find(({ id }) => isAtBorder(flow, id))
  const door = plan.agents.find(({ id }) => id === entered?.actor)?.id ?? letter.first.id
  const home = plan.agents.find(({ id }) => id === letter.path.at(-1))!
  for (const [n, way] of WAYS.entries())
    for (const [m, invention] of Object.keys(INVENTIONS).entries()) {
      if ((letter.flow + n + m) % every !== 0) continue
      const done = await stage.finish(
        attack(stage, letter, { way, invention, door, ours: homeOf(home).trustedBy.at(-1)! }),
      )
      if (done === undefined) continue
      await stage.rest()
      const { forged, host, first } = done
      const passed = letter.path.slice(letter.path.indexOf(first))
      const { hops } = knownPath(plan, flow, passed, forged)
      const before = host === undefined ? stranger : [strangersHop(host)]
      await keep(`${way}, ${invention}`, done.messageId, done.reply, { hops: [...before, ...hops], forged })
    }
}

async function messageOf(stage: SimulatedStage, { recipient }: FlowLetter, messageId: string) {
  for (const { id } of stage.plan.agents) {
    const { store } = stage.agent(id).agent
    const account = store.accountByAddress(recipient)
    if (account === undefined) continue
    const emails = store.emails(account.id, store.listEmails(account.id, {}, 'oldest'))
    const email = emails.find((one) => one.messageId.includes(messageId))
    const source = email && (await stage.finish(store.readBlob(email.blob)))
    if (source === undefined) continue
    const trustedForwarders = store.trustedForwarders(account.id).map(({ domain }) => domain)
    const { plan } = stage.agent(id)
    const options: TraceOptions = { ...homeOf(plan), trustedForwarders }
    return { source, options }
  }
  return undefined
}
