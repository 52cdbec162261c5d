// Held mail is not forgotten: while some is in the queue its postmaster hears of it, a few hours after the first and then
// once a day. It has no other end than an administrator's word.

import { buildMessage, structuredField, textField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import type { Command } from '../../store/commands.ts'
import { type Agent, newTrace } from '../agent.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'
import { forwardPathOf, queueCommand, wayFor } from '../routing.ts'
import { readsElsewhere } from './bounce.ts'
import { dkimFields } from './signing.ts'

const FIRST_AFTER_MS = 4 * 3_600_000
const AGAIN_AFTER_MS = 86_400_000
const DESTINATIONS = 20
/** When the next letter is due, as a number; '' while nothing is held. */
const SETTING = 'queue held: tell at'

/** The letter to the postmaster, if one is due. @throws DiskError */
export async function tellOfHeld(agent: Agent): Promise<void> {
  const { store, world } = agent
  const nowMs = world.clock.now()
  const held = store.queue.held(DESTINATIONS)
  const said = store.setting(SETTING) ?? ''
  if (held.length === 0 && said === '') return
  const next = (atMs: number | undefined): Command => ({
    kind: 'setting.put',
    key: SETTING,
    value: atMs === undefined ? '' : String(atMs),
  })
  if (held.length === 0) await store.commit([next(undefined)])
  // Further away than it can be: the clock was set back.
  else if (said === '' || Number(said) - nowMs > AGAIN_AFTER_MS) await store.commit([next(nowMs + FIRST_AFTER_MS)])
  else if (Number(said) <= nowMs) {
    await store.commit([await toPostmaster(agent, letter(agent, held)), next(nowMs + AGAIN_AFTER_MS)])
  }
}

/** @throws DiskError */
async function toPostmaster(agent: Agent, message: Buffer): Promise<Command> {
  const { store } = agent
  const postmaster = `postmaster@${agent.domain}`
  if (readsElsewhere(wayFor(agent, forwardPathOf(postmaster)))) {
    const blob = await store.putBlob([...(await dkimFields(agent, message)), message])
    const mail = { trace: newTrace(agent.world), blob, reversePath: '', parameters: {}, origin: 'transmitter' } as const
    return queueCommand(agent, mail, postmaster)
  }
  const account = store.accountByAddress(postmaster)
  if (account === undefined) throw new Error(`${agent.domain} has no postmaster`)
  return placeCommand(agent, account, await prepareDelivery(agent, '', [], message), 'inbox', null)
}

function letter(agent: Agent, held: readonly { domain: string; held: number; reply: string }[]): Buffer {
  const lines = held.map(({ domain, held: count, reply }) => `${count} for ${domain}${reply && `\n    ${reply}`}`)
  const more = held.length === DESTINATIONS ? ['… and perhaps others'] : []
  const text = `These messages are held in the queue of ${agent.id} (${agent.hostName}). Nothing is tried for them, and they do not
come back to their senders, until somebody decides:

${[...lines, ...more].join('\n')}

  borderpost queue list --state held        shows them
  borderpost queue release --state held …   lets them go
  borderpost queue fail --state held …      gives them up; their senders hear of it
`
  return buildMessage({
    fields: [
      structuredField('From', `postmaster@${agent.domain}`),
      structuredField('To', `postmaster@${agent.domain}`),
      textField('Subject', 'Held mail waits for your decision'),
      structuredField('Date', formatDate(agent.world.clock.now())),
      structuredField('Message-ID', `<${newTrace(agent.world)}@${agent.hostName}>`),
      structuredField('Auto-Submitted', 'auto-generated'),
    ],
    text,
    attachments: [],
    boundary: () => `=_${newTrace(agent.world)}${newTrace(agent.world)}`,
  })
}
