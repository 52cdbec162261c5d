// Who is there: STARTTLS, LOGIN, AUTHENTICATE (RFC 9051 §6.2, SASL-IR RFC 4959), UNAUTHENTICATE (RFC 8437), and what may be
// asked at any time: CAPABILITY, NOOP, LOGOUT, ID (RFC 2971), ENABLE (RFC 5161).

import { checkPassword, type Dialogue, delay, signedIn, startTls as startTlsEffect } from '../dialogue.ts'
import { SaslServer } from '../sasl/server.ts'
import { exchange } from '../sasl-dialogue.ts'
import { ANSWERED, type Answer, bad, no, ok } from './answer.ts'
import { capabilities } from './capability.ts'
import { rememberMailboxes } from './recent.ts'
import type { CommandContext, ImapSession } from './session.ts'

export function capability(session: ImapSession, { args }: CommandContext): Answer {
  args.end()
  if (args.error) return bad(args.error)
  session.output.line(`* CAPABILITY ${capabilities(session)}`)
  return ok('that is all')
}

/** NOOP and CHECK: what changed is told by the session. */
export function noop(_: ImapSession, { args }: CommandContext): Answer {
  args.end()
  return args.error ? bad(args.error) : ok('done')
}

export function logout(session: ImapSession, { args }: CommandContext): Answer {
  args.end()
  if (args.error) return bad(args.error)
  session.selected = undefined
  session.bye('see you')
  return ok('signed out')
}

export function id(session: ImapSession, { args }: CommandContext): Answer {
  args.space()
  if (!args.skipKeyword('NIL')) args.list(() => (args.skipKeyword('NIL') ? undefined : args.string()))
  args.end()
  if (args.error) return bad(args.error)
  session.output.line('* ID ("name" "Borderpost")')
  return ok('pleased to meet you')
}

/** What ENABLE knows, and how it is written. */
const ENABLED: ReadonlyMap<string, string> = new Map(
  ['CONDSTORE', 'QRESYNC', 'UTF8=ACCEPT', 'IMAP4rev2', 'UIDONLY'].map((name) => [name.toUpperCase(), name]),
)

export function enable(session: ImapSession, { args }: CommandContext): Answer {
  const wanted: string[] = []
  while (args.optionalSpace()) wanted.push(args.keyword())
  if (wanted.length === 0) args.fail('ENABLE what?')
  args.end()
  if (args.error) return bad(args.error)
  const fresh = [...new Set(wanted)].filter((name) => ENABLED.has(name) && !session.enabled.has(name))
  session.output.line(`* ENABLED${fresh.map((name) => ` ${ENABLED.get(name)}`).join('')}`)
  // RFC 7162 §3.2.3: QRESYNC is more than CONDSTORE.
  if (fresh.includes('CONDSTORE') || fresh.includes('QRESYNC')) session.enableCondstore()
  for (const name of fresh) session.enabled.add(name)
  return ok('enabled')
}

export function* startTls(session: ImapSession, { tag, args }: CommandContext): Dialogue<Answer> {
  args.end()
  if (args.error) return bad(args.error)
  if (session.secured) return bad('TLS is already active')
  if (!session.options.tlsAvailable) return no('TLS is not available', 'UNAVAILABLE')
  session.output.line(`${tag} OK begin TLS now`)
  yield* session.flush()
  // Nothing said before the handshake counts (RFC 3501 §6.2.1, CVE-2021-33515).
  session.reader.discard()
  session.tls = yield* startTlsEffect()
  session.closing = !session.secured
  return ANSWERED
}

/** Back to where the session was before it signed in; TLS stays (RFC 8437). */
export function* unauthenticate(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.end()
  if (args.error) return bad(args.error)
  yield* session.forgetPerson()
  return ok('whoever comes next', `CAPABILITY ${capabilities(session)}`)
}

export function* login(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const user = args.astring().toString('utf8')
  args.space()
  const password = args.astring().toString('utf8')
  args.end()
  if (args.error) return bad(args.error)
  if (!session.mayPassword) return no('say STARTTLS first', 'PRIVACYREQUIRED')
  const verdict = yield* checkPassword(user, password)
  if (verdict.state === 'ok') return yield* signIn(session, verdict.user)
  return yield* failed(session, verdict.state)
}

export function* authenticate(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const name = args.astring().toString('latin1')
  const sasl = new SaslServer(session.options.random, session.options.accounts.mechanisms, session.tls)
  const mechanism = sasl.named(name)
  const initial = args.optionalSpace() ? (args.isString() ? args.string().toString('latin1') : args.word()) : undefined
  args.end()
  if (args.error) return bad(args.error)
  if (!session.mayPassword) return no('say STARTTLS first', 'PRIVACYREQUIRED')
  if (mechanism === undefined) return no('mechanism not offered', 'CANNOT')
  const outcome = yield* exchange(sasl, mechanism, initial, {
    say: (line) => session.output.line(line),
    hear: () => session.readLine(),
  })
  if (typeof outcome === 'object') return yield* signIn(session, outcome.user)
  if (outcome === 'malformed') return bad('given up, or not what the mechanism says')
  if (outcome !== 'gone') return yield* failed(session, outcome)
  session.closing = true
  return no('you are gone')
}

function* signIn(session: ImapSession, user: string): Dialogue<Answer> {
  const account = session.store.accountByAddress(user)
  if (account === undefined) return no('the account is not here', 'UNAVAILABLE')
  session.account = account
  rememberMailboxes(session.store, account.id)
  yield* signedIn(account.id)
  yield* session.watch(account.id)
  return ok('signed in', `CAPABILITY ${capabilities(session)}`)
}

function* failed(session: ImapSession, reason: 'refused' | 'unavailable'): Dialogue<Answer> {
  if (reason === 'unavailable') return no('sign-in is not possible now, try again later', 'UNAVAILABLE')
  session.failures++
  // Guessing gets slow, other connections do not.
  yield* delay(session.options.limits.failureDelayMs)
  if (session.failures >= session.options.limits.failures) session.bye('too many wrong passwords')
  return no('name or password not right', 'AUTHENTICATIONFAILED')
}
