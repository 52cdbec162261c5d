// SASL, the server's side, without I/O: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login), SCRAM-SHA-256 and
// -PLUS (RFC 5802, RFC 7677; bound to the TLS session by RFC 9266 or RFC 5929), EXTERNAL with the client's certificate
// (RFC 4422 appendix A), OAUTHBEARER (RFC 7628) and XOAUTH2. SMTP, IMAP, POP3 and ManageSieve wrap it in their own base64 lines.
// The exchange goes on in steps: a challenge for the client, a question for the accounts, or the end.

import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { ChannelBinding } from '../../world/network.ts'
import type { Random } from '../../world/world.ts'
import type { PasswordVerdict, SaslMechanism, ScramLookup, TokenVerdict } from './accounts.ts'
import { type BearerMechanism, decodeName, faultText, readBearer } from './bearer.ts'
import type { ScramCredentials } from './credentials.ts'
import { offered, type SaslTls } from './offered.ts'

export type SaslStep =
  /** Send these bytes, give the answer to `respond`. */
  | { readonly kind: 'challenge'; readonly bytes: Buffer }
  /** Ask the accounts, give the answer to `passwordChecked`. */
  | { readonly kind: 'ask-password'; readonly user: string; readonly password: string }
  /** Ask the accounts, give the answer to `credentialsFound`. */
  | { readonly kind: 'ask-credentials'; readonly user: string }
  /** Ask the accounts, give the answer to `tokenChecked`. */
  | { readonly kind: 'ask-token'; readonly user: string | undefined; readonly token: string }
  /** Ask the accounts whose certificate it is, give the answer to `passwordChecked`. `user`: whom the client wants to be. */
  | { readonly kind: 'ask-certificate'; readonly certificate: Buffer; readonly user: string | undefined }
  | { readonly kind: 'done'; readonly user: string }
  /** 'malformed': not what the mechanism says; 'refused': wrong name or password. `user` as the client typed it. */
  | {
      readonly kind: 'failed'
      readonly reason: 'malformed' | 'refused' | 'unavailable'
      readonly user: string | undefined
    }

type State =
  | 'idle'
  | 'plain'
  | 'login-user'
  | 'login-password'
  | 'scram-first'
  | 'scram-final'
  | 'scram-ack'
  | 'external'
  | 'bearer'
  | 'bearer-told'
  | 'asking'

const FIRST_STATE: Record<SaslMechanism, State> = {
  PLAIN: 'plain',
  LOGIN: 'login-user',
  'SCRAM-SHA-256': 'scram-first',
  'SCRAM-SHA-256-PLUS': 'scram-first',
  EXTERNAL: 'external',
  OAUTHBEARER: 'bearer',
  XOAUTH2: 'bearer',
}

const EMPTY = Buffer.alloc(0)
/** No response of ours needs more; longer ones are malformed. */
const MAX_RESPONSE_BYTES = 8192

/** One exchange. Make a new one for each AUTH. */
export class SaslServer {
  readonly #random: Pick<Random, 'bytes'>
  readonly #mechanisms: readonly SaslMechanism[]
  readonly #certificate: Buffer | undefined
  readonly #bindings: readonly ChannelBinding[]
  #state: State = 'idle'
  #plus = false
  #user: string | undefined
  #bearer: BearerMechanism = 'OAUTHBEARER'
  #scram: ScramExchange | undefined

  /** `mechanisms`: of the accounts; offered are those that `tls` has what they need for. */
  constructor(random: Pick<Random, 'bytes'>, mechanisms: readonly SaslMechanism[], tls?: SaslTls) {
    this.#random = random
    this.#mechanisms = offered(mechanisms, tls)
    this.#certificate = tls?.clientCertificate
    this.#bindings = tls?.bindings ?? []
  }

  /** The mechanism of this name, in any case, if it is offered. */
  named(name: string): SaslMechanism | undefined {
    return this.#mechanisms.find((one) => one === name.toUpperCase())
  }

