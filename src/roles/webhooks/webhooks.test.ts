// Webhooks in the simulated world: a program that answers as a test says, checks every signature, and writes down what it
// was told and in which order.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mock, test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import type { Stream } from '../../world/network.ts'
import { realKeymaker } from '../../world/real/keymaker.ts'
import { SendingDesk } from '../msa/sending.ts'
import { post, urlComplaint } from './post.ts'
import { webhooksOf } from './subscriptions.ts'

const ANNA = 'anna@sender.test'
const PROGRAM_IP = '127.0.66.1'
const FAR_IP = '127.0.67.1'
const DAY_MS = 86_400_000
const TAKEN = reply(250, '2.0.0', 'taken')

interface Told {
  readonly id: string
  readonly type: string
  readonly data: { readonly id: string; readonly recipient: string; readonly tags: readonly string[] }
  readonly signatures: readonly string[]
  readonly signed: string
  readonly status: number
}

const verifies = ({ signatures, signed }: Told, secret: string) => {
  const mac = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64')).update(signed)
  return signatures.includes(`v1,${mac.digest('base64')}`)
}

/** Anna's MSA, a far domain, and her program, which answers each event with what `answer` gives; 0: it hangs up. */
async function setting(answer: (told: Omit<Told, 'status'>) => number = () => 204) {
  const identity = await realKeymaker.tlsIdentity(['hooks.test'])
  const world = await TestSystem.start(TWO_AGENTS, { trusted: [identity.certificatePem] })
  const far = world.stranger(FAR_IP, domainAt('far.test', FAR_IP))
  const farReplies = [TAKEN]
  await serveScript(world, far, { message: async () => farReplies[0]! })
  const host = world.stranger(PROGRAM_IP, [{ name: 'hooks.test', type: 'A', ttlS: 60, data: PROGRAM_IP }])
  const told: Told[] = []
  const serve = async (stream: Stream): Promise<void> => {
    let all = Buffer.alloc(0)
    const end = () => all.indexOf('\r\n\r\n')
    const length = () => Number(/Content-Length: (\d+)/.exec(all.toString('latin1'))?.[1])
    while (end() < 0 || all.length < end() + 4 + length()) {
      const bytes = await stream.read()
      if (bytes === null) return
      all = Buffer.concat([all, bytes])
    }
    const head = all.toString('latin1', 0, end())
    const body = all.toString('utf8', end() + 4)
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(head)![1]!.trim()
    const one = {
      ...JSON.parse(body),
      id: field('webhook-id'),
      signatures: field('webhook-signature').split(' '),
      signed: `${field('webhook-id')}.${field('webhook-timestamp')}.${body}`,
    }
    const status = answer(one)
    told.push({ ...one, status })
    if (status === 0) return stream.destroy()
    await stream.write(Buffer.from(`HTTP/1.1 ${status} So\r\nContent-Length: 0\r\n\r\n`))
    stream.end()
  }
  const listen = () =>
    world.run(host.world.network.listen({ address: PROGRAM_IP, port: 443 }, (one) => void serve(one), identity))
  await listen()
  /** Of the agent as it runs now: after a crash it is another. */
  const desk = () => {
    const agent = world.agent('sender')
    return new SendingDesk(agent, agent.store.accountByAddress(ANNA)!)
  }
  const made = await world.run(desk().webhooks.make({ url: 'https://hooks.test/in?x=1' }))
  assert.ok('secret' in made)
  const id = Number(made.id.slice('wh_'.length))
  const send = async (to: readonly string[], tag = 'x') => {
    const source = Buffer.from(`From: ${ANNA}\r\nSubject: hello\r\n\r\nHello\r\n`)
    const mail = { reversePath: ANNA, forwardPaths: to, source, labels: { tags: [tag] } }
    const sent = await world.run(desk().send(mail))
    assert.equal(sent.state, 'taken')
    return sent.state === 'taken' ? sent.answer.id : ''
  }
  const state = () => desk().webhooks.find(id)!
  return { world, told, desk, id, secret: made.secret, send, state, farReplies, listener: listen }
}

/** Of one message, what was taken, each once, in the order in which it was taken first. */
const taken = (told: readonly Told[], message: string) => {
  const names = new Map<string, string>()
  for (const { id, type, data, status } of told)
    if (data.id === message && status < 300 && status > 0) names.set(id, `${type} ${data.recipient}`)
  return [...names.values()]
}

