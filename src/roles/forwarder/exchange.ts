// What the Receiver does by itself when a note about forwarding comes: a confirmation makes the forward active and sends a
// probe; a probe from a Forwarder that the Recipient trusts is answered with what was seen of it; a report is kept. Only
// notes whose From is proven (DMARC) count, and each is one command more in the commit of its own delivery.

import { sealArc } from '../../identity/arc/seal.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { formatAddress } from '../../message/address.ts'
import { type Header, parseHeader } from '../../message/header.ts'
import type { Command } from '../../store/commands.ts'
import type { Forward } from '../../store/nouns/forwarding.ts'
import type { Account } from '../../store/nouns/people.ts'
import { type Agent, newTrace } from '../agent.ts'
import { findings } from '../receiver/findings.ts'
import { domainOf, queueCommand } from '../routing.ts'
import { dkimFields } from '../transmitter/signing.ts'
import { type Note, noteLetter, notesAddress, readNote } from './note.ts'

/** Commands that follow from what was delivered to this address. @throws DiskError */
export async function noteCommands(
  agent: Agent,
  identity: Identity,
  header: Header,
  source: Buffer,
  delivered: { readonly account: Account; readonly address: string },
): Promise<Command[]> {
  const note = readNote(header, source)
  const [author, ...others] = identity.from.mailboxes
  if (note === undefined || author === undefined || others.length > 0 || identity.dmarc.result !== 'pass') return []
  const writer = formatAddress(author).toLowerCase()
  const address = delivered.address.toLowerCase()
  if (note.kind === 'probe') return answerProbe(agent, identity, note, writer, delivered.account)
  const forward = agent.store.forward(note.from.toLowerCase())
  if (address !== notesAddress(agent.domain) || forward === undefined || forward.code !== note.code) return []
  if (note.kind === 'confirm' && writer === forward.to.toLowerCase() && forward.state === 'unverified')
    return activate(agent, forward)
  if (note.kind === 'report' && domainOf(writer) === domainOf(forward.to) && forward.probe !== null) {
    const told = { ...note.seen, atMs: agent.world.clock.now() }
    return [{ kind: 'forward.put', forward: { ...forward, probe: { ...forward.probe, told } } }]
  }
  return []
}

/** The forward works from now on, and a probe goes to its target. @throws DiskError */
export async function activate(agent: Agent, forward: Forward): Promise<Command[]> {
  const { from, to } = forward
  const note: Note = { kind: 'probe', from, to, code: forward.code }
  const postmaster = `postmaster@${agent.domain}`
  const letter = noteLetter(
    agent,
    {
      from: postmaster,
      to,
      subject: `Mail for ${from} comes here now`,
      text:
        `This message shows how mail that is forwarded from ${from} arrives here.\n\n` +
        'Look at its Authentication-Results (most programs: "Show original"), and paste the whole header into the ' +
        `forwarding settings at ${agent.domain}: they tell you what still proves who wrote your mail.\n\n${cardOf(agent)}`,
    },
    note,
  )
  const probe = { id: forward.code, sentAtMs: agent.world.clock.now(), told: null }
  return [
    { kind: 'forward.put', forward: { ...forward, state: 'active', probe } },
    await sendCommand(agent, letter, postmaster, to, true),
  ]
}

/** What to tell the provider of the new address. */
export function cardOf(agent: Agent): string {
  return (
    `My mail is forwarded by ${agent.domain}. Please trust what it passes on to me:\n` +
    `  SPF and SRS: the reverse-path is in ${agent.domain}\n` +
    `  ARC: sealed with d=${agent.domain}\n` +
    `  host: ${agent.hostName}\n`
  )
}

async function answerProbe(
  agent: Agent,
  identity: Identity,
  note: Extract<Note, { kind: 'probe' }>,
  writer: string,
  account: Account,
): Promise<Command[]> {
  const domain = domainOf(writer)
  const isTrusted = agent.store.trustedForwarders(account.id).some((one) => one.domain === domain)
  if (!isTrusted || writer !== `postmaster@${domain}` || domainOf(note.from) !== domain) return []
  const { from, to, code } = note
  const report: Note = { kind: 'report', from, to, code, seen: { by: agent.hostName, ...findings(identity) } }
  const postmaster = `postmaster@${agent.domain}`
  const text = `What we saw of a message that was forwarded from ${from} is in the part for programs.\n`
  const about = { from: postmaster, to: notesAddress(domain), subject: 'What your probe showed', text }
  return [await sendCommand(agent, noteLetter(agent, about, report), '', notesAddress(domain), false)]
}

/** Signs a letter of our own and queues it. @throws DiskError */
export async function sendCommand(
  agent: Agent,
  letter: Buffer,
  reversePath: string,
  to: string,
  isSealed: boolean,
): Promise<Command> {
  let content = Buffer.concat([...(await dkimFields(agent, letter)), letter])
  const key = agent.secrets.dkim.find(({ algorithm, domain }) => algorithm === 'rsa-sha256' && domain === agent.domain)
  if (isSealed && agent.settings.forwarder.seals && key !== undefined) {
    const results = `${agent.hostName}; none`
    const none = { result: 'none', hops: [], ended: false, nextInstance: 1, steps: [] } as const
    content = Buffer.concat([
      await sealArc(parseHeader(content), results, { ...key, domain: agent.domain }, none, agent.world),
      content,
    ])
  }
  const blob = await agent.store.putBlob([content])
  const mail = { trace: newTrace(agent.world), blob, reversePath, parameters: {}, origin: 'forwarder' } as const
  return queueCommand(agent, mail, to)
}
