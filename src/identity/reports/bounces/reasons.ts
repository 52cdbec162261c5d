// Why mail was not delivered, in classes that programs can act on. What a host says is read in this order: the phrases of
// known systems (phrases.ts), for many a code is wrong or too general; then the enhanced status code (RFC 3463, RFC 7372,
// RFC 7505); then the reply code and the command that it answers (RFC 5321 §4.2).

import { PHRASES } from './phrases.ts'

/** With the sentence that people read. */
export const REASONS = {
  'user-unknown': 'there is no such mailbox',
  'host-unknown': 'there is no such domain, or it has no mail',
  moved: 'the mailbox has moved',
  suspended: 'the mailbox is closed or not used any more',
  'mailbox-full': 'the mailbox is full',
  'recipient-refused': 'the recipient does not take this mail',
  'too-big': 'the message is too big',
  content: 'the form or content of the message was refused',
  virus: 'a virus or dangerous content was found',
  spam: 'the message was taken for spam',
  policy: 'a policy of the receiving system refused it',
  'auth-failure': 'SPF, DKIM or DMARC did not prove the sender',
  blocked: 'the sending host is blocked or has a bad reputation',
  'rate-limited': 'too much was sent in too short a time',
  'sender-refused': 'the address of the sender was refused',
  'relay-denied': 'the host does not take mail for this domain, or asks for a sign-in',
  'not-accepting': 'the host takes no mail',
  protocol: 'the two hosts did not understand each other',
  tls: 'the connection could not be encrypted as was asked for',
  network: 'no host could be reached, or mail went in a circle',
  expired: 'it could not be delivered in time',
  'system-full': 'the receiving system has no room',
  system: 'the receiving system has a fault',
  feedback: 'the recipient complained',
  'auto-reply': 'an automatic answer came',
  delivered: 'it was delivered',
  unknown: 'no reason was said that is known',
} as const

export type Reason = keyof typeof REASONS

/** What is known of one failure. */
export interface Said {
  /** What the host said, and what the report says of it. */
  readonly text: string
  /** Enhanced status code, where there is one. */
  readonly status?: string | undefined
  /** The command that was answered: `RCPT`, `DATA`, `CONNECT`; upper case. */
  readonly command?: string | undefined
}

/** Beyond this nobody says why. */
const MAX_TEXT = 4000

/** The class; 'unknown' where nothing tells. */
export function reasonOf({ text, status, command }: Said): Reason {
  return ofSender(byPhrase(text) ?? byCodes({ text, status, command }), { text, status, command })
}

/** What is unknown at MAIL, or to a host that has taken the recipient, is the sender's. */
export function ofSender(reason: Reason, { status, command }: Said): Reason {
  const isUnknown = reason === 'host-unknown' || (reason === 'user-unknown' && command === 'MAIL')
  const isSenders = /^\d\.1\.[78]$/.test(status ?? '') || command === 'MAIL' || command === 'DATA'
  return isUnknown && isSenders ? 'sender-refused' : reason
}

/** The class that the words tell, whatever the codes. */
export function byPhrase(text: string): Reason | undefined {
  const words = wordsOf(text)
  return PHRASES.find(([, pattern]) => pattern.test(words))?.[0]
}

/** The class that codes tell. */
export function byCodes({ text, status, command }: Said): Reason {
  const code = replyCode(text)
  const isRefused = code?.[0] === '5'
  if (isRefused && command === 'MAIL' && (status === undefined || /^\d\.[015]\.\d/.test(status)))
    return 'sender-refused'
  // Microsoft's directories answer so for who is not in them, whatever RFC 3463 means by X.4.1.
  if (status === '5.4.1' && /address(?:es)? rejected/i.test(text)) return 'user-unknown'
  return (
    (status === undefined ? undefined : byStatus(status)) ??
    (code === undefined ? undefined : BY_REPLY[code]?.(command)) ??
    (isRefused && (command === 'CONNECT' || command === 'EHLO') ? 'blocked' : undefined) ??
    'unknown'
  )
}

/**
 * The words alone: an address or the fragment of an address of a page says nothing, and the codes that begin each line of
 * a long reply tear sentences apart.
 */
