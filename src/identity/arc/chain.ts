// The ARC sets of a message: found, numbered and checked for structure (RFC 8617 §4.2, §5.2 steps 1 to 3).

import { type Header, type HeaderField, rawValue, unfold } from '../../message/header.ts'
import { parseSignature, readAlgorithm, type Signature, type SigningAlgorithm } from '../dkim/signature.ts'
import { normalDomain } from '../domain.ts'
import { base64Tag, compactTag, numberTag, parseTags } from '../tags.ts'

/** ARC-Seal (§4.1.3). */
interface Seal {
  readonly algorithm: SigningAlgorithm
  readonly chain: 'none' | 'pass' | 'fail'
  readonly domain: string
  readonly selector: string
  readonly value: Buffer
  readonly valueStart: number
  readonly valueEnd: number
}

export interface ArcSet {
  readonly instance: number
  readonly resultsField: HeaderField
  readonly signatureField: HeaderField
  readonly sealField: HeaderField
  readonly signature: Signature
  readonly seal: Seal
  /** ARC-Authentication-Results after `i=N;`, unfolded. */
  readonly results: string
}

/** §4.2.1: more sets than this are a failed chain. */
export const MAX_INSTANCES = 50

const NAMES = { 'arc-authentication-results': 0, 'arc-message-signature': 1, 'arc-seal': 2 } as const

type Slots = [HeaderField | undefined, HeaderField | undefined, HeaderField | undefined]

/** The sets in order, first to last; empty when there is none; or what is wrong with them. */
export function readChain(header: Header): ArcSet[] | { fault: string } {
  const slots: Slots[] = []
  for (const field of header.fields) {
    const kind = NAMES[field.lowerName as keyof typeof NAMES]
    if (kind === undefined) continue
    const instance = instanceOf(rawValue(header, field).toString('latin1'), kind)
    if (instance === undefined) return { fault: `${field.name} without a valid i=` }
    if (instance > MAX_INSTANCES) return { fault: `more than ${MAX_INSTANCES} ARC sets` }
    const slot = (slots[instance - 1] ??= [undefined, undefined, undefined])
    if (slot[kind]) return { fault: `two ${field.name} with i=${instance}` }
    slot[kind] = field
  }
  const sets: ArcSet[] = []
  for (let i = 0; i < slots.length; i++) {
    const [resultsField, signatureField, sealField] = slots[i] ?? []
    if (!resultsField || !signatureField || !sealField) return { fault: `set i=${i + 1} is not complete` }
    const signature = parseSignature(rawValue(header, signatureField).toString('latin1'), 'arc')
    if ('reason' in signature) return { fault: `ARC-Message-Signature i=${i + 1}: ${signature.detail}` }
    // §4.1.2: the seal must not be signed by the message signature.
    if (signature.signedNames.includes('arc-seal')) return { fault: `ARC-Message-Signature i=${i + 1} signs ARC-Seal` }
    const seal = readSeal(rawValue(header, sealField).toString('latin1'))
    if (typeof seal === 'string') return { fault: `ARC-Seal i=${i + 1}: ${seal}` }
    const text = rawValue(header, resultsField).toString('latin1')
    const results = unfold(text.slice(text.indexOf(';') + 1))
    sets.push({ instance: i + 1, resultsField, signatureField, sealField, signature, seal, results })
  }
  return sets
}

const CFWS = '(?:\\s|\\([^()\\\\]*\\))*'
const AAR_INSTANCE = new RegExp(`^${CFWS}i${CFWS}=${CFWS}(\\d{1,3})${CFWS};`)

function instanceOf(value: string, kind: 0 | 1 | 2): number | undefined {
  let instance: number | undefined
  if (kind === 0) {
    // §4.1.1: i= comes first, in lower case, and a semicolon after it; comments may stand between.
    const match = AAR_INSTANCE.exec(value)
    instance = match ? Number(match[1]) : undefined
  } else {
    const tags = parseTags(value)
    instance = tags && numberTag(tags, 'i')
  }
  return instance !== undefined && instance >= 1 ? instance : undefined
}

function readSeal(text: string): Seal | string {
  const tags = parseTags(text)
  if (!tags) return 'not a tag list'
  if (tags.has('h')) return 'h= is not allowed' // §4.1.3
  const algorithm = readAlgorithm(tags)
  if (typeof algorithm !== 'string') return algorithm.detail
  // The words are literals of ABNF: in any case (RFC 5234 §2.3).
  const chain = compactTag(tags, 'cv')?.toLowerCase()
  if (chain !== 'none' && chain !== 'pass' && chain !== 'fail') return `cv=${chain}`
  const domain = normalDomain(compactTag(tags, 'd') ?? '')
  const selector = normalDomain(compactTag(tags, 's') ?? '')
  const value = base64Tag(tags, 'b')
  if (!domain || !selector || !value) return 'd=, s= or b= is missing'
  if (Number.isNaN(numberTag(tags, 't'))) return 't= is no number'
  const { start, end } = tags.get('b')!
  return { algorithm, chain, domain, selector, value, valueStart: start, valueEnd: end }
}