test('accepted, deferred, delivered, bounced: told in order, signed, with what its program gave', async () => {
  const { world, told, secret, send, farReplies } = await setting()
  farReplies[0] = reply(451, '4.0.0', 'later')
  const first = await send(['carl@far.test', 'bob@recipient.test'], 'bill')
  await world.passTime(10_000)
  farReplies[0] = TAKEN
  await world.quiet()
  farReplies[0] = reply(550, '5.1.1', 'no such mailbox')
  const second = await send(['nobody@far.test'])
  await world.quiet()
  await world.passTime(10_000)
  const of = (message: string, recipient: string) =>
    taken(told, message)
      .filter((one) => one.endsWith(recipient))
      .map((one) => one.split(' ')[0])
  assert.deepEqual(of(first, 'carl@far.test'), ['message.accepted', 'message.deferred', 'message.delivered'])
  assert.deepEqual(of(first, 'bob@recipient.test'), ['message.accepted', 'message.delivered'])
  assert.deepEqual(of(second, 'nobody@far.test'), ['message.accepted', 'message.bounced', 'message.suppressed'])
  assert.ok(told.every((one) => verifies(one, secret)))
  assert.ok(told.filter(({ data }) => data.id === first).every(({ data }) => data.tags[0] === 'bill'))
  // Mail by SMTP is told of, too; nobody else's is.
  const before = told.length
  await world.submit('bob@recipient.test')
  await world.quiet()
  await world.passTime(5000)
  assert.deepEqual(
    told.slice(before).map(({ type }) => type),
    ['message.accepted', 'message.delivered'],
  )
})

test('a program that fails now and then, or hangs up, is told everything, each message in its order', async () => {
  let count = 0
  const { world, told, send } = await setting(() => [500, 204, 0, 204, 302][count++ % 5]!)
  const ids: string[] = []
  for (let n = 0; n < 20; n++) ids.push(await send(['bob@recipient.test']))
  await world.quiet()
  await world.passTime(DAY_MS / 2)
  for (const id of ids)
    assert.deepEqual(taken(told, id), ['message.accepted bob@recipient.test', 'message.delivered bob@recipient.test'])
})

test('what was not taken before a crash is told after it, by the same name', async () => {
  let isUp = true
  const { world, told, send } = await setting(() => (isUp ? 204 : 503))
  const first = await send(['bob@recipient.test'])
  await world.quiet()
  await world.passTime(5000)
  assert.equal(taken(told, first).length, 2)
  isUp = false
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.push(await send(['bob@recipient.test']))
  await world.passTime(2000)
  const refused = told.filter(({ status }) => status === 503).map(({ id }) => id)
  assert.ok(refused.length > 0)
  world.system.crash('sender')
  await world.passTime(1000)
  isUp = true
  const before = told.length
  await world.run(world.system.restart('sender'))
  await world.quiet()
  await world.passTime(60_000)
  for (const id of ids)
    assert.deepEqual(taken(told, id), ['message.accepted bob@recipient.test', 'message.delivered bob@recipient.test'])
  const after = told.slice(before).map(({ id }) => id)
  assert.ok(refused.every((id) => after.includes(id)))
  // What was taken and written down before is not told again.
  assert.ok(!told.slice(before).some(({ data }) => data.id === first))
})

test('crashes at random instants lose no event', async () => {
  const { world, told, send } = await setting()
  const ids: string[] = []
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < 3; n++) ids.push(await send(['bob@recipient.test']))
    await world.passTime(37 * (round + 1))
    world.system.crash('sender')
    await world.passTime(500)
    await world.run(world.system.restart('sender'))
  }
  await world.quiet()
  await world.passTime(60_000)
  for (const id of ids) {
    const words = taken(told, id)
    assert.equal(words[0], 'message.accepted bob@recipient.test')
    assert.ok(words.includes('message.delivered bob@recipient.test'))
  }
})

test('days without success stop it visibly; enabled again, it goes on where it stopped', async () => {
  let isUp = false
  const { world, told, desk, id, send, state } = await setting(() => (isUp ? 204 : 500))
  const message = await send(['bob@recipient.test'])
  await world.passTime(60_000)
  assert.equal(state().state, 'failing')
  assert.equal(state().lastFailure, 'HTTP status 500')
  await world.passTime(6 * DAY_MS)
  assert.equal(state().state, 'stopped')
  assert.ok(world.complaints.some((text) => /a webhook is not told any more.*hooks\.test/.test(text)))
  // Who is down is asked seldom.
  assert.ok(told.length < 60, String(told.length))
  const count = told.length
  isUp = true
  await world.passTime(DAY_MS)
  assert.equal(told.length, count)
  await world.run(desk().webhooks.change(id, { enabled: true }))
  await world.passTime(10_000)
  assert.equal(taken(told, message).length, 2)
  assert.equal(state().state, 'active')
})

test('a clock that leapt ahead and back: nobody waits for a day ten years away', async () => {
  let isUp = false
  const { world, told, send } = await setting(() => (isUp ? 204 : 500))
  const { clock } = world.agent('sender').world
  const right = clock.now.bind(clock)
  let byMs = 3653 * DAY_MS
  mock.method(clock, 'now', () => right() + byMs)
  const message = await send(['bob@recipient.test'])
  await world.passTime(60_000)
  byMs = 0
  isUp = true
  await world.passTime(DAY_MS)
  assert.equal(taken(told, message).length, 2)
})

test('one event that is never taken holds up its own message alone, and is passed over after a day', async () => {
  const { world, told, send, state } = await setting(({ data, type }) =>
    data.tags[0] === 'poison' && type === 'message.accepted' ? 400 : 204,
  )
  const poison = await send(['bob@recipient.test'], 'poison')
  const other = await send(['bob@recipient.test'])
  await world.quiet()
  await world.passTime(10_000)
  assert.equal(taken(told, other).length, 2)
  assert.equal(taken(told, poison).length, 0)
  for (let hour = 0; hour < 30; hour++) {
    await send(['bob@recipient.test'])
    await world.passTime(3_600_000)
  }
  assert.deepEqual(taken(told, poison), ['message.delivered bob@recipient.test'])
  assert.equal(state().skipped, 1)
  assert.equal(state().state, 'active')
})

