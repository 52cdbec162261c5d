// What is said in SMTP and LMTP, in words: a table of commands, and one of replies.

import type { Line } from '../../../../src/lab/simulate/replay.ts'

const COMMANDS: readonly (readonly [RegExp, string])[] = [
  [/^EHLO/i, 'Says who it claims to be, and asks what the other side can do. Anybody can claim anything here.'],
  [/^HELO/i, 'Says who it claims to be. Anybody can claim anything here.'],
  [/^LHLO/i, 'The same in LMTP, which is spoken between relays that know each other: a reply for each Recipient.'],
  [/^STARTTLS/i, 'Wants to go on encrypted. What follows would be hidden on a real network.'],
  [/^AUTH/i, 'Proves who it is, without saying the password in the clear.'],
  [/^MAIL FROM:<>/i, 'The reverse-path is empty: a report, which nobody may answer with another.'],
  [/^MAIL/i, 'The reverse-path: where a bounce would go. SPF is about this domain and this connection.'],
  [/^RCPT/i, 'The forward-path: who is to have the letter. It need not stand in the letter itself.'],
  [/^(DATA|BDAT)/i, 'The letter itself is about to follow.'],
  [/^\(the message/i, 'The letter: header and text. DKIM signatures and ARC seals are within it.'],
  [/^\.$/, 'A dot alone on its line: the letter ends here. Now the other side must answer for it.'],
  [/^QUIT/i, 'Nothing more to say.'],
  [/^RSET/i, 'Starts anew.'],
  [/^XCLIENT|^XFORWARD|^PROXY/i, 'Tells a related agent who the sender was.'],
]

const PROOF = 'A further word of the proof of who is signing in.'

const REPLIES: readonly (readonly [RegExp, (command: string) => string])[] = [
  [
    /^220/,
    (command) =>
      /^STARTTLS/i.test(command) ? 'Agreed: from here on encrypted.' : 'The other side is there and says its name.',
  ],
  [/^221/, () => 'Goodbye.'],
  [/^235/, () => 'It is who it says: the MSA has authenticated the Author.'],
  [/^250/, (command) => accepted(command)],
  [/^251/, () => 'Taken, and will be passed on to another address.'],
  [/^334/, () => 'Asks for the next word of the proof.'],
  [/^353/, () => 'Each Recipient gets a reply of his own.'],
  [/^354/, () => 'Go ahead with the letter.'],
  [/^4/, () => 'Not now: the sender keeps the letter and comes again.'],
  [
    /^5/,
    () =>
      'No. The sender is still there, keeps the letter, and tells its Author: nothing is lost, nobody else is bothered.',
  ],
]

function accepted(command: string): string {
  if (/^(EHLO|HELO|LHLO)/i.test(command)) return 'Greets, and lists what it can do.'
  if (/^MAIL/i.test(command)) return 'The sender may go on.'
  if (/^RCPT/i.test(command)) return 'This Recipient is here.'
  if (/^(\.|\(the message|BDAT|DATA)/i.test(command))
    return 'Taken: the letter is safe on disk, and from now on this agent answers for it.'
  return 'Good.'
}

/** `command`: what the client said last. */
export function meaningOf(side: Line['side'], text: string, command: string): string {
  if (side === 'client') return COMMANDS.find(([pattern]) => pattern.test(text))?.[1] ?? PROOF
  return REPLIES.find(([pattern]) => pattern.test(text))?.[1](command) ?? ''
}
