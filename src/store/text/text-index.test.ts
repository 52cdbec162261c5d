// The text index beside a store, in the simulated world: it finds what is there, whatever is asked and whenever, and
// may be lost at any time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testWorld } from '../../world/testing.ts'
import { openStore } from '../embedded.ts'
import { deliver, done, makeAccount } from '../testing.ts'
import { TextIndex } from './text-index.ts'
import { fold } from './words.ts'

const letter = (subject: string, body: string, type = 'text/plain') =>
  `From: Anna <anna@sender.test>\r\nSubject: ${subject}\r\nContent-Type: ${type}; charset=utf-8\r\n\r\n${body}\r\n`

async function withIndex(work: (parts: Awaited<ReturnType<typeof open>>) => Promise<void>) {
  const bench = testWorld()
  await bench.run(async () => {
    const parts = await open(bench.world)
    await work(parts)
    await parts.index.stop()
    await parts.store.close()
    assert.deepEqual(parts.failures, [])
  })
}

async function open(world: ReturnType<typeof testWorld>['world']) {
  const store = await openStore(world)
  const account = store.accounts()[0]?.id ?? (await makeAccount(store))
  const failures: unknown[] = []
  const index = await TextIndex.open(world, store, (error) => failures.push(error))
  const found = async (needle: string, isBody = false) => {
    const ids = await index.mayHold(account, needle, isBody)
    return ids === undefined ? 'all' : [...ids].sort((a, b) => a - b)
  }
  return { world, store, account, index, found, failures }
}

test('subject, people, body, HTML as it is seen, names of attachments; parts of words and of several', () =>
  withIndex(async ({ store, account, index, found }) => {
    const one = (await deliver(store, account, letter('Minutes of the meeting', 'We met on Tuesday.'))).emailId!
    const html = (await deliver(store, account, letter('x', '<p>caf&eacute; <b>au</b> lait</p>', 'text/html'))).emailId!
    const file = (
      await deliver(
        store,
        account,
        'Subject: y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="Quarterly_Report.pdf"\r\n\r\nx\r\n--b--\r\n',
      )
    ).emailId!
    await index.catchUp()
    assert.deepEqual(await found('meeting'), [one])
    assert.deepEqual(await found('MEET'), [one])
    assert.deepEqual(await found('eetin'), [one])
    assert.deepEqual(await found('utes of the mee'), [one])
    assert.deepEqual(await found('meeting', true), [])
    assert.deepEqual(await found('tuesday', true), [one])
    assert.deepEqual(await found('café'), [html])
    assert.deepEqual(await found('report'), [file])
    assert.deepEqual(await found('anna@sender.test'), [one, html])
    assert.deepEqual(await found('nowhere to be found'), [])
    assert.equal(await found('?!'), 'all')
  }))

test('what is too new to be in the index is always among the answers; what is gone is not', () =>
  withIndex(async ({ store, account, index, found }) => {
    const first = (await deliver(store, account, letter('one', 'apple'))).emailId!
    await index.catchUp()
    const second = (await deliver(store, account, letter('two', 'pear'))).emailId!
    assert.deepEqual(await found('apple'), [first, second])
    await index.catchUp()
    assert.deepEqual(await found('apple'), [first])
    await done(store, { kind: 'email.destroy', account, email: first })
    await index.catchUp()
    assert.deepEqual(await found('apple'), [])
    assert.deepEqual(await found('pear'), [second])
  }))

test('it follows by itself, over a crash, and from nothing when it was lost', async () => {
  const bench = testWorld()
  let id = 0
  await bench.run(async () => {
    const { store, account, found, world } = await open(bench.world)
    id = (await deliver(store, account, letter('one', 'apple'))).emailId!
    await world.clock.sleep(20_000)
    assert.deepEqual(await found('pear'), [])
    assert.deepEqual(await found('apple'), [id])
  })
  bench.host.crash()
  bench.host.restart()
  await bench.run(async () => {
    const { store, account, index, found } = await open(bench.host.world)
    const second = (await deliver(store, account, letter('two', 'pear'))).emailId!
    await index.catchUp()
    assert.deepEqual(await found('apple'), [id])
    assert.deepEqual(await found('pear'), [second])
    await index.stop()
    await store.close()
  })
})

test('of an account that is removed nothing is found any more, even where it went while nobody looked', () =>
  withIndex(async ({ world, store, account, index }) => {
    const gone = await makeAccount(store, 'eve@here.test')
    const lost = await makeAccount(store, 'mallory@here.test')
    for (const one of [account, gone, lost]) await deliver(store, one, letter('x', 'apple'))
    await index.catchUp()
    await done(store, { kind: 'account.remove', account: gone })
    await index.catchUp()
    assert.deepEqual(await index.mayHold(gone, 'apple'), new Set())
    await index.stop()
    await done(store, { kind: 'account.remove', account: lost })
    const again = await TextIndex.open(world, store, (error) => assert.fail(String(error)))
    await again.catchUp()
    assert.deepEqual(await again.mayHold(lost, 'apple'), new Set())
    assert.equal((await again.mayHold(account, 'apple'))!.size, 1)
    await again.stop()
  }))

test('another account’s mail is never among the answers', () =>
  withIndex(async ({ store, account, index, found }) => {
    const other = await makeAccount(store, 'eve@here.test')
    await deliver(store, other, letter('secret', 'apple'))
    const mine = (await deliver(store, account, letter('mine', 'apple'))).emailId!
    await index.catchUp()
    assert.deepEqual(await found('apple'), [mine])
    assert.deepEqual(await found('secret'), [])
  }))

test('whatever a message holds, it is found by any part of it', () =>
  withIndex(async ({ store, account, index, found }) => {
    const piece = fc.constantFrom(
      'apple',
      'Äpfel',
      '東京',
      'x',
      ' ',
      '-',
      '@',
      '42',
      'ｶﾅ',
      '\u{1E900}',
      'Straße',
      '\u0301',
      'สวัสดี',
    )
    const bodies = fc.array(fc.array(piece, { minLength: 1, maxLength: 12 }), { minLength: 5, maxLength: 5 })
    const samples = fc
      .sample(bodies, { numRuns: 20, seed: 7 })
      .flat()
      .map((pieces) => pieces.join(''))
    const texts = new Map<number, string>()
    for (const text of samples) texts.set((await deliver(store, account, letter('x', text))).emailId!, fold(text))
    await index.catchUp()
    for (const [i, text] of [...texts.values()].entries()) {
      const characters = [...text]
      const from = (i * 7) % characters.length
      const needle = characters.slice(from, from + 1 + (i % 9)).join('')
      const answer = await found(needle, true)
      for (const [id, other] of texts)
        if (other.includes(needle)) assert.ok(answer === 'all' || answer.includes(id), JSON.stringify([needle, other]))
    }
  }))
