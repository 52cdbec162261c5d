// The people of a running system, as the web server asks for them: whoever has an account at one of the agents signs in
// with the address, and works with the store of that agent. What they send goes to their MSA.

import { unmapped } from '../filter/lists.ts'
import { policyLines } from '../identity/mta-sts/policy.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import { reply } from '../protocols/smtp/reply.ts'
import type { Agent, ContractTerms } from '../roles/agent.ts'
import { SuppressedDesk } from '../roles/bounces/desk.ts'
import { contractAddress } from '../roles/contract-account.ts'
import { ForwardingDesk } from '../roles/forwarder/desk.ts'
import { vapidKey } from '../roles/mda/push/vapid.ts'
import { lentTo } from '../roles/msa/identities.ts'
import { SendingDesk } from '../roles/msa/sending.ts'
import { submitText } from '../roles/msa/submission.ts'
import { Issuer } from '../roles/oauth/issuer.ts'
import { addressIn } from '../roles/oauth/tokens.ts'
import { OutgoingDesk } from '../roles/outgoing/desk.ts'
import { siteOf } from '../roles/passkeys.ts'
import { overview } from '../roles/reports/overview.ts'
import { SecurityDesk } from '../roles/security-desk.ts'
import { ContractBook } from '../roles/transmitter/contract-book.ts'
import { findStories, visibleTo } from '../roles/where/find.ts'
import type { RunningAgent } from './agent.ts'
import { otherIssuersOf } from './other-issuers.ts'
import type { SystemPlan } from './plan.ts'

/** Of one person's question. */
const SHOWN_STORIES = 10

/** The MTA-STS policy of the agent whose `mta-sts.` name this is, as it is served. */
export function stsPolicyText({ agents }: SystemPlan, hostName: string): string | undefined {
  const policy = agents.find(({ domain }) => hostName === `mta-sts.${domain}`)?.stsPolicy
  return policy && `${policyLines(policy).join('\r\n')}\r\n`
}

/** The best door of each protocol first: TLS from the start before STARTTLS (RFC 8314 §3), IMAP before POP3. */
const PROGRAM_DOORS = [
  { service: 'imaps', protocol: 'imap', isStartTls: false },
  { service: 'imap', protocol: 'imap', isStartTls: true },
  { service: 'pop3s', protocol: 'pop3', isStartTls: false },
  { service: 'pop3', protocol: 'pop3', isStartTls: true },
  { service: 'submissions', protocol: 'smtp', isStartTls: false },
  { service: 'submission', protocol: 'smtp', isStartTls: true },
] as const

/** Where mail programs of this domain's people knock; undefined: nobody here has a mailbox in it. */
export function doorsOf(agents: readonly RunningAgent[], domain: string) {
  const own = agents.filter(({ plan }) => plan.domain === domain)
  const doors = PROGRAM_DOORS.flatMap(({ service, ...door }) => {
    const role = door.protocol === 'smtp' ? 'MSA' : 'MDA'
    const running = own.find(({ plan }) => plan.roles.has(role))
    const endpoint = running?.endpoint(service)
    return endpoint === undefined ? [] : [{ ...door, hostName: running!.plan.hostName, port: endpoint.port }]
  })
  return doors.some(({ protocol }) => protocol !== 'smtp') ? doors : undefined
}

