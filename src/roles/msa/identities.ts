// As whom an Author may send: the own address and aliases, and what the description lends: a group's address, somebody
// else's, or a whole domain (`may-send-as=`).

import { formatAddress, type Mailbox } from '../../message/address.ts'
import type { Account } from '../../store/types.ts'
import type { Agent, SendAs } from '../agent.ts'

/** What the description lends to this Author. */
export function lentTo(agent: Agent, author: Account): SendAs[] {
  const own = new Set(agent.store.addresses(author.id).map((address) => address.toLowerCase()))
  return agent.settings.msa.sendAs.filter((one) => own.has(one.author.toLowerCase())).map(({ as }) => as)
}

/** Asked once for a message; the answer holds for that message. */
export function sendingIdentities(agent: Agent, author: Account): (mailbox: Mailbox) => boolean {
  const own = new Set(agent.store.addresses(author.id).map((address) => address.toLowerCase()))
  const lent = lentTo(agent, author)
  const isLent = (address: string, domain: string) =>
    lent.some((as) => (as.kind === 'domain' ? as.domain === domain : as.address.toLowerCase() === address))
  return (mailbox) => {
    const address = formatAddress(mailbox).toLowerCase()
    return own.has(address) || isLent(address, mailbox.domain.toLowerCase())
  }
}
