// The part of a bounce that is for people. Whom it speaks of, and what was said of each, is found by form: an address
// that begins a line, one behind `RCPT TO:` or "could not be delivered to", and the lines up to the next. What was
// returned of the message ends it.

export interface Passage {
  readonly address: string
  /** What the report says from his line to the next recipient's. */
  readonly text: string
}

export interface Prose {
  readonly passages: readonly Passage[]
  /** The report without what it returns. */
  readonly text: string
  /** What it returns of the message, where that stands in the same text. */
  readonly returned: string
}

const MAX_LINES = 2000
const MAX_LINE = 2000
const ADDRESS = String.raw`((?:"[^"\s]{1,100}"|[^\s<>()[\]"',;:@|：，；、（）「」【】]{1,100})@[A-Za-z0-9\u0080-\uffff](?:[A-Za-z0-9.\u0080-\uffff-]{0,250}[A-Za-z0-9\u0080-\uffff])?)`

/** Where the message that comes back begins. */
const RETURNED: readonly RegExp[] = [
  /^[\s>]*-{1,10}.{0,60}(?:copy of (?:the|your|my)|original (?:message|mail|headers)|returned message|unsent message|below this line|header of the original|message header)/i,
  /^[\s>]*(?:message headers follow|original message (?:follows|headers)|below is (?:a copy|the original)|included is a copy|original mail as follows|original message:?$|the attachment contains the original)/i,
  /^(?:return-path|received|dkim-signature|x-received|x-google-smtp-source):\s/i,
]

/** An address that stands for itself, as whom the lines after it are about. */
const HEADS: readonly RegExp[] = [
  new RegExp(String.raw`^[\s>*-]{0,20}["'<]{0,2}${ADDRESS}["'>]{0,2}(?:$|\s|[:([<,]|\.\.\.)`, 'iu'),
  new RegExp(
    String.raw`(?:RCPT TO:|\bRCPT:|recipients?:|rejected recipient|delivered? (?:your (?:e?mail|message) |(?:the )?message |mail )?to:?|delivering (?:your (?:e?mail|message) |mail )?to|message to|undeliverable to|userid:|size:|attempts:|failed:|errors:|address(?:es)?:|for|gateway for|mailing list)\s{0,4}[<"]?${ADDRESS}`,
    'iu',
  ),
  new RegExp(String.raw`^\s*[45]\d\d[ -](?:[45]\.\d{1,3}\.\d{1,3}\s)?\s*<${ADDRESS}>\s*(?:\.\.\.|:|,|$)`, 'iu'),
]
/** Lines whose addresses are somebody else's. */
const OTHERS =
  /MAIL FROM|\bsender\b|^[\s>]*(?:from|to|cc|reply-to|return-path|message-id|subject|references|x-[\w-]+):|contact|assistance|support|envelope-from|generated from|sent by|https?:|Reporting|written to|program at|owner|members?\b|^\s*(?:\(|In:|Out:)/i

/** @param notThese Addresses, lower case, that are not whom it is about: the sender, and who wrote the report. */
export function readProse(text: string, notThese: ReadonlySet<string>): Prose {
  const lines = text.split(/\r?\n/, MAX_LINES).map((line) => line.slice(0, MAX_LINE))
  const cut = lines.findIndex((line, at) => at > 0 && RETURNED.some((pattern) => pattern.test(line)))
  const said = cut < 0 ? lines : lines.slice(0, cut)
  const found: { address: string; lines: string[] }[] = []
  /** Addresses of the sender: whom it is about only where nobody else is named (mail to oneself, and what was masked). */
  const own: { address: string; lines: string[] }[] = []
  let current: { address: string; lines: string[] } | undefined
  /** Of a transcript: what the hosts said before the reply that names somebody. */
  let talk: string[] = []
  for (const line of said) {
    if (/while talking to|^\s*>>>/i.test(line) && !/>>> RCPT/i.test(line)) current = undefined
    if (current === undefined && /while talking to|^\s*(?:>>>|<<<)/i.test(line)) {
      if (/while talking to/i.test(line)) talk = []
      talk.push(line)
    }
    const address = headOf(line)
    const known = address && found.find((each) => same(each.address, address))
    if (known) current = known
    else if (address) {
      current = { address, lines: talk }
      ;(notThese.has(address.toLowerCase()) ? own : found).push(current)
    }
    if (address) talk = []
    current?.lines.push(line)
  }
  if (found.length === 0 && own.length > 0) found.push(own[0]!)
  if (found.length === 0) {
    const lone = loneAddress(said, notThese)
    if (lone) found.push({ address: lone, lines: said })
  }
  return {
    passages: found.map(({ address, lines: about }) => ({ address, text: about.join('\n') })),
    text: said.join('\n'),
    returned: cut < 0 ? '' : lines.slice(RETURNED[2]!.test(lines[cut]!) ? cut : cut + 1).join('\r\n'),
  }
}

function headOf(line: string): string | undefined {
  for (const [at, pattern] of HEADS.entries()) {
    const address = pattern.exec(line)?.[1]
    if (address && (at !== 1 || !OTHERS.test(line) || /RCPT/i.test(line))) return address.replace(/\.+$/, '')
  }
  return undefined
}

/** The first address that is not known to be another's. */
function loneAddress(lines: readonly string[], notThese: ReadonlySet<string>): string | undefined {
  const anywhere = new RegExp(ADDRESS, 'giu')
  for (const line of lines) {
    if (OTHERS.test(line)) continue
    for (const [, address] of line.matchAll(anywhere))
      if (!notThese.has(address!.toLowerCase())) return address!.replace(/\.+$/, '')
  }
  return undefined
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