/** One Backends for all agents of this process. `pages`: where they are, beside where the description says. */
export function backendsOf(agents: readonly RunningAgent[], pages: () => string | undefined = () => undefined) {
  const [first, ...others] = agents
  const kept = new Map<string, JmapBackend>()

  /** The site of ours that this host is; a host that is none of ours has no passkeys. */
  const siteAt = (host: string) =>
    [pages(), ...agents.map(({ plan }) => plan.web)]
      .flatMap((address) => (address === undefined ? [] : (siteOf(address) ?? [])))
      .find(({ origin }) => new URL(origin).host === host.toLowerCase())

  const agentOf = (address: string) => {
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
    const own = agents.filter(({ plan }) => plan.domain === domain)
    return own.find(({ plan }) => plan.roles.has('MDA')) ?? own[0]
  }
  /** Where mail of people of this agent is submitted: here, or to the MSA of their domain. */
  const msaOf = (running: RunningAgent) =>
    running.plan.roles.has('MSA')
      ? running
      : agents.find(({ plan }) => plan.domain === running.plan.domain && plan.roles.has('MSA'))

  const backendOf = (address: string): JmapBackend | undefined => {
    const running = agentOf(address)
    const account = running?.agent.store.accountByAddress(address)
    if (running === undefined || account === undefined) return undefined
    const known = kept.get(account.address)
    if (known?.account.id === account.id) return known
    const { store, world } = running.agent
    const msa = msaOf(running)
    const backend: JmapBackend = {
      store,
      world,
      account,
      pushKey: vapidKey(running.agent.secrets.server).publicKey,
      lent: () => {
        const msa = msaOf(running)
        const author = msa?.agent.store.accountByAddress(account.address)
        const lent = author === undefined ? [] : lentTo(msa!.agent, author)
        return {
          addresses: lent.flatMap((as) => (as.kind === 'address' ? [as.address] : [])),
          domains: lent.flatMap((as) => (as.kind === 'domain' ? [as.domain] : [])),
        }
      },
      submit: async (author, message) => {
        if (msa === running) return submitText(running.agent, author, message)
        const there = msa?.agent.store.accountByAddress(author.address)
        if (msa === undefined || there === undefined)
          return {
            reply: reply(550, '5.7.1', `${running.agent.domain} has no MSA: mail cannot be sent from here`),
            trace: undefined,
          }
        // Two agents, two stores: what is kept of it here is kept once the MSA has it.
        const { record, ...mail } = message
        const taken = await submitText(msa.agent, there, mail)
        if (record === undefined || taken.trace === undefined) return taken
        const [recorded] = await store.commit([record(taken.trace)])
        return { ...taken, recorded }
      },
    }
    kept.set(account.address, backend)
    return backend
  }

  return {
    accountFor: backendOf,
    otherIssuers: otherIssuersOf(agents, backendOf),
    ...(first !== undefined && { issuer: new Issuer([first, ...others]) }),
    async bearer(token: string, from: string, door: 'jmap' | 'smtp' = 'jmap') {
      const address = addressIn(token)
      const named = address === undefined ? undefined : agentOf(address)
      // One of another issuer names no account of ours: whoever believes that issuer is asked.
      const believers = agents.filter(({ accounts }) => accounts.other !== undefined)
      const asked = named ?? (address === undefined ? believers[0] : undefined) ?? first
      const verdict = await asked?.accounts.checkToken(undefined, token, from, door)
      if (verdict?.state === 'unavailable') return 'too-many'
      if (verdict?.state === 'refused' && verdict.fault.status === 'insufficient_scope') return 'insufficient_scope'
      if (verdict?.state !== 'ok') return undefined
      asked!.accounts.signedIn(verdict.user, from)
      return backendOf(verdict.user)
    },
    sending({ account }: JmapBackend) {
      const running = agentOf(account.address)
      const msa = running && msaOf(running)
      const author = msa?.agent.store.accountByAddress(account.address)
      return author && new SendingDesk(msa!.agent, author)
    },
    suppressed({ account }: JmapBackend) {
      const running = agentOf(account.address)
      const msa = running && msaOf(running)
      const author = msa?.agent.store.accountByAddress(account.address)
      return author && new SuppressedDesk(msa!.agent, author)
    },
    async contract(name: string, password: string, from: string) {
      for (const { agent } of agents) {
        const terms = agent.contracts?.named(name)
        const book = bookOf(agent, terms)
        if (terms === undefined || book === undefined) continue
        const verdict = await agent.contracts!.signIn(terms, password, from)
        if (verdict === 'too-many') return 'too-many'
        if (verdict === 'ok') return book
      }
      return undefined
    },
    contractSeen(certificate: Buffer | undefined, from: string) {
      for (const { agent } of agents) {
        const { contracts } = agent
        const shown = certificate && contracts?.ofCertificate(certificate)
        const book = bookOf(agent, shown ?? contracts?.ofNetwork(unmapped(from)))
        if (book !== undefined) return book
      }
      return undefined
    },
    outgoing({ account }: JmapBackend) {
      const running = agentOf(account.address)
      const msa = running && msaOf(running)
      const author = msa?.agent.store.accountByAddress(account.address)
      return msa && author && new OutgoingDesk(msa.agent, msa.accounts, author)
    },
    forwarding({ account }: JmapBackend) {
      const running = agentOf(account.address)
      return running === undefined ? undefined : new ForwardingDesk(running.agent, account)
    },
    where({ account, store }: JmapBackend, question: string) {
      const running = agentOf(account.address)
      if (running === undefined) return undefined
      const isSender = (trace: string) => store.sent.owner(trace) === account.id
      const source = { agent: running.plan.id, reads: store.where }
      return findStories([source], question, SHOWN_STORIES, visibleTo(store.addresses(account.id), isSender))
    },
    reports({ account, store }: JmapBackend, sinceMs: number) {
      const running = agentOf(account.address)
      const isPostmaster = account.address.toLowerCase() === `postmaster@${running?.plan.domain}`
      return isPostmaster ? overview(store.reports, sinceMs) : undefined
    },
    security({ account }: JmapBackend, host: string) {
      const running = agentOf(account.address)
      return running && new SecurityDesk(running.agent, running.accounts, account, siteAt(host))
    },
    passkeys(host: string) {
      const site = siteAt(host)
      // Who it is, only the answer says: one agent asks for all of them.
      const asks = agents[0]?.accounts.passkeys
      if (site === undefined || asks === undefined) return undefined
      return {
        ask: async () => (await asks.ask(site))!,
        async askAfterPassword(address: string) {
          const account = backendOf(address)?.account
          return account && agentOf(address)!.accounts.passkeys.ask(site, account)
        },
        async signIn(response: unknown, from: string) {
          for (const { accounts } of agents) {
            const taken = await accounts.passkeys.take(site, response, from, { askedBy: asks })
            const person = taken.state === 'ok' ? backendOf(taken.account.address) : undefined
            if (taken.state !== 'ok' || person === undefined) continue
            accounts.signedInByPasskey(taken.account, from)
            return { person, id: taken.id }
          }
          return undefined
        },
      }
    },
    moving({ account }: JmapBackend) {
      return agentOf(account.address)?.moving
    },
    standing({ account }: JmapBackend) {
      return agentOf(account.address)?.accounts.standing(account.id) ?? ''
    },
    async authenticate(
      address: string,
      password: string,
      from: string,
      entrance: 'web' | 'jmap' | 'smtp' = 'web',
      code = '',
      key?: { host: string; response: unknown },
    ) {
      const accounts = (agentOf(address) ?? agents[0])?.accounts
      const verdict = await accounts?.checkPassword(address, password, from, entrance)
      if (verdict?.state === 'unavailable') return 'cause' in verdict ? 'unavailable' : 'too-many'
      if (verdict?.state !== 'ok') return undefined
      const person = backendOf(verdict.user)
      // Counted as a wrong guess until the code is right, too: six digits alone would soon be found.
      if (entrance === 'web' && person !== undefined && accounts!.secondFactor.isOn(person.account)) {
        if (code === '' && key === undefined) return 'needs-code'
        const site = key && siteAt(key.host)
        const only = person.account
        const isRight =
          key === undefined
            ? await accounts!.secondFactor.take(only, code)
            : site !== undefined && (await accounts!.passkeys.take(site, key.response, from, { only })).state === 'ok'
        if (!isRight) return 'wrong-code'
      }
      accounts!.signedIn(verdict.user, from)
      return person
    },
  }
}

/** Undefined: there is no such contract with this agent. */
function bookOf(agent: Agent, terms: ContractTerms | undefined): ContractBook | undefined {
  const account = terms && agent.store.accountByAddress(contractAddress(terms.name))
  return account && new ContractBook(agent, agent.contracts!, terms, account)
}
