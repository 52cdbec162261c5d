import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBearer } from './bearer.ts'
import { SaslServer } from './server.ts'

const random = { bytes: (length: number) => Buffer.alloc(length, 7) }
const FAULT = {
  status: 'invalid_token',
  scope: 'imap',
  configuration: 'https://x.test/.well-known/openid-configuration',
}

// RFC 7628 §4.1
test('OAUTHBEARER: the examples of RFC 7628, with and without a name', () => {
  const initial = Buffer.from(
    'bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB',
    'base64',
  )
  const server = new SaslServer(random, ['OAUTHBEARER', 'XOAUTH2'])
  assert.deepEqual(server.start('OAUTHBEARER', initial), {
    kind: 'ask-token',
    user: 'user@example.com',
    token: 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==',
  })
  assert.deepEqual(server.tokenChecked({ state: 'ok', user: 'user@example.com' }), {
    kind: 'done',
    user: 'user@example.com',
  })
  const request = (text: string) => readBearer('OAUTHBEARER', text)
  assert.deepEqual(request('n,,\x01auth=Bearer abc\x01\x01'), { user: undefined, token: 'abc' })
  assert.deepEqual(request('y,a=a=2Cb=3Dc,\x01AUTH=bearer  abc\x01\x01'), { user: 'a,b=c', token: 'abc' })
  // §4.3: only asks.
  assert.deepEqual(request('n,,\x01auth=\x01\x01'), { user: undefined, token: '' })
  assert.deepEqual(request('n,,\x01\x01'), { user: undefined, token: '' })
  for (const bad of [
    '',
    'n,,',
    'n,,\x01auth=Bearer abc\x01',
    'n,,\x01auth=Basic abc\x01\x01',
    'n,,\x01auth=Bearer a b\x01\x01',
    'n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01',
    'n,a=x=y,\x01auth=Bearer abc\x01\x01',
    'p=tls-exporter,,\x01auth=Bearer abc\x01\x01',
    'n,,\x01auth=Bearer \xe4\x01\x01',
  ])
    assert.equal(request(bad), undefined, JSON.stringify(bad))
})

test('XOAUTH2: a name and a token, and nothing else', () => {
  const request = (text: string) => readBearer('XOAUTH2', text)
  assert.deepEqual(request('user=bob@x.test\x01auth=Bearer abc\x01\x01'), { user: 'bob@x.test', token: 'abc' })
  for (const bad of [
    '',
    'user=\x01auth=Bearer abc\x01\x01',
    'user=b\x01auth=abc\x01\x01',
    'user=b\x01auth=Bearer abc\x01',
  ])
    assert.equal(request(bad), undefined, JSON.stringify(bad))
})

test('who shows a bad token hears why, and then the exchange fails, whatever he answers', () => {
  for (const [mechanism, initial, told] of [
    [
      'OAUTHBEARER',
      'n,,\x01auth=Bearer abc\x01\x01',
      { status: 'invalid_token', scope: 'imap', 'openid-configuration': FAULT.configuration },
    ],
    ['XOAUTH2', 'user=bob\x01auth=Bearer abc\x01\x01', { status: '401', schemes: 'bearer', scope: 'imap' }],
  ] as const)
    for (const answer of ['\x01', '', 'n,,\x01auth=Bearer good\x01\x01']) {
      const server = new SaslServer(random, ['OAUTHBEARER', 'XOAUTH2'])
      server.start(mechanism, Buffer.from(initial))
      const step = server.tokenChecked({ state: 'refused', fault: { ...FAULT, status: 'invalid_token' } })
      assert.deepEqual(step.kind === 'challenge' && JSON.parse(step.bytes.toString()), told)
      const end = server.respond(Buffer.from(answer))
      assert.equal(end.kind === 'failed' && end.reason, 'refused')
      assert.equal(server.respond(Buffer.from(initial)).kind, 'failed')
    }
})
