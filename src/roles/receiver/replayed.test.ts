// A29, DKIM replay: a signed message, sent again and again by somebody else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyRecord, makeEd25519Key } from '../../identity/dkim/keys.ts'
import { signDkim } from '../../identity/dkim/sign.ts'
import { directCpu } from '../../identity/testing.ts'
import { formatDate } from '../../message/date.ts'
import { parseHeader } from '../../message/header.ts'
import { domainAt, TestSystem } from '../../system/testing.ts'

const SYSTEM = `
Author@bob ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@recipient ==> Recipient@bob
recipient: domain=recipient.test, ip=127.0.20.1
bob: address=bob@recipient.test, password=demo
`
const SIGNER_IP = '192.0.2.10'
const OTHER_IP = '198.51.100.66'
const PEOPLE = Array.from({ length: 100 }, (_, n) => `person${n}@recipient.test`)

/** A signer and somebody else, both with good records, a hundred people, and one message signed by the signer. */
async function withReplay(to: string) {
  const world = await TestSystem.start(SYSTEM)
  const key = makeEd25519Key({ bytes: (length) => Buffer.alloc(length, 7), float: () => 0, integer: () => 0 })
  const { name, text } = keyRecord(key, 'signer.test', 's')
  const records = [...domainAt('signer.test', SIGNER_IP), { name, type: 'TXT' as const, ttlS: 60, data: text }]
  const signer = world.stranger(SIGNER_IP, records)
  const named = { name: '66.100.51.198.in-addr.arpa', type: 'PTR' as const, ttlS: 60, data: 'mail.other.test' }
  const other = world.stranger(OTHER_IP, [...domainAt('other.test', OTHER_IP), named])
  const { store, world: own } = world.agent('recipient')
  for (const address of PEOPLE) {
    const account = { address, displayName: '', credentials: null, nowMs: own.clock.now() }
    await world.run(store.commit([{ kind: 'account.create', ...account }]))
  }
  const head = `From: Sue <sue@signer.test>\r\nTo: ${to}\r\nDate: ${formatDate(own.clock.now())}\r\nMessage-ID: <1@signer.test>\r\n`
  const letter = Buffer.from(`${head}Subject: hello\r\n\r\nDear all,\r\nthis is what we wanted to say to you.\r\n`)
  const signing = { domain: 'signer.test', selector: 's', privateKey: key }
  const signature = await signDkim(parseHeader(letter), [signing], { cpu: directCpu, clock: own.clock })
  const signed = signature.toString() + letter.toString()
  let sent = 0
  /** One transaction for all of them; an unsigned field makes each another message. */
  const send = (who: 'signer' | 'other', recipients: readonly string[] = PEOPLE) =>
    world.send(who === 'signer' ? signer : other, 'recipient', 'smtp', {
      from: who === 'signer' ? 'sue@signer.test' : 'x@other.test',
      to: recipients,
      text: `Received: from there by mail.other.test with ESMTP id ${sent++}; ${formatDate(own.clock.now())}\n${signed}`,
      helo: who === 'signer' ? 'mail.signer.test' : 'mail.other.test',
    })
  return { world, send, people: PEOPLE }
}

const codes = (replies: readonly string[]) => [...new Set(replies.map((reply) => reply.slice(0, 9)))]

test('A29: a thousand copies by somebody else are weighed more and more, then asked to come again, and come in the end', async () => {
  const { world, send } = await withReplay('friends@other.test')
  const hits = async () => {
    const inbox = await world.mail('recipient', PEOPLE[0]!)
    return inbox
      .at(-1)!
      .verdict!.rules!.map(({ id }) => id)
      .filter((id) => id.startsWith('signature-in'))
  }
  assert.deepEqual(codes(await send('other')), ['250 2.0.0'])
  assert.deepEqual(await hits(), [])
  for (let n = 1; n < 10; n++) assert.deepEqual(codes(await send('other')), ['250 2.0.0'])
  // All of them still in the inbox.
  assert.deepEqual(await hits(), ['signature-in-hundreds-of-copies', 'signature-in-many-copies'])
  assert.equal((await world.mail('recipient', PEOPLE[0]!)).length, 10)
  const late = await send('other')
  assert.deepEqual(codes(late), ['451 4.7.2'])
  assert.match(late[0]!, /^451 4\.7\.28 too many copies of one message that signer\.test signed/)
  // Nothing is lost: the same message is taken when some time has passed.
  await world.run(world.agent('recipient').world.clock.sleep(3 * 3_600_000))
  assert.deepEqual(codes(await send('other')), ['250 2.0.0'])
})

test('A29: what the signer sends itself, however much, is its own', async () => {
  const { send } = await withReplay('friends@other.test')
  for (let n = 0; n < 12; n++) assert.deepEqual(codes(await send('signer')), ['250 2.0.0'])
})

test('A29: copies for those whom the signed To names are theirs', async () => {
  const { send } = await withReplay(PEOPLE.join(', '))
  for (let n = 0; n < 12; n++) assert.deepEqual(codes(await send('other')), ['250 2.0.0'])
})
