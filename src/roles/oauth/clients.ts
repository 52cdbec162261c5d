// Which programs may ask for tokens (RFC 6749 §2): public clients, named in the description or registered by themselves
// (RFC 7591). A registration is kept nowhere: the client's id is what it registered, signed, so strangers who register take
// no room here (RFC 7591 §A.5.2). No program has a secret: what lies on everybody's computer is none (RFC 8252 §8.5).

import { createHmac, timingSafeEqual } from 'node:crypto'

export interface OAuthClient {
  readonly id: string
  /** As people read it; a stranger chose it. */
  readonly name: string
  readonly redirectUris: readonly string[]
  /** It said itself who it is. */
  readonly isRegistered: boolean
}

const MAX_URIS = 5
const MAX_URI = 200
const MAX_NAME = 60
/** Where a browser and its program are on one machine (RFC 8252 §7.3); the port is whatever the program got. */
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost'])

export class Clients {
  readonly #known: ReadonlyMap<string, OAuthClient>
  readonly #secret: Buffer

  /** `described`: the ids and redirect URIs of the description. */
  constructor(described: readonly { readonly id: string; readonly redirectUris: readonly string[] }[], secret: Buffer) {
    this.#known = new Map(
      described.map(({ id, redirectUris }) => [id, { id, name: id, redirectUris, isRegistered: false }]),
    )
    this.#secret = secret
  }

  find(id: string): OAuthClient | undefined {
    return this.#known.get(id) ?? this.#read(id)
  }

  /** RFC 7591 §3: the new client, or what is wrong with what it says of itself. */
  register(metadata: unknown): OAuthClient | { readonly error: string; readonly text: string } {
    const { redirect_uris: uris, client_name: name, token_endpoint_auth_method: method } = asRecord(metadata)
    if (method !== undefined && method !== 'none')
      return { error: 'invalid_client_metadata', text: 'Only public clients: token_endpoint_auth_method is "none".' }
    // Without a redirect URI there is still the device grant.
    const given: unknown[] = Array.isArray(uris) ? uris : []
    const redirectUris = given.filter((uri): uri is string => typeof uri === 'string' && isRedirectUri(uri))
    if (redirectUris.length !== given.length || given.length > MAX_URIS)
      return {
        error: 'invalid_redirect_uri',
        text: 'A redirect URI is https, http at loopback, or a scheme of the program with a dot in it; at most five.',
      }
    const called = typeof name === 'string' ? cleanName(name) : ''
    const claim = Buffer.from(JSON.stringify([called, ...redirectUris])).toString('base64url')
    return this.#read(`${claim}.${this.#sign(claim)}`)!
  }

  #read(id: string): OAuthClient | undefined {
    const [claim, signature, ...more] = id.split('.')
    if (!claim || !signature || more.length > 0) return undefined
    const expected = Buffer.from(this.#sign(claim))
    const given = Buffer.from(signature)
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined
    const [name, ...redirectUris] = JSON.parse(Buffer.from(claim, 'base64url').toString()) as [string, ...string[]]
    return { id, name: name || 'A program without a name', redirectUris, isRegistered: true }
  }

  #sign(claim: string): string {
    return createHmac('sha256', this.#secret).update(`oauth client\0${claim}`).digest('base64url').slice(0, 22)
  }
}

/** May this client be answered there: the very URI, but for the port at loopback (RFC 8252 §7.3, RFC 9700 §4.1.3). */
export function mayRedirect({ redirectUris }: OAuthClient, uri: string): boolean {
  return isRedirectUri(uri) && redirectUris.some((known) => known === uri || withoutPort(known) === withoutPort(uri))
}

/** Of a loopback URI its form without the port; any other text stays as it is. */
function withoutPort(uri: string): string {
  const url = new URL(uri)
  if (url.protocol !== 'http:' || !LOOPBACK.has(url.hostname)) return uri
  url.port = ''
  return url.href
}

/** Is this a URI that we would ever send a code to. Never `javascript:` and the like: a dot must be in a private scheme. */
export function isRedirectUri(uri: string): boolean {
  if (uri.length > MAX_URI || !/^[\x21-\x7e]+$/.test(uri) || !URL.canParse(uri)) return false
  const { protocol, hostname, hash, username, password } = new URL(uri)
  if (hash !== '' || uri.includes('#') || username !== '' || password !== '') return false
  if (protocol === 'https:') return true
  if (protocol === 'http:') return LOOPBACK.has(hostname)
  return /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/.test(protocol)
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

/** It stands on our page: no control characters, nothing that turns the direction of writing. */
const cleanName = (name: string): string =>
  name
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .slice(0, MAX_NAME)
    .toWellFormed()
