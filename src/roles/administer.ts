// What an administrator may ask of an agent: people, their other addresses, groups, passwords, keys. Asked through the
// admin door of a running agent (src/system/admin-door.ts), or of the store of one that is stopped: the same words, the same
// answers.

import { formatAddress, parseSmtpPath } from '../message/address.ts'
import { DSN_WORDS, dsnLanguage } from '../message/dsn-words.ts'
import { formatCredentials, makeCredentials } from '../protocols/sasl/credentials.ts'
import { contractDay } from '../store/apply/contract-counts.ts'
import type { Command } from '../store/commands.ts'
import type { Store } from '../store/store.ts'
import type { World } from '../world/world.ts'
import type { Accounts } from './accounts.ts'
import { contractOf, contractReport, suspendedKey } from './contract-account.ts'
import { domainOf } from './routing.ts'
import { languageKey } from './transmitter/bounce.ts'

export type AdminWish =
  | { readonly verb: 'list' }
  | { readonly verb: 'contract'; readonly what: 'list' }
  | { readonly verb: 'contract'; readonly what: 'report' | 'suspend' | 'resume'; readonly name: string }
  | { readonly verb: 'contract'; readonly what: 'password'; readonly name: string; readonly password: string }
  | { readonly verb: 'dkim'; readonly what: 'list' }
  | { readonly verb: 'dkim'; readonly what: 'prepare' | 'rotate'; readonly domain: string }
  | { readonly verb: 'dkim'; readonly what: 'revoke'; readonly domain: string; readonly selector: string }
  | { readonly verb: 'add'; readonly address: string; readonly name?: string; readonly password?: string }
  | { readonly verb: 'remove'; readonly address: string; readonly withMail?: boolean }
  | { readonly verb: 'password'; readonly address: string; readonly password: string }
  /** For who has lost the telephone and the recovery codes. */
  | { readonly verb: 'no-second-factor'; readonly address: string }
  /** For an account that somebody else was in. */
  | { readonly verb: 'no-passkeys'; readonly address: string }
  /** `alias`: an address, or '@domain' for what is for nobody else there. */
  | { readonly verb: 'alias'; readonly address: string; readonly alias: string; readonly remove?: boolean }
  /** What was deleted and can be brought back. */
  | { readonly verb: 'deleted'; readonly address: string }
  /** Brings it back: these, or what was deleted since then. */
  | { readonly verb: 'undelete'; readonly address: string; readonly ids?: readonly number[]; readonly sinceMs?: number }
  /** Whom Authors do not write to any more. `owner`: an Author, or a domain for all its Authors. */
  | {
      readonly verb: 'suppressed'
      readonly action: 'list' | 'add' | 'remove'
      readonly address?: string
      readonly owner?: string
    }
  /** In which language notifications come to somebody; '': in that of his message. */
  | { readonly verb: 'language'; readonly address: string; readonly language: string }
  /** Without members: it is no group any more. */
  | { readonly verb: 'group'; readonly address: string; readonly members: readonly string[]; readonly owner?: string }

export interface AdminAnswer {
  readonly ok: boolean
  /** For people. */
  readonly text: string
  /** For programs, where there is more to say. */
  readonly data?: unknown
}

/** What is done with those whose mail an agent carries. */
export interface ContractDesk {
  named(name: string): object | undefined
  list(): AdminAnswer
  report(name: string): AdminAnswer
  setPassword(name: string, password: unknown): Promise<AdminAnswer>
  suspend(name: string, isSuspended: boolean): Promise<AdminAnswer>
}

/** What is done with an agent's DKIM keys. */
export interface KeyDesk {
  list(): AdminAnswer
  prepare(domain: string): Promise<AdminAnswer>
  rotate(domain: string): Promise<AdminAnswer>
  revoke(domain: string, selector: string): Promise<AdminAnswer>
}

export interface AdminPlace {
  readonly keys?: KeyDesk
  readonly contracts?: ContractDesk
  readonly store: Store
  readonly world: Pick<World, 'clock' | 'cpu' | 'random'>
  /** Of a running agent. Without them a password is kept as SCRAM has it, until its owner signs in. */
  readonly accounts?: Pick<Accounts, 'passwords' | 'passwordChanged' | 'connections'>
}

const MAX_MEMBERS = 1000
const MAX_PASSWORD = 1000

/** @throws DiskError when the disk refuses: then nothing was changed */
export async function administer(place: AdminPlace, wish: unknown): Promise<AdminAnswer> {
  const words = (typeof wish === 'object' && wish !== null ? wish : {}) as Readonly<Record<string, unknown>>
  const verb = String(words.verb)
  return Object.hasOwn(VERBS, verb) ? VERBS[verb as AdminWish['verb']](place, words) : no('There is no such verb.')
}

