import type { ListResult } from '../../dnsbl.ts'
import type { Standing } from '../../reputation.ts'
import { expectRules, type Row } from './expect.ts'
import { knownRules } from './known.ts'

const listing = (of: 'address' | 'domain', says: 'bad' | 'good', subject: string, zone = 'bl.test'): ListResult => ({
  kind: 'listed',
  list: { zone, of, says, codes: [] },
  subject,
  meanings: ['is listed'],
})
const listings = (...all: ListResult[]) => ({ facts: { known: { listings: all } } })
const standing = (score: number, confidence: number) => ({
  facts: { known: { listings: [], standing: { score, confidence, reasons: ['x.test: 1 good'] } satisfies Standing } },
})
const copies = (count: number) => ({ facts: { known: { listings: [], copies: count } } })
const bad = listing('address', 'bad', '192.0.2.10')

const KNOWN: Row[] = [
  ['address-on-bad-list', listings(bad)],
  ['address-on-bad-lists', listings(bad, listing('address', 'bad', '192.0.2.10', 'other.test'))],
  ['address-on-good-list', listings(listing('address', 'good', '192.0.2.10'))],
  ['sender-on-bad-list', listings(listing('domain', 'bad', 'sender.example'))],
  ['link-on-bad-list', listings(listing('domain', 'bad', 'casino.example'))],
  ['reputation-good', standing(0.9, 0.8)],
  ['reputation-bad', standing(-0.8, 0.5)],
  ['reputation-very-bad', standing(-0.9, 0.9)],
  ['signature-in-many-copies', copies(60)],
  ['signature-in-hundreds-of-copies', copies(300)],
]

expectRules(knownRules, KNOWN)
