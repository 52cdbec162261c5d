// Addresses that stand for several, and those that are for nobody else: what senders hear, and who gets what.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainAt, TestSystem, TWO_AGENTS } from '../system/testing.ts'

const FLOW = 'Author@carl ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@recipient ==> Recipient@dora'
const HOUSE = `${FLOW}\n${TWO_AGENTS}
dora: address=dora@recipient.test, alias=d@recipient.test, password=demo
carl: address=carl@recipient.test, password=demo
recipient: group="all@recipient.test: bob@recipient.test d@recipient.test dora@recipient.test staff@recipient.test"
recipient: group="staff@recipient.test: carl@recipient.test all@recipient.test gone@recipient.test"
recipient: group="empty@recipient.test: gone@recipient.test"
`
const at = (name: string) => `${name}@recipient.test`
const GOOD = '192.0.2.10'

async function withHouse(lines = '') {
  const world = await TestSystem.start(`${HOUSE}\n${lines}`)
  const good = world.stranger(GOOD, domainAt('good.test', GOOD, 'reject'))
  const send = (to: string | string[], text?: string, from = 'gina@good.test') =>
    world.send(good, 'recipient', 'smtp', { from, to, helo: 'mail.good.test', text })
  const counts = async (...names: string[]) => {
    const found: number[] = []
    for (const name of names) found.push((await world.mail('recipient', at(name))).length)
    return found
  }
  return { world, send, counts }
}

test('each member once, however often it is named; circles end; whoever is gone is passed over', async () => {
  const { send, counts } = await withHouse()
  assert.match((await send(at('ALL')))[0]!, /^250 /)
  assert.deepEqual(await counts('bob', 'dora', 'carl', 'postmaster'), [1, 1, 1, 0])
  for (const reply of await send([at('bob'), at('all'), at('d+news'), at('staff')], 'From: gina@good.test\n\n2\n'))
    assert.match(reply, /^250 /)
  assert.deepEqual(await counts('bob', 'dora', 'carl', 'postmaster'), [2, 2, 2, 0])
  assert.match((await send(at('empty')))[0]!, /^550 5\.2\.4 nobody stands behind empty@recipient\.test/)
})

test('groups that all stand for one another are gone through once each', async () => {
  const { world, send, counts } = await withHouse()
  const names = Array.from({ length: 12 }, (_, n) => at(`web${n}`))
  const { store } = world.agent('recipient')
  const owner = at('postmaster')
  for (const address of names)
    await world.run(store.commit([{ kind: 'group.put', group: { address, owner, members: [...names, at('bob')] } }]))
  assert.match((await send(names[0]!))[0]!, /^250 /)
  assert.deepEqual(await counts('bob', 'dora'), [1, 0])
})

test('a relay that repeats itself to a group is told 250 again, and each member has the message once', async () => {
  const { send, counts } = await withHouse()
  const relayed =
    'Received: from a by b with ESMTP id 1; Mon, 23 Nov 2026 10:00:00 +0000\nFrom: gina@good.test\n\nHello\n'
  assert.match((await send(at('all'), relayed))[0]!, /^250 /)
  assert.match((await send(at('all'), relayed))[0]!, /^250 .* accepted as .* before/)
  assert.deepEqual(await counts('bob', 'dora', 'carl'), [1, 1, 1])
})

test('an Author at home writes to a group, and hears at once when nobody stands behind it', async () => {
  const { world, counts } = await withHouse()
  const computer = world.stranger('127.0.99.2')
  const write = (to: string) =>
    world.send(computer, 'recipient', 'submission', { from: at('carl'), to, login: at('carl') })
  assert.match((await write(at('all')))[0]!, /^250 /)
  assert.deepEqual(await counts('bob', 'dora', 'carl'), [1, 1, 1])
  assert.match((await write(at('empty')))[0]!, /^550 5\.2\.4 /)
})

test('who answers for a group gets what is for its owner, and what comes back: a bounce is never multiplied', async () => {
  const { send, counts } = await withHouse()
  for (const name of ['owner-all', 'all-owner', 'staff-request'])
    assert.match((await send(at(name)))[0]!, /^250 /, name)
  assert.deepEqual(await counts('bob', 'dora', 'postmaster'), [0, 0, 3])
  assert.match(
    (await send(at('all'), 'From: mailer@unlisted.test\nSubject: not delivered\n\nHello\n', ''))[0]!,
    /^250 /,
  )
  assert.deepEqual(await counts('bob', 'dora', 'postmaster'), [0, 0, 4])
  assert.match((await send(at('owner-nothing')))[0]!, /^550 5\.1\.1 /)
})

test('what a member’s script sends to the group again ends there', async () => {
  const { world, send, counts } = await withHouse()
  const { store } = world.agent('recipient')
  const account = store.accountByAddress(at('carl'))!.id
  const blob = await world.run(store.putBlob([Buffer.from(`require "copy"; redirect :copy "${at('all')}";`)]))
  const atMost = { scripts: 10, bytes: 1000 }
  await world.run(
    store.commit([
      { kind: 'script.put', account, name: 'main', blob, atMost },
      { kind: 'script.activate', account, id: { from: 0 } },
    ]),
  )
  assert.match((await send(at('all')))[0]!, /^250 /)
  await world.quiet()
  // Carl alone gets it a second time.
  assert.deepEqual(await counts('bob', 'dora', 'carl'), [1, 1, 2])
  assert.match((await send(at('carl'), 'From: gina@good.test\n\nfor carl\n'))[0]!, /^250 /)
  assert.deepEqual(await counts('bob', 'dora', 'carl'), [2, 2, 4])
  const again = 'Delivered-To: all@recipient.test\nFrom: gina@good.test\n\nagain\n'
  assert.match((await send(at('all'), again))[0]!, /^554 5\.4\.6 .* sent on from all@recipient\.test before/)
})

