import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newWebhookSecret, signedFields } from './signature.ts'

test('a body is signed as Standard Webhooks shows it', () => {
  const fields = signedFields(
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330_000,
    Buffer.from('{"test": 2432232314}'),
  )
  assert.deepEqual(fields, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('two secrets give two signatures, and a new secret has 32 bytes', () => {
  const made = [1, 2].map((n) => newWebhookSecret({ bytes: (size) => Buffer.alloc(size, n) }))
  assert.match(made[0]!, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const signatures = signedFields(made, 'x', 0, Buffer.alloc(0))['webhook-signature'].split(' ')
  assert.equal(new Set(signatures).size, 2)
})
