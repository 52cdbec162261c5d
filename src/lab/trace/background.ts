// What the rest of a header tells about its Received lines: in whose name the message speaks, who passed it on, and what each
// Receiver wrote down about who handed it over. All of it is a claim of whoever wrote it, as the lines are.

import { mailboxesOf, parseAddressList } from '../../message/address.ts'
import type { AuthenticationResults } from '../../message/authentication-results.ts'
import { fieldsNamed, firstValue, type Header, unfolded } from '../../message/header.ts'
import type { ForwarderSigns } from './forwarder.ts'
import { organisation, type Step } from './path.ts'
import { isNameless, parseResults } from './results.ts'

export interface Background {
  /** Organisations in whose name the message speaks: of From, Sender, the return path and what SRS wrapped in it. */
  readonly responsible: ReadonlySet<string>
  /** Organisations that left a sign of having passed the message on. */
  readonly forwarders: ReadonlySet<string>
  /** What the writer of a line found out about who handed the message over; undefined: it does not tell. */
  resultsOf(step: Step): AuthenticationResults | undefined
}

export interface Proven {
  /** Organisations for which SPF passed: the host may send in their name. */
  readonly spf: ReadonlySet<string>
  /** The same for any proof. */
  readonly all: ReadonlySet<string>
}

const MAX_RESULTS = 50

/** `steps` are oldest first, one for each of the newest Received fields. */
export function readBackground(header: Header, steps: readonly Step[], signs: ForwarderSigns | undefined): Background {
  const domains = ['from', 'sender', 'return-path', 'resent-from'].flatMap((name) => domainsIn(header, name))
  const original = signs?.originalSender
  if (original !== undefined) domains.push(original.slice(original.lastIndexOf('@') + 1))
  const places = fieldsNamed(header, 'received').map(({ start }) => start)
  const results = readResults(header)
  return {
    responsible: organisations(domains),
    forwarders: organisations([...(signs?.domains ?? []), signs?.domain, signs?.host, ...listDomains(header)]),
    resultsOf(step) {
      const newer = steps.find(({ number, kind }) => number > step.number && kind === 'handover')
      const placeOf = (one: Step | undefined) => (one === undefined ? -1 : (places[steps.length - one.number] ?? -1))
      const [above, below] = [placeOf(newer), placeOf(step)]
      // Above the own line and below the one that was written next; what came along stands further down (RFC 8601 §4).
      return results.find(
        ({ start, found, isOfNobody }) =>
          start > above &&
          start < below &&
          (isOfNobody ? step.verified : organisation(found.authservId) === step.network),
      )?.found
    },
  }
}

/** Lists that name themselves in none of the signs of a Forwarder: they send in their own name what others wrote. */
function listDomains(header: Header): string[] {
  const precedence = /^\s*list\b/i.test(firstValue(header, 'precedence') ?? '')
  const isList = precedence || LIST_FIELDS.some((name) => firstValue(header, name) !== undefined)
  return isList ? ['sender', 'return-path', 'x-beenthere'].flatMap((name) => domainsIn(header, name)) : []
}

const LIST_FIELDS = ['list-post', 'x-mailman-version', 'x-beenthere', 'mailing-list'] as const

const domainsIn = (header: Header, name: string): string[] =>
  mailboxesOf(parseAddressList(firstValue(header, name) ?? '')).map(({ domain }) => domain)

interface PlacedResults {
  readonly start: number
  readonly found: AuthenticationResults
  readonly isOfNobody: boolean
}

/** Those of the newest fields, with the place of each; a seal's copy counts like the field itself (RFC 8617 §4.1.1). */
function readResults(header: Header): PlacedResults[] {
  const read = (name: string, contentOf: (text: string) => string) =>
    fieldsNamed(header, name)
      .slice(0, MAX_RESULTS)
      .flatMap((field) => {
        const content = contentOf(unfolded(header, field))
        const found = parseResults(content)
        return found === undefined ? [] : [{ start: field.start, found, isOfNobody: isNameless(content) }]
      })
  return [
    ...read('authentication-results', (text) => text),
    ...read('arc-authentication-results', (text) => text.replace(/^\s*i\s*=\s*\d{1,2}\s*;/, '')),
  ]
}

/** Organisations that were proven to whoever wrote the line; undefined: he tells of no proof. */
export function provenBy(step: Step, background: Background): Proven | undefined {
  const results = background.resultsOf(step)
  if (results === undefined) return undefined
  const [spf, all] = [new Set<string>(), new Set<string>()]
  let told = false
  for (const { method, result, properties } of results.methods) {
    if (!/^(?:spf|dkim|dmarc)$/.test(method)) continue
    told = true
    if (result !== 'pass') continue
    for (const { name, value } of properties) {
      if (!/^(?:smtp\.(?:mailfrom|helo)|header\.(?:d|i|from))$/.test(name)) continue
      const domain = organisation(value.slice(value.lastIndexOf('@') + 1))
      if (domain === undefined) continue
      all.add(domain)
      if (method === 'spf') spf.add(domain)
    }
  }
  return told ? { spf, all } : undefined
}

function organisations(domains: readonly (string | undefined)[]): Set<string> {
  return new Set(domains.flatMap((domain) => organisation(domain) ?? []))
}
