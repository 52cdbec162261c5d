// Addresses and their parts (RFC 5228 §2.7.4, §5.1, §5.4; RFC 5233 for user and detail).

import { formatAddress, mailboxesOf, parseAddressList, parseSmtpPath } from '../../message/address.ts'
import { soleMailbox } from './deliver.ts'
import { checkIndex, headerFields } from './headers.ts'
import { ADDRESS_PARTS, type Call, constantTexts, INDEX, MATCHING, MIME_TAGS, type Spec } from './language.ts'
import { isMatch } from './match.ts'
import type { Run } from './run.ts'

/** Fields that hold addresses (RFC 5228 §5.1, with those of RFC 5322 and common use). */
const ADDRESS_FIELDS = new Set([
  'from',
  'to',
  'cc',
  'bcc',
  'sender',
  'reply-to',
  'resent-from',
  'resent-to',
  'resent-cc',
  'resent-bcc',
  'resent-sender',
  'resent-reply-to',
  'errors-to',
  'return-path',
  'delivered-to',
  'x-original-to',
  'envelope-to',
  'mail-followup-to',
  'mail-reply-to',
  'disposition-notification-to',
  'return-receipt-to',
  'apparently-to',
  'x-admin',
  'x-complaints-to',
  'x-beenthere',
  'list-post',
  'list-owner',
])

interface Address {
  readonly localPart: string
  readonly domain: string
  readonly whole: string
}

/** The part that the call's tags name; undefined where the address has none. */
function partOf({ tags }: Call, { localPart, domain, whole }: Address, delimiter: string): string | undefined {
  if (tags.has('localpart')) return localPart
  if (tags.has('domain')) return domain
  if (!tags.has('user') && !tags.has('detail')) return whole
  const cut = [...localPart].findIndex((character) => delimiter.includes(character))
  if (tags.has('user')) return cut < 0 ? localPart : localPart.slice(0, cut)
  return cut < 0 ? undefined : localPart.slice(cut + 1)
}

function parts(run: Run, call: Call, addresses: readonly Address[]): string[] {
  return addresses.flatMap((address) => partOf(call, address, run.context.delimiter) ?? [])
}

function addressesIn(text: string): Address[] {
  const list = parseAddressList(text)
  const known = mailboxesOf(list).map((mailbox) => {
    const { localPart, domain } = mailbox
    return { localPart, domain, whole: formatAddress(mailbox) }
  })
  // What is no address is compared as it stands by :all (RFC 5228 §2.7.4 leaves it open): it is what people look for.
  const broken = list.unparsed.map((whole) => ({ localPart: '', domain: '', whole }))
  return [...known, ...broken]
}

export const ADDRESSES: readonly Spec[] = [
  {
    name: 'address',
    kind: 'test',
    tags: { ...MATCHING, ...ADDRESS_PARTS, ...INDEX, ...MIME_TAGS },
    args: [
      { label: 'header list', type: 'strings' },
      { label: 'key list', type: 'strings' },
    ],
    check(call, checker) {
      checkIndex(call, checker)
      for (const { source, at } of constantTexts(call.args[0]))
        if (!ADDRESS_FIELDS.has(source.toLowerCase()))
          checker.fail(at, `header '${source.slice(0, 60)}' is not allowed in the address test: it holds no addresses`)
      return undefined
    },
    run(run, call) {
      const fields = headerFields(run, call, run.texts(call.args[0]))
      const values = fields.flatMap(({ value }) => {
        run.charge(value.length * 5)
        return parts(run, call, addressesIn(value))
      })
      return isMatch(run, call, values, run.texts(call.args[1]))
    },
  },
  {
    name: 'envelope',
    kind: 'test',
    needs: ['envelope'],
    tags: { ...MATCHING, ...ADDRESS_PARTS },
    args: [
      { label: 'envelope parts', type: 'strings' },
      { label: 'key list', type: 'strings' },
    ],
    check(call, checker) {
      for (const { source, at } of constantTexts(call.args[0]))
        if (!ENVELOPE_PARTS.has(source.toLowerCase()))
          checker.fail(at, `there is no envelope part '${source.slice(0, 60)}'`)
      return undefined
    },
    run(run, call) {
      const { envelopeFrom, envelopeTo, envelopeAuth } = run.context
      const values = run.texts(call.args[0]).flatMap((name) => {
        const part = name.toLowerCase()
        if (part === 'auth') return envelopeAuth === undefined ? [] : [envelopeAuth]
        const path = part === 'from' ? envelopeFrom : part === 'to' ? envelopeTo : undefined
        if (path === undefined) return []
        // RFC 5228 §5.4: the null reverse-path is the empty string, whatever part is asked for.
        if (path === '' || path === '<>') return call.tags.has('detail') ? [] : ['']
        return parts(run, call, pathAddress(path))
      })
      return isMatch(run, call, values, run.texts(call.args[1]))
    },
  },
]

const ENVELOPE_PARTS = new Set(['from', 'to', 'auth'])

/** The address of a path, its source route left out; none where it is no path. */
function pathAddress(path: string): Address[] {
  const bracketed = path.startsWith('<') ? path : `<${path}>`
  const parsed = parseSmtpPath(bracketed, 'forward', { utf8: true })
  const isWhole = parsed.ok && parsed.length === bracketed.length
  const mailbox = isWhole && parsed.path.type === 'mailbox' ? parsed.path.mailbox : soleMailbox(bracketed.slice(1, -1))
  if (mailbox !== undefined) return [{ ...mailbox, whole: formatAddress(mailbox) }]
  const [, local] = /^<([A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+)>$/.exec(bracketed) ?? []
  return local === undefined ? [] : [{ localPart: local, domain: '', whole: local }]
}
