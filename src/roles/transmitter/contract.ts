// A contract: a Transmitter carries mail for other agents, its relays for theirs (`MSA@them ==> Transmitter@us`). Who hands
// over is known by address; what comes must be in the name of domains that the contract names, because our signature and
// our address will vouch for it. Nobody else may relay here: that would be an Open Relay.

import { unmapped } from '../../filter/lists.ts'
import { authorOf } from '../../identity/dmarc/author.ts'
import { isWithin } from '../../identity/domain.ts'
import { fieldsNamed, parseHeader } from '../../message/header.ts'
import { buildReceived } from '../../message/received.ts'
import type { InboundMessage, SessionFacts, SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import { type Agent, newTrace, type TransmitterSettings } from '../agent.ts'
import { passPartner } from '../outgoing/gate.ts'
import { domainOf, queueCommand, reversePathText, wayFor, wishesOf } from '../routing.ts'
import { commitAll, diskRefusal, eventCommand, messageIdOf, note } from '../tracking.ts'
import { dkimFields } from './signing.ts'

type Contract = TransmitterSettings['carries'][number]

/** More hops than this is a loop. */
const MAX_HOPS = 100

/** Whose relay connects; undefined: nobody with whom there is a contract. */
export function contractOf(agent: Agent, address: string): Contract | undefined {
  const ip = unmapped(address)
  return agent.settings.transmitter.carries.find((one) => one.ip === ip)
}

/** The Transmitter's voice for those it carries mail for. */
export function contractPolicy(agent: Agent): SmtpServerPolicy {
  const of = ({ peer }: SessionFacts) => contractOf(agent, peer.address)
  return {
    connected: (session) =>
      of(session) === undefined
        ? reply(554, '5.7.1', `${agent.hostName} carries mail only for those it has a contract with`)
        : undefined,
    mail(reversePath, _parameters, session) {
      const address = reversePathText(reversePath)
      const contract = of(session)!
      if (address === '' || isCovered(contract, domainOf(address))) return undefined
      return reply(553, '5.7.1', `the contract with ${contract.id} covers no mail from ${domainOf(address)}`)
    },
    recipient(forwardPath) {
      const way = wayFor(agent, forwardPath)
      return way.kind === 'unknown' ? reply(550, '5.1.1', `there is no mailbox ${way.address} here`) : undefined
    },
    message: (mail) => carry(agent, of(mail.session)!, mail),
  }
}

const isCovered = ({ domains }: Contract, domain: string) => domains.some((own) => isWithin(domain, own))

/** One commit holds everything that the 250 promises. */
async function carry(agent: Agent, contract: Contract, { envelope, source, session }: InboundMessage): Promise<Reply> {
  const header = parseHeader(source)
  const trace = newTrace(agent.world)
  const reversePath = reversePathText(envelope.reversePath)
  const about = { trace, reversePath, messageId: messageIdOf(header), role: 'Transmitter' as const }
  const refusal = refusalOf(contract, header, source.length, agent.settings.maxMessageBytes)
  if (refusal !== undefined) {
    const text = `Refused for ${contract.id}: ${refusal.lines.join(' ')}.`
    note(agent, { ...about, kind: 'refused', forwardPath: '', text })
    return refusal
  }
  const receivedField = buildReceived({
    helo: session.helo,
    remoteIp: unmapped(session.peer.address),
    byHost: agent.hostName,
    protocol: session.protocol,
    tls: session.tls,
    id: trace,
    epochMs: agent.world.clock.now(),
  })
  const ways = envelope.recipients.map((recipient) => ({ recipient, way: wayFor(agent, recipient.forwardPath) }))
  const elsewhere = ways.flatMap(({ way }) => (way.kind === 'elsewhere' ? [way.address] : []))
  const passing = passPartner(agent, contract.id, { source, elsewhere })
  try {
    if (passing.refusal !== undefined) {
      const text = `Refused for ${contract.id}: ${passing.refusal.lines.join(' ')}.`
      const refused = eventCommand(agent, { ...about, kind: 'refused', forwardPath: '', text })
      await commitAll(agent, [...(await passing.commands()), refused])
      return passing.refusal
    }
    const front = [Buffer.from(receivedField), ...(await dkimFields(agent, source))]
    const blob = await agent.store.putBlob([...front, source])
    const commands = ways.flatMap(({ recipient, way }) => {
      const to = way.kind === 'forward' ? way.from : 'to' in way ? way.to : way.address
      const { smtputf8, body, ret, envid } = envelope
      const isHere = way.kind === 'mailbox' || way.kind === 'forward'
      const parameters = { smtputf8, body, ret, envid, ...wishesOf(recipient), ...(isHere && { atHome: true }) }
      return [
        queueCommand(
          agent,
          { trace, blob, reversePath, parameters, origin: 'msa' },
          to,
          isHere ? undefined : passing.laterFor(to, undefined),
        ),
        eventCommand(agent, {
          ...about,
          kind: 'accepted',
          forwardPath: to,
          text: `Taken from ${contract.id} for ${to}, under contract.`,
          detail: { contract: contract.id },
        }),
      ]
    })
    await commitAll(agent, [...commands, ...(await passing.commands())])
  } catch (error) {
    return diskRefusal(agent, error)
  } finally {
    passing.settle()
  }
  return reply(250, '2.0.0', `accepted as ${trace}`)
}

function refusalOf(
  contract: Contract,
  header: ReturnType<typeof parseHeader>,
  bytes: number,
  maxBytes: number,
): Reply | undefined {
  if (bytes > maxBytes) return reply(552, '5.3.4', 'message too big')
  if (fieldsNamed(header, 'received').length > MAX_HOPS)
    return reply(554, '5.4.6', `this message has passed more than ${MAX_HOPS} relays: it goes round in a loop`)
  const { domains, fault } = authorOf(header)
  if (fault !== undefined) return reply(550, '5.6.0', fault)
  const foreign = domains.find((domain) => !isCovered(contract, domain))
  // Mail that others wrote may be passed on with a reverse-path of the contract; our signature stays off it.
  const isPassedOn = fieldsNamed(header, 'resent-from').length > 0 || fieldsNamed(header, 'delivered-to').length > 0
  if (foreign === undefined || isPassedOn) return undefined
  return reply(550, '5.7.1', `From names ${foreign}, which the contract with ${contract.id} does not cover`)
}
