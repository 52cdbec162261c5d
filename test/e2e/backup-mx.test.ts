// A Backup MX over real sockets, killed with SIGKILL while mail pours in and its primary is away: everything that got a 250
// is at the primary once it is back, each once.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Demo, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { Smtp, type SmtpReply, Vanished } from './smtp.ts'

const servers: Server[] = []
after(async () => {
  await endDemos()
  for (const server of servers) server.close()
})

const KILLS = 3
const LIFETIME_MS = 700

/** The customer's own host, as plain as a host can be; the subjects of what it got. */
async function primaryAt(port: number): Promise<{ readonly got: string[]; readonly port: number }> {
  const got: string[] = []
  const server = createServer((socket) => serve(socket, got))
  servers.push(server)
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(port, '127.0.0.1', resolve))
  const address = server.address()
  return { got, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

function serve(socket: Socket, got: string[]): void {
  let [received, isData] = ['', false]
  socket.on('error', () => {}).write('220 primary ESMTP\r\n')
  socket.on('data', (bytes) => {
    received += bytes.toString('latin1')
    for (;;) {
      const end = received.indexOf(isData ? '\r\n.\r\n' : '\r\n')
      if (end < 0) return
      const text = received.slice(0, end)
      received = received.slice(end + (isData ? 5 : 2))
      if (isData) got.push(/^Subject: (.*)$/m.exec(text)![1]!.trim())
      const wasData = isData
      isData = !wasData && /^DATA/i.test(text)
      socket.write(isData ? '354 go on\r\n' : '250 2.0.0 ok\r\n')
      if (!wasData && /^QUIT/i.test(text)) socket.end()
    }
  })
}

/** Ends when the backup is gone. */
async function pour(demo: Demo, name: string, taken: string[]): Promise<void> {
  let smtp: Smtp | undefined
  try {
    smtp = (await Smtp.open(demo.receiver('backup'))).smtp
    await smtp.expect(250, 'EHLO stranger.test')
    for (let n = 0; ; n++) {
      const subject = `${name}.${n}`
      const source = Buffer.from(`From: a@else.test\r\nTo: bob@customer.test\r\nSubject: ${subject}\r\n\r\nHello\r\n`)
      const reply: SmtpReply = await smtp.send('a@else.test', ['bob@customer.test'], source)
      if (reply.code === 421 || reply.code === 451) return
      assert.equal(reply.code, 250, reply.text)
      taken.push(subject)
    }
  } catch (error) {
    if (!(error instanceof Vanished)) throw error
  } finally {
    smtp?.vanish()
  }
}

test('killed while the primary is away: what got a 250 arrives once, and the unknown are refused', async (t) => {
  // A port that is free, and closed until the primary is back.
  const before = await primaryAt(0)
  await new Promise((resolve) => servers.pop()!.close(resolve))
  const place = temporaryFolder()
  const file = join(place, 'backup.borderpost')
  writeFileSync(
    file,
    `/ --> Backup MX@backup

backup: domain=provider.test, ip=127.0.30.1, backup-for=customer.test, recipients=bob@customer.test, retry=1s, filter=no
backup: route="customer.test -> 127.0.0.1:${before.port} tls=none"
`,
  )
  const folder = join(place, 'demo')
  const taken: string[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    const demo = await startDemo({ folder, file })
    const pouring = Promise.all([1, 2].map((n) => pour(demo, `${kill}.${n}`, taken)))
    await Promise.race([new Promise((resolve) => setTimeout(resolve, LIFETIME_MS)), pouring])
    await demo.kill()
    await pouring
  }
  const demo = await startDemo({ folder, file })
  const { smtp } = await Smtp.open(demo.receiver('backup'))
  await smtp.expect(250, 'EHLO stranger.test')
  await smtp.expect(250, 'MAIL FROM:<a@else.test>')
  await smtp.expect(550, 'RCPT TO:<eve@customer.test>')
  await smtp.quit()
  const { got } = await primaryAt(before.port)
  await until('all mail', async () => (taken.every((one) => got.includes(one)) ? true : undefined), 60_000)
  t.diagnostic(`${KILLS} kills, ${taken.length} acknowledged, ${got.length} arrived`)
  assert.ok(taken.length > KILLS)
  assert.deepEqual(
    got.filter((one, i) => got.indexOf(one) !== i),
    [],
    'came more than once',
  )
  assert.equal((await demo.stop()).code, 0)
})
