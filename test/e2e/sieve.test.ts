// Sieve on a running system: a program that nobody here wrote puts the script, mail comes by SMTP, and lies where it says.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Demo, type DemoPerson, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap, countOf } from './mailbox.ts'
import { missing, run } from './programs.ts'
import { Smtp } from './smtp.ts'

let demo: Demo
let bob: DemoPerson
before(async () => {
  demo = await startDemo()
  bob = demo.person('bob')
})
after(endDemos)

/** Anna writes to Bob; the reply to her. */
async function write(subject: string): Promise<{ code: number; text: string }> {
  const anna = demo.person('anna')
  const smtp = await Smtp.signedIn(anna)
  const text = `From: ${anna.address}\r\nTo: ${bob.address}\r\nSubject: ${subject}\r\n\r\nHello Bob.\r\n`
  const reply = await smtp.send(anna.address, [bob.address], Buffer.from(text))
  await smtp.quit()
  return reply
}

test('a script put by sieve-connect sorts, answers and refuses', { skip: missing('sieve-connect') }, async () => {
  const folder = temporaryFolder()
  const script = join(folder, 'main.sieve')
  const secret = join(folder, 'secret')
  writeFileSync(
    script,
    [
      'require ["fileinto", "mailbox", "imap4flags", "vacation", "reject"];',
      'if header :contains "subject" "refuse" { reject "Bob does not want this."; stop; }',
      'if header :contains "subject" "project" { fileinto :create :flags "\\\\Flagged" "Projects/Ship"; stop; }',
      'vacation :days 1 :subject "Bob is away" "Back on Monday.";',
      '',
    ].join('\r\n'),
  )
  writeFileSync(secret, `${bob.password}\n`)
  const { host, port } = bob.managesieve
  const server = ['--server', host, '--port', String(port), '--4', '--notlsverify', '--tlshostname', 'localhost']
  const connect = (...what: string[]) =>
    run('sh', [
      '-c',
      `exec sieve-connect "$@" 3<'${secret}'`,
      'sh',
      ...server,
      ...['--user', bob.address, '--passwordfd', '3', ...what],
    ])
  await connect('--localsieve', script, '--remotesieve', 'main', '--upload')
  await connect('--remotesieve', 'main', '--activate')

  assert.equal((await write('project plan')).code, 250)
  const [filed] = await until('the message in its mailbox', async () => {
    const found = await byImap(bob, 'Projects/Ship').catch(() => [])
    return found.length > 0 ? found : undefined
  })
  assert.match(filed!.toString(), /Subject: project plan/)

  const anna = demo.person('anna')
  const before = await countOf(anna)
  const inBox = await countOf(bob)
  assert.equal((await write('hello')).code, 250)
  await until('the message in the inbox', async () => ((await countOf(bob)) > inBox ? true : undefined))
  await until('the answer', async () => ((await countOf(anna)) > before ? true : undefined))
  const answer = (await byImap(anna)).at(-1)!.toString()
  assert.match(answer, /Subject: Bob is away/)
  assert.match(answer, /Auto-Submitted: auto-replied/)

  // The Border refuses, so Anna's own system tells her.
  assert.equal((await write('refuse this')).code, 250)
  const bounced = await until('the bounce', async () =>
    (await byImap(anna)).map(String).find((text) => text.includes('Bob does not want this')),
  )
  assert.match(bounced, /Action: failed/)
})