  /** `initialResponse` is undefined when the client sent none (an empty one is not none, RFC 4422 §4). */
  start(mechanism: SaslMechanism, initialResponse?: Uint8Array): SaslStep {
    this.#plus = mechanism === 'SCRAM-SHA-256-PLUS'
    if (mechanism === 'OAUTHBEARER' || mechanism === 'XOAUTH2') this.#bearer = mechanism
    this.#state = FIRST_STATE[mechanism]
    if (initialResponse !== undefined) return this.respond(initialResponse)
    return challenge(mechanism === 'LOGIN' ? Buffer.from('Username:') : EMPTY)
  }

  /** The client's next response, base64 removed. */
  respond(response: Uint8Array): SaslStep {
    if (response.length > MAX_RESPONSE_BYTES) return this.#fail('malformed')
    const text = decodeUtf8(response)
    if (text === undefined) return this.#fail('malformed')
    switch (this.#state) {
      case 'plain':
        return this.#plain(text)
      case 'login-user':
        if (text === '' || text.includes('\0')) return this.#fail('malformed')
        this.#user = text
        this.#state = 'login-password'
        return challenge(Buffer.from('Password:'))
      case 'login-password':
        return this.#askPassword(this.#user!, text)
      case 'scram-first':
        return this.#scramFirst(text)
      case 'scram-final':
        return this.#scramFinal(text)
      case 'external':
        return this.#external(text)
      case 'scram-ack':
        // The last challenge carried the server's signature; the client has nothing to add (RFC 5802 §5).
        return text === '' ? this.#done() : this.#fail('malformed')
      case 'bearer':
        return this.#askToken(text)
      case 'bearer-told':
        // The client has heard why; whatever it says, the exchange is over (RFC 7628 §3.2.3).
        return this.#fail('refused')
      default:
        return this.#fail('malformed')
    }
  }

  /** The accounts' answer to 'ask-password'. */
  passwordChecked(verdict: PasswordVerdict): SaslStep {
    if (verdict.state !== 'ok') return this.#fail(verdict.state)
    this.#user = verdict.user
    return this.#done()
  }

