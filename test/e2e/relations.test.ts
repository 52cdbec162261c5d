// Every role another agent, over real sockets: what the Border found out reaches the MDA, and mail sent by webmail leaves
// by the Transmitter that carries it.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap } from './mailbox.ts'
import { Smtp } from './smtp.ts'

after(endDemos)

test('MSA, Transmitter, Receiver and MDA as four processes of mail', async () => {
  const file = join(temporaryFolder(), 'split.borderpost')
  writeFileSync(
    file,
    `
Author@anna ==> MSA@sender ==> Transmitter@carrier --> / --> Receiver@border ==> MDA@home ==> Recipient@bob

sender:  domain=sender.test, ip=127.0.10.1, filter=no
carrier: domain=carrier.test, ip=127.0.11.1, filter=no
border:  domain=border.test, ip=127.0.20.1, filter=no
home:    domain=recipient.test, ip=127.0.21.1, filter=no
anna: address=anna@sender.test, name="Anna", password=demo
bob:  address=bob@recipient.test, name="Bob", password=demo
`,
  )
  const demo = await startDemo({ file })
  const anna = demo.person('anna')
  const bob = demo.person('bob')
  const smtp = await Smtp.signedIn(anna)
  const source = Buffer.from(`From: ${anna.address}\r\nTo: ${bob.address}\r\nSubject: over sockets\r\n\r\nHello.\r\n`)
  assert.equal((await smtp.send(anna.address, [bob.address], source)).code, 250)
  const nobody = await smtp.send(anna.address, ['nobody@recipient.test'], source)
  assert.equal(nobody.code, 250, 'an MSA takes what its own Author writes; the Border says what becomes of it')
  await smtp.quit()
  const mail = await until('the letter', async () =>
    (await byImap(bob)).map(String).find((text) => text.includes('over sockets')),
  )
  assert.match(mail, /Authentication-Results: mail\.border\.test;[\s\S]*dmarc=pass[^;]*header\.from=sender\.test/)
  assert.match(mail, /DKIM-Signature: [^:]*d=sender\.test;\s+s=rsa1-carrier;/)
  const { smtp: stranger } = await Smtp.open(demo.receiver('border'))
  await stranger.expect(250, 'EHLO stranger.test')
  await stranger.expect(250, 'MAIL FROM:<a@else.test>')
  await stranger.expect(550, 'RCPT TO:<nobody@recipient.test>')
  await stranger.expect(250, 'RCPT TO:<bob@recipient.test>')
  await stranger.quit()
})
