import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHeader } from '../../message/header.ts'
import { authenticate } from '../authenticate.ts'
import { fixedClock, fixedDns } from '../testing.ts'
import { failureReport } from './failure.ts'

const FACTS = { authservId: 'mx.receiver.example', arrivalMs: 0, deliveryResult: 'reject' } as const
const BROKEN = 'DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=s1; h=from; bh=YQ==; b=YQ==\r\n'

async function due(dmarc: string, { ip = '192.0.2.66', signature = '' } = {}) {
  const dns = fixedDns({
    'sender.example': { TXT: ['v=spf1 ip4:192.0.2.7 -all'] },
    '_dmarc.sender.example': { TXT: [`v=DMARC1; p=reject; ${dmarc}`] },
  })
  const source = Buffer.from(`${signature}From: a@sender.example\r\n\r\nhello\r\n`)
  const arrival = { source, header: parseHeader(source), ip, helo: 'h.example', reversePath: 'a@sender.example' }
  return failureReport(await authenticate(arrival, { dns, clock: fixedClock(0), receiverName: 'mx' }), FACTS)
}

const RUF = 'ruf=mailto:f@sender.example'

test('nothing is due where nobody asked, or a public suffix did', async () => {
  assert.equal(await due('fo=1'), undefined)
  assert.equal(await due(`psd=y; ${RUF}`), undefined)
})

test('fo= says what is to be told: 0 when all fails, 1 when anything does, d and s when that mechanism does', async () => {
  const honest = { ip: '192.0.2.7' }
  assert.ok(await due(RUF))
  assert.equal(await due(RUF, honest), undefined)
  assert.ok(await due(`${RUF}; fo=1`, honest))
  assert.equal(await due(`${RUF}; fo=d`), undefined)
  assert.ok(await due(`${RUF}; fo=d`, { ...honest, signature: BROKEN }))
  assert.ok(await due(`${RUF}; fo=s`))
  assert.equal(await due(`${RUF}; fo=s:d`, honest), undefined)
})

test('the report names what failed, and not the Recipient', async () => {
  const report = await due(RUF, { signature: BROKEN })
  assert.deepEqual([report!.destinations, report!.policyDomain], [['mailto:f@sender.example'], 'sender.example'])
  const { feedback } = report!
  assert.deepEqual(feedback.identityAlignment, ['dkim', 'spf'])
  assert.deepEqual([feedback.dkimDomain, feedback.dkimSelector], ['sender.example', 's1'])
  assert.deepEqual(
    [feedback.authFailure, feedback.deliveryResult, feedback.sourceIp],
    ['dmarc', 'reject', '192.0.2.66'],
  )
  assert.deepEqual([feedback.originalRcptTo, feedback.reportedDomains], [[], ['sender.example']])
  assert.equal(feedback.spfDns, 'txt : sender.example : "v=spf1 ip4:192.0.2.7 -all"')
  assert.match(feedback.authenticationResults[0]!, /^mx\.receiver\.example; spf=fail/)
})
