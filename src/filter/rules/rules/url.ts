// Where links lead, against what they show; and what is done to an address so that neither a reader nor a filter
// recognises it.

import { type Domain, displayDomain } from '../../../message/mailbox.ts'
import { mixedScriptWord } from '../confusables.ts'
import { belongsTo, brandWithin, imitatedBrand, imitatedOwn, mainLabel, organization, tld } from '../domains.ts'
import { EXECUTABLE, endingsOf, SCRIPT } from '../file-type.ts'
import type { Rule } from '../rule.ts'
import { ABUSED_TLDS, BRANDS, FREE_HOSTING, SHORTENERS } from '../tables.ts'
import { hostInText, isIpHost, type MessageUrl } from '../urls.ts'
import type { MailView } from '../view.ts'

/** A rule that fires for the first web address that has the property. */
const anyUrl =
  (test: (url: MessageUrl, mail: MailView) => boolean | string | undefined) =>
  (mail: MailView): string | undefined => {
    for (const url of mail.webUrls) {
      const found = test(url, mail)
      if (found) return typeof found === 'string' ? found : url.raw
    }
    return undefined
  }

/** Without one of these no address is spelled out: tells quickly. */
const SPELLED = /hxxp|d[o0]t[ )\]}]/i
const SPELLED_OUT =
  /\b(?:hxxps?:\/\/|www\s?\(?dot\)?\s?[a-z0-9-]{2,40}|[a-z0-9-]{3,40}\s?(?:\(dot\)|\[dot\]|\{dot\}| d0t )\s?(?:com|net|org|info|biz)\b)/i
const EMBEDDED = /https?(?::|%3a)(?:\/|%2f){2}/gi
/** What is reached through a service that rewrites links (a list, a newsletter) is shown otherwise on purpose. */
const isBulk = (mail: MailView): boolean => mail.has('list-unsubscribe') && mail.identity?.dmarc.result === 'pass'

/** A newsletter's service that counts clicks: most links of the message go through it. */
function leadsMost({ domain }: MessageUrl, mail: MailView): boolean {
  const links = mail.webUrls.filter(({ from }) => from === 'link')
  const through = links.reduce((count, link) => count + (link.domain === domain ? 1 : 0), 0)
  return through >= 5 && through > links.length / 2
}

