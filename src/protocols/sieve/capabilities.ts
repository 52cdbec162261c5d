// What this Sieve can do, by the names that a script gives to `require` (RFC 5228 §3.2) and ManageSieve and JMAP list.

/** Capability → the RFC that has it, for people who read the table. */
const CAPABILITIES = {
  body: 'RFC 5173',
  'comparator-i;ascii-numeric': 'RFC 4790',
  copy: 'RFC 3894',
  date: 'RFC 5260',
  duplicate: 'RFC 7352',
  editheader: 'RFC 5293',
  enclose: 'RFC 5703',
  'encoded-character': 'RFC 5228',
  enotify: 'RFC 5435',
  envelope: 'RFC 5228',
  environment: 'RFC 5183',
  ereject: 'RFC 5429',
  extlists: 'RFC 6134',
  extracttext: 'RFC 5703',
  fcc: 'RFC 8580',
  fileinto: 'RFC 5228',
  foreverypart: 'RFC 5703',
  ihave: 'RFC 5463',
  imap4flags: 'RFC 5232',
  include: 'RFC 6609',
  index: 'RFC 5260',
  mailbox: 'RFC 5490',
  mailboxid: 'RFC 9042',
  mboxmetadata: 'RFC 5490',
  mime: 'RFC 5703',
  regex: 'draft-ietf-sieve-regex-01',
  reject: 'RFC 5429',
  relational: 'RFC 5231',
  replace: 'RFC 5703',
  servermetadata: 'RFC 5490',
  spamtest: 'RFC 5235',
  spamtestplus: 'RFC 5235',
  'special-use': 'RFC 8579',
  subaddress: 'RFC 5233',
  vacation: 'RFC 5230',
  'vacation-seconds': 'RFC 6131',
  variables: 'RFC 5229',
  virustest: 'RFC 5235',
} as const

type Capability = keyof typeof CAPABILITIES

/** In every script without `require`: the comparators that RFC 5228 §2.7.3 has always. */
const ALWAYS = new Set(['comparator-i;octet', 'comparator-i;ascii-casemap'])

/** Names that bring others with them. */
const IMPLIED: Record<string, readonly Capability[]> = {
  'vacation-seconds': ['vacation'],
  spamtestplus: ['spamtest'],
}

/** Methods of `notify` (RFC 5435 §3.1). */
export const NOTIFY_METHODS: readonly string[] = ['mailto']

/** As ManageSieve's SIEVE capability and JMAP's sieveExtensions have them. */
export const CAPABILITY_NAMES: readonly string[] = Object.keys(CAPABILITIES)

/** What `require` of this name makes available; undefined when it is unknown. */
export function capabilitiesOf(name: string, extra: readonly string[] = []): readonly string[] | undefined {
  if (ALWAYS.has(name)) return [name]
  if (!Object.hasOwn(CAPABILITIES, name) && !extra.includes(name)) return undefined
  return [name, ...(IMPLIED[name] ?? [])]
}
