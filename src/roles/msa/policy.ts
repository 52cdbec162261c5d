// MSA: authenticates the Author by password, by static IP address, or by local network (the mission's three ways), or by a
// client certificate, then takes the message by SMTP (RFC 6409). Everyone else is refused, and nobody relays for others.

import { inNetwork, unmapped } from '../../filter/lists.ts'
import { Concurrency, RateLimit } from '../../filter/rate.ts'
import { formatAddress, type ReversePath } from '../../message/address.ts'
import { withoutBinary } from '../../message/binary.ts'
import { partOfUrl } from '../../protocols/imap/url.ts'
import { submittedUrl } from '../../protocols/imap/url-auth.ts'
import type { SessionFacts, SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { REPLIES, reply } from '../../protocols/smtp/reply.ts'
import { withSafeLineEnds } from '../../protocols/smtp/wire.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import type { ConnectionAccounts } from '../connections.ts'
import { reversePathText } from '../routing.ts'
import { releasedLater, timesRefusal } from './demands.ts'
import { sendingIdentities } from './identities.ts'
import { recipientRefusal, submit } from './submission.ts'

const CONNECTIONS = 1000
const CONNECTIONS_PER_ADDRESS = 50
/** Wrong passwords from one address in ten minutes, before it must wait. */
const WRONG_PASSWORDS = 20

/** The MSA's voice: what all its connections share, and then one for each. */
export function msaPolicies(agent: Agent): (connection: ConnectionAccounts) => SmtpServerPolicy {
  const { msa } = agent.settings
  const open = new Concurrency(CONNECTIONS_PER_ADDRESS, CONNECTIONS)
  const wrongPasswords = new RateLimit(agent.world.clock, WRONG_PASSWORDS, 600_000)
  const entered = new WeakSet<SessionFacts>()
  /** Who writes the transaction under way. */
  const authors = new WeakMap<SessionFacts, Account>()
  const ipOf = (session: SessionFacts) => unmapped(session.peer.address)

  const owns = (account: Account, reversePath: ReversePath) =>
    reversePath.type === 'mailbox' && sendingIdentities(agent, account)(reversePath.mailbox)
  /** Of several whose certificate it is, the one whose address is named. */
  const holderOf = (session: SessionFacts, connection: ConnectionAccounts, reversePath: ReversePath) => {
    const shown = session.tls?.clientCertificate
    const holders = shown === undefined ? [] : connection.authorsByCertificate(shown)
    return holders.find(({ account }) => owns(account, reversePath)) ?? (holders.length === 1 ? holders[0] : undefined)
  }
  /** The Author of this session, as proven by one of the ways; undefined: nobody. */
  const authorOf = (
    session: SessionFacts,
    connection: ConnectionAccounts,
    reversePath: ReversePath,
  ): Account | undefined => {
    if (session.user !== undefined) return agent.store.accountByAddress(session.user)
    const holder = holderOf(session, connection, reversePath)
    if (holder !== undefined) {
      connection.authorKnown(holder, ipOf(session))
      return holder.account
    }
    const ip = ipOf(session)
    const station = msa.stations.find((one) => inNetwork(ip, one.place))
    if (station !== undefined) return agent.store.accountByAddress(station.author)
    if (reversePath.type === 'mailbox' && msa.networks.some((network) => inNetwork(ip, network)))
      return agent.store.accountByAddress(formatAddress(reversePath.mailbox))
    return undefined
  }
  const knownPlace = (session: SessionFacts) =>
    msa.stations.some((one) => inNetwork(ipOf(session), one.place)) ||
    msa.networks.some((network) => inNetwork(ipOf(session), network))

  return (connection) => ({
    accounts: connection,

    connected(session) {
      const ip = ipOf(session)
      if (!wrongPasswords.hasRoom(ip))
        return reply(421, '4.7.0', 'too many wrong passwords from your address, wait ten minutes')
      if (open.enter(ip) !== 'ok') return reply(421, '4.7.0', 'too many connections')
      entered.add(session)
      return undefined
    },
    disconnected(session) {
      if (entered.delete(session)) open.leave(ipOf(session))
    },
    authenticationFailed(_user, session) {
      wrongPasswords.take(ipOf(session))
    },

    mail(reversePath, parameters, session) {
      const author = authorOf(session, connection, reversePath)
      if (author !== undefined) authors.set(session, author)
      if (author === undefined) {
        if (session.user === undefined && !knownPlace(session))
          return reply(530, '5.7.0', 'authentication required: this is a submission server for our own Authors')
        return reply(553, '5.7.1', `${reversePathText(reversePath) || '<>'} is not an Author of ${agent.domain}`)
      }
      if (reversePath.type === 'mailbox' && !owns(author, reversePath))
        return reply(553, '5.7.1', `${formatAddress(reversePath.mailbox)} is not an address of ${author.address}`)
      return timesRefusal(parameters, agent.world.clock.now())
    },

    recipient: (forwardPath, _parameters, session) => recipientRefusal(agent, authors.get(session), forwardPath),

    // Offered only where the MDA is this same agent: the Author's mail is in our store.
    async partOf(url, reversePath, session) {
      const { store, world } = agent
      const author = authorOf(session, connection, reversePath)
      const target = author && submittedUrl(store, url, author, world.clock.now())
      const whole = target && (await store.readBlob(target.blob))
      return (whole && partOfUrl(whole, target)) ?? REPLIES.urlLeadsNowhere
    },

    async message({ envelope, source: sent, session }) {
      const author = authorOf(session, connection, envelope.reversePath)
      if (author === undefined) return reply(530, '5.7.0', 'authentication required')
      // RFC 3030 §3: converted here, before it is signed. Outside of binary parts lines end as everywhere.
      const source = envelope.binary ? withoutBinary(sent) : sent
      if (envelope.binary && withSafeLineEnds(source) !== source) return REPLIES.bareLineEndInData
      const { reply: answer } = await submit(agent, {
        author,
        envelope,
        source,
        protocol: session.protocol,
        tls: session.tls,
        holdUntilMs: releasedLater(envelope, agent.world.clock.now()),
      })
      return answer
    },
  })
}
