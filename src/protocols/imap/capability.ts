// What we can (RFC 3501 §7.2.1): the capability list depends on the state of the session.

import type { ImapSession } from './session.ts'

const ALWAYS = ['IMAP4rev1', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE']

const SIGNED_IN = [
  'IDLE',
  'NAMESPACE',
  'UIDPLUS',
  'MOVE',
  'UNSELECT',
  'CHILDREN',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'STATUS=SIZE',
  'ESEARCH',
  'SEARCHRES',
  'CONDSTORE',
  'OBJECTID',
  'UTF8=ACCEPT',
]

export function capabilities(session: ImapSession): string {
  const { options } = session
  if (session.account !== undefined) {
    return [...ALWAYS, ...SIGNED_IN, `APPENDLIMIT=${options.limits.messageBytes}`].join(' ')
  }
  const names = [...ALWAYS]
  if (options.tlsAvailable && !session.secured) names.push('STARTTLS')
  if (session.mayPassword) names.push(...options.accounts.mechanisms.map((mechanism) => `AUTH=${mechanism}`))
  else names.push('LOGINDISABLED')
  return names.join(' ')
}
