import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../notation/parse.ts'
import { ZoneTable } from '../protocols/dns/zone.ts'
import { planSystem } from './description.ts'
import { publishedTogether } from './zones.ts'

test('agents are published together as far as one speaks of a domain of the other', () => {
  const text = `
Author@anna ==> MSA@sender ==> Transmitter@carrier --> / --> Receiver/MDA@new ==> Recipient@bob

--> / --> Receiver@border ==> MDA@house ==> Recipient@eva

sender: domain=sender.test, ip=127.0.1.1
carrier: domain=carrier.test, ip=127.0.1.2
new: domain=new.test, ip=127.0.1.3
border: domain=house.test, ip=127.0.1.4, host=mx.house.test
house: domain=house.test, ip=127.0.1.5
anna: address=anna@sender.test, password=demo
bob: address=bob@new.test
eva: address=eva@house.test
`
  const { plan } = planSystem(parse(text).model)
  assert.deepEqual(
    publishedTogether(plan.agents).map((group) => group.map(({ id }) => id)),
    [['sender', 'carrier'], ['new'], ['border', 'house']],
  )
})

test('a part of a zone is replaced, and what only it made exist is gone', () => {
  const a = (name: string, data: string) => ({ name, type: 'A' as const, ttlS: 60, data })
  const zones = new ZoneTable([{ origin: '', records: [a('fixed.test', '192.0.2.1')] }])
  const found = (name: string) => {
    const finding = zones.find(name, 'A')!
    return finding.status === 'records' ? finding.records.map(({ data }) => data) : finding.status
  }
  zones.setPart('', 'one', [a('deep.host.one.test', '192.0.2.2'), a('both.test', '192.0.2.3')])
  zones.setPart('', 'two', [a('both.test', '192.0.2.4')])
  assert.deepEqual(found('both.test'), ['192.0.2.3', '192.0.2.4'])
  assert.equal(found('host.one.test'), 'no-data')
  zones.setPart('', 'one', [a('other.one.test', '192.0.2.5')])
  assert.deepEqual(found('both.test'), ['192.0.2.4'])
  assert.equal(found('deep.host.one.test'), 'no-name')
  assert.equal(found('host.one.test'), 'no-name')
  assert.deepEqual(found('other.one.test'), ['192.0.2.5'])
  assert.deepEqual(found('fixed.test'), ['192.0.2.1'])
})
