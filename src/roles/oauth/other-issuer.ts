// Another issuer whose word we take on who somebody is (OpenID Connect Core §3.1): what it says of itself is fetched and kept
// for an hour, the person is sent there and comes back with a code, and what the code gives is checked by `jose`: signature,
// issuer, audience, time; here: state, nonce and PKCE. Its access tokens are read likewise (RFC 9068).

import { createHash } from 'node:crypto'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { httpsGet, httpsPost } from '../../identity/mta-sts/https-get.ts'
import type { Agent } from '../agent.ts'
import { digestOf, isSame, newSecret } from './tokens.ts'

/** What must be remembered between going and coming back; nobody but the person's own browser has it. */
export interface Attempt {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Whom the issuer says it is. */
export interface OtherPerson {
  /** Of issuer and subject: never another person's. */
  readonly subject: string
  /** An address that the issuer has verified. */
  readonly email: string | undefined
}

/** What went wrong; the page says it in words. */
export type OtherFault = 'unreachable' | 'not-good' | 'refused' | 'unknown' | 'linked-elsewhere' | 'busy' | 'late'
type Fault = { readonly fault: OtherFault }

interface Metadata {
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly userinfo_endpoint?: string
  readonly authorization_response_iss_parameter_supported?: boolean
}

interface Known {
  readonly metadata: Metadata
  readonly jwks: JSONWebKeySet
}

const KEPT_MS = 3_600_000
/** One that does not answer is left alone for so long. */
const FAILED_MS = 10_000
/** A key that is not among those we have may be new; strangers must not make us look for it all the time. */
const KEYS_AGAIN_MS = 60_000
const TIMEOUT_MS = 10_000
const MAX_BYTES = 256 * 1024
const TOLERANCE_S = 60
/** Signatures by a key that only the issuer has. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
/** The client's secret, where the issuer wants one: in the agent's folder, never in a description. */
const SECRET_FILE = 'oidc-secret'

export class OtherIssuer {
  readonly url: string
  readonly #client: string
  readonly #agent: Agent
  #known: Promise<Known | undefined> | undefined
  #knownAtMs = 0
  #keptMs = KEPT_MS

  constructor(agent: Agent, { issuer, client }: { readonly issuer: string; readonly client: string }) {
    this.url = issuer
    this.#client = client
    this.#agent = agent
  }

