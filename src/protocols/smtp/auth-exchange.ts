// AUTH as SMTP writes it: SASL in base64 lines (RFC 4954 §4). One object for each AUTH command.

import type { Random } from '../../world/world.ts'
import type { PasswordVerdict, SaslMechanism, ScramLookup, TokenVerdict } from '../sasl/accounts.ts'
import type { SaslTls } from '../sasl/offered.ts'
import { SaslServer, type SaslStep } from '../sasl/server.ts'
import { decodeBase64 } from './command.ts'
import { REPLIES, type Reply } from './reply.ts'
import type { Question } from './session-types.ts'

export type AuthStep =
  | { readonly kind: 'challenge'; readonly text: string }
  | { readonly kind: 'ask'; readonly question: Question }
  /** `attempt`: the client tried to prove who it is; not so when the form was wrong or nothing could be checked. */
  | { readonly kind: 'failed'; readonly reply: Reply; readonly attempt: boolean; readonly user: string | undefined }

const FAILURES = {
  malformed: REPLIES.syntax,
  refused: REPLIES.authFailed,
  unavailable: REPLIES.authUnavailable,
} as const

export class AuthExchange {
  readonly #sasl: SaslServer

  constructor(mechanisms: readonly SaslMechanism[], random: Pick<Random, 'bytes'>, tls: SaslTls | undefined) {
    this.#sasl = new SaslServer(random, mechanisms, tls)
  }

  /** The argument of AUTH. */
  begin(rest: string): AuthStep {
    const [name = '', initial, ...more] = rest.split(/ +/)
    if (more.length > 0) return refused(REPLIES.syntax)
    const mechanism = this.#sasl.named(name)
    if (mechanism === undefined) return refused(REPLIES.mechanismUnknown)
    if (initial === undefined) return this.#step(this.#sasl.start(mechanism))
    // RFC 4954 §4: "=" is an initial response that is there and empty.
    const bytes = decodeBase64(initial === '=' ? '' : initial)
    return bytes === undefined ? refused(REPLIES.authBadBase64) : this.#step(this.#sasl.start(mechanism, bytes))
  }

  /** A line of the client after a challenge. */
  line(text: string): AuthStep {
    if (text === '*') return refused(REPLIES.authAborted)
    const bytes = decodeBase64(text)
    return bytes === undefined ? refused(REPLIES.authBadBase64) : this.#step(this.#sasl.respond(bytes))
  }

  passwordChecked(verdict: PasswordVerdict): AuthStep {
    return this.#step(this.#sasl.passwordChecked(verdict))
  }

  credentialsFound(lookup: ScramLookup): AuthStep {
    return this.#step(this.#sasl.credentialsFound(lookup))
  }

  tokenChecked(verdict: TokenVerdict): AuthStep {
    return this.#step(this.#sasl.tokenChecked(verdict))
  }

  #step(step: SaslStep): AuthStep {
    switch (step.kind) {
      case 'challenge':
        return { kind: 'challenge', text: `334 ${step.bytes.toString('base64')}\r\n` }
      case 'ask-password':
        return { kind: 'ask', question: { kind: 'password', user: step.user, password: step.password } }
      case 'ask-credentials':
        return { kind: 'ask', question: { kind: 'credentials', user: step.user } }
      case 'ask-token':
        return { kind: 'ask', question: { kind: 'token', user: step.user, token: step.token } }
      case 'ask-certificate':
        return { kind: 'ask', question: { kind: 'certificate', certificate: step.certificate, user: step.user } }
      case 'done':
        return { kind: 'ask', question: { kind: 'authenticated', user: step.user } }
      case 'failed':
        return { kind: 'failed', reply: FAILURES[step.reason], attempt: step.reason !== 'unavailable', user: step.user }
    }
  }
}

function refused(reply: Reply): AuthStep {
  return { kind: 'failed', reply, attempt: false, user: undefined }
}
