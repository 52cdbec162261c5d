// The subject: what is done to it so that a filter does not read it, and how it shouts.

import { mixedScriptWord } from '../confusables.ts'
import type { Rule } from '../rule.ts'

export const subjectRules: readonly Rule[] = [
  {
    id: 'subject-missing',
    points: 0.8,
    about: 'header',
    explanation: 'The message has no subject line at all.',
    test: (mail) => !mail.has('subject'),
  },
  {
    id: 'subject-capitals',
    points: 1.5,
    about: 'header',
    explanation: 'The subject is written in capital letters.',
    test: ({ subject }) => {
      const plain = subject.replace(/^(?:re|fwd?|aw|wg):\s*/i, '')
      return /[A-Z]{4}/.test(plain) && / /.test(plain.trim()) && plain.length > 9 && !/[a-z]/.test(plain) && subject
    },
  },
  {
    id: 'subject-exclamations',
    points: 0.7,
    about: 'header',
    explanation: 'The subject shouts with exclamation marks.',
    test: ({ subject }) => /!!|[?!][?!]!|!\?!/.test(subject) && subject,
  },
  {
    id: 'subject-exclamation-end',
    points: 0.6,
    about: 'header',
    explanation: 'The subject ends in an exclamation mark.',
    test: ({ subject, isReply }) => !isReply && /!\s*$/.test(subject) && subject,
  },
  {
    id: 'subject-false-reply',
    points: 0.6,
    about: 'header',
    explanation: 'The subject looks like an answer, but the message answers nothing.',
    test: (mail) =>
      !mail.isReply &&
      /^(?:re|aw|sv)\s?:/i.test(mail.subject) &&
      !/<[^>]*@/.test(mail.subject) &&
      !/^>/m.test(mail.texts.plain) &&
      mail.subject,
  },
  {
    id: 'subject-tail',
    points: 2.2,
    about: 'header',
    explanation: 'After many spaces the subject ends in a row of letters that is there for no reader.',
    test: ({ subject }) => /\s{5,}[\w[\]()#-]{2,40}\s*$/.exec(subject)?.[0],
  },
  {
    id: 'subject-random-word',
    points: 1,
    about: 'header',
    explanation: 'The subject ends in a random row of letters.',
    test: ({ subject }) => /\s(?=[a-z]{6,24}$)[a-z]{0,18}[bcdfghjklmnpqrstvwxz]{6,}[a-z]{0,18}$/.exec(subject)?.[0],
  },
  {
    id: 'subject-spaced-letters',
    points: 2,
    about: 'header',
    explanation: 'Words of the subject are pulled apart letter by letter, so that filters do not read them.',
    test: ({ subject }) => /(?:^|\s)(?:[a-z][ ._*-]){5,30}[a-z](?:\s|$)/i.exec(subject)?.[0],
  },
  {
    id: 'subject-disguised-word',
    points: 2.2,
    about: 'header',
    explanation: 'A word of the subject is written with digits or signs in place of letters.',
    test: ({ subject }) =>
      /\b(?:v[1!|]agra|vi[a@]gr[a@4]|c[1!|]al[1!i]s|p[0o]rn[0o]|m[0o]rtg[4@]ge|fr[3€]e|ca[$5]h|m0ney|c[a@]s[1!]n[0o]|0nline|b[o0]nu[5$])(?!\w)/gi
        .exec(subject)?.[0]
        .replace(/^(?:viagra|cialis|porno|free|cash|casino|bonus|online)$/i, ''),
  },
  {
    id: 'subject-invisible',
    points: 2.5,
    about: 'header',
    explanation: 'The subject contains invisible characters between its letters.',
    test: ({ subject }) =>
      /[a-z](?:\u00ad|\u034f|[\u200b\u2060-\u2064\ufeff\u180e]){1,5}[a-z]/i.test(subject) && subject,
  },
  {
    id: 'subject-turned',
    points: 2,
    about: 'header',
    explanation: 'The subject contains characters that turn the direction of reading.',
    test: ({ subject }) => /[\u202d\u202e]/.test(subject),
  },
  {
    id: 'subject-mixed-alphabets',
    points: 2.5,
    about: 'header',
    explanation: 'A word of the subject mixes letters of different alphabets that look alike.',
    test: ({ subject }) => mixedScriptWord(subject),
  },
  {
    id: 'subject-styled-letters',
    points: 1.8,
    about: 'header',
    explanation: 'The subject is written with mathematical signs that only look like letters.',
    test: ({ subject }) => /(?:[\u{1d400}-\u{1d7ff}\uff21-\uff5a\u24b6-\u24e9]\s?){4}/u.test(subject) && subject,
  },
  {
    id: 'subject-money',
    points: 0.8,
    about: 'header',
    explanation: 'The subject promises sums of money.',
    test: ({ subject, isReply }) =>
      !isReply &&
      /[$€£]\s?\d{1,3}(?:[.,]?\d{3})+|\b\d{1,3}(?:[.,]?\d{3})+\s?(?:usd|dollars|euros)\b/i.exec(subject)?.[0],
  },
  {
    id: 'subject-names-recipient',
    points: 0.8,
    about: 'header',
    explanation: 'The subject calls the Recipient by the name of the mailbox, as programs do.',
    test: (mail) => {
      if (mail.isReply) return false
      const subject = mail.subject.toLowerCase()
      const local = (mail.facts.recipients?.[0] ?? (mail.to.length === 1 ? `${mail.to[0]!.localPart}@` : ''))
        .toLowerCase()
        .split('@')[0]!
      if (local.length < 4 || /^(?:info|sales|list|support|office|contact|admin|webmaster|users?|team)/.test(local))
        return false
      return (
        (subject.startsWith(`${local},`) ||
          subject.startsWith(`${local} `) ||
          subject.startsWith(`${local}:`) ||
          subject.endsWith(` ${local}`)) &&
        mail.subject
      )
    },
  },
  {
    id: 'subject-advertisement',
    points: 2.5,
    about: 'header',
    explanation: 'The subject says itself that this is an advertisement.',
    test: ({ subject }) => /^\W{0,3}\(?\s?adv?(?:ertisement)?(?:\s?:\s?adult)?\s?[:)\]-]/i.test(subject) && subject,
  },
  {
    id: 'subject-offer',
    points: 1.4,
    about: 'header',
    explanation: 'The subject advertises something free, cheap or guaranteed.',
    test: ({ subject, isReply }) =>
      !isReply &&
      /\b(?:free (?:trial|gift|sample|quote|access|membership)|guaranteed|lowest (?:price|rate)s?|save (?:up to )?\d\d|\d\d ?% off|lose weight|weight loss|risk[- ]free|work (?:at|from) home|extra (?:cash|income)|make money|earn \$|mortgage|refinanc\w{1,4}|refill|debt|viagra|cheap)\b/i.exec(
        subject,
      )?.[0],
  },
]
