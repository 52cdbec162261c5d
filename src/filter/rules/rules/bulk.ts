// Marks of mail that goes to many: honest bulk mail shows how to leave and proves who sends it, the other kind does not.
// Also the few marks of ordinary correspondence. What anybody can write counts little in favour (see MAX_CREDIT).

import type { Rule } from '../rule.ts'
import type { MailView } from '../view.ts'

const isProven = (mail: MailView): boolean => mail.identity?.dmarc.result === 'pass'
const saysLeave = (mail: MailView): boolean => mail.phrases.has('excuse')

export const bulkRules: readonly Rule[] = [
  {
    id: 'bulk-one-click',
    points: -0.6,
    about: 'bulk',
    explanation: 'The sender is proven and offers to be left with one click.',
    test: (mail) =>
      isProven(mail) && mail.has('list-unsubscribe-post') && /https:/i.test(mail.field('list-unsubscribe') ?? ''),
  },
  {
    id: 'bulk-list',
    points: -0.8,
    about: 'bulk',
    explanation: 'The message comes through a mailing list that says how to write to it and how to leave it.',
    test: (mail) =>
      mail.has('list-id') && (mail.has('list-post') || mail.has('list-unsubscribe') || mail.has('list-subscribe')),
  },
  {
    id: 'bulk-list-unnamed',
    points: 0.4,
    about: 'bulk',
    explanation: 'The message is marked as mass mail, but names no list and no way to leave.',
    test: (mail) =>
      /^(?:bulk|junk)/i.test(mail.field('precedence') ?? '') &&
      !mail.isFromList &&
      !mail.has('list-unsubscribe') &&
      !mail.has('auto-submitted'),
  },
  {
    id: 'bulk-junk-by-its-own-word',
    points: 1.2,
    about: 'bulk',
    explanation: 'The message marks itself as junk mail.',
    test: (mail) => /^junk/i.test(mail.field('precedence') ?? '') && !mail.has('auto-submitted'),
  },
  {
    id: 'bulk-without-way-out',
    points: 1.3,
    about: 'bulk',
    explanation:
      'The text speaks of being taken off a list, but the message names no list and no proper way to leave it.',
    test: (mail) => saysLeave(mail) && !mail.has('list-unsubscribe') && !mail.isFromList && !mail.isReply,
  },
  {
    id: 'bulk-unsubscribe-broken',
    points: 0.8,
    about: 'bulk',
    explanation: 'The way to leave the list that the message names is none.',
    test: (mail) =>
      mail.has('list-unsubscribe') &&
      !/<?(?:https?:\/\/[^\s>]{4,}|mailto:[^\s>]{3,})/i.test(mail.field('list-unsubscribe')!) &&
      (mail.field('list-unsubscribe') || true),
  },
  {
    id: 'bulk-unproven',
    points: 1.2,
    about: 'bulk',
    explanation: 'The message goes to many, and nothing proves who sends it.',
    test: (mail) =>
      mail.identity !== undefined &&
      mail.identity.dmarc.result !== 'pass' &&
      mail.identity.dmarc.result !== 'none' &&
      (mail.has('list-unsubscribe') || /^bulk/i.test(mail.field('precedence') ?? '')) &&
      !mail.has('list-post'),
  },
  {
    id: 'bulk-judged-before',
    points: 1,
    about: 'bulk',
    explanation: 'A filter on the way has already marked the message as unwanted.',
    test: (mail) =>
      /^yes/i.test(mail.field('x-spam-flag') ?? mail.field('x-spam-status') ?? '') ||
      /\*{3,}\s?spam\s?\*{3,}/i.test(mail.subject),
  },
  {
    id: 'bulk-cover-sender',
    points: 0.8,
    about: 'bulk',
    explanation: 'The message was written by a mass sender, but pretends to answer a conversation.',
    test: (mail) => mail.has('list-unsubscribe') && !mail.isReply && /^re:/i.test(mail.subject) && !mail.isFromList,
  },
  {
    id: 'bulk-code-for-recipient',
    points: 1.3,
    about: 'bulk',
    explanation: 'The text ends in a row of letters that is different for every Recipient.',
    test: ({ text, isFromList, attachments }) => {
      if (isFromList || attachments.length > 0) return undefined
      const last = text.slice(-400).trim().split(/\n/).at(-1)?.trim() ?? ''
      return /^(?=.{0,30}(?:[bcdfghjklmnpqrstvwxz]{5}|\d[a-z]{2,8}\d))[a-z0-9]{10,60}$/.test(last) ||
        /^\[?[a-z0-9^$%&*()-]{16,60}\]?$/.test(last)
        ? last
        : undefined
    },
  },
  {
    id: 'person-signed',
    points: -0.5,
    about: 'bulk',
    explanation: 'The message carries the signature of a person.',
    test: (mail) => mail.root.type === 'multipart' && mail.root.subtype === 'signed',
  },
  {
    id: 'person-quotes',
    points: -0.5,
    about: 'bulk',
    explanation: 'The message continues a conversation and quotes it.',
    test: (mail) => mail.isReply && /^>.{0,200}\n(?:.{0,500}\n)?>/m.test(mail.texts.plain.slice(0, 20_000)),
  },
  {
    id: 'person-short-plain',
    points: -0.3,
    about: 'bulk',
    explanation: 'The message is short plain text without links, as people write it.',
    test: (mail) =>
      mail.isReply &&
      !mail.texts.hasHtmlPart &&
      mail.text.length < 4000 &&
      mail.webUrls.length === 0 &&
      mail.attachments.length === 0,
  },
]
