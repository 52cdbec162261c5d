// Pools of source addresses over real sockets: what the Border sees is the address of the pool, its name and a matching SPF
// record; an address that this machine does not have costs nothing; the administrator sees what left from where.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { queue } from '../../src/cli/verbs/queue.ts'
import { endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap } from './mailbox.ts'
import { Smtp } from './smtp.ts'

after(endDemos)

test('mail leaves from the addresses of a pool, and the Border finds their names right', async () => {
  const file = join(temporaryFolder(), 'pools.borderpost')
  writeFileSync(
    file,
    `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob

sender:    domain=sender.test, ip=127.0.10.1, filter=no, pool="bulk: 127.0.11.1 192.0.2.9 127.0.11.2=news.sender.test"
sender:    warm-up="127.0.11.2 first=1"
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@sender.test, name="Anna", password=demo, pool=bulk
bob:  address=bob@recipient.test, name="Bob", password=demo
`,
  )
  const demo = await startDemo({ file })
  const anna = demo.person('anna')
  const bob = demo.person('bob')
  const smtp = await Smtp.signedIn(anna)
  const count = 150
  for (let n = 0; n < count; n++) {
    const source = Buffer.from(`From: ${anna.address}\r\nTo: ${bob.address}\r\nSubject: letter ${n}\r\n\r\nHello.\r\n`)
    assert.equal((await smtp.send(anna.address, [bob.address], source)).code, 250)
  }
  await smtp.quit()
  const mail = await until('the letters', async () => {
    const all = (await byImap(bob)).map(String).filter((text) => text.includes('Subject: letter '))
    return all.length >= count ? all : undefined
  })
  assert.equal(mail.length, count)
  const from = (name: string, ip: string) =>
    mail.filter((text) => new RegExp(`Received: from ${name} \\([^)]*\\[?${ip}`).test(text))
  const [known, fresh] = [
    from('bulk1\\.mail\\.sender\\.test', '127\\.0\\.11\\.1'),
    from('news\\.sender\\.test', '127\\.0\\.11\\.2'),
  ]
  assert.equal(known.length + fresh.length, count)
  assert.equal(fresh.length, 1)
  for (const text of [known[0]!, fresh[0]!]) {
    assert.match(text, /spf=pass/)
    assert.match(text, /iprev=pass/)
  }
  let printed = ''
  const options = { folder: demo.folder, agent: 'sender', json: false }
  assert.equal(await queue('pools', [], options, (text) => (printed += text)), 0)
  assert.match(
    printed,
    /127\.0\.11\.1 {2}bulk1\.mail\.sender\.test {2}warm {2}today 1(?:49|50)\n +1(?:49|50) {2}recipient\.test\n/,
  )
  assert.match(printed, /127\.0\.11\.2 {2}news\.sender\.test {2}warms up, day 1: 1 to each destination {2}today 1\n/)
  assert.match(printed, /rests at recipient\.test until \S+: 192\.0\.2\.9 is not an address of this machine/)
})
