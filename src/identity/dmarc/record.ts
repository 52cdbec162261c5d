// A DMARC policy record (RFC 9989 §4.7, and the tags of RFC 7489 that it retired, which are read and not obeyed).
// Reading is generous: what is not understood is passed over, only the version decides whether it is a record at all.

import { readOnce } from '../texts.ts'

export type Policy = 'none' | 'quarantine' | 'reject'

export interface DmarcRecord {
  /** The text as published. */
  readonly text: string
  /** Every tag with its value as written, names in lower case; of a repeated one the first. */
  readonly tags: ReadonlyMap<string, string>
  /** What was passed over: parts that are no tag, tags that are not known, repetitions (§4.7: "ignored outright"). */
  readonly passedOver: readonly string[]
  /** p=; undefined where it is missing or no policy. */
  readonly policy: Policy | undefined
  /** sp=, for subdomains. */
  readonly subdomainPolicy: Policy | undefined
  /** np=, for subdomains that do not exist. */
  readonly absentPolicy: Policy | undefined
  /** A p=, sp= or np= that is there and names no policy. */
  readonly malformed: boolean
  readonly strictDkim: boolean
  readonly strictSpf: boolean
  /** psd=: is this a public suffix ('y'), an organization ('n'), or not said ('u')? */
  readonly publicSuffix: 'y' | 'n' | 'u'
  /** t=y: one step milder. */
  readonly testing: boolean
  /** rua= and ruf=: where reports go; syntactically valid URIs only. */
  readonly aggregateReports: readonly string[]
  readonly failureReports: readonly string[]
  /** fo=, lower case. */
  readonly failureOptions: readonly string[]
  /** Retired by RFC 9989, kept for showing. */
  readonly percent: number | undefined
  readonly intervalS: number | undefined
}

const VERSION = /^\s*v\s*=\s*DMARC1\s*(?:;|$)/i
const POLICIES = new Set<string>(['none', 'quarantine', 'reject'])
const MAX_URIS = 10
/** §9.3, with the historic ones. */
const KNOWN = new Set('v p sp np adkim aspf fo rua ruf rf ri pct t psd'.split(' '))

/** Reads a TXT string. Undefined where it is no DMARC record: v=DMARC1, exactly so, comes first (§4.7). */
export const parseDmarcRecord = readOnce(parse, { mostTexts: 12_288, longest: 512 })

function parse(text: string): DmarcRecord | undefined {
  const version = VERSION.exec(text)
  if (!version?.[0].includes('DMARC1')) return undefined
  const tags = new Map([['v', 'DMARC1']])
  const passedOver: string[] = []
  for (const part of text.slice(version[0].length).split(';', 100)) {
    const equals = part.indexOf('=')
    const name = part.slice(0, Math.max(equals, 0)).trim().toLowerCase()
    const isNew = name !== '' && !tags.has(name)
    if (isNew) tags.set(name, part.slice(equals + 1).trim())
    if ((!isNew || !KNOWN.has(name)) && part.trim() !== '') passedOver.push(part.trim())
  }
  const word = (name: string): string => tags.get(name)?.toLowerCase() ?? ''
  const policy = (name: string): Policy | undefined => (POLICIES.has(word(name)) ? (word(name) as Policy) : undefined)
  const publicSuffix = word('psd')
  return {
    text,
    tags,
    passedOver,
    policy: policy('p'),
    subdomainPolicy: policy('sp'),
    absentPolicy: policy('np'),
    malformed: ['p', 'sp', 'np'].some((name) => tags.has(name) && !policy(name)),
    strictDkim: word('adkim') === 's',
    strictSpf: word('aspf') === 's',
    publicSuffix: publicSuffix === 'y' || publicSuffix === 'n' ? publicSuffix : 'u',
    testing: word('t') === 'y',
    aggregateReports: uris(tags.get('rua')),
    failureReports: uris(tags.get('ruf')),
    failureOptions: word('fo')
      ? word('fo')
          .split(':')
          .map((option) => option.trim())
      : ['0'],
    percent: digits(word('pct')),
    intervalS: digits(word('ri')),
  }
}

function uris(list: string | undefined): string[] {
  const found = (list ?? '').split(',').map((uri) => uri.trim())
  return found.filter((uri) => /^[a-z][a-z0-9+.-]*:[^\s,;]+$/i.test(uri)).slice(0, MAX_URIS)
}

function digits(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}
