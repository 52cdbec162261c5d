// The signatures of a message, verified again where its body is there: DKIM (RFC 6376) and the ARC chain (RFC 8617). Keys are
// asked for only where a Dns is given; without one it is still told whether the body is the one that was signed. Where it is
// not, the header itself tells between which hands it was changed.

import { type ArcSet, readChain } from '../../identity/arc/chain.ts'
import { validateArcOf } from '../../identity/arc/validate.ts'
import { findKey } from '../../identity/dkim/public-key.ts'
import { parseSignature, type Signature } from '../../identity/dkim/signature.ts'
import { CanonicalMessage } from '../../identity/dkim/signed-fields.ts'
import { bodyOutcome, verifyFields } from '../../identity/dkim/verify.ts'
import { fieldsNamed, type HeaderField, parseHeader, rawValue } from '../../message/header.ts'
import { withSafeLineEnds } from '../../protocols/smtp/wire.ts'
import type { Dns } from '../../world/dns.ts'
import { type Background, readBackground } from './background.ts'
import { forwarderSigns } from './forwarder.ts'
import { organisation } from './path.ts'
import { addedLines } from './tail.ts'
import type { TraceResult } from './trace.ts'

export type ProofState =
  /** The signature is right, now. */
  | 'valid'
  /** The signed fields are as they were; the body is not here. */
  | 'header valid'
  /** The body is another than was signed. */
  | 'body changed'
  /** The body is the one that was signed, the signed fields are not. */
  | 'header changed'
  /** DNS has no such key any more. */
  | 'key gone'
  /** DNS gave no answer. */
  | 'no answer'
  /** The body is the one that was signed; the key was not asked for. */
  | 'body unchanged'
  | 'not checked'
  | 'unusable'

export interface Proof {
  readonly kind: 'DKIM' | 'ARC'
  /** Who signed: d=. */
  readonly domain: string
  /** Where its key is: `selector._domainkey.domain`; '' when that cannot be read. */
  readonly keyName: string
  /** Of an ARC set. */
  readonly instance?: number
  readonly state: ProofState
  /** Sentences for people. */
  readonly why: readonly string[]
}

export interface Proofs {
  readonly signatures: readonly Proof[]
  /** The whole ARC chain, where there is one and keys were asked for. */
  readonly chain?: { readonly result: string; readonly reason?: string }
  /** Keys were asked for. */
  readonly isAsked: boolean
  /** Only a header is here. */
  readonly isWithoutBody: boolean
}

const MAX_SIGNATURES = 10

/** Never rejects. `dns` undefined: nothing is asked of anybody. */
export async function proofsOf(source: Buffer, result: TraceResult, dns: Dns | undefined): Promise<Proofs> {
  const bytes = withSafeLineEnds(source)
  const header = parseHeader(bytes)
  const message = new CanonicalMessage(header)
  const isWithoutBody = header.bodyStart >= bytes.length
  const sets = readChain(header)
  const chain = 'fault' in sets ? [] : sets
  const context: Context = {
    message,
    chain,
    result,
    background: readBackground(header, result.steps, forwarderSigns(header, result.steps, result.ours)),
    isWithoutBody,
    dns,
  }
  const signed = fieldsNamed(header, 'dkim-signature').slice(0, MAX_SIGNATURES)
  const signatures: Proof[] = []
  for (const field of signed) signatures.push(await dkimProof(field, context))
  for (const set of chain.slice(-MAX_SIGNATURES)) signatures.push(await arcProof(set, context))
  const arc = dns === undefined || chain.length === 0 || isWithoutBody ? undefined : await validateArcOf(message, dns)
  return {
    signatures,
    ...(arc && { chain: { result: arc.result, ...(arc.reason === undefined ? {} : { reason: arc.reason }) } }),
    isAsked: dns !== undefined,
    isWithoutBody,
  }
}

interface Context {
  readonly message: CanonicalMessage
  readonly chain: readonly ArcSet[]
  readonly result: TraceResult
  readonly background: Background
  readonly isWithoutBody: boolean
  readonly dns: Dns | undefined
}

async function dkimProof(field: HeaderField, context: Context): Promise<Proof> {
  const signature = parseSignature(rawValue(context.message.header, field).toString('latin1'), 'dkim')
  if ('reason' in signature)
    return {
      kind: 'DKIM',
      domain: '',
      keyName: '',
      state: 'unusable',
      why: [`It cannot be read: ${signature.detail}.`],
    }
  return { kind: 'DKIM', ...(await judge(field, signature, context)) }
}