  /** Where the person goes, and what to remember until then. */
  async begin(redirectUri: string): Promise<{ readonly to: string; readonly attempt: Attempt } | Fault> {
    const known = await this.#know()
    if (known === undefined) return { fault: 'unreachable' }
    const { random } = this.#agent.world
    const attempt = {
      state: newSecret(random),
      nonce: newSecret(random),
      verifier: random.bytes(32).toString('base64url'),
    }
    const to = new URL(known.metadata.authorization_endpoint)
    for (const [name, value] of Object.entries({
      client_id: this.#client,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid email',
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: createHash('sha256').update(attempt.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    }))
      to.searchParams.set(name, value)
    return { to: to.href, attempt }
  }

  /** The person is back: who it is. */
  async finish(attempt: Attempt, query: URLSearchParams, redirectUri: string): Promise<OtherPerson | Fault> {
    const known = await this.#know()
    if (known === undefined) return { fault: 'unreachable' }
    if (!isSame(query.get('state') ?? '', attempt.state)) return { fault: 'not-good' }
    // RFC 9207: an answer of one issuer must not be taken to another.
    const iss = query.get('iss') ?? (known.metadata.authorization_response_iss_parameter_supported ? '' : this.url)
    if (iss !== this.url) return { fault: 'not-good' }
    const code = query.get('code')
    if (code === null) return { fault: 'refused' }
    const tokens = await this.#redeem(known.metadata.token_endpoint, code, attempt, redirectUri)
    if (typeof tokens?.id_token !== 'string') return { fault: 'not-good' }
    const claims = await this.#verify(known, tokens.id_token, this.#client)
    if (claims === undefined || !isSame(String(claims.nonce), attempt.nonce)) return { fault: 'not-good' }
    // It was given to another client (OpenID Connect Core §3.1.3.7).
    if (claims.azp !== undefined && claims.azp !== this.#client) return { fault: 'not-good' }
    const more = claims.email === undefined ? await this.#userinfo(known.metadata, tokens, claims.sub!) : undefined
    return this.#person({ ...more, ...claims })
  }

  /** Whose access token it is, and what it is for; undefined: none of this issuer's, or not for us. */
  async check(token: string): Promise<(OtherPerson & { readonly scopes: readonly string[] }) | undefined> {
    if (!/^[A-Za-z0-9_-]{10,1000}\.[A-Za-z0-9_-]{10,6000}\.[A-Za-z0-9_-]{10,2000}$/.test(token)) return undefined
    const known = await this.#know()
    const claims = known && (await this.#verify(known, token, [this.#client, this.#agent.hostName]))
    // An ID token says who somebody is, to one client; it has no scope, and opens nothing.
    if (claims === undefined || typeof claims.scope !== 'string' || claims.nonce !== undefined) return undefined
    return { ...this.#person(claims), scopes: claims.scope.split(' ') }
  }

  #person(claims: JWTPayload): OtherPerson {
    const { sub, email, email_verified: isVerified } = claims
    return {
      subject: digestOf(`${this.url}\0${sub}`),
      email: typeof email === 'string' && isVerified === true ? email : undefined,
    }
  }

  async #verify(known: Known, token: string, audience: string | string[]): Promise<JWTPayload | undefined> {
    const options = {
      issuer: this.url,
      audience,
      algorithms: ALGORITHMS,
      currentDate: new Date(this.#agent.world.clock.now()),
      clockTolerance: TOLERANCE_S,
      requiredClaims: ['sub', 'exp', 'iat'],
    }
    try {
      return (await jwtVerify(token, createLocalJWKSet(known.jwks), options)).payload
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error
      const isNewKey = error instanceof errors.JWKSNoMatchingKey
      if (!isNewKey || this.#agent.world.clock.monotonic() - this.#knownAtMs < KEYS_AGAIN_MS) return undefined
      this.#known = undefined
      const fresh = await this.#know()
      return fresh === undefined ? undefined : this.#verify(fresh, token, audience)
    }
  }

  async #redeem(endpoint: string, code: string, { verifier }: Attempt, redirectUri: string) {
    const secret = (await this.#agent.world.disk.readFile(SECRET_FILE))?.toString('utf8').trim()
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      client_id: this.#client,
      code_verifier: verifier,
    })
    // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
    const part = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
    const basic = secret && Buffer.from(`${part(this.#client)}:${part(secret)}`).toString('base64')
    return this.#json(endpoint, form, basic ? { Authorization: `Basic ${basic}` } : {})
  }

  /** Claims that are not in the ID token (OpenID Connect Core §5.3); those of another subject are none. */
  async #userinfo({ userinfo_endpoint: at }: Metadata, tokens: Record<string, unknown>, sub: string) {
    if (at === undefined || !/^[\x21-\x7e]+$/.test(String(tokens.access_token))) return undefined
    const found = await this.#json(at, new URLSearchParams(), { Authorization: `Bearer ${tokens.access_token}` })
    return found?.sub === sub ? { email: found.email, email_verified: found.email_verified } : undefined
  }

  /** What the issuer says of itself; asked for once at a time. undefined: it does not answer, or says what it may not. */
  #know(): Promise<Known | undefined> {
    const { clock } = this.#agent.world
    if (this.#known === undefined || clock.monotonic() - this.#knownAtMs > this.#keptMs) {
      this.#knownAtMs = clock.monotonic()
      this.#keptMs = KEPT_MS
      this.#known = this.#discover().catch((error: unknown) => {
        this.#keptMs = FAILED_MS
        this.#agent.log('warning', 'another issuer cannot be asked', { issuer: this.url, error: String(error) })
        return undefined
      })
    }
    return this.#known
  }

  async #discover(): Promise<Known> {
    const base = this.url.replace(/\/$/, '')
    const metadata = await this.#json(`${base}/.well-known/openid-configuration`)
    if (metadata?.issuer !== this.url) throw new Error('it does not say that it is this issuer')
    for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'])
      if (typeof metadata[name] !== 'string' || !URL.canParse(metadata[name])) throw new Error(`it names no ${name}`)
    if (!/^https?:$/.test(new URL(String(metadata.authorization_endpoint)).protocol))
      throw new Error('its authorization_endpoint is no page')
    const jwks = await this.#json(String(metadata.jwks_uri))
    if (!Array.isArray(jwks?.keys)) throw new Error('its keys cannot be read')
    return { metadata: metadata as unknown as Metadata, jwks: jwks as unknown as JSONWebKeySet }
  }

  /** GET, or POST with a form; JSON of an object, or undefined. */
  async #json(
    url: string,
    form?: URLSearchParams,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<Record<string, unknown> | undefined> {
    const { world, settings } = this.#agent
    const { protocol, hostname, port, pathname, search } = new URL(url)
    // Without TLS anybody could be the issuer: on the machine itself alone, in a lab.
    const isPlain = protocol === 'http:' && settings.transmitter.privateDestinations && LOOPBACK.has(hostname)
    if (protocol !== 'https:' && !isPlain) return undefined
    const request = {
      host: hostname,
      path: `${pathname}${search}`,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      accept: 'application/json',
      isPlain,
      ...(port !== '' || isPlain ? { port: Number(port || 80) } : {}),
    }
    const options = { privateDestinations: settings.transmitter.privateDestinations }
    const answer =
      form === undefined
        ? await httpsGet(world, options)(request)
        : await httpsPost(
            world,
            {
              ...request,
              contentType: 'application/x-www-form-urlencoded',
              body: Buffer.from(form.toString()),
              fields,
            },
            options,
          )
    if ('fault' in answer || answer.status !== 200) return undefined
    try {
      const json: unknown = JSON.parse(answer.body.toString('utf8'))
      return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
    } catch {
      return undefined
    }
  }
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])
