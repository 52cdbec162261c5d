// What a program asks of a person (RFC 6749 §4.1.1), read and judged before the person sees it. Whoever is not a client of
// ours, or names a place that is not the client's, is answered on our page alone and never sent there (RFC 9700 §4.11).

import { type Clients, mayRedirect, type OAuthClient } from './clients.ts'
import { isWorthAsking, readScopes } from './scopes.ts'

export interface AuthorizationRequest {
  readonly client: OAuthClient
  readonly redirectUri: string
  readonly scopes: readonly string[]
  readonly challenge: string
  readonly state: string | undefined
  readonly nonce: string | undefined
  /** The person must have shown the password within this time. */
  readonly maxAgeMs: number
}

export type ReadRequest =
  | { readonly kind: 'asks'; readonly request: AuthorizationRequest }
  /** Told to the program (RFC 6749 §4.1.2.1). */
  | { readonly kind: 'back'; readonly to: string }
  /** Told to the person. */
  | { readonly kind: 'wrong'; readonly text: string }

const MAX_TEXT = 1000
/** Whoever sits down at a browser that somebody left open must not let a program in for good. */
const FRESH_MS = 600_000
/** `prompt=login`: just now. */
const JUST_NOW_MS = 60_000

export function readRequest(query: URLSearchParams, clients: Clients, issuer: string): ReadRequest {
  const given = (name: string): string | undefined => query.get(name) || undefined
  const client = clients.find(given('client_id') ?? '')
  if (client === undefined) return { kind: 'wrong', text: 'This program is not known here.' }
  // RFC 6749 §3.1.2.3: with one URI that is a whole one, it need not be said.
  const uri = given('redirect_uri') ?? (client.redirectUris.length === 1 ? client.redirectUris[0]! : '')
  if (!mayRedirect(client, uri))
    return { kind: 'wrong', text: `${client.name} wants the answer at an address that it has not named before.` }
  const state = given('state')
  const back = (error: string, text: string): ReadRequest => ({
    kind: 'back',
    to: answerUri(uri, { error, error_description: text, state, iss: issuer }),
  })
  if (comesTwice(query) || [...query.values()].some((value) => value.length > MAX_TEXT))
    return back('invalid_request', 'A parameter comes twice, or is too long.')
  if (query.has('request')) return back('request_not_supported', 'Request objects are not read here.')
  if (query.has('request_uri')) return back('request_uri_not_supported', 'Request objects are not read here.')
  if (given('response_type') !== 'code') return back('unsupported_response_type', 'Only "code" is given here.')
  if ((given('response_mode') ?? 'query') !== 'query') return back('invalid_request', 'Only response_mode "query".')
  const challenge = given('code_challenge') ?? ''
  // Never "plain", which is what stands for nothing said (RFC 7636 §4.3, RFC 9700 §2.1.1).
  if (given('code_challenge_method') !== 'S256' || !/^[A-Za-z0-9_-]{43}$/.test(challenge))
    return back('invalid_request', 'PKCE with S256 is needed (RFC 7636).')
  const scopes = readScopes(given('scope') ?? '')
  if (!isWorthAsking(scopes)) return back('invalid_scope', 'No scope that is known here.')
  // A person is always asked: who is signed in is not told by a redirect.
  if (given('prompt') === 'none') return back('interaction_required', 'The person must be asked.')
  const maxAgeS = Number(given('max_age') ?? Number.NaN)
  const limits = [
    FRESH_MS,
    given('prompt') === 'login' ? JUST_NOW_MS : FRESH_MS,
    maxAgeS >= 0 ? maxAgeS * 1000 : FRESH_MS,
  ]
  return {
    kind: 'asks',
    request: {
      client,
      redirectUri: uri,
      scopes,
      challenge,
      state,
      nonce: given('nonce'),
      maxAgeMs: Math.max(JUST_NOW_MS, Math.min(...limits)),
    },
  }
}

/** RFC 6749 §3.1 forbids it; only of resources there may be several (RFC 8707 §2), and they say nothing here. */
export function comesTwice(parameters: URLSearchParams): boolean {
  const names = [...parameters.keys()].filter((name) => name !== 'resource')
  return new Set(names).size < names.length
}

/** The client's address with these parameters added to whatever it has. */
export function answerUri(redirectUri: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const added = new URLSearchParams(
    Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${added}`
}
