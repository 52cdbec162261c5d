// What SASL asks of whoever keeps the accounts. SMTP, IMAP and POP3 use the same face.

import type { ScramCredentials } from './credentials.ts'

export type SaslMechanism =
  | 'PLAIN'
  | 'LOGIN'
  | 'SCRAM-SHA-256'
  | 'SCRAM-SHA-256-PLUS'
  | 'EXTERNAL'
  | 'OAUTHBEARER'
  | 'XOAUTH2'

/** 'ok' names the account as it is kept (not as typed). 'unavailable': nothing is known now, the client may try later. */
export type PasswordVerdict =
  | { readonly state: 'ok'; readonly user: string }
  | { readonly state: 'refused' }
  | { readonly state: 'unavailable' }

/** For an unknown user give `fakeCredentials(…)` (credentials.ts), so that nobody learns which names exist. */
export type ScramLookup =
  | { readonly state: 'found'; readonly user: string; readonly credentials: ScramCredentials }
  | { readonly state: 'unavailable' }

/** Why a token is not good here, for the client that showed it (RFC 7628 §3.2.2). */
export interface TokenFault {
  readonly status: 'invalid_token' | 'insufficient_scope'
  /** What a good token here is for. */
  readonly scope: string
  /** Where the client learns how to get one. */
  readonly configuration?: string
}

export type TokenVerdict =
  | { readonly state: 'ok'; readonly user: string }
  | { readonly state: 'refused'; readonly fault: TokenFault }
  | { readonly state: 'unavailable' }

export interface SaslAccounts {
  /** In the order to offer them. */
  readonly mechanisms: readonly SaslMechanism[]
  /** Takes as long for unknown users: check against `fakeCredentials(…)` and refuse. `from`: the client's IP address. */
  checkPassword(user: string, password: string, from: string): Promise<PasswordVerdict> | PasswordVerdict
  scramCredentials(user: string, from: string): Promise<ScramLookup> | ScramLookup
  /** Of whoever offers OAUTHBEARER or XOAUTH2. `user`: whom the client wants to be, if it says so. */
  checkToken?(user: string | undefined, token: string, from: string): Promise<TokenVerdict>
  /** Whose certificate (DER) it is, which the client has the key of; `user`: who it says it is, if it says so. */
  certificateHolder?(certificate: Buffer, user: string | undefined, from: string): PasswordVerdict
  /** The account of this name was signed in to, by whichever way: what was tried before is forgiven. */
  signedIn?(user: string, from: string): void
  /** Whoever signed in has gone, and the connection stays (RFC 8437). */
  signedOut?(): void
}
