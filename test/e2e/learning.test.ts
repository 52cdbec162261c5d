// Bob moves mail to Junk with imapflow, over real sockets: the next such mail goes there, before and after a kill -9, and
// Dora still finds it in her inbox.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DEMO_TEXT, type Demo, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap, withImap } from './mailbox.ts'
import { Smtp } from './smtp.ts'

after(endDemos)

const COMMON = 'the and we you please today of with for it this all new one list when there have had been'.split(' ')
const LETTERS = 10

let count = 0

/** One more letter of a kind for both; its subject. */
async function send(demo: Demo, kind: 'shop' | 'choir'): Promise<string> {
  const anna = demo.person('anna')
  const n = ++count
  const words = Array.from({ length: 60 }, (_, i) => {
    const at = (i * 7 + n * 13 + ((i * n) % 11)) % 40
    return at < 20 ? `${kind}word${at}` : COMMON[at - 20]
  })
  const subject = `${kind} news ${n}`
  const head = `From: The ${kind} <${anna.address}>\r\nSubject: ${subject}\r\nList-Id: <${kind}.sender.test>\r\n`
  const smtp = await Smtp.signedIn(anna)
  const to = [demo.person('bob').address, demo.person('dora').address]
  const reply = await smtp.send(anna.address, to, Buffer.from(`${head}\r\n${words.join(' ')}.\r\n`))
  assert.match(reply.text, /^250 /)
  await smtp.quit()
  return subject
}

/** The mailbox of Bob's where it is. */
const arrived = (demo: Demo, subject: string, name = 'bob') =>
  until(`"${subject}"`, async () => {
    for (const mailbox of ['INBOX', 'Junk']) {
      const found = await byImap(demo.person(name), mailbox)
      if (found.some((source) => source.includes(`Subject: ${subject}\r\n`))) return mailbox
    }
    return undefined
  })

test('what Bob moves to Junk goes there the next time, with him alone, and a kill does not make it forgotten', async () => {
  const file = join(temporaryFolder(), 'weighed.borderpost')
  writeFileSync(file, DEMO_TEXT.replace('ip=127.0.20.1, filter=no', 'ip=127.0.20.1'))
  const folder = join(temporaryFolder(), 'demo')
  let demo = await startDemo({ file, folder })
  const subjects: string[] = []
  for (let i = 0; i < LETTERS; i++) subjects.push(await send(demo, 'shop'), await send(demo, 'choir'))
  for (const subject of subjects) assert.equal(await arrived(demo, subject), 'INBOX')

  await withImap(demo.person('bob'), async (imap) => {
    await imap.mailboxOpen('INBOX')
    const choir = await imap.search({ subject: 'choir news' })
    const shop = await imap.search({ subject: 'shop news' })
    assert.ok(choir && shop)
    assert.deepEqual([choir.length, shop.length], [LETTERS, LETTERS])
    await imap.messageFlagsAdd(choir, ['\\Answered'])
    await imap.messageMove(shop, 'Junk')
  })
  // It learns in a moment; until then the next letter comes as before.
  await until('the next letter in Junk', async () =>
    (await arrived(demo, await send(demo, 'shop'))) === 'Junk' ? true : undefined,
  )
  await demo.kill()

  demo = await startDemo({ file, folder })
  await until('the next letter in Junk again', async () =>
    (await arrived(demo, await send(demo, 'shop'))) === 'Junk' ? true : undefined,
  )
  const last = await send(demo, 'shop')
  assert.equal(await arrived(demo, last, 'dora'), 'INBOX')
  assert.equal(await arrived(demo, await send(demo, 'choir')), 'INBOX')
  await demo.stop()
})
