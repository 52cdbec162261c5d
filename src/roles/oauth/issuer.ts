// The issuer of tokens for the people of a system (RFC 6749), as the web server speaks for it: what it can (RFC 8414), the
// person's consent, codes and refresh tokens that become access tokens, and tokens that are given back (RFC 7009). Why it is
// not a library: docs/accounts.md.

import { RateLimit } from '../../filter/rate.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Accounts } from '../accounts.ts'
import type { Agent } from '../agent.ts'
import { Clients } from './clients.ts'
import { challengeOf, type DeviceAttempt, Devices } from './devices.ts'
import type { Tokens } from './grants.ts'
import { IdTokens, personClaims } from './id-token.ts'
import { type AuthorizationRequest, answerUri, comesTwice, type ReadRequest, readRequest } from './request.ts'
import { isWorthAsking, readScopes, SCOPES } from './scopes.ts'
import { addressIn } from './tokens.ts'

/** An answer of HTTP: JSON. */
export interface JsonAnswer {
  readonly status: number
  readonly body: object
}

type House = { readonly agent: Agent; readonly accounts: Accounts }

const REQUESTS_A_MINUTE = 120
const REGISTRATIONS_AN_HOUR = 30
const MAX_FIELD = 2000
/** RFC 7636 §4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const GRANTS = ['authorization_code', 'refresh_token', DEVICE] as const
/** Codes that one person types. */
const USER_CODES = 20
const USER_CODES_MS = 600_000

const refuse = (error: string, text: string, status = 400): JsonAnswer => ({
  status,
  body: { error, error_description: text },
})
const invalidGrant = refuse('invalid_grant', 'It is not good, or no longer: ask the person again.')

export class Issuer {
  readonly #houses: readonly House[]
  readonly #clients: Clients
  readonly #idTokens: IdTokens
  readonly #devices: Devices
  readonly #requests: RateLimit
  readonly #userCodes: RateLimit
  readonly #registrations: RateLimit