/** The message signature of a set; later hands may have changed the message since, and sealed that. */
async function arcProof({ instance, signature, signatureField }: ArcSet, context: Context): Promise<Proof> {
  return { kind: 'ARC', instance, ...(await judge(signatureField, signature, context)) }
}

async function judge(field: HeaderField, signature: Signature, context: Context): Promise<Omit<Proof, 'kind'>> {
  const { message, dns, isWithoutBody } = context
  const { domain, selector, algorithm } = signature
  const about = { domain, keyName: `${selector}._domainkey.${domain}` }
  const body = isWithoutBody ? undefined : bodyOutcome(message, signature)
  if (body?.reason !== undefined) return { ...about, state: 'body changed', why: whoChanged(signature, context) }
  const unsigned = body && body.unsignedBytes > 0 ? [`The last ${body.unsignedBytes} bytes are not signed (l=).`] : []
  if (dns === undefined) {
    const state = body === undefined ? 'not checked' : 'body unchanged'
    return { ...about, state, why: unsigned }
  }
  const key = await findKey(dns, domain, selector, algorithm)
  if (!('key' in key)) {
    const state = key.result === 'temperror' ? 'no answer' : 'key gone'
    return { ...about, state, why: [...unsigned, `${key.detail}.`] }
  }
  if (verifyFields(message, field, signature, key))
    return { ...about, state: body === undefined ? 'header valid' : 'valid', why: unsigned }
  const names = signature.signedNames.join(', ')
  return { ...about, state: 'header changed', why: [...unsigned, `One of the signed fields is another now: ${names}.`] }
}

/** Between which hands the body was changed, by what they wrote down and signed. */
function whoChanged(signature: Signature, context: Context): string[] {
  const { message, result, background } = context
  const why: string[] = []
  const found = addedLines(message.header, signature)
  if (found !== undefined)
    why.push(
      found.lines.length === 0
        ? 'Only its end was changed.'
        : `Without the last ${found.count} line${found.count === 1 ? '' : 's'} it is the one that was signed: they were added ("${found.lines[0]!.slice(0, 80)}").`,
    )
  // Who took it whole, newest last; and the first whose own signature fits the body as it is.
  const whole = result.steps.filter((step) =>
    background
      .resultsOf(step)
      ?.methods.some(
        ({ method, result: found, properties }) =>
          method === 'dkim' &&
          found === 'pass' &&
          properties.some(({ name, value }) => name === 'header.d' && value.toLowerCase() === signature.domain),
      ),
  )
  const last = whole.at(-1)
  const signer = firstThatFits(signature, context)
  if (last !== undefined && signer !== undefined && last.network === organisation(signer))
    why.push(
      `${last.network} found it whole when it came, and its own signature fits the body as it is: it changed it.`,
    )
  else if (signer !== undefined)
    why.push(
      `The signature of ${signer} fits the body as it is: it was changed there or before, most likely by ${signer}.`,
    )
  else if (last !== undefined)
    why.push(`${last.received.by} says that it was whole when it came there: it was changed there or later.`)
  else why.push('No hand on its way tells when that was.')
  return why
}

/** The domain of the first other signature, oldest first, whose body hash fits. */
function firstThatFits(signature: Signature, { message, chain }: Context): string | undefined {
  const fits = (other: Signature) =>
    other.domain !== signature.domain && bodyOutcome(message, other).reason === undefined
  const sealed = chain.find((set) => fits(set.signature))
  if (sealed !== undefined) return sealed.signature.domain
  const others = fieldsNamed(message.header, 'dkim-signature')
    .slice(0, MAX_SIGNATURES)
    .toReversed()
    .map((field) => parseSignature(rawValue(message.header, field).toString('latin1'), 'dkim'))
  for (const other of others) if (!('reason' in other) && fits(other)) return other.domain
  return undefined
}

/** For a terminal. */
export function proofLines({ signatures, chain, isAsked, isWithoutBody }: Proofs): string[] {
  if (signatures.length === 0) return []
  const lines = signatures.flatMap(({ kind, domain, instance, state, why }) => [
    `     ${kind.padEnd(4)}  ${domain || 'unknown'}${instance === undefined ? '' : ` (i=${instance})`}  ${state}`,
    ...why.map((sentence) => `           ${sentence}`),
  ])
  return [
    'Signatures, checked again',
    ...lines,
    ...(chain ? [`     ARC chain: ${chain.result}${chain.reason === undefined ? '' : ` (${chain.reason})`}`] : []),
    ...(isWithoutBody ? ['     Only a header is here: whether the body was changed cannot be told.'] : []),
    ...(isAsked
      ? []
      : ['     Keys were not asked for. --verify asks DNS, which tells the domains that somebody looks.']),
  ].map((line) => line.replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, ' '))
}
