// Making DKIM signatures (RFC 6376 §5, RFC 8463). Several keys (rsa and ed25519) share the canonical message and the body
// hash; the signing itself runs in world.cpu. relaxed/relaxed unless the caller says otherwise.

import { hash, type KeyObject } from 'node:crypto'
import type { Header } from '../../message/header.ts'
import type { Clock, Cpu } from '../../world/world.ts'
import { type Canonicalization, canonicalFieldBytes } from './canonical.ts'
import type { SigningAlgorithm } from './signature.ts'
import { CanonicalMessage } from './signed-fields.ts'
import { lineEnd } from './verify.ts'

export interface SigningKey {
  readonly domain: string
  readonly selector: string
  /** RSA of at least 1024 bits, or Ed25519. */
  readonly privateKey: KeyObject
}

export interface SigningOptions {
  readonly headerMethod?: Canonicalization
  readonly bodyMethod?: Canonicalization
  /** Names to sign where they are present; default SIGNED. From is always signed. */
  readonly headers?: readonly string[]
  /** Names signed once more than they are present, so that none can be added; default OVERSIGNED. */
  readonly oversigned?: readonly string[]
  /** i=: an address in the domain or below it. */
  readonly identity?: string
  /** x=, this long after now. */
  readonly validS?: number
}

/** RFC 6376 §5.4.1: what a reader sees or acts on. */
export const SIGNED: readonly string[] = [
  ...['from', 'sender', 'reply-to', 'to', 'cc', 'subject', 'date', 'message-id', 'in-reply-to', 'references'],
  ...['mime-version', 'content-type', 'content-transfer-encoding', 'content-disposition', 'content-id'],
  ...[
    'list-id',
    'list-help',
    'list-unsubscribe',
    'list-unsubscribe-post',
    'list-subscribe',
    'list-post',
    'list-archive',
  ],
  // RFC 9477 §3.1: what a complaint is sent by.
  ...['cfbl-address', 'cfbl-feedback-id'],
  // RFC 8460 §5.3.
  ...['tls-report-domain', 'tls-report-submitter'],
  ...['auto-submitted', 'resent-from', 'resent-to', 'resent-cc', 'resent-date', 'resent-message-id'],
]

/** §8.15: adding one of these to a signed message would change what it says. */
const OVERSIGNED: readonly string[] = [
  ...['from', 'reply-to', 'to', 'cc', 'subject', 'date', 'message-id'],
  ...['mime-version', 'content-type', 'content-transfer-encoding'],
]

/**
 * One DKIM-Signature field for each key, with line ends, to be put in front of the message.
 * The message must already have the form in which it leaves (§5.3: CRLF line ends).
 * @throws what cpu.sign throws (a key that cannot sign)
 */
export async function signDkim(
  header: Header,
  keys: readonly SigningKey[],
  world: { readonly cpu: Cpu; readonly clock: Clock },
  options: SigningOptions = {},
): Promise<Buffer> {
  const message = new CanonicalMessage(header)
  const { headerMethod = 'relaxed', bodyMethod = 'relaxed' } = options
  const names = namesToSign(message, options.headers ?? SIGNED, options.oversigned ?? OVERSIGNED)
  const chosen = [Buffer.concat(message.select(names, headerMethod))]
  const nowS = Math.floor(world.clock.now() / 1000)
  // The same for every key.
  const when = [`t=${nowS}`, ...(options.validS ? [`x=${nowS + options.validS}`] : [])]
  const what = [`h=${names.join(':')}`, `bh=${message.bodyHash(bodyMethod).sha256.toString('base64')}`]
  const fields = keys.map(({ domain, selector, privateKey }) => {
    const who = [`d=${domain}`, `s=${selector}`, ...(options.identity ? [`i=${options.identity}`] : [])]
    const how = [`a=${algorithmOf(privateKey)}`, `c=${headerMethod}/${bodyMethod}`]
    const unsigned = foldTags('DKIM-Signature', ['v=1', ...how, ...who, ...when, ...what, 'b='])
    return finishSignature(unsigned, chosen, headerMethod, privateKey, world.cpu)
  })
  return Buffer.concat(await Promise.all(fields))
}

/** Each present field once for each time it occurs, oversigned names once more (§5.4.2). */
export function namesToSign(
  message: CanonicalMessage,
  signed: readonly string[],
  oversigned: readonly string[],
): string[] {
  const names: string[] = []
  const wanted = signed.includes('from') ? [...signed, ...oversigned] : ['from', ...signed, ...oversigned]
  for (const name of new Set(wanted)) {
    const times = message.count(name) + (oversigned.includes(name) ? 1 : 0)
    for (let i = 0; i < times; i++) names.push(name)
  }
  return names
}

export function algorithmOf(privateKey: KeyObject): SigningAlgorithm {
  return privateKey.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256'
}

const MAX_LINE = 76

/**
 * `Name: tag; tag; …` folded between tags, and inside h= at its colons. The last tag stands without ';'. An empty `b=`
 * gets lines of its own, where finishSignature puts its value.
 */
export function foldTags(name: string, tags: readonly string[]): string {
  let text = `${name}:`
  let column = text.length
  const put = (piece: string, separator: string): void => {
    if (column + separator.length + piece.length > MAX_LINE) {
      text += `\r\n ${separator === ' ' ? '' : separator}${piece}`
      column = 1 + piece.length
    } else {
      text += separator + piece
      column += separator.length + piece.length
    }
  }
  tags.forEach((tag, i) => {
    if (tag === 'b=' || tags[i - 1] === 'b=') column = MAX_LINE
    const end = i === tags.length - 1 ? '' : ';'
    const items = tag.startsWith('h=') ? tag.replaceAll(':', ':\n').split('\n') : [tag]
    items.forEach((item, j) => {
      put(item + (j === items.length - 1 ? end : ''), j === 0 ? ' ' : '')
    })
  })
  return text
}

/**
 * Signs the chosen fields and the field itself (which holds an empty `b=`), and puts the value there. `folded` cuts the
 * value into lines; ARC leaves it whole, because the next seal signs the field with its folding (RFC 8617 §5.1.1).
 */
export async function finishSignature(
  unsigned: string,
  chosen: readonly Buffer[],
  method: Canonicalization,
  privateKey: KeyObject,
  cpu: Cpu,
  folded = true,
): Promise<Buffer> {
  const own = canonicalFieldBytes(Buffer.from(unsigned, 'latin1'), method)
  const data = Buffer.concat([...chosen, own.subarray(0, lineEnd(own))])
  const whole = (await signData(data, privateKey, cpu)).toString('base64')
  const value = folded ? [whole.slice(0, 70), ...(whole.slice(70).match(/.{1,72}/g) ?? [])].join('\r\n ') : whole
  const at = unsigned.search(/ b=(?:;|$)/) + 3
  return Buffer.from(`${unsigned.slice(0, at)}${value}${unsigned.slice(at)}\r\n`, 'latin1')
}

function signData(data: Buffer, privateKey: KeyObject, cpu: Cpu): Promise<Buffer> {
  if (algorithmOf(privateKey) === 'rsa-sha256') return cpu.sign('sha256', data, privateKey)
  return cpu.sign(null, hash('sha256', data, 'buffer'), privateKey) // RFC 8463 §3
}
