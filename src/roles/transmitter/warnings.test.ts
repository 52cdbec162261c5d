// What a sender hears of mail that is late, in which language, and who hears of what can go back to nobody.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partText } from '../../message/body.ts'
import { parseStructure } from '../../message/mime.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { administer } from '../administer.ts'
import { queueCommand } from '../routing.ts'

const ANNA = 'anna@sender.test'
const HOUR = 3_600_000

async function start(attributes = 'expires=3d') {
  const world = await TestSystem.start(`${TWO_AGENTS}\nsender: ${attributes}\n`)
  const far = world.stranger('127.0.50.1', domainAt('far.test', '127.0.50.1'))
  await serveScript(world, far, { message: () => reply(451, '4.3.0', 'come again') })
  const { store } = world.agent('sender')
  /** The texts of the notifications in somebody's mailbox, for people and for programs. */
  const notified = async (address: string) => {
    const account = store.accountByAddress(address)!
    const inbox = store.mailboxes(account.id).find(({ specialUse }) => specialUse === 'inbox')!
    const texts: { words: string; fields: string }[] = []
    for (const { email } of store.placements(account.id, inbox.id)) {
      const root = parseStructure((await world.run(store.readBlob(store.email(account.id, email)!.blob)))!)
      if (root.subtype === 'report')
        texts.push({ words: partText(root.children[0]!).text, fields: partText(root.children[1]!).text })
    }
    return texts
  }
  return { world, store, notified }
}

test('a message that is late is warned of after four hours and each day, once for all its recipients, then given up', async () => {
  const { world, notified } = await start()
  const other = world.stranger('127.0.51.1', domainAt('away.test', '127.0.51.1'))
  await serveScript(world, other, { message: () => reply(451, '4.3.0', 'not now') })
  await world.submit(['carl@far.test', 'dora@away.test'])
  await world.passTime(3 * HOUR)
  assert.equal((await notified(ANNA)).length, 0)
  await world.passTime(12 * HOUR)
  const first = await notified(ANNA)
  assert.equal(first.length, 1)
  assert.match(first[0]!.words, /carl@far\.test: .*[\s\S]*dora@away\.test: |dora@away\.test: .*[\s\S]*carl@far\.test: /)
  assert.match(first[0]!.words, /We keep trying until/)
  assert.match(first[0]!.fields, /Action: delayed\r\n[\s\S]*Will-Retry-Until: /)
  await world.passTime(24 * HOUR)
  assert.equal((await notified(ANNA)).length, 2)
  await world.quiet()
  const failed = (await notified(ANNA)).filter(({ fields }) => fields.includes('Action: failed'))
  assert.ok(failed.length >= 1)
  assert.match(failed[0]!.words, /could not be delivered in time/)
})

test('a notification comes in the language that its Author chose', async () => {
  const { world, store, notified } = await start('expires=1h')
  const place = { store, world: world.agent('sender').world }
  assert.equal((await world.run(administer(place, { verb: 'language', address: ANNA, language: 'xx' }))).ok, false)
  assert.equal((await world.run(administer(place, { verb: 'language', address: ANNA, language: 'de' }))).ok, true)
  await world.submit('carl@far.test')
  await world.quiet()
  assert.match((await notified(ANNA))[0]!.words, /Ihre Nachricht konnte nicht allen zugestellt werden/)
  await world.run(administer(place, { verb: 'language', address: ANNA, language: '' }))
  await world.submit('carl@far.test', 'Bonjour, nous sommes dans une maison avec vous pour les vacances')
  await world.quiet()
  assert.match((await notified(ANNA)).at(-1)!.words, /n’a pas pu être remis/)
})

test('what came from nobody, or from somebody whom nothing proved, goes back to nobody: the postmaster sees it', async () => {
  const { world, store, notified } = await start('expires=1h')
  const agent = world.agent('sender')
  const blob = await world.run(store.putBlob([Buffer.from('Subject: x\r\n\r\ny\r\n')]))
  const mail = { blob, origin: 'forwarder' } as const
  await world.run(
    store.commit([
      queueCommand(
        agent,
        { ...mail, trace: '0123456789ab', reversePath: 'victim@far.test', parameters: { isUnproven: true } },
        'carl@far.test',
      ),
      queueCommand(agent, { ...mail, trace: '0123456789ac', reversePath: '', parameters: {} }, 'carl@far.test'),
    ]),
  )
  await world.quiet()
  const words = (await notified('postmaster@sender.test')).map((one) => one.words).join()
  assert.match(words, /victim@far\.test, which nothing proved/)
  assert.match(words, /double bounce/)
  assert.deepEqual(
    store.events({ limit: 1000 }).filter(({ forwardPath }) => forwardPath === 'victim@far.test'),
    [],
  )
})
