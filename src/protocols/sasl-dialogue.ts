// A SASL exchange as IMAP, POP3 and ManageSieve carry it: base64 lines, '+ ' before each challenge, '*' to give up
// (RFC 3501 §6.2.2, RFC 5034 §4).

import { certificateHolder, checkPassword, checkToken, type Dialogue, scramCredentials } from './dialogue.ts'
import type { SaslMechanism } from './sasl/accounts.ts'
import type { SaslServer, SaslStep } from './sasl/server.ts'

/** How the exchange ended. 'gone': the client left or fell silent. */
export type SaslOutcome = { readonly user: string } | 'malformed' | 'refused' | 'unavailable' | 'gone'

export interface SaslLines {
  /** Sends a line. */
  say(line: string): void
  /** The client's next line without CRLF. */
  hear(): Dialogue<Buffer | string>
}

/** `initial` is the initial response as written: base64, '=' for an empty one (RFC 4959 §3), or undefined. */
export function* exchange(
  sasl: SaslServer,
  mechanism: SaslMechanism,
  initial: string | undefined,
  lines: SaslLines,
): Dialogue<SaslOutcome> {
  const first = initial === undefined ? undefined : initial === '=' ? Buffer.alloc(0) : decodeBase64(initial)
  if (initial !== undefined && first === undefined) return 'malformed'
  let step: SaslStep = sasl.start(mechanism, first)
  for (;;) {
    switch (step.kind) {
      case 'done':
        return { user: step.user }
      case 'failed':
        return step.reason
      case 'ask-password':
        step = sasl.passwordChecked(yield* checkPassword(step.user, step.password))
        break
      case 'ask-certificate':
        step = sasl.passwordChecked(yield* certificateHolder(step.certificate, step.user))
        break
      case 'ask-credentials':
        step = sasl.credentialsFound(yield* scramCredentials(step.user))
        break
      case 'ask-token':
        step = sasl.tokenChecked(yield* checkToken(step.user, step.token))
        break
      case 'challenge': {
        lines.say(`+ ${step.bytes.toString('base64')}`)
        const line = yield* lines.hear()
        if (line === 'bad') return 'malformed'
        if (typeof line === 'string') return 'gone'
        const response = decodeBase64(line.toString('latin1'))
        if (response === undefined) return 'malformed'
        step = sasl.respond(response)
      }
    }
  }
}

/** Strict: '*' (the client gives up) and anything else that is not base64 is undefined. */
function decodeBase64(text: string): Buffer | undefined {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    ? Buffer.from(text, 'base64')
    : undefined
}