  /** The accounts' answer to 'ask-credentials'. */
  credentialsFound(lookup: ScramLookup): SaslStep {
    if (lookup.state === 'unavailable' || this.#scram === undefined) return this.#fail('unavailable')
    this.#scram.account = lookup.user
    this.#state = 'scram-final'
    return challenge(this.#scram.offer(lookup.credentials))
  }

  /** The accounts' answer to 'ask-token'. */
  tokenChecked(verdict: TokenVerdict): SaslStep {
    if (verdict.state === 'unavailable') return this.#fail('unavailable')
    if (verdict.state === 'refused') {
      this.#state = 'bearer-told'
      return challenge(Buffer.from(faultText(this.#bearer, verdict.fault)))
    }
    this.#user = verdict.user
    return this.#done()
  }

  #askToken(text: string): SaslStep {
    const request = readBearer(this.#bearer, text)
    if (request === undefined) return this.#fail('malformed')
    this.#user = request.user
    this.#state = 'asking'
    return { kind: 'ask-token', ...request }
  }

  /** RFC 4616 §2: [authzid] NUL authcid NUL passwd. We let nobody act for somebody else. */
  #plain(text: string): SaslStep {
    const parts = text.split('\0')
    if (parts.length !== 3) return this.#fail('malformed')
    const [actFor, user, password] = parts as [string, string, string]
    this.#user = user
    if (user === '' || password === '') return this.#fail('malformed')
    if (actFor !== '' && actFor !== user) return this.#fail('refused')
    return this.#askPassword(user, password)
  }

  #askPassword(user: string, password: string): SaslStep {
    this.#state = 'asking'
    return { kind: 'ask-password', user, password }
  }

  /** client-first-message (RFC 5802 §7): gs2-header, then n=user,r=nonce[,extensions]. */
  #scramFirst(text: string): SaslStep {
    const parts = /^(n|y|p=([A-Za-z0-9.-]{1,64})),(?:a=([^,]*))?,(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(
      text,
    )
    if (parts === null) return this.#fail('malformed')
    const [, flag, bindingType, actFor, bare, name, clientNonce] = parts
    const user = decodeName(name!)
    if (!user) return this.#fail('malformed')
    this.#user = user
    // 'y' says "I could bind but you do not offer it": if we do offer it, somebody took it out (RFC 5802 §6).
    if (flag === 'y' && this.#mechanisms.includes('SCRAM-SHA-256-PLUS')) return this.#fail('refused')
    if ((bindingType !== undefined) !== this.#plus) return this.#fail('malformed')
    const binding = this.#bindings.find(({ type }) => type === bindingType)
    if (this.#plus && binding === undefined) return this.#fail('refused')
    if (actFor !== undefined && decodeName(actFor) !== user) return this.#fail('refused')
    const header = text.slice(0, text.length - bare!.length)
    const bound = Buffer.concat([Buffer.from(header), binding?.data ?? EMPTY])
    const nonce = clientNonce! + this.#random.bytes(18).toString('base64')
    this.#scram = new ScramExchange(bare!, nonce, bound)
    this.#state = 'asking'
    return { kind: 'ask-credentials', user }
  }

  /** RFC 4422 appendix A: the response is whom to act as, empty for whoever the certificate says. */
  #external(text: string): SaslStep {
    if (text.includes('\0')) return this.#fail('malformed')
    this.#user = text === '' ? undefined : text
    if (this.#certificate === undefined) return this.#fail('refused')
    this.#state = 'asking'
    return { kind: 'ask-certificate', certificate: this.#certificate, user: this.#user }
  }

  #scramFinal(text: string): SaslStep {
    const outcome = this.#scram!.verify(text)
    if (outcome === 'malformed' || outcome === 'refused') return this.#fail(outcome)
    this.#state = 'scram-ack'
    return challenge(outcome)
  }

  #done(): SaslStep {
    const user = this.#scram?.account ?? this.#user!
    this.#state = 'idle'
    return { kind: 'done', user }
  }

  #fail(reason: 'malformed' | 'refused' | 'unavailable'): SaslStep {
    this.#state = 'idle'
    return { kind: 'failed', reason, user: this.#user }
  }
}

/** The arithmetic of one SCRAM exchange (RFC 5802 §3). */
class ScramExchange {
  readonly #clientFirstBare: string
  readonly #nonce: string
  readonly #bound: Buffer
  #serverFirst = ''
  #credentials: ScramCredentials | undefined
  account: string | undefined

  constructor(clientFirstBare: string, nonce: string, bound: Buffer) {
    this.#clientFirstBare = clientFirstBare
    this.#nonce = nonce
    this.#bound = bound
  }

  /** server-first-message. */
  offer(credentials: ScramCredentials): Buffer {
    this.#credentials = credentials
    this.#serverFirst = `r=${this.#nonce},s=${credentials.salt.toString('base64')},i=${credentials.iterations}`
    return Buffer.from(this.#serverFirst)
  }

  /** Checks client-final-message; gives server-final-message. */
  verify(text: string): Buffer | 'malformed' | 'refused' {
    const parts = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[^,]+)*?),p=([A-Za-z0-9+/]{43}=)$/.exec(text)
    if (parts === null) return 'malformed'
    const [, withoutProof, binding, nonce, proof] = parts
    if (nonce !== this.#nonce || binding !== this.#bound.toString('base64')) return 'refused'
    const { storedKey, serverKey, others = [] } = this.#credentials!
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`
    const proves = (key: Buffer) => {
      const clientSignature = createHmac('sha256', key).update(authMessage).digest()
      const clientKey = Buffer.from(proof!, 'base64')
      for (let i = 0; i < 32; i++) clientKey[i]! ^= clientSignature[i]!
      return timingSafeEqual(hash('sha256', clientKey, 'buffer'), key)
    }
    const other = others.find((one) => proves(one.storedKey))
    if (!proves(storedKey) && other === undefined) return 'refused'
    other?.proven()
    return this.#signed(other?.serverKey ?? serverKey, authMessage)
  }

  #signed(serverKey: Buffer, authMessage: string): Buffer {
    return Buffer.from(`v=${createHmac('sha256', serverKey).update(authMessage).digest('base64')}`)
  }
}

function challenge(bytes: Buffer): SaslStep {
  return { kind: 'challenge', bytes }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}
