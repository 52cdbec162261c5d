// What others and our own memory know of the sender: lists over DNS (RFC 5782), reputation learned over time. The
// questions were asked before; here the answers weigh among everything else.

import type { ListResult } from '../../dnsbl.ts'
import { verdictOn } from '../../reputation.ts'
import type { Rule } from '../rule.ts'
import type { MailView } from '../view.ts'

type Listed = Extract<ListResult, { kind: 'listed' }>

/** The listings of one kind, each list once for each subject. */
function listed(mail: MailView, of: 'address' | 'domain', says: 'bad' | 'good'): Listed[] {
  return (mail.facts.known?.listings ?? []).filter(
    (one): one is Listed => one.kind === 'listed' && one.list.of === of && one.list.says === says,
  )
}

const words = ({ subject, meanings, list }: Listed) => `${subject} ${meanings.join(', ')}, says ${list.zone}`

/** Domains that stand in the message as its sender, and not as a link. */
const isOfSender = (mail: MailView, subject: string) => mail.senderDomains.includes(subject)

const standing = (wanted: ReturnType<typeof verdictOn>) => (mail: MailView) => {
  const known = mail.facts.known?.standing
  return known !== undefined && verdictOn(known) === wanted && known.reasons.join('; ')
}

/** Mailing lists send so, too: together these rules stay below what makes Junk. */
const copiesFrom = (least: number) => (mail: MailView) => {
  const copies = Math.round(mail.facts.known?.copies ?? 0)
  return copies >= least && `${copies} copies`
}

export const knownRules: readonly Rule[] = [
  {
    id: 'address-on-bad-list',
    points: 4,
    about: 'received',
    explanation: 'The sending machine is on a public list of machines that send unwanted mail.',
    test: (mail) => listed(mail, 'address', 'bad').map(words)[0],
  },
  {
    id: 'address-on-bad-lists',
    points: 3,
    about: 'received',
    explanation: 'More than one public list names the sending machine.',
    test: (mail) => listed(mail, 'address', 'bad').map(words)[1],
  },
  {
    id: 'address-on-good-list',
    points: -1.5,
    about: 'received',
    explanation: 'The sending machine is on a public list of machines that send honest mail.',
    test: (mail) => listed(mail, 'address', 'good').map(words)[0],
  },
  {
    id: 'sender-on-bad-list',
    points: 4,
    about: 'name',
    explanation: 'The sender’s domain is on a public list of domains that send unwanted mail.',
    test: (mail) =>
      listed(mail, 'domain', 'bad')
        .filter(({ subject }) => isOfSender(mail, subject))
        .map(words)[0],
  },
  {
    id: 'link-on-bad-list',
    points: 5,
    about: 'url',
    explanation: 'A link leads to a site that is on a public list of sites seen in unwanted mail.',
    test: (mail) =>
      listed(mail, 'domain', 'bad')
        .filter(({ subject }) => !isOfSender(mail, subject))
        .map(words)[0],
  },
  {
    id: 'reputation-good',
    points: -2,
    about: 'identity',
    explanation: 'This sender has sent wanted mail here for some time.',
    test: standing('good'),
  },
  {
    id: 'reputation-bad',
    points: 2.5,
    about: 'identity',
    explanation: 'Much of what this sender sent here before was unwanted.',
    test: standing('bad'),
  },
  {
    id: 'reputation-very-bad',
    points: 5,
    about: 'identity',
    explanation: 'Nearly everything that this sender sent here before was unwanted.',
    test: standing('very bad'),
  },
  {
    id: 'signature-in-many-copies',
    points: 1.5,
    about: 'identity',
    explanation: 'The same signed message came to many people here, and not from who signed it.',
    test: copiesFrom(60),
  },
  {
    id: 'signature-in-hundreds-of-copies',
    points: 2,
    about: 'identity',
    explanation: 'The same signed message came to hundreds of people here, and not from who signed it.',
    test: copiesFrom(300),
  },
]
