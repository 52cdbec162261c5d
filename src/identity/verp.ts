// Variable envelope return paths: each recipient's copy leaves with a reverse-path of its own, so that a bounce tells by
// where it goes which message to whom it was, whatever it says itself, and nobody else can have written it.
// `vp=TTTTTTTTTTTTRRRRRRMMMMMM=local@domain`: the trace, a digest of the recipient, 30 bits of HMAC-SHA-256.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export interface VerpAddress {
  /** Where a bounce to it really goes. */
  readonly address: string
  readonly trace: string
  /** Six characters of the recipient's digest: see `isVerpRecipient`. */
  readonly recipient: string
}

const TRACE = 12
const PART = 6
/** RFC 5321 §4.5.3.1.1. */
const MAX_LOCAL_PART = 64
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** The reverse-path for this recipient; the address itself where it would be too long, or is none. */
export function verpAddress(address: string, trace: string, recipient: string, secret: Uint8Array): string {
  const at = address.lastIndexOf('@')
  const localPart = address.slice(0, at)
  if (at < 1 || trace.length !== TRACE || localPart.startsWith('"') || /^vp=/i.test(localPart)) return address
  const named = `${trace}${digest(recipient)}`
  const written = `vp=${named}${mac(secret, named, address)}=${localPart}`
  return written.length > MAX_LOCAL_PART ? address : `${written}${address.slice(at)}`
}

/** Reads one of ours back; undefined: it is none, or somebody made it up. Case is ignored, for some hosts change it. */
export function readVerp(address: string, secret: Uint8Array): VerpAddress | undefined {
  const parts = /^vp=([0-9a-z]{12})([0-9a-z]{6})([0-9a-z]{6})=(.+)$/i.exec(address)
  if (!parts) return undefined
  const [, trace, recipient, given, bare] = parts.map((part) => part) as [string, string, string, string, string]
  const named = `${trace}${recipient}`.toLowerCase()
  const wanted = mac(secret, named, bare)
  if (!timingSafeEqual(Buffer.from(wanted), Buffer.from(given.toLowerCase()))) return undefined
  return { address: bare, trace: trace.toLowerCase(), recipient: recipient.toLowerCase() }
}

/** Is it the recipient whose copy left with this reverse-path. */
export function isVerpRecipient(verp: VerpAddress, recipient: string): boolean {
  return digest(recipient) === verp.recipient
}

const digest = (recipient: string): string => letters(createHash('sha256').update(recipient.toLowerCase()).digest())

const mac = (secret: Uint8Array, named: string, address: string): string =>
  letters(createHmac('sha256', secret).update(`${named}${address.toLowerCase()}`).digest())

function letters(bytes: Buffer): string {
  let text = ''
  for (const byte of bytes.subarray(0, PART)) text += ALPHABET[byte & 31]
  return text
}