function wordsOf(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .toLowerCase()
    .replace(/[‘’`´]/g, "'")
    .replace(/<[^<>\s@]{0,200}@[^<>\s]{0,255}>|[^\s<>()[\]"',;:@]{1,200}@[a-z0-9.-]{1,255}/g, ' ')
    .replace(/(https?:\/\/[^\s#]{1,300})#\S{1,100}/g, '$1 ')
    .replace(/\b[245]\d\d[- ](?:[245]\.\d{1,3}\.\d{1,3}\b)?/g, ' ')
    .replace(/\s+/g, ' ')
}

/** Enhanced codes that say it; X.0.0, X.5.0, X.7.0 and the like say too little. */
const BY_STATUS: readonly (readonly [RegExp, Reason])[] = [
  [/^\d\.1\.(?:1|3|4|351)$/, 'user-unknown'],
  [/^5\.1\.0$/, 'user-unknown'],
  [/^\d\.1\.10$/, 'not-accepting'], // RFC 7505: the null MX
  [/^\d\.(?:1\.90|2\.12[12])$/, 'rate-limited'],
  [/^\d\.1\.2$/, 'host-unknown'],
  [/^\d\.1\.6$/, 'moved'],
  [/^\d\.1\.[78]$/, 'sender-refused'],
  [/^5\.2\.0$/, 'recipient-refused'],
  [/^\d\.2\.1$/, 'suspended'],
  [/^\d\.2\.2$/, 'mailbox-full'],
  [/^\d\.2\.3$/, 'too-big'],
  [/^\d\.2\.4$/, 'system'],
  [/^\d\.3\.1$/, 'system-full'],
  [/^\d\.3\.2$/, 'not-accepting'],
  [/^\d\.3\.4$/, 'too-big'],
  [/^\d\.3\.[035]$/, 'system'],
  [/^\d\.4\.[35]$/, 'system'],
  [/^\d\.4\.(?:4|310)$/, 'host-unknown'],
  [/^\d\.4\.(?:0|1|2|6|14)$/, 'network'],
  [/^\d\.4\.(?:7|300|312|316)$/, 'expired'],
  [/^\d\.5\.3$/, 'policy'],
  [/^\d\.5\.[1-6]$/, 'protocol'],
  [/^\d\.6\.\d{1,2}$/, 'content'],
  [/^5\.7\.(?:1[01]|29|30)$/, 'tls'],
  [/^5\.7\.13$/, 'suspended'],
  [/^5\.7\.(?:2[0-4]|2[67]|509|515)$/, 'auth-failure'],
  [/^5\.7\.(?:25|50[1-3]|511|60\d|61\d|70[5-8])$/, 'blocked'],
  [/^5\.7\.(?:12[49]|13[3-6])$/, 'recipient-refused'],
  [/^4\.7\.(?:28|500|650)$/, 'rate-limited'],
  [/^\d\.7\.\d{1,3}$/, 'policy'],
]

function byStatus(status: string): Reason | undefined {
  return BY_STATUS.find(([pattern]) => pattern.test(status))?.[1]
}

/** The reply code in what was said: `550`, also at the end of a report's sentence. */
export function replyCode(text: string): string | undefined {
  return /(?:^|[^\d.])([45][0-5]\d)(?=[ -]|$)/.exec(text.slice(0, MAX_TEXT))?.[1]
}

/** The enhanced code in what was said, first one that stands after a reply code. */
export function statusIn(text: string): string | undefined {
  const said = text.slice(0, MAX_TEXT)
  const found =
    /(?:^|[^\d.])[45]\d\d[ -]#?([45]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(said) ??
    /(?:^|[^\d.])#?([45]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(said)
  return found?.[1]
}

const atRecipient = (command: string | undefined) => command === undefined || command === 'RCPT'
const BY_REPLY: Record<string, (command: string | undefined) => Reason | undefined> = {
  421: () => 'system',
  432: () => 'system',
  450: () => undefined,
  451: () => 'system',
  452: () => 'system-full',
  500: () => 'protocol',
  501: () => 'protocol',
  502: () => 'protocol',
  503: () => 'protocol',
  504: () => 'protocol',
  521: () => 'not-accepting',
  523: () => 'too-big',
  525: () => 'suspended',
  530: () => 'relay-denied',
  535: () => 'relay-denied',
  541: () => 'recipient-refused',
  542: () => 'recipient-refused',
  550: (command) => (atRecipient(command) ? 'user-unknown' : undefined),
  551: () => 'user-unknown',
  552: () => 'mailbox-full',
  553: (command) => (atRecipient(command) ? 'user-unknown' : undefined),
  556: () => 'host-unknown',
}
