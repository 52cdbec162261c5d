// What a program may be allowed (RFC 6749 §3.3): the doors of app passwords by name, all of them at once as the profile for
// open public clients calls it (draft-ietf-mailmaint-oauth-public), and who the person is (OpenID Connect Core §5.4).

import { DOORS, type Door } from '../app-passwords.ts'

/** The scope that opens a door. */
export const SCOPE_OF: Readonly<Record<Door, string>> = {
  imap: 'imap',
  pop3: 'pop3',
  smtp: 'smtp',
  jmap: 'jmap',
  managesieve: 'sieve',
}

const MAIL = 'urn:ietf:params:oauth:scope:mail'
/** Refresh tokens are given without being asked for. */
const OFFLINE = 'offline_access'

export const SCOPES: readonly string[] = [...Object.values(SCOPE_OF), MAIL, 'openid', 'email', 'profile', OFFLINE]

/** Those of a request that are known, each once; others are passed over, as the answer then says. */
export function readScopes(text: string): string[] {
  const asked = new Set(text.split(' '))
  return SCOPES.filter((scope) => asked.has(scope))
}

/** The doors that these scopes open. */
export const doorsOf = (scopes: readonly string[]): Door[] =>
  DOORS.filter((door) => scopes.includes(SCOPE_OF[door]) || scopes.includes(MAIL))

/** Does anything follow from these scopes: without a door and without a name they are worth nothing. */
export const isWorthAsking = (scopes: readonly string[]): boolean =>
  doorsOf(scopes).length > 0 || scopes.includes('openid')