const SHOWN_DELETED = 1000
const SHOWN_SUPPRESSED = 10_000

type Words = Readonly<Record<string, unknown>>

const VERBS: Readonly<Record<AdminWish['verb'], (place: AdminPlace, words: Words) => Promise<AdminAnswer>>> = {
  list: async ({ store }) => yes(listOf(store)),

  async contract(place, words) {
    const { contracts } = place
    const name = String(words.name)
    if (contracts === undefined) return atRest(place, words.what, name.toLowerCase())
    switch (words.what) {
      case 'list':
        return contracts.list()
      case 'report':
        return contracts.report(name)
      case 'password':
        return contracts.setPassword(name, words.password)
      case 'suspend':
      case 'resume':
        return contracts.suspend(name, words.what === 'suspend')
      default:
        return no('There is no such verb.')
    }
  },

  async dkim({ keys }, words) {
    if (keys === undefined) return no('This agent signs nothing.')
    const domain = String(words.domain).toLowerCase()
    switch (words.what) {
      case 'list':
        return keys.list()
      case 'prepare':
        return keys.prepare(domain)
      case 'rotate':
        return keys.rotate(domain)
      case 'revoke':
        return keys.revoke(domain, String(words.selector))
      default:
        return no('There is no such verb.')
    }
  },

  async add(place, words) {
    const address = addressIn(words.address)
    if (address === undefined) return notAnAddress(words.address)
    if (!isHere(place.store, address)) return notHere(address)
    const credentials = words.password === undefined ? null : await credentialsFor(place, address, words.password)
    if (credentials === undefined) return badPassword
    const displayName =
      typeof words.name === 'string' ? words.name.slice(0, 200) : address.slice(0, address.indexOf('@'))
    const nowMs = place.world.clock.now()
    const how = credentials === null ? `; it has no password yet: borderpost password ${address}` : ''
    return change(
      place.store,
      { kind: 'account.create', address, displayName, credentials, nowMs },
      `${address} is here${how}.`,
    )
  },

  async remove({ store, accounts }, words) {
    const account = personIn(store, words.address)
    if (account === undefined) return nobody(words.address)
    if (account.address.toLowerCase() === `postmaster@${domainOf(account.address)}`)
      return no('A postmaster must be reached at every domain (RFC 5321 §4.5.1): it stays.')
    const messages = store.access.quota(account.id)?.usedMessages ?? 0
    if (messages > 0 && words.withMail !== true)
      return no(`${account.address} has ${messages} messages here: say --with-mail if they shall go, too.`)
    const command = { kind: 'account.remove', account: account.id } as const
    const answer = await change(store, command, `${account.address} is gone, with all its mail.`)
    if (answer.ok) accounts?.connections.end(account.id, () => true)
    return answer
  },

  async password(place, words) {
    const account = personIn(place.store, words.address)
    if (account === undefined) return nobody(words.address)
    const credentials = await credentialsFor(place, account.address, words.password)
    if (credentials === undefined) return badPassword
    const command = { kind: 'account.credentials', account: account.id, credentials } as const
    const answer = await change(place.store, command, `${account.address} has a new password.`)
    if (answer.ok) place.accounts?.passwordChanged(account.id)
    return answer
  },

  async 'no-second-factor'({ store }, words) {
    const account = personIn(store, words.address)
    if (account === undefined) return nobody(words.address)
    const [kept] = store.lists.objects(account.id, 'second-factor')
    if (kept === undefined) return no(`${account.address} has no second factor.`)
    const command = { kind: 'object.remove', account: account.id, of: 'second-factor', id: kept.id } as const
    return change(store, command, `${account.address} signs in with the password alone.`)
  },

  async 'no-passkeys'({ store }, words) {
    const account = personIn(store, words.address)
    if (account === undefined) return nobody(words.address)
    const kept = store.lists.objects(account.id, 'passkey')
    if (kept.length === 0) return no(`${account.address} has no passkeys.`)
    await store.commit(
      kept.map(({ id }) => ({ kind: 'object.remove', account: account.id, of: 'passkey', id }) as const),
    )
    return yes(`${account.address} has no passkeys any more.`)
  },

  async deleted({ store }, words) {
    const account = personIn(store, words.address)
    if (account === undefined) return nobody(words.address)
    const lines = store.deleted
      .list(account.id, SHOWN_DELETED)
      .map(
        ({ id, subject, from, mailbox, deletedAtMs }) =>
          `${id}  ${new Date(deletedAtMs).toISOString()}  ${mailbox}  ${from[0]?.email ?? ''}  ${subject}`,
      )
    return yes(lines.length === 0 ? `Nothing of ${account.address} can be brought back.` : lines.join('\n'))
  },

  async undelete({ store, world }, words) {
    const account = personIn(store, words.address)
    if (account === undefined) return nobody(words.address)
    const ids = new Set(Array.isArray(words.ids) ? words.ids.map(Number) : [])
    const since = typeof words.sinceMs === 'number' ? words.sinceMs : Number.POSITIVE_INFINITY
    const wanted = store.deleted
      .list(account.id, Number.MAX_SAFE_INTEGER)
      .filter(({ id, deletedAtMs }) => ids.has(id) || deletedAtMs >= since)
    const nowMs = world.clock.now()
    let count = 0
    // The first deleted comes first: so conversations find together again.
    for (const { id } of wanted.reverse()) {
      const [result] = await store.commit([{ kind: 'deleted.restore', account: account.id, id, nowMs }])
      if (!result!.ok) return no(`${count} of ${wanted.length} are back. ${result!.message}`)
      count++
    }
    return count === 0 ? no('None of these can be brought back.') : yes(`${count} back with ${account.address}.`)
  },

  async alias({ store }, words) {
    const account = personIn(store, words.address)
    if (account === undefined) return nobody(words.address)
    const domain = /^@(.+)$/.exec(String(words.alias))?.[1]
    const alias = domain === undefined ? addressIn(words.alias) : `@${domain.toLowerCase()}`
    if (alias === undefined) return notAnAddress(words.alias)
    if (!isHere(store, alias)) return notHere(alias)
    const owner = store.accountByAddress(alias)
    if (words.remove === true)
      return owner?.id === account.id
        ? change(store, { kind: 'alias.remove', alias }, `${alias} is no address of ${account.address} any more.`)
        : no(`${alias} is no address of ${account.address}.`)
    const what = domain === undefined ? `${alias} leads to` : `What is for nobody else at ${domain} goes to`
    return change(store, { kind: 'alias.put', alias, account: account.id }, `${what} ${account.address}.`)
  },

  async language({ store }, words) {
    const account = personIn(store, words.address)
    if (account === undefined) return nobody(words.address)
    const known = dsnLanguage(String(words.language))
    if (known === undefined && words.language !== '') return no(`We speak ${Object.keys(DSN_WORDS).join(', ')}.`)
    const command = { kind: 'setting.put', key: languageKey(account.address), value: known ?? '' } as const
    const how = known === undefined ? 'in the language of the message' : `in this language: ${known}`
    return change(store, command, `Notifications come to ${account.address} ${how}.`)
  },

  async suppressed({ store, world }, words) {
    const owner = words.owner === undefined ? undefined : String(words.owner).toLowerCase().slice(0, 320)
    if (words.action === 'list') {
      const lines = store.bounces
        .everySuppressed(SHOWN_SUPPRESSED)
        .filter((one) => owner === undefined || one.owner === owner)
        .map(
          (one) =>
            `${one.address}  for ${one.owner}  since ${new Date(one.atMs).toISOString()}  ${one.reason}${one.failures > 1 ? ` (${one.failures} times)` : ''}: ${one.said}`,
        )
      return yes(lines.length === 0 ? 'Nobody is suppressed.' : lines.join('\n'))
    }
    const address = addressIn(words.address)
    if (address === undefined) return notAnAddress(words.address)
    if (words.action === 'remove') {
      const command = { kind: 'suppressed.remove', address, ...(owner !== undefined && { owner }) } as const
      return change(store, command, `${address} can be written to again.`)
    }
    const isOwner =
      owner !== undefined && (owner.includes('@') ? personIn(store, owner) !== undefined : isHere(store, `x@${owner}`))
    if (!isOwner) return no('Say for whom: --for an Author here, or a domain of this agent.')
    const suppressed = {
      owner,
      address,
      reason: 'asked',
      said: 'put there by an administrator',
      atMs: world.clock.now(),
    }
    return change(store, { kind: 'suppressed.put', suppressed }, `${address} gets nothing more from ${owner}.`)
  },

  async group({ store }, words) {
    const address = addressIn(words.address)
    if (address === undefined) return notAnAddress(words.address)
    const members = Array.isArray(words.members) ? words.members : []
    if (members.length === 0)
      return change(store, { kind: 'group.remove', address }, `${address} is no group any more.`)
    if (members.length > MAX_MEMBERS) return no(`A group has at most ${MAX_MEMBERS} members.`)
    if (!isHere(store, address)) return notHere(address)
    const names: string[] = []
    for (const member of members) {
      const name = addressIn(member)
      if (name === undefined) return notAnAddress(member)
      if (name === address) return no(`${address} cannot be a member of itself.`)
      if (store.group(name) === undefined && store.accountByAddress(name) === undefined) return nobody(name)
      names.push(name)
    }
    const owner = addressIn(words.owner ?? store.group(address)?.owner ?? `postmaster@${domainOf(address)}`)
    if (owner === undefined || store.accountByAddress(owner) === undefined) return nobody(owner ?? words.owner)
    const text = `${address} stands for ${names.join(', ')}; ${owner} answers for it.`
    return change(store, { kind: 'group.put', group: { address, owner, members: names } }, text)
  },
}

