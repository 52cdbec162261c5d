// URLs of a message as a browser would follow them (WHATWG URL, by the platform), beside how they were written: what
// differs between the two is what deceives. From plain text and from HTML; bounded in number and length.

import { parseIpv4 } from '../../message/ip.ts'
import { organization } from './domains.ts'
import type { HtmlLink } from './html.ts'

export interface MessageUrl {
  /** As written (character references of HTML decoded). */
  readonly raw: string
  /** 'http', 'https', or another scheme in lower case. */
  readonly scheme: string
  /** Host as the browser asks for it: lower case, A-labels; empty for schemes without one. */
  readonly host: string
  /** Registrable domain of the host. */
  readonly domain: string
  /** Host as written, with what stands before `@`. */
  readonly authority: string
  readonly port: string
  readonly path: string
  readonly query: string
  /** What the reader sees of a link; empty for other origins. */
  readonly text: string
  readonly from: HtmlLink['from'] | 'text'
}

const MAX_URLS = 1000
const PLAIN = /(?:https?:\/\/|www\.)[^\s<>"\u00a0]{1,2048}/gi

/** All URLs that a reader can follow: those of links first. */
export function findUrls(plainText: string, links: readonly HtmlLink[]): MessageUrl[] {
  const urls: MessageUrl[] = []
  const seen = new Set<string>()
  for (const link of links) {
    if (urls.length >= MAX_URLS) return urls
    const url = parseUrl(link.href, link.text, link.from)
    if (url === undefined) continue
    urls.push(url)
    seen.add(url.raw)
  }
  for (const [match] of plainText.matchAll(PLAIN)) {
    if (urls.length >= MAX_URLS) return urls
    const raw = match.replace(/[.,;:!?)\]}'*_]{1,20}$/, '')
    if (seen.has(raw)) continue
    seen.add(raw)
    const url = parseUrl(/^www\./i.test(raw) ? `http://${raw}` : raw, '', 'text')
    if (url) urls.push(url)
  }
  return urls
}

/** Undefined for relative addresses, `cid:` and what no browser follows. */
function parseUrl(written: string, text: string, from: MessageUrl['from']): MessageUrl | undefined {
  // A browser drops tabs and line ends inside, and control characters around it.
  const raw = written.replace(/[\t\r\n]+/g, '').trim()
  const scheme = /^([a-z][a-z0-9+.-]{0,30}):/i.exec(raw)?.[1]?.toLowerCase()
  if (scheme === undefined || scheme === 'cid' || scheme === 'mid' || scheme === 'about') return undefined
  if (scheme !== 'http' && scheme !== 'https') {
    return {
      raw,
      scheme,
      host: '',
      domain: '',
      authority: '',
      port: '',
      path: raw.slice(scheme.length + 1),
      query: '',
      text,
      from,
    }
  }
  const authority = /^[a-z]+:[/\\]{0,10}([^/\\?#]{0,2048})/i.exec(raw)?.[1] ?? ''
  const url = URL.parse(raw)
  if (url === null) {
    return { raw, scheme, host: '', domain: '', authority, port: '', path: '', query: '', text, from }
  }
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '')
  const domain = isIpHost(host) ? host : organization(host)
  return { raw, scheme, host, domain, authority, port: url.port, path: url.pathname, query: url.search, text, from }
}

export function isIpHost(host: string): boolean {
  return host.includes(':') || parseIpv4(host) !== undefined
}

/** The host that a visible text names, if it looks like the address of a site: `www.bank.example/login`. */
export function hostInText(text: string): string | undefined {
  const found =
    /^\s?(?:(https?):\/{2})?([a-z0-9][a-z0-9.-]{0,250}\.[a-z]{2,24})(?::\d{1,5})?(?:[/?#]\S{0,2000})?\s?$/i.exec(text)
  if (found === null) return undefined
  const host = found[2]!.toLowerCase()
  // `report.pdf`, `node.js`: without scheme or `www.` a name is believed only where its ending is an ordinary one.
  if (found[1] === undefined && !host.startsWith('www.') && !/\.(?:com|net|org|info|biz|edu|gov|[a-z]{2})$/.test(host))
    return undefined
  return host
}
