// Commands on who is here, in a store in memory: accounts, addresses, forwards, what is known of strangers. They say and
// refuse what apply/accounts.ts, apply/forwards.ts, apply/objects.ts and apply/bounces.ts do.

import { FIRST_BOOK, FIRST_MAILBOXES, taken } from '../apply/accounts.ts'
import { noAccount, refuse } from '../apply/apply.ts'
import { checkContract, countContract } from '../apply/contract-counts.ts'
import { BESIDE_THE_MAIL, noObject } from '../apply/objects.ts'
import { MET_AGAIN_DAYS, type NewSuppressed, type Suppressed } from '../nouns/outgoing.ts'
import { HOOKS, PUSHES } from '../nouns/watched.ts'
import type { Handlers } from './apply.ts'
import { addBox, resolved } from './parts.ts'
import type { Person, State } from './state.ts'

const DAY_MS = 86_400_000

export const people: Handlers<
  | 'account.create'
  | 'account.credentials'
  | 'alias.put'
  | 'alias.remove'
  | 'group.put'
  | 'group.remove'
  | 'trust.put'
  | 'trust.remove'
  | 'quota.put'
  | 'forward.put'
  | 'forward.remove'
  | 'forward.health'
  | 'vacation.put'
  | 'seen.put'
  | 'object.put'
  | 'object.remove'
  | 'setting.put'
  | 'contract.check'
  | 'contract.count'
  | 'remembered.put'
  | 'acquaintance.put'
  | 'policy.put'
  | 'policy.remove'
  | 'bounced.note'
  | 'suppressed.put'
  | 'suppressed.remove'
  | 'suppressed.prune'
