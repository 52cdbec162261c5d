// The people of a description, in the store: what is missing is made at the start, and what exists is kept, since its owner
// or an administrator may have changed it since. Groups and who catches all are as the description says.

import type { Agent } from '../roles/agent.ts'
import { contractAddress } from '../roles/contract-account.ts'
import { retentionCommands } from '../roles/mda/retention.ts'
import { batvSwitch } from '../roles/msa/tagged.ts'
import type { Passwords } from '../roles/passwords.ts'
import type { Command } from '../store/commands.ts'
import type { Group } from '../store/nouns/people.ts'
import { COMPLAINS } from '../store/nouns/reports.ts'
import type { Store } from '../store/store.ts'
import type { World } from '../world/world.ts'
import type { AgentPlan, PersonPlan } from './plan.ts'

/** Makes the accounts, aliases, groups and trusted Forwarders that the description names. */
export async function settle(
  store: Store,
  plan: AgentPlan,
  world: World,
  passwords: Passwords,
  log: Agent['log'],
): Promise<void> {
  const change = async (commands: readonly Command[]) => {
    if (commands.length === 0) return
    for (const result of await store.commit(commands)) if (!result.ok) log('warning', result.message)
  }
  const nowMs = world.clock.now()
  const switched = batvSwitch(store, plan.settings.batv, nowMs)
  await change(switched)
  const complains = plan.settings.reports.complains ? 'yes' : 'no'
  if ((store.setting(COMPLAINS) ?? 'no') !== complains)
    await store.commit([{ kind: 'setting.put', key: COMPLAINS, value: complains }])
  const postmaster = `postmaster@${plan.domain}`
  if (store.accountByAddress(postmaster) === undefined)
    await create(store, { address: postmaster, displayName: `Postmaster of ${plan.domain}`, credentials: null, nowMs })
  for (const { name } of plan.settings.transmitter.contracts) {
    const address = contractAddress(name)
    if (store.accountByAddress(address) === undefined)
      await create(store, { address, displayName: `the contract ${name}`, credentials: null, nowMs })
  }
  for (const person of plan.people) {
    const account = store.accountByAddress(person.address)
    const id =
      account?.id ??
      (await create(store, {
        address: person.address,
        displayName: person.displayName,
        credentials: await credentialsOf(person, passwords),
        nowMs,
      }))
    const commands: Command[] = person.aliases.map((alias) => ({ kind: 'alias.put', alias, account: id }))
    // The postmaster was made above, and cannot sign in until somebody says how.
    if (account?.credentials === null && person.password !== undefined)
      commands.push({
        kind: 'account.credentials',
        account: id,
        credentials: await credentialsOf(person, passwords),
      })
    const { bytes, messages } = person.quota
    const held = store.access.quota(id)
    if (held?.bytes !== bytes || held.messages !== messages)
      commands.push({ kind: 'quota.put', account: id, bytes, messages })
    const known = new Set(store.trustedForwarders(id).map(({ domain }) => domain))
    for (const domain of person.trusts)
      if (!known.has(domain))
        commands.push({ kind: 'trust.put', forwarder: { account: id, domain, oldAddress: '', addedAtMs: nowMs } })
    await change(commands)
  }
  await change(retentionCommands(store, plan.settings.retention))
  await change(plan.groups.flatMap((group) => groupCommands(store, { ...group, owner: postmaster })))
  await change(catchAllCommands(store, plan, log))
}

/** None when it is so already: a start writes nothing anew. */
function groupCommands(store: Store, group: Group): Command[] {
  const known = store.group(group.address)
  const wished = { ...group, owner: known?.owner ?? group.owner }
  return JSON.stringify(known) === JSON.stringify(wished) ? [] : [{ kind: 'group.put', group: wished }]
}

function catchAllCommands(store: Store, { catchAll, domain }: AgentPlan, log: Agent['log']): Command[] {
  if (catchAll === undefined) return []
  const alias = `@${domain}`
  const account = store.accountByAddress(catchAll)
  if (account === undefined) log('warning', `nobody here is ${catchAll}, who was to get what is for nobody else`)
  const before = store.accountByAddress(alias)
  if (account === undefined || account.id === before?.id) return []
  const put = { kind: 'alias.put', alias, account: account.id } as const
  return before === undefined ? [put] : [{ kind: 'alias.remove', alias }, put]
}

async function create(
  store: Store,
  account: { address: string; displayName: string; credentials: string | null; nowMs: number },
): Promise<number> {
  const [result] = await store.commit([{ kind: 'account.create', ...account }])
  if (result === undefined || !result.ok)
    throw new Error(`the account ${account.address} could not be made: ${result?.ok === false ? result.message : ''}`)
  return result.id!
}

async function credentialsOf({ address, password }: PersonPlan, passwords: Passwords): Promise<string | null> {
  if (password === undefined) return null
  const credentials = await passwords.make(address, password)
  if (credentials === undefined)
    throw new Error(`the password of ${address} holds characters that no password may hold`)
  return credentials
}
