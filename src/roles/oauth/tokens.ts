// The forms of codes and tokens. Codes and refresh tokens are chance, of which a hash is kept (RFC 6749 §10.10); an access
// token is a signed word about a grant, worth nothing once it has expired or the grant is gone. Each names its account, so
// that no search tells by its time what exists.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Random } from '../../world/world.ts'

const MAX_TOKEN = 2000
const SECRET_BYTES = 24

/** A code or a refresh token. `family` is the same in all of one grant: who knows it has held one of them. */
export interface Ticket {
  readonly address: string
  readonly grant: number
  readonly family: string
  readonly secret: string
}

export interface Access {
  readonly address: string
  readonly grant: number
  readonly untilMs: number
  readonly scopes: readonly string[]
}

export const newSecret = (random: Pick<Random, 'bytes'>): string => random.bytes(SECRET_BYTES).toString('base64url')

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** Takes the same time wherever they differ. */
export const isSame = (one: string, other: string): boolean =>
  timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest())

export function formatTicket({ address, grant, family, secret }: Ticket): string {
  return `${pack([address, grant])}.${family}.${secret}`
}

export function readTicket(text: string): Ticket | undefined {
  const [claim, family, secret, ...more] = text.length > MAX_TOKEN ? [] : text.split('.')
  const parts = unpack(claim)
  if (parts === undefined || !family || !secret || more.length > 0) return undefined
  const [address, grant] = parts
  return typeof address === 'string' && isId(grant) ? { address, grant, family, secret } : undefined
}

/** `bond`: what the grant keeps and nothing else knows, so that a grant of the same number is never taken for it. */
export function formatAccess({ address, grant, untilMs, scopes }: Access, secret: Buffer, bond: string): string {
  const claim = pack([address, grant, untilMs, scopes.join(' ')])
  return `${claim}.${sign(claim, secret, bond)}`
}

/** What an access token says, and the check of whether it was ours. */
export function readAccess(text: string): (Access & { isSigned(secret: Buffer, bond: string): boolean }) | undefined {
  const [claim, signature, ...more] = text.length > MAX_TOKEN ? [] : text.split('.')
  const parts = unpack(claim)
  if (parts === undefined || !signature || more.length > 0) return undefined
  const [address, grant, untilMs, scopes] = parts
  if (typeof address !== 'string' || !isId(grant) || typeof untilMs !== 'number' || typeof scopes !== 'string')
    return undefined
  const isSigned = (secret: Buffer, bond: string) => isSame(signature, sign(claim!, secret, bond))
  return { address, grant, untilMs, scopes: scopes.split(' '), isSigned }
}

/** The address that a token of any kind names; nothing is proven by it. */
export const addressIn = (token: string): string | undefined => (readTicket(token) ?? readAccess(token))?.address

const isId = (value: unknown): value is number => Number.isSafeInteger(value)
const pack = (parts: readonly unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')

function unpack(claim: string | undefined): unknown[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(claim ?? '', 'base64url').toString())
    return Array.isArray(parts) ? parts : undefined
  } catch {
    return undefined
  }
}

const sign = (claim: string, secret: Buffer, bond: string): string =>
  createHmac('sha256', secret).update(`oauth access\0${bond}\0${claim}`).digest('base64url')
