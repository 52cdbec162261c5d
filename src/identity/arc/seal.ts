// Adding an ARC set (RFC 8617 §5.1): what this host saw, a signature of the message as it leaves, and a seal over the
// chain. Tags stand in alphabetical order, as the other implementations write them.

import { type Header, parseHeader } from '../../message/header.ts'
import type { Clock, Cpu } from '../../world/world.ts'
import { canonicalFieldBytes } from '../dkim/canonical.ts'
import { algorithmOf, finishSignature, foldTags, namesToSign, SIGNED, type SigningKey } from '../dkim/sign.ts'
import { CanonicalMessage } from '../dkim/signed-fields.ts'
import type { Identity } from '../identity.ts'
import { resultsValue } from '../results.ts'
import { MAX_INSTANCES, readChain } from './chain.ts'
import { type ArcResult, sealedFields } from './validate.ts'

export interface SealingKey extends SigningKey {
  /** What this host calls itself in Authentication-Results. */
  readonly authservId: string
}

/**
 * Seals `message` as it leaves, with what was found when it arrived. The fields go in front of it in this order; none
 * when nothing may be added (see sealArc).
 * @throws what cpu.sign throws (a key that cannot sign)
 */
export async function seal(
  message: Buffer,
  identity: Identity,
  key: SealingKey,
  world: { readonly cpu: Cpu; readonly clock: Clock },
): Promise<Buffer[]> {
  const fields = await sealArc(parseHeader(message), resultsValue(identity, key.authservId), key, identity.arc, world)
  return fields.length > 0 ? [fields] : []
}

export interface SealOptions {
  /** Names to sign where they are present; default those of DKIM and the DKIM signatures themselves. */
  readonly headers?: readonly string[]
}

/**
 * The three fields of the next set, in the order in which they go in front of the message; empty when nothing may be
 * added: the chain has ended (§5.1), holds 50 sets, or could not be judged because DNS gave no answer.
 * @param results our Authentication-Results value, authserv-id first (§4.1.1)
 * @param chain what validateArc said of the message as it arrived
 * @throws what cpu.sign throws (a key that cannot sign)
 */
export async function sealArc(
  header: Header,
  results: string,
  key: SigningKey,
  chain: ArcResult,
  world: { readonly cpu: Cpu; readonly clock: Clock },
  options: SealOptions = {},
): Promise<Buffer> {
  const instance = chain.nextInstance
  if (chain.ended || chain.result === 'temperror' || instance > MAX_INSTANCES) return Buffer.alloc(0)
  const message = new CanonicalMessage(header)
  const nowS = Math.floor(world.clock.now() / 1000)
  const algorithm = algorithmOf(key.privateKey)
  const saw = Buffer.from(`${foldTags('ARC-Authentication-Results', resultTags(instance, results))}\r\n`)
  const names = namesToSign(message, options.headers ?? [...SIGNED, 'dkim-signature'], [])
  const signature = await finishSignature(
    foldTags('ARC-Message-Signature', [
      `a=${algorithm}`,
      'b=',
      `bh=${message.bodyHash('relaxed').sha256.toString('base64')}`,
      'c=relaxed/relaxed',
      `d=${key.domain}`,
      `h=${names.join(':')}`,
      `i=${instance}`,
      `s=${key.selector}`,
      `t=${nowS}`,
    ]),
    message.select(names, 'relaxed'),
    'relaxed',
    key.privateKey,
    world.cpu,
    false,
  )
  const sets = chain.result === 'pass' ? readChain(header) : []
  // §5.1.2: a seal that reports failure covers its own set only, the rest cannot be relied on.
  const earlier = 'fault' in sets ? [] : sealedFields(message, sets)
  const seal = await finishSignature(
    foldTags('ARC-Seal', [
      `a=${algorithm}`,
      'b=',
      `cv=${chain.result}`,
      `d=${key.domain}`,
      `i=${instance}`,
      `s=${key.selector}`,
      `t=${nowS}`,
    ]),
    [...earlier, canonicalFieldBytes(saw, 'relaxed'), canonicalFieldBytes(signature, 'relaxed')],
    'relaxed',
    key.privateKey,
    world.cpu,
    false,
  )
  return Buffer.concat([seal, signature, saw])
}

/** One tag for each result, line ends of the caller's folding removed. */
function resultTags(instance: number, results: string): string[] {
  const flat = results.replace(/[\r\n]+/g, ' ').trim()
  return [`i=${instance}`, ...flat.split(';').map((part) => part.replace(/[ \t]+/g, ' ').trim())].filter(
    (part) => part !== '',
  )
}
