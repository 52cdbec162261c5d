// Web push in the simulated world: a subscription, its code, and what is told after a change. The service decrypts with
// code of its own.

import assert from 'node:assert/strict'
import { createDecipheriv, createECDH, createHmac, createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { subscriptionsOf, withState } from '../../../protocols/jmap/push-subscription.ts'
import { handleRequest } from '../../../protocols/jmap/request.ts'
import { CORE, MAIL } from '../../../protocols/jmap/types.ts'
import { TestSystem, TWO_AGENTS } from '../../../system/testing.ts'
import { backendsOf } from '../../../system/web.ts'
import type { Stream } from '../../../world/network.ts'
import { realKeymaker } from '../../../world/real/keymaker.ts'
import { encryptPush } from './encrypt.ts'
import { vapidKey } from './vapid.ts'

const BOB = 'bob@recipient.test'
const IP = '127.0.66.1'
const unbase64 = (text: string): Buffer => Buffer.from(text, 'base64url')

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
type Loose = any

test('a push message is the one of RFC 8291, Appendix A', () => {
  const given = ['yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw', 'DGv6ra1nlYgDCS1FRnbzlw'].map(unbase64)
  const keys = {
    p256dh: unbase64('BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4'),
    auth: unbase64('BTBZMqHH6r4Tts7J_aSIgg'),
  }
  const text = Buffer.from('When I grow up, I want to be a watermelon')
  assert.equal(
    encryptPush(text, keys, { bytes: () => given.shift()! }).toString('base64url'),
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  )
})

/** RFC 5869 in two lines. */
const hkdf = (secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer =>
  createHmac('sha256', createHmac('sha256', salt).update(secret).digest())
    .update(info)
    .update(Buffer.of(1))
    .digest()
    .subarray(0, length)

/** A device: the keys of its subscription, and what it makes of a record. */
function device() {
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(Buffer.alloc(32, 7))
  const auth = Buffer.alloc(16, 9)
  return {
    keys: { p256dh: ecdh.getPublicKey().toString('base64url'), auth: auth.toString('base64url') },
    decrypt: (record: Buffer): Loose => {
      const [salt, theirs, sealed] = [record.subarray(0, 16), record.subarray(21, 86), record.subarray(86)]
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), theirs])
      const ikm = hkdf(ecdh.computeSecret(theirs), auth, info, 32)
      const key = hkdf(ikm, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
      const nonce = hkdf(ikm, salt, Buffer.from('Content-Encoding: nonce\0'), 12)
      const decipher = createDecipheriv('aes-128-gcm', key, nonce)
      decipher.setAuthTag(sealed.subarray(-16))
      const text = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
      assert.equal(text.at(-1), 2)
      return JSON.parse(text.subarray(0, -1).toString())
    },
  }
}

/** Bob's account, and a push service that answers with these statuses, then with 201. */
async function setting(...statuses: string[]) {
  const identity = await realKeymaker.tlsIdentity(['push.test'])
  const world = await TestSystem.start(TWO_AGENTS, { trusted: [identity.certificatePem] })
  const host = world.stranger(IP, [{ name: 'push.test', type: 'A', ttlS: 60, data: IP }])
  const posts: { head: string; body: Buffer }[] = []
  const serve = async (stream: Stream): Promise<void> => {
    let all = Buffer.alloc(0)
    const end = () => all.indexOf('\r\n\r\n')
    const length = () => Number(/Content-Length: (\d+)/.exec(all.toString('latin1'))?.[1])
    while (end() < 0 || all.length < end() + 4 + length()) all = Buffer.concat([all, (await stream.read())!])
    posts.push({ head: all.toString('latin1', 0, end()), body: all.subarray(end() + 4) })
    await stream.write(Buffer.from(`HTTP/1.1 ${statuses.shift() ?? '201 Created'}\r\nContent-Length: 0\r\n\r\n`))
    stream.end()
  }
  await world.run(host.world.network.listen({ address: IP, port: 443 }, (stream) => void serve(stream), identity))
  const backend = backendsOf([...world.system.agents.values()]).accountFor(BOB)!
  const one = async (method: string, args: object): Promise<Loose> => {
    const body = Buffer.from(JSON.stringify({ using: [CORE, MAIL], methodCalls: [[method, args, '0']] }))
    const answer: Loose = await world.run(handleRequest(backend, body))
    return answer.response.methodResponses[0][1]
  }
  const pass = (ms: number) => world.simulation.runFor(ms)
  return { world, posts, one, pass, backend, secret: world.agent('recipient').secrets.server }
}