export const urlRules: readonly Rule[] = [
  {
    id: 'url-other-than-shown',
    points: 1.5,
    about: 'url',
    explanation: 'A link shows the address of one site and leads to another.',
    test: anyUrl((url, mail) => {
      const shown = hostInText(url.text)
      if (shown === undefined || isBulk(mail) || leadsMost(url, mail)) return undefined
      return (
        organization(shown) !== url.domain && mainLabel(shown) !== mainLabel(url.domain) && `${shown} → ${url.host}`
      )
    }),
  },
  {
    id: 'url-brand-shown',
    points: 2.5,
    about: 'url',
    explanation: 'A link shows the address of a well-known company and leads elsewhere.',
    test: anyUrl(({ text, host, domain }, mail) => {
      const shown = hostInText(text)
      if (shown === undefined || isBulk(mail)) return undefined
      const brand = BRANDS.find(({ label }) => mainLabel(shown) === label)
      return brand !== undefined && !belongsTo(host, brand) && domain !== mail.fromOrganization && `${shown} → ${host}`
    }),
  },
  {
    id: 'url-secure-shown',
    points: 0.8,
    about: 'url',
    explanation: 'A link shows a secure address and leads to one that is not.',
    test: anyUrl(({ text, scheme, host }) => scheme === 'http' && /^\s?https:\/\//i.test(text) && host),
  },
  {
    id: 'url-number',
    points: 2,
    about: 'url',
    explanation: 'A link leads to a bare number in place of a named site.',
    test: anyUrl(({ host, authority }) => isIpHost(host) && !/^(?:10|127|192\.168)\./.test(host) && authority),
  },
  {
    id: 'url-number-disguised',
    points: 3,
    about: 'url',
    explanation: 'A link leads to a number that is written so that nobody recognises it.',
    test: anyUrl(
      ({ host, authority }) =>
        isIpHost(host) && !host.includes(':') && !authority.includes(host) && `${authority} = ${host}`,
    ),
  },
  {
    id: 'url-user-part',
    points: 2.5,
    about: 'url',
    explanation: 'A link begins with the name of one site and leads to another that stands behind a sign in it.',
    test: anyUrl(({ authority, host }) => authority.includes('@') && `${authority} → ${host}`),
  },
  {
    id: 'url-backslash',
    points: 2,
    about: 'url',
    explanation: 'A link is written so that browsers and filters read different addresses in it.',
    test: anyUrl(({ raw }) => /^https?:(?:\/{0,1}[^/]|\/{3,}|[/\\]*\\)/i.test(raw)),
  },
  {
    id: 'url-host-encoded',
    points: 2.5,
    about: 'url',
    explanation: 'The name of the site in a link is encoded so that nobody can read it.',
    test: anyUrl(({ authority, host }) => authority.includes('%') && `${authority} = ${host}`),
  },
  {
    id: 'url-letters-encoded',
    points: 1.5,
    about: 'url',
    explanation: 'Plain letters of a link are encoded so that nobody can read it.',
    test: anyUrl(({ path }) => (path.match(/%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])/gi)?.length ?? 0) > 3),
  },
  {
    id: 'url-imitates-brand',
    points: 3.5,
    about: 'url',
    explanation: 'A link leads to a site whose name is made to look like that of a well-known company.',
    test: anyUrl(({ host }) => {
      const brand = imitatedBrand(host)
      return brand && `${displayDomain(host as Domain)} (${brand.name})`
    }),
  },
  {
    id: 'url-imitates-us',
    points: 3.5,
    about: 'url',
    explanation: 'A link leads to a site whose name is made to look like the Recipient’s own domain.',
    test: anyUrl(({ host }, mail) => {
      const own = mail.ownDomains.length > 0 ? imitatedOwn(host, mail.ownDomains) : undefined
      return own && `${displayDomain(host as Domain)} (${own})`
    }),
  },
  {
    id: 'url-contains-brand',
    points: 2,
    about: 'url',
    explanation: 'A link leads to a site that carries the name of a well-known company, but is not of that company.',
    test: anyUrl(({ host, domain }, mail) => {
      if (domain === mail.fromOrganization) return undefined
      const brand = brandWithin(host)
      return brand && `${host} (${brand.name})`
    }),
  },
  {
    id: 'url-imitates-sender',
    points: 2.5,
    about: 'url',
    explanation: 'A link leads to a site whose name is made to look like the sender’s.',
    test: anyUrl(
      ({ host }, mail) =>
        mail.fromOrganization !== '' &&
        imitatedOwn(host, [mail.fromOrganization]) &&
        `${host} (${mail.fromOrganization})`,
    ),
  },
  {
    id: 'url-mixed-alphabets',
    points: 3,
    about: 'url',
    explanation: 'A link leads to a site whose name mixes letters of different alphabets.',
    test: anyUrl(({ host }) => (host.includes('xn--') ? mixedScriptWord(displayDomain(host as Domain)) : undefined)),
  },
  {
    id: 'url-foreign-letters',
    points: 0.6,
    about: 'url',
    explanation: 'A link leads to a site whose name has foreign letters, while the sender’s has none.',
    test: anyUrl(
      ({ host }, mail) => host.includes('xn--') && !mail.fromDomain.includes('xn--') && displayDomain(host as Domain),
    ),
  },
  {
    id: 'url-shortened',
    points: 0.8,
    about: 'url',
    explanation: 'A link goes through a service that hides where it leads.',
    test: anyUrl(
      ({ host, domain }, mail) =>
        (SHORTENERS.has(host) || SHORTENERS.has(domain)) && domain !== mail.fromOrganization && host,
    ),
  },
  {
    id: 'url-free-hosting',
    points: 0.5,
    about: 'url',
    explanation: 'A link leads to a page that anybody can put up without a name.',
    test: anyUrl(({ host, domain }, mail) => {
      if (domain === mail.fromOrganization || mail.isFromList || mail.isReply) return undefined
      const parent = host.slice(host.indexOf('.') + 1)
      return (FREE_HOSTING.has(parent) || FREE_HOSTING.has(host)) && host
    }),
  },
  {
    id: 'url-redirect',
    points: 0.5,
    about: 'url',
    explanation: 'A link leads through one site to another.',
    test: anyUrl(
      (url, mail) =>
        (`${url.path}${url.query}`.match(EMBEDDED)?.length ?? 0) === 1 && !mail.isFromList && !isBulk(mail),
    ),
  },
  {
    id: 'url-redirect-chain',
    points: 1.4,
    about: 'url',
    explanation: 'A link leads through several sites in a row to hide its end.',
    test: anyUrl(({ path, query }) => (`${path}${query}`.match(EMBEDDED)?.length ?? 0) > 1),
  },
  {
    id: 'url-odd-port',
    points: 0.9,
    about: 'url',
    explanation: 'A link leads to an unusual door of a machine, where ordinary sites are not.',
    test: anyUrl(
      ({ port, host }, mail) =>
        port !== '' && !/^(?:80|443|8080|8443)$/.test(port) && !mail.isFromList && `${host}:${port}`,
    ),
  },
  {
    id: 'url-abused-ending',
    points: 1.2,
    about: 'url',
    explanation: 'A link leads to a site with an ending that is used mostly for unwanted mail.',
    test: anyUrl(
      ({ host, domain }, mail) =>
        ABUSED_TLDS.has(tld(host)) && domain !== mail.fromOrganization && !mail.isReply && host,
    ),
  },
  {
    id: 'url-many-labels',
    points: 1,
    about: 'url',
    explanation: 'A link leads to a site with a name of many pieces, of which the first ones mislead.',
    test: anyUrl(({ host }) => !isIpHost(host) && host.split('.').length > 6 && host),
  },
  {
    id: 'url-site-within-name',
    points: 1.8,
    about: 'url',
    explanation: 'The name of the site in a link begins with the name of another site.',
    test: anyUrl(({ host, domain }) => /\.(?:com|net|org|gov|edu)\./.test(host.slice(0, -domain.length)) && host),
  },
  {
    id: 'url-random-name',
    points: 1,
    about: 'url',
    explanation: 'A link leads to a site whose name is a row of random letters.',
    test: anyUrl(({ domain }) => {
      const label = domain.split('.')[0]!
      return (
        !label.startsWith('xn--') &&
        (/[bcdfghjklmnpqrstvwxz]{7}/.test(label) || /^(?=.{10,40}$)(?:[a-z]{1,4}\d{1,4}){3,}[a-z]*$/.test(label)) &&
        domain
      )
    }),
  },
  {
    id: 'url-long-name',
    points: 0.8,
    about: 'url',
    explanation: 'A link leads to a site with an endless name.',
    test: anyUrl(({ host }) => !isIpHost(host) && host.length > 70 && host),
  },
  {
    id: 'url-names-recipient',
    points: 0.2,
    about: 'url',
    explanation: 'A link carries the address of the Recipient, so that the click is noted.',
    test: anyUrl((url, mail) => {
      const recipients = mail.facts.recipients ?? mail.to.map(({ localPart, domain }) => `${localPart}@${domain}`)
      const said = `${url.path}${url.query}`.toLowerCase()
      if (recipients.length !== 1 || said.length < 5 || mail.isFromList || isBulk(mail)) return undefined
      const address = recipients[0]!.toLowerCase()
      return (said.includes(address) || said.includes(address.replace('@', '%40'))) && url.host
    }),
  },
  {
    id: 'url-program',
    points: 1.8,
    about: 'url',
    explanation: 'A link leads straight to a program.',
    test: anyUrl(({ path, raw }, mail) => {
      const [ending = ''] = endingsOf(path)
      return (
        !mail.isFromList &&
        !mail.isReply &&
        path.length > 5 &&
        ending !== 'com' &&
        ending !== 'url' &&
        ending !== 'app' &&
        (/^(?:exe|scr|msi|jar|apk|iso|img|hta|lnk)$/.test(ending) ||
          ((EXECUTABLE.has(ending) || SCRIPT.has(ending)) &&
            !/^(?:js|py|sh|rb|pl|cmd|run|inf|sys|deb|rpm|pkg|dmg|pyc|csh|bash|bin|chm|reg|pif|cab)$/.test(ending))) &&
        raw
      )
    }),
  },
  {
    id: 'url-script-address',
    points: 2.5,
    about: 'url',
    explanation: 'A link runs a program or carries a whole page in itself.',
    test: ({ urls }) =>
      urls.find(
        ({ scheme, from }) =>
          (scheme === 'javascript' || scheme === 'vbscript' || (scheme === 'data' && from !== 'image')) &&
          from !== 'text',
      )?.raw,
  },
  {
    id: 'url-file-address',
    points: 2.2,
    about: 'url',
    explanation: 'A link opens a file of a foreign machine or starts a program on this one.',
    test: ({ urls }) =>
      urls.find(({ scheme }) => scheme === 'file' || scheme === 'smb' || scheme === 'search-ms' || scheme === 'ms-msdt')
        ?.raw,
  },
  {
    id: 'url-ipfs',
    points: 1.5,
    about: 'url',
    explanation: 'A link leads to a page in a network from which nobody can remove it.',
    test: anyUrl(
      ({ host, path }) => (/(?:^|\.)ipfs\.|^ipfs|cloudflare-ipfs/.test(host) || /^\/ipfs\//.test(path)) && host,
    ),
  },
  {
    id: 'url-spelled-out',
    points: 1.2,
    about: 'url',
    explanation: 'An address is written so that filters do not recognise it and the reader must put it together.',
    test: ({ text }) => (SPELLED.test(text) ? SPELLED_OUT.exec(text.slice(0, 100_000))?.[0] : undefined),
  },
  {
    id: 'url-only',
    points: 0.8,
    about: 'url',
    explanation: 'The message says almost nothing but a link.',
    test: (mail) => {
      if (mail.isReply || mail.isFromList || mail.webUrls.length !== 1 || mail.attachments.length > 0) return false
      const rest = mail.text
        .slice(0, 5000)
        .replace(/(?:https?:\/\/|www\.)\S{1,2048}/gi, '')
        .replace(/\s+/g, '')
      return rest.length < 60 && mail.webUrls[0]!.host
    },
  },
  {
    id: 'url-remove-by-mail',
    points: 0.9,
    about: 'url',
    explanation:
      'To be taken off the list one would have to write to an address that has nothing to do with the sender.',
    test: (mail) =>
      mail.isFromList
        ? undefined
        : mail.urls.find(({ scheme, path }) => {
            if (scheme !== 'mailto' || !/remov|unsub|opt-?out|\bdelete\b/i.test(path)) return false
            const domain = path
              .slice(path.indexOf('@') + 1)
              .replace(/[?].*$/s, '')
              .toLowerCase()
            return organization(domain) !== mail.fromOrganization
          })?.raw,
  },
]