  /** `houses`: the agents whose people it speaks for, at least one. */
  constructor(houses: readonly [House, ...House[]]) {
    const [{ agent, accounts }] = houses
    this.#houses = houses
    this.#clients = new Clients(
      houses.flatMap((house) => house.agent.settings.oauthClients),
      agent.secrets.server,
    )
    this.#idTokens = new IdTokens(agent, accounts.passwords)
    this.#devices = new Devices(agent.world)
    this.#userCodes = new RateLimit(agent.world.clock, USER_CODES, USER_CODES_MS)
    this.#requests = new RateLimit(agent.world.clock, REQUESTS_A_MINUTE, 60_000)
    this.#registrations = new RateLimit(agent.world.clock, REGISTRATIONS_AN_HOUR, 3_600_000)
  }

  /** RFC 8414 §2, OpenID Connect Discovery §3. `url`: where the program found us. */
  metadata(url: string): object {
    return {
      issuer: url,
      authorization_endpoint: `${url}/oauth/authorize`,
      token_endpoint: `${url}/oauth/token`,
      device_authorization_endpoint: `${url}/oauth/device_authorization`,
      revocation_endpoint: `${url}/oauth/revoke`,
      registration_endpoint: `${url}/oauth/register`,
      userinfo_endpoint: `${url}/oauth/userinfo`,
      jwks_uri: `${url}/oauth/keys`,
      scopes_supported: SCOPES,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: GRANTS,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      authorization_response_iss_parameter_supported: true,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'email', 'email_verified', 'name'],
      prompt_values_supported: ['none', 'login', 'consent'],
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
    }
  }

  keys(): Promise<object> {
    return this.#idTokens.keys()
  }

  /** RFC 7591 §3. */
  register(metadata: unknown, from: string): JsonAnswer {
    if (!this.#registrations.take(from)) return refuse('temporarily_unavailable', 'Too many registrations.', 429)
    const client = this.#clients.register(metadata)
    if ('error' in client) return refuse(client.error, client.text)
    return {
      status: 201,
      body: {
        client_id: client.id,
        client_name: client.name,
        redirect_uris: client.redirectUris,
        token_endpoint_auth_method: 'none',
        grant_types: GRANTS,
        response_types: ['code'],
      },
    }
  }

  read(query: URLSearchParams, url: string): ReadRequest {
    return readRequest(query, this.#clients, url)
  }

  /** The person agrees. Where the browser goes on, or why it cannot be. @throws DiskError */
  async allow(
    account: Account,
    request: AuthorizationRequest,
    { url, signedInAtMs }: { url: string; signedInAtMs: number },
  ): Promise<{ to: string } | { complaint: string }> {
    const grants = this.#houseOf(account.address)?.accounts.grants
    const { client, scopes, redirectUri, challenge, state, nonce } = request
    const answer = await grants?.allow(account, {
      client,
      scopes,
      redirectUri,
      challenge,
      signedInAtMs,
      ...(nonce !== undefined && { nonce }),
    })
    if (answer === undefined) return { complaint: 'This account is not of this system.' }
    return 'code' in answer ? { to: answerUri(redirectUri, { code: answer.code, state, iss: url }) } : answer
  }

  /** The person does not. */
  deny({ redirectUri, state }: AuthorizationRequest, url: string): { to: string } {
    return { to: answerUri(redirectUri, { error: 'access_denied', state, iss: url }) }
  }

  /** The token endpoint (RFC 6749 §3.2). @throws DiskError */
  async token(form: URLSearchParams, from: string, url: string): Promise<JsonAnswer> {
    const wrong = this.#formFault(form, from)
    if (wrong !== undefined) return wrong
    const given = (name: string): string => form.get(name) ?? ''
    const client = this.#clients.find(given('client_id'))
    if (client === undefined) return refuse('invalid_client', 'This client is not known here.', 401)
    switch (given('grant_type')) {
      case 'authorization_code': {
        if (!VERIFIER.test(given('code_verifier'))) return refuse('invalid_request', 'code_verifier is needed.')
        const claim = {
          client: client.id,
          redirectUri: given('redirect_uri') || (client.redirectUris[0] ?? ''),
          verifier: given('code_verifier'),
        }
        const tokens = await this.#grantsOf(given('code'))?.redeem(given('code'), claim)
        return tokens === undefined ? invalidGrant : this.#given(tokens, client.id, url)
      }
      case 'refresh_token': {
        const scopes = form.has('scope') ? readScopes(given('scope')) : undefined
        const token = given('refresh_token')
        const tokens = await this.#grantsOf(token)?.refresh(token, client.id, scopes)
        return tokens === undefined ? invalidGrant : this.#given({ ...tokens, nonce: null }, client.id, url)
      }
      case DEVICE: {
        const attempt = this.#devices.poll(given('device_code'), client.id)
        if (typeof attempt === 'string') return refuse(attempt, 'Not yet, or no longer.')
        const { code } = attempt.answer as { readonly code: string }
        const claim = { client: client.id, redirectUri: '', verifier: attempt.verifier }
        const tokens = await this.#grantsOf(code)?.redeem(code, claim)
        return tokens === undefined ? refuse('expired_token', 'It came too late.') : this.#given(tokens, client.id, url)
      }
      case '':
        return refuse('invalid_request', 'grant_type is needed.')
      default:
        return refuse('unsupported_grant_type', `Only ${GRANTS.join(' and ')}.`)
    }
  }

  /** RFC 8628 §3.1. */
  device(form: URLSearchParams, from: string, url: string): JsonAnswer {
    const wrong = this.#formFault(form, from)
    if (wrong !== undefined) return wrong
    const client = this.#clients.find(form.get('client_id') ?? '')
    if (client === undefined) return refuse('invalid_client', 'This client is not known here.', 401)
    const scopes = readScopes(form.get('scope') ?? '')
    if (!isWorthAsking(scopes)) return refuse('invalid_scope', 'No scope that is known here.')
    const { deviceCode, userCode, expiresInS, intervalS } = this.#devices.begin(client, scopes)
    return {
      status: 200,
      body: {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: `${url}/oauth/device`,
        verification_uri_complete: `${url}/oauth/device?user_code=${userCode}`,
        expires_in: expiresInS,
        interval: intervalS,
      },
    }
  }

  /** What waits for the code that a person typed: few may be tried (RFC 8628 §5.1). */
  deviceOf(account: Account, userCode: string): DeviceAttempt | 'too-many' | undefined {
    if (!this.#userCodes.hasRoom(account.address)) return 'too-many'
    const found = this.#devices.waiting(userCode)
    if (found === undefined) this.#userCodes.add(account.address)
    return found
  }

  /** The person's answer to a device. @throws DiskError */
  async answerDevice(
    account: Account,
    attempt: DeviceAttempt,
    { allow, signedInAtMs }: { readonly allow: boolean; readonly signedInAtMs: number },
  ): Promise<{ complaint: string } | undefined> {
    if (!allow) {
      attempt.answer = 'denied'
      return undefined
    }
    const { client, scopes } = attempt
    const consent = { client, scopes, redirectUri: '', challenge: challengeOf(attempt), signedInAtMs }
    const answer = await this.#houseOf(account.address)?.accounts.grants.allow(account, consent)
    if (answer === undefined) return { complaint: 'This account is not of this system.' }
    if ('complaint' in answer) return answer
    attempt.answer = answer
    return undefined
  }

  /** RFC 7009 §2: for a token that nobody knows the answer is the same. @throws DiskError */
  async revoke(form: URLSearchParams, from: string): Promise<JsonAnswer> {
    const wrong = this.#formFault(form, from)
    if (wrong !== undefined) return wrong
    const token = form.get('token') ?? ''
    if (token === '') return refuse('invalid_request', 'token is needed.')
    await this.#grantsOf(token)?.giveBack(token, form.get('client_id') ?? '')
    return { status: 200, body: {} }
  }

  /** OpenID Connect Core §5.3: who the token is of; undefined: not a good one. */
  userinfo(token: string): object | undefined {
    const found = this.#grantsOf(token)?.check(token)
    if (found?.state !== 'ok' || !found.scopes.includes('openid')) return undefined
    return personClaims(found.account, found.scopes)
  }

  async #given(tokens: Tokens, client: string, url: string): Promise<JsonAnswer> {
    const { account, access, expiresInS, refresh, scopes, nonce, signedInAtMs } = tokens
    const idToken = scopes.includes('openid')
      ? await this.#idTokens.sign(account, { issuer: url, client, nonce, signedInAtMs, scopes })
      : undefined
    return {
      status: 200,
      body: {
        access_token: access,
        token_type: 'Bearer',
        expires_in: expiresInS,
        refresh_token: refresh,
        scope: scopes.join(' '),
        ...(idToken !== undefined && { id_token: idToken }),
      },
    }
  }

  #formFault(form: URLSearchParams, from: string): JsonAnswer | undefined {
    if (!this.#requests.take(from)) return refuse('temporarily_unavailable', 'Too many requests.', 429)
    return comesTwice(form) || [...form.values()].some((value) => value.length > MAX_FIELD)
      ? refuse('invalid_request', 'A parameter comes twice, or is too long.')
      : undefined
  }

  #houseOf(address: string): House | undefined {
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
    return this.#houses.find(({ agent }) => agent.domain === domain)
  }

  #grantsOf(token: string) {
    const address = addressIn(token)
    return address === undefined ? undefined : this.#houseOf(address)?.accounts.grants
  }
}
