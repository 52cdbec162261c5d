// What we can (RFC 9051 §7.2.2): the capability list depends on the state of the session. One line for each extension,
// with the standard that defines it.

import { offered } from '../sasl/offered.ts'
import type { ImapSession } from './session.ts'

const ALWAYS = [
  'IMAP4rev1', // RFC 3501
  'IMAP4rev2', // RFC 9051
  'LITERAL+', // RFC 7888
  'SASL-IR', // RFC 4959
  'ID', // RFC 2971
  'ENABLE', // RFC 5161
]

const SIGNED_IN = [
  'IDLE', // RFC 2177
  'NAMESPACE', // RFC 2342
  'UIDPLUS', // RFC 4315
  'MOVE', // RFC 6851
  'UNSELECT', // RFC 3691
  'CHILDREN', // RFC 3348
  'SPECIAL-USE', // RFC 6154
  'CREATE-SPECIAL-USE', // RFC 6154
  'LIST-EXTENDED', // RFC 5258
  'LIST-STATUS', // RFC 5819
  'LIST-MYRIGHTS', // RFC 8440
  'LIST-METADATA', // RFC 9590
  'STATUS=SIZE', // RFC 8438
  'ESEARCH', // RFC 4731
  'SEARCHRES', // RFC 5182
  'WITHIN', // RFC 5032
  'SORT', // RFC 5256
  'SORT=DISPLAY', // RFC 5957
  'ESORT', // RFC 5267
  'CONTEXT=SEARCH', // RFC 5267
  'CONTEXT=SORT', // RFC 5267
  'THREAD=REFERENCES', // RFC 5256
  'THREAD=ORDEREDSUBJECT', // RFC 5256
  'MULTISEARCH', // RFC 7377
  'PARTIAL', // RFC 9394
  'CONDSTORE', // RFC 7162
  'QRESYNC', // RFC 7162
  'OBJECTID', // RFC 8474
  'SAVEDATE', // RFC 8514
  'PREVIEW', // RFC 8970
  'BINARY', // RFC 3516
  'CATENATE', // RFC 4469
  'MULTIAPPEND', // RFC 3502
  'REPLACE', // RFC 8508
  'UTF8=ACCEPT', // RFC 6855
  'UIDONLY', // RFC 9586
  'UIDBATCHES', // RFC 10022
  'INPROGRESS', // RFC 9585
  'NOTIFY', // RFC 5465
  'METADATA', // RFC 5464
  'QUOTA', // RFC 9208
  'QUOTA=RES-STORAGE', // RFC 9208
  'QUOTA=RES-MESSAGE', // RFC 9208
  'ACL', // RFC 4314
  'RIGHTS=kxte', // RFC 4314
  'UNAUTHENTICATE', // RFC 8437
  'URLAUTH', // RFC 4467
  'URLAUTH=BINARY', // RFC 5524
]

export function capabilities(session: ImapSession): string {
  const { options } = session
  const { limits } = options
  if (session.account !== undefined) {
    const names = [...ALWAYS, ...SIGNED_IN]
    if (!session.isCompressed) names.push('COMPRESS=DEFLATE') // RFC 4978
    if (options.jmapUrl !== undefined) names.push('JMAPACCESS') // RFC 9698
    names.push(`APPENDLIMIT=${limits.messageBytes}`) // RFC 7889
    names.push(`MESSAGELIMIT=${limits.messagesPerCommand}`) // RFC 9738
    return names.join(' ')
  }
  const names = [...ALWAYS]
  if (options.tlsAvailable && !session.secured) names.push('STARTTLS')
  if (session.mayPassword)
    names.push(...offered(options.accounts.mechanisms, session.tls).map((mechanism) => `AUTH=${mechanism}`))
  else names.push('LOGINDISABLED')
  return names.join(' ')
}
