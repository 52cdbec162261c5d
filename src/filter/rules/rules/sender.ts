// Who it says it is from: names that say something else than the address, look-alike domains, faulty From fields.

import { mailboxesOf } from '../../../message/address.ts'
import { displayDomain } from '../../../message/mailbox.ts'
import { mixedScriptWord } from '../confusables.ts'
import {
  belongsTo,
  brandLike,
  brandWithin,
  imitatedBrand,
  imitatedOwn,
  isReserved,
  mainLabel,
  organization,
  tld,
} from '../domains.ts'
import type { Rule } from '../rule.ts'
import { ABUSED_TLDS, BRANDS, FREE_MAIL, OFFICES } from '../tables.ts'
import type { MailView } from '../view.ts'

const ADDRESS_IN_NAME = /[\w.+-]{1,64}@((?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,24})/i
const DOMAIN_IN_NAME =
  /(?:^|[\s("'<[])((?:[a-z0-9-]{2,63}\.){1,3}(?:com|net|org|de|fr|ch|uk|gov|bank|eu|info|edu))(?=$|[\s)"'>\],])/i

/** A name with its styling taken off: case, look-alikes, spaces. */
function plainName(mail: MailView): string {
  return mail.fromName.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()
}

function hasWord(text: string, word: string): boolean {
  const at = text.indexOf(word)
  return at >= 0 && !/[a-z0-9]/.test(text[at - 1] ?? ' ') && !/[a-z0-9]/.test(text[at + word.length] ?? ' ')
}

export const senderRules: readonly Rule[] = [
  {
    id: 'from-missing',
    points: 2.5,
    about: 'name',
    explanation: 'The message names no Author.',
    test: (mail) => !mail.has('from'),
  },
  {
    id: 'from-repeated',
    points: 4,
    about: 'name',
    explanation: 'The message names its Author twice, so that programs show different ones.',
    test: (mail) => mail.count('from') > 1 && `${mail.count('from')} lines`,
  },
  {
    id: 'from-empty',
    points: 2,
    about: 'name',
    explanation: 'The line of the Author holds no address.',
    test: (mail) =>
      mail.has('from') && mailboxesOf(mail.addressList('from')).length === 0 && (mail.field('from') || true),
  },
  {
    id: 'from-ambiguous',
    points: 3,
    about: 'name',
    explanation: 'The line of the Author is written so that programs can read different addresses in it.',
    test: (mail) => {
      const list = mail.addressList('from')
      return (
        list.unparsed.find((text) => text.includes('@')) ??
        list.defects.find((defect) => /source route|text after an address|angle brackets without/.test(defect))
      )
    },
  },
  {
    id: 'from-several-domains',
    points: 2.5,
    about: 'name',
    explanation: 'The message names Authors of different domains at once.',
    test: (mail) => {
      const domains = new Set(mailboxesOf(mail.addressList('from')).map(({ domain }) => organization(domain)))
      return domains.size > 1 && [...domains].slice(0, 5).join(', ')
    },
  },
  {
    id: 'from-several-without-sender',
    points: 1,
    about: 'name',
    explanation: 'Of several Authors it is not said who sent the message.',
    test: (mail) => mailboxesOf(mail.addressList('from')).length > 1 && !mail.has('sender'),
  },
  {
    id: 'name-other-address',
    points: 2.5,
    about: 'name',
    explanation: 'The name of the sender is an email address of somebody else.',
    test: (mail) => {
      const domain = ADDRESS_IN_NAME.exec(mail.fromName)?.[1]?.toLowerCase()
      return (
        domain !== undefined &&
        organization(domain) !== mail.fromOrganization &&
        !mail.isFromList &&
        `${mail.fromName} <…@${mail.fromDomain}>`
      )
    },
  },
  {
    id: 'name-other-domain',
    points: 0.5,
    about: 'name',
    explanation: 'The name of the sender is a web address of somebody else.',
    test: (mail) => {
      if (mail.fromName.includes('@')) return false
      const domain = DOMAIN_IN_NAME.exec(mail.fromName)?.[1]?.toLowerCase()
      if (domain === undefined || mail.isFromList) return false
      return mainLabel(domain) !== mainLabel(mail.fromDomain) && `${mail.fromName} <…@${mail.fromDomain}>`
    },
  },
  {
    id: 'name-of-brand',
    points: 2.2,
    about: 'name',
    explanation: 'The sender calls itself like a well-known company, but the address is not of that company.',
    test: (mail) => {
      if (mail.fromName === '' || mail.fromDomain === '' || mail.isFromList || mail.isReply) return false
      const name = plainName(mail)
      const claimed = BRANDS.find((brand) => brand.words.some((word) => hasWord(name, word)))
      return (
        claimed !== undefined &&
        !BRANDS.some((brand) => brand.words.some((word) => hasWord(name, word)) && belongsTo(mail.fromDomain, brand)) &&
        `${mail.fromName} <…@${mail.fromDomain}>`
      )
    },
  },
  {
    id: 'name-brand-disguised',
    points: 3.5,
    about: 'name',
    explanation: 'The name of the sender is made to look like that of a well-known company.',
    test: ({ fromName }) => {
      for (const word of fromName
        .slice(0, 80)
        .toLowerCase()
        .split(/[\s"']+/)) {
        const brand = brandLike(word)
        if (brand) return `${fromName} (${brand.name})`
      }
      return false
    },
  },
  {
    id: 'name-turned',
    points: 3,
    about: 'name',
    explanation: 'The name of the sender contains characters that turn the direction of reading.',
    test: (mail) => /[\u202a-\u202e\u2066-\u2069]/.test(mail.fromName),
  },
  {
    id: 'name-invisible',
    points: 2.5,
    about: 'name',
    explanation: 'The name of the sender contains invisible characters.',
    test: (mail) => /[\u00ad\u180e\u200b\u2060-\u2064\ufeff]|\u034f/.test(mail.fromName) && mail.fromName,
  },
  {
    id: 'name-mixed-alphabets',
    points: 2.5,
    about: 'name',
    explanation: 'The name of the sender mixes letters of different alphabets that look alike.',
    test: (mail) => mixedScriptWord(mail.fromName),
  },
  {
    id: 'name-with-seal',
    points: 1.2,
    about: 'name',
    explanation: 'The name of the sender shows a sign that pretends to be a confirmation.',
    test: (mail) => /[\u2713\u2714\u2705\u2611\u{1f510}\u{1f512}]/u.test(mail.fromName) && mail.fromName,
  },
  {
    id: 'name-padded',
    points: 2,
    about: 'name',
    explanation: 'The name of the sender is filled with space so that the address is pushed out of sight.',
    test: (mail) => /[\s\u00a0\u2000-\u200a\u3000\u2800]{12}/.test(mail.fromName) || mail.fromName.length > 200,
  },
  {
    id: 'name-of-recipient',
    points: 1.8,
    about: 'name',
    explanation: 'The sender uses the Recipient’s own address as its name.',
    test: (mail) => {
      const name = mail.fromName.toLowerCase()
      if (!name.includes('@')) return false
      const own = [
        ...(mail.facts.recipients ?? []),
        ...mail.to.map(({ localPart, domain }) => `${localPart}@${domain}`),
      ]
      const from = mail.from
      return (
        own.some(
          (address) =>
            name.includes(address.toLowerCase()) &&
            address.toLowerCase() !== `${from?.localPart}@${from?.domain}`.toLowerCase(),
        ) && mail.fromName
      )
    },
  },
  {
    id: 'name-of-our-domain',
    points: 2.5,
    about: 'name',
    explanation: 'The sender calls itself by the Recipient’s own domain, but writes from another.',
    test: (mail) => {
      const name = plainName(mail)
      if (name === '' || mail.isFromList) return false
      const own = mail.ownDomains.find((domain) => hasWord(name, domain))
      return (
        own !== undefined &&
        !mail.ownDomains.some((domain) => organization(domain) === mail.fromOrganization) &&
        `${mail.fromName} <…@${mail.fromDomain}>`
      )
    },
  },
  {
    id: 'name-of-office',
    points: 1.6,
    about: 'name',
    explanation: 'The sender calls itself an office or a help desk, but writes from a free mail address.',
    test: (mail) => {
      if (!FREE_MAIL.has(mail.fromDomain)) return false
      const name = plainName(mail)
      return OFFICES.some((office) => hasWord(name, office)) && `${mail.fromName} <…@${mail.fromDomain}>`
    },
  },
  {
    id: 'name-needless-encoding',
    points: 0.6,
    about: 'name',
    explanation: 'The plain letters of the sender’s name are encoded, as if to hide them from filters.',
    test: (mail) => {
      const raw = mail.field('from') ?? ''
      return (
        /^"?=\?[^?]{2,30}\?b\?[^?]{1,80}\?="?\s{0,3}</i.test(raw) && /^[ -~]+$/.test(mail.fromName) && mail.fromName
      )
    },
  },
  {
    id: 'from-imitates-brand',
    points: 3.5,
    about: 'name',
    explanation: 'The domain of the sender is made to look like that of a well-known company.',
    test: (mail) => {
      const brand = mail.fromDomain === '' ? undefined : imitatedBrand(mail.fromDomain)
      return brand && `${displayDomain(mail.from!.domain)} (${brand.name})`
    },
  },
  {
    id: 'from-contains-brand',
    points: 2,
    about: 'name',
    explanation: 'The domain of the sender contains the name of a well-known company, but is not of that company.',
    test: (mail) => {
      const brand = brandWithin(mail.fromDomain)
      return brand && `${mail.fromDomain} (${brand.name})`
    },
  },
  {
    id: 'from-imitates-us',
    points: 4,
    about: 'name',
    explanation: 'The domain of the sender is made to look like the Recipient’s own domain.',
    test: (mail) => {
      const own = mail.fromDomain === '' ? undefined : imitatedOwn(mail.fromDomain, mail.ownDomains)
      return own && `${displayDomain(mail.from!.domain)} (${own})`
    },
  },
  {
    id: 'from-mixed-alphabets',
    points: 3,
    about: 'name',
    explanation: 'The domain of the sender mixes letters of different alphabets.',
    test: (mail) => (mail.fromDomain.includes('xn--') ? mixedScriptWord(displayDomain(mail.from!.domain)) : undefined),
  },
  {
    id: 'from-abused-ending',
    points: 1.2,
    about: 'name',
    explanation: 'The domain of the sender has an ending that is used mostly for unwanted mail.',
    test: (mail) => ABUSED_TLDS.has(tld(mail.fromDomain)) && mail.fromDomain,
  },
  {
    id: 'from-nowhere',
    points: 1.5,
    about: 'name',
    explanation: 'The domain of the sender cannot exist on the Internet.',
    test: (mail) =>
      mail.fromDomain !== '' && !mail.fromDomain.startsWith('[') && isReserved(mail.fromDomain) && mail.fromDomain,
  },
  {
    id: 'from-bare-ip',
    points: 2,
    about: 'name',
    explanation: 'The sender’s address has a number in place of a domain.',
    test: (mail) => (mail.fromDomain.startsWith('[') || /^[0-9.]+$/.test(mail.fromDomain)) && mail.fromDomain,
  },
  {
    id: 'from-digits',
    points: 0.6,
    about: 'name',
    explanation: 'The sender’s address looks as if a program had made it up.',
    test: (mail) => {
      const local = mail.from?.localPart ?? ''
      return (
        (/^\d{1,20}[a-z]{1,20}\d/i.test(local) ||
          /^[a-z]{2,20}\d{4,}[a-z]{1,20}\d*$/i.test(local) ||
          /^(?=.{9,40}$)[a-z]{0,30}[bcdfghjklmnpqrstvwxz]{7,}[a-z]{0,30}$/i.test(local)) &&
        !mail.isFromList &&
        local
      )
    },
  },
  {
    id: 'from-digits-at-free-mail',
    points: 1.4,
    about: 'name',
    explanation: 'The sender uses a free mail address with a long row of digits.',
    test: (mail) =>
      FREE_MAIL.has(mail.fromDomain) &&
      /\d{4,}[a-z]{0,4}\d*$/i.test(mail.from!.localPart) &&
      !/(?:19|20)\d\d$/.test(mail.from!.localPart) &&
      mail.from!.localPart,
  },
  {
    id: 'reply-to-other-free-mail',
    points: 2,
    about: 'name',
    explanation: 'Answers would go to a free mail address, but the message comes from elsewhere.',
    test: (mail) => {
      const reply = mail.replyTo
      if (reply === undefined || mail.isFromList || mail.isReply || !FREE_MAIL.has(reply.domain)) return false
      return (
        reply.domain !== mail.fromDomain &&
        mail.fromDomain !== '' &&
        `${mail.fromDomain} → ${reply.localPart}@${reply.domain}`
      )
    },
  },
  {
    id: 'reply-to-imitates-from',
    points: 3.5,
    about: 'name',
    explanation: 'Answers would go to a domain that is made to look like the sender’s.',
    test: (mail) => {
      const reply = mail.replyTo?.domain
      if (reply === undefined || mail.fromDomain === '') return false
      return imitatedOwn(reply, [mail.fromDomain]) && `${mail.fromDomain} → ${reply}`
    },
  },
]
