import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../notation/parse.ts'
import { planSystem } from './description.ts'
import { explained } from './explain.ts'
import { recordsOf } from './records.ts'
import type { KnownKey } from './secrets.ts'

const key = (selector: string, state: KnownKey['state'], record: string): KnownKey => {
  const facts = { sinceMs: 0, looks: 0, algorithm: 'rsa-sha256' as const }
  return { domain: 'here.test', selector, state, record, ...facts }
}

const { plan } = planSystem(
  parse(`Author@anna ==> MSA/Transmitter/Receiver/MDA@here ==> Recipient@anna
here: domain=here.test, ip=127.0.0.1, mta-sts=enforce, reports=yes, spf-include=news.example, parked=idle.example
anna: address=anna@here.test`).model,
)
const keys = [key('rsa1', 'active', 'v=DKIM1; k=rsa; p=AAAA'), key('rsa0', 'revoked', 'v=DKIM1; k=rsa; p=')]
const all = explained(recordsOf(plan.agents.map((agent) => ({ plan: agent, dkim: keys }))))
const of = (name: string, type: string, start = '') =>
  all.find(({ record }) => record.name === name && record.type === type && record.value.startsWith(start))!

test('every record that is published has an explanation of its own kind', () => {
  const plain = all.filter(({ proves }) => proves === 'nothing: it says where the host is')
  assert.deepEqual(
    plain.map(({ record }) => `${record.name} ${record.type}`),
    ['mail.here.test A'],
  )
  for (const { proves, toWhom, provesNot, without } of all)
    for (const text of [proves, toWhom, provesNot, without])
      assert.match(text, /^(?:[a-z]+|Transmitters)[ :]|^everybody$/)
})

test('what proves to whom is said in roles', () => {
  assert.match(
    of('here.test', 'TXT', 'v=spf1').proves,
    /at one of these addresses .* or one that the included services/,
  )
  assert.match(of('here.test', 'TXT', 'v=spf1').provesNot, /behind a Forwarder/)
  assert.match(of('rsa1._domainkey.here.test', 'TXT').proves, /a Transmitter of here\.test/)
  assert.match(of('rsa0._domainkey.here.test', 'TXT').proves, /no longer good/)
  assert.match(of('_dmarc.here.test', 'TXT').proves, /with here\.test in From .*\(reject\)/)
  assert.match(of('here.test', 'MX').proves, /mail\.here\.test is the Receiver of here\.test/)
  assert.match(of('idle.example', 'MX').proves, /receives no mail/)
  assert.match(of('idle.example', 'TXT', 'v=spf1').proves, /no Transmitter anywhere sends/)
  assert.match(of('mta-sts.here.test', 'A').proves, /where the TLS policy is fetched/)
})
