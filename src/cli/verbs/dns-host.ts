// What `borderpost dns --check` says beyond single records: whether a host's address, its name and the name that it greets
// with are one (RFC 8601 §3, RFC 5321 §4.1.1.1), and whether an SPF record can be evaluated at all (RFC 7208 §4.6.4).

import { checkIprev } from '../../identity/iprev.ts'
import { MAX_LOOKUPS, spfLookups } from '../../identity/spf/lookups.ts'
import type { AgentPlan } from '../../system/plan.ts'
import type { Dns } from '../../world/dns.ts'
import { type Network, NetworkError } from '../../world/network.ts'

export interface Judged {
  readonly about: string
  readonly isRight: boolean
  readonly text: string
}

/** Of the names that providers give to customers: many Receivers refuse them. */
const GENERIC =
  /(?:^|[.-])(?:dyn(?:amic)?|dhcp|pool|dsl|adsl|cable|customer|client|static|ppp|broadband|res)(?:[.-]|$)|\d{1,3}[.-]\d{1,3}[.-]\d{1,3}[.-]\d{1,3}/i
const GREETING_WAIT_MS = 5000
const MAX_GREETING = 512

/** Address → name → address, and what the host calls itself where it runs. */
export async function judgeHost(
  { ip, listen, hostName, roles, settings }: AgentPlan,
  dns: Dns,
  network: Network,
): Promise<Judged[]> {
  const pooled = settings.transmitter.pools.flatMap(({ addresses }) => addresses).filter((one) => one.ip !== ip)
  const named = await Promise.all([{ ip, hostName }, ...pooled].map((one) => judgeName(one, dns)))
  const judged = named.flat()
  const about = `${hostName} (${ip})`
  if (roles.has('Receiver')) {
    const greeting = await greetingOf(listen, network)
    const said = /^220[ -](\S+)/.exec(greeting ?? '')?.[1]
    if (greeting === undefined)
      judged.push({
        about,
        isRight: true,
        text: `nothing listens at ${listen} port 25 as seen from here: what it says in EHLO was not compared`,
      })
    else if (said?.toLowerCase() === hostName)
      judged.push({ about, isRight: true, text: `it greets as ${said}, the name that it says in EHLO` })
    else
      judged.push({
        about,
        isRight: false,
        text: `at ${listen} port 25 somebody greets with "${greeting.slice(0, 80)}", and not as ${hostName}: another mail server?`,
      })
  }
  return judged
}

async function judgeName(
  { ip, hostName }: { readonly ip: string; readonly hostName: string },
  dns: Dns,
): Promise<Judged[]> {
  const about = `${hostName} (${ip})`
  const { result, name } = await checkIprev(ip, dns)
  const judged: Judged[] = [
    result === 'pass' && name === hostName
      ? { about, isRight: true, text: 'the address leads to the name, and the name back to the address' }
      : { about, isRight: false, text: WRONG[result](hostName, name) },
  ]
  if (result === 'pass' && GENERIC.test(name!))
    judged.push({
      about,
      isRight: false,
      text: `the name ${name} looks like one of a dial-in: many Receivers refuse it. Choose another with host=, or in its pool.`,
    })
  return judged
}

const WRONG: Record<Awaited<ReturnType<typeof checkIprev>>['result'], (host: string, name?: string) => string> = {
  pass: (host, name) => `the address leads to ${name}, and mail from it says ${host}: let the PTR record say ${host}`,
  fail: (host) =>
    `the name that the address leads to does not lead back: let the PTR record say ${host}, and its A or AAAA record the address`,
  permerror: (host) => `the address has no name: ask whoever gives it to you for a PTR record that says ${host}`,
  temperror: () => 'nobody answers what the name of the address is: ask again later',
}

/** The SPF record of each domain costs its readers few enough questions. */
export async function judgeSpf(domains: readonly string[], dns: Dns): Promise<Judged[]> {
  const judged = await Promise.all(
    domains.map(async (domain): Promise<Judged | undefined> => {
      const lookups = await spfLookups(domain, dns)
      if (lookups === undefined || lookups === 0) return undefined
      const text = `its SPF record, with those that it includes, costs ${lookups} look-ups of the ${MAX_LOOKUPS} that are allowed`
      return lookups <= MAX_LOOKUPS
        ? { about: domain, isRight: true, text }
        : { about: domain, isRight: false, text: `${text}: nobody evaluates it. Take out an include.` }
    }),
  )
  return judged.flatMap((one) => one ?? [])
}

/** The first line that is said there; undefined: nobody listens. */
async function greetingOf(address: string, network: Network): Promise<string | undefined> {
  try {
    const stream = await network.connect({ address, port: 25 }, { timeoutMs: GREETING_WAIT_MS })
    try {
      let text = ''
      while (!text.includes('\n') && text.length < MAX_GREETING) {
        const chunk = await stream.read(GREETING_WAIT_MS)
        if (chunk === null) break
        text += Buffer.from(chunk).toString('latin1')
      }
      return text.split(/\r?\n/)[0]!.replace(/[^\x20-\x7e]/g, '?')
    } finally {
      stream.destroy()
    }
  } catch (error) {
    if (error instanceof NetworkError) return undefined
    throw error
  }
}
