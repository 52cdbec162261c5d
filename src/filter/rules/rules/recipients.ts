// To whom it says it goes: nobody, everybody, or a list in which addresses were written in a row by a program.

import type { Rule } from '../rule.ts'
import type { MailView } from '../view.ts'

function addresses(mail: MailView): string[] {
  return mail.to.slice(0, 500).map(({ localPart, domain }) => `${localPart}@${domain}`.toLowerCase())
}

export const recipientRules: readonly Rule[] = [
  {
    id: 'to-missing',
    points: 0.6,
    about: 'recipients',
    explanation: 'The message does not say to whom it is written.',
    test: (mail) => !mail.has('to') && !mail.has('cc') && !mail.has('bcc'),
  },
  {
    id: 'to-undisclosed',
    points: 1,
    about: 'recipients',
    explanation: 'The message hides to whom it is written.',
    test: (mail) =>
      mail.has('to') &&
      mail.to.length === 0 &&
      /undisclosed|unlisted|hidden/i.test(mail.field('to')!) &&
      mail.field('to'),
  },
  {
    id: 'to-empty',
    points: 0.8,
    about: 'recipients',
    explanation: 'The line of the Recipient holds no address.',
    test: (mail) =>
      mail.has('to') && mail.to.length === 0 && !/undisclosed|unlisted|hidden|[:;]/i.test(mail.field('to')!),
  },
  {
    id: 'to-is-sender',
    points: 1.2,
    about: 'recipients',
    explanation: 'The message is addressed to its own sender, but came to somebody else.',
    test: (mail) => {
      const from = `${mail.from?.localPart}@${mail.fromDomain}`.toLowerCase()
      const to = addresses(mail)
      return (
        to.length === 1 &&
        to[0] === from &&
        !(mail.facts.recipients ?? []).some((recipient) => recipient.toLowerCase() === from) &&
        from
      )
    },
  },
  {
    id: 'to-sender-forged-as-recipient',
    points: 1.5,
    about: 'recipients',
    explanation: 'The message claims that the Recipient wrote it to himself, and nothing proves it.',
    test: (mail) => {
      const from = `${mail.from?.localPart}@${mail.fromDomain}`.toLowerCase()
      const { identity } = mail
      return (
        identity !== undefined &&
        identity.dmarc.result !== 'pass' &&
        (mail.facts.recipients ?? []).some((recipient) => recipient.toLowerCase() === from) &&
        from
      )
    },
  },
  {
    id: 'to-not-recipient',
    points: 0.4,
    about: 'recipients',
    explanation: 'The Recipient is not among those to whom the message says it is written.',
    test: (mail) => {
      const recipients = mail.facts.recipients ?? []
      if (recipients.length === 0 || mail.isFromList || mail.to.length === 0) return false
      const to = new Set(addresses(mail))
      return !recipients.some((recipient) => to.has(recipient.toLowerCase()))
    },
  },
  {
    id: 'to-many',
    points: 1,
    about: 'recipients',
    explanation: 'The message is openly addressed to dozens of people.',
    test: (mail) => mail.to.length > 30 && !mail.isFromList && `${mail.to.length} addresses`,
  },
  {
    id: 'to-sorted',
    points: 1.5,
    about: 'recipients',
    explanation: 'The message is addressed to people in the order of the alphabet, as taken from a list.',
    test: (mail) => {
      const to = addresses(mail)
      if (to.length < 6) return false
      let inOrder = 0
      for (let i = 1; i < to.length; i++) if (to[i - 1]! < to[i]!) inOrder++
      return inOrder === to.length - 1 && to.slice(0, 3).join(', ')
    },
  },
  {
    id: 'to-alike',
    points: 1.8,
    about: 'recipients',
    explanation: 'The message is addressed to many addresses that begin alike, as taken from a list.',
    test: (mail) => {
      const to = addresses(mail)
      if (to.length < 5) return false
      const starts = new Map<string, number>()
      for (const address of to) {
        const start = address.slice(0, 3)
        starts.set(start, (starts.get(start) ?? 0) + 1)
      }
      return Math.max(...starts.values()) > to.length * 0.8 && to.slice(0, 3).join(', ')
    },
  },
  {
    id: 'to-broken',
    points: 0.8,
    about: 'recipients',
    explanation: 'The line of the Recipient holds addresses that are none.',
    test: (mail) => mail.addressList('to').unparsed.find((text) => text.includes('@')),
  },
  {
    id: 'to-placeholder',
    points: 1.5,
    about: 'recipients',
    explanation: 'The message is addressed to a placeholder that a program forgot to fill.',
    test: (mail) =>
      /(?:\b(?:your|user|friend|customer|member|recipient|you)@|%[a-z_]{2,20}%|\{\{?[a-z_ ]{2,20}\}|\[(?:email|name|to)\])/i.exec(
        mail.field('to') ?? '',
      )?.[0],
  },
]
