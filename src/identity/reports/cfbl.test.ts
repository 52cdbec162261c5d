// Who may be told of a complaint: a table of what stands in the message and what is signed.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { parseHeader } from '../../message/header.ts'
import { testWorld } from '../../world/testing.ts'
import { keyRecord } from '../dkim/keys.ts'
import { SIGNED, signDkim } from '../dkim/sign.ts'
import { fixedDns } from '../testing.ts'
import { complaintsTo } from './cfbl.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const recordOf = (domain: string) => ({ TXT: [keyRecord(privateKey, domain, 's').text] })
const dns = fixedDns({
  's._domainkey.shop.test': recordOf('shop.test'),
  's._domainkey.mailer.test': recordOf('mailer.test'),
  's._domainkey.slow.test': { TXT: 'timeout' },
})

interface Case {
  readonly what: string
  readonly cfbl: readonly string[]
  readonly from?: string
  readonly signers: readonly string[]
  /** Signed as if these fields were not there. */
  readonly leaves?: readonly string[]
  readonly id?: string
  readonly is: string
}

const CASES: readonly Case[] = [
  { what: 'one domain', cfbl: ['fbl@shop.test; report=arf'], signers: ['shop.test'], is: 'fbl@shop.test' },
  {
    what: 'xarf is answered in arf',
    cfbl: ['fbl@shop.test; report=xarf'],
    signers: ['shop.test'],
    is: 'fbl@shop.test',
  },
  { what: 'a feedback id', cfbl: ['fbl@shop.test'], id: '7:a', signers: ['shop.test'], is: 'fbl@shop.test 7:a' },
  {
    what: 'a child domain in From',
    cfbl: ['fbl@shop.test'],
    from: 'news.shop.test',
    signers: ['shop.test'],
    is: 'fbl@shop.test',
  },
  {
    what: 'another domain, both sign',
    cfbl: ['fbl@mailer.test'],
    signers: ['shop.test', 'mailer.test'],
    is: 'fbl@mailer.test',
  },
  { what: 'another domain, only the Author signs', cfbl: ['fbl@mailer.test'], signers: ['shop.test'], is: 'none' },
  { what: 'another domain, only the mailer signs', cfbl: ['fbl@mailer.test'], signers: ['mailer.test'], is: 'none' },
  { what: 'nobody asked', cfbl: [], signers: ['shop.test'], is: 'none' },
  { what: 'nobody signed', cfbl: ['fbl@shop.test'], signers: [], is: 'none' },
  {
    what: 'the field is not covered',
    cfbl: ['fbl@shop.test'],
    signers: ['shop.test'],
    leaves: ['cfbl-address'],
    is: 'none',
  },
  {
    what: 'the id is not covered',
    cfbl: ['fbl@shop.test'],
    id: 'x',
    signers: ['shop.test'],
    leaves: ['cfbl-feedback-id'],
    is: 'none',
  },
  { what: 'two fields', cfbl: ['fbl@shop.test', 'victim@shop.test'], signers: ['shop.test'], is: 'none' },
  { what: 'two addresses', cfbl: ['fbl@shop.test, b@shop.test'], signers: ['shop.test'], is: 'none' },
  { what: 'no address', cfbl: ['here'], signers: ['shop.test'], is: 'none' },
  {
    what: 'a key that nobody knows now',
    cfbl: ['fbl@slow.test'],
    from: 'slow.test',
    signers: ['slow.test'],
    is: 'no-answer',
  },
]

for (const { what, cfbl, from = 'shop.test', signers, leaves = [], id, is } of CASES)
  test(`${what}: ${is}`, async () => {
    const { world, run } = testWorld()
    await run(async () => {
      const lines = [
        `From: News <news@${from}>`,
        'To: bob@here.test',
        'Message-ID: <1@shop.test>',
        ...cfbl.map((value) => `CFBL-Address: ${value}`),
        ...(id === undefined ? [] : [`CFBL-Feedback-ID: ${id}`]),
      ]
      const message = Buffer.from(`${lines.join('\r\n')}\r\n\r\nBuy!\r\n`)
      const keys = signers.map((domain) => ({ domain, selector: 's', privateKey }))
      const headers = SIGNED.filter((name) => !leaves.includes(name))
      const signature = await signDkim(parseHeader(message), keys, world, { headers })
      const found = await complaintsTo(parseHeader(Buffer.concat([signature, message])), { dns, clock: world.clock })
      const said =
        found.kind === 'asked'
          ? `${found.mailbox.localPart}@${found.mailbox.domain} ${found.feedbackId}`.trim()
          : found.kind
      assert.equal(said, is)
    })
  })
