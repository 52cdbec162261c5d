// MSA: authenticates the Author by password, by static IP address, or by local network (the mission's three ways), then
// takes the message by SMTP (RFC 6409). Everyone else is refused, and nobody relays for others.

import { inNetwork, unmapped } from '../../filter/lists.ts'
import { Concurrency, RateLimit } from '../../filter/rate.ts'
import { formatAddress, type ReversePath } from '../../message/address.ts'
import type { SaslAccounts } from '../../protocols/sasl/accounts.ts'
import type { SessionFacts, SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import type { Account } from '../../store/types.ts'
import type { Agent } from '../agent.ts'
import { reversePathText } from '../routing.ts'
import { recipientRefusal, submit } from './submission.ts'

const CONNECTIONS = 1000
const CONNECTIONS_PER_ADDRESS = 50
/** Wrong passwords from one address in ten minutes, before it must wait. */
const WRONG_PASSWORDS = 20

/** The MSA's voice, shared by all its connections. */
export function msaPolicy(agent: Agent, accounts: SaslAccounts): SmtpServerPolicy {
  const { msa } = agent.settings
  const open = new Concurrency(CONNECTIONS_PER_ADDRESS, CONNECTIONS)
  const wrongPasswords = new RateLimit(agent.world.clock, WRONG_PASSWORDS, 600_000)
  const entered = new WeakSet<SessionFacts>()
  const ipOf = (session: SessionFacts) => unmapped(session.peer.address)

  /** The Author of this session, as proven by one of the three ways; undefined: nobody. */
  const authorOf = (session: SessionFacts, reversePath: ReversePath): Account | undefined => {
    if (session.user !== undefined) return agent.store.accountByAddress(session.user)
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

  return {
    ...(msa.password ? { accounts } : {}),

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

    mail(reversePath, _parameters, session) {
      const author = authorOf(session, reversePath)
      if (author === undefined) {
        if (session.user === undefined && !knownPlace(session))
          return reply(530, '5.7.0', 'authentication required: this is a submission server for our own Authors')
        return reply(553, '5.7.1', `${reversePathText(reversePath) || '<>'} is not an Author of ${agent.domain}`)
      }
      const own = agent.store.addresses(author.id).map((address) => address.toLowerCase())
      if (reversePath.type === 'mailbox' && !own.includes(formatAddress(reversePath.mailbox).toLowerCase()))
        return reply(553, '5.7.1', `${formatAddress(reversePath.mailbox)} is not an address of ${author.address}`)
      return undefined
    },

    recipient: (forwardPath) => recipientRefusal(agent, forwardPath),

    async message({ envelope, source, session }) {
      const author = authorOf(session, envelope.reversePath)
      if (author === undefined) return reply(530, '5.7.0', 'authentication required')
      const { reply: answer } = await submit(agent, {
        author,
        envelope,
        source,
        protocol: session.protocol,
        tls: session.tls,
      })
      return answer
    },
  }
}
