// Other issuers that this system's agents believe, as the web server asks for them: whose people they are, and who came back.

import { RateLimit } from '../filter/rate.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { Attempt, OtherFault } from '../roles/oauth/other-issuer.ts'
import type { RunningAgent } from './agent.ts'

const ATTEMPTS_A_MINUTE = 30
const fault = (fault: OtherFault) => ({ fault })

/** undefined where the description names none. */
export function otherIssuersOf(
  agents: readonly RunningAgent[],
  backendOf: (address: string) => JmapBackend | undefined,
) {
  const [first] = agents
  if (first === undefined || agents.every(({ accounts }) => accounts.other === undefined)) return undefined
  const attempts = new RateLimit(first.agent.world.clock, ATTEMPTS_A_MINUTE, 60_000)
  const named = (id: string) => agents.find(({ agent }) => agent.id === id)
  const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1).toLowerCase()
  const home = (address: string) => agents.find(({ agent }) => agent.domain === domainOf(address))

  return {
    list: agents.flatMap(({ agent, accounts: { other } }) =>
      other === undefined ? [] : [{ agent: agent.id, name: new URL(other.url).host }],
    ),
    of({ account }: JmapBackend) {
      const agent = home(account.address)
      return agent?.accounts.other === undefined ? undefined : agent.agent.id
    },
    async begin(id: string, redirectUri: string, from: string) {
      if (!attempts.take(from)) return fault('busy')
      return (await named(id)?.accounts.other?.begin(redirectUri)) ?? fault('unreachable')
    },
    async finish(
      { agent: id, attempt, link }: { readonly agent: string; readonly attempt: Attempt; readonly link?: string },
      query: URLSearchParams,
      redirectUri: string,
      from: string,
    ) {
      if (!attempts.take(from)) return fault('busy')
      const accounts = named(id)?.accounts
      const found = await accounts?.other?.finish(attempt, query, redirectUri)
      if (found === undefined) return fault('unreachable')
      if ('fault' in found) return found
      const { links, other, secondFactor } = accounts!
      if (link !== undefined) {
        const person = backendOf(link)
        if (person === undefined) return fault('unknown')
        const isLinked = await links.link(person.account, other!.url, found)
        return isLinked ? { person, needsCode: false } : fault('linked-elsewhere')
      }
      const account = links.find(found)
      const person = account && backendOf(account.address)
      return person === undefined ? fault('unknown') : { person, needsCode: secondFactor.isOn(person.account) }
    },
    async takeCode(address: string, code: string, from: string) {
      const person = backendOf(address)
      const verdict = person && (await home(address)!.accounts.checkCode(person.account, code, from))
      if (verdict === 'too-many') return verdict
      return verdict === 'ok' ? person : undefined
    },
  }
}
