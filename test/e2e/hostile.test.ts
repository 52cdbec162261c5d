// Clients that mean no good, or are merely broken, at every door: commands smuggled before TLS, too many connections,
// uploads that never end, deletions that are never confirmed, web requests that make no sense.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { type Demo, type DemoPerson, type Door, endDemos, startDemo, until } from './demo.ts'
import { byImap, byPop3, countOf, Jmap, withImap } from './mailbox.ts'
import { Smtp } from './smtp.ts'

let demo: Demo
let bob: DemoPerson
before(async () => {
  demo = await startDemo()
  bob = demo.person('bob')
})
after(endDemos)

/** A connection that collects what it hears. */
async function plain({ host, port }: Door): Promise<{ socket: Socket; heard: () => string; ended: Promise<unknown> }> {
  const socket = connect(port, host)
  let heard = ''
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1')
  })
  socket.on('error', () => undefined)
  const ended = new Promise((resolve) => socket.on('close', resolve))
  await once(socket, 'connect')
  return { socket, heard: () => heard, ended }
}

const hears = (heard: () => string, pattern: RegExp) =>
  until(`${pattern}, not ${heard().slice(0, 200)}`, () => pattern.exec(heard()) ?? undefined)

test('what is sent in the clear behind STARTTLS is not taken for commands (CVE-2011-0411)', async () => {
  for (const door of [demo.receiver('recipient'), demo.person('anna').submission]) {
    const { smtp } = await Smtp.open(door)
    await smtp.expect(250, 'EHLO client.test')
    const hello = await smtp.startTls('MAIL FROM:<evil@else.test>\r\n')
    assert.match(hello.text, /^250-mail\.\w+\.test greets author\.test/)
    // No message is under way.
    assert.match((await smtp.say('RCPT TO:<bob@recipient.test>')).text, /^5/)
    await smtp.quit()
  }
  for (const [door, command, next, tagged] of [
    [bob.imap, 'a STARTTLS\r\n', 'b LOGIN x y\r\n', /^b /m],
    [bob.pop3, 'STLS\r\n', 'USER x\r\n', /\+OK.*\r\n\+OK.*\r\n(?:\+OK|-ERR)/],
  ] as const) {
    const { socket, heard } = await plain(door)
    await hears(heard, /\r\n/)
    socket.write(command + next)
    await hears(heard, /\r\n.*\r\n/)
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.doesNotMatch(heard(), tagged)
    socket.destroy()
  }
})

test('one address has only so many connections; when they end there is room again', async () => {
  const connections: Smtp[] = []
  const greetings: number[] = []
  for (let n = 0; n < 60; n++) {
    const { smtp, greeting } = await Smtp.open(demo.receiver('recipient'))
    connections.push(smtp)
    greetings.push(greeting.code)
  }
  assert.deepEqual(new Set(greetings), new Set([220, 421]))
  const letIn = greetings.filter((code) => code === 220).length
  assert.ok(letIn >= 40 && letIn <= 50, `${letIn} were let in`)
  for (const one of connections) one.vanish()
  await until('room', async () => {
    const { smtp, greeting } = await Smtp.open(demo.receiver('recipient'))
    await smtp.quit()
    return greeting.code === 220 ? true : undefined
  })
})

test('an IMAP upload that never ends leaves nothing; an enormous one is refused before it comes', async () => {
  const before = await countOf(bob, 'Drafts')
  const { socket, heard } = await plain(bob.imap)
  socket.write(`a LOGIN ${bob.address} ${bob.password}\r\n`)
  await hears(heard, /^a OK/m)
  socket.write('b APPEND Drafts {99999999999}\r\n')
  await hears(heard, /^b (?:NO|BAD)/m)
  socket.destroy()
  const second = await plain(bob.imap)
  second.socket.write(`a LOGIN ${bob.address} ${bob.password}\r\n`)
  await hears(second.heard, /^a OK/m)
  second.socket.write('b APPEND Drafts {1000}\r\n')
  await hears(second.heard, /^\+/m)
  second.socket.write('Subject: half\r\n\r\nnot all')
  await new Promise((resolve) => setTimeout(resolve, 100))
  second.socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(await countOf(bob, 'Drafts'), before)
})

