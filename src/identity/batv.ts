// BATV's private signatures (draft-levine-smtp-batv §3, "prvs"): a reverse-path that only we can have written, so that
// a bounce to an address which never sent anything is known for what it is. `prvs=KDDDSSSSSS=local@domain`: the number of
// the key, the day on which it goes out of date (modulo 1000), and 24 bits of HMAC-SHA-1.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../world/world.ts'

export interface Batv {
  /** Secrets by their number, 0 to 9; the highest number signs. */
  readonly secrets: Readonly<Record<number, string | Uint8Array>>
  /** How long a signed address takes bounces; default 7 days, at most 100. */
  readonly validDays?: number
}

export type BatvResult =
  /** Ours, and still valid: where the bounce really goes. */
  | { readonly result: 'valid'; readonly address: string }
  | { readonly result: 'not-signed' | 'malformed' | 'forged' | 'expired' }

const DAY_MS = 86_400_000
const DAYS = 1000
const DEFAULT_VALID_DAYS = 7
const MAX_VALID_DAYS = 100
/** RFC 5321 §4.5.3.1.1. */
const MAX_LOCAL_PART = 64

/** The reverse-path to send with; the address itself where signing would make it too long, or it is none. */
export function signBatv(address: string, { secrets, validDays }: Batv, clock: Clock): string {
  const at = address.lastIndexOf('@')
  const number = Object.keys(secrets).at(-1)
  const localPart = address.slice(0, at)
  if (at < 1 || number === undefined || localPart.startsWith('"') || isPrvs(localPart)) return address
  const days = Math.min(validDays ?? DEFAULT_VALID_DAYS, MAX_VALID_DAYS)
  const day = String((today(clock) + days) % DAYS).padStart(3, '0')
  const signed = `prvs=${number}${day}${mac(secrets[Number(number)]!, `${number}${day}`, address)}=${localPart}`
  return signed.length > MAX_LOCAL_PART ? address : `${signed}${address.slice(at)}`
}

/** Is this recipient of a bounce an address that we signed? Case is ignored, for some hosts change it. */
export function checkBatv(address: string, { secrets }: Batv, clock: Clock): BatvResult {
  const at = address.lastIndexOf('@')
  const localPart = address.slice(0, Math.max(at, 0))
  if (!isPrvs(localPart)) return { result: 'not-signed' }
  const parts = /^prvs=(\d)(\d{3})([0-9a-f]{6})=(.+)$/i.exec(localPart)
  if (!parts) return { result: 'malformed' }
  const [, number, day, given, original] = parts as unknown as [string, string, string, string, string]
  const secret = secrets[Number(number)]
  const bare = `${original}${address.slice(at)}`
  if (secret === undefined) return { result: 'forged' }
  const wanted = mac(secret, `${number}${day}`, bare)
  if (!timingSafeEqual(Buffer.from(wanted), Buffer.from(given.toLowerCase()))) return { result: 'forged' }
  const daysLeft = (Number(day) - (today(clock) % DAYS) + DAYS) % DAYS
  return daysLeft > MAX_VALID_DAYS ? { result: 'expired' } : { result: 'valid', address: bare }
}

function isPrvs(localPart: string): boolean {
  return /^prvs=/i.test(localPart)
}

function today(clock: Clock): number {
  return Math.floor(clock.now() / DAY_MS)
}

/** §3: the first three bytes of HMAC-SHA-1 over key number, day and the address, as six hexadecimal digits. */
function mac(secret: string | Uint8Array, stamp: string, address: string): string {
  return createHmac('sha1', secret).update(`${stamp}${address.toLowerCase()}`).digest('hex').slice(0, 6)
}
