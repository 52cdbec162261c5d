// A contract: a Transmitter carries mail for other agents (`MSA@them ==> Transmitter@us`) and for companies that have only
// that with it. Who hands over is known by address, certificate or password; what comes must be in the name of domains that
// the contract names and that are proven to be theirs, because our signature and our address will vouch for it. Nobody else
// may relay here: that would be an Open Relay.

import { unmapped } from '../../filter/lists.ts'
import { authorOf } from '../../identity/dmarc/author.ts'
import { withoutBinary } from '../../message/binary.ts'
import { buildReceived } from '../../message/build-received.ts'
import { fieldsNamed, type Header, parseHeader } from '../../message/header.ts'
import type { Envelope, MailParameters } from '../../protocols/smtp/envelope.ts'
import type { InboundMessage, SessionFacts, SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { REPLIES, type Reply, reply } from '../../protocols/smtp/reply.ts'
import { withSafeLineEnds } from '../../protocols/smtp/wire.ts'
import { type Agent, type ContractTerms, newTrace } from '../agent.ts'
import { suppressedRefusal } from '../bounces/suppressed.ts'
import { contractAddress } from '../contract-account.ts'
import { demandsOf, releasedLater, timesRefusal } from '../msa/demands.ts'
import { waitingOf } from '../msa/expansion.ts'
import { sentCommand } from '../msa/submission.ts'
import { type Passing, passPartner, whileDecided } from '../outgoing/gate.ts'
import { domainOf, groupFor, type Later, queueCommand, reversePathText, wayFor, waysTo, wishesOf } from '../routing.ts'
import { commitAll, diskRefusal, eventCommand, messageIdOf, mustBeKept } from '../tracking.ts'
import { ContractAccounts } from './contract-accounts.ts'
import type { Contracts } from './contracts.ts'
import { dkimFields } from './signing.ts'

/** More hops than this is a loop. */
const MAX_HOPS = 100

/** Whose relay connects; undefined: nobody with whom there is a contract that knows them by address. */
export function contractAt(agent: Agent, address: string): ContractTerms | undefined {
  return agent.contracts?.ofNetwork(unmapped(address))
}

/**
 * The voice of the door at which mail is handed over: to whom it has a contract with, known by address, by certificate or by
 * sign-in, the Transmitter speaks; to everybody else the MSA (`authors`), if the agent plays it.
 */
export function contractPolicy(agent: Agent, contracts: Contracts, authors?: SmtpServerPolicy): SmtpServerPolicy {
  const ipOf = ({ peer }: SessionFacts) => unmapped(peer.address)
  const of = (session: SessionFacts): ContractTerms | undefined => {
    if (session.user !== undefined) return contracts.named(session.user)
    const shown = session.tls?.clientCertificate
    return contracts.ofNetwork(ipOf(session)) ?? (shown && contracts.ofCertificate(shown))
  }
  const recipients = new WeakMap<SessionFacts, number>()
  const bouncing = new WeakSet<SessionFacts>()
  const stranger = () =>
    contracts.asksForProof || authors !== undefined
      ? reply(530, '5.7.0', 'authentication required')
      : reply(554, '5.7.1', `${agent.hostName} carries mail only for those it has a contract with`)
  return {
    ...(contracts.asksForProof && { accounts: new ContractAccounts(contracts, authors?.accounts) }),

    connected(session, connection) {
      if (contracts.ofNetwork(ipOf(session)) !== undefined) return undefined
      if (!contracts.asksForProof && authors === undefined) return stranger()
      return authors?.connected?.(session, connection)
    },
    disconnected: (session) => authors?.disconnected?.(session),
    hello: (name, extended, session) => authors?.hello?.(name, extended, session),
    authenticated: (user, session) =>
      contracts.named(user) === undefined ? authors?.authenticated?.(user, session) : undefined,
    authenticationFailed: (user, session) => authors?.authenticationFailed?.(user, session),

    async mail(reversePath, parameters, session) {
      const contract = of(session)
      if (contract === undefined)
        return authors === undefined ? stranger() : authors.mail(reversePath, parameters, session)
      recipients.set(session, 0)
      if (reversePath.type === 'null') bouncing.add(session)
      else bouncing.delete(session)
      const refusal =
        timesRefusal(parameters, agent.world.clock.now()) ??
        (await mailRefusal(contracts, contract, reversePathText(reversePath), parameters))
      if (refusal !== undefined)
        await noteRefusal(agent, contract, { reversePath: reversePathText(reversePath) }, refusal)
      return refusal
    },
    recipient(forwardPath, parameters, session) {
      const contract = of(session)
      if (contract === undefined)
        return authors === undefined ? stranger() : authors.recipient(forwardPath, parameters, session)
      const count = (recipients.get(session) ?? 0) + 1
      // More than there is room for in the queue would never be taken.
      const most = Math.min(contract.recipients ?? Infinity, contract.queueMessages ?? Infinity)
      if (count > most)
        return reply(452, '4.5.3', `the contract with ${contract.name} allows ${most} recipients of a message`)
      const group = groupFor(agent, forwardPath, bouncing.has(session))
      if (group?.ways.length === 0) return reply(550, '5.2.4', `nobody stands behind ${group.group.address} now`)
      const way = group?.ways[0] ?? wayFor(agent, forwardPath)
      if (way.kind === 'unknown') return reply(550, '5.1.1', `there is no mailbox ${way.address} here`)
      const account = agent.store.accountByAddress(contractAddress(contract.name))
      const isElsewhere = account !== undefined && way.kind === 'elsewhere'
      const suppressed = isElsewhere ? suppressedRefusal(agent, account, way.address, 'many') : undefined
      if (suppressed !== undefined) return suppressed
      recipients.set(session, count)
      return undefined
    },
    partOf: (url, reversePath, session) =>
      (of(session) === undefined ? authors?.partOf?.(url, reversePath, session) : undefined) ??
      reply(554, '5.7.0', 'a contract has no mailbox that a URL could lead into'),
    message(mail) {
      const contract = of(mail.session)
      if (contract !== undefined) return carry(agent, contracts, contract, mail)
      return authors === undefined ? stranger() : authors.message(mail)
    },
  }
}

/** Why nothing is taken in the name of this reverse-path now. */
async function mailRefusal(
  contracts: Contracts,
  contract: ContractTerms,
  address: string,
  { sizeBytes }: MailParameters,
): Promise<Reply | undefined> {
  const { name, messagesPerDay, messageBytes } = contract
  if (contracts.isSuspended(contract))
    return reply(550, '5.7.1', `the contract with ${name} is suspended: ask our postmaster`)
  if (sizeBytes !== undefined && messageBytes !== undefined && sizeBytes > messageBytes) return tooBig(contract)
  if (address !== '') {
    const refusal = await domainRefusal(contracts, contract, domainOf(address), 'mail')
    if (refusal !== undefined) return refusal
  }
  const room = contracts.takeRoom(contract, 1, sizeBytes ?? 0)
  if ('code' in room) return room
  // What comes is counted when it is here.
  room.free()
  if (messagesPerDay !== undefined && contracts.today(contract).messages >= messagesPerDay)
    return contracts.exhausted(contract, 'day')
  if (!contracts.takeRate(contract)) return contracts.exhausted(contract, 'minute')
  return undefined
}

const tooBig = ({ name, messageBytes }: ContractTerms) =>
  reply(552, '5.3.4', `the contract with ${name} allows ${messageBytes} bytes of a message`)

/** Is it theirs to write as this domain, and proven to be. */
async function domainRefusal(
  contracts: Contracts,
  contract: ContractTerms,
  domain: string,
  what: 'mail' | 'From',
): Promise<Reply | undefined> {
  const covering = contracts.coveringDomain(contract, domain)
  if (covering === undefined)
    return what === 'mail'
      ? reply(553, '5.7.1', `the contract with ${contract.name} covers no mail from ${domain}`)
      : reply(550, '5.7.1', `From names ${domain}, which the contract with ${contract.name} does not cover`)
  if (await contracts.isProven(contract, covering)) return undefined
  const { name, value } = contracts.challenge(contract, covering)
  return reply(
    450,
    '4.7.1',
    `${covering} is not proven to be yours: publish our DKIM keys of it, or ${name} TXT "${value}"; then it is carried`,
  )
}

/** What was not taken is seen: in tracking, and in the day's count. */
async function noteRefusal(
  agent: Agent,
  { name }: ContractTerms,
  about: { readonly reversePath: string; readonly trace?: string; readonly messageId?: string },
  refusal: Reply,
): Promise<void> {
  const { trace = newTrace(agent.world), messageId = '', reversePath } = about
  const text = `Refused for ${name}: ${refusal.lines.join(' ')}.`
  const event = { trace, reversePath, messageId, role: 'Transmitter', kind: 'refused', forwardPath: '', text } as const
  try {
    await commitAll(agent, [
      eventCommand(agent, { ...event, detail: { contract: name } }),
      ...(agent.contracts === undefined ? [] : [agent.contracts.count(name, { refused: 1 })]),
    ])
  } catch (error) {
    agent.log('warning', 'a refusal was not noted', { error: String(error) })
  }
}

/** One commit holds everything that the 250 promises. */
async function carry(
  agent: Agent,
  contracts: Contracts,
  contract: ContractTerms,
  { envelope, source: sent, session }: InboundMessage,
): Promise<Reply> {
  // RFC 3030 §3: converted here, before it is signed.
  const source = envelope.binary ? withoutBinary(sent) : sent
  const header = parseHeader(source)
  const trace = newTrace(agent.world)
  const reversePath = reversePathText(envelope.reversePath)
  const messageId = messageIdOf(header)
  const about = { trace, reversePath, messageId, role: 'Transmitter' as const }
  const refusal =
    envelope.binary && withSafeLineEnds(source) !== source
      ? REPLIES.bareLineEndInData
      : await messageRefusal(agent, contracts, contract, { header, bytes: source.length })
  if (refusal !== undefined) {
    await noteRefusal(agent, contract, about, refusal)
    return refusal
  }
  const room = contracts.takeRoom(contract, envelope.recipients.length, source.length)
  if ('code' in room) {
    await noteRefusal(agent, contract, about, room)
    return room
  }
  const receivedField = buildReceived({
    helo: session.helo,
    remoteIp: unmapped(session.peer.address),
    byHost: agent.hostName,
    protocol: session.protocol,
    tls: session.tls,
    id: trace,
    priority: envelope.priority,
    epochMs: agent.world.clock.now(),
  })
  const waiting = waitingOf(agent, waysTo(agent, envelope))
  const elsewhere = waiting.flatMap(({ way }) => (way.kind === 'elsewhere' ? [way.address] : []))
  return whileDecided(
    () => passPartner(agent, contract.name, { source, elsewhere }),
    (passing) => taken(passing),
    (error) => diskRefusal(agent, error),
  ).finally(() => room.free())

  async function taken(passing: Passing): Promise<Reply | 'late'> {
    if (passing.refusal !== undefined) {
      await commitAll(agent, await passing.commands())
      await noteRefusal(agent, contract, about, passing.refusal)
      return passing.refusal
    }
    const front = [Buffer.from(receivedField), ...(await dkimFields(agent, header, contract.domains))]
    const blob = await agent.store.putBlob([...front, source])
    const nowMs = agent.world.clock.now()
    const shared = { ...demandsOf(envelope, header, nowMs), contract: contract.name }
    const wished = heldBack(envelope, nowMs)
    const commands = waiting.flatMap(({ recipient, way, to, apart }) => {
      // Who is gone since RCPT comes back from there.
      const isHere = way.kind === 'mailbox' || way.kind === 'forward' || way.kind === 'unknown'
      const home = isHere ? { atHome: true, ...(apart.length > 0 && { apart }) } : {}
      const parameters = { ...shared, ...wishesOf(recipient), ...home }
      return [
        queueCommand(
          agent,
          { trace, blob, reversePath, parameters, origin: 'msa' },
          to,
          isHere ? wished : passing.laterFor(to, wished),
        ),
        eventCommand(agent, {
          ...about,
          kind: 'accepted',
          forwardPath: to,
          text: `Taken from ${contract.name} for ${to}, under contract.`,
          detail: { contract: contract.name },
        }),
      ]
    })
    // So that those themselves find it again (contract-book.ts).
    const account = agent.store.accountByAddress(contractAddress(contract.name))
    if (account !== undefined)
      commands.push(
        sentCommand(agent, { author: account, envelope, source, protocol: session.protocol }, header, {
          trace,
          reversePath,
          messageId,
        }),
      )
    commands.push(contracts.count(contract.name, { messages: 1, recipients: envelope.recipients.length }))
    const conditions = [...passing.conditions, contracts.check(contract)]
    const results = await agent.store.commit([...conditions, ...commands, ...(await passing.commands())])
    const refused = results.slice(0, conditions.length).find((one) => !one.ok)
    if (refused?.ok === false) {
      if (refused.reason !== 'over-quota') return 'late'
      const exhausted = contracts.exhausted(contract, refused.message)
      await noteRefusal(agent, contract, about, exhausted)
      return exhausted
    }
    mustBeKept(results)
    return reply(250, '2.0.0', `accepted as ${trace}`)
  }
}

/** Not before its time (RFC 4865). */
function heldBack(envelope: Envelope, nowMs: number): Later | undefined {
  const dueMs = releasedLater(envelope, nowMs)
  return dueMs === undefined
    ? undefined
    : { dueMs, why: `its sender wants it to leave at ${new Date(dueMs).toISOString()}` }
}

async function messageRefusal(
  { settings }: Agent,
  contracts: Contracts,
  contract: ContractTerms,
  { header, bytes }: { header: Header; bytes: number },
): Promise<Reply | undefined> {
  if (bytes > settings.maxMessageBytes) return reply(552, '5.3.4', 'message too big')
  if (bytes > (contract.messageBytes ?? Number.POSITIVE_INFINITY)) return tooBig(contract)
  if (fieldsNamed(header, 'received').length > MAX_HOPS)
    return reply(554, '5.4.6', `this message has passed more than ${MAX_HOPS} relays: it goes round in a loop`)
  const { domains, fault } = authorOf(header)
  if (fault !== undefined) return reply(550, '5.6.0', fault)
  // Mail that others wrote may be passed on with a reverse-path of the contract; our signature stays off it.
  const isPassedOn = fieldsNamed(header, 'resent-from').length > 0 || fieldsNamed(header, 'delivered-to').length > 0
  for (const domain of domains) {
    if (isPassedOn && contracts.coveringDomain(contract, domain) === undefined) continue
    const refusal = await domainRefusal(contracts, contract, domain, 'From')
    if (refusal !== undefined) return refusal
  }
  return undefined
}