const wanted = (more: object = {}) => ({ deviceClientId: 'phone', url: 'https://push.test/p/1?a=b', ...more })

test('a subscription is told of changes once its client has shown the code', async () => {
  const { world, posts, one, pass, backend, secret } = await setting()
  const { keys, decrypt } = device()
  const made = await one('PushSubscription/set', { create: { s: wanted({ keys, types: ['Email', 'Mailbox'] }) } })
  const { id } = made.created.s
  await pass(5000)
  assert.equal(posts.length, 1)
  const { head, body } = posts[0]!
  assert.match(head, /^POST \/p\/1\?a=b HTTP\/1\.1\r\nHost: push\.test\r\n/)
  for (const field of ['TTL: 86400', 'Content-Encoding: aes128gcm']) assert.ok(head.includes(field), field)
  const { verificationCode, pushSubscriptionId, ...rest } = decrypt(body)
  assert.deepEqual([pushSubscriptionId, rest], [id, { '@type': 'PushVerification' }])

  // RFC 8292: the word is ours, and for this service alone.
  const [, signed, signature, key] = /Authorization: vapid t=(\S+)\.(\S+), k=(\S+)/.exec(head)!
  assert.equal(key, vapidKey(secret).publicKey)
  assert.equal(backend.pushKey, key)
  const point = unbase64(key!)
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url')) as [
    string,
    string,
  ]
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
  const checked = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  assert.ok(verify('sha256', Buffer.from(signed!), checked, unbase64(signature!)))
  const claims = JSON.parse(unbase64(signed!.split('.')[1]!).toString())
  assert.deepEqual([claims.aud, claims.sub], ['https://push.test', 'mailto:postmaster@recipient.test'])

  // Nothing is told before the code came back, and a wrong one is none.
  await world.submit(BOB)
  await world.quiet()
  await pass(5000)
  assert.equal(posts.length, 1)
  const wrong = await one('PushSubscription/set', { update: { [id]: { verificationCode: 'guess' } } })
  assert.deepEqual(wrong.notUpdated[id].properties, ['verificationCode'])
  assert.deepEqual((await one('PushSubscription/set', { update: { [id]: { verificationCode } } })).updated, {
    [id]: null,
  })
  await world.submit(BOB)
  await world.quiet()
  await pass(5000)
  assert.equal(posts.length, 2)
  const told = decrypt(posts[1]!.body)
  assert.equal(told['@type'], 'StateChange')
  const state = String(backend.store.modseq(backend.account.id))
  assert.deepEqual(told.changed, { [`a${backend.account.id}`]: { Mailbox: state, Email: state } })

  assert.deepEqual(await one('PushSubscription/get', { ids: null }), {
    list: [
      { id, deviceClientId: 'phone', verificationCode, expires: made.created.s.expires, types: ['Email', 'Mailbox'] },
    ],
    notFound: [],
  })
  assert.equal((await one('PushSubscription/get', { ids: [id], properties: ['url'] })).type, 'forbidden')
  assert.deepEqual((await one('PushSubscription/set', { destroy: [id] })).destroyed, [id])
  await world.submit(BOB)
  await world.quiet()
  await pass(5000)
  assert.equal(posts.length, 2)
})

