// Messages whose path is known, because the simulator carried them along every flow of the gallery: the trace must find the
// roles and the Borders again, also below Received lines that an adversary has put at the bottom.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Flow } from '../../notation/model.ts'
import { parse } from '../../notation/parse.ts'
import { type AgentPlan, planSystem, type SystemPlan } from '../../system/description.ts'
import { completed } from '../simulate/completed.ts'
import type { FlowLetter } from '../simulate/letters.ts'
import { survival } from '../simulate/survival.ts'
import { type SimulatedStage, simulatedStage } from '../simulate/world.ts'
import { organisation } from './path.ts'
import { type TraceResult, trace } from './trace.ts'

const GALLERY = new URL('../../../gallery/', import.meta.url)

/** What an adversary writes at the bottom, to lead the blame elsewhere. */
const FORGED =
  'Received: from mail.bank.example (mail.bank.example [198.51.100.9]) by relay.innocent.example with ESMTPS id 4711;\r\n' +
  ' Thu, 1 Jan 2026 00:00:00 +0000\r\n' +
  'Received: from [203.0.113.99] by mail.bank.example with ESMTPSA id 4710; Wed, 31 Dec 2025 23:59:59 +0000\r\n'

interface Place {
  readonly organisation: string
  readonly roles: ReadonlySet<string>
  /** The Border is crossed to come here, or a Forwarder's indirect relationship. */
  readonly isEntered: boolean
}

/** Further roles of the notation, as the trace can see them. */
const SEEN_AS: Readonly<Record<string, readonly string[]>> = {
  'Bulk Sender': ['Transmitter'],
  'Backup MX': ['Receiver'],
  Filter: ['Receiver'],
  // A list takes mail at the Border itself, and so does a Gateway for who stands behind it.
  'Mailing List': ['Receiver', 'Mailing List'],
  Gateway: ['Transmitter', 'Receiver'],
  // To whom it is handed on an Open Relay looks like an honest sender.
  'Open Relay': ['MSA', 'Transmitter', 'Receiver', 'Forwarder'],
}

/** The drawn flow by organisations, since hosts of one cannot be told apart by their names. */
function drawn(plan: SystemPlan, flow: Flow): Place[] {
  const places: { organisation: string; roles: Set<string>; isEntered: boolean }[] = []
  for (const block of flow.blocks) {
    const agent = plan.agents.find(({ id }) => id === block.actor)
    if (agent === undefined) continue
    const hop = flow.hops.find(({ to }) => to === block.id)
    const name = organisation(agent.hostName) ?? agent.hostName
    const before = places.at(-1)
    // What came to an Open Relay it does not tell.
    const isEntered =
      hop !== undefined && (hop.border || hop.arrow === 'indirect') && !block.roles.includes('Open Relay')
    // An MDA that a Forwarder passes mail on to takes it at a door of its own.
    const roles = [...block.roles.flatMap((role) => SEEN_AS[role] ?? [role]), ...(isEntered ? ['Receiver'] : [])]
    if (before?.organisation === name && !isEntered) for (const role of roles) before.roles.add(role)
    else places.push({ organisation: name, roles: new Set(roles), isEntered })
  }
  return places
}

/** Which of the drawn roles a message used cannot all be told from it; but none other, and a Forwarder must be found. */
function isWithin(found: readonly string[], roles: ReadonlySet<string>): boolean {
  const isPassedOn = roles.has('Forwarder') && !roles.has('MDA')
  return found.length > 0 && found.every((role) => roles.has(role)) && (!isPassedOn || found.includes('Forwarder'))
}

/** Hops that were found as they are drawn, of all that are drawn. */
function compare(
  places: readonly Place[],
  { blocks, hops }: TraceResult,
): { right: number; all: number; wrong: string[] } {
  const wrong: string[] = []
  const agents = blocks.map((block, index) => ({ block, index })).filter(({ block }) => block.id !== '')
  const found = new Map(agents.map((one) => [one.block.organisation, one]))
  for (const { organisation: name, roles, isEntered } of places) {
    const one = found.get(name)
    const has = one?.block.roles ?? []
    const hop = hops.find(({ to }) => to === one?.index)
    const entered = hop !== undefined && (hop.crossesBorder || hop.arrow === 'indirect')
    if (one === undefined || !isWithin(has, roles) || entered !== isEntered)
      wrong.push(
        `${name}: drawn ${[...roles].join('/')}${isEntered ? ' behind a Border' : ''}, found ${has.join('/') || 'nothing'}${entered ? ' behind a Border' : ''}`,
      )
  }
  return { right: places.length - wrong.length, all: places.length, wrong }
}

async function messageOf(stage: SimulatedStage, { recipient, flow }: FlowLetter) {
  for (const { id } of stage.plan.agents) {
    const { store } = stage.agent(id).agent
    const account = store.accountByAddress(recipient)
    if (account === undefined) continue
    const emails = store.emails(account.id, store.listEmails(account.id, {}, 'oldest'))
    const email = emails.find(({ subject }) => subject.endsWith(`(${flow + 1})`))
    if (email === undefined) continue
    const message = await stage.finish(store.readBlob(email.blob))
    const trusted = store.trustedForwarders(account.id).map(({ domain }) => domain)
    return { message: message as Buffer, home: stage.agent(id).plan, trusted }
  }
  return undefined
}

/** Below the oldest Received line, where whoever handed it in can write what he wants. */
function withForged(message: Buffer): Buffer {
  const text = message.toString('latin1')
  const last = [...text.matchAll(/^Received:.*\r\n(?:[ \t].*\r\n)*/gm)].at(-1)!
  const at = last.index + last[0].length
  return Buffer.from(text.slice(0, at) + FORGED + text.slice(at), 'latin1')
}

const ownHosts = ({ hostName, settings }: AgentPlan) => [
  hostName,
  ...settings.mda.receivers.map((receiver) => receiver.hostName),
]

test('roles and Borders of the gallery are found again in at least 99 of 100 hops', { timeout: 300_000 }, async (t) => {
  const sum = { honest: { right: 0, all: 0 }, forged: { right: 0, all: 0 } }
  for (const file of readdirSync(GALLERY).filter((name) => name.endsWith('.borderpost'))) {
    const { model } = completed(parse(readFileSync(new URL(file, GALLERY), 'utf8')).model)
    const { plan } = planSystem(model)
    const stage = await simulatedStage(plan, { seed: 1 })
    const { results } = await survival(stage)
    for (const { letter } of results) {
      const found = await messageOf(stage, letter)
      if (found === undefined) continue
      const { message, home, trusted } = found
      const places = drawn(plan, plan.model.flows[letter.flow]!)
      const options = { trustedBy: ownHosts(home), trustedForwarders: trusted }
      for (const [kind, source] of [
        ['honest', message],
        ['forged', withForged(message)],
      ] as const) {
        const { right, all, wrong } = compare(places, trace(source, options))
        sum[kind].right += right
        sum[kind].all += all
        for (const one of wrong) t.diagnostic(`${file}, flow ${letter.flow + 1}, ${kind}: ${one}`)
      }
    }
  }
  for (const [kind, { right, all }] of Object.entries(sum)) {
    t.diagnostic(`${kind}: ${right} of ${all} hops`)
    assert.ok(right / all >= 0.99, `${kind}: ${right} of ${all}`)
  }
})
