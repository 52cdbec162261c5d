// The MTA-STS suite: DNS records and web servers are rebuilt from the configuration files beside the table, then each
// line of the table asks for one domain. Answers are those of a Postfix policy server: `OK secure match=…` for a policy
// that must be enforced, NOTFOUND for everything else.

import { readFileSync } from 'node:fs'
import { type HttpsGet, MtaSts } from '../../identity/mta-sts/mta-sts.ts'
import type { StsPolicy } from '../../identity/mta-sts/policy.ts'
import { type FixedRecords, fixedClock, fixedDns } from '../../identity/testing.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

export const mtaStsSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const dns = fixedDns(
    Object.assign({}, ...filesIn(dir, '.appendix').map((file) => zoneIn(readFileSync(file, 'utf8')))),
  )
  const servers = new Map(filesIn(dir, '.conf').flatMap((file) => serversIn(readFileSync(file, 'utf8'))))
  for (const file of filesIn(dir, '.tsv')) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [question, expected] = line.split('\t')
      if (question === undefined || expected === undefined) continue
      const sts = new MtaSts({ dns, clock: fixedClock(1_700_000_000), get: getFrom(servers) })
      const domain = nextHop(question.slice(question.indexOf(' ') + 1))
      const { policy, steps } = await sts.policyFor(domain)
      const said = steps.map(({ what, detail }) => `${what}: ${detail}`)
      report.check(question, expected.trim(), answerOf(policy).trim(), said)
    }
  }
  return report
}

/** Postfix's next hop: `[host]:port`, `domain:port`. */
function nextHop(text: string): string {
  const host = text.replace(/:[^:\]]*$/, '')
  return host.startsWith('[') ? host.slice(1, -1) : host
}

function answerOf(policy: StsPolicy | undefined): string {
  if (policy?.mode !== 'enforce') return 'NOTFOUND'
  const match = policy.mx.map((host) => host.replace(/^\*(?=\.)/, '')).join(':')
  return `OK secure match=${match} servername=hostname`
}

/** The TXT records of a dnsmasq configuration. */
function zoneIn(text: string): Record<string, FixedRecords> {
  const zone: Record<string, FixedRecords> = {}
  for (const [, name, value] of text.matchAll(/^txt-record=([^,\n]+),"([^"\n]*)"/gm)) zone[name!] = { TXT: [value!] }
  return zone
}

interface WebServer {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
  readonly isCertified: boolean
}

/** The servers of an nginx configuration, each with its one policy file. */
function serversIn(text: string): [string, WebServer][] {
  return text
    .split(/^\s*server \{/m)
    .slice(1)
    .flatMap((block): [string, WebServer][] => {
      const name = /server_name ([^;\s]+);/.exec(block)?.[1]
      const answer = /return (\d+) "([^"]*)";/.exec(block)
      if (name === undefined) return []
      const said = [...block.matchAll(/ngx\.say\("([^"]*)"\)/g)].map((match) => `${match[1]}\n`).join('')
      const padding = /for i=0, (\d+)/.exec(block)
      const body = answer ? answer[2]!.replace(/\\n/g, '\n') : said + 'a'.repeat(64 * (Number(padding?.[1] ?? 0) + 1))
      const server: WebServer = {
        status: Number(answer?.[1] ?? 200),
        contentType: /text\/html txt;/.test(block) ? 'text/html' : 'text/plain',
        body: Buffer.from(body),
        isCertified: isCertified(name, block),
      }
      return [[name, server]]
    })
}

/** A certificate from the folder of bad ones, or for the bare domain of a server that says it has a bad one, is none. */
function isCertified(name: string, block: string): boolean {
  return !/bad-certs\//.test(block) && !name.includes('bad-cert')
}

function getFrom(servers: ReadonlyMap<string, WebServer>): HttpsGet {
  return async ({ host, maxBytes }) => {
    const server = servers.get(host)
    if (!server) return { fault: 'no such server' }
    if (!server.isCertified) return { fault: 'the certificate does not fit' }
    return server.body.length > maxBytes ? { fault: 'too long' } : server
  }
}
