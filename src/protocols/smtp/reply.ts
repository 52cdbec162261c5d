// Replies: what an SMTP server says, as a value, in both directions.
// Keeps RFC 5321 §4.2 (codes, multi-line form), RFC 2034 and RFC 3463 (enhanced codes), RFC 5321 §4.5.3.1.5 (length).
// Every standard reply of ours is in one table; roles make their own with `reply()`.

/** One reply. `lines` hold the text for people, without codes; there is at least one. */
export interface Reply {
  /** 200 to 599. */
  readonly code: number
  /** 'class.subject.detail', as in '5.1.1'. Absent where RFC 2034 §4 has none: greeting, HELO, EHLO, 3yz. */
  readonly enhanced?: string
  readonly lines: readonly string[]
}

/** Makes a reply; `enhanced` is '' for none. @example reply(550, '5.1.1', 'no such mailbox here') */
export function reply(code: number, enhanced: string, ...lines: string[]): Reply {
  return enhanced === '' ? { code, lines } : { code, enhanced, lines }
}

export const isPositive = (r: Reply): boolean => r.code < 400
export const isTransient = (r: Reply): boolean => r.code >= 400 && r.code < 500
export const isPermanent = (r: Reply): boolean => r.code >= 500

/** Text bytes of one reply line: 512 with CRLF (RFC 5321 §4.5.3.1.5) less the code and the enhanced code. */
const MAX_TEXT = 490

/** The reply on the wire, with its CRLFs. Control characters in the text become '?', so a reply cannot be split. */
export function formatReply(r: Reply): string {
  const prefix = r.enhanced === undefined ? '' : `${r.enhanced} `
  const last = r.lines.length - 1
  let out = ''
  for (let i = 0; i <= last; i++) out += `${r.code}${i === last ? ' ' : '-'}${prefix}${clean(r.lines[i]!)}\r\n`
  return out
}

/** The reply on one line, for logs and bounces: '550 5.1.1 no such mailbox here'. */
export function replyText(r: Reply): string {
  return `${r.code} ${r.enhanced === undefined ? '' : `${r.enhanced} `}${r.lines.map(clean).join(' ')}`
}

function clean(text: string): string {
  const short = text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text
  return /[\x00-\x1f\x7f]/.test(short) ? short.replace(/[\x00-\x1f\x7f]/g, '?') : short
}

/** The server's standard replies. */
export const REPLIES = {
  bye: reply(221, '2.0.0', 'goodbye'),
  readyForTls: reply(220, '2.0.0', 'ready to start TLS'),
  authenticated: reply(235, '2.7.0', 'authentication successful'),
  ok: reply(250, '2.0.0', 'ok'),
  mailOk: reply(250, '2.1.0', 'sender ok'),
  recipientOk: reply(250, '2.1.5', 'recipient ok'),
  reset: reply(250, '2.0.0', 'reset'),
  help: reply(
    214,
    '2.0.0',
    'see RFC 5321',
    'commands: EHLO HELO MAIL RCPT DATA BDAT BURL RSET NOOP VRFY STARTTLS AUTH QUIT',
  ),
  vrfy: reply(252, '2.5.0', 'send mail and see'),
  prdrBegins: reply(353, '', 'a reply for each recipient follows, in their order, then one for the message'),
  startData: reply(354, '', 'send the message, end with a line that holds only a dot'),

  timeout: reply(421, '4.4.2', 'you were silent for too long'),
  tooManyErrors: reply(421, '4.7.0', 'too many errors'),
  tooManyMessages: reply(421, '4.7.0', 'enough for one connection, open another'),
  gaveWay: reply(421, '4.3.2', 'others wait for this place, come back later'),
  shuttingDown: reply(421, '4.3.2', 'shutting down, come back later'),
  localError: reply(451, '4.3.0', 'a fault on our side, try again later'),
  tooManyRecipients: reply(452, '4.5.3', 'too many recipients, send the rest in another message'),
  noMemory: reply(452, '4.3.1', 'too many messages in flight, try again later'),
  authUnavailable: reply(454, '4.7.0', 'authentication is not available, try again later'),

  lineTooLong: reply(500, '5.5.6', 'line too long'),
  bareLineEnd: reply(500, '5.5.2', 'commands end in CRLF; a bare CR or LF is not allowed (RFC 5321, section 2.3.8)'),
  unknownCommand: reply(500, '5.5.1', 'command not known'),
  badCharacters: reply(500, '5.5.2', 'command holds characters that are not allowed'),
  syntax: reply(501, '5.5.4', 'syntax error in parameters'),
  helloNeedsName: reply(501, '5.5.4', 'say your name: EHLO host.example'),
  authAborted: reply(501, '5.7.0', 'authentication aborted'),
  authBadBase64: reply(501, '5.5.2', 'not valid base64'),
  notImplemented: reply(502, '5.5.1', 'command not implemented'),
  helloFirst: reply(503, '5.5.1', 'say EHLO first'),
  mailFirst: reply(503, '5.5.1', 'MAIL first'),
  recipientFirst: reply(503, '5.5.1', 'no valid recipients'),
  nestedMail: reply(503, '5.5.1', 'a message is already under way; RSET drops it'),
  inBdat: reply(503, '5.5.1', 'finish with LAST or RSET first'),
  binaryByData: reply(503, '5.5.1', 'what is BINARYMIME comes with BDAT'),
  authTwice: reply(503, '5.5.1', 'already authenticated'),
  tlsTwice: reply(503, '5.5.1', 'TLS is already active'),
  tlsAfterAuth: reply(503, '5.5.1', 'STARTTLS comes before AUTH'),
  authInMail: reply(503, '5.5.1', 'not during a message'),
  mechanismUnknown: reply(504, '5.5.4', 'mechanism not offered'),
  authRequired: reply(530, '5.7.0', 'authentication required'),
  tlsRequired: reply(530, '5.7.0', 'say STARTTLS first'),
  authFailed: reply(535, '5.7.8', 'name or password not right'),
  encryptionNeeded: reply(538, '5.7.11', 'this needs TLS: say STARTTLS first'),
  bareLineEndInData: reply(550, '5.6.0', 'message holds a bare CR or LF (RFC 5321, section 2.3.8); lines end in CRLF'),
  nulInData: reply(550, '5.6.0', 'message holds NUL, which is not allowed in text (RFC 2045, section 2.8); use base64'),
  tooBig: reply(552, '5.3.4', 'message too big'),
  noValidRecipients: reply(554, '5.5.1', 'no valid recipients'),
  tooManyUrls: reply(554, '5.5.3', 'too many URLs in one message'),
  urlLeadsNowhere: reply(554, '5.6.6', 'that URL leads to nothing here, or not for you'),
  unknownParameter: reply(555, '5.5.4', 'parameter not known or not offered'),
} as const satisfies Record<string, Reply>
