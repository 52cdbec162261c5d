import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookupBimi } from './bimi.ts'
import { parseDmarcRecord } from './dmarc/record.ts'
import { type FixedRecords, fixedDns } from './testing.ts'

const LOGO = 'https://sender.example/logo.svg'

function passing(record = 'v=DMARC1; p=reject', domain = 'mail.sender.example') {
  const dmarc = { result: 'pass', domain, policyDomain: 'sender.example', organizationalDomain: 'sender.example' }
  return { dmarc: { ...dmarc, record: parseDmarcRecord(record) } } as unknown as Parameters<typeof lookupBimi>[0]
}
const zone = (records: Record<string, FixedRecords>) => fixedDns(records)

test('the record of the Author Domain, else of its organization', async () => {
  const dns = zone({ 'default._bimi.sender.example': { TXT: [`v=BIMI1; l=${LOGO}; a=`] } })
  const found = await lookupBimi(passing(), dns)
  assert.deepEqual(
    [found.result, found.domain, found.location, found.evidence],
    ['record', 'sender.example', LOGO, undefined],
  )
  const chosen = await lookupBimi(
    passing(),
    zone({ 'brand._bimi.mail.sender.example': { TXT: [`v=BIMI1; l=${LOGO}`] } }),
    'Brand',
  )
  assert.deepEqual([chosen.result, chosen.selector], ['record', 'brand'])
  assert.equal((await lookupBimi(passing(), zone({}))).result, 'none')
  assert.equal(
    (await lookupBimi(passing(), zone({ 'default._bimi.mail.sender.example': { timeout: true } }))).result,
    'temperror',
  )
})

test('nothing is asked for mail that proves too little', async () => {
  const questions: string[] = []
  const dns = fixedDns({}, questions)
  for (const record of [
    'v=DMARC1; p=none',
    'v=DMARC1; p=reject; sp=none',
    'v=DMARC1; p=quarantine; pct=50',
    'v=DMARC1; p=reject; t=y',
  ])
    assert.equal((await lookupBimi(passing(record), dns)).result, 'skipped', record)
  const failing = { dmarc: { ...passing().dmarc, result: 'fail' as const } }
  assert.equal((await lookupBimi(failing, dns)).result, 'skipped')
  assert.deepEqual(questions, [])
})

test('a domain may decline; what is no https URL, or two records, is an error', async () => {
  const result = async (...texts: string[]) =>
    (await lookupBimi(passing(), zone({ 'default._bimi.sender.example': { TXT: texts } }))).result
  assert.equal(await result('v=BIMI1; l=; a=;'), 'declined')
  for (const url of ['http://sender.example/a.svg', 'javascript:alert(1)', 'https://u@sender.example/', 'logo.svg'])
    assert.equal(await result(`v=BIMI1; l=${url}`), 'permerror', url)
  assert.equal(await result(`v=BIMI1; l=${LOGO}`, `v=BIMI1; l=${LOGO}`), 'permerror')
})
