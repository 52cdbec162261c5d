// MTA-STS texts (RFC 8461): the TXT record that announces a policy (§3.1), the policy file (§3.2), and whether a host
// may be delivered to (§4.1). Pure.

import { createHash } from 'node:crypto'
import { isMailDomain, normalDomain } from '../domain.ts'

export type StsMode = 'enforce' | 'testing' | 'none'

export interface StsPolicy {
  readonly mode: StsMode
  readonly maxAgeS: number
  /** Host names, or `*.` and a name; lower case. */
  readonly mx: readonly string[]
}

export type PolicyResult = { readonly policy: StsPolicy } | { readonly fault: string }

/** §3.2: about a year. */
const MAX_AGE_S = 31_557_600
/** More than the longest file can have (mta-sts.ts): no host that it names is passed over. */
const MAX_LINES = 40_000

/** The id of the one record among these TXT texts that announces a policy; undefined where there is not exactly one. */
export function policyId(texts: readonly string[]): string | undefined {
  // §3.1: the version comes first and decides what counts as a record.
  const records = texts.filter((text) => /^v=STSv1[ \t]*;/.test(text))
  if (records.length !== 1) return undefined
  const fields = records[0]!.split(';').map((field) => field.replace(/^[ \t]+|[ \t]+$/g, ''))
  if (fields.at(-1) === '') fields.pop()
  // A record that is not well formed announces nothing; of a repeated field the first counts (§3.2).
  if (fields.length > MAX_FIELDS || !fields.slice(1).every((field) => FIELD.test(field))) return undefined
  const id = fields.slice(1).find((field) => field.startsWith('id='))
  return id === undefined ? undefined : /^id=([A-Za-z0-9]{1,32})$/.exec(id)?.[1]
}

const MAX_FIELDS = 50
/** §3.1: sts-extension, of which sts-id is a case. */
const FIELD = /^[A-Za-z0-9][\w.-]{0,31}=[!-:<>-~]+$/

/** Reads a policy file, whose lines end with LF or CRLF. Unknown keys are passed over; of a repeated key the first counts (§3.2). */
export function parsePolicy(text: string): PolicyResult {
  const fields = new Map<string, string>()
  const mx: string[] = []
  for (const line of text.split(/\r?\n/, MAX_LINES)) {
    const pair = /^([A-Za-z0-9][\w.-]{0,31}):[ \t]*(.*?)[ \t]*$/.exec(line)
    if (!pair) {
      if (line.trim() === '') continue
      return { fault: `a line that is no field: ${line.slice(0, 80)}` }
    }
    const [, key, value] = pair as unknown as [string, string, string]
    if (key === 'mx') mx.push(value)
    else if (!fields.has(key)) fields.set(key, value)
  }
  if (fields.get('version') !== 'STSv1') return { fault: 'the version is not STSv1' }
  const mode = fields.get('mode')
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none')
    return { fault: `no such mode: ${mode ?? 'none given'}` }
  const age = fields.get('max_age') ?? ''
  if (!/^\d{1,10}$/.test(age) || Number(age) > MAX_AGE_S) return { fault: 'max_age is missing or out of bounds' }
  const hosts = mx.map(normalDomain)
  const wrong = hosts.find((host) => !isMailDomain(host.replace(/^\*\./, '')))
  if (wrong !== undefined) return { fault: `mx names no host: ${wrong.slice(0, 80)}` }
  if (mode !== 'none' && hosts.length === 0) return { fault: 'no mx' }
  return { policy: { mode, maxAgeS: Number(age), mx: hosts } }
}

/** The text of a policy (§3.2): what parsePolicy reads, also as a report quotes it (RFC 8460 §4.4). */
export function policyLines({ mode, mx, maxAgeS }: StsPolicy): string[] {
  return ['version: STSv1', `mode: ${mode}`, ...mx.map((host) => `mx: ${host}`), `max_age: ${maxAgeS}`]
}

/** The record that announces a policy (§3.1). Its id changes exactly when the policy does. */
export function policyRecord(policy: StsPolicy): string {
  const id = createHash('sha256').update(policyLines(policy).join('\n')).digest('hex').slice(0, 24)
  return `v=STSv1; id=${id};`
}

/** §4.1: is this host one that the policy names? A wildcard stands for exactly one label. */
export function allowsMx(policy: Pick<StsPolicy, 'mx'>, host: string): boolean {
  const name = normalDomain(host)
  const parent = name.slice(name.indexOf('.') + 1)
  return policy.mx.some((pattern) =>
    pattern.startsWith('*.') ? name.includes('.') && pattern.slice(2) === parent : pattern === name,
  )
}