test('410 stops it at once; what it does not want to hear it does not hear; gone is gone', async () => {
  let status = 204
  const { world, told, desk, id, send, state } = await setting(() => status)
  await world.run(desk().webhooks.change(id, { events: ['message.delivered'] }))
  await send(['bob@recipient.test'])
  await world.quiet()
  await world.passTime(5000)
  assert.deepEqual(
    told.map(({ type }) => type),
    ['message.delivered'],
  )
  status = 410
  await send(['bob@recipient.test'])
  await world.quiet()
  await world.passTime(5000)
  assert.equal(state().state, 'stopped')
  await world.run(desk().webhooks.change(id, { enabled: true }))
  assert.ok(await world.run(desk().webhooks.remove(id)))
  status = 204
  const count = told.length
  await send(['bob@recipient.test'])
  await world.quiet()
  await world.passTime(60_000)
  assert.ok(told.length <= count + 1)
  assert.equal(desk().webhooks.find(id), undefined)
})

test('a new secret signs at once, and the old one beside it for a day', async () => {
  const { world, told, desk, id, secret, send } = await setting()
  const next = (await world.run(desk().webhooks.rotate(id)))!.secret
  assert.notEqual(next, secret)
  await send(['bob@recipient.test'])
  await world.quiet()
  await world.passTime(5000)
  assert.ok(told.length >= 2 && told.every((one) => verifies(one, secret) && verifies(one, next)))
  await world.passTime(DAY_MS)
  const count = told.length
  await send(['bob@recipient.test'])
  await world.quiet()
  await world.passTime(5000)
  assert.ok(told.length > count)
  assert.ok(told.slice(count).every((one) => !verifies(one, secret) && verifies(one, next)))
})

test('outside of a lab: HTTPS alone, and no address of a private network, by whatever name', async () => {
  for (const url of [
    ...['http://example.org/', 'ftp://example.org/', 'https://user:x@example.org/', 'nonsense', 'https://127.0.0.1/'],
    ...['https://10.0.0.7/', 'https://0x7f.1/', 'https://[::1]/', 'https://[::ffff:10.0.0.1]/', 'https://localhost/'],
    ...[
      'https://[64:ff9b::a00:1]/',
      'https://169.254.169.254/latest',
      'https://a.localhost/',
      `https://x/${'y'.repeat(2000)}`,
    ],
  ])
    assert.ok(urlComplaint(url, false) !== undefined, url)
  assert.equal(urlComplaint('https://example.org:8443/in?a=b', false), undefined)
  assert.equal(urlComplaint('http://127.0.0.1:8080/', true), undefined)
  // A name that stands for a private address.
  const { world, told, id, desk } = await setting()
  const agent = world.agent('sender')
  const { transmitter } = agent.settings
  const outside = {
    ...agent,
    settings: { ...agent.settings, transmitter: { ...transmitter, privateDestinations: false } },
  }
  const webhook = webhooksOf(agent.store, desk().author.id).find((one) => one.id === id)!
  const said = await world.run(post(outside, webhook, 'evt_x', Buffer.from('{}')))
  assert.deepEqual(said, { state: 'failed', said: 'hooks.test has no address' })
  assert.equal(told.length, 0)
})

test('while the store cannot be read the agent goes on, and everything is told once it can', async () => {
  const { world, told, desk, secret, send } = await setting()
  const { disk } = world.system.hostOf('sender')
  // Whichever of the reads it is that fails: of the events, of whose they are, of the message.
  for (let after = 0; after < 8; after++) {
    const message = await send(['carl@far.test'])
    disk.fault({ operation: 'read', code: 'failed', path: 'store/store.db', times: Number.POSITIVE_INFINITY, after })
    await world.passTime(500)
    disk.repair()
    await world.passTime(60_000)
    assert.deepEqual(taken(told, message), ['message.accepted carl@far.test', 'message.delivered carl@far.test'])
  }
  assert.ok(told.every((one) => verifies(one, secret)))
  assert.ok(world.complaints.some((one) => one.startsWith('sender: what webhooks are told cannot be read now')))
  // And one that is made in such a time: it is durable, if its owner cannot be shown it.
  const making = desk().webhooks.make({ url: 'https://hooks.test/other' })
  disk.fault({ operation: 'read', code: 'failed', path: 'store/store.db', times: Number.POSITIVE_INFINITY })
  await world.run(assert.rejects(making, { code: 'failed' }))
  await world.passTime(500)
  disk.repair()
  await world.passTime(60_000)
  assert.ok(world.complaints.some((one) => one.startsWith('sender: webhooks cannot be read now')))
  const before = told.length
  await send(['carl@far.test'])
  await world.passTime(60_000)
  assert.equal(told.length - before, 4)
})
