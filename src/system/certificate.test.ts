import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { generate } from 'selfsigned'
import type { TlsIdentity } from '../world/network.ts'
import { testWorld } from '../world/testing.ts'
import { CertificateKeeper, fromAuthority } from './certificate.ts'

const DAY_MS = 86_400_000
const NAMES = ['mail.example.test']

/** Made before the tests: real cryptography takes no virtual time, and a simulated world does not wait for it. */
const made: TlsIdentity[] = []

before(async () => {
  const { clock } = testWorld().world
  for (const day of [0, 61]) {
    const { cert, private: key } = await generate([{ name: 'commonName', value: NAMES[0]! }], {
      keyType: 'ec',
      notBeforeDate: new Date(clock.now() + day * DAY_MS),
      notAfterDate: new Date(clock.now() + (day + 90) * DAY_MS),
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: NAMES[0]! }] }],
    })
    made.push({ certificatePem: cert, privateKeyPem: key })
  }
})

/** An authority whose certificates live ninety days. */
function authority() {
  const asked: string[] = []
  return {
    asked,
    makeKey: async () => `key ${asked.length}`,
    order: async (accountKeyPem: string) => made[Math.min(asked.push(accountKeyPem), made.length) - 1]!,
  }
}

function setting(names = NAMES) {
  const { world, run } = testWorld()
  let nowMs = world.clock.now()
  const clock = { now: () => nowMs }
  const from = authority()
  return {
    from,
    look: (wanted = names) => run(fromAuthority({ disk: world.disk, clock }, wanted, from)()),
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

test('a certificate is asked for once, kept over a restart, and renewed when a third of its life is left', async () => {
  const { from, look, pass } = setting()
  const first = await look()
  assert.equal((await look()).identity.certificatePem, first.identity.certificatePem)
  pass(59 * DAY_MS)
  assert.equal((await look()).identity.certificatePem, first.identity.certificatePem)
  assert.equal(from.asked.length, 1)
  pass(2 * DAY_MS)
  assert.notEqual((await look()).identity.certificatePem, first.identity.certificatePem)
  assert.equal(from.asked.length, 2)
  assert.equal(new Set(from.asked).size, 1, 'the account stays the same')
})

test('a certificate that is for other names is not enough', async () => {
  const { from, look } = setting()
  await look()
  await look([...NAMES, 'mta-sts.example.test'])
  assert.equal(from.asked.length, 2)
})

test('with a key that DNS shows every certificate is for that key; one for another is replaced at once', async () => {
  const { world, run } = testWorld()
  const asked: (string | undefined)[] = []
  const look = (keyPem?: string) => {
    const order = async (_account: string, key?: string) => {
      asked.push(key)
      return { ...made[0]!, ...(key !== undefined && { privateKeyPem: key }) }
    }
    return run(fromAuthority(world, NAMES, { makeKey: async () => 'account', order }, keyPem)())
  }
  await look()
  assert.equal((await look('shown')).identity.privateKeyPem, 'shown')
  await look('shown')
  assert.deepEqual(asked, [undefined, 'shown'])
})

test('an authority that fails is told, asked again two hours later, and the certificate in use stays', async () => {
  const timers: { afterMs: number; action: () => void }[] = []
  const clock = {
    after: (afterMs: number, action: () => void) => {
      timers.push({ afterMs, action })
      return { cancel: () => timers.splice(0) }
    },
  }
  const identity = made[0]!
  const answers: (TlsIdentity | Error)[] = [identity, new Error('the authority rests'), identity]
  const used: TlsIdentity[] = []
  const failures: [string, boolean][] = []
  const keeper = new CertificateKeeper(
    clock,
    async () => {
      const answer = answers.shift()!
      if (answer instanceof Error) throw answer
      return { identity: answer, againAfterMs: 1000 }
    },
    (one) => used.push(one),
    (why, expiresAt) => failures.push([why, expiresAt !== undefined]),
  )
  await keeper.look()
  assert.deepEqual([used.length, timers.length, timers[0]?.afterMs], [1, 1, 1000])
  await keeper.look()
  assert.deepEqual(failures, [['the authority rests', true]])
  assert.equal(timers[1]?.afterMs, 2 * 3600_000)
  await keeper.look()
  assert.equal(used.length, 1, 'the same certificate is not put into use again')
  keeper.stop()
  assert.equal(timers.length, 0)
})
