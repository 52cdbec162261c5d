import assert from 'node:assert/strict'
import { createPublicKey, sign, verify, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { realKeymaker } from './real/keymaker.ts'
import { simulatedKeymaker } from './simulated/keymaker.ts'
import { SeededRandom } from './simulated/random.ts'

test('a simulated RSA key signs, and the same seed makes the same key', async () => {
  const [one, again, other] = await Promise.all(
    [1, 1, 2].map((seed) => simulatedKeymaker(new SeededRandom(seed, 'keys')).rsa()),
  )
  const data = Buffer.from('mail')
  const signature = sign('sha256', data, one!)
  assert.ok(verify('sha256', data, createPublicKey(one!), signature))
  assert.deepEqual(sign('sha256', data, again!), signature)
  assert.notDeepEqual(sign('sha256', data, other!), signature)
  assert.equal(one!.asymmetricKeyDetails?.modulusLength, 1024)
})

test('a real certificate names every host and address, and fits its key', async () => {
  const identity = await realKeymaker.tlsIdentity(['mail.example.test', '127.0.0.1'])
  const certificate = new X509Certificate(identity.certificatePem)
  assert.equal(certificate.checkHost('mail.example.test'), 'mail.example.test')
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1')
})