test('nonsense at IMAP and POP3 is answered, too long lines end it, and the next client is served', async () => {
  for (const [door, nonsense, answer] of [
    [bob.imap, 'a FROBNICATE\r\nb FETCH 1:* (((((\r\n\r\nc LOGIN "unfinished\r\n', /^a BAD.*\r\n.*^b BAD.*\r\n.*BAD/ms],
    [bob.pop3, 'FROBNICATE\r\nRETR -1\r\n\r\n', /-ERR.*-ERR.*-ERR/s],
  ] as const) {
    const { socket, heard } = await plain(door)
    await hears(heard, /\r\n/)
    socket.write(nonsense)
    await hears(heard, answer)
    socket.destroy()
    // A line of four megabytes is told or hung up on.
    const endless = await plain(door)
    const said = /too long|BAD|-ERR/i
    for (let n = 0; n < 64 && !endless.socket.destroyed; n++) endless.socket.write('A'.repeat(65_536))
    if (!endless.socket.destroyed) endless.socket.write('\r\n')
    await Promise.race([hears(endless.heard, said).catch(() => 'silence'), endless.ended])
    assert.ok(endless.socket.destroyed || said.test(endless.heard()))
    endless.socket.destroy()
  }
  assert.ok((await byImap(bob)).length > 0)
})

test('POP3: what is marked for deletion goes with QUIT only (RFC 1939 §6)', async () => {
  await withImap(bob, (imap) => imap.append('INBOX', 'From: a@else.test\r\nSubject: to be deleted\r\n\r\nx\r\n'))
  const before = (await byPop3(bob)).length
  const session = async () => {
    const { socket, heard, ended } = await plain(bob.pop3)
    socket.write(`USER ${bob.address}\r\nPASS ${bob.password}\r\n`)
    await hears(heard, /^(?:\+OK.*\r\n){3}/)
    socket.write(`DELE ${before}\r\nNOOP\r\n`)
    await hears(heard, /^(?:\+OK.*\r\n){5}/)
    return { socket, ended }
  }
  const broken = await session()
  broken.socket.destroy()
  await until('all messages', async () => ((await byPop3(bob)).length === before ? true : undefined))
  const proper = await session()
  proper.socket.write('QUIT\r\n')
  await proper.ended
  const left = await byPop3(bob)
  assert.equal(left.length, before - 1)
  assert.ok(!left.some((source) => source.includes('to be deleted')))
})

test('the web: no password, wrong password, nonsense and another account', async () => {
  const jmap = await Jmap.open(bob)
  const basic = (password: string) => `Basic ${Buffer.from(`${bob.address}:${password}`).toString('base64')}`
  const ask = async (headers: Record<string, string>, body: string) => {
    const session = await fetch(bob.jmap, { headers: { authorization: basic(bob.password) } })
    const { apiUrl } = (await session.json()) as { apiUrl: string }
    return fetch(new URL(apiUrl, session.url), {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })
  }
  assert.equal((await fetch(bob.jmap)).status, 401)
  assert.equal((await fetch(bob.jmap, { headers: { authorization: basic('wrong') } })).status, 401)
  assert.equal((await ask({}, '{}')).status, 401)
  const signedIn = { authorization: basic(bob.password) }
  for (const [body, type] of [
    ['{', 'notJSON'],
    ['[]', 'notRequest'],
    ['{"using":["urn:nobody:knows"],"methodCalls":[]}', 'unknownCapability'],
  ] as const) {
    const answer = await ask(signedIn, body)
    assert.equal(answer.status, 400, body)
    assert.equal(((await answer.json()) as { type: string }).type, `urn:ietf:params:jmap:error:${type}`)
  }
  const other = await Jmap.open(demo.person('dora'))
  await assert.rejects(jmap.call('Mailbox/get', { accountId: other.accountId }), /accountNotFound/)
  for (const path of ['/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/mail/..%2f..%2f..%2fetc%2fpasswd']) {
    const answer = await fetch(demo.ready.web + path)
    assert.doesNotMatch(await answer.text(), /root:/, path)
  }
})

test('after all this nothing has broken', () => {
  assert.equal(demo.process.exitCode, null)
  assert.equal(demo.said().replace(/^note: .*\n/gm, ''), '')
})
