// What the server keeps instead of a password: salted, iterated, and of no use to log in elsewhere.
// Keeps RFC 5802 §3 (StoredKey, ServerKey), RFC 7677 (SHA-256), RFC 5803 (text form), RFC 4013 (SASLprep, without the
// tables of unassigned characters). One form serves SCRAM, PLAIN, LOGIN and IMAP LOGIN alike.

import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { World } from '../../world/world.ts'

export interface ScramCredentials {
  readonly salt: Buffer
  readonly iterations: number
  /** H(ClientKey), 32 bytes. */
  readonly storedKey: Buffer
  /** HMAC(SaltedPassword, "Server Key"), 32 bytes. */
  readonly serverKey: Buffer
  /** Other passwords of the same account, with the same salt and iterations: any of them is right. */
  readonly others?: readonly OtherKeys[]
}

export interface OtherKeys {
  readonly storedKey: Buffer
  readonly serverKey: Buffer
  /** It was this one. */
  readonly proven: () => void
}

/** About 15 to 30 ms of one core for each guess; the work runs in the pool. RFC 7677 §4 asks for at least 4,096. */
const DEFAULT_ITERATIONS = 100_000

/** Bounds on what a client or a file may ask us to compute. */
export const MAX_ITERATIONS = 10_000_000
const MAX_PASSWORD_BYTES = 4096

/** Credentials of a new password, or undefined when it holds characters that no password may hold (or is empty). */
export async function makeCredentials(
  password: string,
  world: Pick<World, 'cpu' | 'random'>,
  iterations = DEFAULT_ITERATIONS,
): Promise<ScramCredentials | undefined> {
  const prepared = preparePassword(password)
  if (prepared === undefined) return undefined
  const salt = world.random.bytes(16)
  const saltedPassword = await world.cpu.pbkdf2(prepared, salt, iterations)
  const { storedKey, serverKey } = keysOf(saltedPassword)
  return { salt, iterations, storedKey, serverKey }
}

/** Does the password belong to these credentials. Takes the same time either way. */
export async function checkPassword(
  credentials: ScramCredentials,
  password: string,
  world: Pick<World, 'cpu'>,
): Promise<boolean> {
  // A password that cannot be prepared cannot be right; computing with a stand-in keeps the time the same.
  const prepared = preparePassword(password)
  const saltedPassword = await world.cpu.pbkdf2(prepared ?? Buffer.from([0]), credentials.salt, credentials.iterations)
  const same = timingSafeEqual(keysOf(saltedPassword).storedKey, credentials.storedKey)
  return same && prepared !== undefined
}

/** Credentials that no password fits, always the same ones for the same name: for users that do not exist. */
export function fakeCredentials(
  user: string,
  serverSecret: Uint8Array,
  iterations = DEFAULT_ITERATIONS,
): ScramCredentials {
  const derive = (purpose: string) => createHmac('sha256', serverSecret).update(`${purpose}\0${user}`).digest()
  return {
    salt: derive('salt').subarray(0, 16),
    iterations,
    storedKey: derive('stored key'),
    serverKey: derive('server key'),
  }
}

/** RFC 5803: 'SCRAM-SHA-256$100000:salt$storedKey:serverKey', base64 parts. */
export function formatCredentials(c: ScramCredentials): string {
  const b64 = (bytes: Buffer) => bytes.toString('base64')
  return `SCRAM-SHA-256$${c.iterations}:${b64(c.salt)}$${b64(c.storedKey)}:${b64(c.serverKey)}`
}

const TEXT_FORM = /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]{1,200})\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/

/** The reverse of formatCredentials; undefined when the text is not one. */
export function parseCredentials(text: string): ScramCredentials | undefined {
  const parts = TEXT_FORM.exec(text)
  if (parts === null) return undefined
  const [salt, storedKey, serverKey] = [parts[2]!, parts[3]!, parts[4]!].map((part) => Buffer.from(part, 'base64'))
  const iterations = Number(parts[1])
  if (iterations < 1 || iterations > MAX_ITERATIONS) return undefined
  if (salt!.length === 0 || storedKey!.length !== 32 || serverKey!.length !== 32) return undefined
  return { salt: salt!, iterations, storedKey: storedKey!, serverKey: serverKey! }
}

/** SASLprep (RFC 4013 §2): spaces to U+0020, invisible marks dropped, NFKC; undefined for control characters or nothing. */
export function preparePassword(password: string): Buffer | undefined {
  if (password === '' || password.length > MAX_PASSWORD_BYTES) return undefined
  if (/^[\x20-\x7e]+$/.test(password)) return Buffer.from(password, 'latin1')
  const mapped = password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/[\u034f\u00ad\u1806\u2060\ufeff]|[\u200c-\u200d]|[\u180b-\u180d]|[\ufe00-\ufe0f]/gu, '')
    .normalize('NFKC')
  if (mapped === '' || !mapped.isWellFormed() || PROHIBITED.test(mapped)) return undefined
  return Buffer.from(mapped, 'utf8')
}

/** RFC 4013 §2.3: control characters, private use, noncharacters, marks that change display. */
const PROHIBITED = /[\p{Cc}\p{Co}\u200e\u200f\u2028-\u202e\u206a-\u206f\ufff9-\uffff]/u

/** StoredKey and ServerKey of a SaltedPassword (RFC 5802 §3). */
export function keysOf(saltedPassword: Uint8Array): { clientKey: Buffer; storedKey: Buffer; serverKey: Buffer } {
  const clientKey = createHmac('sha256', saltedPassword).update('Client Key').digest()
  return {
    clientKey,
    storedKey: hash('sha256', clientKey, 'buffer'),
    serverKey: createHmac('sha256', saltedPassword).update('Server Key').digest(),
  }
}
