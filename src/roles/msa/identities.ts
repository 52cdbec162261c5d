// As whom an Author may send: the own address and aliases, and what the description lends: a group's address, somebody
// else's, or a whole domain (`may-send-as=`).

import { formatAddress, type Mailbox } from '../../message/address.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent, SendAs } from '../agent.ts'

/** What the description lends to this Author. */
export function lentTo(agent: Agent, author: Account): SendAs[] {
  return lentToAny(agent, ownAddresses(agent, author))
}

/** May the Author send as this one? Asked for one message, and good for that message. */
export type Identities = (mailbox: Mailbox) => boolean

export function sendingIdentities(agent: Agent, author: Account): Identities {
  const own = ownAddresses(agent, author)
  const lent = lentToAny(agent, own)
  const isLent = (address: string, domain: string) =>
    lent.some((as) => (as.kind === 'domain' ? as.domain === domain : as.address.toLowerCase() === address))
  return (mailbox) => {
    const address = formatAddress(mailbox).toLowerCase()
    return own.has(address) || isLent(address, mailbox.domain.toLowerCase())
  }
}

const ownAddresses = ({ store }: Agent, { id }: Account): ReadonlySet<string> =>
  new Set(store.addresses(id).map((address) => address.toLowerCase()))

const lentToAny = ({ settings }: Agent, own: ReadonlySet<string>): SendAs[] =>
  settings.msa.sendAs.filter(({ author }) => own.has(author.toLowerCase())).map(({ as }) => as)
