// TLS sessions that our clients may resume (RFC 8446 §2.2): the next handshake with the same server is shorter and costs no
// signature. What was found out about the server's certificate goes with the session, for a resumed one shows none; so
// it is short, and a change of certificates or of TLSA records is seen within minutes. (That a ticket used twice shows two
// connections to be of one client, §C.4, tells nothing new of a mail server.)

import { createHash } from 'node:crypto'
import type { TlsClientSide, TlsInfo } from '../network.ts'

const LIFETIME_MS = 600_000
const MOST_SESSIONS = 1000

export type Proof = Pick<TlsInfo, 'authorized' | 'authorizationError' | 'peerCertificates'>

export interface KeptSession {
  readonly session: Buffer
  readonly proof: Proof
  /** When the certificates were shown: a session that was resumed is no younger. */
  readonly provenMs: number
}

export class TlsSessions {
  readonly #kept = new Map<string, KeptSession>()
  readonly #monotonicMs: () => number

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
  }

  get nowMs(): number {
    return this.#monotonicMs()
  }

  /** The session to resume, if there is one. */
  find(key: string): KeptSession | undefined {
    const kept = this.#kept.get(key)
    if (kept !== undefined && this.#isYoung(kept)) return kept
    this.#kept.delete(key)
    return undefined
  }

  /** The handshake with it failed. */
  forget(key: string): void {
    this.#kept.delete(key)
  }

  keep(key: string, session: KeptSession): void {
    if (!this.#isYoung(session)) return
    this.#kept.delete(key)
    this.#kept.set(key, session)
    if (this.#kept.size > MOST_SESSIONS) this.#kept.delete(this.#kept.keys().next().value!)
  }

  #isYoung({ provenMs }: KeptSession): boolean {
    return this.#monotonicMs() - provenMs < LIFETIME_MS
  }
}

/** Sessions of one place, asked for in one manner; undefined: none is kept, for the client shows who it is. */
export function sessionKey(side: TlsClientSide, place: string): string | undefined {
  if (side.identity !== undefined) return undefined
  const anchors = side.trusted && createHash('sha256').update(side.trusted.join('\n')).digest('hex')
  return JSON.stringify([place, side.serverName, side.mustAuthenticate, anchors])
}