const DAY_MS = 86_400_000
const DAYS_TOLD = 14

/** Contracts of an agent that is stopped: what its store knows of them. What was agreed stands in its description. */
async function atRest({ store, world }: AdminPlace, what: unknown, name: string): Promise<AdminAnswer> {
  const names = store.accounts().flatMap(({ address }) => contractOf(address) ?? [])
  if (names.length === 0) return no('This agent carries mail for nobody else, or has not been started since it does.')
  const settings = { get: (key: string) => store.setting(key) }
  const today = Math.floor(world.clock.now() / DAY_MS)
  const isSuspended = (one: string) => store.setting(suspendedKey(one)) === 'yes'
  if (what === 'list')
    return yes(
      names
        .map((one) => {
          const { messages, refused } = contractDay(settings, one, today)
          return `${one}  ${isSuspended(one) ? 'suspended' : 'open'}  today ${messages} messages, ${refused} refused`
        })
        .join('\n'),
    )
  if (!names.includes(name)) return no(`There is no contract called ${name} here.`)
  switch (what) {
    case 'report':
      return yes(
        contractReport(Array.from({ length: DAYS_TOLD }, (_, back) => contractDay(settings, name, today - back))),
      )
    case 'suspend':
    case 'resume': {
      await store.commit([{ kind: 'setting.put', key: suspendedKey(name), value: what === 'suspend' ? 'yes' : 'no' }])
      return yes(what === 'suspend' ? `Nothing more is taken from ${name}.` : `Mail of ${name} is taken again.`)
    }
    default:
      return no('The agent is stopped, and a password is made by its own secrets: start it, then set the password.')
  }
}

