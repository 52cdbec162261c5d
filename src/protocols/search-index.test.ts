// Searching with and without the store's text index: the same answers by IMAP and by JMAP, and with it only those bodies
// are read that may hold what is sought.

import assert from 'node:assert/strict'
import { isAscii } from 'node:buffer'
import { test } from 'node:test'
import { openStore } from '../store/embedded.ts'
import { summarise } from '../store/summary.ts'
import { deliver, makeAccount } from '../store/testing.ts'
import { TextIndex } from '../store/text/text-index.ts'
import { testWorld } from '../world/testing.ts'
import { serveImap } from './imap/serve.ts'
import { handleRequest } from './jmap/request.ts'
import { CORE, MAIL } from './jmap/types.ts'
import type { SaslAccounts } from './sasl/accounts.ts'
import { reply } from './smtp/reply.ts'
import { MemoryClient } from './testing.ts'

const WORDS = ['apple', 'pear', 'Straße', '東京タワー', 'meeting', 'meet', 'on Tuesday', 'foo-bar', 'x']
const FROM = ['a@b.test', '"An\\"na, B" <a@b.test>', 'Meeting@Pear.test (apple)', 'x@Straße.test']
const SOUGHT = [
  'a@b.te',
  'pear.test',
  'An"na',
  'x@xn--',
  'apple',
  'PEAR',
  'strasse',
  'Straße',
  '京タ',
  'eet',
  'eeting on',
  'foo-bar',
  'oo-b',
  'nothing at all',
  '?',
]

test('the same answers with the index as without, by IMAP and by JMAP', async () => {
  const { world, run } = testWorld()
  await run(async () => {
    const store = await openStore(world)
    const account = await makeAccount(store)
    for (let i = 0; i < 120; i++) {
      const body = WORDS.filter((_word, at) => (i >> (at % 7)) % 3 === 0).join(' ')
      const text = `From: ${FROM[i % FROM.length]}\r\nSubject: n${i} ${WORDS[i % WORDS.length]}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n`
      await deliver(store, account, text, { summary: summarise(Buffer.from(text)) })
    }
    const client = new MemoryClient()
    const accounts: SaslAccounts = {
      mechanisms: ['PLAIN', 'LOGIN'],
      checkPassword: (user) => ({ state: 'ok', user }),
      scramCredentials: () => ({ state: 'unavailable' }),
    }
    const report = (error: unknown) => assert.fail(String(error))
    void serveImap(client.stream, { store, accounts, allowPlaintext: true, report }, world)
    await client.line()
    assert.match((await client.command('LOGIN bob@here.test x')).at(-1)!, /^a OK/)
    assert.match((await client.command('SELECT INBOX')).at(-1)!, /^a OK/)
    const byImap = async (key: string, sought: string) => {
      const literal = Buffer.from(sought)
      const lines = await client.command(`SEARCH CHARSET UTF-8 ${key} {${literal.length}+}\r\n${literal}`)
      return lines[0]!
    }
    const byJmap = async (filter: object) => {
      // A new one each time: it keeps what it found before.
      const submit = async () => ({ reply: reply(250, '2.0.0', ''), trace: '' })
      const backend = { store, account: store.account(account)!, world, submit }
      const call = ['Email/query', { accountId: `a${account}`, filter }, '0'] as const
      const body = Buffer.from(JSON.stringify({ using: [CORE, MAIL], methodCalls: [call] }))
      const result = await handleRequest(backend, body)
      assert.ok('response' in result, JSON.stringify(result))
      return JSON.stringify((result.response.methodResponses[0]![1] as { ids: string[] }).ids)
    }
    const answers = async () => {
      const all: string[] = []
      for (const sought of SOUGHT) {
        if (isAscii(Buffer.from(sought)))
          for (const key of ['TEXT', 'BODY', 'SUBJECT', 'FROM', 'HEADER Subject'] as const)
            all.push(`${key} ${sought}: ${await byImap(key, sought)}`)
        all.push(`text ${sought}: ${await byJmap({ text: sought })}`)
        all.push(`not ${sought}: ${await byJmap({ operator: 'NOT', conditions: [{ body: sought }] })}`)
        all.push(`both ${sought}: ${await byJmap({ body: sought, subject: 'n1' })}`)
      }
      return all
    }
    const without = await answers()
    let read = 0
    const readBlob = store.readBlob.bind(store)
    store.readBlob = (...about) => {
      read++
      return readBlob(...about)
    }
    store.text = await TextIndex.open(world, store, (error) => assert.fail(String(error)))
    await store.text.catchUp()
    assert.deepEqual(await answers(), without)
    read = 0
    await byImap('TEXT', 'nothing at all')
    assert.equal(read, 0)
    client.hangUp()
    await store.close()
  })
})
