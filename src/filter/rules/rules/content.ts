// What the text wants, judged carefully: only where several signs of one kind of deception come together, and always so
// that the explanation can be checked by reading the message. What is merely unwanted, the statistics learn.

import type { Topic } from '../phrases.ts'
import type { Rule } from '../rule.ts'
import { FREE_MAIL } from '../tables.ts'
import type { MailView } from '../view.ts'

/** The phrases of a topic that were found. */
const said = (mail: MailView, topic: Topic): string[] => [...(mail.phrases.get(topic) ?? [])]
const countOf = (mail: MailView, topic: Topic): number => mail.phrases.get(topic)?.size ?? 0

/** Mail through lists and answers in a conversation speak about everything: there a topic proves nothing. */
const isTalk = (mail: MailView): boolean => mail.isFromList || mail.isReply

/** Fires when at least so many different phrases of a topic stand in a message that is no talk. */
const topic =
  (name: Topic, atLeast: number) =>
  (mail: MailView): string | undefined =>
    countOf(mail, name) >= atLeast && !isTalk(mail) ? said(mail, name).slice(0, 5).join(', ') : undefined

const LOOKED_AT = 20_000

export const contentRules: readonly Rule[] = [
  {
    id: 'content-advance-fee',
    points: 2.5,
    about: 'content',
    explanation: 'The text offers a share of a fortune to a stranger, a well-known fraud.',
    test: (mail) =>
      (countOf(mail, 'inheritance') >= 3 || (countOf(mail, 'inheritance') >= 2 && countOf(mail, 'millions') > 0)) &&
      !isTalk(mail)
        ? said(mail, 'inheritance').slice(0, 5).join(', ')
        : undefined,
  },
  {
    id: 'content-millions',
    points: 1.5,
    about: 'content',
    explanation: 'The text speaks of millions in money for the reader.',
    test: (mail) =>
      countOf(mail, 'millions') > 0 && countOf(mail, 'inheritance') > 0 && !isTalk(mail)
        ? said(mail, 'millions').join(', ')
        : undefined,
  },
  {
    id: 'content-lottery',
    points: 2.5,
    about: 'content',
    explanation: 'The text says that the reader has won something he never played for.',
    test: topic('lottery', 2),
  },
  {
    id: 'content-pharmacy',
    points: 1.8,
    about: 'content',
    explanation: 'The text sells medicines that no honest pharmacy offers by mail.',
    test: topic('pharmacy', 2),
  },
  {
    id: 'content-adult',
    points: 1.8,
    about: 'content',
    explanation: 'The text offers pornography.',
    test: topic('adult', 2),
  },
  {
    id: 'content-credit',
    points: 2.2,
    about: 'content',
    explanation: 'The text offers credit or the end of debts to strangers.',
    test: topic('credit', 2),
  },
  {
    id: 'content-income',
    points: 2.2,
    about: 'content',
    explanation: 'The text promises an income without work.',
    test: topic('income', 2),
  },
  {
    id: 'content-income-much',
    points: 1.2,
    about: 'content',
    explanation: 'The text promises an income without work over and over.',
    test: topic('income', 4),
  },
  {
    id: 'content-pressure',
    points: 1.1,
    about: 'content',
    explanation: 'The text urges the reader to act at once.',
    test: topic('pressure', 1),
  },
  {
    id: 'content-pressure-much',
    points: 0.8,
    about: 'content',
    explanation: 'The text urges the reader to act at once, in several ways.',
    test: topic('pressure', 2),
  },
  {
    id: 'content-promise',
    points: 1.2,
    about: 'content',
    explanation: 'The text promises things free, guaranteed or without risk.',
    test: topic('promise', 2),
  },
  {
    id: 'content-promise-much',
    points: 1,
    about: 'content',
    explanation: 'The text is full of promises of things free, guaranteed or without risk.',
    test: topic('promise', 4),
  },
  {
    id: 'content-excuse',
    points: 1.2,
    about: 'content',
    explanation: 'The text explains at length why the reader gets it and how to be taken off.',
    test: (mail) =>
      countOf(mail, 'excuse') >= 2 && !isTalk(mail) && !mail.has('list-unsubscribe')
        ? said(mail, 'excuse').slice(0, 5).join(', ')
        : undefined,
  },
  {
    id: 'content-not-spam',
    points: 1.8,
    about: 'content',
    explanation: 'The text assures the reader that it is not unwanted mail.',
    test: (mail) =>
      isTalk(mail)
        ? undefined
        : said(mail, 'excuse').find((phrase) =>
            /not (?:a )?spam|not unsolicited|opted in|opt in list|one time mailing/.test(phrase),
          ),
  },
  {
    id: 'content-statute',
    points: 2,
    about: 'content',
    explanation: 'The text appeals to a law to prove that it is allowed.',
    test: topic('statute', 1),
  },
  {
    id: 'content-reply-to-remove',
    points: 1.8,
    about: 'content',
    explanation: 'To be taken off the list the reader would have to answer, which only proves that he reads.',
    test: topic('replyToRemove', 1),
  },
  {
    id: 'content-click-here',
    points: 0.8,
    about: 'content',
    explanation: 'The text says to click without saying where it leads.',
    test: (mail) => (isTalk(mail) || mail.webUrls.length === 0 ? undefined : said(mail, 'clickHere')[0]),
  },
  {
    id: 'content-account-threat',
    points: 1.6,
    about: 'content',
    explanation: 'The text threatens that an account will be closed and offers a link.',
    test: (mail) =>
      countOf(mail, 'suspension') > 0 && mail.webUrls.length > 0 && !isTalk(mail)
        ? said(mail, 'suspension').join(', ')
        : undefined,
  },
  {
    id: 'content-account-confirm',
    points: 1.4,
    about: 'content',
    explanation: 'The text asks to confirm an account or a password through a link.',
    test: (mail) =>
      countOf(mail, 'verification') > 0 &&
      mail.webUrls.length > 0 &&
      !isTalk(mail) &&
      mail.identity?.dmarc.result !== 'pass'
        ? said(mail, 'verification').join(', ')
        : undefined,
  },
  {
    id: 'content-phishing',
    points: 2,
    about: 'content',
    explanation:
      'The text threatens with the loss of an account and asks to confirm it, as those do who steal passwords.',
    test: (mail) => countOf(mail, 'suspension') > 0 && countOf(mail, 'verification') > 0 && !isTalk(mail),
  },
  {
    id: 'content-extortion',
    points: 4,
    about: 'content',
    explanation: 'The text threatens with secrets and asks for money that cannot be traced.',
    test: (mail) =>
      countOf(mail, 'extortion') > 0 && countOf(mail, 'bitcoin') > 0 && !mail.isFromList
        ? said(mail, 'extortion').join(', ')
        : undefined,
  },
  {
    id: 'content-wallet',
    points: 1.5,
    about: 'content',
    explanation: 'The text names an account of untraceable money.',
    test: (mail) =>
      isTalk(mail)
        ? undefined
        : /(?<![\w/=])(?:bc1[a-z0-9]{25,60}|[13][1-9A-HJ-NP-Za-km-z]{28,34}|0x[0-9a-fA-F]{40})(?!\w)/.exec(
            mail.text.slice(0, LOOKED_AT),
          )?.[0],
  },
  {
    id: 'content-gift-cards',
    points: 2,
    about: 'content',
    explanation: 'The text asks a favour that ends in gift cards, a known fraud.',
    test: (mail) =>
      countOf(mail, 'giftCards') > 0 &&
      (countOf(mail, 'boss') > 0 || said(mail, 'giftCards').some((phrase) => /scratch|codes/.test(phrase)))
        ? said(mail, 'giftCards').join(', ')
        : undefined,
  },
  {
    id: 'content-false-boss',
    points: 1.8,
    about: 'content',
    explanation: 'Somebody with a free mail address asks for a quick favour, as those do who pretend to be the boss.',
    test: (mail) =>
      countOf(mail, 'boss') > 0 &&
      FREE_MAIL.has(mail.fromDomain) &&
      mail.text.length < 1500 &&
      mail.ownDomains.length > 0 &&
      !mail.isReply
        ? said(mail, 'boss').join(', ')
        : undefined,
  },
  {
    id: 'content-bank-change',
    points: 1.8,
    about: 'content',
    explanation: 'The text announces a new bank account for payments, which should be confirmed by telephone.',
    test: (mail) =>
      countOf(mail, 'bankChange') > 0 && mail.identity?.dmarc.result !== 'pass' && !mail.isFromList
        ? said(mail, 'bankChange').join(', ')
        : undefined,
  },
  {
    id: 'content-parcel',
    points: 1.4,
    about: 'content',
    explanation: 'The text speaks of a parcel that waits for the reader to pay or to click, without being proven.',
    test: (mail) =>
      countOf(mail, 'parcel') >= 2 &&
      mail.webUrls.length + mail.attachments.length > 0 &&
      !isTalk(mail) &&
      mail.identity?.dmarc.result !== 'pass'
        ? said(mail, 'parcel').join(', ')
        : undefined,
  },
  {
    id: 'content-stocks',
    points: 2,
    about: 'content',
    explanation: 'The text recommends a share that will rise.',
    test: topic('stocks', 3),
  },
  {
    id: 'content-casino',
    points: 1.6,
    about: 'content',
    explanation: 'The text invites to gamble.',
    test: topic('casino', 2),
  },
  {
    id: 'content-imitations',
    points: 1.5,
    about: 'content',
    explanation: 'The text sells imitations or software far below its price.',
    test: topic('software', 2),
  },
  {
    id: 'content-greets-nobody',
    points: 1.4,
    about: 'content',
    explanation: 'The text greets a reader whose name it does not know.',
    test: (mail) => (isTalk(mail) ? undefined : said(mail, 'greeting')[0]),
  },
  {
    id: 'content-greets-mailbox',
    points: 1.2,
    about: 'content',
    explanation: 'The text greets the reader by the address, as programs do.',
    test: (mail) => {
      if (isTalk(mail)) return undefined
      const address = (mail.facts.recipients?.[0] ?? '').toLowerCase()
      const local = address.split('@')[0]!
      if (local.length < 4) return undefined
      const start = mail.text.slice(0, 300).toLowerCase()
      return [`dear ${address}`, `hello ${address}`, `hi ${address}`, `dear ${local}`].find(
        (greeting) =>
          start.includes(greeting) && !/[ .a-z]/.test(start[start.indexOf(greeting) + greeting.length] ?? ','),
      )
    },
  },
  {
    id: 'content-capitals',
    points: 1,
    about: 'content',
    explanation: 'Most of the text is written in capital letters.',
    test: ({ text }) => {
      let capitals = 0
      let small = 0
      for (let i = 0, end = Math.min(text.length, LOOKED_AT); i < end; i++) {
        const code = text.charCodeAt(i)
        if (code >= 65 && code <= 90) capitals++
        else if (code >= 97 && code <= 122) small++
      }
      return capitals > 200 && capitals > small * 0.8
    },
  },
  {
    id: 'content-shouted-lines',
    points: 0.8,
    about: 'content',
    explanation: 'Whole lines of the text shout in capital letters.',
    test: (mail) =>
      !isTalk(mail) &&
      (mail.text
        .slice(0, LOOKED_AT)
        .match(/^[^a-z\n]{0,80}[A-Z]{3}[^a-z\n]{10,120}$/gm)
        ?.filter((line) => (line.match(/[A-Z]/g)?.length ?? 0) > 12).length ?? 0) >= 4,
  },
  {
    id: 'content-money',
    points: 1.2,
    about: 'content',
    explanation: 'The text names large sums of money several times.',
    test: (mail) =>
      !isTalk(mail) &&
      (mail.text.slice(0, LOOKED_AT).match(/(?:[$€£]|us\$|usd)\s?\d{1,3}(?:[.,]\d{3})+/gi)?.length ?? 0) >= 3,
  },
  {
    id: 'content-exclamations',
    points: 1.2,
    about: 'content',
    explanation: 'The text shouts with rows of exclamation marks.',
    test: (mail) => !isTalk(mail) && (mail.text.slice(0, LOOKED_AT).match(/!{2,}/g)?.length ?? 0) >= 3,
  },
  {
    id: 'content-spaced-letters',
    points: 1.6,
    about: 'content',
    explanation: 'Words of the text are pulled apart letter by letter, so that filters do not read them.',
    test: ({ text, isFromList }) => {
      const found = /(?:^|\s)(?:[a-z][ ._*-]){6,30}[a-z](?:\s|$)/im.exec(text.slice(0, LOOKED_AT))?.[0]
      // Capitals with spaces are how typists write headings.
      return found !== undefined && !isFromList && (/[a-z]/.test(found) || /[._*-]/.test(found)) && found
    },
  },
  {
    id: 'content-disguised-words',
    points: 1.8,
    about: 'content',
    explanation: 'Words of the text are written with digits or signs in place of letters.',
    test: ({ text }) =>
      /\b(?:v[1!|]agra|vi[@4]gr[a@4]|c[1!|]al[1!i]s|ci[@4]lis|m0rtg[a4]ge|mortg4ge|fr3e|ca5h|m0ney|c@s[i1!]n[o0]|pr[e3]scr[1!]pt[i1!][o0]n)(?!\w)/i.exec(
        text.slice(0, LOOKED_AT),
      )?.[0],
  },
]