> = {
  'account.create'(state, { address, displayName, credentials, nowMs }) {
    const name = address.toLowerCase()
    if (state.byAddress.has(name) || state.groups.has(name)) return taken(name)
    const person: Person = {
      id: state.people.size + 1,
      address,
      displayName,
      credentials,
      createdMs: nowMs,
      modseq: 1,
      nextId: 1,
      quota: { bytes: null, messages: null },
      addresses: [name],
      trusts: new Map(),
      boxes: new Map(),
      emails: new Map(),
      threads: new Map(),
      objects: new Map(),
      seen: new Map(),
      vacation: undefined,
      acquaintances: new Map(),
    }
    state.people.set(person.id, person)
    state.byAddress.set(name, person)
    for (const [path, use] of FIRST_MAILBOXES) addBox(state, person, path, use, nowMs)
    person.objects.set('addressbook', [{ ...FIRST_BOOK, modseq: person.modseq }])
    return { ok: true, id: person.id, modseq: person.modseq }
  },
  'account.credentials'(state, { account, credentials }, { touch }) {
    const person = state.people.get(account)
    if (person === undefined) return noAccount
    person.credentials = credentials
    touch(account)
    return { ok: true, id: account }
  },
  'alias.put'(state, { alias, account }, { touch, made }) {
    const person = resolved(state, account, made)
    if (person === undefined) return noAccount
    const name = alias.toLowerCase()
    const owner = state.byAddress.get(name)
    if (owner === person) return { ok: true, id: person.id }
    if (owner !== undefined || state.groups.has(name)) return taken(name)
    state.byAddress.set(name, person)
    person.addresses.push(name)
    touch(person.id)
    return { ok: true, id: person.id }
  },
  'alias.remove'(state, { alias }, { touch }) {
    const name = alias.toLowerCase()
    const owner = state.byAddress.get(name)
    if (owner === undefined) return refuse('no-account', `Nobody has the address ${alias}.`)
    if (owner.addresses[0] === name) return refuse('forbidden', `${alias} is the account's primary address.`)
    state.byAddress.delete(name)
    owner.addresses.splice(owner.addresses.indexOf(name), 1)
    touch(owner.id)
    return { ok: true, id: owner.id }
  },
  'group.put'(state, { group }) {
    const address = group.address.toLowerCase()
    if (state.byAddress.has(address)) return taken(address)
    const members = [...new Set(group.members.map((member) => member.toLowerCase()))]
    state.groups.set(address, { address, owner: group.owner.toLowerCase(), members })
    return { ok: true }
  },
  'group.remove'(state, { address }) {
    const isGone = state.groups.delete(address.toLowerCase())
    return isGone ? { ok: true } : refuse('no-account', `There is no group ${address}.`)
  },
  'trust.put'(state, { forwarder }, { touch }) {
    const person = state.people.get(forwarder.account)
    if (person === undefined) return noAccount
    const domain = forwarder.domain.toLowerCase()
    const { addedAtMs } = person.trusts.get(domain) ?? forwarder
    person.trusts.set(domain, { ...forwarder, domain, addedAtMs })
    touch(person.id)
    return { ok: true }
  },
  'trust.remove'(state, { account, domain }, { touch }) {
    const person = state.people.get(account)
    if (person === undefined) return noAccount
    person.trusts.delete(domain.toLowerCase())
    touch(account)
    return { ok: true }
  },
  'quota.put'(state, { account, bytes, messages }, { touch }) {
    const person = state.people.get(account)
    if (person === undefined) return noAccount
    person.quota = { bytes, messages }
    touch(account)
    return { ok: true, id: account }
  },
  'forward.put'(state, { forward }, { touch }) {
    if (!state.people.has(forward.account)) return noAccount
    const from = forward.from.toLowerCase()
    const known = state.forwards.get(from)
    if (known !== undefined && known.account !== forward.account)
      return refuse('exists', `Somebody else forwards ${from}.`)
    state.forwards.set(from, { ...forward, from })
    touch(forward.account)
    return { ok: true, id: forward.account }
  },
  'forward.remove'(state, { account, from }, { touch }) {
    if (!state.people.has(account)) return noAccount
    const source = from.toLowerCase()
    if (state.forwards.get(source)?.account === account) {
      state.forwards.delete(source)
      state.health.delete(source)
    }
    touch(account)
    return { ok: true, id: account }
  },
  'forward.health'(state, { from, health }) {
    state.health.set(from.toLowerCase(), health)
    return { ok: true }
  },
  'vacation.put'(state, { account, response }, { touch }) {
    const person = state.people.get(account)
    if (person === undefined) return noAccount
    person.vacation = response
    touch(account)
    return { ok: true, modseq: ++person.modseq }
  },
  'seen.put'(state, { account, key, nowMs, expiresAtMs }) {
    const person = state.people.get(account)
    if (person === undefined) return noAccount
    for (const [one, untilMs] of person.seen) if (untilMs <= nowMs) person.seen.delete(one)
    person.seen.set(key, expiresAtMs)
    return { ok: true }
  },
  'object.put'(state, { account, of, id, value, atMost }, { touch }) {
    const person = state.people.get(account)
    if (person === undefined) return noAccount
    const objects = person.objects.get(of) ?? []
    if (id !== undefined && !objects.some((one) => one.id === id)) return noObject
    if (id === undefined && objects.length >= atMost) return refuse('over-quota', `More than ${atMost} cannot be kept.`)
    const modseq = objectModseq(person, of, touch)
    const put = { id: id ?? person.nextId++, modseq, value }
    const others = objects.filter((one) => one.id !== put.id)
    person.objects.set(
      of,
      [...others, put].sort((a, b) => a.id - b.id),
    )
    return { ok: true, id: put.id, modseq }
  },
  'object.remove'(state, { account, of, id }, { touch }) {
    const person = state.people.get(account)
    if (person === undefined) return noAccount
    const objects = person.objects.get(of) ?? []
    if (!objects.some((one) => one.id === id)) return noObject
    person.objects.set(
      of,
      objects.filter((one) => one.id !== id),
    )
    return { ok: true, id, modseq: objectModseq(person, of, touch) }
  },
  'setting.put'(state, { key, value, orKeep = false }) {
    if (!orKeep || !state.settings.has(key)) state.settings.set(key, value)
    return { ok: true }
  },
  'contract.check': (state, command) => checkContract(state.settings, command),
  'contract.count': (state, command) => countContract(state.settings, command),
  'remembered.put'(state, { changes }) {
    for (const { key, value, expiresAtMs } of changes)
      if (value === undefined) state.remembered.delete(key)
      else state.remembered.set(key, { value, expiresAtMs })
    return { ok: true }
  },
  'acquaintance.put'(state, { account, prints, day }) {
    const known = state.people.get(account)?.acquaintances
    for (const print of prints) if ((known?.get(print) ?? 0) < day - MET_AGAIN_DAYS) known?.set(print, day)
    return { ok: true }
  },
  'policy.put'(state, { policy }) {
    state.policies.set(policy.domain, policy)
    return { ok: true }
  },
  'policy.remove'(state, { domain }) {
    state.policies.delete(domain)
    return { ok: true }
  },
  'bounced.note'(state, { author, reason, atMs, suppress }) {
    const name = author.toLowerCase()
    const day = Math.floor(atMs / DAY_MS)
    const counts = state.bounced.get(name) ?? new Map()
    const count = counts.get(`${day} ${reason}`) ?? { day, reason, count: 0 }
    count.count++
    state.bounced.set(name, counts.set(`${day} ${reason}`, count))
    if (suppress !== undefined) suppressIn(state, { ...suppress, owner: author, reason, atMs }, true)
    return { ok: true }
  },
  'suppressed.put'(state, { suppressed }) {
    suppressIn(state, suppressed, false)
    return { ok: true }
  },
  'suppressed.remove'(state, { owner, address }) {
    for (const [one, list] of state.suppressed)
      if (owner === undefined || one === owner.toLowerCase()) list.delete(address.toLowerCase())
    return { ok: true }
  },
  'suppressed.prune'(state, { beforeMs }) {
    for (const list of state.suppressed.values())
      for (const { address, atMs, reason } of list.values())
        if (atMs < beforeMs && reason !== 'feedback' && reason !== 'asked') list.delete(address)
    return { ok: true }
  },
}

/** `again`: it failed once more. */
function suppressIn(state: State, { owner, address, ...about }: NewSuppressed, again: boolean): void {
  const [at, to] = [owner.toLowerCase(), address.toLowerCase()]
  const list = state.suppressed.get(at) ?? new Map<string, Suppressed>()
  const failures = again ? (list.get(to)?.failures ?? 0) + 1 : 1
  state.suppressed.set(at, list.set(to, { owner: at, address: to, ...about, failures }))
}

function objectModseq(person: Person, of: string, touch: (account: number) => void): number {
  if (of === 'push') touch(PUSHES)
  if (of === 'webhook') touch(HOOKS)
  if (BESIDE_THE_MAIL.has(of)) return person.modseq
  touch(person.id)
  return ++person.modseq
}