test('what a push service does not take now is told later; one that knows no such subscription ends it', async () => {
  const { world, posts, one, pass } = await setting('201 Created', '503 Busy', '201 Created', '410 Gone')
  await one('PushSubscription/set', { create: { s: wanted() } })
  await pass(5000)
  // Without keys it is sent as it is.
  const { pushSubscriptionId: id, verificationCode } = JSON.parse(posts[0]!.body.toString())
  await one('PushSubscription/set', { update: { [id]: { verificationCode } } })
  await world.submit(BOB)
  await world.quiet()
  await pass(10_000)
  assert.equal(posts.length, 2)
  await pass(120_000)
  assert.equal(posts.length, 3)
  assert.equal((await one('PushSubscription/get', {})).list.length, 1)
  await world.submit(BOB)
  await world.quiet()
  await pass(10_000)
  assert.equal(posts.length, 4)
  assert.deepEqual((await one('PushSubscription/get', {})).list, [])
})

test('subscriptions are bounded, and lead to https only', async () => {
  const { one, posts, pass } = await setting()
  const keys = { p256dh: Buffer.alloc(65, 4).toString('base64url'), auth: Buffer.alloc(16).toString('base64url') }
  const bad = {
    plain: wanted({ url: 'http://push.test/' }),
    door: wanted({ url: 'https://push.test:25/' }),
    keys: wanted({ keys }),
    past: wanted({ expires: '2020-01-01T00:00:00Z' }),
    code: wanted({ verificationCode: 'x' }),
    more: wanted({ color: 'red' }),
  }
  const refused = await one('PushSubscription/set', { create: bad })
  assert.deepEqual(
    Object.values(refused.notCreated).map((error: Loose) => error.properties[0]),
    ['url', 'url', 'keys', 'expires', 'verificationCode', 'color'],
  )
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`s${n}`, wanted()]))
  const made = await one('PushSubscription/set', { create: many })
  assert.equal(Object.keys(made.created).length, 20)
  assert.equal(made.notCreated.s20.type, 'overQuota')
  const ids = Object.values(made.created).map(({ id }: Loose) => id)
  await one('PushSubscription/set', { destroy: ids })
  await one('PushSubscription/set', { create: { again: wanted() } })
  await pass(30_000)
  // Codes go to addresses that nobody has shown to be his: twenty in an hour.
  assert.ok(posts.length <= 20, String(posts.length))
  const far = await one('PushSubscription/set', { create: { far: wanted({ expires: '2999-01-01T00:00:00Z' }) } })
  assert.ok(Date.parse(far.created.far.expires) < Date.UTC(2900, 0))
})

test('while the store cannot be read the agent goes on, and devices are told once it can', async () => {
  const { world, posts, one, pass, backend } = await setting()
  const { disk } = world.system.hostOf('recipient')
  const unreadable = {
    operation: 'read',
    code: 'failed',
    path: 'store/store.db',
    times: Number.POSITIVE_INFINITY,
  } as const
  await one('PushSubscription/set', { create: { s: wanted() } })
  await pass(5000)
  const { store, account } = backend
  const [subscription] = subscriptionsOf(store, account.id)
  disk.fault(unreadable)
  await world.run(store.commit([withState(account.id, subscription!, 'new')]))
  await pass(5000)
  assert.equal(posts.length, 1)
  disk.repair()
  await pass(20_000)
  assert.equal(posts.length, 2)
  const { pushSubscriptionId: id, verificationCode } = JSON.parse(posts[0]!.body.toString())
  await one('PushSubscription/set', { update: { [id]: { verificationCode } } })
  await pass(5000)
  // Whichever of the reads it is that fails: of the subscriptions, or of what there is to tell.
  for (let after = 0; after < 5; after++) {
    const before: number = posts.length
    await world.submit(BOB)
    await world.quiet()
    disk.fault({ ...unreadable, after })
    await pass(2000)
    disk.repair()
    await pass(120_000)
    assert.ok(posts.length > before, `after ${after}`)
  }
  assert.ok(world.complaints.some((one) => one.startsWith('recipient: push subscriptions cannot be read now')))
})