test('what a script sends to a group that nobody stands behind any more stays with its owner, and he hears why', async () => {
  const { world, send, counts } = await withHouse()
  const { store } = world.agent('recipient')
  const account = store.accountByAddress(at('carl'))!.id
  const blob = await world.run(store.putBlob([Buffer.from(`redirect "${at('empty')}";`)]))
  const atMost = { scripts: 10, bytes: 1000 }
  await world.run(
    store.commit([
      { kind: 'script.put', account, name: 'main', blob, atMost },
      { kind: 'script.activate', account, id: { from: 0 } },
    ]),
  )
  assert.match((await send(at('carl')))[0]!, /^250 /)
  await world.quiet()
  const mail = await world.mail('recipient', at('carl'))
  assert.deepEqual(
    [mail.some(({ text }) => /^From: gina@/m.test(text)), mail.some(({ text }) => /nobody stands behind/.test(text))],
    [true, true],
  )
  // An Author's message takes the same way.
  const computer = world.stranger('127.0.99.2')
  const letter = { from: at('carl'), to: at('carl'), login: at('carl') }
  assert.match((await world.send(computer, 'recipient', 'submission', letter))[0]!, /^250 /)
  assert.deepEqual(await counts('carl', 'postmaster'), [mail.length + 1, 0])
})

test('a group whose last member goes between RCPT and the message: nothing is taken that nobody would get', async () => {
  const { world, counts } = await withHouse()
  const { store } = world.agent('recipient')
  const members = (name: string) =>
    store.commit([{ kind: 'group.put', group: { address: at('empty'), owner: at('postmaster'), members: [at(name)] } }])
  const talk = async (service: 'smtp' | 'submissions', from: string, signIn: readonly string[]) => {
    const tls = { role: 'client', serverName: 'mail.recipient.test', mustAuthenticate: false } as const
    const options = { timeoutMs: 1000, ...(service === 'submissions' && { tls }) }
    const { network } = world.system.host(`writer ${service}`, service === 'smtp' ? '192.0.2.11' : '127.0.99.2').world
    const stream = await network.connect(world.system.agent('recipient').endpoint(service)!, options)
    const hear = async () => Buffer.from((await stream.read(60_000)) ?? '').toString('latin1')
    await hear()
    await members('bob')
    let said = ''
    for (const line of [
      ...[
        'EHLO mail.fine.test',
        ...signIn,
        `MAIL FROM:<${from}>`,
        `RCPT TO:<${at('dora')}>`,
        `RCPT TO:<${at('empty')}>`,
      ],
      ...['DATA', `From: ${from}\r\n\r\nHello\r\n.`],
    ]) {
      if (line === 'DATA') await members('gone')
      await stream.write(Buffer.from(`${line}\r\n`))
      said = await hear()
      assert.doesNotMatch(said, /^5/)
    }
    stream.destroy()
    return said
  }
  world.publish(domainAt('fine.test', '192.0.2.11', 'reject'))
  const signIn = [`AUTH PLAIN ${Buffer.from(`\0${at('carl')}\0demo`).toString('base64')}`]
  assert.match(await world.run(talk('smtp', 'gina@fine.test', [])), /^451 /)
  assert.match(await world.run(talk('submissions', at('carl'), signIn)), /^451 /)
  assert.deepEqual(await counts('bob', 'dora', 'postmaster'), [0, 0, 0])
})

test('a member whose mailbox is full: everybody’s copy waits at the sender, and nothing tells who it is', async () => {
  const { world, send, counts } = await withHouse('dora: quota-messages=1')
  assert.match((await send(at('d')))[0]!, /^250 /)
  const [reply] = await send(at('all'), 'From: gina@good.test\n\nagain\n')
  assert.equal(reply, '452 4.2.2 a mailbox behind all@recipient.test is full, try again later')
  assert.deepEqual(await counts('bob', 'dora', 'carl'), [0, 1, 0])
  const { store } = world.agent('recipient')
  const account = store.accountByAddress(at('d'))!.id
  const mailbox = store.mailboxByUse(account, 'inbox')!.id
  await world.run(store.commit([{ kind: 'placement.expunge', account, mailbox, uids: [[1, 9]], onlyDeleted: false }]))
  assert.match((await send(at('all'), 'From: gina@good.test\n\nagain\n'))[0]!, /^250 /)
  assert.deepEqual(await counts('bob', 'dora', 'carl'), [1, 1, 1])
})

test('catch-all: what is for nobody else, and only that; without it strangers hear that nobody is there', async () => {
  const none = await withHouse()
  assert.match((await none.send(at('sales')))[0]!, /^550 5\.1\.1 /)
  const { send, counts, world } = await withHouse('recipient: catch-all=d@recipient.test')
  for (const name of ['sales', 'sales+july', 'bob', 'd+x', 'postmaster'])
    assert.match((await send(at(name)))[0]!, /^250 /)
  assert.deepEqual(await counts('bob', 'dora', 'postmaster'), [1, 3, 1])
  assert.match((await send('sales@elsewhere.test'))[0]!, /^550 5\.7\.1 we do not relay/)
  assert.deepEqual(world.agent('recipient').store.addresses(2).includes('@recipient.test'), false)
  assert.deepEqual(world.complaints, [])
})
