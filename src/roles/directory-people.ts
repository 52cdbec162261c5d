// People of a directory as accounts here: who signs in first, where the description says so, gets one; and the addresses that
// it names, so that RCPT knows them without asking it.

import { parseSmtpPath } from '../message/address.ts'
import type { Account } from '../store/nouns/people.ts'
import type { Agent } from './agent.ts'
import type { DirectoryPerson } from './directory-login.ts'
import { domainOf } from './routing.ts'

/** The account made for who has just proven the directory's password; undefined: none is made. @throws DiskError */
export async function firstSignIn(agent: Agent, name: string, person: DirectoryPerson): Promise<Account | undefined> {
  if (agent.directory?.settings.makesAccounts !== true) return undefined
  const [address = name.toLowerCase()] = person.addresses
  return makeAccount(agent, address, person)
}

const MOST_ALIASES = 50

/** What the directory names, where the description says so, and nobody else has. Nothing is taken away. @throws DiskError */
export async function takeAliases(
  { directory, store, domain }: Agent,
  account: Account,
  person: DirectoryPerson,
): Promise<void> {
  if (directory === undefined || directory.settings.aliasAttributes.length === 0) return
  const fresh = person.addresses
    .slice(0, MOST_ALIASES)
    .filter(
      (one) => isAddressAt(one, domain) && store.accountByAddress(one) === undefined && store.group(one) === undefined,
    )
  if (fresh.length > 0)
    await store.commit(fresh.map((alias) => ({ kind: 'alias.put', alias, account: account.id }) as const))
}

function isAddressAt(address: string, domain: string): boolean {
  const parsed = parseSmtpPath(`<${address}>`, 'forward', { utf8: true })
  return parsed.ok && parsed.path.type === 'mailbox' && domainOf(address) === domain
}

async function makeAccount(
  agent: Agent,
  address: string,
  { displayName }: DirectoryPerson,
): Promise<Account | undefined> {
  const { store, world, domain, log } = agent
  if (!isAddressAt(address, domain)) return undefined
  const create = {
    kind: 'account.create',
    address,
    displayName: displayName?.slice(0, 200) ?? address.slice(0, address.indexOf('@')),
    credentials: null,
    nowMs: world.clock.now(),
  } as const
  const [result] = await store.commit([create])
  if (result!.ok) return store.account(result!.id!)
  // Two who come at once are one person.
  const other = store.accountByAddress(address)
  if (other?.address.toLowerCase() === address && other.credentials === null) return other
  log('warning', 'a person of the directory gets no account', { address, reason: result!.message })
  return undefined
}
