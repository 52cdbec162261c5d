// What a sender and the postmaster hear when somebody goes up the ladder: what happened, why, and how to go on, in plain
// words. It comes by mail into their mailboxes here, in the commit that changes the standing; on the way down nothing need
// be said.

import { parseSmtpPath } from '../../message/address.ts'
import { addressField, buildMessage, structuredField, textField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import { formatMessageId } from '../../message/message-id.ts'
import type { Command } from '../../store/commands.ts'
import type { Account } from '../../store/nouns/people.ts'
import { type Agent, newTrace } from '../agent.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'
import type { Sender } from './gate.ts'
import type { Rung, Standing } from './ladder.ts'

type Reader = 'sender' | 'postmaster'
interface Words {
  readonly subject: (name: string) => string
  readonly lines: (name: string, domain: string) => readonly string[]
}

/** What is said on reaching a rung. */
const WORDS: Readonly<Record<Exclude<Rung, 'free'>, Readonly<Record<Reader, Words>>>> = {
  slow: {
    sender: {
      subject: () => 'Your mail to new people leaves slowly for a while',
      lines: () => [
        'Mail that you send to people to whom you never wrote before leaves one at a time now, a minute apart. Everything',
        'else leaves as always. It goes on by itself; you need not do anything.',
        '',
        'If it was not you who wrote to them, change your password now, in the settings of your mail.',
      ],
    },
    postmaster: {
      subject: (name) => `${name}: mail to new people is slowed`,
      lines: (name) => [
        `Mail that ${name} sends to people to whom it never wrote before leaves one at a time. It ends by itself.`,
      ],
    },
  },
  hold: {
    sender: {
      subject: () => 'Your mail to new people is held: please confirm that it was you',
      lines: (_name, domain) => [
        'Mail that you send to people to whom you never wrote before is held: it lies in the queue, and nothing is lost.',
        'Mail to people you know goes on.',
        '',
        'Was it you? Then open your mail in the browser and confirm it there, with your second factor, or by changing your',
        `password. What is held leaves then. Or ask postmaster@${domain}.`,
        '',
        'If it was not you, somebody else uses your account: change your password at once, and tell the postmaster.',
      ],
    },
    postmaster: {
      subject: (name) => `${name}: mail is held`,
      lines: (name) => [
        `Mail that ${name} sends to people to whom it never wrote before is held in the queue. To see it, and to go on:`,
        '',
        `  borderpost outgoing list`,
        `  borderpost outgoing release ${name}   what is held leaves, and mail goes on`,
        `  borderpost outgoing fail ${name}      what is held goes back to its sender`,
        `  borderpost outgoing suspend ${name}   nothing more is taken from there`,
      ],
    },
  },
  suspend: {
    sender: {
      subject: () => 'Your mail to others is suspended',
      lines: (_name, domain) => [
        'No mail to others is taken from you now; mail to people here still is. What was held before lies in the queue.',
        '',
        `Write to postmaster@${domain}, who can let you go on. If it was not you who sent it, change your password first.`,
      ],
    },
    postmaster: {
      subject: (name) => `${name}: sending is suspended`,
      lines: (name) => [
        `No mail of ${name} to others is taken any more. When it is clear who sent it:`,
        '',
        `  borderpost outgoing list`,
        `  borderpost outgoing resume ${name}    mail is taken again; what is held stays held`,
        `  borderpost outgoing release ${name}   the same, and what is held leaves`,
        `  borderpost outgoing fail ${name}      what is held goes back to its sender`,
      ],
    },
  },
}

/** @throws DiskError */
export async function noticeCommands(
  agent: Agent,
  sender: Sender,
  before: Standing,
  standing: Standing,
): Promise<Command[]> {
  const { rung } = standing
  if (rung === 'free' || (before.rung === 'hold' && rung === 'slow')) return []
  const postmaster = agent.store.accountByAddress(`postmaster@${agent.domain}`)
  const readers: [Reader, Account | undefined][] = [
    ['postmaster', postmaster],
    ['sender', sender.account],
  ]
  const commands: Command[] = []
  for (const [reader, account] of readers) {
    if (account === undefined || (reader === 'sender' && account.id === postmaster?.id)) continue
    const { subject, lines } = WORDS[rung][reader]
    const why = standing.why.map(({ sentence, evidence }) => `- ${sentence} (${evidence})`)
    const text = [...lines(sender.name, agent.domain), '', ...(why.length > 0 ? ['What was seen:', ...why] : [])]
    const message = noticeOf(agent, account, subject(sender.name), `${text.join('\n')}\n`)
    commands.push(placeCommand(agent, account, await prepareDelivery(agent, '', [], message), 'inbox', null))
  }
  return commands
}

function noticeOf(agent: Agent, to: Account, subject: string, text: string): Buffer {
  const mailbox = (address: string, displayName?: string) => {
    const parsed = parseSmtpPath(`<${address}>`, 'forward', { utf8: true })
    if (!parsed.ok || parsed.path.type !== 'mailbox') throw new Error(`${address} is no mailbox`)
    return displayName === undefined ? parsed.path.mailbox : { displayName, ...parsed.path.mailbox }
  }
  return buildMessage({
    fields: [
      addressField('From', [mailbox(`postmaster@${agent.domain}`, 'Outgoing mail')]),
      addressField('To', [mailbox(to.address)]),
      textField('Subject', subject),
      structuredField('Date', formatDate(agent.world.clock.now())),
      structuredField('Message-ID', formatMessageId(newTrace(agent.world), agent.hostName)),
      structuredField('Auto-Submitted', 'auto-generated'),
    ],
    text,
    boundary: () => newTrace(agent.world),
  })
}