/** One line each: people with their other addresses, then groups. */
function listOf(store: Store): string {
  const known = store.accounts().filter(({ address }) => contractOf(address) === undefined)
  const people = known.map(({ id, address, displayName, credentials }) => {
    const [, ...others] = store.addresses(id)
    const domain = domainOf(address)
    const catches = store.accountByAddress(`@${domain}`)?.id === id ? [`everything else at ${domain}`] : []
    const also = [...others, ...catches]
    return `${address}  ${displayName}${also.length > 0 ? `  also ${also.join(', ')}` : ''}${credentials === null ? '  (no password)' : ''}`
  })
  const groups = store
    .groups()
    .map(({ address, owner, members }) => `${address}  group of ${members.join(', ')}  owner ${owner}`)
  return [...people, ...groups].join('\n')
}

async function change(store: Store, command: Command, text: string): Promise<AdminAnswer> {
  const [result] = await store.commit([command])
  return result!.ok ? yes(text) : no(result!.message)
}

/** Undefined: not a password, or one with characters that none may hold. */
async function credentialsFor(
  { world, accounts }: AdminPlace,
  address: string,
  password: unknown,
): Promise<string | undefined> {
  if (typeof password !== 'string' || password.length > MAX_PASSWORD) return undefined
  if (accounts !== undefined) return accounts.passwords.make(address, password)
  const credentials = await makeCredentials(password, world)
  return credentials && formatCredentials(credentials)
}

/** Lower case; undefined: it is none. */
function addressIn(word: unknown): string | undefined {
  if (typeof word !== 'string' || word.length > 320) return undefined
  const parsed = parseSmtpPath(`<${word}>`, 'forward', { utf8: true })
  return parsed.ok && parsed.path.type === 'mailbox' ? formatAddress(parsed.path.mailbox).toLowerCase() : undefined
}

/** By an address of the person itself, not by a subaddress. */
function personIn(store: Store, word: unknown) {
  const address = addressIn(word)
  const account = address === undefined ? undefined : store.accountByAddress(address)
  const own = account === undefined ? [] : store.addresses(account.id).map((one) => one.toLowerCase())
  return address !== undefined && own.includes(address) ? account : undefined
}

/** Every agent has the postmaster of its domain. */
const isHere = (store: Store, address: string) =>
  store.accountByAddress(`postmaster@${domainOf(address)}`) !== undefined

const yes = (text: string): AdminAnswer => ({ ok: true, text })
const no = (text: string): AdminAnswer => ({ ok: false, text })
const notAnAddress = (word: unknown) => no(`${String(word)} is not an address.`)
const nobody = (word: unknown) => no(`Nobody here has the address ${String(word)}.`)
const notHere = (address: string) => no(`This agent does not handle mail of ${domainOf(address)}.`)
const badPassword = no('That cannot be a password: it is empty, too long, or holds control characters.')
